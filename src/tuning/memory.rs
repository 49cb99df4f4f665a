//! Shared memory that settings other than `shared_buffers` take: a server asks for all of it when it starts, and does not start without.
//!
//! What an ordinary cluster takes is in [`BASE_BYTES`](super::computed::BASE_BYTES) and
//! [`BACKEND_BYTES`](super::computed::BACKEND_BYTES); here is what goes beyond. The numbers are the server's own
//! (`postgres -C shared_memory_size`), taken apart by changing one setting at a time; `tests/settings_server.rs` holds the sum against it.

use super::View;

/// Bytes of a lock: `max_locks_per_transaction` are kept for each that may hold some (396 of PostgreSQL 15, 10 % of it slack).
const LOCK: f64 = 400.0;
/// Bytes of a predicate lock, kept in the same way (248).
const PREDICATE: f64 = 250.0;
/// Bytes of one that may hold locks, besides them and the text of its query.
const HOLDER: f64 = 9_000.0;
/// Bytes of a slot of replication (325).
const SLOT: f64 = 330.0;
/// Bytes of a statement that `pg_stat_statements` keeps (385).
const STATEMENT: f64 = 390.0;
/// The checkpointer and other processes of the server's own that have a text of a query too.
const AUXILIARY: f64 = 8.0;
/// Bytes of `wal_buffers` that are not counted: the most that the server takes by itself.
const WAL: f64 = (16 << 20) as f64;

/// A setting and what an ordinary cluster has: the server's own default, or what is computed for every size.
const ORDINARY: [(&str, f64); 10] = [
    ("autovacuum_max_workers", 3.0),
    ("max_locks_per_transaction", 64.0),
    ("max_pred_locks_per_transaction", 64.0),
    ("max_prepared_transactions", 0.0),
    ("max_replication_slots", 12.0),
    ("max_wal_senders", 12.0),
    ("max_worker_processes", 24.0),
    ("pg_stat_statements.max", 5000.0),
    ("track_activity_query_size", 1024.0),
    ("wal_buffers", WAL),
];
/// Caches of transaction state (PostgreSQL 17); what they take by themselves follows shared_buffers and is 8 MiB at most each.
const CACHES: [&str; 7] = [
    "commit_timestamp_buffers",
    "multixact_member_buffers",
    "multixact_offset_buffers",
    "notify_buffers",
    "serializable_buffers",
    "subtransaction_buffers",
    "transaction_buffers",
];
/// Bytes of all of them that are not counted.
const CACHES_BYTES: f64 = (8 << 20) as f64;

/// Bytes beyond what an ordinary cluster with as many connections takes, and what takes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// Bytes.
    pub bytes: f64,
    /// The setting that takes most of them, where a ConfigMap sets one.
    pub most: Option<&'static str>,
    /// What one more of it takes, in bytes of its base unit's count.
    each: f64,
    /// What it is set to, in the same.
    value: f64,
    /// What it is in an ordinary cluster.
    ordinary: f64,
}

impl Extra {
    /// The most that the setting may be, so that `over` bytes less are taken; none when that would be less than an ordinary cluster has.
    pub fn allowed(&self, over: f64) -> Option<f64> {
        let allowed = (self.value - over / self.each).floor();
        (self.most.is_some() && self.each > 0.0 && allowed >= self.ordinary).then_some(allowed)
    }
}

/// What the settings take beyond the ordinary.
pub fn extra(view: &View) -> Extra {
    let value = |name: &str| match name {
        "wal_buffers" => view.bytes(name).unwrap_or(WAL).max(WAL),
        _ => view.number(name).unwrap_or_else(|| ordinary(name)),
    };
    let ordinary_bytes = sum(view, &ordinary);
    let bytes = (sum(view, &value) - ordinary_bytes).max(0.0) + (caches(view) - CACHES_BYTES).max(0.0);
    let alone =
        |changed: &'static str| sum(view, &|name| if name == changed { ordinary(name) } else { value(name) });
    let share = |name: &&'static str| sum(view, &value) - alone(name);
    let given = ORDINARY.iter().map(|(name, _)| *name).filter(|name| view.is_given(name));
    let most =
        given.filter(|name| share(name) > 0.0).max_by(|one, other| share(one).total_cmp(&share(other)));
    let (now, usual) = most.map_or((0.0, 0.0), |name| (value(name), ordinary(name)));
    let each = most.map_or(0.0, |name| share(&name) / (now - usual));
    Extra { bytes, most, each, value: now, ordinary: usual }
}

fn ordinary(name: &str) -> f64 {
    ORDINARY.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, value)| *value)
}

/// Bytes of all of these with these values.
fn sum(view: &View, value: &dyn Fn(&str) -> f64) -> f64 {
    let backends = backends(view, value);
    let holders = backends + value("max_prepared_transactions");
    holders
        * (value("max_locks_per_transaction") * LOCK
            + value("max_pred_locks_per_transaction") * PREDICATE
            + HOLDER)
        + (backends + AUXILIARY) * value("track_activity_query_size")
        + value("max_replication_slots") * SLOT
        + value("pg_stat_statements.max") * STATEMENT
        + value("wal_buffers")
}

/// Processes that may hold locks (`InitializeMaxBackends`).
fn backends(view: &View, value: &dyn Fn(&str) -> f64) -> f64 {
    let connections = view.number("max_connections").unwrap_or(0.0);
    connections
        + value("autovacuum_max_workers")
        + 1.0
        + value("max_worker_processes")
        + value("max_wal_senders")
}

fn caches(view: &View) -> f64 {
    CACHES.iter().filter(|name| view.is_given(name)).filter_map(|name| view.bytes(name)).sum()
}

/// Processes that the server would have with these settings: it takes 262143 at most (`MAX_BACKENDS`).
pub fn processes(view: &View) -> f64 {
    backends(view, &|name| view.number(name).unwrap_or_else(|| ordinary(name)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Catalog, Chosen, Source};
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Extra {
        let chosen: BTreeMap<String, Chosen> = pairs
            .iter()
            .map(|(name, value)| {
                let source = Source::ConfigMap("a".into());
                ((*name).to_owned(), Chosen { value: (*value).to_owned(), source, overrides: Vec::new() })
            })
            .collect();
        extra(&View { chosen: &chosen, catalog: &Catalog::bundled(17).unwrap() })
    }

    #[test]
    fn what_takes_most_is_named_with_what_would_fit() {
        let lethal = with(&[("max_locks_per_transaction", "200000"), ("track_activity_query_size", "2kB")]);
        assert!(lethal.bytes > f64::from(1 << 30), "{lethal:?}");
        assert_eq!(lethal.most, Some("max_locks_per_transaction"));
        // Enough that 64 MiB of it may stay.
        let allowed = lethal.allowed(lethal.bytes - f64::from(64 << 20)).unwrap();
        assert!((64.0..2_000.0).contains(&allowed), "{allowed}");
        assert_eq!(
            lethal.allowed(lethal.bytes * 2.0),
            None,
            "less than an ordinary cluster has is no remedy"
        );
        assert_eq!(with(&[("max_locks_per_transaction", "64")]).bytes, 0.0);
    }
}
