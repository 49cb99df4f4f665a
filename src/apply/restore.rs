//! Writes of a restore. Each object is made once: what is there already is left as it is, whoever made it, since a claim that
//! has its volume can't be changed into another.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value, json};

use crate::child::Kind;
use crate::name::{LABEL_RETIRED, MANAGER};
use crate::repeat::{gone, there};
use crate::snapshot::csi;

use super::Writer;

/// Makes the pair by which Kubernetes knows the snapshot. The content comes first: a `VolumeSnapshot` without it would tell
/// of an error.
pub(super) async fn import(
    writer: &Writer<'_>,
    content: &Value,
    snapshot: &Value,
) -> Result<(), kube::Error> {
    create(&Api::all_with(writer.client.clone(), &csi::contents()), content).await?;
    create(&snapshots(writer), snapshot).await
}

/// Makes a claim.
pub(super) async fn claim(writer: &Writer<'_>, body: &Value) -> Result<(), kube::Error> {
    let resource = ApiResource::erase::<PersistentVolumeClaim>(&());
    create(&Api::namespaced_with(writer.client.clone(), &writer.name.namespace, &resource), body).await
}

/// Removes the pair. The content says `Retain`, so the snapshot itself stays.
pub(super) async fn forget(writer: &Writer<'_>, name: &str, content: &str) -> Result<(), kube::Error> {
    gone(snapshots(writer).delete(name, &DeleteParams::default()).await)?;
    let contents: Api<DynamicObject> = Api::all_with(writer.client.clone(), &csi::contents());
    gone(contents.delete(content, &DeleteParams::default()).await)
}

/// Removes Patroni's ConfigMaps of a group without members.
pub(super) async fn clear(writer: &Writer<'_>, maps: &[String]) -> Result<(), kube::Error> {
    for map in maps {
        gone(writer.children(Kind::ConfigMap).delete(map, &DeleteParams::default()).await)?;
    }
    Ok(())
}

/// Marks a claim as out of service.
pub(super) async fn retire(writer: &Writer<'_>, claim: &str, generation: u32) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {"labels": {LABEL_RETIRED: generation.to_string()}}});
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
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
        ..DeleteParams::background()
    };
    gone(writer.children(Kind::ConfigMap).delete(owner, &params).await)
}

fn claims(writer: &Writer<'_>) -> Api<PersistentVolumeClaim> {
    Api::namespaced(writer.client.clone(), &writer.name.namespace)
}

fn snapshots(writer: &Writer<'_>) -> Api<DynamicObject> {
    Api::namespaced_with(writer.client.clone(), &writer.name.namespace, &csi::snapshots())
}

async fn create(api: &Api<DynamicObject>, body: &Value) -> Result<(), kube::Error> {
    let object: DynamicObject = serde_json::from_value(body.clone()).map_err(kube::Error::SerdeError)?;
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    there(api.create(&params, &object).await)
}
