//! From events of watches of which no cluster's own objects tell (`super::shelf`) to clusters that have to be looked at, leaving out what
//! changes nothing that counts, as a node's heartbeat.
//!
//! What was seen of an object is forgotten with the object, also when it went while the watch was broken off.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use futures::Stream;
use futures::stream::StreamExt;
use k8s_openapi::api::core::v1::Node;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Resource, ResourceExt};

use crate::name::ClusterName;

use super::facts::PodSeen;
use super::nodes;
use super::shelf::{Key, Shelf, key};
use super::stores::Trigger;

/// What a watch says.
type Events<K> = Result<watcher::Event<K>, watcher::Error>;

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
            watcher::Event::Apply(object) => self.changed(&object, fingerprint(&object), concerns(&object)),
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

/// Clusters to look at because an object that concerns them changed.
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
    pods: Shelf<PodSeen>,
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
            let on = |node: &String| pods.clusters(|pod| pod.node.as_ref() == Some(node));
            let clusters: HashSet<ClusterName> = concerned.iter().flat_map(|(_, node)| on(node)).collect();
            futures::stream::iter(clusters)
        })
        .map(|cluster| ObjectRef::new(&cluster.name).within(&cluster.namespace))
        .boxed()
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

    use crate::name::LABEL_CLUSTER;

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
