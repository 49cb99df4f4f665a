//! The checker of settings against a real server: both take and refuse the same texts, and read the same values from them.

// Each test program uses a part of the shared server.
#[allow(dead_code)]
mod postgres;

use postgres::Postgres;
use stylobate::tuning::Catalog;
use stylobate::tuning::catalog::QUERY;
use stylobate::tuning::value::check;

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
