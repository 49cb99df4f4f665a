//! Names that are something else for a program that does not quote them.

use serde_json::json;

use super::world::World;

const NAMES: [&str; 14] = [
    "host=127.0.0.1 user=other dbname=vault",
    "postgres://other@127.0.0.1:1/vault",
    "-d vault",
    "--help",
    "a\"b",
    "a'b",
    "a\\b",
    "a;DROP ROLE other",
    "$$ x $$",
    "%s%n",
    "line\nbreak",
    "Ünïcödé ☃",
    "*",
    " ",
];

#[tokio::test(flavor = "multi_thread")]
async fn names_are_names_and_nothing_else() {
    let Some(mut world) = World::settled_with("names", &[]).await else { return };
    world.edit(|spec| {
        for name in NAMES {
            // A line break is refused by the pooler's file: as the name of a user, and by the definition already.
            let owner = if name.contains('\n') { "app" } else { name };
            if owner == name {
                spec["users"].as_array_mut().unwrap().push(json!({"name": name, "options": ["CreateDb"]}));
            }
            let database = json!({"name": name, "owner": owner, "extensions": ["hstore"]});
            spec["databases"].as_array_mut().unwrap().push(database);
        }
    });
    world.settle().await;
    assert_eq!(world.condition("DatabasesOk").0, "True", "{:?}", world.condition("DatabasesOk"));
    for name in NAMES {
        let found = world.ask(name, "SELECT pg_catalog.current_database()::text").await;
        assert_eq!(found, name);
        let there = "SELECT extname::text FROM pg_catalog.pg_extension WHERE extname = 'hstore'";
        assert_eq!(world.ask(name, there).await, "hstore");
    }
    world.nobody_is_strong();
}
