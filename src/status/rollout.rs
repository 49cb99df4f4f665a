//! What the status tells of a rollout: that it began, where it stands, and the proof that the data stayed where it was.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{Evidence, RolloutPhase, RolloutStatus, VolumeEvidence};
use crate::name::COMPONENT_MEMBER;
use crate::observe::Observed;
use crate::plan::{Cause, Halt, Step};
use crate::restore::in_service;

use super::Work;

/// The rollout as it stands now; what is over stays to be read until the next one begins.
pub fn rollout(
    before: Option<&RolloutStatus>,
    seen: &Observed,
    work: Work,
    now: Timestamp,
) -> Option<RolloutStatus> {
    let held = work.verdicts.iter().filter(|verdict| counts(&verdict.step));
    let mut open: Vec<&Step> = work.steps.iter().filter(|step| counts(step)).collect();
    open.extend(held.clone().map(|verdict| &verdict.step));
    open.extend(work.later);
    let under_way = before.filter(|before| before.phase.is_open());
    let sends =
        work.steps.iter().any(|step| matches!(step, Step::Configure { .. } | Step::StoreSettings { .. }));
    if open.is_empty() && work.halt.is_none() && !sends {
        return match under_way {
            Some(under_way) => Some(done(under_way, seen, now)),
            None => before.cloned(),
        };
    }
    // Settings that are sent while a member is away may be what brings it back: then that is a rollout, with its proof.
    let mends = sends && seen.pods.values().any(|pod| pod.component == COMPONENT_MEMBER && !pod.ready);
    if open.is_empty() && under_way.is_none() && !mends {
        return before.cloned();
    }
    let mut status = under_way.cloned().unwrap_or_else(|| RolloutStatus {
        started_at: Some(Time(now)),
        before: evidence(seen),
        ..RolloutStatus::default()
    });
    for reason in open.iter().filter_map(|step| reason(step)) {
        if !status.reasons.contains(&reason) {
            status.reasons.push(reason);
        }
    }
    if sends {
        status.settings_sent_at = Some(Time(now));
    }
    (status.phase, status.message) = match (work.halt, held.clone().next()) {
        (Some(Halt::Blocked(why)), _) => (RolloutPhase::Blocked, why.clone()),
        (_, Some(verdict)) => (RolloutPhase::Waiting, verdict.to_string()),
        (Some(Halt::Waits(why)), None) => (RolloutPhase::Running, why.clone()),
        (None, None) => {
            let message = match open.as_slice() {
                [] => "new settings are sent to the members".to_owned(),
                [next] => format!("one step left: {next}"),
                [next, ..] => format!("{} steps left, next: {next}", open.len()),
            };
            (RolloutPhase::Running, message)
        }
    };
    Some(status)
}

/// True for the steps that a rollout is made of.
fn counts(step: &Step) -> bool {
    matches!(step, Step::ResizePod { .. })
        || (matches!(step, Step::ReplacePod { .. } | Step::RestartServer { .. } | Step::Switchover { .. })
            && !matches!(step.cause(), Some(Cause::Asked)))
}

fn reason(step: &Step) -> Option<String> {
    match step {
        Step::ReplacePod { reason, .. } | Step::RestartServer { reason, .. } => Some(reason.clone()),
        Step::ResizePod { cpu, memory, .. } => Some(format!("CPU {cpu}, memory {memory}")),
        _ => None,
    }
}

fn done(status: &RolloutStatus, seen: &Observed, now: Timestamp) -> RolloutStatus {
    let after = evidence(seen);
    RolloutStatus {
        phase: RolloutPhase::Done,
        message: proof(&status.before, &after),
        ended_at: Some(Time(now)),
        after: Some(after),
        ..status.clone()
    }
}

/// The claims, volumes and the identity of the data.
fn evidence(seen: &Observed) -> Evidence {
    let group = seen.name().group(0);
    let generation = in_service(seen, &group);
    let claims = 0..seen.cluster.spec.instances;
    let volumes = claims
        .filter_map(|ordinal| {
            let claim = group.volume(generation, ordinal);
            let volume = seen.volumes.get(&claim)?;
            Some(VolumeEvidence { claim, uid: volume.uid.clone(), volume: volume.volume.clone() })
        })
        .collect();
    let leads = seen.primary().and_then(|name| seen.members.get(name));
    let known = || seen.cluster.status.as_ref()?.system_identifier.clone();
    let system_identifier = leads.and_then(|member| member.system_identifier.clone()).or_else(known);
    Evidence { system_identifier, volumes }
}

/// What the two say of each other, in words.
fn proof(before: &Evidence, after: &Evidence) -> String {
    let moved: Vec<&str> = before
        .volumes
        .iter()
        .filter(|volume| after.volumes.iter().any(|other| other.claim == volume.claim && other != *volume))
        .map(|volume| volume.claim.as_str())
        .collect();
    let identity = after.system_identifier.as_deref().unwrap_or("unknown");
    let same = before.system_identifier == after.system_identifier;
    match (moved.as_slice(), same) {
        ([], true) => {
            let number = after.volumes.len();
            format!("the same {number} claims and volumes as before, the same system identifier {identity}")
        }
        ([], false) => format!(
            "the same claims and volumes as before, but the system identifier is {identity} and was {}",
            before.system_identifier.as_deref().unwrap_or("unknown")
        ),
        (moved, _) => format!(
            "CLAIMS THAT ARE NOT THE SAME AS BEFORE: {}; the system identifier is {identity}",
            moved.join(", ")
        ),
    }
}
