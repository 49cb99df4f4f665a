//! The newest backup that can be restored is never deleted, whatever retention says: with it the way back would go.

use crate::plan::Step;
use crate::schedule::retention::last_good;

use super::{Case, Objection, Policy};

/// The rule `keep-last-good-backup`.
pub struct KeepLastGoodBackup;

impl Policy for KeepLastGoodBackup {
    fn id(&self) -> &'static str {
        "keep-last-good-backup"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let Step::DeleteBackup { backup, .. } = step else { return None };
        let (last, _) = last_good(case.seen.backups.as_ref()?)?;
        (last == backup).then(|| Objection {
            reason: "it is the newest backup that can be restored".into(),
            remedy: "make another one first: a schedule, or stylobate backup".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CATALOG, judge};
    use super::*;
    use crate::fixture::{backup, deletion_of, observed, start};
    use jiff::SignedDuration;

    #[test]
    fn no_plan_gets_the_last_good_a_held_or_a_used_backup_deleted() {
        let mut seen = observed(serde_json::json!({}));
        let day = |days: i64| start() - SignedDuration::from_hours(24 * days);
        let backups = seen.backups.as_mut().unwrap();
        for (name, days) in [("free", 5), ("held", 4), ("used", 3), ("last", 1)] {
            backups.insert(name.into(), backup(day(days)));
        }
        backups.get_mut("held").unwrap().spec.hold = true;
        backups.get_mut("used").unwrap().used_by = Some("restore to shop/copy".into());
        let steps = ["free", "held", "used", "last"].map(deletion_of).to_vec();
        let (allowed, verdicts) = judge(steps, &Case { seen: &seen, now: start() }, CATALOG);
        assert_eq!(allowed, [deletion_of("free")]);
        let by: Vec<&str> = verdicts.iter().map(|verdict| verdict.policy).collect();
        assert_eq!(by, ["legal-hold", "backup-in-use", "keep-last-good-backup"]);
        assert!(
            verdicts[0].to_string().contains("set spec.hold of PostgresBackup held to false"),
            "{}",
            verdicts[0]
        );
    }
}
