//! A backup that a restore or a drill reads is not deleted under its hands.

use crate::backup;
use crate::plan::Step;

use super::{Case, Objection, Policy};

/// The rule `backup-in-use`.
pub struct BackupInUse;

impl Policy for BackupInUse {
    fn id(&self) -> &'static str {
        "backup-in-use"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let Step::DeleteBackup { backup, .. } = step else { return None };
        let user = case.seen.backups.as_ref()?.get(backup)?.used_by.clone()?;
        Some(objection(&user))
    }

    fn judge_backup(&self, _step: &backup::Step, seen: &backup::Seen) -> Option<Objection> {
        seen.reader.as_deref().filter(|_| seen.is_deleted()).map(objection)
    }
}

fn objection(user: &str) -> Objection {
    Objection {
        reason: format!("it is in use by {user}"),
        remedy: "wait until that has ended, or give it up".into(),
    }
}
