//! Who may connect to a member: `pg_hba.conf` and `pg_ident.conf` lines.
//!
//! Over the network there is TLS and SCRAM, nothing else. System roles must show a client certificate of the cluster's
//! own authority as well, so that a leaked password alone opens no superuser session.

/// Role of the metrics exporter; it has `pg_monitor` and no password.
pub const MONITOR_ROLE: &str = "stylobate_monitor";
/// Role of the pooler's metrics exporter. It logs in through Pgpool and asks Pgpool itself; in the servers it has no right but
/// to connect to the database `postgres`.
pub const POOLER_MONITOR_ROLE: &str = "stylobate_pooler_monitor";
/// Superuser: of Patroni by socket, of the operator by TLS, SCRAM and client certificate.
pub const SUPERUSER: &str = "postgres";
/// Role of replication.
pub const REPLICATION_ROLE: &str = "standby";
/// Role of `pg_rewind`.
pub const REWIND_ROLE: &str = "rewind";

/// Lines of `pg_hba.conf`, first match wins.
pub fn hba() -> Vec<String> {
    vec![
        format!("local all {SUPERUSER} peer"),
        format!("local all {MONITOR_ROLE} peer map=monitor"),
        // Patroni asks its own member for timeline and position over a replication connection, in every round.
        format!("local replication {REPLICATION_ROLE} peer map=patroni"),
        format!("hostssl replication {REPLICATION_ROLE} all scram-sha-256 clientcert=verify-ca"),
        format!("hostssl all {SUPERUSER},{REWIND_ROLE} all scram-sha-256 clientcert=verify-ca"),
        format!("hostssl all {REPLICATION_ROLE},{MONITOR_ROLE} all reject"),
        format!("hostssl postgres {POOLER_MONITOR_ROLE} all scram-sha-256"),
        format!("hostssl all {POOLER_MONITOR_ROLE} all reject"),
        "hostssl all all all scram-sha-256".to_owned(),
    ]
}

/// Lines of `pg_ident.conf`: exporter and Patroni run as the image's own user.
pub fn ident() -> Vec<String> {
    vec![format!("monitor postgres {MONITOR_ROLE}"), format!("patroni postgres {REPLICATION_ROLE}")]
}
