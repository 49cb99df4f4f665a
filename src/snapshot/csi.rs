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

use super::held;
use super::{Error, Held, Made, Order, Provider, Seen, Stage, backup_uid};
use crate::name::{LABEL_BACKUP_UID, MANAGER};
use crate::repeat::{gone, there};
use crate::tuning::units::quantity_bytes;

/// Group of snapshots.
pub(super) const GROUP: &str = "snapshot.storage.k8s.io";
/// Where a snapshot tells its content.
const BOUND: &str = "/status/boundVolumeSnapshotContentName";

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
        let content = match text(&snapshot.data, BOUND) {
            Some(bound) => self.contents().get_opt(&bound).await.map_err(failed)?,
            None => None,
        };
        Ok(Some(seen(&snapshot, content.as_ref())))
    }

    async fn health_of(&self, held: &Held) -> Result<Option<Seen>, kube::Error> {
        let snapshot = self.snapshots(&held.namespace).get_opt(&held.name).await?;
        let bound = snapshot.as_ref().and_then(|one| text(&one.data, BOUND));
        let content = match bound {
            Some(bound) => self.contents().get_opt(&bound).await?,
            None => None,
        };
        Ok(Some(held::health(held, snapshot.as_ref(), content.as_ref())))
    }

    /// Whatever of it was done before, and whatever is left of what held it.
    async fn take_in(&self, held: &Held) -> Result<(), kube::Error> {
        let name = held::content_name(held);
        let snapshots = self.snapshots(&held.namespace);
        let snapshot = snapshots.get_opt(&held.name).await?;
        if let Some(stale) = snapshot.as_ref().filter(|one| is_ours(&one.metadata, &held.name)) {
            // It may be bound to what is gone, and can't be to anything else.
            if text(&stale.data, "/spec/source/volumeSnapshotContentName").as_ref() != Some(&name) {
                let only = Preconditions { uid: stale.uid(), resource_version: None };
                let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
                return gone(snapshots.delete(&held.name, &params).await);
            }
        }
        for old in self.set_policy(&held.namespace, &held.name, "Retain").await? {
            let bound = text(&old.data, "/spec/volumeSnapshotRef/uid");
            let to_this = bound.is_none() || bound == snapshot.as_ref().and_then(ResourceExt::uid);
            if old.name_any() != name || !to_this {
                gone(self.contents().delete(&old.name_any(), &DeleteParams::default()).await)?;
            }
        }
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        there(self.contents().create(&params, &held::content(held)).await)?;
        there(snapshots.create(&params, &held::snapshot(held)).await)
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
        // What was taken in a moment ago is not guarded yet: it would go at once, and what it stands for would stay.
        if found.iter().any(|content| content.finalizers().is_empty()) {
            return Ok(());
        }
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

    fn health<'a>(&'a self, held: &'a Held) -> BoxFuture<'a, Result<Option<Seen>, Error>> {
        let seen = self.health_of(held);
        seen.map(move |seen| seen.map_err(|cause| error(format!("look at snapshot {}", held.name), cause)))
            .boxed()
    }

    fn import<'a>(&'a self, held: &'a Held) -> BoxFuture<'a, Result<(), Error>> {
        let done = self.take_in(held);
        done.map(move |done| done.map_err(|cause| error(format!("take in snapshot {}", held.name), cause)))
            .boxed()
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

    fn made(&self) -> BoxFuture<'_, Result<Vec<Made>, Error>> {
        async move {
            // Of contents, and not of snapshots: those go with their namespaces.
            let found = self.contents().list(&ListParams::default()).await;
            let found = found.map_err(|cause| error("list the contents of snapshots".into(), cause))?;
            Ok(found.items.iter().filter_map(made).collect())
        }
        .boxed()
    }
}

fn made(content: &DynamicObject) -> Option<Made> {
    let bound = |field: &str| text(&content.data, &format!("/spec/volumeSnapshotRef/{field}"));
    let name = bound("name")?;
    Some(Made {
        backup_uid: backup_uid(&name)?.to_owned(),
        namespace: bound("namespace").unwrap_or_default(),
        place: format!("VolumeSnapshotContent {}", content.name_any()),
        made_at: content.creation_timestamp().map_or(0, |at| at.0.as_second()),
        name,
    })
}

/// True of a snapshot that a backup ordered: its label has the UID that its name is made of.
pub(super) fn is_ours(meta: &ObjectMeta, name: &str) -> bool {
    let uid = meta.labels.as_ref().and_then(|labels| labels.get(LABEL_BACKUP_UID));
    uid.is_some_and(|uid| name.starts_with(&format!("stylobate-{uid}-")))
}

/// What the two objects say together.
pub(super) fn seen(snapshot: &DynamicObject, content: Option<&DynamicObject>) -> Seen {
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

pub(super) fn text(data: &Value, path: &str) -> Option<String> {
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
