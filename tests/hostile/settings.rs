//! Settings that a tenant, or a ConfigMap, defaults for the sessions of others.

use super::world::World;

/// Values that a setting of this type takes, at least one of which is not what it is already.
fn values(kind: &str, least: &str, most: &str, words: &str) -> Vec<String> {
    match kind {
        "bool" => vec!["on".into(), "off".into()],
        "enum" => words.split(',').map(str::to_owned).collect(),
        "string" => vec![
            "".into(),
            "hostile".into(),
            "SJIS".into(),
            "Asia/Tokyo".into(),
            "SQL, DMY".into(),
            "C".into(),
        ],
        _ => vec![least.to_owned(), most.to_owned(), "1".into()],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_setting_that_the_owner_of_a_database_defaults_reaches_a_session_of_the_operator() {
    let Some(world) = World::settled("settings-all").await else { return };
    let rows = world.server.sql(
        "SELECT concat_ws('|', name, vartype, min_val, max_val, array_to_string(enumvals, ','), setting) FROM pg_settings \
         WHERE context = 'user'",
    );
    let mut taken = 0;
    for row in rows.lines() {
        let columns: Vec<&str> = row.split('|').collect();
        let (name, kind) = (columns[0], columns[1]);
        let (least, most, words) = match kind {
            "integer" | "real" => (columns[2], columns[3], ""),
            "enum" => ("", "", columns[2]),
            _ => ("", "", ""),
        };
        let now = columns.last().copied().unwrap_or_default();
        let other = values(kind, least, most, words).into_iter().filter(|value| value != now);
        let set: Vec<String> =
            other.map(|value| format!("ALTER DATABASE bank SET \"{name}\" = '{value}'")).collect();
        // One at a time: all of them together would hide what one does alone. By way of another database, since some keep everybody out.
        let statements: Vec<&str> =
            ["ALTER DATABASE bank RESET ALL"].into_iter().chain(set.iter().map(String::as_str)).collect();
        world.server.sql_as("app", "postgres", &statements).ok();
        let session = world.ways.session(super::world::MEMBER, "bank").await;
        let session = session.unwrap_or_else(|error| panic!("{name} keeps the operator out: {error}"));
        let left = session
            .query(
                "SELECT pg_catalog.concat_ws(' ', s.name, s.setting, s.source) FROM pg_catalog.pg_settings s \
                 WHERE s.source IN ('database', 'user', 'database user') \
                    OR (s.name = 'search_path' AND s.setting <> 'pg_catalog,pg_temp') \
                 UNION ALL SELECT pg_catalog.concat('role ', CURRENT_USER, SESSION_USER) WHERE CURRENT_USER <> 'postgres' \
                 UNION ALL SELECT 'taken' WHERE EXISTS (SELECT FROM pg_catalog.pg_db_role_setting)",
            )
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let left: Vec<&str> = left.iter().map(|row| row.get(0)).collect();
        taken += usize::from(left == ["taken"]);
        assert!(left.is_empty() || left == ["taken"], "{name}: {left:?}");
    }
    assert!(taken > 100, "the tenant could set {taken} settings alone: nothing was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_a_library_and_time_limits_of_a_database_do_not_reach_a_session_of_the_operator() {
    let Some(world) = World::settled("settings-some").await else { return };
    for setting in [
        "SET role = 'app'",
        "SET SESSION AUTHORIZATION 'app'",
        "SET local_preload_libraries = 'not_there'",
        "SET default_transaction_read_only = on",
        "SET default_transaction_isolation = 'serializable'",
        "SET statement_timeout = 1",
        "SET lock_timeout = 1",
        "SET idle_in_transaction_session_timeout = 1",
        "SET idle_session_timeout = 1",
        "SET transaction_timeout = 1",
        "SET client_encoding = 'SJIS'",
    ] {
        let known = world.server.sql_as("app", "postgres", &[&format!("ALTER DATABASE bank {setting}")]);
        // The setting came with 17, and that server ends the session which sets nothing against it.
        if known.is_err() && setting.contains("transaction_timeout") {
            continue;
        }
        known.unwrap();
    }
    let session = world.session("bank").await;
    session
        .execute("BEGIN; CREATE TABLE public.made (); SELECT pg_catalog.pg_sleep(0.2); COMMIT")
        .await
        .unwrap();
    let who = session.query("SELECT pg_catalog.concat(CURRENT_USER, ' ', SESSION_USER)").await.unwrap();
    assert_eq!(who[0].get::<_, String>(0), "postgres postgres");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_settings_make_every_session_read_only_and_short_is_kept_all_the_same() {
    let settings = "default_transaction_read_only = on
        default_transaction_isolation = 'serializable'
        statement_timeout = 1
        lock_timeout = 1
        idle_session_timeout = 1";
    let spec = serde_json::json!({
        "users": [{"name": "app"}], "databases": [{"name": "bank", "owner": "app", "extensions": ["pgcrypto"]}],
    });
    let Some(mut world) = start(settings, spec) else { return };
    world.settle().await;
    let found = world
        .ask("bank", "SELECT extname::text FROM pg_catalog.pg_extension WHERE extname = 'pgcrypto'")
        .await;
    assert_eq!(found, "pgcrypto");
}

/// The world's own sessions, which make it, obey the settings as well: they come in force afterwards.
fn start(settings: &str, spec: serde_json::Value) -> Option<World> {
    let mut world = World::start("settings-global", "", spec)?;
    let all: String = settings
        .lines()
        .map(|line| format!("ALTER SYSTEM SET {};", line.trim()))
        .collect::<Vec<_>>()
        .join("\n");
    world
        .server
        .sql_as("postgres", "postgres", &all.lines().collect::<Vec<_>>())
        .expect("the settings are taken");
    world.server.kill();
    world.server.up();
    Some(world)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_verifier_of_a_password_stands_in_the_log_whatever_is_logged() {
    let Some(world) = World::settled("settings-log").await else { return };
    let log = world.server.log();
    assert!(log.contains("CREATE ROLE standby"), "statements of others are logged");
    assert!(!log.contains("SCRAM-SHA-256$"), "a verifier is in the log");
}
