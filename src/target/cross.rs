//! Checks that need more than one field, or another object.

use crate::api::Synchronous;
use crate::observe::{Observed, StorageClassSeen};
use crate::pooler::METRICS_SESSIONS;
use crate::tuning::Settings;
use crate::tuning::computed::{BACKEND_BYTES, BASE_BYTES};
use crate::tuning::units::{PAGE, human_mib, setting_bytes};

use super::{Problem, Target};

/// Connections that are kept back from the pooler: 3 for superusers (`superuser_reserved_connections`), 3 for
/// Patroni and the operator, 2 for the exporter, 2 spare for a person at night.
pub const RESERVED_CONNECTIONS: i64 = 10;

/// Clients of a pooler pod, when they are computed.
const LEAST_CLIENTS: i64 = 4;
const MOST_CLIENTS: i64 = 32;

/// Most members of a group: the schema's limit, held here too, since work is done for each.
const MAX_INSTANCES: i32 = 9;

/// Adds what does not fit together.
pub fn check(seen: &Observed, target: &Target, memory: u64, problems: &mut Vec<Problem>) {
    let connections = connections(target, problems);
    memory_fits(target, memory, connections, problems);
    pooler_fits(target, connections, problems);
    storage_class(seen, target, problems);
    instances(target, problems);
    if target.pod_monitor && !seen.given.pod_monitors {
        problems.push(Problem::new(
            "spec.monitoring.podMonitor",
            true,
            "the API server knows no PodMonitor: install the Prometheus operator's CRDs first, or set it to false",
        ));
    }
}

fn connections(target: &Target, problems: &mut Vec<Problem>) -> u64 {
    let text = &target.settings["max_connections"];
    text.parse().ok().filter(|n| (10..=10_000).contains(n)).unwrap_or_else(|| {
        let remedy = "write a whole number from 10 to 10000 in the ConfigMap of spec.tuning, or leave it out";
        problems.push(Problem::new("setting max_connections", text, remedy));
        100
    })
}

fn memory_fits(target: &Target, memory: u64, connections: u64, problems: &mut Vec<Problem>) {
    let text = &target.settings["shared_buffers"];
    let Some(buffers) = setting_bytes(text, PAGE) else {
        let remedy = "write a size as 256MB or 2GB in the ConfigMap of spec.tuning, or leave it out";
        problems.push(Problem::new("setting shared_buffers", text, remedy));
        return;
    };
    let need = buffers.saturating_add(connections * BACKEND_BYTES + BASE_BYTES);
    if need > memory {
        problems.push(Problem::new(
            "spec.resources.memory",
            &target.memory,
            format!(
                "the settings need {} (shared_buffers {text}, {connections} connections of 6 MiB, 128 MiB base): \
                 raise the memory, or lower shared_buffers or max_connections in spec.tuning",
                human_mib(need)
            ),
        ));
    }
}

/// Clients of each pooler pod where the spec names no number: as many as the server has room for, and no more than an
/// ordinary cluster needs, since each takes a process of 6 MiB in the pod.
pub fn fitting_clients(instances: i32, settings: &Settings) -> i32 {
    let connections = settings.get("max_connections").and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let room =
        (connections - RESERVED_CONNECTIONS) / i64::from(instances.max(1)) - i64::from(METRICS_SESSIONS);
    room.clamp(LEAST_CLIENTS, MOST_CLIENTS) as i32
}

fn pooler_fits(target: &Target, connections: u64, problems: &mut Vec<Problem>) {
    let sessions = i64::from(target.pooler.clients + METRICS_SESSIONS);
    let wanted = i64::from(target.pooler.instances) * sessions;
    let room = connections as i64 - RESERVED_CONNECTIONS;
    if wanted > room {
        problems.push(Problem::new(
            "spec.pooler.clients",
            target.pooler.clients,
            format!(
                "{} pooler pods of {} clients and {METRICS_SESSIONS} metrics sessions open up to {wanted} connections, but \
                 max_connections {connections} leaves {room} after {RESERVED_CONNECTIONS} reserved: at most {} clients, \
                 or raise max_connections or memory",
                target.pooler.instances,
                target.pooler.clients,
                (room / i64::from(target.pooler.instances) - i64::from(METRICS_SESSIONS)).max(0)
            ),
        ));
    }
}

fn storage_class(seen: &Observed, target: &Target, problems: &mut Vec<Problem>) {
    let (value, available, what) = match &seen.given.storage_class {
        StorageClassSeen::Found => return,
        StorageClassSeen::Missing { available } => (
            target.storage_class.clone().unwrap_or_default(),
            available,
            "no StorageClass of this name exists: name one that does, or make it",
        ),
        StorageClassSeen::NoDefault { available } => {
            (String::new(), available, "no class is named and none is marked as the default: name one")
        }
    };
    let names = if available.is_empty() { "none".to_owned() } else { available.join(", ") };
    problems.push(Problem::new("spec.storage.storageClass", value, format!("{what}; classes here: {names}")));
}

fn instances(target: &Target, problems: &mut Vec<Problem>) {
    for group in &target.groups {
        if !(1..=MAX_INSTANCES).contains(&group.instances) {
            problems.push(Problem::new(
                "spec.instances",
                group.instances,
                "from 1 to 9: to stop a cluster and keep its volumes, delete the PostgresCluster",
            ));
        }
        if target.synchronous == Synchronous::Strict && group.instances < 3 {
            problems.push(Problem::new(
                "spec.instances",
                group.instances,
                "at least 3 while spec.highAvailability.synchronous is Strict, since with fewer the loss of one member \
                 stops writes: set 3 or more, or Quorum",
            ));
        }
    }
}
