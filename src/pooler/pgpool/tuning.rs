//! Parameters of Pgpool-II that a person may set by `spec.pooler.tuning`, and why not the others.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::tuning::catalog::{Entry, Kind};
use crate::tuning::value::Checked;
use crate::tuning::{Book, Catalog};

use super::super::{pgbouncer, written};

/// Beginnings of names that are not to be set, and why.
const RESERVED: [(&[&str], &str); 8] = [
    (
        &[
            "backend_",
            "fail_over",
            "failover",
            "failback",
            "follow_primary",
            "detach_false_primary",
            "search_primary",
            "auto_failback",
            "health_check",
            "sr_check",
            "recovery_",
            "client_idle_limit_in_recovery",
            "replication_",
            "replicate_select",
            "insert_lock",
            "lobj_lock_table",
        ],
        "backends and failover are Patroni's alone, and Pgpool-II follows through Services",
    ),
    (
        &[
            "wd_",
            "use_watchdog",
            "heartbeat",
            "hostname",
            "pgpool_port",
            "trusted_server",
            "delegate_ip",
            "if_",
            "arping",
            "ping_path",
            "clear_memqcache_on_escalation",
            "enable_consensus",
            "allow_multiple_failover",
        ],
        "pooler pods know nothing of each other, Kubernetes keeps them",
    ),
    (&["ssl"], "TLS is kept by the operator; give a certificate by spec.access.tls"),
    (&["enable_pool_hba", "pool_passwd", "allow_clear_text"], "only SCRAM-SHA-256 over TLS is allowed in"),
    (
        &[
            "listen_addresses",
            "port",
            "pcp_",
            "unix_socket",
            "pid_file_name",
            "logdir",
            "work_dir",
            "log_destination",
            "logging_collector",
            "log_directory",
            "log_filename",
            "log_file_mode",
            "log_rotation",
            "log_truncate",
            "log_pcp",
            "syslog_",
        ],
        "addresses and paths are the image's; logs go to the pod's own log",
    ),
    (
        &[
            "num_init_children",
            "max_pool",
            "reserved_connections",
            "connection_cache",
            "connection_life_time",
            "process_management",
            "min_spare_children",
            "max_spare_children",
            "reset_query_list",
        ],
        "the size of the pooler has to fit max_connections; set spec.pooler.clients and spec.pooler.instances",
    ),
    (&["load_balance_mode"], "set spec.pooler.loadBalancing"),
    (
        &[
            "memory_cache",
            "memqcache",
            "cache_safe",
            "cache_unsafe",
            "delay_threshold",
            "prefer_lower_delay",
            "log_standby_delay",
            "connect_timeout",
        ],
        "it would serve stale answers, or needs a check of replicas that only Patroni does here",
    ),
];

/// Why a parameter (in lower case) is not to be set by a person; none when nothing speaks against it.
pub fn reserved(name: &str) -> Option<&'static str> {
    let other = (pgbouncer::catalog(), "it is a parameter of PgBouncer, and spec.pooler.kind is Pgpool");
    written::reserved(catalog(), other, &RESERVED, name)
}

/// What may be set.
pub fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| Catalog::of_lines(include_str!("catalog.tsv")))
}

/// Rules for the ConfigMaps of `spec.pooler.tuning`.
pub fn book(own: &BTreeSet<String>) -> Book<'_> {
    written::book("Pgpool-II", catalog(), reserved, &quote, own)
}

/// Pgpool-II's file has no way to write a quote within a text (pool_config.l), and a line that it can't read stops it.
fn quote(_: &Entry, value: &Checked) -> Option<String> {
    value
        .text
        .contains('\'')
        .then(|| "write it without a quote ('): Pgpool-II's file can't hold one".to_owned())
}

/// True when only a restart of Pgpool-II applies a change of this parameter.
pub fn restarts(name: &str) -> bool {
    written::restarts(catalog(), name)
}

/// A value as it stands in `pgpool.conf`: numbers in base units, words and texts in quotes.
pub fn rendered(name: &str, value: &str) -> String {
    written::value(catalog(), name, value, |kind, value| match kind {
        Some(Kind::Bool) => value.to_owned(),
        _ => format!("'{value}'"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_in_the_catalog_and_what_is_not_says_why() {
        for free in ["client_idle_limit", "log_statement", "relcache_size", "log_hostname"] {
            assert!(catalog().get(free).is_some() && reserved(free).is_none(), "{free}");
        }
        for (kept, word) in [
            ("backend_hostname0", "Patroni"),
            ("ssl_cert", "spec.access.tls"),
            ("pool_passwd", "SCRAM"),
            ("num_init_children", "spec.pooler.clients"),
            ("use_watchdog", "Kubernetes"),
            ("health_check_period", "Patroni"),
            ("load_balance_mode", "loadBalancing"),
        ] {
            assert!(reserved(kept).is_some_and(|reason| reason.contains(word)), "{kept}");
        }
        assert_eq!(reserved("no_such_parameter"), None, "it is unknown, not reserved");
    }

    #[test]
    fn a_reload_is_told_from_a_restart() {
        assert!(restarts("child_life_time") && restarts("serialize_accept"));
        assert!(!restarts("client_idle_limit") && !restarts("log_statement"));
    }

    #[test]
    fn values_are_written_as_pgpool_reads_them() {
        assert_eq!(rendered("client_idle_limit", "5min"), "300");
        assert_eq!(rendered("log_statement", "on"), "on");
        assert_eq!(rendered("log_min_messages", "error"), "'error'");
        let text = rendered("primary_routing_query_pattern_list", r".*FOR UPDATE\s*;");
        assert_eq!(text, r"'.*FOR UPDATE\s*;'");
        let own = BTreeSet::new();
        assert!(book(&own).check("log_line_prefix", "it's").unwrap_err().contains("quote"));
    }
}
