//! The pooler's Deployment: Pgpool-II with its supervisor, and the metrics exporter beside it.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use crate::child::{Child, Kind};
use crate::engine::hba::POOLER_MONITOR_ROLE;
use crate::engine::ports;
use crate::name::{COMPONENT_POOLER, LABEL_COMPONENT, service_hosts};
use crate::observe::Observed;
use crate::pooler::{self, paths};
use crate::target::Target;

use super::marks;
use super::meta::metadata;
use super::pod;
use super::revision::Revision;

/// Annotation with the digest of what only a restart applies.
const ANNOTATION_RESTART: &str = "stylobate.dev/pooler-restart";
/// Seconds for sessions to end after the pod left the Service.
const GRACE_SECONDS: i64 = 30;

/// The Deployment; none until its Secrets exist, since a pod that waits for a mount is tried again ever more slowly.
pub fn deployment(target: &Target, seen: &Observed) -> Option<Child> {
    let certificate = certificate(target);
    let given = seen.given.secrets.get(&certificate).cloned().flatten();
    let shown = match target.given_tls {
        Some(_) => given,
        None => seen.children.secret(&certificate),
    };
    let authority = seen.children.secret(&target.name.authority())?;
    seen.children.get(Kind::Secret, &target.name.pooler_users())?;
    // Pgpool reads these when it starts. The authority is read for each new connection as well, but a pod that runs with an
    // old one would be found out only in the middle of a rotation.
    let restart =
        pooler::restart_digest(target, &[shown?.get("tls.crt")?.expose(), authority.get("ca.crt")?.expose()]);
    let name = target.name.pooler();
    let selector = target.name.selector(COMPONENT_POOLER);
    let mut labels = target.name.labels();
    labels.insert(LABEL_COMPONENT.into(), COMPONENT_POOLER.into());
    let pod = pod_spec(target);
    let mut annotations = Revision::of(&pod).with(&target.rendered.pooler).annotations();
    annotations.insert(ANNOTATION_RESTART.into(), restart);
    marks::add(target, &mut labels, &mut annotations);
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(annotations),
            ..Default::default()
        }),
        spec: Some(pod),
    };
    let object = Deployment {
        metadata: metadata(target, &name),
        spec: Some(DeploymentSpec {
            replicas: Some(target.pooler.instances),
            selector: LabelSelector { match_labels: Some(selector), ..Default::default() },
            // No surge: all pods together are sized to fit max_connections.
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".into()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(if target.pooler.instances == 1 { 1 } else { 0 })),
                    max_unavailable: Some(IntOrString::Int(if target.pooler.instances == 1 { 0 } else { 1 })),
                }),
            }),
            template,
            ..Default::default()
        }),
        status: None,
    };
    Some(Child::new(Kind::Deployment, name, &object))
}

/// Secret with the certificate that clients are shown.
fn certificate(target: &Target) -> String {
    target.given_tls.clone().unwrap_or_else(|| target.name.pooler_tls())
}

/// A pod of it.
pub(super) fn pod_spec(target: &Target) -> PodSpec {
    let selector = target.name.selector(COMPONENT_POOLER);
    PodSpec {
        // Every Service of the namespace would be in their environment: more than a program's arguments may be, where there are many.
        enable_service_links: Some(false),
        containers: vec![pgpool(target), exporter(target)],
        volumes: Some(vec![
            pod::config_volume("conf", &target.name.pooler()),
            pod::secret_volume("users", &target.name.pooler_users()),
            pod::secret_volume("tls", &certificate(target)),
            pod::config_volume("authority", &target.name.authority()),
            pod::scratch("tmp", None),
            pod::scratch("run", None),
        ]),
        ..pod::spec(target, target.name.pooler_account(), GRACE_SECONDS, &selector)
    }
}

/// Whether every pod shows the certificate that is wanted: the Deployment names it, and its last pod is of this template.
pub fn shows(target: &Target, seen: &Observed) -> bool {
    let Some(live) = seen.children.get(Kind::Deployment, &target.name.pooler()) else { return false };
    let Some(wanted) = deployment(target, seen) else { return false };
    let restart =
        |body: &Value| body["spec"]["template"]["metadata"]["annotations"][ANNOTATION_RESTART].clone();
    let number = |path: &str| live.pointer(path).and_then(Value::as_i64);
    let (pods, updated) = (number("/status/replicas"), number("/status/updatedReplicas"));
    restart(live) == restart(&wanted.body)
        && number("/status/observedGeneration")
            .is_none_or(|observed| Some(observed) >= number("/metadata/generation"))
        && pods.is_none_or(|pods| updated.unwrap_or(0) >= pods)
}

fn pgpool(target: &Target) -> Container {
    let sessions = pooler::sessions(target.pooler.clients);
    let group = &target.groups[0].name;
    let members = format!("{}.{}.svc.{}.", group.members(), target.name.namespace, target.domain);
    Container {
        name: "pgpool".into(),
        image: Some(target.pooler_image.clone()),
        image_pull_policy: Some("IfNotPresent".into()),
        // Of the shim before Pgpool (images/pgpool/front.h): where cancels go, and how many sessions there are.
        env: Some(vec![
            pod::variable("POOLER_SESSIONS", sessions.to_string()),
            pod::variable("POOLER_MEMBERS", members),
            pod::variable("POOLER_MEMBERS_PORT", ports::POSTGRES.to_string()),
        ]),
        ports: Some(vec![pod::port("postgres", pooler::PORT)]),
        resources: Some(pod::resources("50m", &target.pooler.memory)),
        security_context: Some(pod::container_security()),
        readiness_probe: Some(Probe {
            tcp_socket: Some(TCPSocketAction { port: IntOrString::Int(pooler::PORT), host: None }),
            period_seconds: Some(2),
            failure_threshold: Some(2),
            ..Default::default()
        }),
        volume_mounts: Some(vec![
            pod::mount("conf", paths::CONF, true),
            pod::mount("users", paths::USERS, true),
            pod::mount("tls", paths::TLS, true),
            pod::mount("authority", paths::AUTHORITY, true),
            pod::mount("tmp", "/tmp", false),
            pod::mount("run", "/run/pgpool", false),
        ]),
        ..Default::default()
    }
}

/// Metrics over TLS, asked of the Pgpool beside it. It sees the certificate and its own password, not those of users.
fn exporter(target: &Target) -> Container {
    let password = pod::secret_variable("DATA_SOURCE_PASS", target.name.credentials(), POOLER_MONITOR_ROLE);
    Container {
        name: "metrics".into(),
        image: Some(target.pooler_image.clone()),
        image_pull_policy: Some("IfNotPresent".into()),
        command: Some(vec!["pgpool-exporter".into()]),
        args: Some(vec![
            format!("--web.config.file={}/exporter-web.yml", paths::CONF),
            "--log.level=warn".into(),
        ]),
        env: Some(vec![
            // Within the pod there is nobody to take for another, so the certificate's name is not compared.
            pod::variable("DATA_SOURCE_URI", format!("127.0.0.1:{}/postgres?sslmode=require", pooler::PORT)),
            pod::variable("DATA_SOURCE_USER", POOLER_MONITOR_ROLE),
            password,
        ]),
        ports: Some(vec![pod::port("metrics", pooler::METRICS_PORT)]),
        resources: Some(pod::resources("10m", "64Mi")),
        security_context: Some(pod::container_security()),
        volume_mounts: Some(vec![pod::mount("conf", paths::CONF, true), pod::mount("tls", paths::TLS, true)]),
        ..Default::default()
    }
}

/// Names in the pooler's certificate.
pub fn certificate_names(target: &Target) -> Vec<String> {
    service_hosts(&target.name.pooler(), &target.name.namespace, &target.domain)
}
