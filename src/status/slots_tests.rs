use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::fixture::{observed, put_pods, settle, start};
use crate::observe::DatabaseSeen;
use crate::plan::Step;
use crate::status::kind;

fn slot() -> SlotSeen {
    SlotSeen {
        plugin: "pgoutput".into(),
        database: "bank".into(),
        failover: true,
        active: true,
        kept: Some(20 << 20),
        left: Some(400 << 20),
        ..SlotSeen::default()
    }
}

fn copy() -> SlotSeen {
    SlotSeen { synced: true, active: false, ..slot() }
}

/// A cluster of three that runs with logical WAL, where the primary has this slot and the standbys have these.
fn world(primary: Option<SlotSeen>, standbys: [Option<SlotSeen>; 2]) -> Observed {
    let mut seen = observed(json!({
        "users": [{"name": "app"}], "databases": [{"name": "bank", "owner": "app"}],
        "replication": {"walLevel": "Logical", "slots": [{"name": "cdc", "database": "bank"}]},
    }));
    settle(&mut seen, start());
    put_pods(&mut seen);
    let named = |slot: Option<SlotSeen>| slot.map(|slot| ("cdc".to_owned(), slot)).into_iter().collect();
    let [one, two] = standbys;
    let bank = crate::observe::DatabaseFacts { owner: "app".into(), restricted: true, ..Default::default() };
    seen.database = Some(DatabaseSeen {
        databases: BTreeMap::from([("bank".to_owned(), bank)]),
        logical: LogicalSeen {
            running: true,
            slots: named(primary),
            standbys: BTreeMap::from([("c-1".into(), Ok(named(one))), ("c-2".into(), Ok(named(two)))]),
            ..LogicalSeen::default()
        },
        ..DatabaseSeen::default()
    });
    seen
}

/// A round: the condition's reason and message, how the slot stands, and SQL by pod.
fn round(seen: &mut Observed) -> (String, String, SlotState, Vec<String>) {
    let decision = crate::decide::decide(&crate::decide::Input { seen, catalog: &[], now: start() });
    let status = decision.status;
    Arc::make_mut(&mut seen.cluster).status = Some(status.clone());
    let condition = status.conditions.iter().find(|condition| condition.type_ == kind::SLOTS).unwrap();
    let sql = decision.steps.iter().filter_map(|step| match step {
        Step::Sql { pod, task } if task.summary.contains("logical slot") => {
            Some(format!("{pod} {}: {}", task.database, task.statements[0].text))
        }
        _ => None,
    });
    let state = status.replication.unwrap().slots[0].state;
    (condition.reason.clone(), condition.message.clone(), state, sql.collect())
}

#[test]
fn a_slot_is_made_once_with_copies_and_never_anew_after_it_was_lost() {
    let mut seen = world(None, [None, None]);
    let (reason, _, state, sql) = round(&mut seen);
    assert_eq!((reason.as_str(), state), ("InProgress", SlotState::Waiting));
    assert_eq!(
        sql,
        [
            "c-0 bank: SELECT pg_catalog.pg_create_logical_replication_slot('cdc', 'pgoutput', false, false, true)"
        ]
    );
    seen.database = world(Some(slot()), [Some(copy()), Some(copy())]).database;
    assert_eq!(round(&mut seen).2, SlotState::Kept);

    // A member without it took over.
    seen.database = world(None, [None, None]).database;
    let (reason, message, state, sql) = round(&mut seen);
    assert_eq!((reason.as_str(), state), ("SlotLost", SlotState::Lost));
    assert_eq!(sql, [""; 0], "its subscriber would go on without a word of what it missed");
    assert!(message.contains("copy its tables anew"), "{message}");
    assert_eq!(round(&mut seen).2, SlotState::Lost, "it stays so");

    // Taken out of the spec and put back: a new slot.
    let slots = std::mem::take(&mut Arc::make_mut(&mut seen.cluster).spec.replication.slots);
    let decision = crate::decide::decide(&crate::decide::Input { seen: &seen, catalog: &[], now: start() });
    Arc::make_mut(&mut seen.cluster).status = Some(decision.status);
    Arc::make_mut(&mut seen.cluster).spec.replication.slots = slots;
    assert_eq!(round(&mut seen).3.len(), 1);
}

#[test]
fn nobody_has_looked_so_nothing_is_lost_and_nothing_is_made() {
    let mut seen = world(Some(slot()), [Some(copy()), Some(copy())]);
    round(&mut seen);
    seen.database = None;
    seen.database_unread = Some("no answer".into());
    let (reason, message, state, sql) = round(&mut seen);
    assert_eq!((reason.as_str(), state, sql.len()), ("NotLookedAt", SlotState::Kept, 0), "{message}");
}

#[test]
fn wal_that_is_gone_and_a_slot_that_is_behind_are_told() {
    let lost = SlotSeen { lost: Some("wal_removed".into()), ..slot() };
    let (reason, message, state, sql) = round(&mut world(Some(lost), [Some(copy()), Some(copy())]));
    assert_eq!((reason.as_str(), state, sql.len()), ("SlotLost", SlotState::Lost, 0));
    assert!(
        message.contains("wal_removed") && message.contains("pg_drop_replication_slot('cdc')"),
        "{message}"
    );

    let late = SlotSeen { kept: Some(300 << 20), left: Some(200 << 20), active: false, ..slot() };
    let (reason, message, ..) = round(&mut world(Some(late), [Some(copy()), Some(copy())]));
    assert_eq!(reason, "SlotBehind");
    assert!(
        message.contains("keeps 300 MiB of WAL, and after 200 MiB more it is lost: nobody reads"),
        "{message}"
    );
}

#[test]
fn a_slot_that_a_failover_would_lose_is_told_with_the_members_that_lack_it() {
    let early = SlotSeen { temporary: true, ..copy() };
    let (reason, message, state, _) = round(&mut world(Some(slot()), [Some(early), None]));
    assert_eq!((reason.as_str(), state), ("SlotNotKept", SlotState::PrimaryOnly));
    assert!(
        message.contains("c-1 waits for its subscriber") && message.contains("c-2 does not have it"),
        "{message}"
    );
    let (reason, _, state, _) = round(&mut world(Some(slot()), [Some(copy()), Some(copy())]));
    assert_eq!((reason.as_str(), state), ("AsWanted", SlotState::Kept));
}

#[test]
fn what_a_former_primary_kept_is_taken_from_it_and_nothing_that_others_use() {
    let old = SlotSeen { active: false, ..slot() };
    let mut seen = world(Some(slot()), [Some(old.clone()), Some(copy())]);
    let (.., sql) = round(&mut seen);
    assert_eq!(sql.len(), 1, "{sql:?}");
    // It is all that is left: nobody takes it, and how to save it is said.
    let mut last = world(Some(slot()), [Some(copy()), None]);
    round(&mut last);
    last.database = world(None, [Some(old.clone()), None]).database;
    let (reason, message, _, none) = round(&mut last);
    assert_eq!((reason.as_str(), none.len()), ("SlotLost", 0), "{message}");
    assert!(message.contains("a switchover to c-1 brings it back"), "{message}");
    assert!(sql[0].starts_with("c-1 postgres: ") && sql[0].contains("pg_is_in_recovery()"), "{sql:?}");
    for kept in [
        SlotSeen { active: true, ..old.clone() },
        SlotSeen { temporary: true, ..old.clone() },
        SlotSeen { synced: true, ..old },
    ] {
        assert_eq!(round(&mut world(Some(slot()), [Some(kept), Some(copy())])).3, [""; 0]);
    }
    // A slot of a subscriber's own on a standby.
    let mut seen = world(Some(slot()), [Some(copy()), Some(copy())]);
    let logical = &mut seen.database.as_mut().unwrap().logical;
    let own = SlotSeen { failover: false, active: false, ..slot() };
    logical.standbys.get_mut("c-1").unwrap().as_mut().unwrap().insert("mine".into(), own);
    assert_eq!(round(&mut seen).3, [""; 0]);
}

#[test]
fn a_slot_of_another_form_is_told_and_not_touched() {
    let mut seen = world(Some(SlotSeen { plugin: "test_decoding".into(), ..slot() }), [None, None]);
    let decision = crate::decide::decide(&crate::decide::Input { seen: &seen, catalog: &[], now: start() });
    let told =
        decision.status.conditions.iter().find(|condition| condition.type_ == kind::DATABASES).unwrap();
    assert!(
        told.message.contains("logical slot cdc: it is there, but with plugin test_decoding"),
        "{}",
        told.message
    );
    assert_eq!(round(&mut seen).3, [""; 0]);
}
