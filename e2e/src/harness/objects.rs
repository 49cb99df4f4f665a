//! Objects of all kinds by name and label: what a suite makes beside clusters, and what should be there or gone.

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};

use crate::broken::{Kept, same, says};
use crate::ensure;

use super::cluster::{Cluster, LABEL};
use super::stage::Stage;

/// A kind that a cluster has children of, or pods.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    group: &'static str,
    version: &'static str,
    /// Its name, as `ConfigMap`.
    pub name: &'static str,
}

/// By Kubernetes' name, as `Pod`.
pub const fn kind(group: &'static str, version: &'static str, name: &'static str) -> Kind {
    Kind { group, version, name }
}

impl Kind {
    /// As a client of objects whose type is not known asks for it.
    pub fn resource(&self) -> ApiResource {
        ApiResource::from_gvk(&GroupVersionKind::gvk(self.group, self.version, self.name))
    }
}

/// VolumeSnapshots.
pub const SNAPSHOT: Kind = kind("snapshot.storage.k8s.io", "v1", "VolumeSnapshot");
/// Pods.
pub const POD: Kind = kind("", "v1", "Pod");
/// What a cluster owns directly.
pub const CHILDREN: [Kind; 10] = [
    kind("", "v1", "ServiceAccount"),
    kind("rbac.authorization.k8s.io", "v1", "Role"),
    kind("rbac.authorization.k8s.io", "v1", "RoleBinding"),
    kind("", "v1", "Secret"),
    kind("", "v1", "ConfigMap"),
    kind("", "v1", "Service"),
    kind("networking.k8s.io", "v1", "NetworkPolicy"),
    kind("apps", "v1", "StatefulSet"),
    kind("apps", "v1", "Deployment"),
    kind("policy", "v1", "PodDisruptionBudget"),
];
/// Of these Kubernetes' own controllers write the status.
const WRITTEN_BY_OTHERS: [&str; 3] = ["StatefulSet", "Deployment", "PodDisruptionBudget"];

impl Cluster<'_> {
    /// Each child that only the operator writes: kind and name, identity, version.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn children(&self) -> Kept<Vec<[String; 3]>> {
        let uid = self.get().await?.uid();
        let mut children = Vec::new();
        for kind in CHILDREN.iter().filter(|kind| !WRITTEN_BY_OTHERS.contains(&kind.name)) {
            let of = |object: &&DynamicObject| {
                object.owner_references().iter().any(|owner| Some(&owner.uid) == uid.as_ref())
            };
            children.extend(self.stage.objects(*kind, "").await?.iter().filter(of).map(|object| {
                let name = format!("{}/{}", kind.name, object.name_any());
                [name, object.uid().unwrap_or_default(), object.resource_version().unwrap_or_default()]
            }));
        }
        ensure!(!children.is_empty(), "{} has no children", self.name);
        children.sort();
        Ok(children)
    }

    /// Nothing of a deleted cluster is there but what is kept with its volumes.
    ///
    /// # Errors
    /// What is still there.
    pub async fn owns_nothing(&self) -> Kept {
        let labels = format!("{LABEL}={},stylobate.dev/keep!=true", self.name);
        let mut left = Vec::new();
        for kind in CHILDREN.into_iter().chain([POD]) {
            let found = self.stage.objects(kind, &labels).await?;
            left.extend(found.iter().map(|object| format!("{}/{}", kind.name, object.name_any())));
        }
        same("what is still there", left.join(", ").as_str(), "")
    }
}

impl Stage {
    /// Objects of a kind by label, or all.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn objects(&self, kind: Kind, labels: &str) -> Kept<Vec<DynamicObject>> {
        let client = self.world.client.clone();
        let api = Api::<DynamicObject>::namespaced_with(client, &self.namespace, &kind.resource());
        Ok(api.list(&ListParams::default().labels(labels)).await?.items)
    }

    /// Notes of the events of an object, newest or not.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn events(&self, name: &str) -> Kept<String> {
        let all = Api::<Event>::namespaced(self.world.client.clone(), &self.namespace);
        let all = all.list(&ListParams::default()).await?.items;
        let of =
            |event: &Event| event.regarding.as_ref().and_then(|about| about.name.as_deref()) == Some(name);
        let notes: Vec<String> = all.into_iter().filter(of).filter_map(|event| event.note).collect();
        Ok(notes.join("\n"))
    }

    /// An event of the object holds the text.
    ///
    /// # Errors
    /// What they say instead.
    pub async fn event_tells(&self, name: &str, part: &str) -> Kept {
        says(&format!("an event of {name}"), &self.events(name).await?, part)
    }

    /// Names of VolumeSnapshots, by label or all.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn snapshots(&self, labels: &str) -> Kept<Vec<String>> {
        Ok(self.objects(SNAPSHOT, labels).await?.iter().map(ResourceExt::name_any).collect())
    }

    /// A volume claim.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn claim(&self, name: &str) -> Kept<PersistentVolumeClaim> {
        let claims = Api::<PersistentVolumeClaim>::namespaced(self.world.client.clone(), &self.namespace);
        Ok(claims.get(name).await?)
    }

    /// Whether a ConfigMap is there.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn has_config_map(&self, name: &str) -> Kept<bool> {
        let api = Api::<ConfigMap>::namespaced(self.world.client.clone(), &self.namespace);
        Ok(api.get_opt(name).await?.is_some())
    }

    /// ConfigMaps of the namespace.
    pub fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.world.client.clone(), &self.namespace)
    }

    /// Secrets of the namespace.
    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.world.client.clone(), &self.namespace)
    }

    /// Removes what a deleted cluster leaves on purpose: volumes and Secrets.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn remove_kept(&self, cluster: &str) -> Kept {
        let of = ListParams::default().labels(&format!("{}={cluster}", super::cluster::LABEL));
        let claims = Api::<PersistentVolumeClaim>::namespaced(self.world.client.clone(), &self.namespace);
        claims.delete_collection(&DeleteParams::default(), &of).await?;
        self.secrets().delete_collection(&DeleteParams::default(), &of).await?;
        Ok(())
    }
}
