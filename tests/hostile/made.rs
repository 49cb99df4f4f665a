//! How databases are made, where their extensions go, and settings that the server itself is asked for: on a real server.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stylobate::observe::{ServerKey, try_settings};

use super::world::{MEMBER, World};

const MADE: &str = "SELECT pg_encoding_to_char(encoding) || ' ' || datlocprovider::text || ' ' || COALESCE(to_jsonb(d)->>'datlocale', \
    to_jsonb(d)->>'daticulocale', datcollate) FROM pg_database d WHERE datname = ";
const WHERE: &str =
    "SELECT extnamespace::regnamespace || ' ' || extversion FROM pg_extension WHERE extname = ";

fn bank(more: Value) -> Value {
    let mut bank = json!({"name": "bank", "owner": "app"});
    bank.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"users": [{"name": "app"}], "databases": [bank]})
}

fn edit(world: &mut World, more: Value) {
    world.edit(|spec| spec["databases"] = bank(more)["databases"].clone());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_has_what_the_spec_says_when_it_is_made_and_keeps_it() {
    let icu = json!({"provider": "Icu", "name": "de-DE"});
    let Some(mut world) = World::start("made", "fsync = off", bank(json!({"locale": icu}))) else { return };
    world.settle().await;
    let made = |world: &World, name: &str| world.server.sql(&format!("{MADE}'{name}'"));
    assert_eq!(made(&world, "bank"), "UTF8 i de-DE");
    assert_eq!(world.condition("DatabasesOk").0, "True");
    let order = &world.seen.database.as_ref().unwrap().databases["bank"].made;
    assert!(order.order.is_some() && order.order == order.order_now, "{order:?}");

    edit(&mut world, json!({"encoding": "LATIN1", "locale": {"provider": "Libc", "name": "C"}}));
    world.settle().await;
    assert_eq!(made(&world, "bank"), "UTF8 i de-DE", "nothing is made anew");
    let (_, reason, message) = world.condition("DatabasesOk");
    assert_eq!(reason, "DatabaseTrouble");
    assert!(message.contains("its encoding is UTF8 and the spec says LATIN1"), "{message}");
    assert!(message.contains("its locale is ICU de-DE and the spec says libc C"), "{message}");

    // What an image with another library looks like.
    edit(&mut world, json!({"locale": icu}));
    world.server.sql("UPDATE pg_database SET datcollversion = '1.0' WHERE datname = 'bank'");
    world.settle().await;
    let (_, _, message) = world.condition("DatabasesOk");
    assert!(
        message.contains("version 1.0 of ICU") && message.contains("REFRESH COLLATION VERSION"),
        "{message}"
    );
    world.app(&["ALTER DATABASE bank REFRESH COLLATION VERSION"]);
    world.settle().await;
    assert_eq!(world.condition("DatabasesOk").0, "True");

    world.edit(|spec| {
        let copy = json!({"name": "copy", "owner": "app", "template": "bank"});
        let latin = json!({"name": "latin", "owner": "app", "encoding": "latin1", "locale": {"provider": "Libc", "name": "C"}});
        spec["databases"].as_array_mut().unwrap().extend([copy, latin]);
    });
    world.settle().await;
    assert_eq!(made(&world, "copy"), "UTF8 i de-DE");
    assert_eq!(made(&world, "latin"), "LATIN1 c C");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_goes_where_the_spec_says_and_is_updated_only_where_it_names_a_version() {
    let options = json!([{"name": "hstore", "schema": "tools", "version": "1.4"}, {"name": "citext", "version": "1.4"}]);
    let Some(mut world) =
        World::start("ext-options", "fsync = off", bank(json!({"extensionOptions": options})))
    else {
        return;
    };
    world.settle().await;
    let there = |world: &World, name: &str| {
        world.server.sql_as("postgres", "bank", &[&format!("{WHERE}'{name}'")]).unwrap()
    };
    assert_eq!(
        (there(&world, "hstore").as_str(), there(&world, "citext").as_str()),
        ("tools 1.4", "public 1.4")
    );
    assert!(world.tries("SELECT 'a=>1'::tools.hstore").is_ok(), "everybody may use it");

    // A trap where the script of the update would meet it.
    world.app(&[
        "CREATE FUNCTION public.citext_pattern_lt(citext, citext) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN \
         EXECUTE 'ALTER ROLE app SUPERUSER'; RETURN true; END $$",
    ]);
    // Two of one round into a schema that is not there yet.
    let beside = json!([{"name": "pg_trgm", "schema": "side"}, {"name": "fuzzystrmatch", "schema": "side"}]);
    world.edit(|spec| spec["databases"][0]["extensionOptions"] = beside);
    world.round().await;
    assert!(
        there(&world, "pg_trgm").starts_with("side ") && there(&world, "fuzzystrmatch").starts_with("side ")
    );
    let newer = json!([{"name": "hstore", "schema": "public", "version": "1.8"}, {"name": "citext"}]);
    edit(&mut world, json!({"extensionOptions": newer}));
    world.settle().await;
    assert_eq!(
        (there(&world, "hstore").as_str(), there(&world, "citext").as_str()),
        ("public 1.8", "public 1.4")
    );
    world.nobody_is_strong();

    edit(&mut world, json!({"extensionOptions": [{"name": "hstore", "version": "99"}]}));
    let problems = stylobate::target::validate(&world.seen, world.now).unwrap_err();
    assert!(problems[0].to_string().contains("the server has no such version of it"), "{problems:?}");
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname = 'stylobate_extension'";
    assert_eq!(world.server.sql_as("postgres", "bank", &[left]).unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_is_asked_of_the_server_before_it_is_sent_and_changes_nothing_by_that() {
    let Some(mut world) = World::start("tried", "fsync = off", bank(json!({"extensions": []}))) else {
        return;
    };
    world.settle().await;
    let key = ServerKey::new(&world.seen, MEMBER);
    world.edit(|spec| spec["tuning"] = json!([{"configMap": "mine"}]));
    let world_is_newer = world.seen.members[MEMBER].server_version >= Some(160_000);
    let mut of = async |pairs: &[(&str, &str)]| {
        let data: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        world.seen.given.tuning.insert("mine".into(), Some(data));
        try_settings(&world.seen, &world.ways, MEMBER, &key, &world.cache).await.unwrap();
        world.seen.server = world.cache.last(&world.seen.name());
        let target = stylobate::target::validate(&world.seen, world.now).unwrap();
        let refused = target.tuning.refused.iter().map(ToString::to_string).collect::<Vec<_>>();
        (refused.join("; "), target.settings.get("work_mem").cloned().unwrap_or_default())
    };
    // The range says 0 to 16 GB, and the server takes nothing between 0 and 128 kB.
    if world_is_newer {
        let (refused, memory) = of(&[("work_mem", "9MB"), ("vacuum_buffer_usage_limit", "64kB")]).await;
        assert!(
            refused.contains("setting vacuum_buffer_usage_limit of ConfigMap mine")
                && refused.contains("the server does not take it"),
            "{refused}"
        );
        assert_ne!(memory, "9MB", "the set is taken as a whole or not");
    }
    let (refused, memory) =
        of(&[("work_mem", "9MB"), ("max_wal_size", "1GB"), ("default_text_search_config", "public.mine")])
            .await;
    assert_eq!((refused.as_str(), memory.as_str()), ("", "9MB"));
    let (refused, _) = of(&[("work_mem", "10MB"), ("search_path", "\"$user\", public, a")]).await;
    assert_eq!(refused, "");
    let changed = "SELECT string_agg(name, ',') FROM pg_settings WHERE name IN ('work_mem', 'vacuum_buffer_usage_limit') AND setting <> boot_val";
    assert_eq!(world.server.sql(changed), "");
    let untaken = world.seen.server.as_ref().unwrap().untaken.len();
    assert_eq!(untaken, usize::from(world_is_newer));
}
