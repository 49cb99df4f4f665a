//! Version and image of members: what the spec asks for and the catalog offers, and the course of a major upgrade between the two.

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::EngineSource;
use crate::child::Kind;
use crate::images::{Ask, Choice, Running, Standing, choose, for_upgrade, going_on};
use crate::name::{ANNOTATION_ENGINE_VERSION, ANNOTATION_RETRY_UPGRADE, GroupName, digest, image_of};
use crate::observe::{MemberSeen, Observed, PodSeen};
use crate::tuning::Settings;
use crate::upgrade::{Course, Phase, course as next, data, recorded};

use super::{GroupTarget, Problem, Version, Wanted};

/// Characters of the key that are kept: enough to tell two tries apart.
const KEY_LENGTH: usize = 16;

/// What members are brought to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Version and image.
    pub choice: Choice,
    /// The major upgrade that is under way, or begins.
    pub upgrade: Option<Course>,
    /// Names what an upgrade is tried with: the same is not tried twice by itself. Empty without one.
    pub upgrade_key: String,
}

/// Version, image and upgrade.
pub fn engine(
    seen: &Observed,
    group: &GroupTarget,
    wanted: Wanted,
    settings: &Settings,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Engine {
    decided(seen, group, wanted, settings, now).unwrap_or_else(|problem| {
        problems.push(problem);
        // What stands in is never taken: one problem means that nothing is changed.
        let standing = Standing { source: EngineSource::Kept, available: None, withdrawn: None, doubt: None };
        let choice = Choice { version: any(wanted), image: String::new(), standing };
        Engine { choice, upgrade: None, upgrade_key: String::new() }
    })
}

/// A version of the major that is wanted, where no other part of it counts.
fn any(wanted: Wanted) -> Version {
    match wanted {
        Wanted::Major(major) => Version { major, minor: 0 },
        Wanted::Exact(version) => version,
    }
}

fn decided(
    seen: &Observed,
    group: &GroupTarget,
    wanted: Wanted,
    settings: &Settings,
    now: Timestamp,
) -> Result<Engine, Problem> {
    let (made, serving) = (made(seen, &group.name), serving(seen, &group.name));
    let ask = Ask {
        flavor: seen.cluster.spec.engine.flavor,
        wanted,
        pinned: seen.cluster.spec.engine.image.as_deref(),
        catalog: &seen.images,
        namespace: &seen.platform.namespace,
        made: made.as_ref(),
        serving: serving.as_ref(),
    };
    let last = recorded(seen, &group.name);
    let under_way = last.as_ref().filter(|last| match last.phase {
        Phase::Prepare => false,
        // Nothing is lost yet, so a change of mind is followed.
        Phase::Stop => last.to.major == wanted.major(),
        Phase::Upgrade | Phase::Rejoin => true,
    });
    let data = data(seen, &group.name);
    let begun = |last: &Course| going_on(&ask, last.to, last.from.major);
    // First what an upgrade needs. Once members are down, it comes to its end with what it began with, whatever the catalog says.
    let upgrades = match (under_way, data) {
        (Some(last), _) => begun(last),
        (None, Some(data)) if data.major < wanted.major() => {
            Some(for_upgrade(&ask, data).or_else(|problem| {
                // Members run the image with both servers already. That the upgrade may not go on is said by a policy.
                let last = last.as_ref().filter(|last| wanted.takes(last.to));
                last.and_then(begun).ok_or(problem)
            })?)
        }
        (None, _) => None,
    };
    let to = upgrades.as_ref().map(|choice| choice.version).filter(|to| to.major == wanted.major());
    let image = upgrades.as_ref().map(|choice| choice.image.clone()).unwrap_or_default();
    let key = |course: &Course| key(seen, course, settings, &image);
    let course = next(seen, group, to.unwrap_or(any(wanted)), key, now)
        .map_err(|reason| Problem::new("spec.engine.version", wanted, reason))?;
    match (course, upgrades) {
        (Some(course), Some(choice)) => {
            Ok(Engine { upgrade_key: key(&course), choice, upgrade: Some(course) })
        }
        (None, _) => Ok(Engine { choice: choose(&ask)?, upgrade: None, upgrade_key: String::new() }),
        (Some(course), None) => {
            let remedy = format!(
                "an upgrade to {} is under way, and members have no image to go on with: name one in spec.engine.image",
                course.to
            );
            Err(Problem::new("spec.engine.image", "", remedy))
        }
    }
}

/// What an upgrade is tried with, in short. A change of any of it is worth another try; so is a person's word.
fn key(seen: &Observed, course: &Course, settings: &Settings, image: &str) -> String {
    let spec = &seen.cluster.spec;
    let word = seen.cluster.annotations().get(ANNOTATION_RETRY_UPGRADE);
    let all = format!(
        "{} {} {image} {} {settings:?} {word:?}",
        course.from.major, course.to, spec.resources.memory.0
    );
    digest(all.as_bytes())[..KEY_LENGTH].to_owned()
}

/// What members were made for last: by their set; while it is made anew, by the newest of their pods; and where a restore in place
/// has stopped them all, by the operator's own record.
fn made(seen: &Observed, group: &GroupName) -> Option<Running> {
    let by_set = || {
        let set = seen.children.get(Kind::StatefulSet, &group.scope())?;
        let image = image_of(set)?.to_owned();
        let version = match recorded(seen, group) {
            Some(course) if course.phase == Phase::Rejoin => Some(course.to),
            Some(course) => Some(course.from),
            None => {
                set["metadata"]["annotations"][ANNOTATION_ENGINE_VERSION].as_str().and_then(Version::read)
            }
        };
        // A release before this one did not write it.
        Some(Running { version: version.or_else(|| data(seen, group))?, image })
    };
    let by_pods = || {
        let pods = seen.pods.iter().filter(|(name, _)| group.ordinal(name).is_some());
        let pod = pods.map(|(_, pod)| pod).max_by_key(|pod| (pod.created, pod.image()))?;
        Some(Running { version: pod.engine_version?, image: pod.image().to_owned() })
    };
    let by_record = || {
        let engine = seen.cluster.status.as_ref()?.engine.as_ref()?;
        let version = Version::read(engine.running.as_ref()?)?;
        (engine.wanted == engine.running).then_some(Running { version, image: engine.image.clone()? })
    };
    by_set().or_else(by_pods).or_else(by_record)
}

/// What the primary runs: the version by its own word.
fn serving(seen: &Observed, group: &GroupName) -> Option<Running> {
    let name = seen.primary().filter(|name| group.ordinal(name).is_some())?;
    let pod: &PodSeen = &seen.pods[name];
    let says = |member: &MemberSeen| member.server_version.map(Version::from_number);
    let version = seen.members.get(name).and_then(says).or(pod.engine_version)?;
    Some(Running { version, image: pod.image().to_owned() })
}
