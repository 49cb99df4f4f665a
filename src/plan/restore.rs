//! The way to volumes that are clones: first the record and order to the members, then the snapshot and the claims, then the
//! set of members, and at the end the snapshot's objects go. Each begins when the one before is seen to be done.

use crate::build;
use crate::observe::Observed;
use crate::restore::{Restore, Stage, in_service, recorded};
use crate::target::{GroupTarget, Target};

use super::step::Step;

/// Steps of a restore that is under way.
pub fn steps(target: &Target, seen: &Observed) -> Vec<Step> {
    let course = match &target.restore {
        None | Some(Restore { stage: Stage::Stopping | Stage::Ended, .. }) => return Vec::new(),
        Some(Restore { stage: Stage::Over, .. }) => return forget(seen).into_iter().collect(),
        Some(Restore { stage: Stage::UnderWay, course }) => course,
    };
    let mut steps = Vec::new();
    for group in &target.groups {
        // A clone without the record would be started as what it was.
        if recorded(seen, &group.name).is_none() {
            continue;
        }
        let pair = &seen.restore.snapshot;
        let clones = course.copy.is_none() && unbound(seen, group, course.clones(group.instances));
        if clones && !(pair.snapshot.is_some() && pair.content.is_some()) {
            steps.push(Step::ImportSnapshot {
                name: target.name.restore_snapshot(group.generation),
                handle: course.handle.clone(),
                content: Box::new(build::restore::content(target, course)),
                snapshot: Box::new(build::restore::snapshot(target)),
            });
        }
        let missing = (0..course.clones(group.instances))
            .filter(|ordinal| !seen.volumes.contains_key(&group.volume(*ordinal)));
        steps.extend(missing.map(|ordinal| Step::CloneVolume {
            claim: group.volume(ordinal),
            backup: course.backup.clone(),
            body: Box::new(build::restore::claim(target, group, course, ordinal)),
        }));
    }
    steps
}

/// True while a volume of the group still has to be made from the snapshot.
fn unbound(seen: &Observed, group: &GroupTarget, clones: i32) -> bool {
    (0..clones)
        .any(|ordinal| seen.volumes.get(&group.volume(ordinal)).is_none_or(|volume| volume.volume.is_none()))
}

/// True when the group's set may be made: it would make empty volumes for those that are not there.
pub fn may_start(target: &Target, seen: &Observed, group: &GroupTarget) -> bool {
    !target.halts()
        && target.clones().is_none_or(|course| {
            recorded(seen, &group.name).is_some()
                && (0..course.clones(group.instances))
                    .all(|ordinal| seen.volumes.contains_key(&group.volume(ordinal)))
        })
}

/// Removes the snapshot's objects, if there are any. The snapshot itself stays with its backup.
pub fn forget(seen: &Observed) -> Option<Step> {
    let pair = &seen.restore.snapshot;
    let uid = seen.cluster.metadata.uid.clone().unwrap_or_default();
    let generation = in_service(seen, &seen.name().group(0));
    (pair.snapshot.is_some() || pair.content.is_some()).then(|| Step::ForgetSnapshot {
        name: seen.name().restore_snapshot(generation),
        uid: pair.snapshot.clone(),
        content: crate::name::restore_content(&uid, generation),
        content_uid: pair.content.clone(),
    })
}
