//! `pgbouncer.ini`. What each setting is for, and what was found by reading and by experiment: `docs/decisions/0031-pgbouncer.md`.

use std::fmt::Write as _;

use crate::engine::hba::{POOLER_MONITOR_ROLE, POOLER_ROLE};
use crate::engine::ports;
use crate::name::service_host;
use crate::target::{PoolerTarget, Target};

use super::super::written::{self, Parameters};
use super::super::{MEMBERS_AUTHORITY, PORT, Way, paths};
use super::lookup::question;
use super::tuning::{rendered, restarts};

/// A database that is never held: through it the operator sees where a new connection leads.
pub const ROUTE: &str = "stylobate_route";
/// Parameters of the operator's own that a reload does not apply (CF_NO_RELOAD in its main.c).
const FIXED: [&str; 4] = ["listen_addr", "listen_port", "unix_socket_dir", "unix_socket_mode"];
/// Ends a connection that leads to a standby where the primary is wanted: one that was opened while Kubernetes still led to a member that has
/// handed its role over would go on refusing writes to whoever gets it.
const CHECK_PRIMARY: &str = "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()) WHERE pg_catalog.pg_is_in_recovery()";

/// The whole of `pgbouncer.ini`.
pub fn ini(target: &Target, pooler: &PoolerTarget) -> String {
    let group = &target.groups[0].name;
    let host = service_host(&pooler.way.servers(group), &target.name.namespace, &target.domain);
    let server = format!("host={host} port={}", ports::POSTGRES);
    let mut text = String::from(
        ";; Rendered by Stylobate from the PostgresCluster; edits here are put right again.\n[databases]\n",
    );
    // A user's session in this database is his own session in `postgres`: no role is given to anybody.
    let _ = writeln!(text, "{ROUTE} = {server} dbname=postgres pool_size=1");
    // Named, since verifiers are looked up there.
    let _ = writeln!(text, "postgres = {server}\n* = {server}\n\n[users]");
    let _ = writeln!(text, "{POOLER_ROLE} = max_user_connections={}\n\n[pgbouncer]", super::LOOKUPS);
    for (key, value) in parameters(target, pooler) {
        let _ = writeln!(text, "{key} = {value}");
    }
    text
}

/// What only new pods take up.
pub fn fixed(target: &Target, pooler: &PoolerTarget) -> String {
    let all = parameters(target, pooler).into_iter();
    all.filter(|(key, _)| FIXED.contains(&key.as_str()) || restarts(key))
        .map(|(key, value)| format!("{key}={value}\n"))
        .collect()
}

fn parameters(target: &Target, pooler: &PoolerTarget) -> Parameters {
    written::parameters(own(target, pooler), target, rendered)
}

fn own(target: &Target, pooler: &PoolerTarget) -> Vec<(&'static str, String)> {
    let file = |folder: &str, name: &str| format!("{folder}/{name}");
    // Databases of the spec share the connections evenly, so that all of them together fit the server.
    let databases = i32::try_from(target.databases.len()).unwrap_or(i32::MAX).max(1);
    let for_each = (pooler.connections / databases).max(1).to_string();
    let mut parameters = vec![
        ("listen_addr", "*".into()),
        ("listen_port", PORT.to_string()),
        ("unix_socket_dir", "/tmp".into()),
        // The supervisor alone: who comes by it as the same user commands without a password.
        ("unix_socket_mode", "0700".into()),
        ("auth_type", "scram-sha-256".into()),
        ("auth_file", file(paths::USERS, "userlist.txt")),
        ("auth_user", POOLER_ROLE.into()),
        ("auth_dbname", "postgres".into()),
        ("auth_query", question()),
        ("admin_users", POOLER_ROLE.into()),
        ("stats_users", POOLER_MONITOR_ROLE.into()),
        ("pool_mode", "transaction".into()),
        ("max_client_conn", pooler.clients.to_string()),
        ("default_pool_size", for_each.clone()),
        ("max_db_connections", for_each),
        ("max_prepared_statements", "200".into()),
        ("client_tls_sslmode", "require".into()),
        ("client_tls_cert_file", file(paths::TLS, "tls.crt")),
        ("client_tls_key_file", file(paths::TLS, "tls.key")),
        // Clients show none; without one of ours the library looks for the system's, which the image does not have.
        ("client_tls_ca_file", file(paths::AUTHORITY, MEMBERS_AUTHORITY)),
        ("server_tls_sslmode", "verify-full".into()),
        ("server_tls_ca_file", file(paths::AUTHORITY, MEMBERS_AUTHORITY)),
        // JDBC sends it, and a server needs it no longer than for a session's texts of floating-point numbers.
        ("ignore_startup_parameters", "extra_float_digits".into()),
        // Who is silent, or drips, is let go after as long as Pgpool-II's shim gives (images/pgpool/front.h).
        ("client_login_timeout", "15".into()),
        // A new primary is tried for each second; clients wait meanwhile, and not for ever.
        ("server_login_retry", "1".into()),
        ("server_connect_timeout", "3".into()),
        ("query_wait_timeout", "60".into()),
        // A connection that was opened on a way that leads elsewhere now does not stay.
        ("server_lifetime", "300".into()),
        // A server that vanished is given up within 9 s, as by images/pgpool/keepalive.c.
        ("tcp_keepalive", "1".into()),
        ("tcp_keepidle", "3".into()),
        ("tcp_keepintvl", "2".into()),
        ("tcp_keepcnt", "3".into()),
        ("tcp_user_timeout", "9000".into()),
        ("log_connections", "0".into()),
        ("log_disconnections", "0".into()),
    ];
    if pooler.way == Way::Primary {
        parameters.push(("server_check_query", CHECK_PRIMARY.into()));
        parameters.push(("server_check_delay", "1".into()));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::{observed, target};

    fn inis(databases: usize) -> Vec<String> {
        let databases: Vec<_> =
            (0..databases).map(|n| json!({"name": format!("d{n}"), "owner": "app"})).collect();
        let target = target(&observed(json!({
            "instances": 2, "users": [{"name": "app"}], "databases": databases,
            "pooler": {"kind": "PgBouncer", "serverConnections": 12, "readOnly": {"instances": 1}},
        })));
        target.poolers.iter().map(|pooler| ini(&target, pooler)).collect()
    }

    #[test]
    fn each_way_leads_to_its_servers_and_gives_nobody_a_role_of_somebody_else() {
        let all = inis(1);
        let (writes, reads) = (&all[0], &all[1]);
        assert!(writes.contains("* = host=c-primary.shop.svc.cluster.local port=5432\n"), "{writes}");
        assert!(reads.contains("* = host=c-replicas.shop.svc.cluster.local port=5432\n"), "{reads}");
        let databases = |ini: &str| ini.split("[users]").next().unwrap_or_default().to_owned();
        for ini in &all {
            assert!(!databases(ini).contains("user="), "a forced user would be everybody's: {ini}");
            assert!(
                ini.contains("server_tls_sslmode = verify-full")
                    && ini.contains("client_tls_sslmode = require")
            );
        }
        assert!(writes.contains("server_check_query = ") && !reads.contains("server_check_query"));
    }

    #[test]
    fn databases_share_the_connections_of_a_pod() {
        for (databases, each) in [(0, 12), (1, 12), (3, 4), (20, 1)] {
            let ini = inis(databases).remove(0);
            assert!(ini.contains(&format!("max_db_connections = {each}\n")), "{databases}: {ini}");
        }
    }
}
