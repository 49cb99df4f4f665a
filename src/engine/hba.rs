//! Who may connect to a member: `pg_hba.conf` and `pg_ident.conf` lines.
//!
//! Over the network there is TLS and SCRAM, nothing else. System roles must show a client certificate of the cluster's
//! own authority as well, so that a leaked password alone opens no superuser session.

use crate::api::RoleOption;
use crate::target::UserTarget;

/// Role of the metrics exporter; it has `pg_monitor` and no password.
pub const MONITOR_ROLE: &str = "stylobate_monitor";
/// Role of the pooler's metrics exporter. It logs in through Pgpool and asks Pgpool itself; in the servers it has no right but
/// to connect to the database `postgres`.
pub const POOLER_MONITOR_ROLE: &str = "stylobate_pooler_monitor";
/// Role by which a pooler that looks up logins asks for their verifiers; in the servers it has no right but to that function in the database
/// `postgres`. The operator commands such poolers by the same name.
pub const POOLER_ROLE: &str = "stylobate_pooler";
/// Superuser: of Patroni by socket, of the operator by TLS, SCRAM and client certificate.
pub const SUPERUSER: &str = "postgres";
/// Role of replication.
pub const REPLICATION_ROLE: &str = "standby";
/// Role of `pg_rewind`.
pub const REWIND_ROLE: &str = "rewind";

/// Lines of `pg_hba.conf`, first match wins.
///
/// A user who may replicate reads all data of the cluster over any connection to any database (`replication=database`), which no line
/// tells from a plain session. So he is let in from the networks that the spec names for him, and from nowhere else at all.
///
/// `copies`: standbys copy logical slots, for which they ask the primary in a plain session of the database `postgres`.
pub fn hba(users: &[UserTarget], copies: bool) -> Vec<String> {
    let copier = format!("hostssl postgres {REPLICATION_ROLE} all scram-sha-256 clientcert=verify-ca");
    let mut lines = vec![
        format!("local all {SUPERUSER} peer"),
        format!("local all {MONITOR_ROLE} peer map=monitor"),
        // Patroni asks its own member for timeline and position over a replication connection, in every round.
        format!("local replication {REPLICATION_ROLE} peer map=patroni"),
        format!("hostssl replication {REPLICATION_ROLE} all scram-sha-256 clientcert=verify-ca"),
        format!("hostssl all {SUPERUSER},{REWIND_ROLE} all scram-sha-256 clientcert=verify-ca"),
    ];
    lines.extend(copies.then_some(copier));
    lines.extend([
        format!("hostssl all {REPLICATION_ROLE},{MONITOR_ROLE} all reject"),
        format!("hostssl postgres {POOLER_MONITOR_ROLE},{POOLER_ROLE} all scram-sha-256"),
        format!("hostssl all {POOLER_MONITOR_ROLE},{POOLER_ROLE} all reject"),
    ]);
    for user in users.iter().filter(|user| user.options.contains(&RoleOption::Replication)) {
        let name = quoted(&user.name);
        let from = user.replication_from.iter();
        lines.extend(from.map(|network| format!("hostssl all,replication {name} {network} scram-sha-256")));
        lines.push(format!("hostssl all,replication {name} all reject"));
    }
    lines.push("hostssl all all all scram-sha-256".to_owned());
    lines
}

/// A name that is no keyword, no list, no group and no file there (`next_token` in hba.c): a quote is doubled, all else stands for itself.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Lines of `pg_ident.conf`: exporter and Patroni run as the image's own user.
pub fn ident() -> Vec<String> {
    vec![format!("monitor postgres {MONITOR_ROLE}"), format!("patroni postgres {REPLICATION_ROLE}")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, target};
    use serde_json::json;

    #[test]
    fn who_replicates_comes_from_his_networks_and_from_nowhere_else() {
        let users = json!([
            {"name": "app"},
            {"name": "a\"b, all", "options": ["Replication"], "replicationFrom": ["10.1.0.0/16", "fd00:1::/32"]},
        ]);
        let lines = hba(&target(&observed(json!({"users": users}))).users, false);
        let own: Vec<&String> = lines.iter().filter(|line| line.contains("a\"\"b, all")).collect();
        assert_eq!(
            own,
            [
                "hostssl all,replication \"a\"\"b, all\" 10.1.0.0/16 scram-sha-256",
                "hostssl all,replication \"a\"\"b, all\" fd00:1::/32 scram-sha-256",
                "hostssl all,replication \"a\"\"b, all\" all reject",
            ]
        );
        assert_eq!(lines.last().unwrap(), "hostssl all all all scram-sha-256");
        assert!(!lines.iter().any(|line| line.contains("app")));
    }
}
