//! Conditions: type, status, reason in one word, and a message that names cause and next step.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::ClusterStatus;
use crate::observe::{Observed, PodSeen};
use crate::plan::{Halt, Step, volumes_command};
use crate::target::{Problem, Target};

use super::Work;

/// Types of conditions.
pub mod kind {
    /// The spec can be carried out.
    pub const ACCEPTED: &str = "Accepted";
    /// Clients are served: a member takes writes and the pooler is up.
    pub const READY: &str = "Ready";
    /// Everything is as the spec says.
    pub const CONVERGED: &str = "Converged";
    /// All members are up and follow.
    pub const REDUNDANT: &str = "Redundant";
}

/// Reasons of conditions.
pub mod reason {
    /// As it should be.
    pub const AS_WANTED: &str = "AsWanted";
    /// The spec names something that can't be.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// A policy holds back a step.
    pub const HELD_BACK: &str = "HeldBack";
    /// Steps are being taken.
    pub const IN_PROGRESS: &str = "InProgress";
    /// No member takes writes.
    pub const NO_PRIMARY: &str = "NoPrimary";
    /// The pooler has no pod that is ready.
    pub const POOLER_DOWN: &str = "PoolerDown";
    /// An image can't be pulled.
    pub const IMAGE_PULL: &str = "ImageCannotBePulled";
    /// A pod finds no node.
    pub const UNSCHEDULABLE: &str = "Unschedulable";
    /// Fewer members than wanted are up.
    pub const MEMBERS_MISSING: &str = "MembersMissing";
    /// A member did not come back from a restart; no further one is touched.
    pub const BLOCKED: &str = "Blocked";
    /// The cluster is being deleted.
    pub const DELETING: &str = "Deleting";
}

/// All conditions; a time of change is kept where the status did not change.
pub fn conditions(
    seen: &Observed,
    target: Option<&Target>,
    status: &ClusterStatus,
    work: Work,
    problems: &[Problem],
    before: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    let generation = seen.cluster.metadata.generation;
    [
        (kind::ACCEPTED, accepted(target, problems)),
        (kind::CONVERGED, converged(seen, target, work)),
        (kind::READY, ready(seen, status)),
        (kind::REDUNDANT, redundant(seen, status)),
    ]
    .into_iter()
    .map(|(kind, (good, reason, message))| {
        let state = if good { "True" } else { "False" };
        let since = before
            .iter()
            .find(|condition| condition.type_ == kind && condition.status == state)
            .map_or(Time(now), |condition| condition.last_transition_time.clone());
        Condition {
            type_: kind.into(),
            status: state.into(),
            reason: reason.into(),
            message,
            observed_generation: generation,
            last_transition_time: since,
        }
    })
    .collect()
}

type Finding = (bool, &'static str, String);

fn good(message: impl Into<String>) -> Finding {
    (true, reason::AS_WANTED, message.into())
}

fn accepted(target: Option<&Target>, problems: &[Problem]) -> Finding {
    if problems.is_empty() {
        let reminders = target.map(|target| target.reminders.join("; ")).unwrap_or_default();
        return good(match reminders.as_str() {
            "" => "the spec can be carried out".to_owned(),
            soon => format!("the spec can be carried out, but soon to do: {soon}"),
        });
    }
    let text: Vec<String> = problems.iter().map(Problem::to_string).collect();
    (false, reason::INVALID_SPEC, format!("{}. What runs was not touched", text.join("; ")))
}

fn deleting(seen: &Observed) -> Option<Finding> {
    seen.cluster.metadata.deletion_timestamp.as_ref()?;
    let message = format!(
        "the cluster is being deleted, its volumes are kept; to remove them afterwards: {}",
        volumes_command(&seen.name())
    );
    Some((false, reason::DELETING, message))
}

fn converged(seen: &Observed, target: Option<&Target>, work: Work) -> Finding {
    if let Some(deleting) = deleting(seen) {
        return deleting;
    }
    if target.is_none() {
        return (false, reason::INVALID_SPEC, "nothing is changed: see Accepted".into());
    }
    if let Some(Halt::Blocked(why)) = work.halt {
        return (false, reason::BLOCKED, why.clone());
    }
    if let Some(verdict) = work.verdicts.first() {
        return (false, reason::HELD_BACK, verdict.to_string());
    }
    // Bringing files up to date after a change is no work that a person waits for.
    let pending: Vec<&Step> =
        work.steps.iter().filter(|step| !matches!(step, Step::RefreshFiles { .. })).collect();
    match pending.as_slice() {
        [] => match work.halt {
            Some(Halt::Waits(why)) => (false, reason::IN_PROGRESS, format!("{}{why}", left(work.later))),
            _ => good("everything is as the spec says"),
        },
        [step] => (false, reason::IN_PROGRESS, format!("one step to take: {step}")),
        [step, ..] => (false, reason::IN_PROGRESS, format!("{} steps to take, first: {step}", pending.len())),
    }
}

fn left(later: &[Step]) -> String {
    match later.len() {
        0 => String::new(),
        1 => "one step left; now ".into(),
        more => format!("{more} steps left; now "),
    }
}

fn ready(seen: &Observed, status: &ClusterStatus) -> Finding {
    let writable = status.primary.as_ref().is_some_and(|name| seen.pods[name].ready);
    if !writable {
        if let Some(deleting) = deleting(seen) {
            return deleting;
        }
        if let Some(trouble) = trouble(seen, |_| true) {
            return trouble;
        }
        let message = match &status.primary {
            Some(name) => {
                let namespace = seen.name().namespace;
                format!(
                    "{name} holds the primary's role but is not ready: kubectl -n {namespace} logs {name} -c postgres"
                )
            }
            None => "no member takes writes yet: Patroni elects one as soon as a member with all data is up"
                .into(),
        };
        return (false, reason::NO_PRIMARY, message);
    }
    if status.pooler.ready == 0 {
        if let Some(trouble) = trouble(seen, |pod| pod.component == crate::name::COMPONENT_POOLER) {
            return trouble;
        }
        let name = seen.name();
        let message = format!(
            "no pooler pod is ready: kubectl -n {} describe deployment {}",
            name.namespace,
            name.pooler()
        );
        return (false, reason::POOLER_DOWN, message);
    }
    good("clients are served")
}

fn redundant(seen: &Observed, status: &ClusterStatus) -> Finding {
    let wanted = seen.cluster.spec.instances;
    let missing: Vec<String> = status
        .members
        .iter()
        .filter(|member| !member.ready)
        .map(|member| format!("{} is {}", member.name, member.state))
        .collect();
    let up = status.members.len() - missing.len();
    if up as i32 >= wanted && missing.is_empty() {
        return good(format!("all {up} members are ready"));
    }
    if let Some(deleting) = deleting(seen) {
        return deleting;
    }
    trouble(seen, |_| true).unwrap_or_else(|| {
        let detail = if missing.is_empty() { String::new() } else { format!(": {}", missing.join(", ")) };
        (false, reason::MEMBERS_MISSING, format!("{up} of {wanted} members are ready{detail}"))
    })
}

/// What keeps a pod from starting, if Kubernetes says so.
fn trouble(seen: &Observed, which: impl Fn(&PodSeen) -> bool) -> Option<Finding> {
    seen.pods.iter().filter(|(_, pod)| which(pod)).find_map(|(name, pod)| {
        if let Some(why) = &pod.unscheduled {
            let message = format!(
                "pod {name} finds no node: {why}. Add nodes, or lower spec.resources or spec.scheduling"
            );
            return Some((false, reason::UNSCHEDULABLE, message));
        }
        let (why, _) = pod.main.waiting.as_ref()?;
        matches!(why.as_str(), "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull").then(|| {
            let field = if pod.component == crate::name::COMPONENT_POOLER {
                "the operator's image prefix"
            } else {
                "spec.engine.version or spec.engine.image"
            };
            let message = format!(
                "pod {name} can't pull image '{}' ({why}): correct {field}, or make the image available to the nodes",
                pod.main.image
            );
            (false, reason::IMAGE_PULL, message)
        })
    })
}
