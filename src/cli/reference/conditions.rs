//! The page of conditions, reasons and events, from the table beside the code that says them.

use std::fmt::Write as _;

use crate::status::meanings::{EVENTS, KINDS, REASONS};

use super::cell;

/// The page.
pub fn page() -> String {
    let mut page = String::from(
        "# Conditions, reasons and events\n\n\
         `kubectl -n NS get pgc NAME -o jsonpath='{.status.conditions}'`, or `stylobate status NAME -n NS`. A condition is `True` with the \
         reason `AsWanted`, or `False` with a reason below; its message names cause and next step.\n\n\
         ## Conditions\n| condition | while it is `True` | it is there |\n|---|---|---|\n",
    );
    for row in KINDS {
        let _ = writeln!(page, "| `{}` | {} | {} |", row.kind, cell(row.good), cell(row.there));
    }
    page.push_str("\n## Reasons\n| condition | reason | means | do |\n|---|---|---|---|\n");
    for row in REASONS {
        let kinds: Vec<String> = row.kinds.iter().map(|kind| format!("`{kind}`")).collect();
        let (means, remedy) = (cell(row.means), cell(row.remedy));
        let _ = writeln!(page, "| {} | `{}` | {means} | {remedy} |", kinds.join(", "), row.reason);
    }
    page.push_str(
        "\n## Events\n`kubectl -n NS get events`. A reason above is an event as well when it is news: of a `PostgresCluster`, and those of \
         backups and drills also of the `PostgresBackup`. Besides:\n\n| reason | of | tells |\n|---|---|---|\n",
    );
    for row in EVENTS {
        let _ = writeln!(page, "| `{}` | {} | {} |", row.reason, row.of, cell(row.means));
    }
    page
}
