//! Writes of a restore. Each object is made once: what is there already is left as it is, since a claim that has its volume can't be
//! changed into another; and where it is somebody else's, the step fails.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::child::{ChildRef, Kind};
use crate::name::{ANNOTATION_SETTLED, LABEL_RETIRED, MANAGER};
use crate::observe::{Observed, PatroniMap};
use crate::own;
use crate::repeat::gone;
use crate::snapshot::csi;

use super::child::{delete, delete_from};
use super::{Error, Writer};

/// Makes the pair by which Kubernetes knows the snapshot. The content comes first: a `VolumeSnapshot` without it would tell
/// of an error.
pub(super) async fn import(
    writer: &Writer<'_>,
    content: &Value,
    snapshot: &Value,
    seen: &Observed,
    what: impl Fn() -> String,
) -> Result<(), Error> {
    let uid = seen.cluster.uid().unwrap_or_default();
    // Its name has the cluster's UID, and who makes one may do all in the whole Kubernetes cluster.
    let contents = Api::all_with(writer.client.clone(), &csi::contents());
    create(&contents, content, |_| true, &what).await?;
    create(&snapshots(writer), snapshot, |meta| own::controlled(meta, &uid), &what).await
}

/// Makes a claim.
pub(super) async fn claim(writer: &Writer<'_>, body: &Value, what: impl Fn() -> String) -> Result<(), Error> {
    let resource = ApiResource::erase::<PersistentVolumeClaim>(&());
    let api = Api::namespaced_with(writer.client.clone(), &writer.name.namespace, &resource);
    create(&api, body, |meta| own::claim(meta, &writer.name), what).await
}

/// Removes the pair of snapshot and content, each by its name and UID, where it is there. The content says `Retain`, so the snapshot
/// itself stays.
pub(super) async fn forget(
    writer: &Writer<'_>,
    [snapshot, content]: [(&String, Option<&str>); 2],
) -> Result<(), kube::Error> {
    let contents: Api<DynamicObject> = Api::all_with(writer.client.clone(), &csi::contents());
    for (api, (name, uid)) in [(snapshots(writer), snapshot), (contents, content)] {
        if let Some(uid) = uid {
            delete_from(&api, name, uid, DeleteParams::default()).await?;
        }
    }
    Ok(())
}

/// Removes Patroni's ConfigMaps of a group without members.
pub(super) async fn clear(writer: &Writer<'_>, maps: &[PatroniMap]) -> Result<(), kube::Error> {
    for map in maps {
        let reference = ChildRef::new(Kind::ConfigMap, &map.name);
        delete(writer, &reference, &map.uid, DeleteParams::default()).await?;
    }
    Ok(())
}

/// Takes entries out of the ConfigMap that members mount. A merge patch, since applying takes away only what the operator itself wrote.
pub(super) async fn drop_orders(
    writer: &Writer<'_>,
    map: &str,
    uid: &str,
    entries: &[String],
) -> Result<(), kube::Error> {
    let maps: Api<ConfigMap> = Api::namespaced(writer.client.clone(), &writer.name.namespace);
    let none: BTreeMap<&String, Value> = entries.iter().map(|entry| (entry, Value::Null)).collect();
    let patch = json!({"metadata": {"uid": uid}, "data": none});
    gone(maps.patch(map, &PatchParams::default(), &Patch::Merge(patch)).await)
}

/// Marks a claim as data in service for good. Nothing takes the mark off.
pub(super) async fn settle(writer: &Writer<'_>, claim: &str, uid: Option<&str>) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {"uid": uid, "annotations": {ANNOTATION_SETTLED: "true"}}});
    claims(writer).patch(claim, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
}

/// Marks a claim as out of service.
pub(super) async fn retire(
    writer: &Writer<'_>,
    claim: &str,
    uid: Option<&str>,
    generation: u32,
) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {"uid": uid, "labels": {LABEL_RETIRED: generation.to_string()}}});
    claims(writer).patch(claim, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
}

/// Gives a claim the owner that it goes with. The UID in the patch is a precondition: a claim that was made anew is left alone.
pub(super) async fn hand_over(
    writer: &Writer<'_>,
    claim: &str,
    claim_uid: &str,
    owner: &str,
    uid: &str,
) -> Result<(), kube::Error> {
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid});
    let patch = json!({"metadata": {"uid": claim_uid, "ownerReferences": [owner]}});
    gone(claims(writer).patch(claim, &PatchParams::default(), &Patch::Merge(patch)).await)
}

/// Deletes the owner of claims; the garbage collector removes them after it.
pub(super) async fn forget_volumes(writer: &Writer<'_>, owner: &str, uid: &str) -> Result<(), kube::Error> {
    delete(writer, &ChildRef::new(Kind::ConfigMap, owner), uid, DeleteParams::background()).await
}

fn claims(writer: &Writer<'_>) -> Api<PersistentVolumeClaim> {
    Api::namespaced(writer.client.clone(), &writer.name.namespace)
}

fn snapshots(writer: &Writer<'_>) -> Api<DynamicObject> {
    Api::namespaced_with(writer.client.clone(), &writer.name.namespace, &csi::snapshots())
}

/// Makes an object. One that is there counts as made by the same step where it is the cluster's own.
async fn create(
    api: &Api<DynamicObject>,
    body: &Value,
    ours: impl Fn(&ObjectMeta) -> bool,
    what: impl Fn() -> String,
) -> Result<(), Error> {
    let failed = |cause| Error::Api { what: what(), cause };
    let object: DynamicObject =
        serde_json::from_value(body.clone()).map_err(|cause| failed(kube::Error::SerdeError(cause)))?;
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    match api.create(&params, &object).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let name = object.name_any();
            let found = api.get_metadata_opt(&name).await.map_err(failed)?;
            // One that went meanwhile is made by the same step the next time.
            if found.is_none_or(|found| ours(&found.metadata)) {
                return Ok(());
            }
            let kind = object.types.map(|types| types.kind).unwrap_or_default();
            Err(Error::Taken { what: what(), object: format!("{kind} {name}") })
        }
        other => other.map(drop).map_err(failed),
    }
}
