//! Extensions come into databases of others without meeting anything that these others made.

use serde_json::json;

use super::world::World;

const WHERE: &str = "SELECT string_agg(extname || ' ' || extnamespace::regnamespace, ',' ORDER BY extname) FROM pg_extension \
    WHERE extname <> 'plpgsql'";

#[tokio::test(flavor = "multi_thread")]
async fn every_extension_of_the_server_can_be_made() {
    let Some(mut world) = World::settled_with("ext-all", &[]).await else { return };
    // Of those that Debian's package has, all but the ones that want a preloaded library or change the server.
    let names = world
        .server
        .sql("SELECT name FROM pg_available_extensions WHERE name NOT IN ('plpgsql', 'pgaudit') ORDER BY 1");
    let names: Vec<&str> = names.lines().collect();
    for some in names.chunks(30) {
        world.edit(|spec| spec["databases"][0]["extensions"] = json!(some));
        world.settle().await;
    }
    let made = world.server.sql_as("postgres", "bank", &["SELECT count(*) FROM pg_extension"]).unwrap();
    assert_eq!(made, (names.len() + 1).to_string());
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname = 'stylobate_extension'";
    assert_eq!(world.server.sql_as("postgres", "bank", &[left]).unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_needs_another_meets_it_where_nobody_else_makes_anything() {
    let Some(mut world) = World::settled_with("ext-needs", &["cube"]).await else { return };
    assert_eq!(world.server.sql_as("postgres", "bank", &[WHERE]).unwrap(), "cube public");
    world.edit(|spec| spec["databases"][0]["extensions"] = json!(["cube", "earthdistance"]));
    world.settle().await;
    let there = world.server.sql_as("postgres", "bank", &[WHERE]).unwrap();
    assert_eq!(there, "cube public,earthdistance public");
    let far = world.server.sql_as(
        "app",
        "bank",
        &["SELECT earth_distance(ll_to_earth(0, 0), ll_to_earth(0, 90)) > 10000000"],
    );
    assert_eq!(far.unwrap(), "t");
    // Both at once, and what is needed without being named.
    world.edit(|spec| spec["databases"][1]["extensions"] = json!(["pgcrypto", "earthdistance"]));
    world.settle().await;
    let there = world.server.sql_as("postgres", "vault", &[WHERE]).unwrap();
    assert_eq!(there, "cube public,earthdistance public,pgcrypto public");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_moved_gets_a_schema_that_nobody_else_writes_to() {
    let Some(mut world) = World::settled_with("ext-fixed", &["xml2"]).await else { return };
    assert_eq!(world.server.sql_as("postgres", "bank", &[WHERE]).unwrap(), "xml2 xml2");
    assert!(world.tries("CREATE FUNCTION xml2.f() RETURNS int LANGUAGE sql AS 'SELECT 1'").is_err());
    assert_eq!(world.tries("SELECT xml2.xml_valid('<a/>')").unwrap(), "t");

    world.server.sql_as("other", "vault", &["CREATE SCHEMA xml2"]).unwrap();
    world.edit(|spec| spec["databases"][1]["extensions"] = json!(["pgcrypto", "xml2", "hstore"]));
    world.settle().await;
    let (status, _, message) = world.condition("DatabasesOk");
    assert_eq!(status, "False");
    assert!(message.contains("extension xml2 in database vault") && message.contains("RENAME"), "{message}");
    assert_eq!(world.server.sql_as("postgres", "vault", &[WHERE]).unwrap(), "hstore public,pgcrypto public");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_the_way_of_an_extension_keeps_it_from_himself_alone() {
    let Some(mut world) = World::settled_with("ext-way", &["pgcrypto"]).await else { return };
    world.app(&["CREATE SCHEMA stylobate_extension"]);
    for database in 0..2 {
        world.edit(|spec| spec["databases"][database]["extensions"] = json!(["pgcrypto", "hstore"]));
    }
    let round = world.round().await;
    assert_eq!(Vec::from_iter(round.failed.keys()), ["create extension hstore in database bank"]);
    assert_eq!(world.server.sql_as("postgres", "vault", &[WHERE]).unwrap(), "hstore public,pgcrypto public");
    world.now -= jiff::SignedDuration::from_secs(59);
    let round = world.round().await;
    assert!(round.failed.is_empty() && round.done.is_empty(), "what failed is not tried again at once");
    let (status, _, message) = world.condition("DatabasesOk");
    assert_eq!(status, "False");
    assert!(
        message.contains("create extension hstore in database bank") && message.contains("already exists"),
        "{message}"
    );
    world.app(&["DROP SCHEMA stylobate_extension"]);
    world.now += jiff::SignedDuration::from_mins(6);
    world.settle().await;
    assert_eq!(world.condition("DatabasesOk").0, "True");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_schema_that_extensions_go_to_is_told_and_mended_by_its_owner() {
    let Some(mut world) = World::settled_with("ext-public", &[]).await else { return };
    world.app(&["DROP SCHEMA public"]);
    world.edit(|spec| spec["databases"][0]["extensions"] = json!(["hstore"]));
    world.settle().await;
    let (status, _, message) = world.condition("DatabasesOk");
    assert_eq!(status, "False");
    assert!(
        message.contains("no schema public") && message.contains("spec.databases[].extensions"),
        "{message}"
    );
    world.app(&["CREATE SCHEMA public"]);
    world.settle().await;
    assert_eq!(world.server.sql_as("postgres", "bank", &[WHERE]).unwrap(), "hstore public");
}
