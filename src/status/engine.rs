//! What the status tells of version and image: what runs, what is offered, why the two differ, and the condition `EngineCurrent`.

use crate::api::{Behind, ClusterStatus, EngineSource, EngineStatus};
use crate::images::Doubt;
use crate::name::COMPONENT_MEMBER;
use crate::observe::Observed;
use crate::plan::{Halt, Step};
use crate::target::{Problem, Target, Version, Wanted};

use super::Work;
use super::conditions::{Finding, good, reason};

/// Version and image as they stand; without a target what was wanted last stays.
pub fn engine(
    before: Option<EngineStatus>,
    seen: &Observed,
    target: Option<&Target>,
    status: &ClusterStatus,
    work: Work,
    problems: &[Problem],
) -> Option<EngineStatus> {
    let running = status.version.clone();
    let engine = match target {
        Some(target) => EngineStatus {
            running,
            wanted: Some(target.version.to_string()),
            image: Some(target.image.clone()),
            source: Some(target.standing.source),
            available: target.standing.available.map(|version| version.to_string()),
            withdrawn: target.standing.withdrawn.clone(),
            behind: None,
        },
        None => {
            let before = before.unwrap_or_default();
            EngineStatus { running, available: offered(seen).or(before.available.clone()), ..before }
        }
    };
    let behind = behind(&engine, seen, target, work, problems);
    let told = EngineStatus { behind, ..engine };
    (told != EngineStatus::default()).then_some(told)
}

/// The newest minor of the wanted major.
fn offered(seen: &Observed) -> Option<String> {
    let spec = &seen.cluster.spec.engine;
    let major = Wanted::parse(&spec.version).ok()?.major();
    Some(seen.images.good()?.newest(spec.flavor, major, None)?.version.to_string())
}

/// Why the newest minor, or the image that is wanted, is not what runs; none where it is.
fn behind(
    engine: &EngineStatus,
    seen: &Observed,
    target: Option<&Target>,
    work: Work,
    problems: &[Problem],
) -> Option<Behind> {
    let running = engine.running.as_deref().and_then(Version::read)?;
    let available = engine.available.as_deref().and_then(Version::read);
    let newer = available.filter(|available| available.major == running.major && *available > running);
    let mut members = seen.pods.values().filter(|pod| pod.component == COMPONENT_MEMBER);
    let other_image = target
        .is_some_and(|target| target.upgrade.is_none() && members.any(|pod| pod.image() != target.image));
    if newer.is_none() && !other_image {
        return None;
    }
    let Some(target) = target else { return (!problems.is_empty()).then_some(Behind::Invalid) };
    if newer.is_some_and(|newer| target.version < newer) {
        return Some(Behind::Pinned);
    }
    if seen.cluster.spec.paused {
        return Some(Behind::Paused);
    }
    if matches!(work.halt, Some(Halt::Blocked(_))) {
        return Some(Behind::Blocked);
    }
    let restarts = |step: &Step| matches!(step, Step::ReplacePod { .. } | Step::Switchover { .. });
    let held = work.verdicts.iter().find(|verdict| restarts(&verdict.step));
    Some(match held.map(|verdict| verdict.policy) {
        None => Behind::Rolling,
        Some("maintenance-window") => Behind::Window,
        Some("one-disruption-at-a-time") => Behind::Slot,
        Some(_) => Behind::HeldBack,
    })
}

/// The condition; none while the spec can't be carried out, which `Accepted` tells.
pub fn current(target: Option<&Target>) -> Option<Finding> {
    let target = target?;
    if let Some((doubt, message)) = &target.standing.doubt {
        let reason = match doubt {
            Doubt::Missing => reason::CATALOG_MISSING,
            Doubt::Invalid => reason::CATALOG_INVALID,
            Doubt::NotOffered => reason::NOT_IN_CATALOG,
            Doubt::Withdrawn => reason::IMAGE_WITHDRAWN,
        };
        return Some((false, reason, message.clone()));
    }
    let version = target.version;
    let available = target.standing.available;
    let offered =
        |available: Version| format!("the newest of {} in the image catalog is {available}", available.major);
    Some(good(match (&target.upgrade, target.standing.source, available) {
        (Some(course), ..) => {
            format!("members go from PostgreSQL {} to {}: see status.upgrade", course.from, course.to)
        }
        (None, EngineSource::Spec, Some(available)) => {
            format!("spec.engine.image names the image of PostgreSQL {version}; {}", offered(available))
        }
        (None, EngineSource::Spec, None) => {
            format!("spec.engine.image names the image of PostgreSQL {version}")
        }
        (None, _, Some(available)) if available > version => {
            format!("spec.engine.version names PostgreSQL {version}; {}", offered(available))
        }
        (None, ..) => format!("PostgreSQL {version} is the newest of {} in the image catalog", version.major),
    }))
}
