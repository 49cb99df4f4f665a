//! Watches and their stores. Reconciles read from memory; a change of a child wakes the cluster that it belongs to.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};

use futures::FutureExt;
use futures::stream::{BoxStream, SelectAll, StreamExt};
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod};
use kube::core::{DynamicObject, TypeMeta};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};

use crate::api::{PostgresBackup, PostgresCluster};
use crate::child::{ChildRef, Kind};
use crate::images::CatalogSeen;
use crate::name::{ClusterName, LABEL_CLUSTER, LABEL_MANAGED_BY, MANAGER};
use crate::own;

use super::facts::{BackupSeen, Children, PodSeen, VolumeSeen};
use super::images::Images;
use super::server::ServerCache;
use super::standing::Looks;
use super::{backups, nodes, pods};

/// A stream of clusters to look at.
pub type Trigger = BoxStream<'static, ObjectRef<PostgresCluster>>;

/// All stores.
#[derive(Clone)]
pub struct Stores {
    kinds: BTreeMap<Kind, Store<DynamicObject>>,
    pods: Store<Pod>,
    claims: Store<PersistentVolumeClaim>,
    nodes: Store<Node>,
    backups: Store<PostgresBackup>,
    servers: ServerCache,
    images: Images,
    looks: Looks,
}

impl Stores {
    /// Starts all watches; `namespace` is the operator's own. The stream has to be polled, or the stores stay empty.
    pub fn start(client: &Client, namespace: &str, optional: &[Kind]) -> (Self, Trigger) {
        let mut triggers: SelectAll<Trigger> = SelectAll::new();
        let mut kinds = BTreeMap::new();
        for kind in Kind::ALL.into_iter().filter(|kind| !kind.optional() || optional.contains(kind)) {
            let resource = kind.api_resource();
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            // Items of a list carry no kind of their own, objects of a watch do: both must compare alike.
            let types = TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() };
            let name = move |object: &mut DynamicObject| {
                prune(object);
                object.types.get_or_insert_with(|| types.clone());
            };
            let writer = reflector::store::Writer::new(resource);
            kinds.insert(kind, writer.as_reader());
            let events = reflector::reflector(writer, watcher(api, selected()).modify(name))
                .default_backoff()
                .touched_objects();
            triggers.push(wake(events, fingerprint_all));
        }
        let (pods, writer) = reflector::store();
        let events =
            reflector::reflector(writer, watcher(Api::<Pod>::all(client.clone()), selected()).modify(prune))
                .default_backoff()
                .touched_objects();
        triggers.push(wake(events, |pod| fingerprint(&pods::pod(pod))));
        let (claims, writer) = reflector::store();
        let api = Api::<PersistentVolumeClaim>::all(client.clone());
        let events = reflector::reflector(writer, watcher(api, selected()).modify(prune))
            .default_backoff()
            .touched_objects();
        triggers.push(wake(events, fingerprint_all));
        let (nodes, writer) = reflector::store();
        let watched = watcher(Api::<Node>::all(client.clone()), watcher::Config::default().any_semantic());
        let events =
            reflector::reflector(writer, watched.modify(nodes::prune)).default_backoff().touched_objects();
        triggers.push(wake_by_node(events, pods.clone()));
        let (backups, writer) = reflector::store();
        // A person makes backups as well, so no label selects them.
        let all =
            watcher(Api::<PostgresBackup>::all(client.clone()), watcher::Config::default().any_semantic());
        let events =
            reflector::reflector(writer, all.modify(backups::prune)).default_backoff().touched_objects();
        triggers.push(wake_of(events, fingerprint_all, |backup: &PostgresBackup| {
            Some(backup.spec.cluster.clone())
        }));
        let (images, changes) = Images::watch(client, namespace);
        // Every cluster has ConfigMaps; one that has none yet is looked at again in seconds by itself.
        let maps = kinds[&Kind::ConfigMap].clone();
        triggers.push(changes.flat_map(move |()| futures::stream::iter(clusters_of(&maps))).boxed());
        (
            Self {
                kinds,
                pods,
                claims,
                nodes,
                backups,
                servers: ServerCache::default(),
                images,
                looks: Looks::default(),
            },
            triggers.boxed(),
        )
    }

    /// Waits until every store has its first list, but for that of backups: where their definition is not installed, clusters
    /// are kept all the same.
    ///
    /// # Errors
    /// When a watch was dropped, which happens only at the end of the process.
    pub async fn ready(&self) -> Result<(), reflector::store::WriterDropped> {
        for store in self.kinds.values() {
            store.wait_until_ready().await?;
        }
        self.pods.wait_until_ready().await?;
        self.claims.wait_until_ready().await?;
        self.images.ready().await?;
        self.nodes.wait_until_ready().await
    }

    /// What servers said of their settings.
    pub fn servers(&self) -> &ServerCache {
        &self.servers
    }

    /// What was found in the way of clusters.
    pub(super) fn looks(&self) -> &Looks {
        &self.looks
    }

    /// Which version is which image.
    pub fn images(&self) -> CatalogSeen {
        self.images.seen()
    }

    /// True when PodMonitors are watched.
    pub fn pod_monitors(&self) -> bool {
        self.kinds.contains_key(&Kind::PodMonitor)
    }

    /// Children of a cluster that its very object owns, and the passwords that stay with its volumes.
    pub fn children(&self, name: &ClusterName, uid: &str) -> Children {
        let mut children = BTreeMap::new();
        for (kind, store) in &self.kinds {
            for object in store.state().iter().filter(|object| belongs(object.as_ref(), name)) {
                if own::child(*kind, &object.metadata, name, uid) {
                    let body = serde_json::to_value(object.as_ref()).unwrap_or_default();
                    children.insert(ChildRef::new(*kind, object.name_any()), body);
                }
            }
        }
        Children(children)
    }

    /// Pods of a cluster.
    pub fn pods(&self, name: &ClusterName) -> BTreeMap<String, PodSeen> {
        let own = self.pods.state().into_iter().filter(|pod| belongs(pod.as_ref(), name));
        own.map(|pod| (pod.name_any(), pods::pod(&pod))).collect()
    }

    /// Volume claims of a cluster.
    pub fn volumes(&self, name: &ClusterName) -> BTreeMap<String, VolumeSeen> {
        let own = self.claims.state().into_iter().filter(|claim| belongs(claim.as_ref(), name));
        own.map(|claim| (claim.name_any(), pods::volume(&claim))).collect()
    }

    /// Backups of this very cluster; none while the first list is on its way.
    pub fn backups(&self, cluster: &PostgresCluster) -> Option<BTreeMap<String, BackupSeen>> {
        self.backups.wait_until_ready().now_or_never()?.ok()?;
        let all = self.backups.state();
        Some(backups::of_cluster(all.iter().map(AsRef::as_ref), cluster))
    }

    /// Nodes that are being emptied, and the sign of it.
    pub fn draining(&self) -> BTreeMap<String, String> {
        let nodes = self.nodes.state();
        nodes.iter().filter_map(|node| Some((node.name_any(), nodes::draining(node)?))).collect()
    }
}

fn selected() -> watcher::Config {
    watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={MANAGER}")).any_semantic()
}

/// Field managers are half of an object's size and tell nothing here.
pub(super) fn prune<K: Resource>(object: &mut K) {
    object.managed_fields_mut().clear();
}

fn belongs<K: Resource>(object: &K, name: &ClusterName) -> bool {
    let meta = object.meta();
    meta.namespace.as_deref() == Some(&name.namespace)
        && meta.labels.as_ref().and_then(|labels| labels.get(LABEL_CLUSTER)) == Some(&name.name)
}

/// Turns events of children into clusters to look at, leaving out events that change nothing that counts: Patroni writes
/// its position into the pod's annotations in every round.
fn wake<K: Resource + Send + 'static>(
    events: impl futures::Stream<Item = Result<K, watcher::Error>> + Send + 'static,
    fingerprint: impl Fn(&K) -> u64 + Send + 'static,
) -> Trigger {
    wake_of(events, fingerprint, |object| object.labels().get(LABEL_CLUSTER).cloned())
}

/// The same for objects that tell their cluster in another way.
fn wake_of<K: Resource + Send + 'static>(
    events: impl futures::Stream<Item = Result<K, watcher::Error>> + Send + 'static,
    fingerprint: impl Fn(&K) -> u64 + Send + 'static,
    cluster: impl Fn(&K) -> Option<String> + Send + 'static,
) -> Trigger {
    let mut known: HashMap<(String, String), u64> = HashMap::new();
    events
        .filter_map(move |event| {
            let cluster = event
                .inspect_err(|error| tracing::warn!(%error, "a watch broke off and starts again"))
                .ok()
                .and_then(|object| {
                    let key = (object.namespace().unwrap_or_default(), object.name_any());
                    let print = fingerprint(&object);
                    let same = known.insert(key.clone(), print) == Some(print);
                    let name = cluster(&object)?;
                    (!same).then(|| ObjectRef::new(&name).within(&key.0))
                });
            futures::future::ready(cluster)
        })
        .boxed()
}

/// Clusters with a pod on a node that begins or ceases to be emptied. A node's heartbeat changes nothing that counts.
fn wake_by_node(
    events: impl futures::Stream<Item = Result<Node, watcher::Error>> + Send + 'static,
    pods: Store<Pod>,
) -> Trigger {
    let mut known: HashMap<String, Option<String>> = HashMap::new();
    events
        .flat_map(move |event| {
            let node = event
                .inspect_err(|error| tracing::warn!(%error, "the watch of nodes broke off and starts again"))
                .ok()
                .filter(|node| {
                    let sign = nodes::draining(node);
                    known.insert(node.name_any(), sign.clone()).unwrap_or_default() != sign
                });
            let clusters: HashSet<ObjectRef<PostgresCluster>> =
                node.map(|node| clusters_on(&node.name_any(), &pods)).unwrap_or_default();
            futures::stream::iter(clusters)
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
fn clusters_of(store: &Store<DynamicObject>) -> HashSet<ObjectRef<PostgresCluster>> {
    let objects = store.state();
    let cluster = |object: &DynamicObject| {
        let name = object.labels().get(LABEL_CLUSTER)?;
        Some(ObjectRef::new(name).within(&object.namespace().unwrap_or_default()))
    };
    objects.iter().filter_map(|object| cluster(object)).collect()
}

fn fingerprint(value: &impl std::fmt::Debug) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{value:?}").hash(&mut hasher);
    hasher.finish()
}

fn fingerprint_all<K: Resource>(object: &K) -> u64 {
    let meta = object.meta();
    fingerprint(&(&meta.resource_version, &meta.uid, meta.deletion_timestamp.is_some()))
}
