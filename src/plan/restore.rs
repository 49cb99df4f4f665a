//! The way to volumes that are clones: first the record and order to the members, then the snapshot and the claims, then the
//! set of members, and at the end the snapshot's objects go. Each begins when the one before is seen to be done.

use crate::build;
use crate::child::Kind;
use crate::observe::Observed;
use crate::restore::{Restore, Stage, in_service, recorded};
use crate::target::{GroupTarget, Target};

use super::step::Step;

/// Steps of a restore that is under way.
pub fn steps(target: &Target, seen: &Observed) -> Vec<Step> {
    let course = match &target.restore {
        None => return settle(target, seen),
        Some(Restore { stage: Stage::Stopping | Stage::Ended, .. }) => return Vec::new(),
        // The pair is found by the record, and the record goes as soon as the volumes are marked.
        Some(Restore { stage: Stage::Over, .. }) => {
            return forget(seen).map_or_else(|| settle(target, seen), |step| vec![step]);
        }
        // Nobody may have more of the backup. What was made goes on by itself.
        Some(Restore { unproven: Some(_), .. }) => return Vec::new(),
        Some(Restore { stage: Stage::UnderWay, course, unproven: None }) => course,
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

/// Marks the volumes of a restore that is over. Those of an older operator get the mark as soon as their cluster serves.
fn settle(target: &Target, seen: &Observed) -> Vec<Step> {
    if seen.primary().is_none() {
        return Vec::new();
    }
    let in_service = |claim: &str| {
        target.groups.iter().any(|group| {
            group.name.claim(claim).is_some_and(|(generation, _)| generation == group.generation)
        })
    };
    let clones = seen.volumes.iter().filter(|(claim, volume)| {
        volume.restored_from.is_some() && !volume.settled && !volume.retired && in_service(claim)
    });
    clones.map(|(claim, _)| Step::SettleVolume { claim: claim.clone() }).collect()
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

/// Takes away orders to members that are not the operator's: whoever writes one must not have data put aside or a group stopped. What
/// is applied in this round takes its own with it.
pub fn orders_of_others(target: &Target, seen: &Observed, applied: &[Step]) -> Vec<Step> {
    let groups = target.groups.iter().filter_map(|group| {
        let wanted = build::member_files(target, group);
        let live = seen.children.get(Kind::ConfigMap, &wanted.reference.name)?;
        let comes =
            |step: &Step| matches!(step, Step::Apply { child, .. } if child.reference == wanted.reference);
        let strange = |entry: &&str| !live["data"][entry].is_null() && wanted.body["data"][entry].is_null();
        let entries: Vec<String> = build::ORDERS.into_iter().filter(strange).map(str::to_owned).collect();
        let uid = live["metadata"]["uid"].as_str()?.to_owned();
        (!entries.is_empty() && !applied.iter().any(comes)).then_some(Step::DropOrders {
            map: wanted.reference.name,
            uid,
            entries,
        })
    });
    groups.collect()
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
