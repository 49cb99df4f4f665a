//! Values that a server would take, or only complain of when it starts, and that a cluster here can't run with.
//!
//! A wrong text in postgresql.conf is ignored at a reload with a line in the log, and stops the server at its next start. So
//! what the server checks only then is checked here.

use super::catalog::Entry;
use super::value::Checked;
use super::{sessions, texts};

/// Time zones of our image, as `pg_timezone_names` lists them; `images/catalog.sh` writes the file.
const ZONES: &str = include_str!("catalog/zones.txt");
/// Locales of our image.
const LOCALES: [&str; 4] = ["C", "POSIX", "C.UTF-8", "C.utf8"];
/// Libraries that a session may load: those of PostgreSQL itself that only watch.
const SESSION_LIBRARIES: [&str; 2] = ["auto_explain", "pg_stat_statements"];
/// Most that `max_stack_depth` may be, in kB: the stack of a container is 8 MB and the server keeps 512 kB of it back.
const STACK: f64 = 7680.0;
/// Least of `min_wal_size` and `max_wal_size` in MB: two segments of 16 MB, or the server does not start.
const TWO_SEGMENTS: f64 = 32.0;
/// Entries in a bank of the caches of transaction state: their size must be a multiple (PostgreSQL 17, slru.c).
const BANK: f64 = 16.0;

/// Least values below which Patroni silently takes its own default (Patroni 4.1, `CMDLINE_OPTIONS` in postgresql/config.py).
const PATRONI: [(&str, f64); 5] = [
    ("max_connections", 25.0),
    ("max_wal_senders", 3.0),
    ("max_locks_per_transaction", 32.0),
    ("max_replication_slots", 4.0),
    ("max_worker_processes", 2.0),
];

/// What is wrong with a value; none when nothing is. `quorum` is true while a commit waits for a replica.
pub fn limit(entry: &Entry, value: &Checked, quorum: bool) -> Option<String> {
    let name = entry.name.to_ascii_lowercase();
    let text = value.text.as_str();
    if let Some((_, least)) = PATRONI.iter().find(|(known, _)| *known == name)
        && value.number? < *least
    {
        return Some(format!(
            "write a whole number of at least {least}: Patroni takes its own default for less"
        ));
    }
    match name.as_str() {
        "huge_pages" if text == "on" => {
            Some("write try or off: with on, the server does not start in a pod without huge pages".into())
        }
        "synchronous_commit" if quorum && matches!(text, "off" | "local") => Some(
            "write on, remote_write or remote_apply: with less, commits that no replica has are acknowledged, which \
             spec.highAvailability.synchronous rules out; a single transaction may still choose it by SET LOCAL"
                .into(),
        ),
        "timezone" | "log_timezone" => (!ZONES.lines().any(|zone| zone.eq_ignore_ascii_case(text)))
            .then(|| "write the name of a time zone, as UTC or Europe/Berlin (SELECT name FROM pg_timezone_names)".into()),
        "lc_messages" | "lc_monetary" | "lc_numeric" | "lc_time" => {
            (!LOCALES.contains(&text)).then(|| format!("write one of the image's locales: {}", LOCALES.join(", ")))
        }
        "datestyle" => (!date_style(text)).then(|| {
            "write ISO, Postgres, SQL or German, and after a comma MDY, DMY or YMD, as 'ISO, MDY'".into()
        }),
        "session_preload_libraries" => {
            let known = |library: &str| library.is_empty() || SESSION_LIBRARIES.contains(&library);
            (!text.split(',').map(str::trim).all(known)).then(|| {
                format!(
                    "write some of: {}; a library that can't be loaded would end every connection",
                    SESSION_LIBRARIES.join(", ")
                )
            })
        }
        "max_stack_depth" => (value.number? > STACK)
            .then(|| "write a size of at most 7680kB: the stack of a container is 8MB".into()),
        "min_wal_size" | "max_wal_size" => (value.number? < TWO_SEGMENTS)
            .then(|| "write a size of at least 32MB: the server needs two segments of 16MB".into()),
        "commit_timestamp_buffers" | "multixact_member_buffers" | "multixact_offset_buffers" | "notify_buffers"
        | "serializable_buffers" | "subtransaction_buffers" | "transaction_buffers" => {
            (value.number? % BANK != 0.0).then(|| "write a size that is a multiple of 128kB (16 buffers)".into())
        }
        _ => sessions::limit(entry, value, quorum).or_else(|| texts::limit(&name, text)),
    }
}

fn date_style(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "iso",
        "postgres",
        "sql",
        "german",
        "mdy",
        "dmy",
        "ymd",
        "us",
        "noneuropean",
        "euro",
        "european",
        "default",
    ];
    let mut words = text.split(',').map(|word| word.trim().to_ascii_lowercase());
    words.all(|word| WORDS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::super::value::check;
    use super::*;

    fn limited(name: &str, text: &str) -> Option<String> {
        let catalog = Catalog::bundled(17).unwrap();
        let entry = catalog.get(name).unwrap();
        limit(entry, &check(entry, text).unwrap(), true)
    }

    #[test]
    fn what_would_stop_a_server_is_refused_and_its_neighbour_is_not() {
        for (name, bad, good) in [
            ("max_connections", "24", "25"),
            ("huge_pages", "on", "try"),
            ("synchronous_commit", "local", "remote_write"),
            ("TimeZone", "Mars/Base", "europe/berlin"),
            ("lc_messages", "de_DE.UTF-8", "C"),
            ("DateStyle", "ISO, Martian", "SQL, DMY"),
            ("session_preload_libraries", "auto_explain, nope", "auto_explain"),
            ("max_stack_depth", "8MB", "7MB"),
            ("min_wal_size", "16MB", "32MB"),
            ("transaction_buffers", "17", "32"),
            ("client_encoding", "utf-88", "utf-8"),
            ("client_encoding", "MULE_INTERNAL", "latin1"),
            ("default_transaction_isolation", "serializable", "repeatable read"),
            ("default_transaction_read_only", "yes", "no"),
            ("idle_session_timeout", "9s", "10s"),
            ("transaction_timeout", "1ms", "0"),
            ("wal_receiver_status_interval", "0", "1s"),
            ("wal_sender_timeout", "1s", "2s"),
            ("search_path", "\"a, b", "\"$user\", public"),
            ("temp_tablespaces", "a,,b", ""),
            ("timezone_abbreviations", "india", "India"),
            ("createrole_self_grant", "set, admin", "set, inherit"),
            ("restrict_nonsystem_relation_kind", "table", "view, foreign-table"),
            ("default_table_access_method", "", "heap"),
            ("default_text_search_config", "", "pg_catalog.english"),
            ("backtrace_functions", "a;b", "a, b"),
            ("pgaudit.log", "ddl, wrote", "all, -misc"),
            ("pgaudit.log_level", "fatal", "notice"),
        ] {
            assert!(limited(name, bad).is_some(), "{name} = {bad}");
            assert_eq!(limited(name, good), None, "{name} = {good}");
        }
    }

    #[test]
    fn a_cluster_without_synchronous_replication_may_relax_its_commits() {
        let catalog = Catalog::bundled(17).unwrap();
        let entry = catalog.get("synchronous_commit").unwrap();
        assert_eq!(limit(entry, &check(entry, "off").unwrap(), false), None);
    }
}
