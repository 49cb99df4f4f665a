//! Writes of `PostgresBackup` objects. Each may be made twice.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::api::{BackupPhase, PostgresBackup};
use crate::name::{
    ANNOTATION_MISSED, ANNOTATION_VERIFY, MANAGER, RETENTION_MANAGER, SCHEDULE_MANAGER, scheduled_drill,
};
use crate::repeat::{gone, there};

use super::Writer;

fn backups(writer: &Writer<'_>) -> Api<PostgresBackup> {
    Api::namespaced(writer.client.clone(), &writer.name.namespace)
}

fn by(manager: &str) -> PatchParams {
    PatchParams { field_manager: Some(manager.into()), ..PatchParams::default() }
}

/// Makes the object. One of this name is this very run.
pub async fn create(writer: &Writer<'_>, backup: &PostgresBackup) -> Result<(), kube::Error> {
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    there(backups(writer).create(&params, backup).await)
}

/// Makes the object, marked from the start so that nobody begins it, and then writes its end.
pub async fn record_missed(
    writer: &Writer<'_>,
    backup: &PostgresBackup,
    reason: &str,
    at: Timestamp,
) -> Result<(), kube::Error> {
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    let made = match backups(writer).create(&params, backup).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let marked = |there: &PostgresBackup| there.annotations().contains_key(ANNOTATION_MISSED);
            backups(writer).get_opt(&backup.name_any()).await?.filter(marked)
        }
        made => Some(made?),
    };
    // One that somebody made under this name is a backup of his own.
    let Some(uid) = made.and_then(|made| made.metadata.uid) else { return Ok(()) };
    let status = json!({"phase": BackupPhase::Missed, "reason": reason, "completedAt": Time(at)});
    let patch = Patch::Merge(json!({"metadata": {"uid": uid}, "status": status}));
    gone(backups(writer).patch_status(&backup.name_any(), &by(SCHEDULE_MANAGER), &patch).await)
}

/// Deletes a backup as it was judged. Retention deletes the snapshots as well, so a deletion policy that keeps them is
/// changed first.
pub async fn delete(
    writer: &Writer<'_>,
    name: &str,
    uid: &str,
    version: &str,
    retains: bool,
) -> Result<(), kube::Error> {
    let mut version = version.to_owned();
    if retains {
        let patch = json!({
            "metadata": {"uid": uid, "resourceVersion": version},
            "spec": {"deletionPolicy": "Delete"},
        });
        match backups(writer).patch(name, &by(RETENTION_MANAGER), &Patch::Merge(patch)).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
            changed => version = changed?.resource_version().unwrap_or_default(),
        }
    }
    let only = Preconditions { uid: Some(uid.to_owned()), resource_version: Some(version) };
    let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
    gone(backups(writer).delete(name, &params).await)
}

/// Writes what keeps a backup.
pub async fn note_kept(
    writer: &Writer<'_>,
    name: &str,
    uid: Option<&str>,
    until: Option<Timestamp>,
    keepers: &[String],
) -> Result<(), kube::Error> {
    let status = json!({"keptUntil": until.map(Time), "keptBy": keepers});
    let patch = json!({"metadata": {"uid": uid}, "status": status});
    gone(backups(writer).patch_status(name, &by(RETENTION_MANAGER), &Patch::Merge(patch)).await)
}

/// Asks for a drill, onto the backup as it was judged.
pub async fn request_drill(
    writer: &Writer<'_>,
    name: &str,
    uid: &str,
    version: &str,
    moment: Timestamp,
) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {
        "uid": uid,
        "resourceVersion": version,
        "annotations": {ANNOTATION_VERIFY: scheduled_drill(moment)},
    }});
    gone(backups(writer).patch(name, &by(SCHEDULE_MANAGER), &Patch::Merge(patch)).await)
}
