//! Logical slots as a real server tells them: what the spec names is made once with its copies, what others made is seen and left alone,
//! and what a tenant sets for his database does not keep the operator from it.

use serde_json::json;
use stylobate::decide::{Input, decide};
use stylobate::policy::CATALOG;

use super::world::World;

const SETTINGS: &str = "wal_level = logical\nmax_slot_wal_keep_size = '256MB'\nfsync = off";

fn users() -> serde_json::Value {
    json!({
        "users": [{"name": "app", "options": ["Replication"], "replicationFrom": ["10.0.0.0/8"]}],
        "databases": [{"name": "bank", "owner": "app"}],
        "replication": {"walLevel": "Logical"},
    })
}

fn newer(world: &World) -> bool {
    world.seen.members[super::world::MEMBER].server_version >= Some(170_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_of_the_spec_is_made_once_also_where_a_tenant_is_in_the_way() {
    let Some(mut world) = World::start("slots", SETTINGS, users()) else { return };
    world.settle().await;
    world.server.sql("ALTER DATABASE bank SET role = app");
    world.app(&[
        "CREATE SCHEMA trap",
        "CREATE FUNCTION trap.pg_create_logical_replication_slot(text, text, bool, bool, bool) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$",
        "ALTER DATABASE bank SET search_path = trap, pg_catalog",
        "ALTER DATABASE bank SET default_transaction_read_only = on",
    ]);
    world.edit(|spec| spec["replication"]["slots"] = json!([{"name": "cdc", "database": "bank"}]));
    if !newer(&world) {
        // 15 has no slot that outlives a failover, and says so.
        let decision = decide(&Input { seen: &world.seen, catalog: CATALOG, now: world.now });
        assert!(decision.problems[0].to_string().contains("PostgreSQL 15 loses"), "{:?}", decision.problems);
        return;
    }
    world.settle().await;
    let made = "SELECT plugin || ' ' || database || ' ' || failover FROM pg_replication_slots WHERE slot_name = 'cdc'";
    assert_eq!(world.server.sql(made), "pgoutput bank true");
    assert_eq!(world.condition("LogicalSlotsOk").1, "AsWanted");
    world.round().await;
    world.server.sql("SELECT pg_drop_replication_slot('cdc')");
    let round = world.round().await;
    assert!(round.done.is_empty(), "{:?}", round.done);
    assert_eq!(world.condition("LogicalSlotsOk").1, "SlotLost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_of_others_is_seen_told_and_keeps_wal_as_it_is() {
    let Some(mut world) = World::start("slots-own", SETTINGS, users()) else { return };
    world.settle().await;
    world.app(&["SELECT pg_create_logical_replication_slot('own', 'test_decoding')"]);
    world.server.sql("SELECT pg_create_physical_replication_slot('c_1')");
    world.round().await;
    let (status, _, message) = world.condition("LogicalSlotsOk");
    assert!(status == "True" && message.contains("Of own the spec does not know"), "{message}");
    let found = &world.seen.database.as_ref().unwrap().logical;
    let own = &found.slots["own"];
    assert_eq!((own.plugin.as_str(), own.database.as_str(), own.failover), ("test_decoding", "bank", false));
    assert!(own.kept >= Some(0) && own.left > Some(0) && own.lost.is_none(), "{own:?}");
    assert!(found.running && !found.slots.contains_key("c_1"), "a physical one is none");

    world.edit(|spec| spec["replication"] = json!({"walLevel": "Replica"}));
    let decision = decide(&Input { seen: &world.seen, catalog: CATALOG, now: world.now });
    assert!(decision.problems.is_empty(), "it holds up nothing else: {:?}", decision.problems);
    let told = decision.status.conditions.iter().find(|condition| condition.type_ == "LogicalSlotsOk");
    let told = told.expect("it is told");
    assert!(told.status == "False" && told.message.contains("there is own"), "{}", told.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_whose_wal_is_gone_is_told_as_lost() {
    let settings = "wal_level = logical\nmax_slot_wal_keep_size = '16MB'\nmax_wal_size = '32MB'\nmin_wal_size = '32MB'\nwal_keep_size = 0\nfsync = off";
    let Some(mut world) = World::start("slots-lost", settings, users()) else { return };
    world.settle().await;
    world.app(&["SELECT pg_create_logical_replication_slot('own', 'test_decoding')"]);
    for _ in 0..6 {
        world.server.sql("CREATE TABLE filler AS SELECT 1");
        world.server.sql("DROP TABLE filler");
        world.server.sql("SELECT pg_switch_wal()");
    }
    world.server.sql("CHECKPOINT");
    world.round().await;
    let (status, reason, message) = world.condition("LogicalSlotsOk");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "SlotLost"), "{message}");
    assert!(message.contains("own can't be read from any more (wal_removed)"), "{message}");
}
