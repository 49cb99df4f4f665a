//! Parameters of PgBouncer that a person may set by `spec.pooler.tuning`, and why not the others.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::tuning::catalog::Kind;
use crate::tuning::{Book, Catalog};

use super::super::{pgpool, written};

/// Beginnings of names that are not to be set, and why.
const RESERVED: [(&[&str], &str); 5] = [
    (&["client_tls", "server_tls"], "TLS is kept by the operator; give a certificate by spec.access.tls"),
    (
        &["auth_", "admin_users", "stats_users", "track_extra_parameters"],
        "only SCRAM-SHA-256 over TLS is allowed in, and who may log in is asked of the server",
    ),
    (
        &[
            "listen_",
            "unix_socket",
            "logfile",
            "pidfile",
            "syslog",
            "user",
            "so_reuseport",
            "job_name",
            "service_name",
            "resolv_conf",
            "conffile",
        ],
        "addresses and paths are the image's; logs go to the pod's own log",
    ),
    (
        &[
            "max_client_conn",
            "default_pool_size",
            "max_db_connections",
            "reserve_pool_size",
            "max_db_client",
            "max_user_client",
            "peer_id",
        ],
        "the size of the pooler has to fit max_connections; set spec.pooler.clients, spec.pooler.serverConnections and spec.pooler.instances",
    ),
    (
        &["server_check", "server_connect_timeout", "server_login_retry", "server_fast_close", "tcp_"],
        "a switchover and the loss of a server are survived by it, as docs/decisions/0031-pgbouncer.md says",
    ),
];

/// Why a parameter (in lower case) is not to be set by a person; none when nothing speaks against it.
fn reserved(name: &str) -> Option<&'static str> {
    let other = (pgpool::catalog(), "it is a parameter of Pgpool-II, and spec.pooler.kind is PgBouncer");
    written::reserved(catalog(), other, &RESERVED, name)
}

/// What may be set.
pub fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| Catalog::of_lines(include_str!("catalog.tsv")))
}

/// Rules for the ConfigMaps of `spec.pooler.tuning`.
pub fn book(own: &BTreeSet<String>) -> Book<'_> {
    written::book("PgBouncer", catalog(), reserved, &|_, _| None, own)
}

/// True when only new pods take up a change of this parameter.
pub fn restarts(name: &str) -> bool {
    written::restarts(catalog(), name)
}

/// A value as it stands in `pgbouncer.ini`: numbers in base units, `1` and `0` for on and off, all else as it is (a line break is refused).
pub fn rendered(name: &str, value: &str) -> String {
    written::value(catalog(), name, value, |kind, value| match kind {
        Some(Kind::Bool) => if value == "on" { "1" } else { "0" }.to_owned(),
        _ => value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_in_the_catalog_and_what_is_not_says_why() {
        for free in ["pool_mode", "idle_transaction_timeout", "client_login_timeout", "max_user_connections"]
        {
            assert!(catalog().get(free).is_some() && reserved(free).is_none(), "{free}");
        }
        for (kept, word) in [
            ("server_tls_sslmode", "spec.access.tls"),
            ("auth_query", "SCRAM"),
            ("max_client_conn", "spec.pooler.clients"),
            ("server_check_query", "switchover"),
            ("client_idle_limit", "Pgpool-II"),
        ] {
            assert!(reserved(kept).is_some_and(|reason| reason.contains(word)), "{kept}");
        }
        assert_eq!(reserved("no_such_parameter"), None, "it is unknown, not reserved");
    }

    #[test]
    fn values_are_written_as_pgbouncer_reads_them() {
        assert_eq!(rendered("client_idle_timeout", "5min"), "300");
        assert_eq!(rendered("log_connections", "on"), "1");
        assert_eq!(rendered("server_reset_query", "DISCARD ALL"), "DISCARD ALL");
        assert!(restarts("pkt_buf") && !restarts("pool_mode"));
    }
}
