//! One database hides no other: whatever its owner makes of it is told of that database, and the rest is done.

use serde_json::json;

use super::world::World;

/// The spec gets a user more, which has to be there after a round.
async fn reports(world: &mut World) -> (String, String, String) {
    world.edit(|spec| spec["users"].as_array_mut().unwrap().push(json!({"name": "report"})));
    world.round().await;
    assert_eq!(world.server.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'report'"), "1");
    world.round().await;
    world.condition("DatabasesOk")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_database_hides_no_other_and_nothing_is_as_the_spec_says_while_it_is() {
    let Some(mut world) = World::settled("db-closed").await else { return };
    world.server.sql("ALTER DATABASE bank ALLOW_CONNECTIONS false");
    let (status, reason, message) = reports(&mut world).await;
    assert_eq!((status.as_str(), reason.as_str()), ("False", "DatabaseTrouble"));
    assert!(
        message.contains("database bank")
            && message.contains(r#"ALTER DATABASE "bank" ALLOW_CONNECTIONS true"#),
        "{message}"
    );
    world.server.sql("ALTER DATABASE bank ALLOW_CONNECTIONS true");
    world.round().await;
    assert_eq!(world.condition("DatabasesOk").0, "True");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_a_drop_left_half_removed_is_told_with_the_way_out() {
    let Some(mut world) = World::settled("db-half").await else { return };
    // How a DROP DATABASE that was cut leaves it.
    world.server.sql("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'bank'");
    let (status, _, message) = reports(&mut world).await;
    assert_eq!(status, "False");
    assert!(message.contains(r#"DROP DATABASE "bank""#), "{message}");
    world.server.sql("DROP DATABASE bank");
    world.settle().await;
    assert_eq!(world.condition("DatabasesOk").0, "True");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_limit_template_owner_or_encoding_of_a_database_is_in_the_way() {
    let Some(mut world) = World::settled("db-odd").await else { return };
    for statement in [
        "ALTER DATABASE bank CONNECTION LIMIT 0",
        "ALTER DATABASE bank IS_TEMPLATE true",
        "ALTER DATABASE bank SET transaction_isolation = 'serializable'",
        "ALTER ROLE app CONNECTION LIMIT 0",
        "ALTER ROLE app NOLOGIN",
        "ALTER DATABASE vault OWNER TO postgres",
        "ALTER ROLE other RENAME TO renamed",
        "CREATE DATABASE odd TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
        "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
    ] {
        world.server.sql_as("postgres", "postgres", &[statement]).ok();
    }
    world.edit(|spec| {
        let databases = spec["databases"].as_array_mut().unwrap();
        databases.push(json!({"name": "odd", "owner": "app", "extensions": ["hstore"]}));
        databases.push(json!({"name": "latin", "owner": "app", "extensions": ["hstore"]}));
    });
    world.forget();
    world.settle().await;
    assert_eq!(world.condition("DatabasesOk").0, "True", "{:?}", world.condition("DatabasesOk"));
    let owners = world.server.sql(
        "SELECT string_agg(datname || ' ' || datdba::regrole, ',' ORDER BY datname) FROM pg_database \
         WHERE datname IN ('bank', 'vault', 'odd', 'latin')",
    );
    assert_eq!(owners, "bank app,latin app,odd app,vault other");
    let (odd, latin) = ("SELECT extname FROM pg_extension WHERE extname = 'hstore'", "latin");
    assert_eq!(world.server.sql_as("postgres", "odd", &[odd]).unwrap(), "hstore");
    assert_eq!(world.server.sql_as("postgres", latin, &[odd]).unwrap(), "hstore");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_who_sits_in_the_template_keeps_no_database_from_being_made() {
    let Some(mut world) = World::settled("db-template").await else { return };
    let mut sits = world.server.program("psql");
    sits.args(["-X", "-c", "SELECT pg_sleep(60)"]).env("PGHOST", world.server.sockets());
    sits.env("PGPORT", world.server.port().to_string()).env("PGUSER", "app").env("PGDATABASE", "template1");
    let mut sits = sits.stdout(std::process::Stdio::null()).spawn().unwrap();
    let there =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'template1' AND query LIKE '%pg_sleep%'";
    while world.server.sql(there) != "1" {
        assert!(sits.try_wait().unwrap().is_none(), "he can't sit there at all");
    }
    world.edit(|spec| {
        spec["databases"].as_array_mut().unwrap().push(json!({"name": "more", "owner": "other"}))
    });
    world.settle().await;
    sits.kill().unwrap();
    sits.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_looked_at_is_not_as_it_should_be() {
    let Some(mut world) = World::settled("db-away").await else { return };
    assert_eq!(world.condition("DatabasesOk").0, "True");
    world.server.kill();
    world.round().await;
    let (status, reason, message) = world.condition("DatabasesOk");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "NotLookedAt"), "{message}");
    world.server.up();
    world.round().await;
    assert_eq!(world.condition("DatabasesOk").0, "True");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_entered_at_first_sight_and_then_only_when_something_is_missing() {
    let Some(mut world) = World::settled("db-seldom").await else { return };
    world.server.sql("ALTER SYSTEM SET log_connections = on");
    world.server.sql("SELECT pg_reload_conf()");
    let entered = |world: &World| {
        let log = world.server.log();
        log.lines().filter(|line| line.contains("connection authorized: user=postgres database=bank")).count()
    };
    let before = entered(&world);
    for _ in 0..5 {
        world.round().await;
    }
    assert_eq!(entered(&world), before, "nothing had to change there");
    world.edit(|spec| spec["databases"][0]["extensions"] = json!(["pgcrypto", "hstore"]));
    world.settle().await;
    assert!(entered(&world) > before);
}
