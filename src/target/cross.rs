//! Checks that need more than one field, or another object.

use crate::api::{PostgresClusterSpec, Synchronous};
use crate::observe::{Observed, StorageClassSeen};
use crate::tuning::computed::{BACKEND_BYTES, BASE_BYTES};
use crate::tuning::memory::{self, Extra};
use crate::tuning::units::{MIB, human_mib};
use crate::tuning::{Misfit, View, rules};

use super::{Problem, Target, pooler, replication};

/// Connections that are kept back from the pooler: 3 for superusers (`superuser_reserved_connections`), 3 for
/// Patroni and the operator, 2 for the exporter, 2 spare for a person at night.
pub const RESERVED_CONNECTIONS: i64 = 10;

/// Most members of a group: the schema's limit, held here too, since work is done for each.
const MAX_INSTANCES: i32 = 9;

/// Adds what does not fit together.
pub fn check(seen: &Observed, target: &Target, problems: &mut Vec<Problem>) {
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

/// What of the settings does not fit the size of members, their number, or the pooler.
pub fn misfits(spec: &PostgresClusterSpec, memory: u64, view: &View) -> Vec<Misfit> {
    let alone = |problem: Problem| Misfit { refusal: problem.clone(), problem };
    let blamed = |names: &[&str], problem: Problem| {
        let given = names.iter().any(|name| view.is_given(name));
        let refusal =
            if given { view.problem(names, format!("it does not fit: {problem}")) } else { problem.clone() };
        Misfit { problem, refusal }
    };
    let members = spec.instances.clamp(0, MAX_INSTANCES);
    let mut found: Vec<Misfit> = rules::disagreements(view, members).into_iter().map(alone).collect();
    let extra = memory::extra(view);
    // What takes most beyond the ordinary is at fault where all else would fit.
    let most = extra.most.filter(|_| over(memory, view, 0.0).is_some_and(|over| over <= 0.0));
    let takers: Vec<&str> = most.into_iter().chain(["shared_buffers", "max_connections"]).collect();
    found.extend(memory_fits(spec, memory, view, &extra).map(|problem| blamed(&takers, problem)));
    let counts = ["max_connections", "superuser_reserved_connections", "reserved_connections"];
    found.extend(pooler::fits(&spec.pooler, view).map(|problem| blamed(&counts, problem)));
    found.extend(replication::misfits(spec, members, view).into_iter().map(alone));
    found
}

/// Bytes that the settings need beyond the memory, with so many of them for what is not ordinary; negative where they fit.
fn over(memory: u64, view: &View, extra: f64) -> Option<f64> {
    let (buffers, connections) = (view.bytes("shared_buffers")?, view.number("max_connections")?);
    Some(buffers + connections * BACKEND_BYTES as f64 + BASE_BYTES as f64 + extra - memory as f64)
}

fn memory_fits(spec: &PostgresClusterSpec, memory: u64, view: &View, extra: &Extra) -> Option<Problem> {
    let connections = view.number("max_connections")?;
    let over = over(memory, view, extra.bytes)?;
    let need = over + memory as f64;
    (over > 0.0).then(|| {
        let (mut more, mut remedy) = (String::new(), "shared_buffers or max_connections in spec.tuning".to_owned());
        if extra.bytes >= MIB as f64 {
            more = format!(", {} of other shared memory", human_mib(extra.bytes as u64));
        }
        if let Some(name) = extra.most.filter(|_| over <= extra.bytes) {
            let most = extra.allowed(over).map(|most| format!(" to at most {}", shown(view, name, most)));
            more += &format!(", most of it for {} {}", name, view.text(name));
            remedy = format!("{name}{}", most.unwrap_or_else(|| ", shared_buffers or max_connections".into()));
        }
        Problem::new(
            "spec.resources.memory",
            &spec.resources.memory.0,
            format!(
                "the settings need {} (shared_buffers {}, {connections} connections of 6 MiB, 128 MiB base{more}): raise the \
                 memory, or lower {remedy}",
                human_mib(need as u64),
                view.text("shared_buffers"),
            ),
        )
    })
}

/// A number of a setting as a person writes it: sizes in kB.
fn shown(view: &View, name: &str, number: f64) -> String {
    match name {
        "wal_buffers" => format!("{}kB", (number / 1024.0).floor()),
        "track_activity_query_size" => format!("{number}B"),
        _ => {
            debug_assert!(view.bytes(name).is_none(), "{name} is a size");
            number.to_string()
        }
    }
}

/// Connections that clients of the pooler can't have: [`RESERVED_CONNECTIONS`], and what the settings keep back beyond the
/// server's own 3.
pub(super) fn kept_back(view: &View) -> i64 {
    let reserved = ["superuser_reserved_connections", "reserved_connections"]
        .into_iter()
        .filter_map(|name| view.number(name))
        .sum::<f64>();
    RESERVED_CONNECTIONS + (reserved as i64 - 3).max(0)
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
