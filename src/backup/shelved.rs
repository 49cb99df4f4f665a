//! The manifest in the archive: when it is put there and when it goes. Pure. Why: `docs/decisions/0042-manifests-in-the-archive.md`.

use jiff::Timestamp;

use crate::api::{BackupPhase, BackupStatus, PostgresBackup};
use crate::name::digest;

use super::copy::Errand;
use super::decide::{Again, Decision, PATIENCE, act, rest};
use super::facts::{Seen, Shelf};
use super::manifest::for_archive;
use super::step::Step;

/// How the reason begins of a backup that waits for its manifest to go.
const WAITS: &str = "its manifest in the archive waits to be removed";

/// Digest of the manifest that the archive should have; none for a backup of a cluster that had no archive, or that did not succeed.
pub fn wanted(backup: &PostgresBackup) -> Option<String> {
    let status = backup.status.as_ref().filter(|status| status.phase == BackupPhase::Succeeded)?;
    let archived = status.source.as_ref().is_some_and(|source| source.archived == Some(true));
    archived.then(|| digest(for_archive(backup).as_bytes()))
}

/// True when the archive has not what it should: the way to it is looked for then alone, so that a good backup costs nothing.
pub fn is_due(backup: &PostgresBackup) -> bool {
    let has = backup.status.as_ref().and_then(|status| status.archive_manifest.as_ref());
    if backup.metadata.deletion_timestamp.is_some() {
        return has.is_some() && !backup.spec.hold;
    }
    match backup.status.as_ref().map(|status| status.phase) {
        Some(BackupPhase::Succeeded) => wanted(backup).is_some_and(|wanted| has != Some(&wanted)),
        Some(BackupPhase::Lost) => has.is_some(),
        _ => false,
    }
}

/// What puts it there; none when it is there, or nobody leads there now.
pub fn shelved(seen: &Seen, status: &BackupStatus) -> Option<Step> {
    let wanted = wanted(&seen.backup).filter(|wanted| status.archive_manifest.as_ref() != Some(wanted));
    match (wanted, &seen.shelf) {
        (Some(_), Shelf::Reached(member)) => {
            Some(Step::Shelve { member: member.clone(), errand: Errand::of(&seen.backup)? })
        }
        _ => None,
    }
}

/// What takes it out; else when to look again.
pub fn unshelved(seen: &Seen, status: &BackupStatus) -> Result<Decision, Again> {
    let has = status.archive_manifest.is_some();
    match (&seen.shelf, Errand::of(&seen.backup)) {
        (Shelf::Reached(member), Some(errand)) if has => {
            Ok(act(status.clone(), Step::Unshelve { member: member.clone(), errand }))
        }
        (Shelf::Silent(_), Some(_)) if has => Err(Again::Later),
        _ => Err(Again::Never),
    }
}

/// The same while the object is being deleted; none when nothing more is to be waited for. A manifest that stays does no harm: an import
/// asks the archive, and a restore the provider, whether what it tells of is there.
pub fn unshelved_at_end(seen: &Seen, status: &BackupStatus, now: Timestamp) -> Option<Decision> {
    match (unshelved(seen, status), &seen.shelf) {
        (Ok(decision), _) => Some(decision),
        (Err(Again::Later), Shelf::Silent(why)) => {
            let asked = seen.backup.metadata.deletion_timestamp.as_ref()?.0;
            let patient = now.duration_since(asked) <= PATIENCE;
            let status = BackupStatus { reason: Some(format!("{WAITS}: {why}")), ..status.clone() };
            patient.then(|| rest(status, Again::Soon))
        }
        _ => None,
    }
}
