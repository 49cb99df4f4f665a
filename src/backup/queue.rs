//! Whose turn it is when many backups want to begin: a fleet that shares one schedule would checkpoint and copy all at once. Pure.
//!
//! The queue is one of clusters: each has one backup in it, its oldest, so that whoever makes many backups of one cluster takes one place.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{BackupPhase, PostgresBackup};
use crate::name::ANNOTATION_MISSED;

/// A cluster by namespace and name.
pub type Of = (String, String);

/// Whether this backup may begin: fewer than `places` clusters are at work, or are in the queue before it. `all` are the backups of all
/// clusters, this one among them.
pub fn has_turn<'a>(
    own: &PostgresBackup,
    all: impl IntoIterator<Item = &'a PostgresBackup>,
    places: usize,
) -> bool {
    let mut before: BTreeSet<Of> = BTreeSet::new();
    for other in all {
        if of(other) == of(own) || other.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let phase = other.status.as_ref().map_or(BackupPhase::Pending, |status| status.phase);
        let waits = phase == BackupPhase::Pending && !other.annotations().contains_key(ANNOTATION_MISSED);
        if works(phase) || waits && age(other) < age(own) {
            before.insert(of(other));
            if before.len() >= places {
                return false;
            }
        }
    }
    true
}

/// True while a backup takes a place: its servers do something for it. A snapshot that was cut becomes ready by itself.
fn works(phase: BackupPhase) -> bool {
    matches!(phase, BackupPhase::Checkpointing | BackupPhase::Cutting | BackupPhase::Copying)
}

/// The cluster of a backup.
pub fn of(backup: &PostgresBackup) -> Of {
    (backup.namespace().unwrap_or_default(), backup.spec.cluster.clone())
}

/// By which the oldest backup is the first.
pub fn age(backup: &PostgresBackup) -> (Option<Timestamp>, String, String) {
    let made = backup.metadata.creation_timestamp.as_ref().map(|at| at.0);
    (made, backup.namespace().unwrap_or_default(), backup.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn backup(cluster: &str, name: &str, second: u32, phase: &str) -> PostgresBackup {
        let status = if phase == "Pending" { Value::Null } else { json!({"phase": phase}) };
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": name, "namespace": "shop", "creationTimestamp": format!("2026-11-21T02:00:{second:02}Z")},
            "spec": {"cluster": cluster}, "status": status,
        }))
        .unwrap()
    }

    fn turns(all: &[PostgresBackup], places: usize) -> Vec<String> {
        let pending = all.iter().filter(|one| one.status.is_none());
        pending.filter(|one| has_turn(one, all, places)).map(ResourceExt::name_any).collect()
    }

    #[test]
    fn as_many_begin_as_there_are_places_the_oldest_first() {
        let mut all: Vec<_> =
            (0..6).map(|n| backup(&format!("c{n}"), &format!("b{n}"), n, "Pending")).collect();
        assert_eq!(turns(&all, 2), ["b0", "b1"]);
        all[0] = backup("c0", "b0", 0, "Copying");
        assert_eq!(turns(&all, 2), ["b1"]);
        all[0] = backup("c0", "b0", 0, "Finishing");
        assert_eq!(turns(&all, 2), ["b1", "b2"], "what was cut needs no place");
        all[5] = backup("c5", "b5", 5, "Checkpointing");
        assert_eq!(turns(&all, 2), ["b1"], "whoever has begun keeps his place");
    }

    #[test]
    fn a_flood_of_backups_of_one_cluster_takes_one_place() {
        let mut all: Vec<_> = (0..50).map(|n| backup("flood", &format!("f{n:02}"), 0, "Pending")).collect();
        all.push(backup("ledger", "nightly", 30, "Pending"));
        assert_eq!(turns(&all, 2).last().map(String::as_str), Some("nightly"));
        all[0] = backup("flood", "f00", 0, "Copying");
        assert!(turns(&all, 2).contains(&"nightly".to_owned()));
    }

    #[test]
    fn what_is_missed_or_being_deleted_is_in_nobodys_way() {
        let mut missed = backup("a", "m", 0, "Pending");
        missed.annotations_mut().insert(ANNOTATION_MISSED.into(), "late".into());
        let mut going = backup("b", "d", 0, "Copying");
        going.metadata.deletion_timestamp = going.metadata.creation_timestamp.clone();
        let own = backup("c", "own", 9, "Pending");
        assert!(has_turn(&own, [&missed, &going, &own], 1));
    }
}
