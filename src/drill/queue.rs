//! Whose turn it is when many drills are asked for: each is a cluster of its own, which takes CPU, memory and volumes. Pure.
//!
//! As with backups (`src/backup/queue.rs`) the queue is one of clusters, each with its oldest backup that a drill is asked of. The cluster
//! whose last drill ended longest ago comes first: whoever asks again and again waits for all others each time. That end stands in the
//! backup's status, and in the cluster's for when retention has removed the backup.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{BackupPhase, BackupStatus, DrillOutcome, PostgresBackup, PostgresCluster};
use crate::backup::queue::{Of, age, of};
use crate::name::ANNOTATION_VERIFY;

use super::cluster::name;

/// When the last drill of each cluster ended, as far as clusters' own status tells.
pub fn told<'a>(clusters: impl IntoIterator<Item = &'a PostgresCluster>) -> BTreeMap<Of, Timestamp> {
    let told = clusters.into_iter().filter_map(|cluster| {
        let at = cluster.status.as_ref()?.backup.as_ref()?.last_drill_at.as_ref()?.0;
        Some(((cluster.namespace().unwrap_or_default(), cluster.name_any()), at))
    });
    told.collect()
}

/// Whether a drill of this backup may begin: none of its cluster runs, and fewer than `places` clusters have one or come before it. `all` are the
/// backups of all clusters, this one among them; `told` is when drills ended as clusters tell it.
pub fn has_turn<'a>(
    own: &PostgresBackup,
    all: impl IntoIterator<Item = &'a PostgresBackup>,
    told: &BTreeMap<Of, Timestamp>,
    places: usize,
) -> bool {
    let all: Vec<&PostgresBackup> = all.into_iter().collect();
    let mut ends: BTreeMap<Of, Option<Timestamp>> =
        told.iter().map(|(of, at)| (of.clone(), Some(*at))).collect();
    for one in all.iter().copied().chain([own]) {
        let end = ends.entry(of(one)).or_default();
        *end = (*end).max(one.status.as_ref().and_then(BackupStatus::last_drill_end));
    }
    // None ever comes before all others.
    let order = |backup: &PostgresBackup| (ends.get(&of(backup)).copied().flatten(), age(backup));
    let mut before = BTreeSet::new();
    for other in all {
        let same = of(other) == of(own);
        let first = waits(other) && order(other) < order(own);
        if own.uid() == other.uid() {
            continue;
        } else if same && (runs(other) || first) {
            return false;
        } else if !same && (runs(other) || first) {
            before.insert(of(other));
        }
    }
    before.len() < places
}

fn runs(backup: &PostgresBackup) -> bool {
    let drill = backup.status.as_ref().and_then(|status| status.drill.as_ref());
    drill.is_some_and(|drill| drill.outcome == DrillOutcome::Running)
}

/// Asked for, and not begun.
fn waits(backup: &PostgresBackup) -> bool {
    let Some(status) = backup.status.as_ref().filter(|status| status.phase == BackupPhase::Succeeded) else {
        return false;
    };
    let request = backup.annotations().get(ANNOTATION_VERIFY).filter(|request| !request.is_empty());
    backup.metadata.deletion_timestamp.is_none()
        && request.is_some_and(|request| {
            status.drill.as_ref().is_none_or(|last| last.cluster != name(backup, request))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn backup(cluster: &str, name: &str, second: u32, asked: bool, runs: bool) -> PostgresBackup {
        let notes = if asked { json!({ANNOTATION_VERIFY: "r"}) } else { json!({}) };
        let drill = runs
            .then(|| json!({"cluster": "x", "outcome": "Running", "startedAt": "2026-11-21T05:00:00Z", "checks": []}));
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {
                "name": name, "namespace": "shop", "uid": name, "annotations": notes,
                "creationTimestamp": format!("2026-11-21T02:00:{second:02}Z"),
            },
            "spec": {"cluster": cluster}, "status": {"phase": "Succeeded", "drill": drill},
        }))
        .unwrap()
    }

    fn turns(all: &[PostgresBackup], places: usize) -> Vec<String> {
        turns_of(all, &[], places)
    }

    fn turns_of(all: &[PostgresBackup], clusters: &[PostgresCluster], places: usize) -> Vec<String> {
        let waiting = all.iter().filter(|one| waits(one) && !runs(one));
        let told = told(clusters);
        waiting.filter(|one| has_turn(one, all, &told, places)).map(ResourceExt::name_any).collect()
    }

    #[test]
    fn as_many_run_as_there_are_places_and_one_of_each_cluster() {
        let mut all = vec![backup("a", "a0", 0, true, false), backup("a", "a1", 1, true, false)];
        all.extend((0..3).map(|n| backup(&format!("c{n}"), &format!("b{n}"), 10 + n, true, false)));
        assert_eq!(turns(&all, 2), ["a0", "b0"]);
        all[0] = backup("a", "a0", 0, true, true);
        assert_eq!(turns(&all, 2), ["b0"]);
        all[4] = backup("c2", "b2", 12, true, true);
        assert_eq!(turns(&all, 2), Vec::<String>::new());
        assert_eq!(turns(&all, 3), ["b0"]);
        all[0] = backup("a", "a0", 0, false, false);
        assert_eq!(turns(&all, 2), ["a1"], "the next of its cluster");
    }

    #[test]
    fn the_cluster_whose_last_drill_is_longest_ago_comes_first_however_old_its_backups_are() {
        let ended = |cluster: &str, name: &str, second: u32, at: &str| {
            let mut one = backup(cluster, name, second, true, false);
            let drill = json!({"cluster": "x", "outcome": "Passed", "startedAt": at, "at": at, "checks": []});
            one.status.as_mut().unwrap().drill = serde_json::from_value(drill).unwrap();
            one
        };
        // The one with the oldest backup writes a new value of `verify` each time its drill ends.
        let again = ended("a", "a0", 0, "2026-11-21T05:00:00Z");
        let mut all =
            vec![again, backup("b", "b0", 20, true, false), ended("c", "c0", 10, "2026-11-21T04:00:00Z")];
        assert_eq!(turns(&all, 1), ["b0"], "it had none ever");
        all[1] = ended("b", "b0", 20, "2026-11-21T06:00:00Z");
        assert_eq!(turns(&all, 1), ["c0"]);
        assert_eq!(turns(&all, 2), ["a0", "c0"]);
        all.push(ended("c", "c1", 11, "2026-11-21T07:00:00Z"));
        assert_eq!(turns(&all, 1), ["a0"], "a drill of another backup of the cluster counts as well");
    }

    #[test]
    fn a_drill_whose_backup_is_removed_counts_by_the_status_of_its_cluster() {
        let cluster = |name: &str, at: &str| -> PostgresCluster {
            serde_json::from_value(json!({
                "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
                "metadata": {"name": name, "namespace": "shop"},
                "spec": {"engine": {"version": "17"}, "storage": {"size": "2Gi"}},
                "status": {"backup": {"lastDrillAt": at}},
            }))
            .unwrap()
        };
        let all = [backup("a", "a1", 0, true, false), backup("b", "b0", 20, true, false)];
        assert_eq!(turns(&all, 1), ["a1"], "its backup is the older one");
        let mut clusters = vec![cluster("a", "2026-11-21T05:00:00Z")];
        assert_eq!(turns_of(&all, &clusters, 1), ["b0"]);
        clusters.push(cluster("b", "2026-11-21T06:00:00Z"));
        assert_eq!(turns_of(&all, &clusters, 1), ["a1"]);
    }
}
