//! From events of watches to clusters that have to be looked at, leaving out what changes nothing that counts: Patroni writes its
//! position into the pod's annotations in every round, and a node its heartbeat.
//!
//! What was seen of an object is forgotten with the object, also when it went while the watch was broken off.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use futures::Stream;
use futures::stream::StreamExt;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::core::DynamicObject;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Resource, ResourceExt};

use crate::api::PostgresCluster;
use crate::name::LABEL_CLUSTER;

use super::nodes;
use super::stores::Trigger;

/// What a watch says.
type Events<K> = Result<watcher::Event<K>, watcher::Error>;
/// Namespace and name of an object.
type Key = (String, String);

/// Objects of a watch by what counted of them last, and whom each concerns.
struct Known<V> {
    objects: HashMap<Key, (u64, V)>,
    /// Those of the list that is being read anew.
    listed: Option<HashSet<Key>>,
}

impl<V: Clone> Known<V> {
    fn new() -> Self {
        Self { objects: HashMap::new(), listed: None }
    }

    /// Takes up an event; whom it concerns, each with the namespace of the object.
    fn note<K: Resource>(
        &mut self,
        event: watcher::Event<K>,
        fingerprint: impl Fn(&K) -> u64,
        concerns: impl Fn(&K) -> V,
    ) -> Vec<(String, V)> {
        match event {
            watcher::Event::Init => {
                self.listed = Some(HashSet::new());
                Vec::new()
            }
            watcher::Event::InitApply(object) => {
                if let Some(listed) = &mut self.listed {
                    listed.insert(key(&object));
                }
                self.changed(&object, fingerprint(&object), concerns(&object))
            }
            watcher::Event::Apply(object) => {
                self.changed(&object, fingerprint(&object), concerns(&object))
            }
            watcher::Event::Delete(object) => {
                let key = key(&object);
                self.objects.remove(&key);
                vec![(key.0, concerns(&object))]
            }
            watcher::Event::InitDone => {
                let Some(listed) = self.listed.take() else { return Vec::new() };
                let gone = self.objects.extract_if(|key, _| !listed.contains(key));
                gone.map(|((namespace, _), (_, concerns))| (namespace, concerns)).collect()
            }
        }
    }

    fn changed<K: Resource>(&mut self, object: &K, print: u64, concerns: V) -> Vec<(String, V)> {
        let key = key(object);
        let namespace = key.0.clone();
        let before = self.objects.insert(key, (print, concerns.clone()));
        if before.is_some_and(|(before, _)| before == print) {
            return Vec::new();
        }
        vec![(namespace, concerns)]
    }
}

fn key<K: Resource>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Clusters to look at because a child of theirs changed.
pub(super) fn wake<K: Resource + Send + 'static>(
    events: impl Stream<Item = Events<K>> + Send + 'static,
    fingerprint: impl Fn(&K) -> u64 + Send + 'static,
) -> Trigger {
    wake_of(events, fingerprint, |object| object.labels().get(LABEL_CLUSTER).cloned())
}

/// The same for objects that tell their cluster in another way.
pub(super) fn wake_of<K: Resource + Send + 'static>(
    events: impl Stream<Item = Events<K>> + Send + 'static,
    fingerprint: impl Fn(&K) -> u64 + Send + 'static,
    cluster: impl Fn(&K) -> Option<String> + Send + 'static,
) -> Trigger {
    let mut known = Known::new();
    events
        .flat_map(move |event| {
            let concerned = match event {
                Ok(event) => known.note(event, &fingerprint, &cluster),
                Err(error) => {
                    tracing::warn!(%error, "a watch broke off and starts again");
                    Vec::new()
                }
            };
            let clusters = concerned
                .into_iter()
                .filter_map(|(namespace, name)| Some(ObjectRef::new(&name?).within(&namespace)));
            futures::stream::iter(clusters.collect::<Vec<_>>())
        })
        .boxed()
}

/// Clusters with a pod on a node that begins or ceases to be emptied, is lost, or comes back.
pub(super) fn wake_by_node(
    events: impl Stream<Item = Events<Node>> + Send + 'static,
    pods: Store<Pod>,
) -> Trigger {
    let mut known = Known::new();
    events
        .flat_map(move |event| {
            let print = |node: &Node| fingerprint(&(nodes::draining(node), nodes::lost(node)));
            let concerned = match event {
                Ok(event) => known.note(event, print, Node::name_any),
                Err(error) => {
                    tracing::warn!(%error, "the watch of nodes broke off and starts again");
                    Vec::new()
                }
            };
            let clusters = concerned.iter().flat_map(|(_, node)| clusters_on(node, &pods));
            futures::stream::iter(clusters.collect::<HashSet<_>>())
        })
        .boxed()
}

/// Clusters with a pod on this node.
fn clusters_on(node: &str, pods: &Store<Pod>) -> HashSet<ObjectRef<PostgresCluster>> {
    let here = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node);
    let pods = pods.state();
    let clusters = pods.iter().filter(|pod| here(pod)).filter_map(|pod| {
        let name = pod.labels().get(LABEL_CLUSTER)?;
        Some(ObjectRef::new(name).within(&pod.namespace().unwrap_or_default()))
    });
    clusters.collect()
}

/// Clusters that have one of these objects.
pub(super) fn clusters_of(store: &Store<DynamicObject>) -> HashSet<ObjectRef<PostgresCluster>> {
    let objects = store.state();
    let cluster = |object: &DynamicObject| {
        let name = object.labels().get(LABEL_CLUSTER)?;
        Some(ObjectRef::new(name).within(&object.namespace().unwrap_or_default()))
    };
    objects.iter().filter_map(|object| cluster(object)).collect()
}

pub(super) fn fingerprint(value: &impl std::fmt::Debug) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{value:?}").hash(&mut hasher);
    hasher.finish()
}

pub(super) fn fingerprint_all<K: Resource>(object: &K) -> u64 {
    let meta = object.meta();
    fingerprint(&(&meta.resource_version, &meta.uid, meta.deletion_timestamp.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::watcher::Event;
    use serde_json::json;

    fn map(name: &str, version: &str) -> ConfigMap {
        let meta = json!({"name": name, "namespace": "shop", "resourceVersion": version,
            "labels": {LABEL_CLUSTER: format!("of-{name}")}});
        serde_json::from_value(json!({"metadata": meta})).unwrap()
    }

    /// Clusters that the events wake, in order, and how many objects are known afterwards.
    fn woken(events: Vec<Event<ConfigMap>>) -> (Vec<String>, usize) {
        let mut known = Known::new();
        let cluster = |map: &ConfigMap| map.labels().get(LABEL_CLUSTER).cloned();
        let clusters = events
            .into_iter()
            .flat_map(|event| known.note(event, fingerprint_all, cluster))
            .filter_map(|(namespace, cluster)| Some(format!("{namespace}/{}", cluster?)))
            .collect();
        (clusters, known.objects.len())
    }

    #[test]
    fn what_changes_nothing_wakes_nobody() {
        let apply = |version| Event::Apply(map("a", version));
        assert_eq!(woken(vec![apply("1"), apply("1"), apply("2")]).0, ["shop/of-a", "shop/of-a"]);
    }

    #[test]
    fn what_is_deleted_is_forgotten_and_wakes_its_cluster() {
        let events = vec![Event::Apply(map("a", "1")), Event::Delete(map("a", "2"))];
        assert_eq!(woken(events), (vec!["shop/of-a".into(), "shop/of-a".into()], 0));
    }

    #[test]
    fn what_went_while_the_watch_was_broken_off_is_forgotten_and_wakes_its_cluster() {
        let first = [Event::Init, Event::InitApply(map("a", "1")), Event::InitApply(map("b", "1"))];
        // A list that is broken off itself proves nothing.
        let cut = [Event::InitDone, Event::Init, Event::InitApply(map("b", "1"))];
        let again = [Event::Init, Event::InitApply(map("b", "1")), Event::InitDone];
        let (clusters, known) = woken(first.into_iter().chain(cut).chain(again).collect());
        assert_eq!(clusters, ["shop/of-a", "shop/of-b", "shop/of-a"]);
        assert_eq!(known, 1);
    }
}
