//! The checker of settings against a real server: both take and refuse the same texts, and read the same values from them.

// Each test program uses a part of the shared server.
#[allow(dead_code)]
mod postgres;

use postgres::Postgres;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use stylobate::observe::MISREAD;
use stylobate::tuning::catalog::QUERY;
use stylobate::tuning::value::check;
use stylobate::tuning::{Catalog, Chosen, Source, View, limits, memory};

/// Settings that a session may change, of each type and unit.
const SETTINGS: [&str; 13] = [
    "work_mem",
    "temp_file_limit",
    "backend_flush_after",
    "default_statistics_target",
    "statement_timeout",
    "idle_session_timeout",
    "random_page_cost",
    "vacuum_cost_delay",
    "jit",
    "client_min_messages",
    "synchronous_commit",
    "constraint_exclusion",
    "bytea_output",
];

/// The server shows a real number with six digits: two that differ by less than this are shown alike.
const SHOWN: f64 = 1e-5;

/// Texts that a person might write, good and bad for each of them.
const TEXTS: [&str; 70] = [
    "",
    "0",
    "1",
    "-1",
    "+1",
    "2",
    "10",
    "64",
    "100",
    "1000",
    "10000",
    "10001",
    "2147483647",
    "2147483648",
    "-2147483648",
    "99999999999999",
    "0x10",
    "0xZZ",
    "010",
    "08",
    "1.5",
    "1.4",
    "2.5",
    ".5",
    "5.",
    "1e3",
    "1e",
    "1e400",
    "nan",
    "inf",
    "64kB",
    "64 kB",
    "1MB",
    "1 MB",
    "0.5MB",
    "1.2MB",
    "30.1MB",
    "64kb",
    "64KB",
    "65536B",
    "1GB",
    "1TB",
    "9999TB",
    "8k",
    "MB",
    "1ms",
    "5s",
    "1.5s",
    "90 s",
    "1min",
    "0.1min",
    "2h",
    "1d",
    "100us",
    "1500us",
    "5S",
    "1 MB x",
    "--1",
    "on",
    "off",
    "of",
    "o",
    "TRUE",
    "t",
    "yes",
    "n",
    "ON",
    "debug",
    "Warning",
    "hex",
];

#[test]
fn the_checker_reads_every_text_as_the_server_does() {
    let Some(server) = Postgres::start("settings", "") else { return };
    let catalog = Catalog::of_lines(&server.sql(QUERY).replace('|', "\t"));
    let pairs: Vec<(&str, &str)> =
        SETTINGS.iter().flat_map(|name| TEXTS.iter().map(move |text| (*name, *text))).collect();
    let rows: Vec<String> = pairs
        .iter()
        .enumerate()
        .map(|(number, (name, text))| format!("({number}, '{name}', '{text}')"))
        .collect();
    let answers = server.sql(&format!(
        "CREATE FUNCTION pg_temp.try(n text, v text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
           PERFORM set_config(n, v, false); RETURN (SELECT setting FROM pg_settings WHERE name = n);
           EXCEPTION WHEN OTHERS THEN RETURN 'refused'; END $$;
         SELECT pg_temp.try(n, v) FROM (VALUES {}) AS t(i, n, v) ORDER BY i",
        rows.join(", ")
    ));
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), pairs.len());
    let mut differ = Vec::new();
    for ((name, text), answer) in pairs.into_iter().zip(answers) {
        let ours = match check(catalog.get(name).expect("the server knows it"), text) {
            Err(_) => "refused".to_owned(),
            Ok(checked) => checked.number.map_or(checked.text, |number| number.to_string()),
        };
        let same = ours == answer
            || matches!((ours.parse::<f64>(), answer.parse::<f64>()), (Ok(a), Ok(b)) if (a - b).abs() <= a.abs() * SHOWN);
        if !same {
            differ.push(format!("{name} = '{text}': the server says {answer}, the checker {ours}"));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}

/// Texts with a form of their own, good and bad for each.
const FORMS: [(&str, &[&str]); 5] = [
    (
        "client_encoding",
        &[
            "utf-8",
            "UTF 8",
            "Latin1",
            "KOI8",
            "win-1252",
            "windows874",
            "sql_ascii",
            "utf-88",
            "utf",
            "latin11",
            "",
            "mule",
        ],
    ),
    (
        "search_path",
        &["", "a", "a, b", "\"$user\", public", "a,,b", "a b", "\"a", "\"a\"b", ",", "a,", "\"a\"\"b\""],
    ),
    ("temp_tablespaces", &["", "a, \"b\"", "a b", "\""]),
    ("timezone_abbreviations", &["Default", "australia", "India", "nope", "Africa/x", ""]),
    ("createrole_self_grant", &["", "set", "set, inherit", "INHERIT", "admin", "set inherit"]),
];

#[test]
fn texts_that_no_server_starts_with_are_refused_and_others_are_not() {
    let Some(server) = Postgres::start("forms", "") else { return };
    let catalog = Catalog::of_lines(&server.sql(QUERY).replace('|', "\t"));
    let mut differ = Vec::new();
    for (name, texts) in FORMS {
        let Some(entry) = catalog.get(name) else { continue };
        for text in texts {
            // As the server reads its configuration before it starts.
            let told = server
                .program("postgres")
                .arg("-D")
                .arg(server.data())
                .args(["-C", name, "-c", &format!("{name}={text}")])
                .output();
            let starts = told.expect("run postgres").status.success();
            let taken =
                check(entry, text).is_ok_and(|checked| limits::limit(entry, &checked, true).is_none());
            if starts != taken {
                differ.push(format!(
                    "{name} = '{text}': the server {}",
                    if starts { "starts" } else { "does not start" }
                ));
            }
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}

/// Settings of shared memory; the first line is what they are held against.
const SHARED: [&[(&str, &str)]; 9] = [
    &[],
    &[("max_locks_per_transaction", "20000")],
    &[("max_pred_locks_per_transaction", "20000")],
    &[("max_worker_processes", "5000")],
    &[("max_prepared_transactions", "5000"), ("max_locks_per_transaction", "128")],
    &[("max_replication_slots", "200000")],
    &[("track_activity_query_size", "1048576")],
    &[("wal_buffers", "1GB")],
    &[
        ("max_wal_senders", "3000"),
        ("autovacuum_max_workers", "1000"),
        ("max_pred_locks_per_transaction", "300"),
    ],
];

#[test]
fn what_settings_take_of_shared_memory_is_what_the_server_says() {
    const MIB: f64 = 1_048_576.0;
    let Some(mut server) = Postgres::start("memory", "") else { return };
    let catalog = Catalog::of_lines(&server.sql(QUERY).replace('|', "\t"));
    // Only a folder whose server does not run can be asked.
    server.kill();
    let ordinary = [
        ("max_connections", "100"),
        ("max_worker_processes", "24"),
        ("max_wal_senders", "12"),
        ("max_replication_slots", "12"),
        ("wal_buffers", "16MB"),
    ];
    let mut base = None;
    for changes in SHARED {
        let settings: BTreeMap<&str, &str> = ordinary.into_iter().chain(changes.iter().copied()).collect();
        let options: Vec<String> =
            settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]).collect();
        let deadline = Instant::now() + Duration::from_secs(10);
        let bytes = loop {
            let mut ask = server.program("postgres");
            ask.arg("-D").arg(server.data()).args(&options).args(["-C", "shared_memory_size"]);
            let told = ask.output().expect("run postgres");
            if let Ok(number) = String::from_utf8_lossy(&told.stdout).trim().parse::<f64>() {
                break number * MIB;
            }
            // What is left of the server that was killed holds its folder for a moment.
            assert!(Instant::now() < deadline, "{changes:?}: {}", String::from_utf8_lossy(&told.stderr));
        };
        let real = bytes - *base.get_or_insert(bytes);
        let chosen = |value: &&str| Chosen {
            value: (*value).to_owned(),
            source: Source::ConfigMap("a".into()),
            overrides: Vec::new(),
        };
        let chosen: BTreeMap<String, Chosen> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), chosen(value))).collect();
        let ours = memory::extra(&View { chosen: &chosen, catalog: &catalog }).bytes;
        // The server tells whole MiB; no more than a tenth beside it, and never less than it takes by more than that.
        assert!(
            (ours - real).abs() <= real / 10.0 + 2.0 * MIB,
            "{changes:?}: the server takes {} MiB, we think {} MiB",
            real / MIB,
            ours / MIB
        );
    }
}

#[test]
fn what_a_server_does_not_take_of_its_file_is_found_and_what_waits_for_a_restart_is_not() {
    let Some(server) = Postgres::start("misread", "") else { return };
    let file = server.data().join("stylobate.conf");
    let before = std::fs::read_to_string(&file).expect("read the settings");
    let query = |text: &str| {
        std::fs::write(&file, format!("{before}{text}\n")).expect("write the settings");
        server.sql("SELECT pg_reload_conf()");
        server.sql(MISREAD)
    };
    assert_eq!(query(""), "");
    let said = query("timezone_abbreviations = 'nope'");
    assert!(said.starts_with("timezone_abbreviations|nope|"), "{said}");
    assert_eq!(query("work_mem = '8MB'"), "");
    std::fs::write(&file, format!("{before}max_connections = 200\n")).expect("write the settings");
    // The server marks it when it reads its file again, and that is not at once.
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.sql("SELECT pending_restart FROM pg_settings WHERE name = 'max_connections'") != "t" {
        server.sql("SELECT pg_reload_conf()");
        assert!(Instant::now() < deadline, "the server does not read its file again");
    }
    assert_eq!(server.sql(MISREAD), "");
}
