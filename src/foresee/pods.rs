//! What the controllers of Kubernetes answer: pods as a template makes them, and what a Deployment says of its own update. The simulated
//! world of the scenarios gives the same answers (`tests/sim/`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::build::{ARCHIVE_VOLUME, Revision};
use crate::name::{ANNOTATION_ENGINE_VERSION, ANNOTATION_IMAGE, ANNOTATION_MARKS, ANNOTATION_UPGRADE};
use crate::observe::{PodSeen, Restarts};
use crate::pooler::kind_of;
use crate::target::Version;
use crate::tuning::units::quantity_bytes;

/// A pod as a template makes it, before it has a node or runs.
pub fn made_by(template: &Value, component: &str, uid: String, now: Timestamp) -> PodSeen {
    let annotations = serde_json::from_value(template["metadata"]["annotations"].clone());
    let annotations: BTreeMap<String, String> = annotations.unwrap_or_default();
    let mut volumes = template["spec"]["volumes"].as_array().into_iter().flatten();
    let container = &template["spec"]["containers"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut pod = PodSeen {
        uid,
        component: component.into(),
        pooler: container["name"].as_str().and_then(kind_of),
        created: Some(now),
        revision: Revision::read(&annotations),
        restarts: Restarts::read(&annotations),
        engine_version: annotations.get(ANNOTATION_ENGINE_VERSION).and_then(|text| Version::read(text)),
        upgrade: annotations.get(ANNOTATION_UPGRADE).cloned(),
        marks: annotations.get(ANNOTATION_MARKS).cloned(),
        archives: volumes.any(|volume| volume["name"] == ARCHIVE_VOLUME),
        ..PodSeen::default()
    };
    pod.main.image = text(&container["image"]);
    pod.made_for = annotations.get(ANNOTATION_IMAGE).filter(|image| **image != pod.main.image).cloned();
    pod.main.cpu = text(&container["resources"]["requests"]["cpu"]);
    pod.main.memory = text(&container["resources"]["limits"]["memory"]);
    pod.main.memory_in_force = quantity_bytes(&pod.main.memory);
    pod
}

/// Status of a Deployment with so many ready pods. `rolls`: its template has just changed.
pub fn deployment_status(ready: usize, rolls: bool) -> Value {
    let reason = if rolls { "ReplicaSetUpdated" } else { "NewReplicaSetAvailable" };
    let progressing = json!({"type": "Progressing", "status": "True", "reason": reason});
    json!({"readyReplicas": ready, "conditions": [progressing]})
}
