//! What keeps the pods of a cluster from running, in one sentence with the next step. Pure: no read, and no clock of its own.
//!
//! What Kubernetes says in words is passed on and never decided by: what counts are phases, conditions, reasons and UIDs.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ContainerStatus, Event, PersistentVolumeClaim, Pod};
use kube::ResourceExt;

use crate::observe::{FAILED_CREATE, refusal_remedy, told_at};
use crate::tuning::units::{human_mib, quantity_bytes, quantity_millis};

/// A claim is bound within seconds; one that is not after this long is told even when nobody says why.
const BINDS_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// Bytes of another's words that are passed on: enough for what the scheduler says of five kinds of nodes.
const MOST_WORDS: usize = 400;

/// What the API server knows of the pods of one cluster.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Pods with the cluster's label.
    pub pods: Vec<Pod>,
    /// Its volume claims.
    pub claims: Vec<PersistentVolumeClaim>,
    /// Its StatefulSets.
    pub sets: Vec<StatefulSet>,
    /// Its Deployments; empty where the person may not read them.
    pub deployments: Vec<Deployment>,
    /// Warnings of the namespace; empty where the person may not read them.
    pub events: Vec<Event>,
}

impl Seen {
    /// True when nothing waits for anything, so that no event can matter.
    pub fn is_quiet(&self) -> bool {
        self.pods.iter().all(runs)
            && self.claims.iter().all(bound)
            && self.sets.iter().all(is_complete)
            && self.deployments.iter().all(|deployment| failure(deployment).is_none())
    }

    /// The newest warning about the object with this UID, if any.
    fn warning(&self, uid: Option<&str>, of: impl Fn(&str) -> bool) -> Option<&Event> {
        let about = |event: &&Event| {
            uid.is_some()
                && event.involved_object.uid.as_deref() == uid
                && event.type_.as_deref() == Some("Warning")
                && event.reason.as_deref().is_some_and(&of)
        };
        self.events.iter().filter(about).max_by_key(|event| told_at(event))
    }
}

/// What a person can do about a lack of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// The pods ask for what the spec says.
    BySpec,
    /// The pods ask for what the source of a drill had when its backup was made.
    ByBackup,
}

impl Room {
    fn remedy(self) -> &'static str {
        match self {
            Room::BySpec => "free as much, add a node, or lower spec.resources",
            Room::ByBackup => {
                "free as much, or add a node; a drill asks for what the cluster had when its backup was made"
            }
        }
    }
}

/// What is in the way; none when all pods run, or are on their way as they should be.
pub fn hindrance(seen: &Seen, room: Room, now: Timestamp) -> Option<String> {
    let mut pods: Vec<&Pod> =
        seen.pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none() && !runs(pod)).collect();
    pods.sort_by_key(|pod| pod.name_any());
    let by_pod = || pods.iter().find_map(|pod| of_pod(seen, pod, room));
    let by_claim = || seen.claims.iter().find_map(|claim| of_claim(seen, claim, now));
    let by_set = || seen.sets.iter().find_map(|set| of_set(seen, set));
    let by_deployment = || seen.deployments.iter().find_map(of_deployment);
    by_pod().or_else(by_claim).or_else(by_set).or_else(by_deployment)
}

fn of_pod(seen: &Seen, pod: &Pod, room: Room) -> Option<String> {
    let (name, namespace) = (pod.name_any(), pod.namespace().unwrap_or_default());
    if let Some(scheduled) = condition(pod, "PodScheduled").filter(|condition| condition.status == "False") {
        // A pod whose volume can't be made finds no node either, and the volume is the cause.
        let mine = seen.claims.iter().filter(|claim| claims(pod).any(|mine| mine == claim.name_any()));
        return mine.into_iter().find_map(|claim| refused(seen, claim)).or_else(|| {
            Some(format!(
                "pod {name} is Pending: {}. It asks for {}: {}",
                sentence(&scheduled.message),
                asks(pod),
                room.remedy()
            ))
        });
    }
    containers(pod).find_map(|(container, image)| stuck(&name, &namespace, container, image)).or_else(|| {
        let of = |reason: &str| {
            matches!(
                reason,
                "FailedMount" | "FailedAttachVolume" | "FailedMapVolume" | "FailedCreatePodSandBox"
            )
        };
        let event = seen.warning(pod.metadata.uid.as_deref(), of).filter(|_| !begun(pod))?;
        Some(format!(
            "pod {name} can't start: {}; see kubectl -n {namespace} describe pod {name}",
            words(event)
        ))
    })
}

/// Why a container does not run, if the kubelet has given up for now.
fn stuck(pod: &str, namespace: &str, container: &ContainerStatus, image: &str) -> Option<String> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let called = &container.name;
    match waiting.reason.as_deref()? {
        // The kubelet changes between these words while it tries, so none of them is told.
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => Some(format!(
            "pod {pod} can't pull image '{image}': make it available to the nodes, or correct what names it; see kubectl -n \
             {namespace} describe pod {pod}"
        )),
        "CrashLoopBackOff" => Some(format!(
            "container {called} of pod {pod} ends again and again: kubectl -n {namespace} logs {pod} -c {called} --previous"
        )),
        reason @ ("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError") => {
            let words = waiting.message.as_deref().unwrap_or(reason);
            Some(format!(
                "container {called} of pod {pod} can't be made: {}; see kubectl -n {namespace} describe pod {pod}",
                sentence(words)
            ))
        }
        _ => None,
    }
}

/// A claim that nobody binds, with its cause where one is told.
fn of_claim(seen: &Seen, claim: &PersistentVolumeClaim, now: Timestamp) -> Option<String> {
    if bound(claim) || claim.metadata.deletion_timestamp.is_some() {
        return None;
    }
    refused(seen, claim).or_else(|| {
        let old = claim.creation_timestamp().is_some_and(|made| now.duration_since(made.0) > BINDS_WITHIN);
        let (name, namespace) = (claim.name_any(), claim.namespace().unwrap_or_default());
        old.then(|| {
            format!(
                "volume claim {name} is Pending and nobody says why: does the storage's driver run? kubectl -n {namespace} \
                 describe pvc {name}"
            )
        })
    })
}

/// A claim that is refused a volume.
fn refused(seen: &Seen, claim: &PersistentVolumeClaim) -> Option<String> {
    let event = seen.warning(claim.metadata.uid.as_deref(), |_| true).filter(|_| !bound(claim))?;
    let (name, namespace) = (claim.name_any(), claim.namespace().unwrap_or_default());
    Some(format!(
        "volume claim {name} is Pending: {}; see kubectl -n {namespace} describe pvc {name}",
        words(event)
    ))
}

/// A set that is refused a pod, as by a quota. A refusal from before the newest pod is over.
fn of_set(seen: &Seen, set: &StatefulSet) -> Option<String> {
    if is_complete(set) || set.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let event = seen.warning(set.metadata.uid.as_deref(), |reason| reason == FAILED_CREATE)?;
    let mine = |pod: &&Pod| pod.owner_references().iter().any(|owner| Some(&owner.uid) == set.uid().as_ref());
    let newest =
        seen.pods.iter().filter(mine).filter_map(|pod| pod.creation_timestamp()).map(|made| made.0).max();
    if newest.is_some() && told_at(event) < newest {
        return None;
    }
    Some(unmade("StatefulSet", &set.name_any(), &words(event), &set.namespace().unwrap_or_default()))
}

/// A Deployment that is refused a pod: it says so itself, until a pod could be made.
fn of_deployment(deployment: &Deployment) -> Option<String> {
    let words = sentence(failure(deployment)?);
    let namespace = deployment.namespace().unwrap_or_default();
    Some(unmade("Deployment", &deployment.name_any(), &words, &namespace))
}

fn failure(deployment: &Deployment) -> Option<&str> {
    let all = deployment.status.as_ref()?.conditions.as_ref()?;
    let failure = all.iter().find(|one| one.type_ == "ReplicaFailure" && one.status == "True")?;
    Some(failure.message.as_deref().or(failure.reason.as_deref()).unwrap_or_default())
}

fn unmade(kind: &str, name: &str, words: &str, namespace: &str) -> String {
    format!("no pod of {kind} {name} can be made: {words}. {}", refusal_remedy(namespace))
}

fn runs(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready.status == "True")
        || pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Succeeded")
}

fn bound(claim: &PersistentVolumeClaim) -> bool {
    claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound")
}

/// True when each pod that the set is to have was made.
fn is_complete(set: &StatefulSet) -> bool {
    let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    set.status.as_ref().is_some_and(|status| status.replicas >= wanted)
}

/// True when a container of the pod runs or ran: what failed before did not last.
fn begun(pod: &Pod) -> bool {
    containers(pod).any(|(container, _)| {
        container.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some())
    })
}

struct Said {
    status: String,
    message: String,
}

fn condition(pod: &Pod, kind: &str) -> Option<Said> {
    let all = pod.status.as_ref()?.conditions.as_ref()?;
    let found = all.iter().find(|condition| condition.type_ == kind)?;
    Some(Said { status: found.status.clone(), message: found.message.clone().unwrap_or_default() })
}

/// Containers as they stand, the first to run first, each with the image that the spec names.
fn containers(pod: &Pod) -> impl Iterator<Item = (&ContainerStatus, &str)> {
    let status = pod.status.as_ref();
    let init = status.and_then(|status| status.init_container_statuses.as_ref());
    let main = status.and_then(|status| status.container_statuses.as_ref());
    init.into_iter().chain(main).flatten().map(|container| {
        let spec =
            pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
        let named = spec.filter(|spec| spec.name == container.name).find_map(|spec| spec.image.as_deref());
        (container, named.unwrap_or(&container.image))
    })
}

fn claims(pod: &Pod) -> impl Iterator<Item = &str> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()))
}

/// What the pod's containers ask for together, as `250m CPU and 1024 MiB of memory`.
fn asks(pod: &Pod) -> String {
    let sum = |resource: &str, read: fn(&str) -> Option<u64>| -> u64 {
        let all = pod.spec.iter().flat_map(|spec| &spec.containers);
        let requests =
            all.filter_map(|container| container.resources.as_ref()?.requests.as_ref()?.get(resource));
        requests.filter_map(|quantity| read(&quantity.0)).sum()
    };
    format!("{}m CPU and {} of memory", sum("cpu", quantity_millis), human_mib(sum("memory", quantity_bytes)))
}

/// The words of an event.
fn words(event: &Event) -> String {
    sentence(event.message.as_deref().or(event.reason.as_deref()).unwrap_or_default())
}

/// Words of others as the middle of a sentence: one line, not too long, without an end of its own, and with nothing that a terminal
/// would obey: whoever may write events of a namespace writes these words.
fn sentence(words: &str) -> String {
    let words: String = words.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let mut line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() > MOST_WORDS {
        line.truncate(line.floor_char_boundary(MOST_WORDS));
        line.push_str(" ...");
        return line;
    }
    line.trim_end_matches('.').to_owned()
}
