//! Logical replication: what is wrong with `spec.replication`, and the settings that follow from it.
//!
//! Why slots are those of PostgreSQL 17 and not Patroni's: `docs/decisions/0029-logical-replication.md`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::{LogicalSlot, PostgresClusterSpec, Subscriptions, WalLevel};
use crate::name::GroupName;
use crate::observe::{LogicalSeen, Observed, SlotSeen};
use crate::tuning::units::{quantity_bytes, setting_mb};
use crate::tuning::{Settings, View};

use super::Problem;

/// The first major whose standbys copy slots.
pub const SLOTS_SINCE: i32 = 17;
/// Most slots of the spec: the schema's limit, held here too.
const MOST_SLOTS: usize = 16;
/// Slots and senders of every cluster: a member each, base backups, spare (`src/tuning/computed.rs`).
const ORDINARY: usize = 12;

/// Bounds the WAL that is kept for slots.
const KEEP: &str = "max_slot_wal_keep_size";
const FEEDBACK: &str = "hot_standby_feedback";
/// Names the slots of standbys that subscribers wait for.
pub const STANDBYS: &str = "synchronized_standby_slots";

/// Logical replication as it is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicationTarget {
    /// WAL can be decoded.
    pub logical: bool,
    /// Slots that are kept over a failover.
    pub slots: Vec<LogicalSlot>,
}

/// Checks it. `major` is the version that is wanted.
pub fn check(seen: &Observed, major: i32, problems: &mut Vec<Problem>) -> ReplicationTarget {
    let spec = &seen.cluster.spec;
    let (wanted, group) = (&spec.replication, seen.name().group(0));
    let field = |slot: &LogicalSlot, part: &str| format!("spec.replication.slots[{}].{part}", slot.name);
    if !wanted.slots.is_empty() && major < SLOTS_SINCE {
        problems.push(Problem::new(
            "spec.replication.slots",
            wanted.slots.len(),
            format!(
                "PostgreSQL {major} loses its logical slots in a failover: write a version of {SLOTS_SINCE}, or remove the slots and let \
                 subscribers make their own, which last until the next failover"
            ),
        ));
    }
    if wanted.slots.len() > MOST_SLOTS {
        problems.push(Problem::new(
            "spec.replication.slots",
            wanted.slots.len(),
            format!("at most {MOST_SLOTS}: remove some"),
        ));
    }
    if wanted.wal_level == WalLevel::Replica && !wanted.slots.is_empty() {
        let remedy =
            "logical slots need WAL that can be decoded: set Logical, or remove spec.replication.slots";
        problems.push(Problem::new("spec.replication.walLevel", "Replica", remedy));
    }
    for (index, slot) in wanted.slots.iter().enumerate() {
        let name = |remedy: &str| Problem::new(field(slot, "name"), &slot.name, remedy);
        if !word(&slot.name) || slot.name.starts_with("pg_") {
            problems.push(name(
                "write 1 to 63 characters of a-z, 0-9 and _, and no pg_ at the beginning, which is the server's",
            ));
        }
        if is_of_member(&slot.name, &group) {
            problems
                .push(name("Patroni gives such a slot to each member of this cluster: choose another name"));
        }
        if wanted.slots[..index].iter().any(|other| other.name == slot.name) {
            problems.push(name("two slots have this name: remove one"));
        }
        if !word(&slot.plugin) {
            let remedy = "write the name of a plugin, as pgoutput or test_decoding";
            problems.push(Problem::new(field(slot, "plugin"), &slot.plugin, remedy));
        }
        if !spec.databases.iter().any(|database| database.name == slot.database) {
            problems.push(Problem::new(
                field(slot, "database"),
                &slot.database,
                "no database of spec.databases has this name: add the database, or correct the slot",
            ));
        }
    }
    ReplicationTarget { logical: logical(seen), slots: wanted.slots.clone() }
}

/// What keeps `wal_level` logical although the spec says Replica, in words: a server with a logical slot does not start without it. Whoever may
/// replicate can make one, so it holds up nothing else.
pub fn still_needed(seen: &Observed) -> Option<String> {
    let found = &seen.database.as_ref()?.logical;
    if seen.cluster.spec.replication.wal_level == WalLevel::Logical || !found.running {
        return None;
    }
    let names: Vec<&str> = lasting(found).collect();
    let on = |name: &&str| {
        let has = |slots: &BTreeMap<String, SlotSeen>| slots.contains_key(*name);
        let pods = found
            .standbys
            .iter()
            .filter(|(_, slots)| slots.as_ref().is_ok_and(has))
            .map(|(pod, _)| pod.as_str());
        let pods: Vec<&str> = pods.collect();
        if found.slots.contains_key(*name) {
            (*name).to_owned()
        } else {
            format!("{name} on {}", pods.join(" and "))
        }
    };
    (!names.is_empty()).then(|| {
        format!(
            "spec.replication.walLevel is 'Replica', and wal_level stays logical: with a logical slot no server starts otherwise, and there is \
             {}. Let each subscriber finish and remove its slot (SELECT pg_drop_replication_slot('{}')), or set Logical",
            names.iter().map(on).take(MOST_SLOTS).collect::<Vec<_>>().join(", "),
            names[0]
        )
    })
}

/// Logical slots that a restart would meet, on any member.
fn lasting(found: &LogicalSeen) -> impl Iterator<Item = &str> {
    let standbys = found.standbys.values().flat_map(|standby| standby.iter().flatten());
    let mut names: Vec<&str> = found
        .slots
        .iter()
        .chain(standbys)
        .filter(|(_, slot)| !slot.temporary)
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter()
}

/// Whether WAL has to be such that it can be decoded. What runs so goes on until it was seen on every member that no slot is left: not
/// to have looked is no proof.
pub fn logical(seen: &Observed) -> bool {
    if seen.cluster.spec.replication.wal_level == WalLevel::Logical {
        return true;
    }
    if parameter(seen, "wal_level").and_then(Value::as_str) != Some("logical") {
        return false;
    }
    let Some(found) = seen.database.as_ref().map(|found| &found.logical) else { return true };
    found.standbys.values().any(Result::is_err) || lasting(found).next().is_some()
}

/// A setting as Patroni has it now.
fn parameter<'a>(seen: &'a Observed, name: &str) -> Option<&'a Value> {
    let configs = seen.members.values().filter_map(|member| member.config.as_ref());
    let stored = seen.stored.values().map(|stored| &stored.config);
    configs.chain(stored).find_map(|config| config.pointer(&format!("/postgresql/parameters/{name}")))
}

/// What no ConfigMap overrules: in what was restored, the source's subscriptions would go on where those of the source have been already.
pub fn settled(seen: &Observed) -> Settings {
    match rest(seen) {
        true => Settings::from([("max_logical_replication_workers".into(), "0".into())]),
        false => Settings::new(),
    }
}

fn rest(seen: &Observed) -> bool {
    let spec = &seen.cluster.spec;
    let from = &spec.bootstrap;
    // Volumes say it too, once nothing of it stands in the spec, and after a restore in place.
    let restored = from.from_backup.is_some()
        || from.from_cluster.is_some()
        || seen.volumes.values().any(|volume| volume.restored_from.is_some() || volume.request.is_some());
    match spec.replication.subscriptions {
        Some(asked) => asked == Subscriptions::Rest,
        None => restored,
    }
}

/// The settings. Whatever the number of slots, room is the same, so that one more needs no restart.
pub fn settings(seen: &Observed) -> Settings {
    if !logical(seen) {
        return Settings::new();
    }
    let room = (ORDINARY + MOST_SLOTS).to_string();
    let mut settings = Settings::from([
        ("wal_level".into(), "logical".into()),
        ("max_replication_slots".into(), room.clone()),
        ("max_wal_senders".into(), room),
    ]);
    // While a major upgrade is under way the older server still runs, and does not know them.
    let serves = seen.server.as_ref().is_none_or(|server| server.major >= SLOTS_SINCE);
    if serves && !seen.cluster.spec.replication.slots.is_empty() {
        settings.extend([
            ("sync_replication_slots".into(), "on".into()),
            // Else the primary removes rows of its catalogs that a copy still needs.
            (FEEDBACK.into(), "on".into()),
            (STANDBYS.into(), waits_for(seen)),
        ]);
    }
    settings
}

/// Slots of the standbys that must have WAL before a subscriber gets it: else it may have what the next primary lacks, and then misses as
/// much of what that one writes. One that is away for longer holds up nobody. What was sent stays while the primary can't be asked.
pub fn waits_for(seen: &Observed) -> String {
    let group = seen.name().group(0);
    match &seen.database {
        Some(found) => {
            let members = found.logical.following.iter().filter(|name| is_of_member(name, &group));
            members.map(String::as_str).collect::<Vec<_>>().join(",")
        }
        None => parameter(seen, STANDBYS).and_then(Value::as_str).unwrap_or("").to_owned(),
    }
}

/// What of the settings would let a slot fill the volume, be lost, or find no place.
pub fn misfits(spec: &PostgresClusterSpec, members: i32, view: &View) -> Vec<Problem> {
    if spec.replication.wal_level == WalLevel::Replica {
        return Vec::new();
    }
    let slots = spec.replication.slots.len().min(MOST_SLOTS) as i32;
    let few = |name: &str, more: i32, why: &str| {
        let least = members + slots + more;
        (view.number(name)? < f64::from(least)).then(|| {
            view.problem(
                &[name],
                format!("write at least {least} with {members} instances and {slots} logical slots: {why}"),
            )
        })
    };
    let keep = || {
        let volume = quantity_bytes(&spec.storage.size.0)?;
        let (kept, most) = (view.bytes(KEEP)?, volume / 2);
        (kept < 0.0 || kept > most as f64).then(|| {
            let remedy = format!(
                "write at most {}, half of spec.storage.size: a logical slot that nobody reads from keeps as much, and must not fill the volume",
                setting_mb(most)
            );
            view.problem(&[KEEP], remedy)
        })
    };
    let feedback = || {
        (slots > 0 && view.is_given(FEEDBACK) && view.text(FEEDBACK) != "on").then(|| {
            view.problem(
                &[FEEDBACK],
                "write on, or remove it: without it the copies of logical slots on standbys are lost".into(),
            )
        })
    };
    [
        few("max_replication_slots", 0, "one for each of them"),
        few("max_wal_senders", 2, "one for each of them, one for a base backup and one spare"),
        keep(),
        feedback(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// True for the slot that Patroni keeps for a member: the pod's name with `_` for each `-` (`slot_name_from_member_name`).
fn is_of_member(slot: &str, group: &GroupName) -> bool {
    let scope = group.scope().replace(['-', '.'], "_");
    let number = slot.strip_prefix(&scope).and_then(|rest| rest.strip_prefix('_'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

fn word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=63).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
#[path = "replication_tests.rs"]
mod tests;
