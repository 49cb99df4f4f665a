//! Who replicates comes in from the networks that the spec names for him, and nobody else replicates.

use serde_json::{Value, json};

use super::world::{World, network_rules};

/// Names that are something else in pg_hba.conf, unless they are quoted.
const NAMES: [&str; 9] = ["all", "+app", "@file", "a,b", "a\"b", "#c", "sameuser", "replication", "back\\"];

fn user(name: &str, from: &str) -> Value {
    json!({"name": name, "options": ["Replication"], "replicationFrom": [from]})
}

/// A session over the network, with the user's own password: what the server said.
fn comes(world: &World, name: &str, way: &str) -> Result<String, String> {
    let mut psql = world.server.program("psql");
    let question = if way.is_empty() { "SELECT 'in'" } else { "IDENTIFY_SYSTEM" };
    psql.args(["-XAtq", "-d", &format!("dbname=postgres {way}"), "-c", question]);
    psql.env("PGHOST", "127.0.0.1").env("PGPORT", world.server.port().to_string()).env("PGUSER", name);
    let said = psql.env("PGPASSWORD", format!("of {name}")).env("PGSSLMODE", "require").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if said.status.success() { Ok(text(&said.stdout)) } else { Err(text(&said.stderr)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_replicates_by_his_password_alone() {
    let Some(mut world) = World::settled_with("replication", &[]).await else { return };
    world.edit(|spec| {
        let users = spec["users"].as_array_mut().unwrap();
        users.push(user("near", "127.0.0.0/8"));
        users.push(user("far", "10.0.0.0/8"));
        users.extend(NAMES.map(|name| user(name, "10.0.0.0/8")));
    });
    world.settle().await;
    let target = stylobate::target::validate(&world.seen, world.now).unwrap();
    network_rules(&world.server, &target.users);
    world.server.sql("SELECT pg_reload_conf()");
    let refused = "SELECT string_agg(error, ' ') FROM pg_hba_file_rules";
    assert_eq!(world.server.sql(refused), "", "a line can't be read");
    // The reload is a signal that the server takes in its own time.
    while comes(&world, "far", "").is_ok() {}

    for way in ["replication=database", "replication=true"] {
        assert!(comes(&world, "near", way).is_ok(), "{way}: {:?}", comes(&world, "near", way));
        assert!(comes(&world, "far", way).unwrap_err().contains("pg_hba.conf rejects"), "{way}");
        assert!(comes(&world, "other", way).is_err(), "{way}");
    }
    assert_eq!(comes(&world, "near", "").unwrap(), "in");
    assert_eq!(comes(&world, "other", "").unwrap(), "in", "a line of somebody else's is no line of his");
    for name in NAMES {
        let said = comes(&world, name, "").unwrap_err();
        assert!(said.contains("pg_hba.conf rejects connection"), "{name}: {said}");
    }
}
