//! The poolers' Deployments: the program with its supervisor, and the metrics exporter beside it.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use crate::api::PoolerKind;
use crate::child::{Child, Kind, container};
use crate::engine::hba::POOLER_MONITOR_ROLE;
use crate::name::{LABEL_COMPONENT, digest, service_hosts};
use crate::observe::Observed;
use crate::pooler::{self, Program, paths};
use crate::target::{PoolerTarget, Target};

use super::marks;
use super::meta::metadata;
use super::pod;
use super::revision::Revision;

/// Annotation with the digest of what only a restart applies.
const ANNOTATION_RESTART: &str = "stylobate.dev/pooler-restart";
/// Seconds for sessions to end after the pod left the Service.
const GRACE_SECONDS: i64 = 30;

/// The Deployments; none until their Secrets exist, since a pod that waits for a mount is tried again ever more slowly.
pub fn deployments(target: &Target, seen: &Observed) -> Vec<Child> {
    target.poolers.iter().filter_map(|pooler| deployment(target, pooler, seen)).collect()
}

fn deployment(target: &Target, pooler: &PoolerTarget, seen: &Observed) -> Option<Child> {
    let program = pooler.program();
    let certificate = certificate(target);
    let given = seen.given.secrets.get(&certificate).cloned().flatten();
    let shown = match target.given_tls {
        Some(_) => given,
        None => seen.children.secret(&certificate),
    }?;
    let shown = shown.get("tls.crt")?.expose();
    let authority = seen.children.secret(&target.name.authority())?;
    let authority = authority.get("ca.crt")?.expose();
    // The file of another kind is no use to it.
    seen.children.secret(&target.name.pooler_users())?.get(program.entries().1)?;
    let name = pooler.way.name(&target.name);
    // Pods of another kind serve until those of this one can ask for verifiers.
    let live = seen.children.get(Kind::Deployment, &name);
    let another =
        live.is_some_and(|live| container(&live["spec"]["template"]["spec"], program.container()).is_none());
    if another && target.looks_up() && seen.database.as_ref().is_some_and(|found| found.lookup.is_none()) {
        return None;
    }
    let mut fixed = program.fixed(target, pooler);
    // The authority is read for each new connection as well, but a pod that runs with an old one would be found out only in the middle of a
    // rotation. A certificate that is read again is named all the same: by it `shows` knows that clients meet the new one.
    for text in [shown, authority] {
        fixed.push_str(&digest(text.as_bytes()));
    }
    let selector = target.name.selector(pooler.way.component());
    let mut labels = target.name.labels();
    labels.insert(LABEL_COMPONENT.into(), pooler.way.component().into());
    let pod = pod_spec(target, pooler);
    let mut annotations = Revision::of(&pod).with(&target.rendered.pooler).annotations();
    annotations.insert(ANNOTATION_RESTART.into(), digest(fixed.as_bytes())[..16].to_owned());
    marks::add(target, &mut labels, &mut annotations);
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(annotations),
            ..Default::default()
        }),
        spec: Some(pod),
    };
    let alone = i32::from(pooler.instances == 1);
    let object = Deployment {
        metadata: metadata(target, &name),
        spec: Some(DeploymentSpec {
            replicas: Some(pooler.instances),
            selector: LabelSelector { match_labels: Some(selector), ..Default::default() },
            // No surge: all pods together are sized to fit max_connections.
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".into()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(alone)),
                    max_unavailable: Some(IntOrString::Int(1 - alone)),
                }),
            }),
            template,
            ..Default::default()
        }),
        status: None,
    };
    Some(Child::new(Kind::Deployment, name, &object))
}

/// Kinds of pods that are still there and run another program than the one that is wanted: what they read stays until they are gone.
pub fn leaving(target: &Target, seen: &Observed) -> Vec<PoolerKind> {
    let runs = |kind: &PoolerKind| seen.pods.values().any(|pod| pod.pooler == Some(*kind));
    pooler::KINDS.into_iter().filter(|kind| *kind != target.pooler().kind && runs(kind)).collect()
}

/// Secret with the certificate that clients are shown.
fn certificate(target: &Target) -> String {
    target.given_tls.clone().unwrap_or_else(|| target.name.pooler_tls())
}

/// A pod of it.
pub(super) fn pod_spec(target: &Target, pooler: &PoolerTarget) -> PodSpec {
    let program = pooler.program();
    let selector = target.name.selector(pooler.way.component());
    PodSpec {
        // Every Service of the namespace would be in their environment: more than a program's arguments may be, where there are many.
        enable_service_links: Some(false),
        containers: vec![server(target, pooler, program), exporter(target, pooler, program)],
        volumes: Some(vec![
            pod::config_volume("conf", &pooler.way.name(&target.name)),
            pod::secret_volume("users", &target.name.pooler_users()),
            pod::secret_volume("tls", &certificate(target)),
            pod::config_volume("authority", &target.name.authority()),
            pod::scratch("tmp", None),
            pod::scratch("run", None),
        ]),
        ..pod::spec(target, target.name.pooler_account(), GRACE_SECONDS, &selector)
    }
}

/// Whether every pod of every pooler shows the certificate that is wanted: its Deployment names it, and its last pod is of this template.
pub fn shows(target: &Target, seen: &Observed) -> bool {
    target.poolers.iter().all(|pooler| shown(target, pooler, seen))
}

fn shown(target: &Target, pooler: &PoolerTarget, seen: &Observed) -> bool {
    let Some(live) = seen.children.get(Kind::Deployment, &pooler.way.name(&target.name)) else {
        return false;
    };
    let Some(wanted) = deployment(target, pooler, seen) else { return false };
    let restart =
        |body: &Value| body["spec"]["template"]["metadata"]["annotations"][ANNOTATION_RESTART].clone();
    let number = |path: &str| live.pointer(path).and_then(Value::as_i64);
    let (pods, updated) = (number("/status/replicas"), number("/status/updatedReplicas"));
    restart(live) == restart(&wanted.body)
        && number("/status/observedGeneration")
            .is_none_or(|observed| Some(observed) >= number("/metadata/generation"))
        && pods.is_none_or(|pods| updated.unwrap_or(0) >= pods)
}

fn server(target: &Target, pooler: &PoolerTarget, program: &dyn Program) -> Container {
    let variables = program.variables(target, pooler).into_iter();
    let address = program.peers().then(|| pod::field_variable("POD_IP", "status.podIP"));
    Container {
        name: program.container().into(),
        image: Some(pooler.image.clone()),
        image_pull_policy: Some("IfNotPresent".into()),
        // Said, so that an image of another kind does not start as if it were this one.
        command: Some(vec![program.command()]),
        env: Some(variables.map(|(name, value)| pod::variable(name, value)).chain(address).collect()),
        ports: Some(vec![pod::port("postgres", pooler::PORT)]),
        resources: Some(pod::resources("50m", &pooler.memory)),
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

/// Metrics over TLS, asked of the pooler beside it. It sees the certificate and its own password, not those of users.
fn exporter(target: &Target, pooler: &PoolerTarget, program: &dyn Program) -> Container {
    let password = pod::secret_variable("DATA_SOURCE_PASS", target.name.credentials(), POOLER_MONITOR_ROLE);
    let database = program.metrics_database();
    Container {
        name: "metrics".into(),
        image: Some(pooler.image.clone()),
        image_pull_policy: Some("IfNotPresent".into()),
        command: Some(vec![program.exporter()]),
        args: Some(vec![
            format!("--web.config.file={}/exporter-web.yml", paths::CONF),
            "--log.level=warn".into(),
        ]),
        env: Some(vec![
            // Within the pod there is nobody to take for another, so the certificate's name is not compared.
            pod::variable(
                "DATA_SOURCE_URI",
                format!("127.0.0.1:{}/{database}?sslmode=require", pooler::PORT),
            ),
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

/// Names in the poolers' certificate.
pub fn certificate_names(target: &Target) -> Vec<String> {
    let hosts = |pooler: &PoolerTarget| {
        service_hosts(&pooler.way.name(&target.name), &target.name.namespace, &target.domain)
    };
    target.poolers.iter().flat_map(hosts).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::build::config::config_maps;
    use crate::build::secrets::pool_users;
    use crate::fixture::{observed, put_pods, settle, start, target};

    fn entries(child: &Child) -> Vec<String> {
        child.body["data"].as_object().into_iter().flatten().map(|(entry, _)| entry.clone()).collect()
    }

    #[test]
    fn what_pods_of_another_kind_read_stays_until_they_are_gone() {
        let mut seen = observed(json!({"users": [{"name": "app"}]}));
        settle(&mut seen, start());
        put_pods(&mut seen);
        let poolers = seen.pods.iter_mut().filter(|(name, _)| name.starts_with("c-pooler"));
        poolers.for_each(|(_, pod)| pod.pooler = Some(PoolerKind::Pgpool));
        Arc::make_mut(&mut seen.cluster).spec.pooler.kind = PoolerKind::PgBouncer;
        let role = crate::engine::hba::POOLER_ROLE;
        let mut credentials = seen.children.secret("c-credentials").unwrap();
        credentials.insert(role.into(), crate::secret::SecretText::new("s"));
        crate::fixture::put_secret(&mut seen, "c-credentials", &credentials);
        let files = |seen: &Observed| {
            let target = target(seen);
            let maps = config_maps(&target, seen);
            let map = maps.iter().find(|child| child.reference.name == "c-pooler").unwrap();
            (entries(map), entries(&pool_users(&target, seen).unwrap()))
        };
        let (maps, users) = files(&seen);
        assert_eq!(maps, ["exporter-web.yml", "pgbouncer.ini", "pgpool.conf", "pool_hba.conf"]);
        assert_eq!(users, ["pool_passwd", "userlist.txt"]);
        assert!(
            deployments(&target(&seen), &seen).is_empty(),
            "pods of the one kind serve until the other can"
        );

        seen.pods.retain(|name, _| !name.starts_with("c-pooler"));
        assert_eq!(
            files(&seen),
            (vec!["exporter-web.yml".into(), "pgbouncer.ini".into()], vec!["userlist.txt".into()])
        );
    }
}
