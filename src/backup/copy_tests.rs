//! A copy in the archive: the member makes it by itself, and the operator is killed between any two steps.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::copy::Answer;
use super::facts::{CopySeen, Seen, Source};
use super::step::{Fact, Step};
use super::test_world::{self, Outside, facts};
use super::{Again, decide};
use crate::api::{ArchivedCopy, BackupMethod, BackupPhase};

/// Rounds that a copy takes.
const LONG: u32 = 3;

type World = test_world::World<Archive>;

/// The archive, and the member that leads to it.
#[derive(Default)]
struct Archive {
    /// Copies in it.
    copies: Vec<ArchivedCopy>,
    /// Rounds until the copy that is being made is whole.
    left: Option<u32>,
    /// The member does not answer.
    silent: bool,
}

impl Archive {
    /// The member goes on by itself.
    fn work(&mut self, now: Timestamp) {
        match self.left {
            None => {}
            Some(0) => {
                self.left = None;
                self.copies.push(ArchivedCopy {
                    stanza: "shop-c-u1".into(),
                    label: format!("20261122-12000{}F", self.copies.len()),
                    start_lsn: "0/30".into(),
                    stop_lsn: "0/40".into(),
                    start_wal: "000000010000000000000003".into(),
                    stop_wal: "000000010000000000000004".into(),
                    database_bytes: 1 << 30,
                    repository_bytes: None,
                    stopped_at: Time(now),
                });
            }
            Some(rounds) => self.left = Some(rounds - 1),
        }
    }

    fn look(&self) -> Answer {
        match (self.left, self.copies.first()) {
            (Some(_), _) => Answer::Running,
            (None, Some(copy)) => Answer::Done { copy: Box::new(copy.clone()), damaged: false },
            (None, None) => Answer::Absent { left: false },
        }
    }
}

impl Outside for Archive {
    const METHOD: BackupMethod = BackupMethod::Archive;

    fn before_round(&mut self, seen: &mut Seen, now: Timestamp) {
        self.work(now);
        let status = seen.backup.status.clone().unwrap_or_default();
        let over = matches!(status.phase, BackupPhase::Succeeded | BackupPhase::Failed);
        let looked =
            over || seen.backup.metadata.deletion_timestamp.is_some() && status.checkpoint_at.is_some();
        seen.copy = match (looked, self.silent) {
            (false, _) => CopySeen::Unasked,
            (true, true) => CopySeen::Silent("no member that takes writes answers".into()),
            (true, false) => CopySeen::Told { member: "c-0".into(), answer: self.look() },
        };
    }

    fn come_true(&mut self, _: &mut Seen, step: &Step, _: Timestamp) -> Fact {
        match step {
            Step::Copy { too_late, .. } => match (self.look(), too_late) {
                (Answer::Done { copy, .. }, _) => Fact::Copied(copy),
                (_, Some(why)) => Fact::Spoiled { reason: why.clone() },
                (answer, None) => {
                    if answer != Answer::Running {
                        self.left = Some(LONG);
                    }
                    Fact::Delayed { reason: "it goes on".into(), again_seconds: 1 }
                }
            },
            Step::RemoveCopy { .. } => {
                self.left = None;
                self.copies.clear();
                Fact::UnderWay { again_seconds: 1 }
            }
            _ => panic!("no snapshot is made: {step}"),
        }
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
        let world = World::killed_in(death);
        assert_eq!(
            world.status().phase,
            BackupPhase::Succeeded,
            "killed in round {death}: {:?}",
            world.steps
        );
        assert_eq!(world.outside.copies.len(), 1, "killed in round {death}: {:?}", world.steps);
    }
}

#[test]
fn a_copy_whose_server_lost_its_role_fails_and_is_removed_but_one_that_was_finished_counts() {
    for finished in [false, true] {
        let mut world = World::until(BackupPhase::Copying);
        while world.outside.left.is_none() {
            world.round(false);
        }
        if finished {
            world.outside.left = Some(0);
        }
        world.seen.source = Source::Ready(Box::new(facts("c-1", 2)));
        world.run();
        let status = world.status();
        if finished {
            assert_eq!((status.phase, world.outside.copies.len()), (BackupPhase::Succeeded, 1));
        } else {
            assert_eq!(
                (status.phase, world.outside.copies.len(), world.outside.left),
                (BackupPhase::Failed, 0, None)
            );
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
    world.outside.copies.clear();
    world.outside.silent = true;
    world.run();
    assert_eq!(world.status().phase, BackupPhase::Succeeded);
    world.outside.silent = false;
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
            world.outside.copies.is_empty() && world.outside.left.is_none(),
            "deleted in round {rounds}: {:?}",
            world.steps
        );
    }
}

#[test]
fn an_archive_that_is_off_for_an_hour_orphans_no_copy() {
    let off = || CopySeen::Elsewhere("cluster c does not archive to gs://wal/stylobate any more".into());
    for phase in [BackupPhase::Succeeded, BackupPhase::Failed] {
        let mut world = World::until(BackupPhase::Succeeded);
        world.run();
        let mut status = world.status();
        status.phase = phase;
        world.write(status);
        if phase == BackupPhase::Failed {
            // Its remains are looked for now and then, whoever deletes the object or does not.
            world.seen.copy = off();
            assert_eq!(decide(&world.seen, world.now).again, Again::Later);
        }
        world.delete();
        for _ in 0..60 {
            world.seen.copy = off();
            let decision = decide(&world.seen, world.now);
            assert_eq!((decision.step, decision.again), (None, Again::Later), "{phase:?}");
            world.write(decision.status);
        }
        if phase == BackupPhase::Succeeded {
            let why = world.status().reason.unwrap();
            assert!(
                why.contains("give it that archive again") && why.contains("deletionPolicy to Retain"),
                "{why}"
            );
        }
        world.run();
        assert!(world.outside.copies.is_empty(), "it is removed when the archive is back");
        assert_eq!(world.seen.backup.metadata.finalizers, None);
    }
}

#[test]
fn whoever_lets_go_of_a_copy_that_is_out_of_reach_says_so() {
    let mut world = World::until(BackupPhase::Succeeded);
    world.run();
    world.delete();
    world.seen.copy = CopySeen::Elsewhere("cluster c does not archive to gs://wal/stylobate any more".into());
    world.backup().spec.deletion_policy = crate::api::DeletionPolicy::Retain;
    assert_eq!(decide(&world.seen, world.now).step, Some(Step::Unguard));
    let mut failed = world.status();
    failed.phase = BackupPhase::Failed;
    world.write(failed);
    let decision = decide(&world.seen, world.now);
    assert_eq!(decision.step, Some(Step::DropManifest));
    assert!(decision.status.reason.unwrap().starts_with("the copy stays in the archive"));
}

#[test]
fn a_held_copy_says_that_it_is_held_also_while_its_archive_is_silent() {
    let mut world = World::until(BackupPhase::Succeeded);
    world.run();
    world.backup().spec.hold = true;
    world.delete();
    world.outside.silent = true;
    world.round(false);
    let why = world.status().reason.unwrap();
    assert!(why.contains("policy legal-hold"), "{why}");
}

#[test]
fn a_copy_waits_for_a_member_to_remove_it_and_stays_when_its_cluster_is_gone() {
    let mut world = World::until(BackupPhase::Succeeded);
    world.run();
    world.delete();
    world.outside.silent = true;
    world.round(false);
    assert!(world.status().reason.unwrap().contains("waits to be removed"));
    assert!(world.seen.backup.metadata.finalizers.is_some());
    world.seen.copy = CopySeen::OutOfReach("cluster c is gone".into());
    let decision = decide(&world.seen, world.now);
    assert_eq!(decision.status.reason.as_deref(), Some("the copy stays in the archive: cluster c is gone"));
    assert_eq!((decision.step, decision.again), (Some(Step::DropManifest), Again::Soon));
}
