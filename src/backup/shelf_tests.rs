//! Objects that come back without their status, and the manifest in the archive, killed between any two steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde_json::json;

use super::facts::{Seen, Shelf, Source};
use super::shelved::{is_due, wanted};
use super::step::{Fact, Step};
use super::test_world::{self, Outside, facts};
use super::{begun_as_another, decide, fold, manifest};
use crate::api::{
    BackupMethod, BackupPhase, BackupStatus, DeletionPolicy, DrillReport, SharedWith, SnapshotRecord,
};
use crate::name::{ANNOTATION_BEGUN_AS, snapshot};
use crate::snapshot::{self as made, Stage};

type World = test_world::World<Cloud>;

/// Snapshots that are ready at once, and a member that leads to the archive.
#[derive(Default)]
struct Cloud {
    away: bool,
}

impl Outside for Cloud {
    const METHOD: BackupMethod = BackupMethod::Snapshot;

    fn before_round(&mut self, seen: &mut Seen, _: Timestamp) {
        seen.shelf = match (is_due(&seen.backup), self.away) {
            (false, _) => Shelf::Unasked,
            (true, true) => Shelf::Silent("no member that takes writes answers".into()),
            (true, false) => Shelf::Reached("c-0".into()),
        };
    }

    fn come_true(&mut self, seen: &mut Seen, step: &Step, now: Timestamp) -> Fact {
        let name = snapshot(seen.uid(), 0);
        match step {
            Step::Cut { .. } => {
                let found = made::Seen {
                    name: name.clone(),
                    handle: Some("h".into()),
                    driver: Some("d".into()),
                    stage: Stage::Ready,
                    cut_at: Some(now),
                    restore_bytes: Some(1),
                    trouble: None,
                    labels: BTreeMap::new(),
                };
                seen.snapshots.insert(name.clone(), found);
                let (handle, driver) = (Some("h".into()), Some("d".into()));
                let record =
                    SnapshotRecord { name, handle, driver, ready: true, ..SnapshotRecord::default() };
                Fact::Cut { snapshots: vec![(0, record)], stall: Some(1) }
            }
            Step::DeleteSnapshots { .. } => {
                seen.snapshots.clear();
                Fact::Nothing
            }
            _ => panic!("snapshots alone are made: {step}"),
        }
    }
}

/// A backup of a cluster that archives.
fn archiving() -> World {
    let mut world = World::new();
    let mut facts = facts("c-0", 1);
    facts.source.archived = Some(true);
    world.seen.source = Source::Ready(Box::new(facts));
    world
}

fn made() -> World {
    let mut world = archiving();
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Succeeded);
    world
}

fn count(world: &World, step: &str) -> usize {
    world.steps.iter().filter(|taken| *taken == step).count()
}

#[test]
fn a_good_backup_of_a_cluster_that_archives_has_its_manifest_in_the_archive_and_then_costs_nothing() {
    let mut world = made();
    assert_eq!(world.steps, ["Guard", "Checkpoint", "Mark", "Cut", "StoreManifest", "ArchiveManifest"]);
    assert_eq!(world.status().archive_manifest, wanted(&world.seen.backup));
    assert!(!is_due(&world.seen.backup), "nobody is asked any more");
    assert!(!world.round(false));

    let mut without = World::new();
    without.run();
    assert_eq!(count(&without, "ArchiveManifest"), 0, "its cluster had no archive");
}

#[test]
fn an_operator_that_is_killed_after_any_step_ends_with_the_manifest_in_the_archive() {
    for death in 0..12 {
        let mut world = archiving();
        for round in 0..=death {
            world.round(round == death);
        }
        world.run();
        assert_eq!(world.status().archive_manifest, wanted(&world.seen.backup), "killed in round {death}");
        assert_eq!(world.status().phase, BackupPhase::Succeeded, "killed in round {death}");
    }
}

#[test]
fn what_matters_for_a_restore_is_put_there_anew_and_what_tells_of_today_is_not() {
    let mut world = made();
    let report: DrillReport = serde_json::from_value(
        json!({"cluster": "d", "outcome": "Passed", "startedAt": world.now.to_string()}),
    )
    .unwrap();
    let today = BackupStatus {
        kept_until: Some(Time(world.now)),
        kept_by: vec!["14 days".into()],
        drill: Some(report.clone()),
        shared_with: vec![SharedWith { namespace: "n".into(), uid: "u".into() }],
        reason: Some("r".into()),
        ..world.status()
    };
    world.write(today);
    assert!(!is_due(&world.seen.backup));
    for edit in ["hold", "share", "verified", "failed"] {
        let mut status = world.status();
        match edit {
            "hold" => world.backup().spec.hold = true,
            "share" => world.backup().spec.share_with = vec!["n".into()],
            "verified" => status.verified = Some(report.clone()),
            _ => status.failed_drill = Some(report.clone()),
        }
        world.write(status);
        assert!(is_due(&world.seen.backup), "{edit}");
        world.run();
        assert!(!is_due(&world.seen.backup), "{edit}");
    }
    assert_eq!(count(&world, "ArchiveManifest"), 5);
}

#[test]
fn an_archive_that_is_away_is_waited_for_and_the_backup_is_good_meanwhile() {
    let mut world = archiving();
    world.outside.away = true;
    world.run();
    assert_eq!((world.status().phase, world.status().archive_manifest), (BackupPhase::Succeeded, None));
    world.outside.away = false;
    world.run();
    assert_eq!(world.steps.last().map(String::as_str), Some("ArchiveManifest"));
}

#[test]
fn a_manifest_goes_with_its_backup_and_stays_where_that_is_only_let_go_of() {
    for death in 0..4 {
        let mut world = made();
        world.delete();
        for round in 0..=death {
            world.round(round == death);
        }
        world.run();
        assert_eq!(world.steps.last().map(String::as_str), Some("Unguard"), "killed in round {death}");
        assert!(count(&world, "DropArchivedManifest") >= 1, "killed in round {death}");
        assert_eq!(world.status().archive_manifest, None);
    }
    let mut retained = made();
    retained.backup().spec.deletion_policy = DeletionPolicy::Retain;
    retained.delete();
    retained.run();
    assert_eq!(count(&retained, "DropArchivedManifest"), 0);
    let mut ends = made();
    ends.seen.namespace_ends = true;
    ends.delete();
    ends.run();
    assert_eq!(count(&ends, "DropArchivedManifest"), 0, "its namespace ends: it is restored from that");
}

#[test]
fn a_backup_that_is_deleted_waits_for_a_silent_cluster_for_ten_minutes_and_no_longer() {
    let mut world = made();
    world.outside.away = true;
    world.delete();
    world.run();
    assert_eq!(world.steps.last().map(String::as_str), Some("DeleteSnapshots"));
    assert!(world.status().reason.unwrap().contains("its manifest in the archive waits to be removed"));
    world.now += SignedDuration::from_mins(11);
    world.run();
    assert_eq!(world.steps.last().map(String::as_str), Some("Unguard"));
}

#[test]
fn what_is_lost_is_no_longer_offered_by_the_archive() {
    let mut world = made();
    world.seen.snapshots.clear();
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Lost);
    assert_eq!(world.steps.last().map(String::as_str), Some("DropArchivedManifest"));
    assert_eq!(world.status().archive_manifest, None);
}

/// The object as a tool that keeps objects brings it back.
fn brought_back(world: &World) -> World {
    let mut again = World::new();
    let mut object = (*world.seen.backup).clone();
    object.status = None;
    object.metadata.uid = Some("9b1c2d3e-0000-4000-8000-000000000009".into());
    again.seen.backup = Arc::new(object);
    again
}

#[test]
fn an_object_that_comes_back_without_its_status_is_not_run_and_says_what_to_do() {
    let mut again = brought_back(&made());
    again.run();
    assert_eq!(again.steps, [""; 0]);
    let status = again.status();
    assert_eq!(status.phase, BackupPhase::NotRun);
    let why = status.reason.unwrap();
    assert!(why.contains("stylobate backup import") && why.contains("0b1c2d3e-0000"), "{why}");
    assert!(begun_as_another(&again.seen.backup).is_some(), "it counts as nobody's backup");
    again.delete();
    again.run();
    assert_eq!(again.steps, ["Unguard"], "and it can be deleted");
}

#[test]
fn a_backup_that_was_begun_before_there_was_a_mark_gets_one_and_a_strange_one_is_put_right() {
    let mut world = made();
    world.backup().annotations_mut().clear();
    world.run();
    assert_eq!(world.steps.last().map(String::as_str), Some("Guard"));
    world.backup().annotations_mut().insert(ANNOTATION_BEGUN_AS.into(), "strange".into());
    assert_eq!(begun_as_another(&world.seen.backup), None, "its status says what it is");
    world.run();
    assert_eq!(
        world.seen.backup.annotations().get(ANNOTATION_BEGUN_AS),
        world.seen.backup.metadata.uid.as_ref()
    );
    assert_eq!(world.status().phase, BackupPhase::Succeeded);
}

#[test]
fn the_manifest_beside_the_operator_is_not_written_anew_for_that_in_the_archive() {
    let world = made();
    let before = manifest::wanted(&world.seen.backup);
    let mut backup = (*world.seen.backup).clone();
    backup.status =
        backup.status.map(|status| BackupStatus { archive_manifest: Some("other".into()), ..status });
    assert_eq!(manifest::wanted(&backup), before);
    let text = manifest::for_archive(&backup);
    assert!(!text.contains("archiveManifest") && text.contains("\"handle\":\"h\""), "{text}");
    let decision = decide(&world.seen, world.now);
    assert_eq!(fold(BackupMethod::Snapshot, &decision.status, &Fact::Nothing, world.now), decision.status);
}
