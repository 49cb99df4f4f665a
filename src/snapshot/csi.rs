//! Snapshots by the volume's own driver: `VolumeSnapshot` and `VolumeSnapshotContent` of `snapshot.storage.k8s.io/v1`.
//!
//! A snapshot is cut when its content has a creation time and no error: the sidecar sets it from the driver's answer to
//! `CreateSnapshot`, which the CSI specification allows only once the content is held (`CreateSnapshotResponse`,
//! `ready_to_use` false). CloudNativePG counts it the same way.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::{Error, Order, Provider, Seen, Stage};
use crate::name::{LABEL_BACKUP_UID, MANAGER};
use crate::repeat::gone;
use crate::tuning::units::quantity_bytes;

/// Group of snapshots.
const GROUP: &str = "snapshot.storage.k8s.io";

/// What the API server calls the kinds.
fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, "v1", kind), plural)
}

/// `VolumeSnapshot`.
pub fn snapshots() -> ApiResource {
    resource("VolumeSnapshot", "volumesnapshots")
}

/// `VolumeSnapshotContent`.
pub fn contents() -> ApiResource {
    resource("VolumeSnapshotContent", "volumesnapshotcontents")
}

/// `VolumeSnapshotClass`.
pub fn classes() -> ApiResource {
    resource("VolumeSnapshotClass", "volumesnapshotclasses")
}

/// The provider `Csi`.
#[derive(Clone)]
pub struct Csi {
    client: Client,
}

impl Csi {
    /// A provider that asks this API server.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    fn snapshots(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &snapshots())
    }

    fn contents(&self) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &contents())
    }

    async fn make(&self, order: &Order) -> Result<(), Error> {
        let what = || format!("order snapshot {} of volume claim {}", order.name, order.volume.claim);
        let mut spec = json!({"source": {"persistentVolumeClaimName": order.volume.claim}});
        if let Some(class) = &order.class {
            spec["volumeSnapshotClassName"] = class.as_str().into();
        }
        let body = json!({
            "apiVersion": format!("{GROUP}/v1"),
            "kind": "VolumeSnapshot",
            "metadata": {"name": order.name, "namespace": order.namespace, "labels": order.labels},
            "spec": spec,
        });
        let body: DynamicObject = serde_json::from_value(body).expect("an object");
        let api = self.snapshots(&order.namespace);
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        match api.create(&params, &body).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let there = api.get(&order.name).await.map_err(|cause| error(what(), cause))?;
                let ours = order.labels.iter().all(|(key, value)| there.labels().get(key) == Some(value));
                if ours {
                    return Ok(());
                }
                let cause =
                    "one of that name is there that this backup did not make: delete it or rename it".into();
                Err(Error::Refused { what: what(), cause })
            }
            other => other.map(drop).map_err(|cause| error(what(), cause)),
        }
    }

    async fn see(&self, namespace: &str, name: &str) -> Result<Option<Seen>, Error> {
        let failed = |cause| error(format!("look at snapshot {name}"), cause);
        let Some(snapshot) = self.snapshots(namespace).get_opt(name).await.map_err(failed)? else {
            return Ok(None);
        };
        let content = match text(&snapshot.data, "/status/boundVolumeSnapshotContentName") {
            Some(bound) => self.contents().get_opt(&bound).await.map_err(failed)?,
            None => None,
        };
        Ok(Some(seen(&snapshot, content.as_ref())))
    }

    /// Contents are found by what they are bound to: with its namespace the snapshot itself may be gone.
    async fn contents_of(&self, namespace: &str, name: &str) -> Result<Vec<DynamicObject>, kube::Error> {
        let mut all = self.contents().list(&ListParams::default()).await?.items;
        all.retain(|content| {
            text(&content.data, "/spec/volumeSnapshotRef/namespace").as_deref() == Some(namespace)
                && text(&content.data, "/spec/volumeSnapshotRef/name").as_deref() == Some(name)
        });
        Ok(all)
    }

    async fn set_policy(
        &self,
        namespace: &str,
        name: &str,
        policy: &str,
    ) -> Result<Vec<DynamicObject>, kube::Error> {
        let found = self.contents_of(namespace, name).await?;
        for content in &found {
            if text(&content.data, "/spec/deletionPolicy").as_deref() != Some(policy) {
                let patch = Patch::Merge(json!({"spec": {"deletionPolicy": policy}}));
                self.contents().patch(&content.name_any(), &PatchParams::default(), &patch).await?;
            }
        }
        Ok(found)
    }

    async fn remove(&self, namespace: &str, name: &str) -> Result<(), kube::Error> {
        let snapshots = self.snapshots(namespace);
        let live = snapshots.get_metadata_opt(name).await?.map(|live| live.metadata);
        // What somebody made anew under this name stays, and so does what is bound to it.
        if live.as_ref().is_some_and(|live| !is_ours(live, name)) {
            return Ok(());
        }
        let found = self.set_policy(namespace, name, "Delete").await?;
        if let Some(uid) = live.and_then(|live| live.uid) {
            let only = Preconditions { uid: Some(uid), resource_version: None };
            let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
            gone(snapshots.delete(name, &params).await)?;
        }
        for content in found {
            gone(self.contents().delete(&content.name_any(), &DeleteParams::default()).await)?;
        }
        Ok(())
    }
}

impl Provider for Csi {
    fn order<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Error>> {
        self.make(order).boxed()
    }

    fn look<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Option<Seen>, Error>> {
        self.see(namespace, name).boxed()
    }

    fn delete<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        let removed = self.remove(namespace, name);
        removed.map(move |done| done.map_err(|cause| error(format!("delete snapshot {name}"), cause))).boxed()
    }

    fn keep<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        let kept = self.set_policy(namespace, name, "Retain");
        kept.map(move |done| done.map(drop).map_err(|cause| error(format!("keep snapshot {name}"), cause)))
            .boxed()
    }

    fn list<'a>(
        &'a self,
        namespace: &'a str,
        label: &'a str,
        value: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Seen>, Error>> {
        async move {
            let params = ListParams::default().labels(&format!("{label}={value}"));
            let found = self.snapshots(namespace).list(&params).await;
            let found =
                found.map_err(|cause| error(format!("list snapshots with {label}={value}"), cause))?;
            Ok(found.items.iter().map(|snapshot| seen(snapshot, None)).collect())
        }
        .boxed()
    }
}

/// True of a snapshot that a backup ordered: its label has the UID that its name is made of.
fn is_ours(meta: &ObjectMeta, name: &str) -> bool {
    let uid = meta.labels.as_ref().and_then(|labels| labels.get(LABEL_BACKUP_UID));
    uid.is_some_and(|uid| name.starts_with(&format!("stylobate-{uid}-")))
}

/// What the two objects say together.
fn seen(snapshot: &DynamicObject, content: Option<&DynamicObject>) -> Seen {
    let status = |path: &str| text(&snapshot.data, &format!("/status/{path}"));
    let cut_at = status("creationTime").and_then(|at| at.parse::<Timestamp>().ok());
    let trouble = status("error/message");
    let handle = content.and_then(|content| text(&content.data, "/status/snapshotHandle"));
    let ready = snapshot.data.pointer("/status/readyToUse") == Some(&Value::Bool(true));
    let stage = match (cut_at.is_some() && handle.is_some() && trouble.is_none(), ready) {
        (true, true) => Stage::Ready,
        (true, false) => Stage::Cut,
        (false, _) => Stage::Ordered,
    };
    Seen {
        name: snapshot.name_any(),
        handle,
        driver: content.and_then(|content| text(&content.data, "/spec/driver")),
        stage,
        cut_at,
        restore_bytes: status("restoreSize")
            .and_then(|size| quantity_bytes(&size))
            .and_then(|size| size.try_into().ok()),
        trouble,
        labels: BTreeMap::clone(snapshot.labels()),
    }
}

fn text(data: &Value, path: &str) -> Option<String> {
    data.pointer(path).and_then(Value::as_str).map(str::to_owned)
}

/// An answer of the API server in the words of providers.
fn error(what: String, cause: kube::Error) -> Error {
    match cause {
        kube::Error::Api(status)
            if status.code == 404 && status.message.contains("could not find the requested resource") =>
        {
            let cause = "the API server serves no VolumeSnapshot: install the CSI snapshot controller and its definitions".into();
            Error::Refused { what, cause }
        }
        kube::Error::Api(status) if status.code == 429 => {
            Error::Busy { what, cause: status.message.clone(), again_seconds: 10 }
        }
        kube::Error::Api(status) if (400..500).contains(&status.code) && !status.is_conflict() => {
            Error::Refused { what, cause: status.message.clone() }
        }
        other => Error::Unreachable { what, cause: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(body: Value) -> DynamicObject {
        serde_json::from_value(body).unwrap()
    }

    fn stage(status: Value) -> Stage {
        let snapshot = object(json!({"metadata": {"name": "s"}, "status": status}));
        let content = object(json!({
            "metadata": {"name": "c"}, "spec": {"driver": "csi.example"}, "status": {"snapshotHandle": "h-1"},
        }));
        seen(&snapshot, Some(&content)).stage
    }

    #[test]
    fn a_snapshot_that_no_backup_ordered_is_not_ours_whatever_its_name() {
        let ours = |labels: Value| {
            let meta = object(json!({"metadata": {"name": "stylobate-u-1-0", "labels": labels}})).metadata;
            is_ours(&meta, "stylobate-u-1-0")
        };
        assert!(ours(json!({"stylobate.dev/backup-uid": "u-1"})));
        assert!(!ours(json!({})) && !ours(json!({"stylobate.dev/backup-uid": "u-2"})));
    }

    #[test]
    fn a_snapshot_counts_as_cut_from_its_creation_time_on_and_not_while_its_maker_complains() {
        assert_eq!(stage(json!({})), Stage::Ordered);
        assert_eq!(stage(json!({"creationTime": "2026-11-21T12:00:00Z"})), Stage::Cut);
        assert_eq!(stage(json!({"creationTime": "2026-11-21T12:00:00Z", "readyToUse": true})), Stage::Ready);
        let trouble = json!({"creationTime": "2026-11-21T12:00:00Z", "error": {"message": "no space"}});
        assert_eq!(stage(trouble), Stage::Ordered);
        let unbound =
            object(json!({"metadata": {"name": "s"}, "status": {"creationTime": "2026-11-21T12:00:00Z"}}));
        assert_eq!(seen(&unbound, None).stage, Stage::Ordered, "without a handle nothing could be restored");
    }
}
