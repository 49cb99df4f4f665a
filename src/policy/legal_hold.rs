//! A backup under legal hold is not deleted until somebody lifts the hold.

use crate::plan::Step;

use super::{Case, Objection, Policy};

/// The rule `legal-hold`.
pub struct LegalHold;

impl Policy for LegalHold {
    fn id(&self) -> &'static str {
        "legal-hold"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let Step::DeleteBackup { backup, .. } = step else { return None };
        let held = case.seen.backups.as_ref()?.get(backup)?.spec.hold;
        held.then(|| Objection {
            reason: "it is under legal hold".into(),
            remedy: format!("set spec.hold of PostgresBackup {backup} to false, if you may"),
        })
    }
}
