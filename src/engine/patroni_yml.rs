//! Patroni's configuration, as far as it is the same for all engines.
//!
//! Settings and their reasons: `docs/decisions/0002-patroni-settings.md`.

use serde_json::{Value, json};

use crate::api::Synchronous;
use crate::name::{LABEL_CLUSTER, LABEL_ROLE, LABEL_SCOPE, ROLE_PRIMARY, ROLE_REPLICA};
use crate::target::{GroupTarget, Target};

use super::hba::{REPLICATION_ROLE, REWIND_ROLE, SUPERUSER, hba, ident};
use super::{paths, ports};

/// Seconds that a leader's claim lasts without renewal: Patroni's least, so that a lost node is noticed soonest.
const TTL: i32 = 20;
/// Seconds between two rounds of a member. `LOOP_WAIT + 2 * RETRY_TIMEOUT <= TTL` must hold (Patroni's own rule).
const LOOP_WAIT: i32 = 5;
/// Seconds that Patroni and Postgres try again before they give up on the store.
const RETRY_TIMEOUT: i32 = 5;
/// Seconds that a crashed primary may take to start again before another member takes over. A crash with little WAL to
/// replay is over sooner than an election; one with much must not keep writes waiting.
const PRIMARY_START_TIMEOUT: i32 = 10;
/// Seconds that a primary with logical slots may take to stop before Patroni kills it. In its shutdown the server waits without an end for
/// the standbys of `synchronized_standby_slots` (`WalSndWaitForWal`, walsender.c of PostgreSQL 17), and commits are refused already.
const PRIMARY_STOP_TIMEOUT: i32 = 60;
/// Bytes of WAL that a replica may lag and still become primary.
const MAXIMUM_LAG_ON_FAILOVER: i64 = 16 * 1024 * 1024;
/// Seconds that the replication slot of an absent member is kept: a node can be away for a night without a new copy;
/// `max_slot_wal_keep_size` bounds what that costs.
const MEMBER_SLOTS_TTL: &str = "12h";

/// Name of the ways to begin with a clone, for the first member and for the others.
const CLONE: &str = "clone";

/// The dynamic configuration.
pub fn dynamic(target: &Target, group: &GroupTarget) -> Value {
    let quorum = target.synchronous != Synchronous::Off && group.instances > 1;
    let mut config = json!({
        "ttl": TTL,
        "loop_wait": LOOP_WAIT,
        "retry_timeout": RETRY_TIMEOUT,
        "primary_start_timeout": PRIMARY_START_TIMEOUT,
        "maximum_lag_on_failover": MAXIMUM_LAG_ON_FAILOVER,
        "member_slots_ttl": MEMBER_SLOTS_TTL,
        "failsafe_mode": true,
        "synchronous_mode": if quorum { json!("quorum") } else { json!(false) },
        "synchronous_mode_strict": target.synchronous == Synchronous::Strict,
        "postgresql": {
            "use_pg_rewind": true,
            "use_slots": true,
            "parameters": target.settings,
        },
    });
    if !target.replication.slots.is_empty() {
        // Until its standbys have all, the server of 17 does not let a subscriber have it, and does not stop either.
        config["primary_stop_timeout"] = json!(PRIMARY_STOP_TIMEOUT);
    }
    if target.replication.logical {
        // Patroni drops each slot that it does not know once nobody reads from it, and makes those that it knows anew when they lost WAL.
        config["ignore_slots"] = json!([{"type": "logical"}]);
    }
    config
}

/// `patroni.yml`.
pub fn patroni_yml(target: &Target, group: &GroupTarget, bin_dir: &str) -> Value {
    let cert = format!("{}/tls.crt", paths::TLS);
    let key = format!("{}/tls.key", paths::TLS);
    let authority = format!("{}/ca.crt", paths::TLS);
    let login = |user: &str| json!({"username": user, "sslmode": "verify-full", "sslcert": cert, "sslkey": key, "sslrootcert": authority});
    let mut file = json!({
        "scope": group.name.scope(),
        "kubernetes": {
            "labels": {LABEL_CLUSTER: target.name.name},
            "scope_label": LABEL_SCOPE,
            "role_label": LABEL_ROLE,
            "leader_label_value": ROLE_PRIMARY,
            "follower_label_value": ROLE_REPLICA,
            "standby_leader_label_value": ROLE_PRIMARY,
            "use_endpoints": false,
        },
        "restapi": {
            "listen": format!("*:{}", ports::PATRONI),
            "certfile": cert,
            "keyfile": key,
            "cafile": authority,
            "verify_client": "optional",
        },
        "ctl": {"cacert": authority, "certfile": cert, "keyfile": key},
        "bootstrap": bootstrap(target, group),
        "postgresql": {
            "listen": format!("*:{}", ports::POSTGRES),
            "data_dir": paths::PGDATA,
            "bin_dir": bin_dir,
            "pgpass": "/tmp/pgpass",
            "use_unix_socket": true,
            "use_unix_socket_repl": true,
            "remove_data_directory_on_rewind_failure": true,
            "remove_data_directory_on_diverged_timelines": true,
            "create_replica_methods": ["basebackup"],
            "basebackup": [{"checkpoint": "fast"}],
            "authentication": {
                "superuser": login(SUPERUSER),
                "replication": login(REPLICATION_ROLE),
                "rewind": login(REWIND_ROLE),
            },
            "parameters": {
                "unix_socket_directories": paths::SOCKETS,
                "ssl": "on",
                "ssl_cert_file": cert,
                "ssl_key_file": key,
                "ssl_ca_file": authority,
                "ssl_min_protocol_version": "TLSv1.2",
            },
            "pg_hba": hba(&target.users, !target.replication.slots.is_empty()),
            "pg_ident": ident(),
        },
        "watchdog": {"mode": "off"},
    });
    if target.clones().is_some() {
        // A member takes its clone up; one that has none, as one that is added later, copies the primary.
        file["postgresql"]["create_replica_methods"] = json!([CLONE, "basebackup"]);
        file["postgresql"][CLONE] = json!({"command": "restore-member replica", "no_params": true});
    }
    file
}

/// How a new group is made: empty, or on the clone that its first member has. The file on the volume and Patroni's state tell
/// `restore-member` what was done before a crash.
fn bootstrap(target: &Target, group: &GroupTarget) -> Value {
    let mut how = json!({"dcs": dynamic(target, group), "initdb": initdb(target.serving())});
    if let Some(course) = target.clones() {
        how["method"] = json!(CLONE);
        how[CLONE] = json!({
            "command": "restore-member bootstrap",
            "no_params": true,
            "recovery_conf": course.recovery(),
        });
    }
    how
}

/// Options of a new cluster. The same order of text whatever the image's libc says: built in from 17 on, before that libc's
/// C.UTF-8, which orders by code point as well.
fn initdb(major: i32) -> Vec<Value> {
    let provider = [json!({"locale-provider": "builtin"}), json!({"builtin-locale": "C.UTF-8"})];
    let mut options = vec![json!({"encoding": "UTF8"})];
    options.extend(provider.into_iter().filter(|_| major >= 17));
    options.extend([
        json!({"locale": "C.UTF-8"}),
        json!("data-checksums"),
        json!({"auth-host": "scram-sha-256"}),
        json!({"auth-local": "peer"}),
    ]);
    options
}
