//! Pods and volume claims, reduced to what decisions need.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerStatus, PersistentVolumeClaim, PersistentVolumeClaimStatus, Pod,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt;

use crate::build::{ARCHIVE_VOLUME, Revision, UPGRADE_CONTAINER};
use crate::name::{
    ANNOTATION_DISK, ANNOTATION_ENGINE_VERSION, ANNOTATION_FAULT, ANNOTATION_FILES, ANNOTATION_IMAGE,
    ANNOTATION_MARKS, ANNOTATION_RESTORE_REQUEST, ANNOTATION_RESTORED_BY, ANNOTATION_RESTORED_FOR,
    ANNOTATION_RESTORED_FROM, ANNOTATION_SETTLED, ANNOTATION_SOURCE_ARCHIVE, ANNOTATION_UPGRADE,
    LABEL_COMPONENT, LABEL_RETIRED, LABEL_ROLE,
};
use crate::pooler::{is_pooler, kind_of, program};
use crate::target::Version;
use crate::text::one_line;
use crate::tuning::units::quantity_bytes;

use super::disk::DiskUse;
use super::facts::{ContainerSeen, Growth, InitSeen, PodSeen, VolumeSeen};
use super::restarts::Restarts;

/// Most bytes of a server's last words: the program that writes them cuts them there, and so is done with what others write.
const FAULT_BYTES: usize = 500;

impl PodSeen {
    /// Image that the pod was made for, whatever admission put in its place.
    pub fn image(&self) -> &str {
        self.made_for.as_ref().unwrap_or(&self.main.image)
    }
}

/// Why the archive that a restore reads is of no use, as `images/postgres/restore-member` found out. Whoever may write the pod may write it:
/// it is told, and leads to another look at the Secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFault {
    /// The passphrase does not open it.
    Key,
    /// There is no such part of an archive.
    Absent,
    /// It could not be asked: pgBackRest's code.
    Unread(i32),
}

impl SourceFault {
    fn read(word: &str) -> Option<Self> {
        match word.split_once(' ') {
            None if word == "key" => Some(Self::Key),
            None if word == "none" => Some(Self::Absent),
            Some(("unread", code)) => code.parse().ok().map(Self::Unread),
            _ => None,
        }
    }
}

/// Image that a pod was made for, where its spec has another one since it was made. Kubernetes counts changes of a pod's spec (1.33 and
/// later), and nobody can count them back: what was put in by hand is no admission's, and such a pod is made anew.
fn made_for(pod: &Pod, runs: &str) -> Option<String> {
    let unchanged = pod.metadata.generation == Some(1);
    pod.annotations().get(ANNOTATION_IMAGE).filter(|image| unchanged && *image != runs).cloned()
}

/// A pod as it counts here.
pub fn pod(pod: &Pod) -> PodSeen {
    let component = pod.labels().get(LABEL_COMPONENT).cloned().unwrap_or_default();
    let spec = pod.spec.as_ref();
    let mut containers = spec.iter().flat_map(|spec| &spec.containers);
    let pooler = containers.find_map(|one| kind_of(&one.name)).filter(|_| is_pooler(&component));
    let main = pooler.map_or("postgres", |kind| program(kind).container());
    let status = pod.status.as_ref();
    let condition = |kind: &str| {
        status
            .and_then(|s| s.conditions.as_ref())
            .and_then(|all| all.iter().find(|c| c.type_ == kind).cloned())
    };
    let wanted = spec.and_then(|spec| spec.containers.iter().find(|c| c.name == main));
    // Kubernetes 1.33 and later: one condition while a resize waits for room, one while the kubelet is at it.
    let resizing = ["PodResizePending", "PodResizeInProgress"].into_iter().find_map(|kind| {
        let condition = condition(kind).filter(|c| c.status == "True")?;
        Some(
            format!("{} {}", condition.reason.unwrap_or_default(), condition.message.unwrap_or_default())
                .trim()
                .to_owned(),
        )
    });
    let live = status
        .and_then(|s| s.container_statuses.as_ref())
        .and_then(|all| all.iter().find(|c| c.name == main));
    PodSeen {
        uid: pod.uid().unwrap_or_default(),
        pooler,
        role: pod.labels().get(LABEL_ROLE).cloned(),
        ip: status.and_then(|s| s.pod_ip.clone()).filter(|ip| !ip.is_empty()),
        node: spec.and_then(|spec| spec.node_name.clone()),
        created: pod.creation_timestamp().map(|time| time.0),
        ready: condition("Ready").is_some_and(|c| c.status == "True"),
        deleting: pod.metadata.deletion_timestamp.is_some(),
        unscheduled: condition("PodScheduled").filter(|c| c.status == "False").and_then(|c| c.message),
        revision: Revision::read(pod.annotations()),
        restarts: Restarts::read(pod.annotations()),
        engine_version: pod.annotations().get(ANNOTATION_ENGINE_VERSION).and_then(|text| Version::read(text)),
        unready_since: condition("Ready")
            .filter(|c| c.status != "True")
            .and_then(|c| c.last_transition_time)
            .map(|time| time.0),
        made_for: wanted.and_then(|wanted| made_for(pod, wanted.image.as_deref()?)),
        marks: pod.annotations().get(ANNOTATION_MARKS).cloned(),
        main: container(wanted, live),
        resizing,
        upgrade: pod.annotations().get(ANNOTATION_UPGRADE).cloned(),
        init: init(
            status
                .and_then(|s| s.init_container_statuses.as_ref())
                // By name: a mesh puts its own before it.
                .and_then(|all| all.iter().find(|c| c.name == UPGRADE_CONTAINER)),
        ),
        files: pod.annotations().get(ANNOTATION_FILES).cloned(),
        archives: spec
            .and_then(|spec| spec.volumes.as_ref())
            .is_some_and(|volumes| volumes.iter().any(|volume| volume.name == ARCHIVE_VOLUME)),
        fault: pod.annotations().get(ANNOTATION_FAULT).map(|text| one_line(text, FAULT_BYTES)),
        source_fault: pod
            .annotations()
            .get(ANNOTATION_SOURCE_ARCHIVE)
            .and_then(|word| SourceFault::read(word)),
        disk: DiskUse::parse(pod.annotations().get(ANNOTATION_DISK).map(String::as_str)),
        orphan: !pod.owner_references().iter().any(|owner| owner.controller == Some(true)),
        component,
    }
}

/// The run that ended last: while the kubelet waits before it starts a failed one again, that is the run before.
fn init(live: Option<&ContainerStatus>) -> InitSeen {
    let Some(live) = live else { return InitSeen::default() };
    let now = live.state.as_ref().and_then(|state| state.terminated.as_ref());
    let before = live.last_state.as_ref().and_then(|last| last.terminated.as_ref());
    let ended = now.or(before).map(|end| (end.exit_code, end.message.clone().unwrap_or_default()));
    InitSeen { ended, restarts: live.restart_count }
}

fn container(wanted: Option<&Container>, live: Option<&ContainerStatus>) -> ContainerSeen {
    let resources = wanted.and_then(|wanted| wanted.resources.as_ref());
    let quantity = |all: Option<&BTreeMap<String, Quantity>>, name: &str| {
        all.and_then(|all| all.get(name)).map(|quantity| quantity.0.clone()).unwrap_or_default()
    };
    let state = live.and_then(|live| live.state.as_ref());
    let last = live.and_then(|live| live.last_state.as_ref());
    let waiting = state.and_then(|state| state.waiting.as_ref()).map(|waiting| {
        (waiting.reason.clone().unwrap_or_default(), waiting.message.clone().unwrap_or_default())
    });
    let end = state
        .and_then(|state| state.terminated.as_ref())
        .or_else(|| last.and_then(|last| last.terminated.as_ref()));
    let ended = end.map(|end| {
        let id = end.container_id.clone().unwrap_or_default();
        let id = id.rsplit('/').next().unwrap_or_default();
        format!("run {} exit code {}", &id[..id.len().min(12)], end.exit_code)
    });
    ContainerSeen {
        image: wanted.and_then(|wanted| wanted.image.clone()).unwrap_or_default(),
        cpu: quantity(resources.and_then(|r| r.requests.as_ref()), "cpu"),
        memory: quantity(resources.and_then(|r| r.limits.as_ref()), "memory"),
        memory_in_force: live
            .and_then(|live| live.resources.as_ref()?.limits.as_ref()?.get("memory"))
            .and_then(|quantity| quantity_bytes(&quantity.0)),
        running: state.is_some_and(|state| state.running.is_some()),
        waiting,
        ended,
        ended_at: end.and_then(|end| end.finished_at.as_ref()).map(|time| time.0),
        out_of_memory: end.is_some_and(|end| end.reason.as_deref() == Some("OOMKilled")),
        restarts: live.map_or(0, |live| live.restart_count),
    }
}

/// A volume claim as it counts here.
pub fn volume(claim: &PersistentVolumeClaim) -> VolumeSeen {
    let spec = claim.spec.as_ref();
    let size =
        |quantity: Option<&Quantity>| quantity.and_then(|quantity| quantity_bytes(&quantity.0)).unwrap_or(0);
    let requests = spec.and_then(|spec| spec.resources.as_ref()).and_then(|r| r.requests.as_ref());
    let capacity = claim.status.as_ref().and_then(|status| status.capacity.as_ref());
    VolumeSeen {
        uid: claim.uid().unwrap_or_default(),
        requested: size(requests.and_then(|requests| requests.get("storage"))),
        capacity: size(capacity.and_then(|capacity| capacity.get("storage"))),
        volume: spec.and_then(|spec| spec.volume_name.clone()),
        class: spec.and_then(|spec| spec.storage_class_name.clone()),
        restored_from: claim.annotations().get(ANNOTATION_RESTORED_FROM).cloned(),
        restored_for: claim.annotations().get(ANNOTATION_RESTORED_FOR).cloned(),
        wish: claim.annotations().get(ANNOTATION_RESTORED_BY).cloned(),
        settled: claim.annotations().contains_key(ANNOTATION_SETTLED),
        request: claim.annotations().get(ANNOTATION_RESTORE_REQUEST).cloned(),
        retired: claim.labels().contains_key(LABEL_RETIRED),
        owner: claim.owner_references().first().map(|owner| owner.uid.clone()),
        growth: claim.status.as_ref().map(growth).unwrap_or_default(),
    }
}

/// What the claim's conditions say of its growth. A fault of the controller or the node comes first; since Kubernetes 1.34
/// `allocatedResourceStatuses` tells also what can never be.
fn growth(status: &PersistentVolumeClaimStatus) -> Growth {
    let told = |kinds: &[&str]| {
        let all = status.conditions.iter().flatten().filter(|condition| condition.status == "True");
        let mut found = all.filter(|condition| kinds.contains(&condition.type_.as_str()));
        found.next().map(|condition| {
            let words = [Some(&condition.type_), condition.reason.as_ref(), condition.message.as_ref()];
            let words: Vec<&str> =
                words.into_iter().flatten().map(String::as_str).filter(|word| !word.is_empty()).collect();
            words.join(", ")
        })
    };
    let infeasible = status
        .allocated_resource_statuses
        .iter()
        .flatten()
        .find(|(resource, word)| *resource == "storage" && word.ends_with("Infeasible"))
        .map(|(_, word)| word.clone());
    if let Some(why) = told(&["ControllerResizeError", "NodeResizeError"]).or(infeasible) {
        return Growth::Failed(why);
    }
    told(&["FileSystemResizePending", "Resizing"]).map_or(Growth::Quiet, Growth::Waiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_work_of_an_upgrade_is_known_by_its_name_whoever_else_has_an_init_container() {
        let ended = |code: i32, message: &str| json!({"terminated": {"exitCode": code, "message": message, "finishedAt": "2026-11-29T14:00:05Z"}});
        let status = |name: &str, state: serde_json::Value| json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        let object: Pod = serde_json::from_value(json!({
            "metadata": {"name": "c-0"},
            "status": {
                "initContainerStatuses": [status("mesh-init", ended(0, "")), status("upgrade", ended(3, "no room"))],
                "containerStatuses": [status("mesh", ended(1, "")), status("postgres", ended(137, ""))],
            },
        }))
        .unwrap();
        let seen = pod(&object);
        assert_eq!(seen.init.ended, Some((3, "no room".into())));
        assert!(seen.main.ended.unwrap().ends_with("exit code 137"));
        assert_eq!(seen.main.ended_at, "2026-11-29T14:00:05Z".parse().ok());
    }

    #[test]
    fn a_mirror_that_admission_puts_in_is_no_other_image_and_what_somebody_puts_in_by_hand_is() {
        let seen = |generation: Option<i64>, made_for: &str| {
            let object: Pod = serde_json::from_value(json!({
                "metadata": {"name": "c-0", "generation": generation, "annotations": {ANNOTATION_IMAGE: made_for}},
                "spec": {"containers": [{"name": "mesh", "image": "m"}, {"name": "postgres", "image": "mirror/postgres:1"}]},
            }))
            .unwrap();
            pod(&object)
        };
        let mirrored = seen(Some(1), "postgres:1");
        assert_eq!((mirrored.image(), mirrored.main.image.as_str()), ("postgres:1", "mirror/postgres:1"));
        assert_eq!(seen(Some(2), "postgres:1").image(), "mirror/postgres:1", "its spec was changed since");
        assert_eq!(seen(None, "postgres:1").image(), "mirror/postgres:1", "nobody counts");
        assert_eq!(seen(Some(1), "mirror/postgres:1").made_for, None);
    }
}
