//! Pods that nobody makes, since the API server refuses them: a ResourceQuota, a LimitRange, a Pod Security level, a webhook. There is no
//! pod then whose conditions could tell.
//!
//! A Deployment has a condition for it, `ReplicaFailure`, which is in our store. A StatefulSet has none: its controller writes Events, and
//! they are watched by a field selector that lets these alone through, for the whole fleet in one watch, so that no round asks for
//! anything. A dry run of the pod would ask as another identity than the controller has, needs the right to create pods, and fails
//! by itself where a webhook knows no dry run.
//!
//! Who may write Events of a namespace can write such a one. It counts only while a pod of the set is really missing and none was made
//! since, it is told and nothing else is decided by it, and its words are one line of a bounded length.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::ResourceExt;
use kube::runtime::watcher;
use serde_json::Value;

use crate::child::{ChildRef, Kind};
use crate::text::one_line;

use super::facts::{Children, PodSeen};

/// Bytes of the API server's words that are passed on: it names quota, resources, what is asked for, used and allowed, or each
/// container that breaks a rule.
const MOST_WORDS: usize = 600;

/// The word of Kubernetes' controllers for a pod that they could not make.
pub const FAILED_CREATE: &str = "FailedCreate";

/// A set or a Deployment whose pods are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who could not make them.
    pub owner: ChildRef,
    /// Why, in Kubernetes' words.
    pub words: String,
}

impl Refusal {
    /// Whose pods can't be made, why, and what a person does.
    pub fn told(&self, namespace: &str) -> String {
        format!("no pod of {} can be made: {}. {}", self.owner, self.words, remedy(namespace))
    }
}

/// What a person does about a pod that is refused. Which rule it is stands in Kubernetes' words, which decide nothing here.
pub fn remedy(namespace: &str) -> String {
    format!(
        "What refuses it has to let it: a ResourceQuota needs room, and where it counts what members do not set (limits.cpu), a \
         LimitRange with a default for that; a LimitRange, a Pod Security level or a webhook has to take the pod. See kubectl -n \
         {namespace} describe resourcequotas,limitranges, and the labels of the namespace"
    )
}

/// What of the fleet's Events is watched.
pub(super) fn watched() -> watcher::Config {
    let sets = format!("type=Warning,reason={FAILED_CREATE},involvedObject.kind=StatefulSet");
    watcher::Config::default().fields(&sets).any_semantic()
}

/// Leaves what [`refusals`] reads: anybody may have a StatefulSet that is refused its pods.
pub(super) fn prune(event: &mut Event) {
    event.metadata.managed_fields = None;
    event.metadata.annotations = None;
    event.message = event.message.as_deref().map(|words| one_line(words, MOST_WORDS));
    event.related = None;
}

/// What can't make its pods. `events` are those of this namespace or of more.
pub fn refusals<'a>(
    children: &Children,
    pods: &BTreeMap<String, PodSeen>,
    events: impl Iterator<Item = &'a Event> + Clone,
) -> Vec<Refusal> {
    let of = |(reference, live): (&ChildRef, &Value)| match reference.kind {
        Kind::StatefulSet => {
            let words = of_set(reference, live, pods, events.clone())?;
            Some(Refusal { owner: reference.clone(), words })
        }
        Kind::Deployment => Some(Refusal { owner: reference.clone(), words: of_deployment(live)? }),
        _ => None,
    };
    children.0.iter().filter_map(of).collect()
}

/// The condition goes by itself once a pod could be made.
fn of_deployment(live: &Value) -> Option<String> {
    let all = live.pointer("/status/conditions")?.as_array()?;
    let failure = all.iter().find(|one| one["type"] == "ReplicaFailure" && one["status"] == "True")?;
    let words = failure["message"].as_str().or(failure["reason"].as_str()).unwrap_or_default();
    Some(sentence(words))
}

/// A refusal from before the newest pod is over, and one of a set that has all its pods.
fn of_set<'a>(
    reference: &ChildRef,
    live: &Value,
    pods: &BTreeMap<String, PodSeen>,
    events: impl Iterator<Item = &'a Event>,
) -> Option<String> {
    let number = |path: &str| live.pointer(path).and_then(Value::as_i64).unwrap_or(0);
    if number("/status/replicas") >= number("/spec/replicas") {
        return None;
    }
    let uid = live.pointer("/metadata/uid")?.as_str()?;
    let mine = |event: &&Event| {
        event.involved_object.uid.as_deref() == Some(uid) && event.reason.as_deref() == Some(FAILED_CREATE)
    };
    let event = events.filter(mine).max_by_key(|event| told_at(event))?;
    let prefix = format!("{}-", reference.name);
    let own = pods.iter().filter(|(name, _)| name.starts_with(&prefix));
    let newest = own.filter_map(|(_, pod)| pod.created).max();
    if newest.is_some() && told_at(event) < newest {
        return None;
    }
    Some(sentence(event.message.as_deref().unwrap_or(FAILED_CREATE)))
}

/// When an event was told last.
pub fn told_at(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let times = [
        event.last_timestamp.as_ref().map(|time| time.0),
        series.map(|time| time.0),
        event.event_time.as_ref().map(|time| time.0),
        event.creation_timestamp().map(|time| time.0),
    ];
    times.into_iter().flatten().max()
}

fn sentence(words: &str) -> String {
    one_line(words, MOST_WORDS).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const WORDS: &str = "create Pod c-0 in StatefulSet c failed error: pods \"c-0\" is forbidden: failed quota: compute: must specify \
                         limits.cpu for: metrics,postgres";

    fn set(wanted: i64, made: i64) -> Children {
        let body = json!({"metadata": {"name": "c", "uid": "set-1"}, "spec": {"replicas": wanted}, "status": {"replicas": made}});
        Children([(ChildRef::new(Kind::StatefulSet, "c"), body)].into())
    }

    fn event(uid: &str, at: &str) -> Event {
        serde_json::from_value(json!({"metadata": {"name": "e", "namespace": "shop"}, "type": "Warning", "reason": FAILED_CREATE,
            "message": WORDS, "lastTimestamp": at, "involvedObject": {"kind": "StatefulSet", "name": "c", "uid": uid}}))
        .unwrap()
    }

    fn pods(created: &str) -> BTreeMap<String, PodSeen> {
        let pod = PodSeen { created: created.parse().ok(), ..PodSeen::default() };
        [("c-0".to_owned(), pod)].into()
    }

    fn told(children: &Children, pods: &BTreeMap<String, PodSeen>, events: &[Event]) -> Vec<String> {
        refusals(children, pods, events.iter()).iter().map(|refusal| refusal.told("shop")).collect()
    }

    #[test]
    fn a_set_that_is_refused_a_pod_is_told_in_kubernetes_words_with_what_to_do() {
        let all = told(&set(3, 0), &BTreeMap::new(), &[event("set-1", "2026-11-29T14:00:05Z")]);
        assert_eq!(all.len(), 1);
        assert!(
            all[0].starts_with(&format!("no pod of StatefulSet c can be made: {WORDS}. What")),
            "{all:?}"
        );
        assert!(all[0].contains("kubectl -n shop describe resourcequotas,limitranges"), "{all:?}");
    }

    #[test]
    fn a_refusal_is_over_with_the_pod_and_one_of_another_set_is_none() {
        let events = [event("set-1", "2026-11-29T14:00:05Z")];
        assert_eq!(told(&set(3, 3), &BTreeMap::new(), &events), [""; 0], "all pods are there");
        assert_eq!(told(&set(3, 1), &pods("2026-11-29T14:00:06Z"), &events), [""; 0], "one was made since");
        assert_eq!(told(&set(3, 1), &pods("2026-11-29T14:00:04Z"), &events).len(), 1);
        assert_eq!(told(&set(3, 0), &BTreeMap::new(), &[event("set-0", "2026-11-29T14:00:05Z")]), [""; 0]);
    }

    #[test]
    fn a_deployment_tells_by_its_condition() {
        let live = |status: &str| {
            let condition = json!({"type": "ReplicaFailure", "status": status, "reason": FAILED_CREATE, "message": "exceeded quota: q."});
            let body = json!({"metadata": {"name": "c-pooler"}, "status": {"conditions": [condition]}});
            Children([(ChildRef::new(Kind::Deployment, "c-pooler"), body)].into())
        };
        let all = told(&live("True"), &BTreeMap::new(), &[]);
        assert!(
            all[0].starts_with("no pod of Deployment c-pooler can be made: exceeded quota: q. What"),
            "{all:?}"
        );
        assert_eq!(told(&live("False"), &BTreeMap::new(), &[]), [""; 0]);
    }

    #[test]
    fn words_of_others_are_one_line_of_a_bounded_length() {
        let mut long = event("set-1", "2026-11-29T14:00:05Z");
        long.message = Some(format!("a\nb {}", "x".repeat(5000)));
        prune(&mut long);
        let all = told(&set(1, 0), &BTreeMap::new(), &[long]);
        assert!(all[0].len() < 1200 && !all[0].contains('\n'), "{all:?}");
    }
}
