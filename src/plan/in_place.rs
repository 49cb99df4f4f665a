//! A restore in place: the old group stops, its traces go, and its volumes are kept aside until a person lets them go. What
//! comes between, from clones to members that run, is the restore of a new cluster (`super::restore`).

use kube::ResourceExt;

use crate::build;
use crate::child::Kind;
use crate::name::ANNOTATION_FORGET_OLD_VOLUMES;
use crate::observe::{Observed, VolumeSeen};
use crate::restore::in_place::others;
use crate::restore::{Restore, Stage};
use crate::target::{GroupTarget, Request, Target};

use super::step::Step;

/// The order to stop, for a request that is fit. From then on the course stands in the ConfigMap that members mount.
pub fn begin(target: &Target, seen: &Observed) -> Option<Step> {
    let Request::Fit(course) = &target.request else { return None };
    let group = target.groups.first()?;
    let live = seen.children.get(Kind::ConfigMap, &group.name.patroni())?;
    let restore = Restore { course: (**course).clone(), stage: Stage::Stopping, unproven: None };
    let ordered = Target { restore: Some(restore), ..target.clone() };
    let kept = seen.volumes.keys().filter(|claim| {
        group.name.claim(claim).is_some_and(|(generation, _)| generation == group.generation)
    });
    let mut map = build::stamp(build::member_files(&ordered, group));
    // Onto the object as it was seen: an operator with an older view must not begin what goes on already.
    if let Some(version) = live["metadata"]["resourceVersion"].as_str() {
        map.body["metadata"]["resourceVersion"] = version.into();
    }
    Some(Step::BeginRestore {
        map: Box::new(map),
        backup: course.backup.clone(),
        kept: kept.cloned().collect(),
    })
}

/// What follows once the set has no members: it goes, and then what Patroni knows of the old data. Each waits until the one
/// before is seen to be done. That the set has no members is part of how it is rendered (`build::stateful_sets`).
pub fn stop(target: &Target, seen: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    for group in target.groups.iter().filter(|_| target.halts()) {
        let name = group.name.scope();
        if seen.pods.keys().any(|pod| group.name.ordinal(pod).is_some()) {
            continue;
        }
        match (seen.children.get(Kind::StatefulSet, &name), &seen.patroni) {
            (Some(set), _) => {
                let number = |path: &str| set.pointer(path).and_then(serde_json::Value::as_i64);
                let empty =
                    number("/spec/replicas") == Some(0) && number("/status/replicas").unwrap_or(0) == 0;
                let uid = set["metadata"]["uid"].as_str();
                let standing = set["metadata"]["deletionTimestamp"].is_null();
                steps.extend(uid.filter(|_| empty && standing).map(|uid| Step::ReleasePods {
                    set: name,
                    uid: uid.to_owned(),
                    field: "volumeClaimTemplates",
                }));
            }
            (None, Some(left)) if !left.is_empty() => {
                steps.push(Step::ClearPatroni { maps: left.clone() });
            }
            (None, _) => {}
        }
    }
    steps
}

/// Marks the claims that are of no use any more, as soon as those of the set in service serve. Until then the old ones are what
/// a cluster of this name would take up.
pub fn retire(target: &Target, seen: &Observed) -> Vec<Step> {
    let serves = seen.primary().is_some();
    let in_force = |group: &&GroupTarget| {
        let set = seen.children.get(Kind::StatefulSet, &group.name.scope());
        serves && set.is_some() && !target.halts()
    };
    let mut steps = Vec::new();
    for group in target.groups.iter().filter(in_force) {
        steps.extend(
            others(seen, &group.name, group.generation)
                .filter(|(_, _, volume)| !volume.retired)
                .map(|(claim, generation, _)| Step::RetireVolume { claim: claim.clone(), generation }),
        );
    }
    steps
}

/// Lets old volumes go by a person's word: their claims get an owner, and go with it. What was begun is brought to its end.
pub fn forget(target: &Target, seen: &Observed) -> Vec<Step> {
    let word = seen.cluster.annotations().get(ANNOTATION_FORGET_OLD_VOLUMES);
    let asked = word.map(String::as_str) == Some(seen.cluster_name());
    let name = target.name.old_volumes();
    let owner = seen.children.get(Kind::ConfigMap, &name);
    let busy = target.restore.is_some() || matches!(target.request, Request::Fit(_));
    let (Some(group), false) = (target.groups.first(), busy || !(asked || owner.is_some())) else {
        return Vec::new();
    };
    let old: Vec<(&String, &VolumeSeen)> = others(seen, &group.name, group.generation)
        .filter(|(_, _, volume)| volume.retired)
        .map(|(claim, _, volume)| (claim, volume))
        .collect();
    let loose: Vec<_> = old.iter().filter(|(_, volume)| volume.owner.is_none()).collect();
    let Some(uid) = owner.and_then(|owner| owner["metadata"]["uid"].as_str()) else {
        let child = Box::new(build::restore::old_volumes(target));
        let reason = "a person lets the old volumes go".to_owned();
        return (!loose.is_empty())
            .then_some(Step::Apply { child, reason, cause: None })
            .into_iter()
            .collect();
    };
    if loose.is_empty() {
        let owned = old.iter().filter(|(_, volume)| volume.owner.as_deref() == Some(uid));
        let claims = owned.map(|(claim, _)| (*claim).clone()).collect();
        return vec![Step::ForgetVolumes { owner: name, uid: uid.to_owned(), claims }];
    }
    let hand_over = |(claim, volume): &&(&String, &VolumeSeen)| Step::HandOverVolume {
        claim: (*claim).clone(),
        claim_uid: volume.uid.clone(),
        owner: name.clone(),
        uid: uid.to_owned(),
    };
    loose.iter().map(hand_over).collect()
}
