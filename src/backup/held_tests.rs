//! Snapshots whose objects in Kubernetes go, or whose disk's snapshot does, killed between any two steps.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::facts::Seen;
use super::step::{Fact, Step};
use super::test_world::{self, Outside};
use crate::api::{BackupMethod, BackupPhase, DeletionPolicy, SnapshotRecord};
use crate::name::snapshot;
use crate::snapshot::{self, Stage};

type World = test_world::World<Csi>;

/// A provider, and what Kubernetes knows of it.
#[derive(Default)]
struct Csi {
    /// The disk's snapshot is there.
    cloud: bool,
    /// What holds it in Kubernetes is there.
    objects: bool,
}

impl Outside for Csi {
    const METHOD: BackupMethod = BackupMethod::Snapshot;

    fn before_round(&mut self, seen: &mut Seen, _: Timestamp) {
        let name = snapshot(seen.uid(), 0);
        let status = seen.backup.status.clone().unwrap_or_default();
        let recorded = status.groups.first().is_some_and(|group| group.snapshot.is_some());
        seen.snapshots.clear();
        let stage = match (self.objects, self.cloud) {
            (true, true) => Stage::Ready,
            (true, false) => Stage::Ordered,
            (false, _) if recorded => Stage::Adrift("VolumeSnapshot was deleted".into()),
            (false, _) => return,
        };
        let trouble = (!self.cloud).then(|| "snapshot h not found".to_owned());
        let found = snapshot::Seen {
            name: name.clone(),
            handle: Some("h".into()),
            driver: Some("d".into()),
            stage,
            cut_at: None,
            restore_bytes: None,
            trouble,
            labels: Default::default(),
        };
        seen.snapshots.insert(name, found);
    }

    fn come_true(&mut self, seen: &mut Seen, step: &Step, now: Timestamp) -> Fact {
        match step {
            Step::Cut { .. } => {
                (self.objects, self.cloud) = (true, true);
                let record = SnapshotRecord {
                    name: snapshot(seen.uid(), 0),
                    handle: Some("h".into()),
                    driver: Some("d".into()),
                    cut_at: Some(Time(now)),
                    ..SnapshotRecord::default()
                };
                Fact::Cut { snapshots: vec![(0, record)], stall: None }
            }
            Step::Import { held, .. } => {
                assert_eq!((held[0].handle.as_str(), held[0].driver.as_str()), ("h", "d"));
                assert_eq!(held[0].labels["stylobate.dev/backup-uid"], seen.uid());
                self.objects = true;
                Fact::UnderWay { again_seconds: 2 }
            }
            Step::DeleteSnapshots { .. } => {
                assert!(self.objects, "Kubernetes deletes nothing that it does not know");
                (self.objects, self.cloud) = (false, false);
                Fact::UnderWay { again_seconds: 2 }
            }
            other => panic!("{other}"),
        }
    }
}

fn good() -> World {
    let mut world = World::new();
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Succeeded);
    world
}

#[test]
fn what_lost_its_objects_is_taken_in_by_its_handle_and_stays_good() {
    for death in [None, Some(0), Some(1)] {
        let mut world = good();
        world.outside.objects = false;
        for round in 0..3 {
            world.round(death == Some(round));
            assert_eq!(world.status().phase, BackupPhase::Succeeded);
        }
        world.run();
        assert!(
            world.outside.objects && world.steps.contains(&"ImportSnapshots".to_owned()),
            "{:?}",
            world.steps
        );
        let status = world.status();
        assert_eq!((status.phase, status.reason), (BackupPhase::Succeeded, None));
        assert_eq!(status.groups[0].snapshot.as_ref().unwrap().imported_at, None);
    }
}

#[test]
fn what_its_maker_does_not_confirm_is_lost_and_says_whose_words_these_are() {
    let mut world = good();
    (world.outside.objects, world.outside.cloud) = (false, false);
    for _ in 0..10 {
        world.round(false);
        assert_eq!(world.status().phase, BackupPhase::Succeeded, "a controller may be away");
    }
    world.now += SignedDuration::from_mins(61);
    world.run();
    let status = world.status();
    assert_eq!(status.phase, BackupPhase::Lost);
    let why = status.reason.unwrap();
    assert!(why.contains("by its handle h") && why.contains("snapshot h not found"), "{why}");
}

#[test]
fn whatever_has_become_of_its_objects_a_deleted_backup_leaves_no_snapshot() {
    for phase in [BackupPhase::Succeeded, BackupPhase::Lost, BackupPhase::Failed] {
        for death in 0..5 {
            for objects in [true, false] {
                let mut world = good();
                let mut status = world.status();
                status.phase = phase;
                world.write(status);
                world.outside.objects = objects;
                world.delete();
                for round in 0..12 {
                    world.round(round == death);
                }
                let told = format!("{phase:?}, killed in {death}, objects {objects}: {:?}", world.steps);
                assert!(!world.outside.cloud, "{told}");
                assert_eq!(world.seen.backup.metadata.finalizers, None, "{told}");
            }
        }
    }
}

#[test]
fn a_failed_backup_leaves_none_either() {
    let mut world = World::until(BackupPhase::Finishing);
    world.outside.objects = false;
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Failed);
    assert!(!world.outside.cloud && !world.outside.objects, "{:?}", world.steps);
}

#[test]
fn who_retains_a_lost_one_leaves_it_to_its_provider() {
    let mut world = good();
    let mut status = world.status();
    status.phase = BackupPhase::Lost;
    world.write(status);
    world.outside.objects = false;
    world.backup().spec.deletion_policy = DeletionPolicy::Retain;
    world.delete();
    world.run();
    assert!(world.outside.cloud && world.seen.backup.metadata.finalizers.is_none());
}
