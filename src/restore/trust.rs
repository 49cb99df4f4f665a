//! What of a restore's record may be acted on. Pure.
//!
//! The record is in a ConfigMap, which whoever edits ConfigMaps of the namespace can write. So it is taken for a pointer alone: which
//! backup was begun with. What volumes are cloned from, and whether this namespace may have it, is derived in every round anew from the
//! backup itself: from its object, whose status the operator alone writes, or from its manifest beside the operator. Why:
//! `docs/decisions/0033-records-are-pointers.md`.

use std::collections::BTreeMap;

use kube::ResourceExt;

use crate::api::{BackupPhase, Bootstrap, PostgresBackup, PostgresCluster};
use crate::archive::{generation_of, stanza};
use crate::name::{ClusterName, GroupName, digest};
use crate::observe::{Children, Observed, OriginSeen, VolumeSeen};

use super::nearest::may_have;
use super::point::lawful;
use super::{Course, RECORD, STOP_RECORD, written};

/// A course that may be acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// What is restored.
    pub course: Course,
    /// Why nothing more is made from the backup: it is gone, or this namespace may not have it any more. What was made goes on.
    pub unproven: Option<String>,
}

/// The course that members are told to follow; none when no restore is under way, and none by a record that nothing bears out.
pub fn followed(seen: &Observed, group: &GroupName) -> Option<Trusted> {
    believe(&seen.children, group, RECORD, &seen.restore.backup, &seen.cluster, &seen.volumes)
}

/// The same of the course for which members stop.
pub fn halting(seen: &Observed, group: &GroupName) -> Option<Trusted> {
    believe(&seen.children, group, STOP_RECORD, &seen.restore.backup, &seen.cluster, &seen.volumes)
}

/// What of this entry of the ConfigMap may be acted on, by the backup that was looked up for it.
pub fn believe(
    children: &Children,
    group: &GroupName,
    entry: &str,
    origin: &OriginSeen,
    cluster: &PostgresCluster,
    volumes: &BTreeMap<String, VolumeSeen>,
) -> Option<Trusted> {
    let told = written(children, group, entry)?;
    let own = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let backup = origin.of_uid(&told.key);
    let derived = match backup {
        Some(backup) => derive(&told, backup, &own),
        None => Err(format!("backup {} is not there any more", told.backup)),
    };
    match derived {
        Ok(course) => Some(Trusted { course, unproven: None }),
        Err(why) => {
            let uid = cluster.uid().unwrap_or_default();
            let begun = was_begun(&told, group, cluster.spec.instances, &uid, volumes);
            begun.then(|| Trusted { course: bare(told), unproven: Some(why) })
        }
    }
}

/// The course by the backup, with what of the record says nothing of anybody's data.
fn derive(told: &Course, backup: &PostgresBackup, own: &ClusterName) -> Result<Course, String> {
    let name = &told.backup;
    if !may_have(backup, &own.namespace) {
        return Err(format!("backup {name} is not shared with namespace '{}' any more", own.namespace));
    }
    let status = backup.status.clone().unwrap_or_default();
    if status.phase != BackupPhase::Succeeded {
        return Err(format!("backup {name} can't be restored any more (phase {:?})", status.phase));
    }
    let its_own = backup.spec.cluster == own.name && backup.namespace().as_ref() == Some(&own.namespace);
    if told.in_place.is_some() && !its_own {
        return Err(format!("backup {name} is of another cluster, which does not come back in place"));
    }
    let source = ClusterName::new(backup.namespace().unwrap_or_default(), &backup.spec.cluster);
    let part = status.source.as_ref().map(|from| {
        stanza(&source.namespace, &source.name, &from.cluster_uid, generation_of(&source.group(0), &status))
    });
    if !lawful(&told.recovery, part.as_deref()) {
        return Err("the settings of recovery in its record are not those that the operator wrote".into());
    }
    let made =
        Course::begin(backup, told.started_at).map_err(|lack| format!("of backup {name} {}", lack.0))?;
    Ok(Course {
        chosen: told.chosen.clone(),
        wish: told.wish.clone(),
        recovery: told.recovery.clone(),
        in_place: told.in_place.clone(),
        ..made
    })
}

/// True when volumes of this very cluster were made by that record already: members that start on them have to go on being told.
fn was_begun(
    told: &Course,
    group: &GroupName,
    instances: i32,
    uid: &str,
    volumes: &BTreeMap<String, VolumeSeen>,
) -> bool {
    let generation = told.in_place.as_ref().map_or(1, |in_place| in_place.generation);
    let mut made =
        (0..told.clones(instances)).filter_map(|ordinal| volumes.get(&group.volume(generation, ordinal)));
    lawful(&told.recovery, None)
        && made.any(|volume| {
            // Volumes that an older operator made do not say for which cluster.
            let mine = volume.restored_for.as_deref().is_none_or(|cluster| cluster == uid);
            volume.restored_from.as_ref() == Some(&told.key) && mine && !volume.settled
        })
}

/// The course without what volumes are cloned from.
fn bare(told: Course) -> Course {
    Course { handle: String::new(), driver: String::new(), ..told }
}

/// What a cluster begins with, as a mark on the volumes that are made for it: by it the same file, applied again, is known as done.
pub fn wish(bootstrap: &Bootstrap) -> String {
    digest(serde_json::to_string(bootstrap).expect("a part of a spec serializes").as_bytes())
}

/// True when the data in service was made for what the spec begins with, and was served from: `spec.bootstrap` counts once, for as long
/// as the data lives, also when the cluster is deleted and applied again.
pub fn was_served(seen: &Observed, group: &GroupName, generation: u32) -> bool {
    let wanted = wish(&seen.cluster.spec.bootstrap);
    // Volumes of an older operator do not say for what; the backup that is named tells as much.
    let named = match (&seen.cluster.spec.bootstrap.from_backup, &seen.restore.backup) {
        (Some(_), OriginSeen::Found(backup)) => backup.metadata.uid.as_ref(),
        _ => None,
    };
    seen.volumes.iter().any(|(claim, volume)| {
        let in_service = group.claim(claim).is_some_and(|(of, _)| of == generation);
        let for_it = match &volume.wish {
            Some(made_for) => *made_for == wanted,
            None => named.is_some() && volume.restored_from.as_ref() == named,
        };
        in_service && volume.settled && volume.restored_from.is_some() && for_it
    })
}
