//! What a session of the operator is whatever the database says: settings that go with the start-up packet.
//!
//! The owner of a database defaults any setting of his sessions and of ours by `ALTER DATABASE ... SET`. What a client sends at
//! the start wins over that, and over the server's own configuration (PostgreSQL 17, section 20.1). The reason of each is in
//! `docs/decisions/0025-hostile-databases.md`; `images/postgres/sessions.py` has the same for the programs of the image.

use std::time::Duration;

/// Longest time for a statement that has no limit of its own. The server ends it.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a lock: who holds one for longer must not hold up what else there is to do.
const LOCK_SECONDS: u32 = 5;
/// Longest pause between two statements: more than any that is made on purpose, and a session that nobody uses ends.
const IDLE_SECONDS: u32 = 60;
/// How soon the server notices that nobody waits for a statement any more.
const GONE_SECONDS: u32 = 2;
/// The first major that knows `transaction_timeout`; an older one refuses a session that names it.
pub const TRANSACTION_TIMEOUT_SINCE: i32 = 17;

/// Settings that every major takes.
const PINNED: [(&str, &str); 21] = [
    // What a name means. Temporary objects come last, and functions and operators are never looked for among them.
    ("search_path", "pg_catalog,pg_temp"),
    ("role", "none"),
    ("row_security", "on"),
    ("session_replication_role", "origin"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_deferrable", "off"),
    ("standard_conforming_strings", "on"),
    ("client_encoding", "UTF8"),
    // A library that is not there ends the session before it begins.
    ("local_preload_libraries", ""),
    ("session_preload_libraries", ""),
    ("jit", "off"),
    // Statements hold the verifiers of passwords: they stand in no log and in no statistics.
    ("log_statement", "none"),
    ("log_min_error_statement", "panic"),
    ("log_min_duration_statement", "-1"),
    ("log_min_duration_sample", "-1"),
    ("log_transaction_sample_rate", "0"),
    ("debug_print_parse", "off"),
    ("debug_print_rewritten", "off"),
    ("debug_print_plan", "off"),
    ("pg_stat_statements.track_utility", "off"),
];

/// Puts back what is left: every setting that the database or the role defaults and that is not pinned above.
pub const SWEEP: &str = "SELECT pg_catalog.set_config(s.name, COALESCE(s.boot_val, ''), false) FROM pg_catalog.pg_settings s \
    WHERE s.context IN ('user', 'superuser') AND s.source IN ('database', 'user', 'database user')";

/// The `options` of the start-up packet for a server of this major; the newest majors' while it is not known.
pub fn options(major: Option<i32>) -> String {
    let limits = [
        ("statement_timeout", format!("{}s", STATEMENT_TIMEOUT.as_secs())),
        ("lock_timeout", format!("{LOCK_SECONDS}s")),
        ("idle_in_transaction_session_timeout", format!("{IDLE_SECONDS}s")),
        ("idle_session_timeout", format!("{IDLE_SECONDS}s")),
        ("client_connection_check_interval", format!("{GONE_SECONDS}s")),
    ];
    let newer = (major.is_none_or(|major| major >= TRANSACTION_TIMEOUT_SINCE))
        .then(|| ("transaction_timeout", "0".to_owned()));
    let fixed = PINNED.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let all = fixed.chain(limits).chain(newer);
    // A space ends an option unless a backslash stands before it.
    let option = |(name, value): (&str, String)| format!("-c {name}={}", value.replace(' ', "\\ "));
    all.map(option).collect::<Vec<_>>().join(" ")
}
