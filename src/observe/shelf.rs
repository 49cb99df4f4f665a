//! What is kept of watched objects: by the cluster that they belong to, and no more of each than decisions need. A reconcile finds
//! what is its cluster's without a look at anybody else's, so its work does not grow with the fleet.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use futures::stream::{self, Stream, StreamExt};
use kube::runtime::watcher::{self, Event};
use kube::{Resource, ResourceExt};
use tokio::sync::watch;

use crate::name::ClusterName;

/// Namespace and name of an object.
pub(super) type Key = (String, String);

/// One kept object.
#[derive(Debug)]
struct Kept<T> {
    cluster: ClusterName,
    print: u64,
    what: Arc<T>,
}

#[derive(Debug)]
struct Content<T> {
    objects: HashMap<Key, Kept<T>>,
    /// Keys of each cluster's objects.
    clusters: HashMap<ClusterName, HashSet<Key>>,
    /// Keys seen in a list that is not whole yet.
    listed: Option<HashSet<Key>>,
}

/// Objects of one kind, by cluster.
#[derive(Debug)]
pub struct Shelf<T> {
    content: Arc<RwLock<Content<T>>>,
    full: watch::Receiver<bool>,
}

impl<T> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Self { content: self.content.clone(), full: self.full.clone() }
    }
}

/// How a kind is kept.
pub struct Rule<K, T> {
    /// The cluster that an object belongs to; none is kept of one that belongs to none.
    pub cluster: fn(&K) -> Option<ClusterName>,
    /// Changes with all that counts: an event that leaves it as it is wakes nobody.
    pub print: fn(&K) -> u64,
    /// What is kept.
    pub keep: fn(K) -> T,
}

impl<T: Send + Sync + 'static> Shelf<T> {
    /// A shelf, and the clusters to look at. The stream has to be polled, or the shelf stays empty.
    pub fn fill<K>(
        rule: Rule<K, T>,
        events: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
    ) -> (Self, impl Stream<Item = ClusterName> + Send + 'static)
    where
        K: Resource + Send + 'static,
    {
        let content = Content { objects: HashMap::new(), clusters: HashMap::new(), listed: None };
        let (filled, full) = watch::channel(false);
        let shelf = Self { content: Arc::new(RwLock::new(content)), full };
        let content = shelf.content.clone();
        let woken = events.flat_map(move |event| {
            let woken = match event {
                Ok(event) => {
                    let done = matches!(event, Event::InitDone);
                    let woken = content.write().unwrap_or_else(PoisonError::into_inner).take(&rule, event);
                    if done {
                        filled.send_replace(true);
                    }
                    woken
                }
                Err(error) => {
                    tracing::warn!(%error, "a watch broke off and starts again");
                    Vec::new()
                }
            };
            stream::iter(woken)
        });
        (shelf, woken)
    }

    /// Waits for the first list. False when the watch was dropped, which happens only at the end of the process.
    pub async fn ready(&self) -> bool {
        self.full.clone().wait_for(|full| *full).await.is_ok()
    }

    /// Whether the first list is there.
    pub fn is_ready(&self) -> bool {
        *self.full.borrow()
    }

    /// What is kept of a cluster's objects, by name.
    pub fn of(&self, cluster: &ClusterName) -> BTreeMap<String, Arc<T>> {
        let content = self.content();
        let keys = content.clusters.get(cluster).into_iter().flatten();
        keys.map(|key| (key.1.clone(), content.objects[key].what.clone())).collect()
    }

    /// What is kept of all objects.
    pub fn all(&self) -> Vec<Arc<T>> {
        self.content().objects.values().map(|kept| kept.what.clone()).collect()
    }

    /// Clusters that have an object of which this is true.
    pub fn clusters(&self, mut of: impl FnMut(&T) -> bool) -> HashSet<ClusterName> {
        let content = self.content();
        let objects = content.objects.values().filter(|kept| of(&kept.what));
        objects.map(|kept| kept.cluster.clone()).collect()
    }

    fn content(&self) -> RwLockReadGuard<'_, Content<T>> {
        // A panic elsewhere left what the last event made of it, and each is taken as a whole.
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Content<T> {
    /// Takes an event in; tells the clusters for which something changed.
    fn take<K: Resource>(&mut self, rule: &Rule<K, T>, event: Event<K>) -> Vec<ClusterName> {
        match event {
            Event::Init => {
                self.listed = Some(HashSet::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                let key = key(&object);
                if let Some(listed) = &mut self.listed {
                    listed.insert(key.clone());
                }
                self.put(rule, key, object)
            }
            Event::Apply(object) => self.put(rule, key(&object), object),
            Event::Delete(object) => self.remove(&key(&object)).into_iter().collect(),
            // What a list no longer has went while nobody watched.
            Event::InitDone => {
                let listed = self.listed.take().unwrap_or_default();
                let gone: Vec<Key> =
                    self.objects.keys().filter(|key| !listed.contains(*key)).cloned().collect();
                gone.iter().filter_map(|key| self.remove(key)).collect()
            }
        }
    }

    fn put<K: Resource>(&mut self, rule: &Rule<K, T>, key: Key, object: K) -> Vec<ClusterName> {
        let print = (rule.print)(&object);
        let cluster = (rule.cluster)(&object);
        let before = self.objects.get(&key).map(|kept| (&kept.cluster, kept.print));
        if before == cluster.as_ref().map(|cluster| (cluster, print)) {
            return Vec::new();
        }
        let mut woken: Vec<ClusterName> = self.remove(&key).into_iter().collect();
        let Some(cluster) = cluster else { return woken };
        self.clusters.entry(cluster.clone()).or_default().insert(key.clone());
        let what = Arc::new((rule.keep)(object));
        self.objects.insert(key, Kept { cluster: cluster.clone(), print, what });
        if !woken.contains(&cluster) {
            woken.push(cluster);
        }
        woken
    }

    fn remove(&mut self, key: &Key) -> Option<ClusterName> {
        let Kept { cluster, .. } = self.objects.remove(key)?;
        if let Some(keys) = self.clusters.get_mut(&cluster) {
            keys.remove(key);
            if keys.is_empty() {
                self.clusters.remove(&cluster);
            }
        }
        Some(cluster)
    }
}

/// The key of an object.
pub(super) fn key<K: Resource>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use crate::name::LABEL_CLUSTER;

    fn pod(name: &str, cluster: &str, node: &str) -> Pod {
        let labels = json!({LABEL_CLUSTER: cluster});
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "labels": labels}, "spec": {"nodeName": node, "containers": []},
        }))
        .unwrap()
    }

    fn node(pod: &Pod) -> String {
        pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default()
    }

    const RULE: Rule<Pod, String> = Rule {
        cluster: |pod| Some(ClusterName::new("shop", pod.labels().get(LABEL_CLUSTER)?)),
        print: |pod| node(pod).len() as u64,
        keep: |pod| node(&pod),
    };

    /// Plays events; gives the shelf, whether it is ready, and the names of clusters woken by each.
    fn play(events: Vec<Event<Pod>>) -> (Shelf<String>, Vec<String>) {
        let (shelf, woken) = Shelf::fill(RULE, stream::iter(events.into_iter().map(Ok)));
        let woken = woken.map(|cluster| cluster.name).collect().now_or_never().unwrap();
        (shelf, woken)
    }

    fn names(shelf: &Shelf<String>, cluster: &str) -> Vec<String> {
        shelf.of(&ClusterName::new("shop", cluster)).into_keys().collect()
    }

    #[test]
    fn a_cluster_finds_its_own_and_is_woken_by_what_counts_alone() {
        let list =
            [Event::Init, Event::InitApply(pod("a-0", "a", "n")), Event::InitApply(pod("b-0", "b", "n"))];
        let later =
            [Event::InitDone, Event::Apply(pod("a-0", "a", "m")), Event::Apply(pod("a-0", "a", "long"))];
        let (shelf, woken) = play(list.into_iter().chain(later).collect());
        assert!(shelf.is_ready());
        assert_eq!(woken, ["a", "b", "a"], "a node's name of one letter is as good as another here");
        assert_eq!(
            (names(&shelf, "a"), names(&shelf, "b")),
            (vec!["a-0".to_owned()], vec!["b-0".to_owned()])
        );
        assert_eq!(*shelf.of(&ClusterName::new("shop", "a"))["a-0"], "long");
        assert_eq!(shelf.of(&ClusterName::new("other", "a")).len(), 0, "a namespace counts");
    }

    #[test]
    fn what_went_while_nobody_watched_is_gone_after_the_next_list_and_not_before_it() {
        let first = vec![
            Event::Init,
            Event::InitApply(pod("a-0", "a", "n")),
            Event::InitApply(pod("a-1", "a", "n")),
            Event::InitDone,
        ];
        let mut second = first.clone();
        second.extend([Event::Init, Event::InitApply(pod("a-1", "a", "n"))]);
        let (shelf, _) = play(second.clone());
        assert_eq!(names(&shelf, "a"), ["a-0", "a-1"], "a list that is not whole takes nothing away");
        second.push(Event::InitDone);
        let (shelf, woken) = play(second);
        assert_eq!(names(&shelf, "a"), ["a-1"]);
        assert_eq!(woken, ["a", "a", "a"], "and the cluster is looked at");
    }

    #[test]
    fn nothing_is_remembered_of_what_is_gone_or_belongs_to_another_now() {
        let events = vec![
            Event::Init,
            Event::InitApply(pod("x", "a", "n")),
            Event::InitApply(pod("y", "a", "n")),
            Event::InitDone,
            Event::Apply(pod("x", "b", "n")),
            Event::Delete(pod("y", "a", "n")),
        ];
        let (shelf, woken) = play(events);
        assert_eq!(woken, ["a", "a", "a", "b", "a"], "both are looked at when one has what was the other's");
        let content = shelf.content();
        assert_eq!((content.objects.len(), content.clusters.len()), (1, 1));
    }
}
