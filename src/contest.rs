//! What of the operator's objects somebody else keeps changing: an admission webhook that rewrites each write, or a controller that
//! changes it back after each.
//!
//! To write the same again and again settles nothing, fills the log and holds up what waits for the write. So a part that comes back is
//! left as it is, told in `Converged`, and tried again ever more seldom: the rule may go. Only the very value that won is left; any other
//! is put right at once. What says who may come in or do what, and how many pods there are, is told too, and put right all the same.
//! It is remembered by the operator alone: after a start it tries once. Why: `docs/decisions/0028-what-others-change.md`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::child::{Child, Kind};
use crate::name::{ANNOTATION_MARKS, ClusterName};
use crate::plan::{Parts, Step, parts, rendering, same_rendering};

/// Equal corrections after which somebody is taken to mean it: a person who tries something out gives up sooner.
const CORRECTIONS: u32 = 5;
/// How long a contested part is left alone, at first and at most.
const PAUSE: [SignedDuration; 2] = [SignedDuration::from_mins(1), SignedDuration::from_hours(1)];
/// How long at most where it decides who may come in or do what: the API server is not to be written to in each round.
const BREATH: SignedDuration = SignedDuration::from_secs(15);
/// Such a contest is told for so long after a correction, or each correction would be the end of it.
const TOLD: SignedDuration = SignedDuration::from_mins(5);
/// How many pods there are: none of a member serves nobody, and one more of the pooler is somebody's.
const REPLICAS: &str = ".spec.replicas";
/// A correction that is longer ago than this after its pause is no part of the contest.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// One object that somebody else changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contest {
    /// What was wanted: a digest of the rendering, or the wanted size.
    wanted: String,
    /// What it became instead.
    parts: Parts,
    /// Corrections.
    times: u32,
    /// The last of them.
    last: Timestamp,
    /// When it is tried again.
    again: Timestamp,
}

/// Kinds that decide who may come in, or who may do what: nobody else's value is ever left in force.
fn is_door(kind: Kind) -> bool {
    match kind {
        Kind::Role
        | Kind::RoleBinding
        | Kind::NetworkPolicy
        | Kind::Secret
        | Kind::Service
        | Kind::ConfigMap => true,
        Kind::ServiceAccount
        | Kind::PodDisruptionBudget
        | Kind::StatefulSet
        | Kind::Deployment
        | Kind::PodMonitor => false,
    }
}

impl Contest {
    /// True while the child is left as it is: all that differs is what came back.
    pub fn leaves(&self, child: &Child, live: &Value, now: Timestamp) -> bool {
        let differs = parts(&child.body, live);
        let guarded = is_door(child.reference.kind) || differs.contains_key(REPLICAS);
        self.rests(rendering(&child.body).unwrap_or_default(), now)
            && same_rendering(&child.body, live)
            && differs.iter().all(|part| self.parts.get(part.0) == Some(part.1))
            && !(guarded && now.duration_since(self.last) >= BREATH)
    }

    /// Parts that somebody else changes again and again and that are put right each time; none where they are left.
    pub fn guards(&self, child: &Child, now: Timestamp) -> Option<Vec<String>> {
        let guarded = is_door(child.reference.kind) || self.parts.contains_key(REPLICAS);
        let lasts = self.times >= CORRECTIONS && now.duration_since(self.last) < TOLD;
        let same = self.wanted == rendering(&child.body).unwrap_or_default();
        (guarded && lasts && same).then(|| self.parts.keys().cloned().collect())
    }

    /// True while it is not tried again to reach what is wanted.
    pub fn rests(&self, wanted: &str, now: Timestamp) -> bool {
        self.wanted == wanted && self.times >= CORRECTIONS && now < self.again
    }

    /// True where this part, among others, was lost.
    pub fn lost(&self, path: &str) -> bool {
        self.times >= CORRECTIONS && self.parts.contains_key(path)
    }

    /// One more correction. `beaten`: the API server itself made something else of it.
    fn next(before: Option<Self>, wanted: &str, parts: Parts, beaten: bool, now: Timestamp) -> Self {
        let again = |before: &Self| {
            before.wanted == wanted
                && before.parts.keys().eq(parts.keys())
                && now.duration_since(before.again) < REMEMBERED
        };
        let times = before.filter(again).map_or(0, |before| before.times) + 1;
        let times = if beaten { times.max(CORRECTIONS) } else { times };
        let [first, most] = PAUSE;
        let pause = match times.checked_sub(CORRECTIONS) {
            Some(more) => first.saturating_mul(1 << more.min(8)).min(most),
            None => SignedDuration::ZERO,
        };
        Self {
            wanted: wanted.to_owned(),
            parts,
            times,
            last: now,
            again: now.saturating_add(pause).unwrap_or(now),
        }
    }
}

/// Contests of one cluster, by the object's kind and name.
pub type ClusterContests = BTreeMap<String, Contest>;

/// Key of a pod's size.
pub fn size_of(pod: &str) -> String {
    format!("size of Pod {pod}")
}

/// Key of a pod's labels and annotations.
pub fn marks_of(pod: &str) -> String {
    format!("labels and annotations of Pod {pod}")
}

/// A size that is wanted of a pod.
pub fn size(cpu: &str, memory: &str) -> String {
    format!("{cpu} {memory}")
}

/// All contests.
#[derive(Clone, Debug, Default)]
pub struct Contests(Arc<Mutex<HashMap<ClusterName, ClusterContests>>>);

impl Contests {
    /// Those of a cluster.
    pub fn of(&self, cluster: &ClusterName) -> ClusterContests {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(cluster).cloned().unwrap_or_default()
    }

    /// Takes up a step that was taken. `before` is the live object that it changed, `answer` what the API server made of it.
    pub fn note(
        &self,
        cluster: &ClusterName,
        step: &Step,
        before: Option<&Value>,
        answer: Option<&Value>,
        now: Timestamp,
    ) {
        match step {
            Step::Apply { child, .. } => {
                let live = before.filter(|live| same_rendering(&child.body, live));
                let corrected = live.map(|live| parts(&child.body, live)).unwrap_or_default();
                let lost = answer.map(|answer| parts(&child.body, answer)).unwrap_or_default();
                let beaten = !lost.is_empty();
                let parts = if beaten { lost } else { corrected };
                let wanted = rendering(&child.body).unwrap_or_default();
                self.change(cluster, child.reference.to_string(), |before| {
                    (!parts.is_empty()).then(|| Contest::next(before, wanted, parts, beaten, now))
                });
            }
            Step::ResizePod { pod, cpu, memory } => {
                let wanted = size(cpu, memory);
                self.change(cluster, size_of(pod), |before| {
                    Some(Contest::next(before, &wanted, Parts::new(), false, now))
                });
            }
            Step::MarkPod { pod, metadata, .. } => {
                let wanted = metadata["annotations"][ANNOTATION_MARKS].as_str().unwrap_or_default();
                self.change(cluster, marks_of(pod), |before| {
                    Some(Contest::next(before, wanted, Parts::new(), false, now))
                });
            }
            _ => {}
        }
    }

    fn change(
        &self,
        cluster: &ClusterName,
        object: String,
        next: impl FnOnce(Option<Contest>) -> Option<Contest>,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let contests = all.entry(cluster.clone()).or_default();
        if let Some(contest) = next(contests.remove(&object)) {
            contests.insert(object, contest);
        }
    }

    /// Drops what is known of a cluster that goes.
    pub fn forget(&self, cluster: &ClusterName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::{ChildRef, Kind};
    use crate::fixture::start;
    use serde_json::json;

    fn body(digest: &str, image: &str) -> Value {
        json!({"metadata": {"annotations": {"stylobate.dev/rendered": digest}}, "spec": {"image": image}})
    }

    fn child() -> Child {
        Child { reference: ChildRef::new(Kind::Deployment, "c-pooler"), body: body("d", "ours") }
    }

    fn apply() -> Step {
        Step::Apply { child: Box::new(child()), reason: "a test".into(), cause: None }
    }

    fn cluster() -> ClusterName {
        ClusterName::new("shop", "c")
    }

    fn leaves(contests: &Contests, live: &Value, now: Timestamp) -> bool {
        contests.of(&cluster()).get("Deployment c-pooler").is_some_and(|one| one.leaves(&child(), live, now))
    }

    fn after(seconds: i64) -> Timestamp {
        start() + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn what_the_api_server_makes_of_a_write_is_left_after_one_and_tried_again_ever_more_seldom() {
        let (contests, theirs) = (Contests::default(), body("d", "theirs"));
        contests.note(&cluster(), &apply(), None, Some(&theirs), start());
        assert!(leaves(&contests, &theirs, after(59)) && !leaves(&contests, &theirs, after(60)));
        contests.note(&cluster(), &apply(), Some(&theirs), Some(&theirs), after(60));
        assert!(leaves(&contests, &theirs, after(179)) && !leaves(&contests, &theirs, after(180)));
        for _ in 0..20 {
            contests.note(&cluster(), &apply(), Some(&theirs), Some(&theirs), after(180));
        }
        assert!(
            leaves(&contests, &theirs, after(180 + 3599)) && !leaves(&contests, &theirs, after(180 + 3600))
        );
    }

    #[test]
    fn any_other_value_is_put_right_at_once_and_so_is_what_is_wanted_anew() {
        let (contests, theirs) = (Contests::default(), body("d", "theirs"));
        contests.note(&cluster(), &apply(), None, Some(&theirs), start());
        assert!(!leaves(&contests, &body("d", "mine"), after(1)), "a person's, or an intruder's");
        assert!(!leaves(&contests, &body("older", "theirs"), after(1)), "what is wanted changed");
        let also = json!({"metadata": theirs["metadata"], "spec": {"image": "theirs"}});
        let mut wanted = child();
        wanted.body["spec"]["replicas"] = json!(2);
        let contest = &contests.of(&cluster())["Deployment c-pooler"];
        assert!(!contest.leaves(&wanted, &also, after(1)), "another part of it as well");
    }

    #[test]
    fn what_a_controller_changes_back_is_left_after_five_corrections() {
        let (contests, theirs, ours) = (Contests::default(), body("d", "theirs"), body("d", "ours"));
        for times in 1..=4 {
            contests.note(&cluster(), &apply(), Some(&theirs), Some(&ours), after(times * 15));
            assert!(!leaves(&contests, &theirs, after(times * 15 + 1)), "{times}");
        }
        contests.note(&cluster(), &apply(), Some(&theirs), Some(&ours), after(75));
        assert!(leaves(&contests, &theirs, after(76)));
    }

    #[test]
    fn who_may_come_in_and_how_many_there_are_is_put_right_all_the_same_and_told() {
        let doors = [
            Kind::Role,
            Kind::RoleBinding,
            Kind::NetworkPolicy,
            Kind::Secret,
            Kind::Service,
            Kind::ConfigMap,
        ];
        let of = |kind: Kind, path: &str, guarded: bool| {
            let body = |value: i32| {
                let metadata = json!({"annotations": {"stylobate.dev/rendered": "d"}});
                json!({"metadata": metadata, "spec": {path: value}})
            };
            let (contests, theirs, ours) = (Contests::default(), body(0), body(3));
            let child = Child { reference: ChildRef::new(kind, "x"), body: body(3) };
            let step = Step::Apply { child: Box::new(child.clone()), reason: "a test".into(), cause: None };
            let contest = || contests.of(&cluster()).remove(&child.reference.to_string()).unwrap_or_default();
            for times in 1..=50 {
                let now = after(times * 15);
                contests.note(&cluster(), &step, Some(&theirs), Some(&ours), now);
                let left = contest().leaves(&child, &theirs, now + SignedDuration::from_secs(15));
                assert_eq!(left, times >= 5 && !guarded, "{kind} {path} {times}");
            }
            assert!(contest().leaves(&child, &theirs, after(50 * 15 + 14)), "{kind}: not in each round");
            let told = contest().guards(&child, after(50 * 15 + 15));
            assert_eq!(told, guarded.then(|| vec![format!(".spec.{path}")]), "{kind}");
            assert_eq!(contest().guards(&child, after(50 * 15 + 300)), None, "{kind}: it ended");
        };
        doors.into_iter().for_each(|kind| of(kind, "x", true));
        for kind in [Kind::StatefulSet, Kind::Deployment] {
            of(kind, "replicas", true);
            of(kind, "template", false);
        }
        of(Kind::PodDisruptionBudget, "minAvailable", false);
        of(Kind::ServiceAccount, "x", false);
    }

    #[test]
    fn corrections_that_are_far_apart_are_no_contest() {
        let (contests, theirs, ours) = (Contests::default(), body("d", "theirs"), body("d", "ours"));
        for day in 1..=9 {
            contests.note(&cluster(), &apply(), Some(&theirs), Some(&ours), after(day * 86_400));
            assert!(!leaves(&contests, &theirs, after(day * 86_400 + 1)), "{day}");
        }
    }

    #[test]
    fn a_write_that_is_taken_as_sent_ends_it() {
        let (contests, theirs, ours) = (Contests::default(), body("d", "theirs"), body("d", "ours"));
        contests.note(&cluster(), &apply(), None, Some(&theirs), start());
        contests.note(&cluster(), &apply(), Some(&body("older", "x")), Some(&ours), after(60));
        assert!(contests.of(&cluster()).is_empty());
        contests.note(&cluster(), &apply(), None, Some(&theirs), after(70));
        contests.forget(&cluster());
        assert!(contests.of(&cluster()).is_empty());
    }

    #[test]
    fn a_pod_that_never_gets_its_size_is_not_resized_in_every_round() {
        let contests = Contests::default();
        let resize = Step::ResizePod { pod: "c-0".into(), cpu: "1".into(), memory: "1Gi".into() };
        let rests = |now| contests.of(&cluster())[&size_of("c-0")].rests(&size("1", "1Gi"), now);
        for times in 1..=4 {
            contests.note(&cluster(), &resize, None, None, after(times * 2));
            assert!(!rests(after(times * 2 + 1)), "{times}");
        }
        contests.note(&cluster(), &resize, None, None, after(10));
        assert!(rests(after(69)) && !rests(after(70)));
        let other = &contests.of(&cluster())[&size_of("c-0")];
        assert!(!other.rests(&size("2", "1Gi"), after(11)), "another size is tried at once");
    }
}
