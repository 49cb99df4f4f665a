//! An image that a cluster can't pull and that none runs yet is not tried on the next one.
//!
//! It holds for a day at most: whoever may edit a `PostgresCluster` can send its members to nodes that pull nothing, and must not keep
//! the fleet from a security patch.

use jiff::SignedDuration;

use crate::child::Kind;
use crate::images::{CONFIG_MAP, short};
use crate::maintenance::{RunNow, run_now};
use crate::name::image_of;
use crate::pace::planned;
use crate::plan::Step;

use super::{Case, Objection, Policy};

/// How long a cluster that can't pull an image keeps others from trying it.
const HOLDS: SignedDuration = SignedDuration::from_hours(24);

/// The rule.
pub struct ImagePulls;

impl Policy for ImagePulls {
    fn id(&self) -> &'static str {
        "image-can-be-pulled"
    }

    fn foresees(&self) -> bool {
        true
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        planned(step).filter(|_| matches!(step, Step::ReplacePod { .. } | Step::Switchover { .. }))?;
        if matches!(run_now(&case.seen.cluster, case.now), RunNow::Until(_)) {
            return None;
        }
        let seen = case.seen;
        let set = seen.children.get(Kind::StatefulSet, &seen.name().group(0).scope())?;
        let image = image_of(set)?;
        let fresh = |since| case.now.duration_since(since) < HOLDS;
        let failure =
            seen.pull_failures.iter().find(|failure| failure.image == image && fresh(failure.since))?;
        let name = seen.name();
        Some(Objection {
            reason: format!("{} can't pull {}, and no cluster runs it yet", failure.cluster, short(image)),
            remedy: format!(
                "correct it in the image catalog (kubectl -n {} edit configmap {CONFIG_MAP}) or make the image available to the nodes; or try \
                 it here all the same: stylobate run-now {} -n {}",
                seen.platform.namespace, name.name, name.namespace
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{image, observed, settle, start};
    use crate::fleet::PullFailure;
    use crate::name::{ANNOTATION_RUN_NOW, ClusterName};
    use crate::plan::Cause;
    use serde_json::json;
    use std::sync::Arc;

    fn held(failing: &str, hours: i64, cause: Cause, run_now: bool) -> Option<String> {
        let mut seen = observed(json!({}));
        settle(&mut seen, start());
        let cluster = ClusterName::new("shop", "a");
        seen.pull_failures = vec![PullFailure { cluster, image: image(failing), since: start() }];
        let now = start() + SignedDuration::from_hours(hours);
        if run_now {
            let until = (now + SignedDuration::from_hours(1)).to_string();
            let notes = Arc::make_mut(&mut seen.cluster).metadata.annotations.get_or_insert_default();
            notes.insert(ANNOTATION_RUN_NOW.into(), until);
        }
        let step = Step::ReplacePod {
            pod: "c-1".into(),
            uid: "u".into(),
            primary: false,
            reason: "test".into(),
            cause,
        };
        ImagePulls.judge(&step, &Case { seen: &seen, now }).map(|objection| objection.reason)
    }

    #[test]
    fn an_image_that_another_cluster_cannot_pull_is_not_tried_for_a_day() {
        let why = held("17.91", 1, Cause::Change, false).unwrap();
        assert!(why.starts_with("shop/a can't pull localhost/stylobate/postgres:17.91@sha256:"), "{why}");
        assert_eq!(held("17.91", 25, Cause::Change, false), None);
        assert_eq!(held("17.90", 1, Cause::Change, false), None, "another image");
    }

    #[test]
    fn a_repair_and_the_wish_to_run_now_do_not_wait() {
        assert_eq!(held("17.91", 1, Cause::Repair, false), None);
        assert_eq!(held("17.91", 1, Cause::Change, true), None);
    }
}
