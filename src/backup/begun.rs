//! Whether an object is the one that the operator began. Tools that keep objects of Kubernetes bring them back under another UID and without
//! their status: a backup of long ago would begin as a new one, and take the place of what it was. So each has its UID as an annotation
//! from its beginning on. Pure. Why: `docs/decisions/0042-manifests-in-the-archive.md`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::api::{BackupPhase, BackupStatus, PostgresBackup};
use crate::name::ANNOTATION_BEGUN_AS;

use super::decide::{Again, Decision, rest};
use super::facts::Seen;

/// True once the annotation has the object's own UID.
pub fn is_marked(backup: &PostgresBackup) -> bool {
    backup.annotations().get(ANNOTATION_BEGUN_AS) == backup.metadata.uid.as_ref()
}

/// UID of the object that this one was when its backup began; none of one that is that object, or was never begun. Who writes it onto an
/// object of his own has no backup made by that object, and nothing else comes of it.
pub fn begun_as_another(backup: &PostgresBackup) -> Option<&str> {
    let told = backup.annotations().get(ANNOTATION_BEGUN_AS).filter(|_| !is_marked(backup))?;
    let phase = backup.status.as_ref().map_or(BackupPhase::Pending, |status| status.phase);
    matches!(phase, BackupPhase::Pending | BackupPhase::NotRun).then_some(told)
}

/// Nothing is made for it, and what to do.
pub fn not_run(seen: &Seen, mut status: BackupStatus, uid: &str, now: Timestamp) -> Decision {
    let name = seen.backup.name_any();
    let uid: String =
        uid.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').take(64).collect();
    status.phase = BackupPhase::NotRun;
    status.completed_at = Some(Time(now));
    (status.silent_since, status.queued_since) = (None, None);
    status.reason = Some(format!(
        "it was begun as the object with UID {uid} and came back without its status, so it is not made again: to restore what it was, have \
         it told by its manifest (stylobate backup import), and name {name} as before; for a new backup make an object without the \
         annotation {ANNOTATION_BEGUN_AS}"
    ));
    rest(status, Again::Soon)
}
