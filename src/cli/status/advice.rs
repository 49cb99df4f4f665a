//! What is wrong, worst first, and what a person does next.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;

use crate::api::{ClusterStatus, MemberRole, PostgresCluster, SwitchoverOutcome};
use crate::images::CONFIG_MAP;
use crate::name::{ClusterName, LABEL_CLUSTER, LABEL_ROLE};
use crate::status::{kind, reason};

use super::super::human::since;

/// The operator's log, as its chart installs it.
const OPERATOR_LOG: &str = "kubectl -n stylobate-system logs deploy/stylobate --tail=50";

/// Conditions in the order of how much they hurt.
const WORST_FIRST: [&str; 10] = [
    kind::READY,
    kind::ACCEPTED,
    kind::STORAGE,
    kind::REDUNDANT,
    kind::DRAIN,
    kind::BACKUPS,
    kind::DRILLS,
    kind::ENGINE,
    kind::TUNING_ACCEPTED,
    kind::CONVERGED,
];

/// A warning and the next step.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub next: String,
}

/// All that a person should know before the tables.
pub fn warnings(cluster: &PostgresCluster, now: Timestamp) -> Vec<Warning> {
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let mut warnings = Vec::new();
    let mut warn = |what: String, next: String| warnings.push(Warning { what, next });
    if let Some(at) = &cluster.metadata.deletion_timestamp {
        warn(
            format!("it is being deleted since {}; volumes are kept", since(Some(at), now)),
            format!("kubectl -n {} get events --sort-by=.lastTimestamp", name.namespace),
        );
    }
    let Some(status) = &cluster.status else {
        warn("the operator has not seen it yet".into(), format!("is it running? {OPERATOR_LOG}"));
        return warnings;
    };
    if status.observed_generation < cluster.metadata.generation {
        warn(
            "the operator has not seen the last edit yet, so what follows is older".into(),
            format!("if that stays so: {OPERATOR_LOG}"),
        );
    }
    if cluster.spec.paused {
        warn(
            "spec.paused is true: the operator changes nothing; Patroni still fails over".into(),
            format!(
                "kubectl -n {} patch pgc {} --type merge -p '{{\"spec\":{{\"paused\":false}}}}'",
                name.namespace, name.name
            ),
        );
    }
    let mut said: Vec<&str> = Vec::new();
    for kind in WORST_FIRST {
        for condition in status.conditions.iter().filter(|c| c.type_ == kind && c.status != "True") {
            if repeats(condition, cluster.spec.paused) || said.contains(&condition.message.as_str()) {
                continue;
            }
            said.push(&condition.message);
            warn(
                format!(
                    "not {kind} for {}: {}",
                    since(Some(&condition.last_transition_time), now),
                    condition.message
                ),
                next(&condition.reason, &name, status),
            );
        }
    }
    for member in status.members.iter().filter(|member| member.pending_restart) {
        warn(
            format!("settings of {} wait for a restart", member.name),
            match member.role {
                MemberRole::Primary => format!(
                    "stylobate switchover {} -n {}, then kubectl -n {} delete pod {}",
                    name.name, name.namespace, name.namespace, member.name
                ),
                _ => format!("kubectl -n {} delete pod {}", name.namespace, member.name),
            },
        );
    }
    if let Some(last) = status.switchover.as_ref().filter(|last| last.outcome == SwitchoverOutcome::Failed) {
        warn(
            format!("the switchover of {} ago failed: {}", since(last.at.as_ref(), now), last.message),
            format!("stylobate switchover {} -n {}", name.name, name.namespace),
        );
    }
    warnings
}

/// A condition that only says again what another line says.
fn repeats(condition: &Condition, paused: bool) -> bool {
    let by_spec = condition.type_ == kind::CONVERGED
        && matches!(condition.reason.as_str(), reason::INVALID_SPEC | reason::TUNING_REFUSED);
    let by_pause =
        paused && condition.reason == reason::HELD_BACK && condition.message.contains("policy paused");
    by_spec || by_pause
}

/// The next step for a condition's reason.
fn next(cause: &str, name: &ClusterName, status: &ClusterStatus) -> String {
    let ClusterName { namespace, name: cluster } = name;
    let weak = status.members.iter().find(|member| !member.ready).map(|member| member.name.as_str());
    match cause {
        reason::INVALID_SPEC | reason::SOURCE_ARCHIVE_REFUSED => {
            format!("kubectl -n {namespace} edit pgc {cluster}")
        }
        reason::OBJECT_IN_THE_WAY => {
            "make the cluster under another name, or remove the object that is named above".to_owned()
        }
        reason::TUNING_REFUSED => {
            format!("kubectl -n {namespace} edit configmap, of the name and with the key above")
        }
        reason::IMAGE_PULL => format!(
            "kubectl -n {namespace} edit pgc {cluster}, or kubectl -n {namespace} get events --field-selector reason=Failed"
        ),
        reason::CATALOG_MISSING | reason::CATALOG_INVALID => {
            let operator =
                status.operator.as_ref().map_or("stylobate-system", |operator| &operator.namespace);
            format!(
                "kubectl -n {operator} get configmap {CONFIG_MAP} -o yaml; stylobate plan --catalog FILE checks an edit"
            )
        }
        reason::NOT_IN_CATALOG | reason::IMAGE_WITHDRAWN => {
            format!("kubectl -n {namespace} edit pgc {cluster}, or have the image catalog mended")
        }
        reason::DISK_FILLING | reason::DISK_ALMOST_FULL | reason::DISK_FULL => {
            format!("raise spec.storage.size: kubectl -n {namespace} edit pgc {cluster}")
        }
        reason::GROWTH_FAILED => {
            format!("kubectl -n {namespace} describe pvc -l {LABEL_CLUSTER}={cluster}")
        }
        reason::NO_SUCCESSOR => format!("kubectl get nodes; kubectl -n {namespace} get pods -o wide"),
        reason::UNSCHEDULABLE => format!("kubectl get nodes; kubectl -n {namespace} edit pgc {cluster}"),
        reason::FAILED_CREATE => format!(
            "kubectl -n {namespace} describe resourcequotas,limitranges; kubectl get namespace {namespace} --show-labels"
        ),
        reason::PRIMARY_UNKNOWN => {
            format!("kubectl -n {namespace} get pods -l {LABEL_CLUSTER}={cluster} -L {LABEL_ROLE} -o wide")
        }
        reason::NO_PRIMARY => match weak {
            Some(weak) => format!("kubectl -n {namespace} logs {weak} -c postgres --tail=50"),
            None => format!("kubectl -n {namespace} get pods -l {LABEL_CLUSTER}={cluster}"),
        },
        reason::MEMBERS_MISSING => match weak {
            Some(weak) => format!(
                "kubectl -n {namespace} describe pod {weak}; kubectl -n {namespace} logs {weak} -c postgres --tail=50"
            ),
            None => format!("kubectl -n {namespace} describe statefulset {cluster}"),
        },
        reason::POOLER_DOWN => format!("kubectl -n {namespace} logs deploy/{} --tail=50", name.pooler()),
        reason::IN_PROGRESS => format!("wait a minute and look again; if it stays so: {OPERATOR_LOG}"),
        reason::BACKUP_MISSED | reason::BACKUP_FAILED | reason::BACKUP_LOST | reason::BACKUP_OVERDUE => {
            format!(
                "stylobate backup list {cluster} -n {namespace}; stylobate backup {cluster} -n {namespace}"
            )
        }
        reason::DRILL_FAILED | reason::DRILL_MISSED | reason::DRILL_GONE | reason::DRILL_OVERDUE => {
            format!(
                "stylobate backup list {cluster} -n {namespace}; stylobate backup verify BACKUP -n {namespace}"
            )
        }
        reason::HELD_BACK => "do what the message says; the operator then goes on by itself".into(),
        _ => format!("kubectl -n {namespace} describe pgc {cluster}"),
    }
}
