//! The sequence against a small world whose steps come true at once, killed between any two of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::facts::{CopySeen, GroupFacts, Seen, Source, SourceFacts};
use super::step::{Fact, Step};
use super::{decide, fold, manifest};
use crate::api::{
    BackupMethod, BackupPhase, BackupSource, BackupStatus, Flavor, PostgresBackup, SnapshotRecord,
};
use crate::name::FINALIZER_BACKUP;
use crate::snapshot::{self, Stage, Volume};

const UID: &str = "0b1c2d3e-0000-4000-8000-000000000001";

fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// What is so outside of the operator.
struct World {
    seen: Seen,
    now: Timestamp,
    steps: Vec<String>,
}

impl World {
    fn new() -> Self {
        let backup: PostgresBackup = serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": "b", "namespace": "shop", "uid": UID, "creationTimestamp": start().to_string()},
            "spec": {"cluster": "c"},
        }))
        .unwrap();
        let seen = Seen {
            backup: Arc::new(backup),
            namespace_ends: false,
            ahead: None,
            source: Source::Ready(Box::new(facts("c-0", 1))),
            snapshots: BTreeMap::new(),
            copy: CopySeen::Unasked,
            manifest: None,
        };
        Self { seen, now: start(), steps: Vec::new() }
    }

    fn status(&self) -> BackupStatus {
        self.seen.backup.status.clone().unwrap_or_default()
    }

    fn write(&mut self, status: BackupStatus) {
        Arc::make_mut(&mut self.seen.backup).status = Some(status);
    }

    /// One round; when `dies`, the operator is killed after the step and before its fact is written down. Says whether there
    /// was anything to do.
    fn round(&mut self, dies: bool) -> bool {
        self.now += SignedDuration::from_secs(1);
        let before = self.status();
        let decision = decide(&self.seen, self.now);
        self.write(decision.status.clone());
        let Some(step) = decision.step else { return decision.status != before };
        self.steps.push(step.action().to_owned());
        let fact = self.come_true(&step);
        if !dies {
            self.write(fold(self.seen.backup.spec.method, &decision.status, &fact, self.now));
        }
        true
    }

    fn come_true(&mut self, step: &Step) -> Fact {
        let metadata = &mut Arc::make_mut(&mut self.seen.backup).metadata;
        match step {
            Step::Guard => metadata.finalizers = Some(vec![FINALIZER_BACKUP.into()]),
            Step::Unguard => metadata.finalizers = None,
            Step::Checkpoint { .. } => return Fact::Checkpointed { at: self.now, lsn: "0/1".into() },
            Step::Mark { restore_point, .. } => {
                let (lsn, checkpoint_lsn) = ("0/20".into(), "0/10".into());
                return Fact::Marked { restore_point: restore_point.clone(), lsn, checkpoint_lsn, stall: 4 };
            }
            Step::Cut { parts } => {
                let measured = self.seen.snapshots.is_empty();
                let part = &parts[0];
                let cut_at = Some(self.now);
                self.seen.snapshots.entry(part.order.name.clone()).or_insert(snapshot::Seen {
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
                return Fact::Cut { snapshots: vec![(0, record)], stall: measured.then_some(7) };
            }
            Step::DeleteSnapshots { names, .. } => {
                self.seen.snapshots.retain(|name, _| !names.contains(name))
            }
            Step::Copy { .. } | Step::RemoveCopy { .. } => panic!("snapshots alone are made: {step}"),
            Step::StoreManifest => self.seen.manifest = manifest::wanted(&self.seen.backup),
            Step::DropManifest => self.seen.manifest = None,
        }
        Fact::Nothing
    }

    /// Until nothing is left to do; snapshots become ready by themselves.
    fn run(&mut self) {
        for _ in 0..40 {
            for found in self.seen.snapshots.values_mut().filter(|found| found.stage == Stage::Cut) {
                if self.steps.last().is_some_and(|last| last == "Cut") {
                    found.stage = Stage::Ready;
                    found.restore_bytes = Some(1 << 30);
                }
            }
            if !self.round(false) {
                return;
            }
        }
        panic!("no end: {:?}", self.steps);
    }
}

pub(super) fn facts(member: &str, timeline: i64) -> SourceFacts {
    SourceFacts {
        source: BackupSource {
            cluster_uid: "u-1".into(),
            flavor: Flavor::Postgres,
            version: "17.12".into(),
            image: "i".into(),
            storage: "1Gi".into(),
            settings: BTreeMap::new(),
            cluster_spec: "{}".into(),
        },
        policy: Default::default(),
        class: Some("k".into()),
        groups: vec![GroupFacts {
            group: 0,
            member: member.into(),
            volume: Volume {
                claim: format!("data-{member}"),
                name: format!("pv-{member}"),
                ..Volume::default()
            },
            timeline,
            system_identifier: "7".into(),
        }],
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
        let mut world = World::new();
        for round in 0..=death {
            world.round(round == death);
        }
        world.run();
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
    let mut world = World::new();
    while world.status().phase != BackupPhase::Checkpointing {
        world.round(false);
    }
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
    let mut world = World::new();
    while world.status().phase != BackupPhase::Cutting {
        world.round(false);
    }
    let delayed = Fact::Delayed { reason: "their maker says: quota".into(), again_seconds: 1 };
    world.write(fold(BackupMethod::Snapshot, &world.status(), &delayed, world.now));
    world.now += SignedDuration::from_mins(16);
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Failed);
    assert!(world.status().reason.unwrap().contains("quota"));
}

fn delete(world: &mut World) {
    Arc::make_mut(&mut world.seen.backup).metadata.deletion_timestamp = Some(Time(world.now));
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
        delete(&mut world);
        world.run();
        assert!(world.seen.snapshots.is_empty() && world.seen.manifest.is_none());
        assert_eq!(world.seen.backup.metadata.finalizers, None);
    }
}

#[test]
fn a_hold_a_policy_or_the_end_of_the_namespace_keeps_the_snapshots() {
    let mut held = World::new();
    held.run();
    Arc::make_mut(&mut held.seen.backup).spec.hold = true;
    delete(&mut held);
    held.run();
    assert_eq!(held.seen.snapshots.len(), 1);
    assert!(held.seen.backup.metadata.finalizers.is_some(), "the object stays until the hold ends");
    assert!(held.status().reason.unwrap().contains("legal hold"));

    let mut ended = World::new();
    ended.run();
    ended.seen.namespace_ends = true;
    delete(&mut ended);
    ended.run();
    assert!(ended.seen.manifest.is_some(), "the copy is what it is restored by");
    assert_eq!((ended.seen.snapshots.len(), ended.seen.backup.metadata.finalizers.clone()), (1, None));
}

#[test]
fn a_run_that_is_marked_as_missed_is_never_begun() {
    let mut world = World::new();
    let notes = [(crate::name::ANNOTATION_MISSED.to_owned(), "spec.paused was true".to_owned())];
    Arc::make_mut(&mut world.seen.backup).metadata.annotations = Some(notes.into());
    assert!(!world.round(false), "{:?}", world.steps);
    assert_eq!((world.status().phase, world.steps.len()), (BackupPhase::Pending, 0));
}
