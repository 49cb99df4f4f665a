//! The sequence with snapshots, killed between any two of its steps.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::facts::{Seen, Source};
use super::fold;
use super::step::{Fact, Step};
use super::test_world::{self, Outside, facts};
use crate::api::{BackupMethod, BackupPhase, SharedWith, SnapshotRecord};
use crate::snapshot::{self, Stage};

type World = test_world::World<Snapshots>;

/// Snapshots are cut at once, and become ready by themselves while the world runs.
#[derive(Default)]
struct Snapshots;

impl Outside for Snapshots {
    const METHOD: BackupMethod = BackupMethod::Snapshot;

    fn while_running(&mut self, seen: &mut Seen, last: Option<&str>) {
        for found in seen.snapshots.values_mut().filter(|found| found.stage == Stage::Cut) {
            if last == Some("Cut") {
                found.stage = Stage::Ready;
                found.restore_bytes = Some(1 << 30);
            }
        }
    }

    fn come_true(&mut self, seen: &mut Seen, step: &Step, now: Timestamp) -> Fact {
        match step {
            Step::Cut { parts } => {
                let measured = seen.snapshots.is_empty();
                let part = &parts[0];
                let cut_at = Some(now);
                seen.snapshots.entry(part.order.name.clone()).or_insert(snapshot::Seen {
                    name: part.order.name.clone(),
                    handle: Some("h".into()),
                    driver: Some("csi.example".into()),
                    stage: Stage::Cut,
                    cut_at,
                    restore_bytes: None,
                    trouble: None,
                    labels: part.order.labels.clone(),
                });
                let record = SnapshotRecord {
                    name: part.order.name.clone(),
                    handle: Some("h".into()),
                    cut_at: cut_at.map(Time),
                    ..SnapshotRecord::default()
                };
                Fact::Cut { snapshots: vec![(0, record)], stall: measured.then_some(7) }
            }
            Step::DeleteSnapshots { names, .. } => {
                seen.snapshots.retain(|name, _| !names.contains(name));
                Fact::Nothing
            }
            _ => panic!("snapshots alone are made: {step}"),
        }
    }
}

#[test]
fn a_backup_goes_from_checkpoint_over_mark_and_cut_to_a_set_that_can_be_restored() {
    let mut world = World::new();
    world.run();
    assert_eq!(world.steps, ["Guard", "Checkpoint", "Mark", "Cut", "StoreManifest"]);
    let status = world.status();
    assert_eq!(status.phase, BackupPhase::Succeeded);
    assert_eq!(status.write_stall_milliseconds, Some(7), "the longest of mark and cut");
    assert_eq!(status.restore_bytes, Some(1 << 30));
    let group = &status.groups[0];
    assert_eq!((group.cut_lsn.as_deref(), group.timeline, group.member.as_str()), (Some("0/20"), 1, "c-0"));
    assert!(status.cut_at.is_some() && status.completed_at.is_some() && status.source.is_some());
}

#[test]
fn an_operator_that_is_killed_after_any_step_goes_on_with_one_snapshot() {
    for death in 0..8 {
        let world = World::killed_in(death);
        assert_eq!(
            world.status().phase,
            BackupPhase::Succeeded,
            "killed in round {death}: {:?}",
            world.steps
        );
        assert_eq!(world.seen.snapshots.len(), 1, "killed in round {death}");
        let twice = world.steps.iter().filter(|step| *step == "Cut").count() == 2;
        assert_eq!(
            world.status().write_stall_milliseconds.is_none(),
            twice,
            "what nobody measured is not told"
        );
    }
}

#[test]
fn a_failover_before_the_mark_begins_anew_and_one_after_it_fails_and_leaves_no_snapshot() {
    let mut world = World::until(BackupPhase::Checkpointing);
    world.seen.source = Source::Ready(Box::new(facts("c-1", 2)));
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Succeeded);
    assert_eq!(world.status().groups[0].member, "c-1");

    let mut world = World::new();
    while world.status().groups.first().is_none_or(|group| group.cut_lsn.is_none()) {
        world.round(false);
    }
    // Killed with the snapshot ordered, and then the primary failed over.
    world.round(true);
    assert_eq!(world.seen.snapshots.len(), 1);
    world.seen.source = Source::Ready(Box::new(facts("c-1", 2)));
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Failed);
    assert!(
        world.status().reason.unwrap().contains("writes moved from c-0 (timeline 1) to c-1 (timeline 2)")
    );
    assert!(world.seen.snapshots.is_empty());
    assert!(!world.steps.contains(&"StoreManifest".to_owned()));
}

#[test]
fn a_backup_waits_for_the_one_ahead_and_for_a_primary_but_not_for_ever() {
    let mut world = World::new();
    world.seen.ahead = Some("a".into());
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Pending);
    assert!(world.status().reason.unwrap().contains("waits for backup a"));
    world.seen.ahead = None;
    world.seen.source = Source::Silent("no member that takes writes answers".into());
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Pending);
    world.now += SignedDuration::from_mins(11);
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Failed);
    assert!(world.status().reason.unwrap().contains("for more than 10 minutes"));
}

/// Nobody answers, for a round.
fn blip() -> Source {
    Source::Silent("no member that takes writes answers".into())
}

#[test]
fn a_backup_that_queued_for_hours_outlives_a_blip() {
    let mut world = World::new();
    world.seen.ahead = Some("a".into());
    world.run();
    world.now += SignedDuration::from_hours(3);
    world.seen.ahead = None;
    world.seen.source = blip();
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Pending, "{:?}", world.status().reason);
    world.now += SignedDuration::from_mins(9);
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Pending);
    world.seen.source = Source::Ready(Box::new(facts("c-0", 1)));
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Succeeded);
    assert_eq!(world.status().silent_since, None);
}

#[test]
fn a_blip_in_any_phase_counts_from_its_own_beginning() {
    for phase in [BackupPhase::Pending, BackupPhase::Checkpointing, BackupPhase::Cutting] {
        let mut world = World::until(phase);
        // A checkpoint may take half an hour, and a disk may have to wait for its next snapshot.
        world.now += SignedDuration::from_mins(12);
        for _ in 0..2 {
            world.seen.source = blip();
            world.round(false);
            assert_eq!(world.status().phase, phase, "{:?}", world.status().reason);
            world.seen.source = Source::Ready(Box::new(facts("c-0", 1)));
            world.now += SignedDuration::from_secs(30);
        }
        world.run();
        assert_eq!(world.status().phase, BackupPhase::Succeeded, "{phase:?}: {:?}", world.status().reason);
    }
}

#[test]
fn what_a_person_has_to_change_fails_at_once_with_the_reason() {
    for (source, word) in
        [(Source::Missing, "no PostgresCluster c"), (Source::Unfit("no class".into()), "no class")]
    {
        let mut world = World::new();
        world.seen.source = source;
        world.run();
        assert_eq!(world.status().phase, BackupPhase::Failed);
        assert!(world.status().reason.unwrap().contains(word));
    }
}

#[test]
fn a_snapshot_that_vanishes_from_a_good_backup_makes_it_lost() {
    let mut world = World::new();
    world.run();
    world.seen.snapshots.clear();
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Lost);
    assert!(world.status().reason.unwrap().contains("is not there any more"));
}

#[test]
fn snapshots_that_are_not_cut_in_time_fail_the_backup_with_their_makers_words() {
    let mut world = World::until(BackupPhase::Cutting);
    let delayed = Fact::Delayed { reason: "their maker says: quota".into(), again_seconds: 1 };
    world.write(fold(BackupMethod::Snapshot, &world.status(), &delayed, world.now));
    world.now += SignedDuration::from_mins(16);
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Failed);
    assert!(world.status().reason.unwrap().contains("quota"));
}

#[test]
fn a_deleted_backup_takes_its_snapshots_with_it_also_in_mid_sequence() {
    let mut whole = World::new();
    whole.run();
    let mut half = World::new();
    while half.seen.snapshots.is_empty() {
        half.round(true);
        half.round(false);
    }
    for mut world in [whole, half] {
        world.delete();
        world.run();
        assert!(world.seen.snapshots.is_empty() && world.seen.manifest.is_none());
        assert_eq!(world.seen.backup.metadata.finalizers, None);
    }
}

#[test]
fn a_hold_a_policy_or_the_end_of_the_namespace_keeps_the_snapshots() {
    let mut held = World::new();
    held.run();
    held.backup().spec.hold = true;
    held.delete();
    held.run();
    assert_eq!(held.seen.snapshots.len(), 1);
    assert!(held.seen.backup.metadata.finalizers.is_some(), "the object stays until the hold ends");
    assert!(held.status().reason.unwrap().contains("legal hold"));

    let mut ended = World::new();
    ended.run();
    ended.seen.namespace_ends = true;
    ended.delete();
    ended.run();
    assert!(ended.seen.manifest.is_some(), "the copy is what it is restored by");
    assert_eq!((ended.seen.snapshots.len(), ended.seen.backup.metadata.finalizers.clone()), (1, None));
}

#[test]
fn a_backup_that_a_restore_reads_goes_when_that_is_done() {
    let mut world = World::new();
    world.run();
    world.seen.reader = Some("restore to test/copy".into());
    world.delete();
    world.run();
    assert_eq!((world.seen.snapshots.len(), world.seen.manifest.is_some()), (1, true));
    assert!(world.status().reason.unwrap().contains("in use by restore to test/copy"));
    world.seen.reader = None;
    world.run();
    assert!(world.seen.snapshots.is_empty() && world.seen.manifest.is_none());
}

#[test]
fn a_share_is_recorded_once_by_the_uid_of_the_namespace_and_goes_with_its_word() {
    let one = |uid: &str| SharedWith { namespace: "test".into(), uid: uid.into() };
    let mut world = World::new();
    world.run();
    world.backup().spec.share_with = vec!["test".into()];
    world.seen.shares = vec![one("t-1")];
    world.round(false);
    world.seen.shares = Vec::new();
    world.run();
    assert_eq!(world.status().shared_with, [one("t-1")]);
    world.backup().spec.share_with = Vec::new();
    world.run();
    assert_eq!(world.status().shared_with, []);
}

#[test]
fn a_run_that_is_marked_as_missed_is_never_begun() {
    let mut world = World::new();
    let notes = [(crate::name::ANNOTATION_MISSED.to_owned(), "spec.paused was true".to_owned())];
    world.backup().metadata.annotations = Some(notes.into());
    assert!(!world.round(false), "{:?}", world.steps);
    assert_eq!((world.status().phase, world.steps.len()), (BackupPhase::Pending, 0));
}

#[test]
fn a_backup_in_the_queue_says_so_and_its_time_there_counts_for_nothing() {
    let mut world = World::new();
    world.seen.turn = false;
    for _ in 0..3 {
        world.round(false);
    }
    let status = world.status();
    assert_eq!(status.phase, BackupPhase::Pending);
    assert!(status.queued_since.is_some() && status.reason.as_ref().unwrap().contains("backupSlots"));
    world.now += SignedDuration::from_hours(30);
    world.seen.turn = true;
    world.run();
    let status = world.status();
    assert_eq!((status.phase, status.queued_since), (BackupPhase::Succeeded, None));
}
