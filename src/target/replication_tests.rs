use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::fixture::{observed, put_pods, settle, start, target};
use crate::observe::{DatabaseSeen, MemberSeen, ServerSettings};
use crate::tuning::Catalog;

fn cluster(slots: Value) -> Observed {
    observed(json!({
        "users": [{"name": "app"}], "databases": [{"name": "bank", "owner": "app"}],
        "replication": {"walLevel": "Logical", "slots": slots},
    }))
}

fn problems(seen: &Observed) -> Vec<String> {
    let checked = crate::target::validate(seen, start());
    checked.err().into_iter().flatten().map(|problem| problem.to_string()).collect()
}

/// What the primary of a cluster that runs so tells, with these slots on it.
fn looked(slots: &[&str], following: &[&str]) -> DatabaseSeen {
    let logical = LogicalSeen {
        running: true,
        slots: slots.iter().map(|name| ((*name).to_owned(), SlotSeen::default())).collect(),
        following: following.iter().map(|name| (*name).to_owned()).collect(),
        standbys: BTreeMap::new(),
    };
    DatabaseSeen { logical, ..DatabaseSeen::default() }
}

/// Patroni has these parameters.
fn sent(seen: &mut Observed, parameters: Value) {
    let config = Some(json!({"postgresql": {"parameters": parameters}}));
    seen.members.insert("c-0".into(), MemberSeen { config, ..MemberSeen::default() });
}

#[test]
fn a_slot_that_no_member_could_keep_is_a_problem_that_says_what_to_do() {
    let of = |slot: Value| problems(&cluster(json!([slot])));
    assert_eq!(of(json!({"name": "cdc_1", "database": "bank"})), [""; 0]);
    for (slot, said) in [
        (json!({"name": "c_2", "database": "bank"}), "Patroni gives such a slot to each member"),
        (json!({"name": "pg_16401_sync_1", "database": "bank"}), "which is the server's"),
        (json!({"name": "Big", "database": "bank"}), "a-z, 0-9 and _"),
        (
            json!({"name": "s", "database": "gone"}),
            "spec.replication.slots[s].database is 'gone': no database of spec.databases",
        ),
        (json!({"name": "s", "database": "bank", "plugin": "../../tmp/x"}), "the name of a plugin"),
    ] {
        let told = of(slot);
        assert!(told.len() == 1 && told[0].contains(said), "{told:?}");
    }
    assert_eq!(of(json!({"name": "c_2b", "database": "bank"})), [""; 0], "no member is called so");
    let twice = cluster(json!([{"name": "s", "database": "bank"}, {"name": "s", "database": "bank"}]));
    assert!(problems(&twice)[0].contains("two slots have this name"));
}

#[test]
fn the_older_major_and_wal_that_cannot_be_decoded_have_no_slots() {
    let mut seen = cluster(json!([{"name": "s", "database": "bank"}]));
    let cluster = Arc::make_mut(&mut seen.cluster);
    cluster.spec.engine.version = "15.90".into();
    let said = problems(&seen);
    assert!(said.len() == 1 && said[0].contains("PostgreSQL 15 loses its logical slots"), "{said:?}");
    let cluster = Arc::make_mut(&mut seen.cluster);
    cluster.spec.engine.version = "17.91".into();
    cluster.spec.replication.wal_level = WalLevel::Replica;
    assert!(problems(&seen)[0].starts_with("spec.replication.walLevel is 'Replica'"));
}

#[test]
fn settings_have_room_for_all_slots_and_are_those_that_the_serving_major_knows() {
    let settings_of = |seen: &Observed| target(seen).settings;
    let none = settings_of(&observed(json!({})));
    assert_eq!((none.get("wal_level"), none["max_wal_senders"].as_str()), (None, "12"));

    let mut seen = cluster(json!([]));
    let without = settings_of(&seen);
    assert_eq!((without["wal_level"].as_str(), without["max_replication_slots"].as_str()), ("logical", "28"));
    assert_eq!(without.get("hot_standby_feedback"), None, "nothing is copied");
    seen = cluster(json!([{"name": "s", "database": "bank"}]));
    let with = settings_of(&seen);
    let restarts = |settings: &Settings| {
        ["wal_level", "max_replication_slots", "max_wal_senders"].map(|name| settings[name].clone())
    };
    assert_eq!(restarts(&without), restarts(&with), "a slot more needs no restart");
    assert_eq!(with["sync_replication_slots"], "on");

    // The server of before a major upgrade would not start with what it does not know.
    let catalog = Catalog::bundled(15).unwrap();
    seen.server = Some(Arc::new(ServerSettings { major: 15, catalog, untaken: BTreeMap::new() }));
    let older = settings_of(&seen);
    assert!(older.keys().all(|name| Catalog::bundled(15).unwrap().get(name).is_some()), "{older:?}");
}

#[test]
fn subscribers_wait_for_members_that_follow_and_for_nobody_else() {
    let mut seen = cluster(json!([{"name": "s", "database": "bank"}]));
    let waits = |seen: &Observed| target(seen).settings["synchronized_standby_slots"].clone();
    assert_eq!(waits(&seen), "", "nobody has looked yet");
    seen.database = Some(looked(&["s"], &["c_1", "c_2", "backup_tool", "cc_1"]));
    assert_eq!(waits(&seen), "c_1,c_2");
    sent(&mut seen, json!({"wal_level": "logical", "synchronized_standby_slots": "c_1,c_2"}));
    seen.database = None;
    assert_eq!(waits(&seen), "c_1,c_2", "what was sent stays while the primary can't be asked");
}

#[test]
fn a_slot_keeps_wal_from_being_made_such_that_no_server_starts() {
    let mut seen = observed(json!({}));
    let logical = |seen: &Observed| target(seen).settings.get("wal_level").cloned();
    assert_eq!(logical(&seen), None);
    // It was logical before the edit, and nobody has looked since.
    sent(&mut seen, json!({"wal_level": "logical"}));
    assert_eq!(logical(&seen).as_deref(), Some("logical"));
    seen.database = Some(looked(&["cdc"], &[]));
    assert_eq!(logical(&seen).as_deref(), Some("logical"), "and all else of the spec is carried out");
    let said = still_needed(&seen).expect("it is told");
    assert!(
        said.starts_with("spec.replication.walLevel is 'Replica', and wal_level stays logical"),
        "{said}"
    );
    assert!(said.contains("pg_drop_replication_slot('cdc')"), "{said}");
    // A standby has one of its own, and then can't be asked.
    let mut found = looked(&[], &[]);
    found.logical.standbys = BTreeMap::from([("c-1".into(), Ok(looked(&["own"], &[]).logical.slots))]);
    seen.database = Some(found.clone());
    assert!(still_needed(&seen).expect("it is told").contains("there is own on c-1"));
    found.logical.standbys = BTreeMap::from([("c-1".into(), Err("no answer".into()))]);
    seen.database = Some(found.clone());
    assert_eq!(logical(&seen).as_deref(), Some("logical"));
    found.logical.standbys.clear();
    seen.database = Some(found);
    assert_eq!(logical(&seen), None, "every member was looked at");
}

#[test]
fn a_setting_by_which_a_slot_would_fill_the_volume_or_be_lost_is_refused() {
    let with = |name: &str, value: &str| {
        let mut seen = cluster(json!([{"name": "s", "database": "bank"}]));
        Arc::make_mut(&mut seen.cluster).spec.tuning =
            serde_json::from_value(json!([{"configMap": "mine"}])).unwrap();
        let data = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        seen.given.tuning.insert("mine".into(), Some(data));
        let refused = target(&seen).tuning.refused;
        refused.first().map(ToString::to_string).unwrap_or_default()
    };
    for (name, value, said) in [
        ("max_slot_wal_keep_size", "-1", "must not fill the volume"),
        ("max_slot_wal_keep_size", "1100MB", "write at most 1024MB"),
        ("hot_standby_feedback", "off", "copies of logical slots"),
        ("max_replication_slots", "3", "at least"),
        ("wal_level", "replica", "choose spec.replication"),
        ("synchronized_standby_slots", "c_1", "choose spec.replication"),
    ] {
        let told = with(name, value);
        assert!(told.contains(said) && told.contains("ConfigMap mine"), "{name} {value}: {told}");
    }
    assert_eq!(with("max_slot_wal_keep_size", "512MB"), "");
}

#[test]
fn patroni_leaves_logical_slots_alone_and_nobody_new_is_let_in() {
    let mut seen = cluster(json!([{"name": "s", "database": "bank"}]));
    settle(&mut seen, start());
    put_pods(&mut seen);
    let plain = target(&observed(
        json!({"users": [{"name": "app"}], "databases": [{"name": "bank", "owner": "app"}]}),
    ));
    let target = target(&seen);
    let group = &target.groups[0];
    let engine = crate::engine::engine(target.flavor);
    let config = engine.dynamic(&target, group);
    assert_eq!(config["ignore_slots"], json!([{"type": "logical"}]));
    assert_eq!(config.get("slots"), None, "Patroni would make one that lost WAL anew without a word");
    let lines =
        |target: &crate::target::Target| engine.patroni(target, group)["postgresql"]["pg_hba"].clone();
    let (with, without) = (lines(&target), lines(&plain));
    let new: Vec<&Value> =
        with.as_array().unwrap().iter().filter(|line| !without.as_array().unwrap().contains(line)).collect();
    assert_eq!(new, ["hostssl postgres standby all scram-sha-256 clientcert=verify-ca"]);
}

#[test]
fn subscriptions_rest_in_what_was_restored_until_somebody_asks_for_them() {
    let workers = |spec: serde_json::Value, claim: Option<&str>| {
        let mut seen = crate::fixture::observed(spec);
        seen.given.tuning.insert(
            "own".into(),
            Some([("max_logical_replication_workers".to_owned(), "6".to_owned())].into()),
        );
        if let Some(uid) = claim {
            let volume = crate::observe::VolumeSeen { restored_from: Some(uid.into()), ..Default::default() };
            seen.volumes.insert("data-c-0".into(), volume);
        }
        crate::target::tuning::tuned(&seen)
            .postgres
            .settings()
            .get("max_logical_replication_workers")
            .cloned()
    };
    let tuning = json!([{"configMap": "own"}]);
    let from = json!({"fromBackup": {"name": "b"}});
    assert_eq!(workers(json!({}), None), None);
    assert_eq!(workers(json!({"bootstrap": from}), None).as_deref(), Some("0"));
    assert_eq!(
        workers(json!({"bootstrap": from, "tuning": tuning}), None).as_deref(),
        Some("0"),
        "a ConfigMap does not wake them"
    );
    assert_eq!(workers(json!({}), Some("u")).as_deref(), Some("0"), "volumes remember it");
    let run = json!({"subscriptions": "Run"});
    assert_eq!(workers(json!({"bootstrap": from, "replication": run}), Some("u")), None);
    assert_eq!(
        workers(json!({"bootstrap": from, "replication": run, "tuning": tuning}), None).as_deref(),
        Some("6")
    );
    assert_eq!(workers(json!({"replication": {"subscriptions": "Rest"}}), None).as_deref(), Some("0"));
}
