//! Planned disruptions wait for a maintenance window. What was begun is not broken off when the window closes: a step is
//! judged before it is taken, so the member that is at work is finished and no other is begun.
//!
//! A repair never waits, nor what a person asked for by name. Without windows a change is carried out at once; what nobody
//! asked for waits for a window or for the wish to run now, so an upgrade of the operator alone changes no pod.

use crate::maintenance::{Phase, RunNow, Windows, run_now};
use crate::pace::planned;
use crate::plan::{Cause, Step};

use super::{Case, Objection, Policy};

/// The rule `maintenance-window`.
pub struct MaintenanceWindow;

impl Policy for MaintenanceWindow {
    fn id(&self) -> &'static str {
        "maintenance-window"
    }

    fn foresees(&self) -> bool {
        true
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let cause = planned(step)?;
        let cluster = &case.seen.cluster;
        if matches!(run_now(cluster, case.now), RunNow::Until(_)) {
            return None;
        }
        // A spec with a bad window is refused as a whole and plans no such step.
        let (reason, wait) = match (Windows::read(&cluster.spec.maintenance).ok()?.phase(case.now), cause) {
            (Phase::Open { .. }, _) | (Phase::Unrestricted, Cause::Change) => return None,
            (Phase::Unrestricted, _) => (
                "nobody asked for it: it follows from another release of the operator, and spec.maintenance names no \
                 window for it"
                    .to_owned(),
                "add one",
            ),
            (Phase::Closed { opens: Some(opens) }, _) => {
                (format!("no maintenance window is open; the next opens {opens}"), "wait for it")
            }
            (Phase::Closed { opens: None }, _) => {
                ("no maintenance window is open, and none opens in the next four years".to_owned(), "add another")
            }
        };
        let name = case.seen.name();
        let remedy = format!("{wait}, or run it now: stylobate run-now {} -n {}", name.name, name.namespace);
        Some(Objection { reason, remedy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, start};
    use crate::name::ANNOTATION_RUN_NOW;
    use crate::observe::Observed;
    use serde_json::{Value, json};
    use std::sync::Arc;

    /// Every Saturday from 13:00 to 14:00; tests begin on a Saturday at 12:00.
    fn windows() -> Value {
        json!({"maintenance": {"windows": [{"schedule": "0 13 * * SAT", "durationMinutes": 60, "timeZone": "UTC"}]}})
    }

    fn replace(cause: Cause) -> Step {
        Step::ReplacePod { pod: "c-1".into(), uid: "u".into(), primary: false, reason: "test".into(), cause }
    }

    fn held(seen: &Observed, step: &Step, hours: i64) -> Option<String> {
        let now = start() + jiff::SignedDuration::from_hours(hours);
        MaintenanceWindow.judge(step, &Case { seen, now }).map(|objection| objection.to_string())
    }

    #[test]
    fn a_change_waits_for_the_window_and_is_told_when_it_opens_and_how_to_run_now() {
        let seen = observed(windows());
        assert_eq!(
            held(&seen, &replace(Cause::Change), 0).unwrap(),
            "no maintenance window is open; the next opens 2026-11-21T13:00:00Z; to go on: wait for it, or run it now: \
             stylobate run-now c -n shop"
        );
        assert_eq!(held(&seen, &replace(Cause::Change), 1), None, "open");
        assert!(held(&seen, &replace(Cause::Change), 2).unwrap().contains("2026-11-28T13:00:00Z"));
    }

    #[test]
    fn a_repair_and_what_a_person_asked_for_never_wait() {
        let seen = observed(windows());
        for cause in [Cause::Repair, Cause::Asked] {
            assert_eq!(held(&seen, &replace(cause), 0), None, "{cause:?}");
        }
        assert_eq!(held(&seen, &Step::Guard, 0), None, "a routine step");
    }

    #[test]
    fn without_windows_a_change_goes_at_once_and_an_upgrade_of_the_operator_changes_no_pod() {
        let seen = observed(json!({}));
        assert_eq!(held(&seen, &replace(Cause::Change), 0), None);
        let why = held(&seen, &replace(Cause::Upkeep), 0).unwrap();
        assert!(
            why.contains("another release of the operator") && why.contains("stylobate run-now"),
            "{why}"
        );
    }

    #[test]
    fn the_wish_to_run_now_opens_all_for_as_long_as_it_lasts() {
        for spec in [windows(), json!({})] {
            let mut seen = observed(spec);
            let until = (start() + jiff::SignedDuration::from_mins(30)).to_string();
            let meta = &mut Arc::make_mut(&mut seen.cluster).metadata;
            meta.annotations.get_or_insert_default().insert(ANNOTATION_RUN_NOW.into(), until);
            assert_eq!(held(&seen, &replace(Cause::Upkeep), 0), None);
            assert!(held(&seen, &replace(Cause::Upkeep), 2).is_some(), "it is over");
        }
    }
}
