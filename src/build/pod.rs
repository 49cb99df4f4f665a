//! What all our pods share: restricted security, mounts, and probes.

use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, ConfigMapVolumeSource, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource,
    LocalObjectReference, ObjectFieldSelector, PodAffinityTerm, PodAntiAffinity, PodSecurityContext, PodSpec,
    SeccompProfile, SecretKeySelector, SecretVolumeSource, SecurityContext, TopologySpreadConstraint, Volume,
    VolumeMount, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeMap;

use crate::api::Spread;
use crate::target::Target;

/// User and group of the images. Volumes outlive images, so the number never changes.
pub const USER: i64 = 999;
/// Files of Secrets: readable by the group alone, which is what Postgres demands of a key owned by root.
const SECRET_MODE: i32 = 0o440;

/// Security of a pod under the `restricted` Pod Security Standard.
pub fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        fs_group_change_policy: Some("OnRootMismatch".into()),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), ..Default::default() }),
        ..Default::default()
    }
}

/// What members and the pooler share: nobody's rights, and where the pods may run.
pub fn spec(
    target: &Target,
    account: String,
    grace_seconds: i64,
    selector: &BTreeMap<String, String>,
) -> PodSpec {
    PodSpec {
        service_account_name: Some(account),
        automount_service_account_token: Some(false),
        termination_grace_period_seconds: Some(grace_seconds),
        security_context: Some(pod_security()),
        affinity: Some(anti_affinity(target.spread, selector)),
        topology_spread_constraints: Some(zone_spread(selector)),
        node_selector: (!target.node_selector.is_empty()).then(|| target.node_selector.clone()),
        tolerations: (!target.tolerations.is_empty()).then(|| target.tolerations.clone()),
        priority_class_name: target.pods.priority_class_name.clone(),
        image_pull_secrets: pull_secrets(target),
        ..PodSpec::default()
    }
}

fn pull_secrets(target: &Target) -> Option<Vec<LocalObjectReference>> {
    let named = target.pods.image_pull_secrets.iter();
    let named: Vec<_> = named.map(|secret| LocalObjectReference { name: secret.name.clone() }).collect();
    (!named.is_empty()).then_some(named)
}

/// Security of a container under the `restricted` Pod Security Standard.
pub fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
        ..Default::default()
    }
}

/// A mount.
pub fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only: read_only.then_some(true),
        ..Default::default()
    }
}

/// A TCP port.
pub fn port(name: &str, port: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.into()),
        container_port: port,
        protocol: Some("TCP".into()),
        ..Default::default()
    }
}

/// A variable with a value that is no secret. The API server drops an empty one.
pub fn variable(name: &str, value: impl Into<String>) -> EnvVar {
    let value = Some(value.into()).filter(|text: &String| !text.is_empty());
    EnvVar { name: name.into(), value, ..Default::default() }
}

/// A variable with a field of the pod.
pub fn field_variable(name: &str, path: &str) -> EnvVar {
    EnvVar {
        name: name.into(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { api_version: Some("v1".into()), field_path: path.into() }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A variable with an entry of a Secret.
pub fn secret_variable(name: &str, secret: String, key: &str) -> EnvVar {
    let source = SecretKeySelector { name: secret, key: key.into(), optional: None };
    EnvVar {
        name: name.into(),
        value_from: Some(EnvVarSource { secret_key_ref: Some(source), ..Default::default() }),
        ..Default::default()
    }
}

/// A folder that lives as long as the pod; `memory` bounds it and keeps it off the disk.
pub fn scratch(name: &str, memory: Option<&str>) -> Volume {
    Volume {
        name: name.into(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: memory.map(|_| "Memory".into()),
            size_limit: memory.map(|size| Quantity(size.into())),
        }),
        ..Default::default()
    }
}

/// A Secret as a folder.
pub fn secret_volume(name: &str, secret: &str) -> Volume {
    Volume {
        name: name.into(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.into()),
            default_mode: Some(SECRET_MODE),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A ConfigMap as a folder.
pub fn config_volume(name: &str, config_map: &str) -> Volume {
    Volume {
        name: name.into(),
        config_map: Some(ConfigMapVolumeSource {
            name: config_map.into(),
            default_mode: Some(0o444),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Keeps the selected pods off each other's nodes.
pub fn anti_affinity(spread: Spread, selector: &BTreeMap<String, String>) -> Affinity {
    let term = PodAffinityTerm {
        label_selector: Some(select(selector)),
        topology_key: "kubernetes.io/hostname".into(),
        ..Default::default()
    };
    let rule = match spread {
        Spread::Required => PodAntiAffinity {
            required_during_scheduling_ignored_during_execution: Some(vec![term]),
            ..Default::default()
        },
        Spread::Preferred => PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                weight: 100,
                pod_affinity_term: term,
            }]),
            ..Default::default()
        },
    };
    Affinity { pod_anti_affinity: Some(rule), ..Default::default() }
}

/// Spreads the selected pods over zones; a zone that is lost must not hold back the others.
pub fn zone_spread(selector: &BTreeMap<String, String>) -> Vec<TopologySpreadConstraint> {
    vec![TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "topology.kubernetes.io/zone".into(),
        when_unsatisfiable: "ScheduleAnyway".into(),
        label_selector: Some(select(selector)),
        ..Default::default()
    }]
}

/// Requests, and a memory limit; never a CPU limit, which would only lengthen locks.
pub fn resources(cpu: &str, memory: &str) -> k8s_openapi::api::core::v1::ResourceRequirements {
    let quantity = |text: &str| Quantity(text.into());
    k8s_openapi::api::core::v1::ResourceRequirements {
        requests: Some(BTreeMap::from([("cpu".into(), quantity(cpu)), ("memory".into(), quantity(memory))])),
        limits: Some(BTreeMap::from([("memory".into(), quantity(memory))])),
        claims: None,
    }
}

fn select(labels: &BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels: Some(labels.clone()), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use crate::build::{Revision, revision};
    use crate::child::Kind;
    use crate::fixture::{observed, settle, start, target};
    use serde_json::{Value, json};

    fn of(spec: Value) -> Revision {
        let target = target(&observed(spec));
        revision(&target, &target.groups[0])
    }

    #[test]
    fn labels_and_annotations_ask_for_no_other_pod_and_what_a_pod_is_made_with_does() {
        let plain = of(json!({}));
        let carried = json!({"labels": {"team": "a"}, "annotations": {"note": "b"}, "serviceAccountAnnotations": {"x": "y"}});
        assert_eq!(of(json!({"pods": carried})), plain);
        assert_ne!(of(json!({"pods": {"priorityClassName": "database"}})), plain);
        assert_ne!(of(json!({"pods": {"imagePullSecrets": [{"name": "registry"}]}})), plain);
    }

    #[test]
    fn all_pods_are_made_with_what_the_spec_has_them_carry_and_without_links() {
        let mut seen = observed(json!({"pods": {
            "labels": {"team": "a"}, "annotations": {"note": "b"}, "priorityClassName": "database",
            "imagePullSecrets": [{"name": "registry"}], "serviceAccountAnnotations": {"iam.gke.io/x": "y"},
        }}));
        settle(&mut seen, start());
        for (kind, name) in [(Kind::StatefulSet, "c"), (Kind::Deployment, "c-pooler")] {
            let template = &seen.children.get(kind, name).expect("it is there")["spec"]["template"];
            assert_eq!(template["metadata"]["labels"]["team"], "a", "{kind}");
            assert_eq!(template["metadata"]["annotations"]["note"], "b", "{kind}");
            assert_eq!(template["spec"]["priorityClassName"], "database", "{kind}");
            assert_eq!(template["spec"]["imagePullSecrets"], json!([{"name": "registry"}]), "{kind}");
            assert_eq!(template["spec"]["enableServiceLinks"], false, "{kind}");
            let selector = &seen.children.get(kind, name).expect("it is there")["spec"]["selector"];
            assert!(selector["matchLabels"]["team"].is_null(), "a selector can't change");
        }
        for account in ["c-member", "c-pooler"] {
            let account = seen.children.get(Kind::ServiceAccount, account).expect("it is there");
            assert_eq!(account["metadata"]["annotations"]["iam.gke.io/x"], "y");
        }
    }
}
