//! `pgpool.conf` and `pool_hba.conf`.
//!
//! Two backends, both Services: Pgpool never looks for a primary itself, Patroni alone decides, and the Service follows
//! it. What each setting is for, and what was found by experiment, is in `docs/decisions/0003-pgpool-facts.md`.

use std::fmt::Write as _;

use crate::engine::ports;
use crate::name::service_host;
use crate::target::{PoolerTarget, Target};

use super::super::written::{self, Parameters};
use super::super::{MEMBERS_AUTHORITY, PORT, Way, paths};
use super::processes;
use super::tuning::{catalog, rendered, restarts};

/// Parameters of the operator's own that Pgpool-II reads again on reload (its manual marks each one). Of those that a person
/// may set, `catalog.tsv` says it; all others need a restart.
const RELOADABLE: [&str; 6] = [
    "backend_weight0",
    "backend_weight1",
    "backend_flag0",
    "backend_flag1",
    "enable_pool_hba",
    "sr_check_period",
];

/// The question by which drivers tell a primary (JDBC's `targetServerType`, libpq's `target_session_attrs`), which a replica would answer.
const PRIMARY_QUESTION: &str = ".*[Ss][Hh][Oo][Ww].*transaction_read_only.*";

/// The whole of `pgpool.conf`.
pub fn pgpool_conf(target: &Target, pooler: &PoolerTarget) -> String {
    let mut text =
        String::from("# Rendered by Stylobate from the PostgresCluster; edits here are put right again.\n");
    for (key, value) in parameters(target, pooler) {
        let _ = writeln!(text, "{key} = {value}");
    }
    text
}

/// What only a restart applies. It stands on the pods, so that a change of it rolls them one by one.
pub fn fixed(target: &Target, pooler: &PoolerTarget) -> String {
    parameters(target, pooler)
        .into_iter()
        .filter(|(key, _)| !RELOADABLE.contains(&key.as_str()) && (!is_free(key) || restarts(key)))
        .map(|(key, value)| format!("{key}={value}\n"))
        .collect()
}

/// `pool_hba.conf`: TLS and SCRAM, nothing else.
pub fn hba() -> String {
    "hostssl all all all scram-sha-256\n".to_owned()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// True of what a person may set by `spec.pooler.tuning`.
fn is_free(key: &str) -> bool {
    catalog().get(key).is_some()
}

fn parameters(target: &Target, pooler: &PoolerTarget) -> Parameters {
    written::parameters(own(target, pooler), target, rendered)
}

fn own(target: &Target, pooler: &PoolerTarget) -> Vec<(&'static str, String)> {
    let group = &target.groups[0];
    let namespace = &target.name.namespace;
    let host = |service: String| quoted(&service_host(&service, namespace, &target.domain));
    let replicas = group.instances > 1 && pooler.load_balancing && pooler.way == Way::Primary;
    let name = match pooler.way {
        Way::Primary => "primary",
        Way::Replicas => "replicas",
    };
    // Which statements write is looked at where reads go elsewhere. Else it is not asked of the catalogs: to ask, Pgpool-II keeps all rows of a
    // result that is on its way (docs/decisions/0003-pgpool-facts.md).
    let (readers, temporary, unlogged) = if replicas { ("", "trace", "on") } else { (".*", "none", "off") };
    let file = |folder: &str, name: &str| quoted(&format!("{folder}/{name}"));
    let mut parameters = vec![
        ("listen_addresses", quoted("*")),
        ("port", PORT.to_string()),
        ("unix_socket_directories", quoted("/tmp")),
        ("pcp_socket_dir", quoted("/tmp")),
        ("pcp_listen_addresses", quoted("")),
        ("pid_file_name", quoted("/tmp/pgpool.pid")),
        ("logdir", quoted("/tmp")),
        ("work_dir", quoted("/tmp")),
        ("log_destination", quoted("stderr")),
        ("log_min_messages", "warning".into()),
        ("backend_clustering_mode", quoted("streaming_replication")),
        ("backend_hostname0", host(pooler.way.servers(&group.name))),
        ("backend_port0", ports::POSTGRES.to_string()),
        ("backend_weight0", "1".into()),
        ("backend_flag0", quoted("ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER")),
        ("backend_application_name0", quoted(name)),
    ];
    if replicas {
        parameters.extend([
            ("backend_hostname1", host(group.name.replicas())),
            ("backend_port1", ports::POSTGRES.to_string()),
            ("backend_weight1", (group.instances - 1).to_string()),
            ("backend_flag1", quoted("DISALLOW_TO_FAILOVER")),
            ("backend_application_name1", quoted("replicas")),
        ]);
    }
    parameters.extend([
        ("load_balance_mode", if replicas { "on" } else { "off" }.into()),
        // A session keeps its server, or one transaction would be answered by two; and once it has written, it reads where it wrote.
        // Both, the look for temporary tables and the pattern, by which drivers look for a primary, were proved by experiment
        // (docs/decisions/0003-pgpool-facts.md, "Load balancing").
        ("statement_level_load_balance", "off".into()),
        ("disable_load_balance_on_write", quoted("always")),
        ("check_temp_table", temporary.into()),
        ("check_unlogged_table", unlogged.into()),
        ("read_only_function_list", quoted(readers)),
        // Its own warnings, as of a client that left, are for its log. A server's notices pass.
        ("client_min_messages", "error".into()),
        ("primary_routing_query_pattern_list", quoted(PRIMARY_QUESTION)),
        ("failover_on_backend_error", "off".into()),
        ("failover_on_backend_shutdown", "off".into()),
        ("health_check_period", "0".into()),
        ("sr_check_period", "0".into()),
        ("auto_failback", "off".into()),
        ("use_watchdog", "off".into()),
        ("memory_cache_enabled", "off".into()),
        // Without query cache its memory still holds what is known of tables (enable_shared_relcache), and all of it is taken
        // at the start: 112 MiB by default, 17 MiB so, for some thousand tables. docs/decisions/0003-pgpool-facts.md
        ("memqcache_total_size", "16MB".into()),
        ("memqcache_max_num_cache", "20000".into()),
        ("connect_timeout", "1000".into()),
        ("num_init_children", processes(pooler.clients).to_string()),
        // Of a single message; a login in all is limited by images/pgpool/deadline.c. A minute, Pgpool's own, lets a few silent clients
        // take all sessions.
        ("authentication_timeout", "10".into()),
        ("reserved_connections", "0".into()),
        ("max_pool", "1".into()),
        // A kept backend connection would hold a server slot per child, and outlive a switchover as a dead socket.
        ("connection_cache", "off".into()),
        ("enable_pool_hba", "on".into()),
        ("pool_passwd", file(paths::USERS, "pool_passwd")),
        ("ssl", "on".into()),
        ("ssl_cert", file(paths::TLS, "tls.crt")),
        ("ssl_key", file(paths::TLS, "tls.key")),
        ("ssl_ca_cert", file(paths::AUTHORITY, MEMBERS_AUTHORITY)),
        ("ssl_prefer_server_ciphers", "on".into()),
    ]);
    parameters
}
