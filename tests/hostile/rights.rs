//! Nobody becomes superuser by what he lays in the way of the operator's sessions, and who is one all the same is so no longer.

use serde_json::json;
use stylobate::observe::DatabaseSeen;

use super::world::World;

/// What springs the trap: it makes the tenant superuser when a superuser calls it, and says who did.
const SPRING: &str = "CREATE FUNCTION trap.spring() RETURNS void LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp AS $f$ BEGIN
    INSERT INTO trap.log VALUES (session_user || '/' || current_user);
    BEGIN EXECUTE 'ALTER ROLE app SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
  END $f$";

/// Lays the trap in a schema that comes first in every session of the database. Nothing of it is more than an owner may do.
fn lay(world: &World) {
    world.app(&[
        "CREATE SCHEMA trap",
        "CREATE TABLE trap.log (who text)",
        "GRANT ALL ON SCHEMA trap TO PUBLIC",
        "GRANT ALL ON trap.log TO PUBLIC",
        SPRING,
    ]);
    let views: Vec<String> = world
        .server
        .sql("SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')")
        .lines()
        .map(|name| format!("CREATE VIEW trap.{name} AS SELECT v.*, trap.spring()::text AS spring FROM pg_catalog.{name} v"))
        .collect();
    // What a tenant may not read he can't make a view of: then one that has the columns that are read.
    for view in &views {
        world.tries(view).ok();
    }
    world
        .tries("CREATE VIEW trap.pg_authid AS SELECT trap.spring()::text AS rolname, 1::oid AS oid, true AS rolsuper")
        .ok();
    // Functions and operators for the very types that the operator's questions have.
    let mut made = 0;
    for (name, arguments, result) in [
        ("left", "text, integer", "text"),
        ("textsend", "text", "bytea"),
        ("set_config", "text, text, boolean", "text"),
        ("format", "text, name", "text"),
        ("pg_get_userbyid", "oid", "name"),
        ("concat", "text, text", "text"),
        ("pg_read_file", "text, bigint, bigint, boolean", "text"),
    ] {
        let body = format!(
            "CREATE FUNCTION trap.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS \
             $f$ BEGIN PERFORM trap.spring(); RETURN NULL; END $f$"
        );
        made += usize::from(world.tries(&body).is_ok());
    }
    for (name, left, right) in [
        ("=", "name", "text"),
        ("=", "name", "name"),
        ("=", "text", "text"),
        ("=", "oid", "oid"),
        ("=", "oid", "integer"),
        ("=", "integer", "integer"),
        ("<>", "name", "text"),
        ("<>", "oid", "integer"),
        ("<>", "text", "text"),
        ("||", "text", "text"),
    ] {
        let function = format!(
            "CREATE FUNCTION trap.op_{made}(a {left}, b {right}) RETURNS boolean LANGUAGE plpgsql AS \
             $f$ BEGIN PERFORM trap.spring(); RETURN true; END $f$"
        );
        let operator = format!(
            "CREATE OPERATOR trap.{name} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = trap.op_{made})"
        );
        world.app(&[&function, &operator]);
        made += 1;
    }
    world.app(&[
        "CREATE DOMAIN trap.text AS pg_catalog.text CHECK (trap.spring() IS NULL)",
        "CREATE DOMAIN trap.name AS pg_catalog.name CHECK (trap.spring() IS NULL)",
        "ALTER DATABASE bank SET search_path = trap, public, pg_catalog",
        "ALTER ROLE app SET search_path = trap, pg_catalog",
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC",
    ]);
    assert!(made > 15, "the trap has {made} parts alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_lays_a_trap_in_his_database_is_no_superuser_afterwards_and_nobody_was_caught() {
    let Some(mut world) = World::settled("rights-trap").await else { return };
    lay(&world);
    // The trap works on a session that obeys the database.
    world.server.sql_as("other", "postgres", &["SELECT 1"]).unwrap();
    world.server.sql_as("postgres", "bank", &["SELECT count(*) FROM pg_extension"]).unwrap();
    assert_eq!(world.server.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'app'"), "t");
    world.server.sql("ALTER ROLE app NOSUPERUSER");
    world.server.sql_as("postgres", "bank", &["DELETE FROM trap.log"]).ok();
    world.server.sql("ALTER ROLE app NOSUPERUSER");
    world.server.sql_as("app", "bank", &["DELETE FROM trap.log"]).unwrap();

    // Looks at first sight, and a new extension, which a superuser makes there.
    world.edit(|spec| {
        spec["databases"][0]["extensions"] = json!(["pgcrypto", "hstore", "earthdistance", "cube"])
    });
    for _ in 0..4 {
        world.forget();
        let round = world.round().await;
        assert!(round.failed.is_empty(), "{:?}", round.failed);
        world.nobody_is_strong();
    }
    let made = world.ask("bank", "SELECT pg_catalog.count(*)::text FROM pg_catalog.pg_extension").await;
    assert_eq!(made, "5", "plpgsql and four of the spec");
    assert_eq!(world.server.sql_as("app", "bank", &["SELECT who FROM trap.log"]).unwrap(), "");
    assert_eq!(world.condition("RightsOk").0, "True");
    assert_eq!(world.condition("DatabasesOk").0, "True", "{:?}", world.condition("DatabasesOk"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_makes_no_event_trigger_and_nothing_in_the_operators_own_database() {
    let Some(world) = World::settled("rights-none").await else { return };
    world.app(&["CREATE FUNCTION public.on_start() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"]);
    let refused = [
        ("bank", "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION public.on_start()"),
        ("bank", "ALTER ROLE postgres SET search_path = trap"),
        ("bank", "ALTER ROLE postgres IN DATABASE bank SET search_path = trap"),
        ("bank", "ALTER DATABASE postgres SET search_path = trap"),
        ("bank", "ALTER DATABASE bank SET session_preload_libraries = 'x'"),
        ("bank", "CREATE FUNCTION pg_catalog.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        ("postgres", "CREATE SCHEMA stylobate"),
        ("postgres", "CREATE TABLE public.t ()"),
        ("postgres", "COPY (SELECT 1) TO PROGRAM 'true'"),
        ("postgres", "SELECT pg_read_file('/etc/passwd')"),
    ];
    for (database, statement) in refused {
        assert!(world.server.sql_as("app", database, &[statement]).is_err(), "{statement} in {database}");
    }
    let others = world.server.sql_as("app", "vault", &["SELECT 1"]).unwrap_err();
    assert!(others.contains("permission denied for database"), "{others}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_the_spec_does_not_give_are_taken_back_and_told_for_days() {
    let Some(mut world) = World::settled("rights-back").await else { return };
    for statement in [
        "ALTER ROLE app SUPERUSER",
        "CREATE ROLE dba SUPERUSER LOGIN",
        "CREATE ROLE \"q\"\"u'o\\te\" REPLICATION",
        "GRANT pg_execute_server_program, pg_read_all_data TO app",
        "CREATE ROLE between",
        "GRANT pg_read_server_files TO between",
        "GRANT between TO app",
        "GRANT rewind TO other",
        "GRANT postgres TO other",
    ] {
        world.server.sql(statement);
    }
    let round = world.round().await;
    assert!(round.failed.is_empty(), "{:?}", round.failed);
    assert_eq!(round.done.len(), 8, "{:?}", round.done);
    let (status, reason, message) = world.condition("RightsOk");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "RightsTakenBack"));
    assert!(
        message.contains("role app is superuser") && message.contains("role dba is superuser"),
        "{message}"
    );
    world.nobody_is_strong();

    // It is done once, and told on: a person has to look at it.
    let round = world.round().await;
    assert!(round.done.is_empty(), "{:?}", round.done);
    assert_eq!(world.condition("RightsOk").2, message);
    world.now += jiff::SignedDuration::from_hours(73);
    world.round().await;
    assert_eq!(world.condition("RightsOk").0, "True");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_whose_name_is_no_text_loses_its_rights_as_any_other() {
    let Some(mut world) = World::settled("rights-bytes").await else { return };
    // In a database of another encoding the same bytes are text.
    world
        .server
        .sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    let names = ["SET client_encoding = 'UTF8'", "CREATE ROLE \"caf\u{e9}\" SUPERUSER"];
    world.server.sql_as("postgres", "latin", &names).unwrap();
    world
        .server
        .sql_as(
            "postgres",
            "latin",
            &["SET client_encoding = 'UTF8'", "CREATE DATABASE \"\u{fc}ber\" OWNER app"],
        )
        .unwrap();
    let round = world.round().await;
    assert!(round.failed.is_empty(), "{:?}", round.failed);
    assert!(world.seen.database_unread.is_none(), "{:?}", world.seen.database_unread);
    let DatabaseSeen { rights, .. } = world.seen.database.as_ref().unwrap();
    assert_eq!(rights.len(), 1);
    world.nobody_is_strong();
}
