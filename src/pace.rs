//! Pacing: a cluster that is disrupted on purpose holds a slot of the fleet until it is through. Pure; who holds the slots
//! is kept by [`crate::slots`], and `status.slot` of each cluster keeps it over restarts of the operator.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{ClusterState, SlotStatus};
use crate::observe::Observed;
use crate::plan::{Cause, Halt, Hazard, Step};
use crate::status::Work;

/// A cluster that has taken no disruptive step for so long gives its slot back: it waits for a person, and the fleet must
/// not wait with it. Longer than any member takes to come back that does come back: 180 s to stop (its grace period), 10
/// minutes to start and catch up.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(15);

/// The time of the last step is kept this coarse: a step that fails and is tried again every few seconds must not write the
/// status each time.
const COARSE: SignedDuration = SignedDuration::from_mins(1);

/// The cause of a planned disruption: one that can wait. None for all other steps.
pub fn planned(step: &Step) -> Option<Cause> {
    match (step.cause()?, step.hazard()) {
        (Cause::Repair | Cause::Asked, _) | (Cause::Change, Hazard::Routine) => None,
        (cause @ (Cause::Change | Cause::Upkeep), _) => Some(cause),
    }
}

/// The slot as the status should tell it; none when the cluster needs none or gives it back.
///
/// A step that disrupts takes it. It is kept until all members are back and nothing more is foreseen; meanwhile a repair, a
/// failover or a crash of the operator change nothing. It is given back early by whatever will last: a rollout that stands
/// still for a person, a window that closed, a pause, a bad edit, a deletion, and [`PATIENCE`] without a step.
pub fn slot(seen: &Observed, work: Work, state: ClusterState, now: Timestamp) -> Option<SlotStatus> {
    let held = seen.cluster.status.as_ref().and_then(|status| status.slot.as_ref());
    if work.steps.iter().any(|step| planned(step).is_some()) {
        let fresh = held.filter(|slot| now.duration_since(slot.last_step.0) < COARSE);
        return Some(fresh.cloned().unwrap_or(SlotStatus { last_step: Time(now) }));
    }
    let held = held.filter(|_| seen.slots.mine)?;
    let late = now.duration_since(held.last_step.0) > PATIENCE;
    let waits = work.verdicts.iter().any(|verdict| verdict.policy == "maintenance-window");
    let stuck = matches!(work.halt, Some(Halt::Blocked(_)));
    let through = match state {
        ClusterState::Healthy => work.later.is_empty() && work.halt.is_none(),
        ClusterState::Creating | ClusterState::Degraded | ClusterState::Down => false,
        ClusterState::Invalid | ClusterState::Paused | ClusterState::Deleting => true,
    };
    (!late && !waits && !stuck && !through).then(|| held.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, start};
    use crate::policy::{Objection, Verdict};
    use std::sync::Arc;

    fn replace(cause: Cause) -> Step {
        Step::ReplacePod { pod: "c-1".into(), uid: "u".into(), primary: false, reason: "test".into(), cause }
    }

    /// A cluster that took its last disruptive step when tests begin.
    fn holder() -> Observed {
        let mut seen = observed(serde_json::json!({}));
        seen.slots.mine = true;
        Arc::make_mut(&mut seen.cluster).status.get_or_insert_default().slot =
            Some(SlotStatus { last_step: Time(start()) });
        seen
    }

    fn work<'a>(steps: &'a [Step], later: &'a [Step]) -> Work<'a> {
        Work { steps, later, halt: None, verdicts: &[], contested: &[] }
    }

    fn kept(seen: &Observed, steps: &[Step], later: &[Step], state: ClusterState, minutes: i64) -> bool {
        slot(seen, work(steps, later), state, start() + SignedDuration::from_mins(minutes)).is_some()
    }

    #[test]
    fn only_a_planned_disruption_takes_a_slot() {
        let seen = observed(serde_json::json!({}));
        let takes = |step: Step| kept(&seen, &[step], &[], ClusterState::Healthy, 0);
        assert!(takes(replace(Cause::Change)) && takes(replace(Cause::Upkeep)));
        assert!(!takes(replace(Cause::Repair)) && !takes(replace(Cause::Asked)) && !takes(Step::Guard));
    }

    #[test]
    fn it_is_kept_until_all_members_are_back_and_nothing_more_is_foreseen() {
        let seen = holder();
        assert!(kept(&seen, &[], &[], ClusterState::Degraded, 2), "a member starts");
        assert!(kept(&seen, &[], &[replace(Cause::Change)], ClusterState::Healthy, 2), "another follows");
        assert!(!kept(&seen, &[], &[], ClusterState::Healthy, 2));
    }

    #[test]
    fn who_waits_for_a_person_or_for_long_gives_it_back() {
        let seen = holder();
        for state in [ClusterState::Invalid, ClusterState::Paused, ClusterState::Deleting] {
            assert!(!kept(&seen, &[], &[replace(Cause::Change)], state, 1), "{state:?}");
        }
        assert!(kept(&seen, &[], &[], ClusterState::Degraded, 15));
        assert!(!kept(&seen, &[], &[], ClusterState::Degraded, 16));
    }

    #[test]
    fn a_window_that_closes_and_a_rollout_that_stands_still_give_it_back() {
        let seen = holder();
        let objection = Objection { reason: "closed".into(), remedy: "wait".into() };
        let verdicts = [Verdict { policy: "maintenance-window", step: replace(Cause::Change), objection }];
        let closed = Work { verdicts: &verdicts, ..work(&[], &[]) };
        assert_eq!(slot(&seen, closed, ClusterState::Degraded, start()), None);
        let halt = |halt| {
            let work = Work { halt: Some(&halt), ..work(&[], &[]) };
            slot(&seen, work, ClusterState::Healthy, start()).is_some()
        };
        assert!(!halt(Halt::Blocked("c-1 did not come back".into())));
        assert!(halt(Halt::Waits("c-1 starts".into())));
    }

    #[test]
    fn who_lost_its_slot_does_not_take_it_back_by_an_old_status() {
        let mut seen = holder();
        seen.slots.mine = false;
        assert!(!kept(&seen, &[], &[], ClusterState::Degraded, 1));
    }
}
