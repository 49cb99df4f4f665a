//! The function by which a pooler looks up who may log in: on a real server, kept as it is, and of no use to anybody else.

use serde_json::json;
use stylobate::engine::hba::POOLER_ROLE;

use super::world::World;

const ASK: &str = "SELECT count(*) FROM stylobate.pooler_login";

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_the_pooler_for_logins_and_nobody_else_for_anything() {
    let spec = json!({
        "users": [{"name": "app"}], "databases": [{"name": "bank", "owner": "app"}], "pooler": {"kind": "PgBouncer"},
    });
    let Some(mut world) = World::start("lookup", "fsync = off", spec) else { return };
    world.settle().await;
    let seen = world.seen.database.as_ref().and_then(|database| database.lookup.clone());
    assert!(seen.as_ref().is_some_and(|lookup| lookup.guarded), "{seen:?}");
    let server = &world.server;
    let asked = |role: &str, name: &str| {
        server.sql(&format!("SET ROLE {role}; {ASK}('{name}')")).lines().last().unwrap_or_default().to_owned()
    };
    server.sql("CREATE ROLE handmade LOGIN PASSWORD 'x'");
    server.sql("CREATE ROLE ended LOGIN PASSWORD 'x' VALID UNTIL '2000-01-01'");
    server.sql("CREATE ROLE group_of_them PASSWORD 'x'");
    server.sql("CREATE ROLE copier LOGIN REPLICATION PASSWORD 'x'");
    for (name, found) in [
        ("app", "1"),
        ("handmade", "1"),
        ("ended", "0"),
        ("group_of_them", "0"),
        ("copier", "0"),
        ("postgres", "0"),
        ("nobody", "0"),
    ] {
        assert_eq!(asked(POOLER_ROLE, name), found, "{name}");
    }
    let right = |role: &str| {
        server.sql(&format!(
            "SELECT has_function_privilege('{role}', 'stylobate.pooler_login(name)', 'EXECUTE')"
        ))
    };
    assert_eq!(
        (right("app").as_str(), right("handmade").as_str(), right(POOLER_ROLE).as_str()),
        ("f", "f", "t")
    );

    // Whatever was done to it, it comes back as it was, without the rights that somebody gave.
    for change in [
        "GRANT EXECUTE ON FUNCTION stylobate.pooler_login(name) TO PUBLIC",
        "ALTER FUNCTION stylobate.pooler_login(name) SECURITY INVOKER",
        "ALTER FUNCTION stylobate.pooler_login(name) RESET ALL",
        "REVOKE USAGE ON SCHEMA stylobate FROM stylobate_pooler",
        "CREATE OR REPLACE FUNCTION stylobate.pooler_login(name name, OUT login text, OUT verifier text) RETURNS SETOF record \
         LANGUAGE sql AS $$SELECT rolname::text, rolpassword FROM pg_authid$$",
        "DROP FUNCTION stylobate.pooler_login(name)",
    ] {
        world.server.sql(change);
        let round = world.round().await;
        assert!(
            round.done.iter().any(|done| done.contains("look up who may log in")),
            "{change}: {:?}",
            round.done
        );
        world.settle().await;
        let seen = world.seen.database.as_ref().and_then(|database| database.lookup.clone());
        assert!(seen.is_some_and(|lookup| lookup.guarded), "{change}");
    }
}
