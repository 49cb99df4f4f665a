//! Logical slots of the spec: made on the primary, and their leftovers taken from standbys.
//!
//! A slot is made once. One that was there and is gone, or whose WAL is gone, is told and not made anew: its subscriber would go on from
//! the new place without a word of what it missed (`docs/decisions/0029-logical-replication.md`).

use postgres_protocol::escape::escape_literal;

use crate::api::{LogicalSlot, SlotState};
use crate::observe::{DatabaseSeen, Observed, SlotSeen};
use crate::target::{SLOTS_SINCE, Target};

use super::super::step::{SqlTask, Step};
use super::{Access, Trouble, task};

/// Slots that are wanted and were never there, and what keeps one from being as it is wanted.
pub(super) fn slots(target: &Target, seen: &Observed, database: &DatabaseSeen, found: &mut Access) {
    // While a major upgrade is under way the older server still runs.
    if target.serving() < SLOTS_SINCE || !database.logical.running {
        return;
    }
    for wanted in &target.replication.slots {
        let live = database.logical.slots.get(&wanted.name);
        match live.map(|live| unlike(wanted, live)) {
            Some(Some(how)) => found.troubles.push(Trouble {
                what: format!("logical slot {}", wanted.name),
                why: format!(
                    "it is there, but {how}; a slot can't be changed, so let its subscriber finish, remove it, and it is made as the spec \
                     says: SELECT pg_drop_replication_slot({})",
                    escape_literal(&wanted.name)
                ),
            }),
            None if !was_there(seen, &wanted.name) => found.tasks.extend(made(wanted, database)),
            Some(None) | None => {}
        }
    }
}

/// What differs from the spec.
fn unlike(wanted: &LogicalSlot, live: &SlotSeen) -> Option<String> {
    if live.database != wanted.database {
        return Some(format!("of database {}", live.database));
    }
    if live.plugin != wanted.plugin {
        return Some(format!("with plugin {}", live.plugin));
    }
    if live.temporary {
        return Some("it goes with the session that made it".into());
    }
    (!live.failover).then(|| "standbys do not copy it (failover is false)".into())
}

/// Whether it was seen before. By the status, which outlives the operator and every member.
fn was_there(seen: &Observed, name: &str) -> bool {
    let status = seen.cluster.status.as_ref().and_then(|status| status.replication.as_ref());
    let row = status.and_then(|status| status.slots.iter().find(|row| row.name == name));
    row.is_some_and(|row| row.state != SlotState::Waiting)
}

/// A slot is made in a session of its database, which is entered for that alone.
fn made(wanted: &LogicalSlot, database: &DatabaseSeen) -> Option<SqlTask> {
    let open = database.databases.get(&wanted.database).is_some_and(|facts| facts.closed.is_none());
    let (name, plugin) = (escape_literal(&wanted.name), escape_literal(&wanted.plugin));
    open.then(|| {
        task(
            &wanted.database,
            format!("make logical slot {} in database {}", wanted.name, wanted.database),
            vec![format!(
                "SELECT pg_catalog.pg_create_logical_replication_slot({name}, {plugin}, false, false, true)"
            )],
        )
    })
}

/// Takes from standbys what they kept of a time when they were primary: as long as such a slot is there, nothing is copied onto it
/// (`slotsync.c`: "same name slot already exists"), and it keeps WAL for nobody. Only where the primary has the slot: else this one may be
/// all that is left of it, and a switchover back saves it. What a subscriber made on a standby for himself is left alone.
pub fn leftovers(database: &DatabaseSeen) -> Vec<Step> {
    let logical = &database.logical;
    let standbys = logical.standbys.iter().filter_map(|(pod, found)| Some((pod, found.as_ref().ok()?)));
    standbys
        .flat_map(|(pod, found)| found.iter().map(move |(name, slot)| (pod, name, slot)))
        .filter(|(_, name, slot)| {
            let copied = logical.slots.get(*name).is_some_and(|slot| slot.failover && slot.lost.is_none());
            copied && !slot.synced && !slot.temporary && !slot.active
        })
        .map(|(pod, name, _)| {
            let name_text = escape_literal(name);
            // Asked once more where it happens: the member may take writes by now, and then the slot is the one that counts.
            let drop = format!(
                "SELECT pg_catalog.pg_drop_replication_slot(s.slot_name) FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = \
                 {name_text} AND NOT s.synced AND NOT s.active AND pg_catalog.pg_is_in_recovery()"
            );
            let what = format!("take the old logical slot {name} from standby {pod}");
            Step::Sql { pod: pod.clone(), task: task("postgres", what, vec![drop]) }
        })
        .collect()
}
