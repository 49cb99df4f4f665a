//! A copy in the archive against a small world: the member makes it by itself, and the operator is killed between any two steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::copy::Answer;
use super::decide_tests::facts;
use super::facts::{CopySeen, Seen, Source};
use super::step::{Fact, Step};
use super::{Again, decide, fold, manifest};
use crate::api::{ArchivedCopy, BackupPhase, BackupStatus, PostgresBackup};
use crate::name::FINALIZER_BACKUP;

/// Rounds that a copy takes.
const LONG: u32 = 3;

/// What is so outside of the operator.
struct World {
    seen: Seen,
    now: Timestamp,
    steps: Vec<String>,
    /// Copies in the archive.
    archive: Vec<ArchivedCopy>,
    /// Rounds until the copy that is being made is whole.
    left: Option<u32>,
    /// The member that leads to the archive answers.
    answers: bool,
}

impl World {
    fn new() -> Self {
        let start: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let backup: PostgresBackup = serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": "b", "namespace": "shop", "uid": "u-b", "creationTimestamp": start.to_string()},
            "spec": {"cluster": "c", "method": "Archive"},
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
        Self { seen, now: start, steps: Vec::new(), archive: Vec::new(), left: None, answers: true }
    }

    fn status(&self) -> BackupStatus {
        self.seen.backup.status.clone().unwrap_or_default()
    }

    /// One round; when `dies`, the operator is killed after the step and before its fact is written down. Says whether there was anything
    /// to do.
    fn round(&mut self, dies: bool) -> bool {
        self.now += SignedDuration::from_secs(1);
        self.work();
        let before = self.status();
        let over = matches!(before.phase, BackupPhase::Succeeded | BackupPhase::Failed);
        let looked =
            over || self.seen.backup.metadata.deletion_timestamp.is_some() && before.checkpoint_at.is_some();
        self.seen.copy = match (looked, self.answers) {
            (false, _) => CopySeen::Unasked,
            (true, false) => CopySeen::Silent("no member that takes writes answers".into()),
            (true, true) => CopySeen::Told { member: "c-0".into(), answer: self.look() },
        };
        let decision = decide(&self.seen, self.now);
        Arc::make_mut(&mut self.seen.backup).status = Some(decision.status.clone());
        let Some(step) = decision.step else { return decision.status != before };
        self.steps.push(step.action().to_owned());
        let fact = self.come_true(&step);
        if !dies {
            let after = fold(self.seen.backup.spec.method, &decision.status, &fact, self.now);
            Arc::make_mut(&mut self.seen.backup).status = Some(after);
        }
        true
    }

    /// The member goes on by itself.
    fn work(&mut self) {
        match self.left {
            None => {}
            Some(0) => {
                self.left = None;
                self.archive.push(ArchivedCopy {
                    stanza: "shop-c-u1".into(),
                    label: format!("20261122-12000{}F", self.archive.len()),
                    start_lsn: "0/30".into(),
                    stop_lsn: "0/40".into(),
                    start_wal: "000000010000000000000003".into(),
                    stop_wal: "000000010000000000000004".into(),
                    database_bytes: 1 << 30,
                    repository_bytes: None,
                    stopped_at: Time(self.now),
                });
            }
            Some(rounds) => self.left = Some(rounds - 1),
        }
    }

    fn look(&self) -> Answer {
        match (self.left, self.archive.first()) {
            (Some(_), _) => Answer::Running,
            (None, Some(copy)) => Answer::Done { copy: Box::new(copy.clone()), damaged: false },
            (None, None) => Answer::Absent { left: false },
        }
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
            Step::Copy { too_late, .. } => {
                return match (self.look(), too_late) {
                    (Answer::Done { copy, .. }, _) => Fact::Copied(copy),
                    (_, Some(why)) => Fact::Spoiled { reason: why.clone() },
                    (answer, None) => {
                        if answer != Answer::Running {
                            self.left = Some(LONG);
                        }
                        Fact::Delayed { reason: "it goes on".into(), again_seconds: 1 }
                    }
                };
            }
            Step::RemoveCopy { .. } => {
                self.left = None;
                self.archive.clear();
                return Fact::UnderWay { again_seconds: 1 };
            }
            Step::StoreManifest => self.seen.manifest = manifest::wanted(&self.seen.backup),
            Step::DropManifest => self.seen.manifest = None,
            Step::Cut { .. } | Step::DeleteSnapshots { .. } => panic!("no snapshot is made: {step}"),
        }
        Fact::Nothing
    }

    /// Until nothing is left to do.
    fn run(&mut self) {
        for _ in 0..40 {
            if !self.round(false) {
                return;
            }
        }
        panic!("no end: {:?}", self.steps);
    }

    fn until(phase: BackupPhase) -> Self {
        let mut world = Self::new();
        for _ in 0..20 {
            if world.status().phase == phase {
                return world;
            }
            world.round(false);
        }
        panic!("never {phase:?}: {:?}", world.steps);
    }

    fn delete(&mut self) {
        Arc::make_mut(&mut self.seen.backup).metadata.deletion_timestamp = Some(Time(self.now));
    }
}

#[test]
fn a_copy_has_its_mark_and_brings_back_the_moment_at_which_it_was_whole() {
    let mut world = World::new();
    world.run();
    world.steps.dedup();
    assert_eq!(world.steps, ["Guard", "Checkpoint", "Mark", "Copy", "StoreManifest"]);
    let status = world.status();
    let group = &status.groups[0];
    assert_eq!((status.phase, status.provider), (BackupPhase::Succeeded, None));
    assert_eq!((group.checkpoint_lsn.as_deref(), group.cut_lsn.as_deref()), (Some("0/30"), Some("0/40")));
    assert_eq!((group.restore_point.as_deref(), &group.snapshot), (None, &None));
    assert_eq!(group.archived.as_ref().map(|copy| &copy.stopped_at), status.cut_at.as_ref());
    assert_eq!(status.restore_bytes, Some(1 << 30));
}

#[test]
fn an_operator_that_is_killed_after_any_step_goes_on_with_one_copy() {
    for death in 0..14 {
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
        assert_eq!(world.archive.len(), 1, "killed in round {death}: {:?}", world.steps);
    }
}

#[test]
fn a_copy_whose_server_lost_its_role_fails_and_is_removed_but_one_that_was_finished_counts() {
    for finished in [false, true] {
        let mut world = World::until(BackupPhase::Copying);
        while world.left.is_none() {
            world.round(false);
        }
        if finished {
            world.left = Some(0);
        }
        world.seen.source = Source::Ready(Box::new(facts("c-1", 2)));
        world.run();
        let status = world.status();
        if finished {
            assert_eq!((status.phase, world.archive.len()), (BackupPhase::Succeeded, 1));
        } else {
            assert_eq!((status.phase, world.archive.len(), world.left), (BackupPhase::Failed, 0, None));
            let why = status.reason.unwrap();
            assert!(why.starts_with("writes moved from c-0 (timeline 1) to c-1 (timeline 2)"), "{why}");
        }
    }
}

#[test]
fn a_copy_waits_for_a_primary_and_not_for_ever() {
    let mut world = World::until(BackupPhase::Copying);
    world.seen.source = Source::Silent("no member that takes writes answers".into());
    world.now += SignedDuration::from_hours(2);
    world.round(false);
    assert_eq!(world.status().phase, BackupPhase::Copying);
    world.now += SignedDuration::from_hours(23);
    world.round(false);
    let status = world.status();
    let why = status.reason.unwrap();
    assert!(why.contains("not done within 24 hours; the last word was: waits: no member"), "{why}");
}

#[test]
fn a_copy_that_somebody_removed_is_lost_and_silence_proves_nothing() {
    let mut world = World::until(BackupPhase::Succeeded);
    world.run();
    world.archive.clear();
    world.answers = false;
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Succeeded);
    world.answers = true;
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Lost);
    assert!(world.status().reason.unwrap().contains("copy 20261122-120000F is not in the archive any more"));
}

#[test]
fn a_deleted_backup_goes_after_its_copy_whenever_it_is_deleted() {
    for rounds in 0..14 {
        let mut world = World::new();
        for _ in 0..rounds {
            world.round(false);
        }
        world.delete();
        for _ in 0..5 {
            world.round(false);
        }
        assert_eq!(
            world.seen.backup.metadata.finalizers, None,
            "deleted in round {rounds}: {:?}",
            world.steps
        );
        assert!(
            world.archive.is_empty() && world.left.is_none(),
            "deleted in round {rounds}: {:?}",
            world.steps
        );
    }
}

#[test]
fn a_copy_waits_for_a_member_to_remove_it_and_stays_when_its_cluster_is_gone() {
    let mut world = World::until(BackupPhase::Succeeded);
    world.run();
    world.delete();
    world.answers = false;
    world.round(false);
    assert!(world.status().reason.unwrap().contains("waits to be removed"));
    assert!(world.seen.backup.metadata.finalizers.is_some());
    world.seen.copy = CopySeen::OutOfReach("cluster c is gone".into());
    let decision = decide(&world.seen, world.now);
    assert_eq!(decision.status.reason.as_deref(), Some("the copy stays in the archive: cluster c is gone"));
    assert_eq!((decision.step, decision.again), (Some(Step::DropManifest), Again::Soon));
}
