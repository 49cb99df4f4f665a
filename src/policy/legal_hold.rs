//! A backup under legal hold is not deleted until somebody lifts the hold.

use kube::ResourceExt;

use crate::backup;
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
        held.then(|| objection(backup))
    }

    // Whoever deletes the namespace takes the object with it; what it names stays then, and so does its manifest.
    fn judge_backup(&self, _step: &backup::Step, seen: &backup::Seen) -> Option<Objection> {
        (seen.is_deleted() && seen.backup.spec.hold).then(|| objection(&seen.backup.name_any()))
    }
}

fn objection(backup: &str) -> Objection {
    Objection {
        reason: "it is under legal hold".into(),
        remedy: format!("set spec.hold of PostgresBackup {backup} to false, if you may"),
    }
}
