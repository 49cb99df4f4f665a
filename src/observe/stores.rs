//! Watches and their stores. Reconciles read from memory; a change of a child wakes the cluster that it belongs to.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::Arc;

use futures::stream::{self, BoxStream, SelectAll, Stream, StreamExt};
use k8s_openapi::api::core::v1::{Event, Node, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::core::{DynamicObject, TypeMeta};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};

use crate::api::{PostgresBackup, PostgresCluster};
use crate::child::{ChildRef, Kind};
use crate::contest::Contests;
use crate::images::CatalogSeen;
use crate::name::{ClusterName, LABEL_CLUSTER, LABEL_MANAGED_BY, MANAGER};
use crate::own;

use super::facts::{BackupSeen, Children, PodSeen, VolumeSeen};
use super::images::Images;
use super::named::Named;
use super::packed::Packed;
use super::refusal::Refusal;
use super::server::ServerCache;
use super::shelf::{Rule, Shelf};
use super::standing::Looks;
use super::wake::{fingerprint, fingerprint_all, wake_by_node, wake_of};
use super::{backups, nodes, pods, refusal};

/// A stream of clusters to look at.
pub type Trigger = BoxStream<'static, ObjectRef<PostgresCluster>>;

/// Objects that one page of a list has: each is whole for a moment, also where little of it is kept.
const PAGE: u32 = 100;

/// All stores.
#[derive(Clone)]
pub struct Stores {
    kinds: BTreeMap<Kind, Shelf<Packed>>,
    pods: Shelf<PodSeen>,
    claims: Shelf<VolumeSeen>,
    backups: Shelf<PostgresBackup>,
    refusals: Store<Event>,
    nodes: Store<Node>,
    classes: Store<StorageClass>,
    servers: ServerCache,
    images: Images,
    named: Named,
    looks: Looks,
    contests: Contests,
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
            let rule = Rule { cluster: of_label, print: fingerprint_all, keep: |object| Packed::of(&object) };
            let events = watcher(api, selected()).modify(name).default_backoff();
            let (shelf, woken) = Shelf::fill(rule, events);
            kinds.insert(kind, shelf);
            triggers.push(references(woken));
        }
        let rule = Rule {
            cluster: of_label,
            print: |pod| fingerprint(&pods::pod(pod)),
            keep: |pod: Pod| pods::pod(&pod),
        };
        let events = watcher(Api::<Pod>::all(client.clone()), selected()).default_backoff();
        let (pods, woken) = Shelf::fill(rule, events);
        triggers.push(references(woken));
        let rule = Rule {
            cluster: of_label,
            print: fingerprint_all,
            keep: |claim: PersistentVolumeClaim| pods::volume(&claim),
        };
        let events = watcher(Api::<PersistentVolumeClaim>::all(client.clone()), selected()).default_backoff();
        let (claims, woken) = Shelf::fill(rule, events);
        triggers.push(references(woken));
        let (nodes, writer) = reflector::store();
        let watched = watcher(Api::<Node>::all(client.clone()), everything());
        let events = reflector::reflector(writer, watched.modify(nodes::prune)).default_backoff();
        triggers.push(wake_by_node(events, pods.clone()));
        // A person makes backups as well, so no label selects them.
        let rule = Rule {
            cluster: |backup: &PostgresBackup| {
                Some(ClusterName::new(backup.namespace()?, &backup.spec.cluster))
            },
            print: fingerprint_all,
            keep: |backup| backup,
        };
        let all = watcher(Api::<PostgresBackup>::all(client.clone()), everything());
        let (backups, woken) = Shelf::fill(rule, all.modify(backups::prune).default_backoff());
        triggers.push(references(woken));
        let (classes, writer) = reflector::store();
        // Nobody is woken by a class: who waits for one looks again in seconds.
        let events = watcher(Api::<StorageClass>::all(client.clone()), everything());
        let events = reflector::reflector(writer, events.modify(prune)).default_backoff();
        triggers.push(events.filter_map(|_| ready(None)).boxed());
        let (refusals, writer) = reflector::store();
        let all = watcher(Api::<Event>::all(client.clone()), refusal::watched());
        let events = reflector::reflector(writer, all.modify(refusal::prune)).default_backoff();
        let sets: Shelf<Packed> = kinds[&Kind::StatefulSet].clone();
        triggers.push(wake_of(events, fingerprint_all, move |event: &Event| {
            let set = event.involved_object.uid.as_deref()?;
            sets.clusters(|kept| kept.is(set)).into_iter().next().map(|cluster| cluster.name)
        }));
        let (images, changes) = Images::watch(client, namespace);
        // Every cluster has ConfigMaps; one that has none yet is looked at again in seconds by itself.
        let maps: Shelf<Packed> = kinds[&Kind::ConfigMap].clone();
        let all = changes.flat_map(move |()| stream::iter(maps.clusters(|_| true)));
        triggers.push(references(all));
        let stores = Self {
            kinds,
            pods,
            claims,
            backups,
            refusals,
            nodes,
            classes,
            images,
            servers: ServerCache::default(),
            named: Named::default(),
            looks: Looks::default(),
            contests: Contests::default(),
        };
        (stores, triggers.boxed())
    }

    /// Waits until every store has its first list, but for those of backups and events: where the definition is not installed, or
    /// the right is missing, clusters are kept all the same. False when a watch was dropped, which happens only at the end of the process.
    pub async fn ready(&self) -> bool {
        for shelf in self.kinds.values() {
            if !shelf.ready().await {
                return false;
            }
        }
        self.pods.ready().await
            && self.claims.ready().await
            && self.images.ready().await.is_ok()
            && self.classes.wait_until_ready().await.is_ok()
            && self.nodes.wait_until_ready().await.is_ok()
    }

    /// What servers said of their settings.
    pub fn servers(&self) -> &ServerCache {
        &self.servers
    }

    /// What somebody else keeps changing.
    pub fn contests(&self) -> &Contests {
        &self.contests
    }

    /// What was found in the way of clusters.
    pub(super) fn looks(&self) -> &Looks {
        &self.looks
    }

    /// Objects of people that specs name.
    pub fn named(&self) -> &Named {
        &self.named
    }

    /// Which version is which image.
    pub fn images(&self) -> CatalogSeen {
        self.images.seen()
    }

    /// All StorageClasses.
    pub fn classes(&self) -> Vec<StorageClass> {
        self.classes.state().iter().map(|class| class.as_ref().clone()).collect()
    }

    /// True when PodMonitors are watched.
    pub fn pod_monitors(&self) -> bool {
        self.kinds.contains_key(&Kind::PodMonitor)
    }

    /// Children of a cluster that its very object owns, and the passwords that stay with its volumes.
    pub fn children(&self, name: &ClusterName, uid: &str) -> Children {
        let mut children = BTreeMap::new();
        for (kind, shelf) in &self.kinds {
            for (object, kept) in shelf.of(name) {
                if let Some(body) = kept.if_it(|meta| own::child(*kind, meta, name, uid)) {
                    children.insert(ChildRef::new(*kind, object), body);
                }
            }
        }
        Children(children)
    }

    /// Pods of a cluster.
    pub fn pods(&self, name: &ClusterName) -> BTreeMap<String, PodSeen> {
        self.pods.of(name).into_iter().map(|(name, pod)| (name, pod.as_ref().clone())).collect()
    }

    /// Volume claims of a cluster.
    pub fn volumes(&self, name: &ClusterName) -> BTreeMap<String, VolumeSeen> {
        self.claims.of(name).into_iter().map(|(name, claim)| (name, claim.as_ref().clone())).collect()
    }

    /// Backups of this very cluster; none while the first list is on its way.
    pub fn backups(&self, cluster: &PostgresCluster) -> Option<BTreeMap<String, BackupSeen>> {
        let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
        let all = self.backups.is_ready().then(|| self.backups.of(&name))?;
        Some(backups::of_cluster(all.values().map(AsRef::as_ref), cluster))
    }

    /// Whether their first list is there.
    pub fn backups_are_known(&self) -> bool {
        self.backups.is_ready()
    }

    /// Backups of all clusters; what is large of them is left out.
    pub fn all_backups(&self) -> Vec<Arc<PostgresBackup>> {
        self.backups.all()
    }

    /// What can't make its pods.
    pub fn refusals(
        &self,
        name: &ClusterName,
        children: &Children,
        pods: &BTreeMap<String, PodSeen>,
    ) -> Vec<Refusal> {
        let all = self.refusals.state();
        let here = all.iter().filter(|event| event.namespace().as_ref() == Some(&name.namespace));
        refusal::refusals(children, pods, here.map(AsRef::as_ref))
    }

    /// Nodes that Kubernetes does not hear of.
    pub fn lost_nodes(&self) -> BTreeSet<String> {
        let nodes = self.nodes.state();
        nodes.iter().filter(|node| nodes::lost(node)).map(|node| node.name_any()).collect()
    }

    /// Nodes that are being emptied, and the sign of it.
    pub fn draining(&self) -> BTreeMap<String, String> {
        let nodes = self.nodes.state();
        nodes.iter().filter_map(|node| Some((node.name_any(), nodes::draining(node)?))).collect()
    }
}

fn references(clusters: impl Stream<Item = ClusterName> + Send + 'static) -> Trigger {
    clusters.map(|cluster| ObjectRef::new(&cluster.name).within(&cluster.namespace)).boxed()
}

fn everything() -> watcher::Config {
    watcher::Config::default().page_size(PAGE).any_semantic()
}

fn selected() -> watcher::Config {
    everything().labels(&format!("{LABEL_MANAGED_BY}={MANAGER}"))
}

/// Field managers are half of an object's size and tell nothing here.
pub(super) fn prune<K: Resource>(object: &mut K) {
    object.managed_fields_mut().clear();
}

/// The cluster that an object's label names.
fn of_label<K: Resource>(object: &K) -> Option<ClusterName> {
    Some(ClusterName::new(object.namespace()?, object.labels().get(LABEL_CLUSTER)?))
}
