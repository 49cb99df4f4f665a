//! The StatefulSet of a group: Patroni as the main process, the metrics exporter beside it, one volume each.

use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    Container, EnvVar, ExecAction, HTTPGetAction, Lifecycle, LifecycleHandler, PersistentVolumeClaim,
    PersistentVolumeClaimSpec, PodSpec, PodTemplateSpec, Probe, ProjectedVolumeSource,
    ServiceAccountTokenProjection, Volume, VolumeProjection, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::api::RenderedStatus;
use crate::child::{Child, Kind};
use crate::engine::{hba, paths, ports};
use crate::name::{
    ANNOTATION_ENGINE_VERSION, ANNOTATION_IMAGE, ANNOTATION_RESTART, COMPONENT_MEMBER, LABEL_COMPONENT,
    LABEL_SCOPE, data_volume, service_hosts,
};
use crate::observe::Observed;
use crate::target::{GroupTarget, Target};
use crate::tuning::units::quantity_bytes;

use super::archive;
use super::marks;
use super::meta::metadata;
use super::pod;
use super::pooler;
use super::revision::{self, Revision};
use super::upgrade;

/// Seconds for a member to write its shutdown checkpoint before it is killed.
pub const GRACE_SECONDS: i64 = 180;
/// Name of the main container.
pub const CONTAINER: &str = "postgres";
/// Folder of the pod's token, as all Kubernetes clients expect it.
pub(super) const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// One StatefulSet for each group.
pub fn stateful_sets(target: &Target, seen: &Observed) -> Vec<Child> {
    target
        .groups
        .iter()
        .map(|group| {
            let name = group.name.scope();
            let live = seen.children.get(Kind::StatefulSet, &name);
            Child::new(Kind::StatefulSet, &name, &stateful_set(target, group, live))
        })
        .collect()
}

/// What tells the pods of the group from those of another rendering.
pub fn revision(target: &Target, group: &GroupTarget) -> Revision {
    Revision::of(&pod_spec(target, group)).with(&target.rendered.members)
}

/// How pods are rendered now, beside what was rendered last.
pub fn rendered(target: &Target, before: Option<&RenderedStatus>, generation: Option<i64>) -> RenderedStatus {
    let members = target.groups.first().map(|group| pod_spec(target, group)).unwrap_or_default();
    let poolers: Vec<PodSpec> =
        target.poolers.iter().map(|pooler| pooler::pod_spec(target, pooler)).collect();
    revision::rendered(before, generation, &members, &poolers)
}

fn stateful_set(target: &Target, group: &GroupTarget, live: Option<&Value>) -> StatefulSet {
    let selector = group.name.selector();
    let mut pod = pod_spec(target, group);
    let mut labels = target.name.labels();
    labels.insert(LABEL_COMPONENT.into(), COMPONENT_MEMBER.into());
    labels.insert(LABEL_SCOPE.into(), group.name.scope());
    let mut annotations = Revision::of(&pod).with(&target.rendered.members).annotations();
    annotations.extend(upgrade::mark(target));
    let version = (ANNOTATION_ENGINE_VERSION.to_owned(), target.version.to_string());
    annotations.extend([version.clone(), (ANNOTATION_IMAGE.to_owned(), target.image.clone())]);
    marks::add(target, &mut labels, &mut annotations);
    // Not in the digest: servers that run without it run as well, and none is restarted for it.
    pod.enable_service_links = Some(false);
    annotations.extend(target.restart.iter().map(|mark| (ANNOTATION_RESTART.to_owned(), mark.clone())));
    let mut metadata = metadata(target, group.name.scope());
    metadata.annotations = Some(std::iter::once(version).chain(upgrade::course(target)).collect());
    let keep = StatefulSetPersistentVolumeClaimRetentionPolicy {
        when_deleted: Some("Retain".into()),
        when_scaled: Some("Retain".into()),
    };
    StatefulSet {
        metadata,
        spec: Some(StatefulSetSpec {
            replicas: Some(if target.halts() { 0 } else { group.instances }),
            service_name: Some(group.name.members()),
            pod_management_policy: Some("Parallel".into()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".into()),
                rolling_update: None,
            }),
            persistent_volume_claim_retention_policy: Some(keep),
            selector: LabelSelector { match_labels: Some(selector), ..Default::default() },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    annotations: Some(annotations),
                    ..Default::default()
                }),
                spec: Some(pod),
            },
            volume_claim_templates: Some(vec![claim(target, group, live)]),
            ..Default::default()
        }),
        status: None,
    }
}

/// The claim template says what new members get. It is immutable, so a set with another one is made anew
/// (`src/plan/immutable.rs`). The same size in other words is no other size: the API server writes it in its own.
fn claim(target: &Target, group: &GroupTarget, live: Option<&Value>) -> PersistentVolumeClaim {
    let made_with = live
        .and_then(|set| set.pointer("/spec/volumeClaimTemplates/0/spec/resources/requests/storage"))
        .and_then(Value::as_str)
        .filter(|size| quantity_bytes(size) == Some(target.storage_bytes));
    let size = made_with.unwrap_or(&target.storage);
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(data_volume(group.generation)),
            labels: Some(target.name.labels()),
            ..Default::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".into()]),
            storage_class_name: target.storage_class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".into(), Quantity(size.into()))])),
                limits: None,
            }),
            ..Default::default()
        }),
        status: None,
    }
}

fn pod_spec(target: &Target, group: &GroupTarget) -> PodSpec {
    let selector = group.name.selector();
    PodSpec {
        init_containers: upgrade::init(target, group).map(|container| vec![container]),
        containers: vec![postgres(target, group), exporter(target)],
        volumes: Some(
            [
                vec![
                    pod::config_volume("patroni", &group.name.patroni()),
                    pod::secret_volume("tls", &target.name.member_tls()),
                    pod::scratch("sockets", None),
                    pod::scratch("tmp", None),
                    // Dynamic shared memory of parallel queries; it counts towards the memory limit.
                    pod::scratch("shm", Some(&target.memory)),
                    token(),
                ],
                archive::volumes(target),
            ]
            .concat(),
        ),
        ..pod::spec(target, target.name.member(), GRACE_SECONDS, &selector)
    }
}

/// The token of Patroni's narrow Role goes to the Postgres container alone: the exporter has no use for it.
fn token() -> Volume {
    let sources = serde_json::from_value(serde_json::json!([
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]))
    .expect("the literal is a list of volume projections");
    let mut sources: Vec<VolumeProjection> = sources;
    sources.push(VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            expiration_seconds: Some(3607),
            path: "token".into(),
            ..Default::default()
        }),
        ..Default::default()
    });
    Volume {
        name: "token".into(),
        projected: Some(ProjectedVolumeSource { default_mode: Some(0o440), sources: Some(sources) }),
        ..Default::default()
    }
}

fn postgres(target: &Target, group: &GroupTarget) -> Container {
    Container {
        name: CONTAINER.into(),
        image: Some(target.image.clone()),
        image_pull_policy: Some("IfNotPresent".into()),
        env: Some(environment(target, group)),
        ports: Some(vec![pod::port("postgres", ports::POSTGRES), pod::port("patroni", ports::PATRONI)]),
        resources: Some(pod::resources(&target.cpu, &target.memory)),
        security_context: Some(pod::container_security()),
        readiness_probe: Some(probe("/readiness", 1, 3)),
        // Patroni answers this while Postgres recovers, however long that takes: it fails only when Patroni itself hangs.
        liveness_probe: Some(Probe { initial_delay_seconds: Some(30), ..probe("/liveness", 10, 3) }),
        lifecycle: Some(Lifecycle { pre_stop: Some(checkpoint()), ..Default::default() }),
        volume_mounts: Some(
            [
                vec![
                    pod::mount(&data_volume(group.generation), paths::DATA, false),
                    pod::mount("patroni", paths::PATRONI, true),
                    pod::mount("tls", paths::TLS, true),
                    pod::mount("sockets", paths::SOCKETS, false),
                    pod::mount("tmp", "/tmp", false),
                    pod::mount("shm", "/dev/shm", false),
                    pod::mount("token", TOKEN, true),
                ],
                archive::mounts(target),
            ]
            .concat(),
        ),
        ..Default::default()
    }
}

/// A checkpoint just before the stop leaves little for the shutdown checkpoint, during which no member takes writes.
/// Patroni then gives up its claim, so a member takes over without a time-out.
fn checkpoint() -> LifecycleHandler {
    let command = ["psql", "--no-psqlrc", "--quiet", "--username", hba::SUPERUSER, "--command", "CHECKPOINT"];
    LifecycleHandler {
        exec: Some(ExecAction { command: Some(command.map(str::to_owned).to_vec()) }),
        ..Default::default()
    }
}

fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.into()),
            port: IntOrString::Int(ports::PATRONI),
            scheme: Some("HTTPS".into()),
            ..Default::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(3),
        failure_threshold: Some(failures),
        ..Default::default()
    }
}

fn environment(target: &Target, group: &GroupTarget) -> Vec<EnvVar> {
    let secret = |name: &str, key: &str| pod::secret_variable(name, target.name.credentials(), key);
    let host = group.name.member_host("$(PATRONI_NAME)", &target.domain);
    let mut env = vec![
        pod::field_variable("PATRONI_NAME", "metadata.name"),
        pod::field_variable("PATRONI_KUBERNETES_NAMESPACE", "metadata.namespace"),
        pod::field_variable("PATRONI_KUBERNETES_POD_IP", "status.podIP"),
        pod::variable("PATRONI_POSTGRESQL_CONNECT_ADDRESS", format!("{host}:{}", ports::POSTGRES)),
        pod::variable("PATRONI_RESTAPI_CONNECT_ADDRESS", format!("{host}:{}", ports::PATRONI)),
        secret("PATRONI_SUPERUSER_PASSWORD", hba::SUPERUSER),
        secret("PATRONI_REPLICATION_PASSWORD", hba::REPLICATION_ROLE),
        secret("PATRONI_REWIND_PASSWORD", hba::REWIND_ROLE),
    ];
    env.extend(target.upgrade.iter().flat_map(upgrade::variables));
    env
}

fn exporter(target: &Target) -> Container {
    let source =
        format!("user={} dbname=postgres host={} sslmode=disable", hba::MONITOR_ROLE, paths::SOCKETS);
    Container {
        name: "metrics".into(),
        image: Some(target.image.clone()),
        image_pull_policy: Some("IfNotPresent".into()),
        command: Some(vec!["prometheus-postgres-exporter".into()]),
        args: Some(vec![
            format!("--web.listen-address=:{}", ports::METRICS),
            format!("--web.config.file={}/exporter-web.yml", paths::PATRONI),
            "--log.level=warn".into(),
        ]),
        env: Some(vec![pod::variable("DATA_SOURCE_NAME", source)]),
        ports: Some(vec![pod::port("metrics", ports::METRICS)]),
        resources: Some(pod::resources("10m", "64Mi")),
        security_context: Some(pod::container_security()),
        volume_mounts: Some(vec![
            pod::mount("patroni", paths::PATRONI, true),
            pod::mount("tls", paths::TLS, true),
            pod::mount("sockets", paths::SOCKETS, false),
        ]),
        ..Default::default()
    }
}

/// Names in the certificate of members: each member by the headless Service, and the Services in front of them.
pub fn certificate_names(target: &Target) -> Vec<String> {
    let mut names = Vec::new();
    for group in &target.groups {
        names.push(group.name.member_host("*", &target.domain));
        for service in [group.name.primary(), group.name.replicas()] {
            names.extend(service_hosts(&service, &target.name.namespace, &target.domain));
        }
    }
    names
}
