//! What a new cluster begins with: nothing, or a backup that fits it. A cluster that was served once does not look at
//! `spec.bootstrap` again.
//!
//! Smaller `max_connections` and their kind are no problem: while it recovers, Patroni starts a server with what
//! `pg_controldata` says where that is more, and restarts it with less afterwards (`effective_configuration` in its
//! `postgresql/config.py`).

use jiff::Timestamp;

use crate::api::{BackupPhase, BackupStatus, FromBackup, PostgresBackup};
use crate::observe::{Observed, OriginSeen, VolumeSeen};
use crate::restore::in_place::{others, stopped};
use crate::restore::nearest::{goes, may_have};
use crate::restore::{Course, Restore, Stage, Trusted, driver, followed, halting, is_new, was_served, wish};
use crate::tuning::units::quantity_bytes;

use super::origin::{Origin, origin};
use super::point;
use super::storage::human;
use super::{GroupTarget, Problem, Version};

/// Field that names the backup.
pub(super) const NAME: &str = "spec.bootstrap.fromBackup.name";
const NAMESPACE: &str = "spec.bootstrap.fromBackup.namespace";

/// The restore that is under way, or begins.
pub fn restore(
    seen: &Observed,
    group: &GroupTarget,
    version: Version,
    storage_bytes: u64,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Option<Restore> {
    if let Some(Trusted { course, unproven }) = halting(seen, &group.name) {
        let stage = if stopped(seen, &group.name) { Stage::UnderWay } else { Stage::Stopping };
        return Some(Restore { course, stage, unproven });
    }
    if let Some(Trusted { course, unproven }) = followed(seen, &group.name) {
        let pair = &seen.restore.snapshot;
        let settled = settled(seen, group, &course);
        let stage = match settled || runs(seen, group) {
            false => Stage::UnderWay,
            // The record goes last: by it the pair is found, and by the marks no other one is ever begun over these volumes.
            true if pair.snapshot.is_some()
                || pair.content.is_some()
                || !settled
                || !kept_aside(seen, group, &course) =>
            {
                Stage::Over
            }
            true => Stage::Ended,
        };
        return Some(Restore { course, stage, unproven });
    }
    if !is_new(seen, &group.name) || was_served(seen, &group.name, group.generation) {
        return None;
    }
    let before = problems.len();
    let origin = origin(seen, now, problems)?;
    fits(seen, &origin, version, storage_bytes, problems);
    let recovery = point::recovery(seen, &origin, now, problems);
    let mut course =
        Course::begin(origin.backup, now).map_err(|lack| problems.push(origin.problem(lack.0))).ok()?;
    course.chosen.clone_from(&origin.chosen);
    course.wish = Some(wish(&seen.cluster.spec.bootstrap));
    course.recovery = recovery.map(|recovery| recovery.settings()).unwrap_or_default();
    problems.extend(occupied(seen, group, &course, &origin));
    (problems.len() == before).then_some(Restore { course, stage: Stage::UnderWay, unproven: None })
}

/// True when the volumes that are made for the course are marked as data in service: then it is over, whatever a record says.
fn settled(seen: &Observed, group: &GroupTarget, course: &Course) -> bool {
    let clones = (0..course.clones(group.instances)).map(|ordinal| seen.volumes.get(&group.volume(ordinal)));
    clones.flatten().filter(|volume| volume.restored_from.is_some()).all(|volume| volume.settled)
        && seen.volumes.contains_key(&group.volume(0))
}

/// True once all volumes of before a restore in place are marked as out of service: by the record it is known that they are.
fn kept_aside(seen: &Observed, group: &GroupTarget, course: &Course) -> bool {
    course.in_place.as_ref().is_none_or(|in_place| {
        others(seen, &group.name, in_place.generation).all(|(_, _, volume)| volume.retired)
    })
}

/// True once all members run.
fn runs(seen: &Observed, group: &GroupTarget) -> bool {
    seen.primary().is_some()
        && (0..group.instances).all(|ordinal| {
            seen.pods.get(&group.name.pod(ordinal)).is_some_and(|pod| pod.ready && !pod.deleting)
        })
}

/// The backup, when it is there, shared and good.
pub(super) fn usable<'a>(
    seen: &'a Observed,
    from: &FromBackup,
    field: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'a PostgresBackup> {
    let own = seen.name().namespace;
    let namespace = from.namespace.clone().unwrap_or_else(|| own.clone());
    let foreign = namespace != own;
    let refused = match &seen.restore.backup {
        OriginSeen::Found(backup) if may_have(backup, &own) => match unfinished(backup) {
            None => return Some(backup.as_ref()),
            Some(why) => Problem::new(field, &from.name, why),
        },
        // Who may not have it does not learn whether it is there.
        OriginSeen::Found(_) | OriginSeen::Missing { .. } if foreign => Problem::new(
            NAMESPACE,
            &namespace,
            format!(
                "it has no backup '{}' that is shared with namespace '{own}': somebody with rights there adds '{own}' to \
                 spec.shareWith of the PostgresBackup, or correct the names",
                from.name
            ),
        ),
        OriginSeen::Found(_) | OriginSeen::NotRead | OriginSeen::Several { .. } => {
            Problem::new(field, &from.name, "the backup can't be read: you may lack the right to it")
        }
        OriginSeen::Missing { available } => {
            let names = if available.is_empty() { "none".to_owned() } else { available.join(", ") };
            let remedy = format!(
                "neither a PostgresBackup of this name is in namespace '{namespace}' nor the manifest of one that was \
                 there: name one that is; there are: {names}"
            );
            Problem::new(field, &from.name, remedy)
        }
    };
    problems.push(refused);
    None
}

/// Why nothing can be restored from it; none when it can.
fn unfinished(backup: &PostgresBackup) -> Option<String> {
    let status = backup.status.clone().unwrap_or_default();
    if goes(backup) {
        return Some(
            "the backup is being deleted, and may be gone before it is restored; name another one".into(),
        );
    }
    let why = status.reason.map(|why| format!(": {why}")).unwrap_or_default();
    Some(match status.phase {
        BackupPhase::Succeeded => return None,
        BackupPhase::Pending
        | BackupPhase::Checkpointing
        | BackupPhase::Cutting
        | BackupPhase::Finishing
        | BackupPhase::Copying => {
            format!(
                "the backup is not done yet (phase {:?}); the restore begins when it has succeeded",
                status.phase
            )
        }
        BackupPhase::Failed => format!("the backup failed{why}; name one that has succeeded"),
        BackupPhase::Missed => format!("the backup was never made{why}; name one that has succeeded"),
        BackupPhase::Lost => format!("the backup's snapshots or its copy are gone{why}; name another one"),
        BackupPhase::NotRun => format!("the object came without its status{why}"),
    })
}

/// Adds what of the spec does not fit the backup.
pub(super) fn fits(
    seen: &Observed,
    origin: &Origin,
    version: Version,
    storage_bytes: u64,
    problems: &mut Vec<Problem>,
) {
    let spec = &seen.cluster.spec;
    let status = origin.backup.status.clone().unwrap_or_default();
    let Some(source) = &status.source else {
        let lack = "its status has no source, so it can't be told what it fits: name another one";
        problems.push(origin.problem(lack));
        return;
    };
    let major = Version::read(&source.version).map(|version| version.major);
    if major != Some(version.major) {
        let major = major.map_or_else(|| source.version.clone(), |major| major.to_string());
        problems.push(Problem::new(
            "spec.engine.version",
            version,
            format!(
                "the backup is of PostgreSQL {}, and a server reads the data of its own major alone: write a version of {major}, \
                 and upgrade the restored cluster afterwards",
                source.version
            ),
        ));
    }
    if spec.engine.flavor != source.flavor {
        let remedy = format!("the backup is of flavor {:?}: write that", source.flavor);
        problems.push(Problem::new("spec.engine.flavor", format!("{:?}", spec.engine.flavor), remedy));
    }
    let needs = needs(&status, &source.storage);
    if storage_bytes < needs {
        problems.push(Problem::new(
            "spec.storage.size",
            &spec.storage.size.0,
            format!(
                "a clone of the backup has {} and can't be smaller: write {} or more",
                human(needs),
                human(needs)
            ),
        ));
    }
    let made_by = driver(&status);
    if let (Some(class), Some(made_by)) = (&seen.given.provisioner, &made_by)
        && class != made_by
    {
        problems.push(Problem::new(
            "spec.storage.storageClass",
            spec.storage.storage_class.as_deref().unwrap_or("the default"),
            format!(
                "its volumes are made by driver {class}, but the snapshot by {made_by}, and no driver clones what another one \
                 made: name a class of {made_by} (kubectl get storageclass)"
            ),
        ));
    }
}

/// Bytes that a clone has at least, in whole MiB: the size of the source's volume, and what the driver says.
fn needs(status: &BackupStatus, storage: &str) -> u64 {
    const MIB: u64 = 1 << 20;
    let snapshot = status.groups.first().and_then(|group| group.snapshot.as_ref());
    let told = snapshot.and_then(|snapshot| u64::try_from(snapshot.restore_bytes?).ok()).unwrap_or(0);
    told.max(quantity_bytes(storage).unwrap_or(0)).next_multiple_of(MIB)
}

/// True of a volume that this very cluster had made for this very course, and that nobody was served from.
fn made_for(volume: &VolumeSeen, seen: &Observed, course: &Course) -> bool {
    volume.restored_from.as_ref() == Some(&course.key)
        && volume.restored_for == seen.cluster.metadata.uid
        && !volume.settled
}

/// Volumes of an earlier cluster of the same name: their data is neither overwritten nor mixed with a clone.
fn occupied(seen: &Observed, group: &GroupTarget, course: &Course, origin: &Origin) -> Option<Problem> {
    let own =
        |claim: &str| group.name.claim(claim).is_some_and(|(generation, _)| generation == group.generation);
    let (claim, _) =
        seen.volumes.iter().find(|(claim, volume)| own(claim) && !made_for(volume, seen, course))?;
    let remedy = format!(
        "volume claim {claim} has the data of an earlier cluster of this name: give the new cluster another name; or leave \
         spec.bootstrap out to take the old data up; or, to give it up, {}",
        crate::plan::volumes_command(&seen.name())
    );
    Some(origin.refusal(remedy))
}
