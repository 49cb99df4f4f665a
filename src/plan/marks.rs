//! Labels and annotations of `spec.pods` on members that run. The set makes pods with them, and restarts none for them: those that run
//! get them in place. Pods of the pooler get them from their Deployment, which makes them anew.

use jiff::Timestamp;

use crate::build::{marks, marks_patch};
use crate::contest::marks_of;
use crate::name::COMPONENT_MEMBER;
use crate::observe::Observed;
use crate::target::Target;

use super::step::Step;

/// Members whose labels and annotations are not those of the spec.
pub fn steps(target: &Target, seen: &Observed, now: Timestamp) -> Vec<Step> {
    let wanted = marks(target);
    let text = wanted.as_deref().unwrap_or_default();
    seen.pods
        .iter()
        .filter(|(_, pod)| pod.component == COMPONENT_MEMBER && !pod.deleting && pod.marks != wanted)
        .filter(|(name, _)| {
            !seen.contests.get(&marks_of(name)).is_some_and(|contest| contest.rests(text, now))
        })
        .map(|(name, pod)| Step::MarkPod {
            pod: name.clone(),
            uid: pod.uid.clone(),
            metadata: Box::new(marks_patch(target, pod.marks.as_deref())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, put_pods, settle, start, target};
    use serde_json::json;

    #[test]
    fn members_that_run_get_them_in_place_once() {
        let mut seen = observed(json!({"pods": {"labels": {"team": "a"}}}));
        settle(&mut seen, start());
        put_pods(&mut seen);
        let steps_of = |seen: &Observed| steps(&target(seen), seen, start());
        let found = steps_of(&seen);
        assert_eq!(found.len(), 3, "members alone: {found:?}");
        let Step::MarkPod { metadata, .. } = &found[0] else { panic!("{found:?}") };
        assert_eq!(metadata["labels"], json!({"team": "a"}));
        let wanted = marks(&target(&seen));
        seen.pods.values_mut().for_each(|pod| pod.marks = wanted.clone());
        assert_eq!(steps_of(&seen), []);
    }
}
