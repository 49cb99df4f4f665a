//! The annotation `stylobate.dev/run-now-until`: until that time no maintenance window is waited for.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

use crate::api::PostgresCluster;
use crate::name::ANNOTATION_RUN_NOW;
use crate::target::Problem;

/// How far ahead the time may be: a wish to run now that lasts longer than a day is a window of its own.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// What the annotation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunNow {
    /// It is absent, or its time is over.
    No,
    /// Nothing waits for a window until then.
    Until(Timestamp),
    /// It can't be read, so it has no effect. Nothing else is stopped by that.
    Bad(Problem),
}

/// Reads the annotation of a cluster.
pub fn run_now(cluster: &PostgresCluster, now: Timestamp) -> RunNow {
    let Some(text) = cluster.annotations().get(ANNOTATION_RUN_NOW) else { return RunNow::No };
    let bad =
        |remedy: String| RunNow::Bad(Problem::new(format!("annotation {ANNOTATION_RUN_NOW}"), text, remedy));
    match text.parse::<Timestamp>() {
        Err(_) => bad(format!(
            "it has no effect: write a time as 2026-11-22T03:00:00Z (stylobate run-now {} does), or remove it",
            cluster.name_any()
        )),
        Ok(until) if until <= now => RunNow::No,
        Ok(until) => match until.checked_sub(MAX_AHEAD) {
            Ok(begins) if begins > now => bad(format!(
                "at most {} h ahead, so it has no effect before {begins:.0}: write an earlier time, or name a window in \
                 spec.maintenance.windows",
                MAX_AHEAD.as_hours()
            )),
            _ => RunNow::Until(until),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, start};
    use std::sync::Arc;

    fn read(text: &str) -> RunNow {
        let mut seen = observed(serde_json::json!({}));
        Arc::make_mut(&mut seen.cluster).annotations_mut().insert(ANNOTATION_RUN_NOW.into(), text.into());
        run_now(&seen.cluster, start())
    }

    #[test]
    fn a_time_of_the_next_day_counts_until_then_and_one_that_is_over_does_not() {
        let until = start() + SignedDuration::from_hours(24);
        assert_eq!(read(&until.to_string()), RunNow::Until(until));
        assert_eq!(read("2026-11-21T13:30:00+01:00"), RunNow::Until("2026-11-21T12:30:00Z".parse().unwrap()));
        assert_eq!(read(&start().to_string()), RunNow::No);
        assert_eq!(run_now(&observed(serde_json::json!({})).cluster, start()), RunNow::No);
    }

    #[test]
    fn what_can_not_be_read_or_is_too_far_is_told_and_has_no_effect() {
        let told = |text: &str| match read(text) {
            RunNow::Bad(problem) => problem.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(told("tomorrow").starts_with(
            "annotation stylobate.dev/run-now-until is 'tomorrow': it has no effect: write a time as 2026-11-22T03:00:00Z"
        ));
        let far = told("2026-11-22T12:00:01Z");
        assert!(far.contains("at most 24 h ahead, so it has no effect before 2026-11-21T12:00:01Z"), "{far}");
    }
}
