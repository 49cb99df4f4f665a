//! Logical slots: how each of the spec stands, and whether one is lost, behind, or would not outlive a failover.

use std::collections::BTreeMap;

use crate::api::{LogicalSlot, LogicalSlotStatus, ReplicationStatus, SlotState};
use crate::observe::{LogicalSeen, Observed, SlotSeen};
use crate::target::{SLOTS_SINCE, Target, replication};

use super::conditions::{Finding, good, reason};
use super::databases::{listed, unread};
use super::lag::coarse;

/// What the status tells; none where the spec does not ask for logical replication.
pub fn status(
    before: Option<&ReplicationStatus>,
    seen: &Observed,
    target: Option<&Target>,
) -> Option<ReplicationStatus> {
    // A spec that can't be carried out leaves all as it was.
    let Some(target) = target else { return before.cloned() };
    if !target.replication.logical {
        return None;
    }
    let row =
        |name: &str| before.and_then(|before| before.slots.iter().find(|row| row.name == name)).cloned();
    let slots = target.replication.slots.iter().map(|slot| {
        let before = row(&slot.name);
        let Some(found) = looked(seen, target) else {
            return before.unwrap_or(LogicalSlotStatus { name: slot.name.clone(), ..Default::default() });
        };
        let live = found.slots.get(&slot.name);
        let state = state(before.map_or(SlotState::Waiting, |row| row.state), &slot.name, live, found, seen);
        let kept_bytes = live.and_then(|live| live.kept).map(coarse);
        LogicalSlotStatus { name: slot.name.clone(), state, kept_bytes }
    });
    Some(ReplicationStatus { slots: slots.collect() })
}

/// What was seen of slots, once the server writes WAL that can be decoded.
fn looked<'a>(seen: &'a Observed, target: &Target) -> Option<&'a LogicalSeen> {
    let found = &seen.database.as_ref()?.logical;
    (found.running && target.serving() >= SLOTS_SINCE).then_some(found)
}

fn state(
    before: SlotState,
    name: &str,
    live: Option<&SlotSeen>,
    found: &LogicalSeen,
    seen: &Observed,
) -> SlotState {
    match live {
        None if before == SlotState::Waiting => SlotState::Waiting,
        None => SlotState::Lost,
        Some(live) if live.lost.is_some() => SlotState::Lost,
        Some(_) if lacking(name, found, seen).is_empty() => SlotState::Kept,
        Some(_) => SlotState::PrimaryOnly,
    }
}

/// Members that would take over without the slot, each with why.
fn lacking(name: &str, found: &LogicalSeen, seen: &Observed) -> Vec<String> {
    let group = seen.name().group(0);
    let primary = seen.primary();
    let others = (0..seen.cluster.spec.instances.clamp(0, 9)).map(|ordinal| group.pod(ordinal));
    let lacks = |pod: &String| match found.standbys.get(pod) {
        None => Some(format!("{pod} does not follow")),
        Some(Err(cause)) => Some(format!("{pod} could not be looked at, {cause}")),
        Some(Ok(slots)) => match slots.get(name) {
            Some(slot) if slot.synced && !slot.temporary && slot.lost.is_none() => None,
            Some(slot) if slot.temporary => Some(format!("{pod} waits for its subscriber to come past it")),
            Some(_) | None => Some(format!("{pod} does not have it")),
        },
    };
    others.filter(|pod| Some(pod.as_str()) != primary).filter_map(|pod| lacks(&pod)).collect()
}

/// Whether subscribers get everything, now and after a failover; none where the spec does not ask for logical replication.
pub fn slots(
    seen: &Observed,
    target: Option<&Target>,
    status: Option<&ReplicationStatus>,
) -> Option<Finding> {
    // Also while the spec has a fault: a subscriber falls behind all the same.
    let logical = target.map_or_else(|| replication::logical(seen), |target| target.replication.logical);
    let still = replication::still_needed(seen);
    if !logical && still.is_none() {
        return None;
    }
    let wanted = target.map(|target| target.replication.slots.as_slice()).unwrap_or_default();
    let Some(database) = &seen.database else { return Some(unread(seen, "logical slots")) };
    let found = &database.logical;
    if !found.running {
        let message =
            "members do not write WAL that can be decoded yet: each is restarted for it, see Converged";
        return Some((false, reason::IN_PROGRESS, message.into()));
    }
    let rows = status.map(|status| status.slots.as_slice()).unwrap_or_default();
    let tellers: [(&str, Vec<String>); 3] = [
        (reason::SLOT_LOST, lost(found, rows)),
        (reason::SLOT_BEHIND, behind(found)),
        (reason::SLOT_NOT_KEPT, not_kept(found, seen, wanted)),
    ];
    for (why, told) in tellers {
        if let Some(text) = listed(told.iter().cloned(), told.len()) {
            return Some((false, why, text));
        }
    }
    if let Some(message) = still {
        return Some((false, reason::IN_PROGRESS, message));
    }
    if let Some(row) = rows.iter().find(|row| row.state == SlotState::Waiting) {
        let message = format!("logical slot {} is not made yet: see DatabasesOk", row.name);
        return Some((false, reason::IN_PROGRESS, message));
    }
    let named = |name: &&String| wanted.iter().any(|slot| slot.name == **name);
    let own: Vec<&str> =
        found.slots.keys().filter(|name| !named(name)).take(10).map(String::as_str).collect();
    Some(good(match own.as_slice() {
        [] => "every logical slot has its WAL, and every member that may take over has the slots".to_owned(),
        own => format!(
            "every logical slot has its WAL. Of {} the spec does not know: a failover loses it, unless spec.replication.slots names it",
            own.join(", ")
        ),
    }))
}

/// Slots whose subscriber misses changes.
fn lost(found: &LogicalSeen, rows: &[LogicalSlotStatus]) -> Vec<String> {
    let again = |name: &str| {
        format!(
            "Its subscriber misses changes: copy its tables anew, then remove the slot (SELECT pg_drop_replication_slot('{name}')) and, \
             where the spec names it, take it out of spec.replication.slots and put it back once the status has let it go"
        )
    };
    let invalid = found.slots.iter().filter_map(|(name, slot)| {
        let why = slot.lost.as_ref()?;
        Some(format!("logical slot {name} can't be read from any more ({why}). {}", again(name)))
    });
    let gone = rows.iter().filter(|row| row.state == SlotState::Lost && !found.slots.contains_key(&row.name));
    let gone = gone.map(|row| {
        let name = &row.name;
        let has = |slots: &BTreeMap<String, SlotSeen>| slots.get(name).is_some_and(|slot| slot.failover && slot.lost.is_none());
        let left = found.standbys.iter().find(|(_, slots)| slots.as_ref().is_ok_and(has));
        match left {
            Some((pod, _)) => format!(
                "logical slot {name} is not on the primary, and {pod} still has it: a switchover to {pod} brings it back, as long as its \
                 WAL is there. Else: {}",
                again(name)
            ),
            None => format!("logical slot {name} was there and is gone, by a failover to a member without it or by hand. {}", again(name)),
        }
    });
    invalid.chain(gone).collect()
}

/// Slots for which more than half of the WAL is kept that may be.
fn behind(found: &LogicalSeen) -> Vec<String> {
    let mib = |bytes: i64| bytes / (1 << 20);
    let half = found.slots.iter().filter_map(|(name, slot)| {
        let (kept, left) = (slot.kept?, slot.left?);
        let who = if slot.active { "its subscriber is connected and slow" } else { "nobody reads from it" };
        (slot.lost.is_none() && kept > left).then(|| {
            format!(
                "logical slot {name} keeps {} MiB of WAL, and after {} MiB more it is lost: {who}. Let the subscriber catch up, remove the \
                 slot if nobody needs it (SELECT pg_drop_replication_slot('{name}')), or raise max_slot_wal_keep_size",
                mib(kept),
                mib(left.max(0))
            )
        })
    });
    half.collect()
}

/// Slots that a failover now would lose.
fn not_kept(found: &LogicalSeen, seen: &Observed, wanted: &[LogicalSlot]) -> Vec<String> {
    let there = wanted.iter().filter(|slot| found.slots.contains_key(&slot.name));
    there
        .filter_map(|slot| {
            let lacking = lacking(&slot.name, found, seen);
            (!lacking.is_empty()).then(|| {
                format!(
                    "a failover now may lose logical slot {}: {}. A standby takes a copy once the subscriber reads from the slot",
                    slot.name,
                    lacking.join(", ")
                )
            })
        })
        .collect()
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
