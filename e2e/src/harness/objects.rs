//! Objects of all kinds by name and label: what a suite makes beside clusters, and what should be there or gone.

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt};

use crate::broken::{Kept, says};

use super::stage::Stage;

/// VolumeSnapshots, of which no typed client is at hand.
fn snapshots() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("snapshot.storage.k8s.io", "v1", "VolumeSnapshot"))
}

impl Stage {
    /// Notes of the events of an object, newest or not.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn events(&self, name: &str) -> Kept<String> {
        let all = Api::<Event>::namespaced(self.world.client.clone(), &self.namespace);
        let all = all.list(&ListParams::default()).await?.items;
        let of = |event: &Event| event.regarding.as_ref().and_then(|about| about.name.as_deref()) == Some(name);
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
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.world.client.clone(), &self.namespace, &snapshots());
        Ok(api.list(&ListParams::default().labels(labels)).await?.iter().map(ResourceExt::name_any).collect())
    }

    /// Whether a ConfigMap is there.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn has_config_map(&self, name: &str) -> Kept<bool> {
        let api = Api::<ConfigMap>::namespaced(self.world.client.clone(), &self.namespace);
        Ok(api.get_opt(name).await?.is_some())
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
