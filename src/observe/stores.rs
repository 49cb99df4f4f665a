//! Watches and their stores. Reconciles read from memory; a change of a child wakes the cluster that it belongs to.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt;
use futures::stream::{BoxStream, SelectAll, StreamExt};
use k8s_openapi::api::core::v1::{Event, Node, PersistentVolumeClaim, Pod};
use kube::core::{DynamicObject, TypeMeta};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};

use crate::api::{PostgresBackup, PostgresCluster};
use crate::child::{ChildRef, Kind};
use crate::images::CatalogSeen;
use crate::name::{ClusterName, LABEL_CLUSTER, LABEL_MANAGED_BY, MANAGER};

use super::facts::{BackupSeen, Children, PodSeen, VolumeSeen};
use super::images::Images;
use super::refusal::Refusal;
use super::server::ServerCache;
use super::wake::{clusters_of, fingerprint, fingerprint_all, wake, wake_by_node, wake_of};
use super::{backups, nodes, pods, refusal};

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
    refusals: Store<Event>,
    servers: ServerCache,
    images: Images,
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
            let events =
                reflector::reflector(writer, watcher(api, selected()).modify(name)).default_backoff();
            triggers.push(wake(events, fingerprint_all));
        }
        let (pods, writer) = reflector::store();
        let events =
            reflector::reflector(writer, watcher(Api::<Pod>::all(client.clone()), selected()).modify(prune))
                .default_backoff();
        triggers.push(wake(events, |pod| fingerprint(&pods::pod(pod))));
        let (claims, writer) = reflector::store();
        let api = Api::<PersistentVolumeClaim>::all(client.clone());
        let events = reflector::reflector(writer, watcher(api, selected()).modify(prune)).default_backoff();
        triggers.push(wake(events, fingerprint_all));
        let (nodes, writer) = reflector::store();
        let watched = watcher(Api::<Node>::all(client.clone()), watcher::Config::default().any_semantic());
        let events = reflector::reflector(writer, watched.modify(nodes::prune)).default_backoff();
        triggers.push(wake_by_node(events, pods.clone()));
        let (backups, writer) = reflector::store();
        // A person makes backups as well, so no label selects them.
        let all =
            watcher(Api::<PostgresBackup>::all(client.clone()), watcher::Config::default().any_semantic());
        let events = reflector::reflector(writer, all.modify(backups::prune)).default_backoff();
        triggers.push(wake_of(events, fingerprint_all, |backup: &PostgresBackup| {
            Some(backup.spec.cluster.clone())
        }));
        let (refusals, writer) = reflector::store();
        let all = watcher(Api::<Event>::all(client.clone()), refusal::watched());
        let events = reflector::reflector(writer, all.modify(refusal::prune)).default_backoff();
        let sets = kinds[&Kind::StatefulSet].clone();
        triggers.push(wake_of(events, fingerprint_all, move |event: &Event| {
            let about = &event.involved_object;
            let set = sets.find(|set| set.uid() == about.uid)?;
            set.labels().get(LABEL_CLUSTER).cloned()
        }));
        let (images, changes) = Images::watch(client, namespace);
        // Every cluster has ConfigMaps; one that has none yet is looked at again in seconds by itself.
        let maps = kinds[&Kind::ConfigMap].clone();
        triggers.push(changes.flat_map(move |()| futures::stream::iter(clusters_of(&maps))).boxed());
        (
            Self { kinds, pods, claims, nodes, backups, refusals, servers: ServerCache::default(), images },
            triggers.boxed(),
        )
    }

    /// Waits until every store has its first list, but for those of backups and events: where the definition is not installed, or
    /// the right is missing, clusters are kept all the same.
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
                if owned(*kind, object.as_ref(), name, uid) {
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

/// Owned by this very object. The passwords of the system roles have no owner: they are kept with the volumes, whose data
/// knows them, and a cluster of the same name takes up both (`docs/decisions/0006-kept-passwords.md`).
pub(super) fn owned(kind: Kind, object: &DynamicObject, name: &ClusterName, uid: &str) -> bool {
    let owners = object.owner_references();
    owners.iter().any(|owner| owner.uid == uid)
        || (kind == Kind::Secret && owners.is_empty() && object.name_any() == name.credentials())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(name: &str, owners: serde_json::Value) -> DynamicObject {
        let body = json!({"metadata": {"name": name, "namespace": "shop", "ownerReferences": owners}});
        serde_json::from_value(body).unwrap()
    }

    fn by(uid: &str) -> serde_json::Value {
        json!([{"apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster", "name": "c", "uid": uid}])
    }

    #[test]
    fn a_cluster_made_again_takes_up_the_kept_passwords_and_nothing_else_that_it_does_not_own() {
        let name = ClusterName::new("shop", "c");
        let belongs = |secret: &DynamicObject| owned(Kind::Secret, secret, &name, "u-2");
        assert!(belongs(&secret("c-credentials", json!([]))));
        assert!(belongs(&secret("c-credentials", by("u-2"))));
        assert!(!belongs(&secret("c-credentials", by("u-1"))), "a cluster that is going still has it");
        assert!(!belongs(&secret("c-user-app", json!([]))));
        assert!(!owned(Kind::ConfigMap, &secret("c-credentials", json!([])), &name, "u-2"));
    }
}
