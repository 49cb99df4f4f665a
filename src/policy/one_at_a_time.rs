//! Over the whole fleet only so many clusters are disrupted on purpose at the same time, one by default: a bad release then
//! hurts one cluster, and whoever watches it watches one thing.

use crate::pace::planned;
use crate::plan::Step;

use super::{Case, Objection, Policy};

/// The rule `one-disruption-at-a-time`.
pub struct OneAtATime;

impl Policy for OneAtATime {
    fn id(&self) -> &'static str {
        "one-disruption-at-a-time"
    }

    fn foresees(&self) -> bool {
        true
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        planned(step)?;
        let slots = &case.seen.slots;
        if slots.mine || slots.held_by.len() < slots.total {
            return None;
        }
        let first = slots.held_by.first()?;
        let holders: Vec<String> = slots.held_by.iter().map(ToString::to_string).collect();
        Some(Objection {
            reason: format!(
                "waits for {}: {} of {} disruption slots of the fleet are taken",
                holders.join(", "),
                holders.len(),
                slots.total
            ),
            remedy: format!(
                "wait until that is done (stylobate status {} -n {}), or let the operator disrupt more clusters at once \
                 (chart value disruptionSlots)",
                first.name, first.namespace
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, start};
    use crate::name::ClusterName;
    use crate::observe::SlotsSeen;
    use crate::plan::Cause;

    fn held(slots: SlotsSeen, cause: Cause) -> Option<String> {
        let mut seen = observed(serde_json::json!({}));
        seen.slots = slots;
        let step = Step::ReplacePod {
            pod: "c-1".into(),
            uid: "u".into(),
            primary: false,
            reason: "test".into(),
            cause,
        };
        OneAtATime.judge(&step, &Case { seen: &seen, now: start() }).map(|objection| objection.to_string())
    }

    fn taken(total: usize, others: &[&str]) -> SlotsSeen {
        let held_by = others.iter().map(|name| ClusterName::new("shop", *name)).collect();
        SlotsSeen { total, held_by, mine: false }
    }

    #[test]
    fn a_change_waits_for_the_cluster_that_is_at_it_by_name() {
        let why = held(taken(1, &["a"]), Cause::Change).unwrap();
        assert!(why.starts_with("waits for shop/a: 1 of 1 disruption slots"), "{why}");
        assert!(why.contains("stylobate status a -n shop"), "{why}");
        assert_eq!(held(taken(2, &["a"]), Cause::Change), None);
        assert!(held(taken(2, &["a", "b"]), Cause::Upkeep).is_some());
    }

    #[test]
    fn whoever_holds_a_slot_goes_on() {
        assert_eq!(held(SlotsSeen { mine: true, ..taken(1, &["a"]) }, Cause::Change), None);
    }

    #[test]
    fn a_repair_and_what_a_person_asked_for_need_no_slot() {
        for cause in [Cause::Repair, Cause::Asked] {
            assert_eq!(held(taken(1, &["a"]), cause), None);
        }
    }
}
