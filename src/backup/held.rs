//! The snapshots of a backup by their handles: whether they are there, and how they go. What holds them in Kubernetes may be deleted by
//! anybody with rights in the namespace, and is made anew; what the provider has counts. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BackupPhase, BackupStatus, GroupBackup, PostgresBackup};
use crate::name::{LABEL_BACKUP_UID, LABEL_CLUSTER, LABEL_CLUSTER_UID, LABEL_MANAGED_BY, MANAGER, snapshot};
use crate::snapshot::{Held, Stage};

use super::decide::{Again, Decision, act, rest};
use super::facts::Seen;
use super::step::Step;

/// How long a snapshot that was taken in by its handle may be without its maker's word: controllers that are away for an upgrade are back.
const IMPORT_DEADLINE: SignedDuration = SignedDuration::from_hours(1);

/// A snapshot of the backup whose handle is known.
pub fn held(backup: &PostgresBackup, group: &GroupBackup) -> Option<Held> {
    let record = group.snapshot.as_ref()?;
    let source = backup.status.as_ref()?.source.as_ref()?;
    let uid = backup.metadata.uid.as_deref().unwrap_or_default();
    Some(Held {
        namespace: backup.metadata.namespace.clone().unwrap_or_default(),
        name: record.name.clone(),
        handle: record.handle.clone()?,
        driver: record.driver.clone()?,
        labels: labels(&backup.spec.cluster, &source.cluster_uid, uid),
    })
}

/// What lets go of the snapshots, by their handles; none when nothing is left of them. What lost its objects is taken in first, since
/// Kubernetes deletes nothing that it does not know; what was let go of and has none any more is gone.
pub fn release(seen: &Seen, status: &BackupStatus, reason: &str, now: Timestamp) -> Option<Decision> {
    let mut status = status.clone();
    let (mut lost, mut names) = (Vec::new(), Vec::new());
    for group in &mut status.groups {
        let name = snapshot(seen.uid(), group.group);
        let held = held(&seen.backup, group);
        let Some(found) = seen.snapshots.get(&name) else { continue };
        match (&found.stage, &mut group.snapshot) {
            (Stage::Adrift(_), Some(record)) if record.released => {}
            (Stage::Adrift(_), Some(record)) => {
                record.imported_at = Some(Time(now));
                lost.extend(held);
            }
            (_, record) => {
                if let Some(record) = record {
                    record.released = true;
                }
                names.push(name);
            }
        }
    }
    if !lost.is_empty() {
        return Some(act(status, Step::Import { held: lost, reason: reason.to_owned() }));
    }
    let step = Step::DeleteSnapshots { names, reason: reason.to_owned() };
    matches!(&step, Step::DeleteSnapshots { names, .. } if !names.is_empty()).then(|| act(status, step))
}

/// Labels that a snapshot is ordered with.
pub fn labels(cluster: &str, cluster_uid: &str, uid: &str) -> BTreeMap<String, String> {
    let labels = [
        (LABEL_MANAGED_BY, MANAGER),
        (LABEL_CLUSTER, cluster),
        (LABEL_CLUSTER_UID, cluster_uid),
        (LABEL_BACKUP_UID, uid),
    ];
    labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// Nothing when all snapshots of a good backup are there; else what is done about it. What lost its objects in Kubernetes is taken in by its
/// handle, and lost only when its maker does not confirm it.
pub fn snapshots_held(seen: &Seen, status: &mut BackupStatus, now: Timestamp) -> Option<Decision> {
    let find = "find out who deleted it, and take another backup now";
    let mut lost = Vec::new();
    let (mut adrift, mut words, mut waits) = (Vec::new(), Vec::new(), false);
    for group in &mut status.groups {
        let held = held(&seen.backup, group);
        let Some(record) = &mut group.snapshot else { continue };
        let since = record.imported_at.as_ref().map(|at| at.0);
        let late = since.is_some_and(|since| now.duration_since(since) > IMPORT_DEADLINE);
        let found = seen.snapshots.get(&record.name);
        match found.map(|found| &found.stage) {
            None => lost.push(format!(
                "snapshot {} is not there any more, and the operator did not delete it: {find}",
                record.name
            )),
            Some(Stage::Failed(cause)) => lost.push(format!("snapshot {}: {cause}", record.name)),
            Some(Stage::Ready) => record.imported_at = None,
            Some(_) if late => {
                let trouble = found.and_then(|found| found.trouble.clone());
                let trouble = trouble.unwrap_or_else(|| "nobody says why".into());
                lost.push(format!(
                    "snapshot {} was taken in by its handle {}, and its maker did not confirm it in {} minutes ({trouble}): {find}",
                    record.name,
                    record.handle.clone().unwrap_or_default(),
                    IMPORT_DEADLINE.as_mins(),
                ));
            }
            Some(Stage::Adrift(why)) => {
                record.imported_at = Some(Time(since.unwrap_or(now)));
                adrift.extend(held);
                words.push(why.clone());
            }
            // Ones that were never taken in are as good as they were: their maker may complain of anything.
            Some(Stage::Ordered | Stage::Cut) => waits |= since.is_some(),
        }
    }
    if !lost.is_empty() {
        status.phase = BackupPhase::Lost;
        status.reason = Some(lost.join("; "));
        return Some(rest(status.clone(), Again::Soon));
    }
    if !adrift.is_empty() {
        let reason = words.join("; ");
        status.reason = Some(format!("{reason}: it is taken in again by its handle"));
        return Some(act(status.clone(), Step::Import { held: adrift, reason }));
    }
    if waits {
        return Some(rest(status.clone(), Again::Soon));
    }
    status.reason = None;
    None
}
