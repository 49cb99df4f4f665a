//! The newest backup that can be restored is never deleted, whatever retention says: with it the way back would go. Neither is the
//! newest that passed a drill: newer ones may hold the same rotten pages, and nobody has looked.

use crate::plan::Step;
use crate::schedule::retention::{Keeper, irreplaceable};

use super::{Case, Objection, Policy};

/// The rule `keep-last-good-backup`.
pub struct KeepLastGoodBackup;

impl Policy for KeepLastGoodBackup {
    fn id(&self) -> &'static str {
        "keep-last-good-backup"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let Step::DeleteBackup { backup, .. } = step else { return None };
        let backups = case.seen.backups.as_ref()?;
        let (_, keeper) = irreplaceable(backups).find(|(name, _)| *name == backup)?;
        let (reason, remedy) = if keeper == Keeper::LastVerified {
            (
                "it is the newest backup that passed a drill",
                "prove a newer one first: stylobate backup verify",
            )
        } else {
            (
                "it is the newest backup that can be restored",
                "make another one first: a schedule, or stylobate backup",
            )
        };
        Some(Objection { reason: reason.into(), remedy: remedy.into() })
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
    #[test]
    fn the_last_that_was_proved_stays_beside_newer_ones_that_failed_their_drill() {
        let report = |outcome: &str| {
            let report =
                serde_json::json!({"cluster": "d", "outcome": outcome, "startedAt": start(), "at": start()});
            serde_json::from_value(report).ok()
        };
        let mut seen = observed(serde_json::json!({}));
        let backups = seen.backups.as_mut().unwrap();
        for (name, days) in [("proved", 9), ("good", 5), ("rotten", 1)] {
            backups.insert(name.into(), backup(start() - SignedDuration::from_hours(24 * days)));
        }
        backups.get_mut("proved").unwrap().status.verified = report("Passed");
        backups.get_mut("rotten").unwrap().status.drill = report("Failed");
        let steps = ["proved", "good", "rotten"].map(deletion_of).to_vec();
        let (allowed, verdicts) = judge(steps, &Case { seen: &seen, now: start() }, CATALOG);
        assert_eq!(allowed, [deletion_of("rotten")]);
        assert_eq!(verdicts.len(), 2);
        seen.backups.as_mut().unwrap().retain(|name, _| name == "rotten");
        let (allowed, _) = judge(vec![deletion_of("rotten")], &Case { seen: &seen, now: start() }, CATALOG);
        assert_eq!(allowed, [], "nothing better is there");
    }
}
