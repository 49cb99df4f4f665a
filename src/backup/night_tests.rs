//! A night of a thousand clusters with the same schedule, second by second: `cargo test --lib backup::night -- --nocapture` draws it.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::decide::Again;
use super::facts::Seen;
use super::queue::has_turn;
use super::step::{Fact, Step};
use super::test_world::{Outside, World};
use crate::api::{BackupMethod, BackupPhase, PostgresBackup, SnapshotRecord};
use crate::cron::Cron;
use crate::name::ClusterName;
use crate::schedule::spread;
use crate::snapshot::{self, Stage};

const CLUSTERS: usize = 1000;
/// The chart's own value of `backupSlots`.
const PLACES: usize = 16;
/// Reads a minute that Google answers for a project.
const QUOTA: usize = 1500;
/// Checkpoints and cuts take from 10 s to 40 s, snapshots are ready after 2 to 15 minutes.
const WORK: std::ops::Range<u64> = 10..40;
const READY: std::ops::Range<u64> = 120..900;

/// A provider that takes its time, and counts.
#[derive(Default)]
struct Provider {
    ready_after: i64,
    calls: usize,
}

impl Outside for Provider {
    const METHOD: BackupMethod = BackupMethod::Snapshot;

    fn before_round(&mut self, seen: &mut Seen, now: Timestamp) {
        let phase = seen.backup.status.as_ref().map_or(BackupPhase::Pending, |status| status.phase);
        // As src/backup/observe.rs looks: not before something was cut.
        self.calls += usize::from(!matches!(phase, BackupPhase::Pending | BackupPhase::Checkpointing));
        for found in seen.snapshots.values_mut() {
            if found.cut_at.is_some_and(|cut| now.duration_since(cut).as_secs() >= self.ready_after) {
                found.stage = Stage::Ready;
            }
        }
    }

    fn come_true(&mut self, seen: &mut Seen, step: &Step, now: Timestamp) -> Fact {
        let Step::Cut { parts } = step else { panic!("no other step is the provider's: {step}") };
        self.calls += 3; // the order, and two looks at its operation
        let name = parts[0].order.name.clone();
        let (handle, cut_at) = (Some("h".to_owned()), Some(now));
        let found = snapshot::Seen {
            name: name.clone(),
            handle: handle.clone(),
            driver: Some("csi.example".into()),
            stage: Stage::Cut,
            cut_at,
            restore_bytes: Some(1 << 30),
            trouble: None,
            labels: parts[0].order.labels.clone(),
        };
        seen.snapshots.insert(name.clone(), found);
        let cut_at = cut_at.map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time);
        let record = SnapshotRecord { name, handle, cut_at, ..SnapshotRecord::default() };
        Fact::Cut { snapshots: vec![(0, record)], stall: None }
    }
}

struct Cluster {
    world: World<Provider>,
    wakes: Timestamp,
}

/// What a minute was like.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    waiting: usize,
    working: usize,
    finishing: usize,
    done: usize,
    calls: usize,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A value that follows from a number, as every run has to be the same.
fn within(range: &std::ops::Range<u64>, number: usize) -> u64 {
    range.start + (number as u64).wrapping_mul(2_654_435_761) % (range.end - range.start)
}

fn fleet(schedule: &str) -> Vec<Cluster> {
    let start = at("2026-11-21T01:30:00Z");
    let cluster = |number: usize| {
        let name = ClusterName::new("shop", format!("c{number:04}"));
        let text = spread(schedule, &name, "nightly").unwrap();
        // The operator looks at each cluster every 15 s.
        let due = Cron::read("", &text, "UTC").unwrap().next(start).unwrap();
        let made = due + SignedDuration::from_secs((number % 15) as i64);
        let mut world = World::<Provider>::new();
        world.outside.ready_after = within(&READY, number) as i64;
        let meta = &mut world.backup().metadata;
        (meta.name, meta.uid) = (Some(format!("{}-nightly", name.name)), Some(format!("{number:08}-0000")));
        meta.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(made));
        world.backup().spec.cluster = name.name;
        Cluster { world, wakes: made }
    };
    (0..CLUSTERS).map(cluster).collect()
}

impl Cluster {
    fn phase(&self) -> BackupPhase {
        self.world.seen.backup.status.as_ref().map_or(BackupPhase::Pending, |status| status.phase)
    }

    fn is_made(&self, now: Timestamp) -> bool {
        self.world.seen.backup.metadata.creation_timestamp.as_ref().is_some_and(|made| made.0 <= now)
    }
}

/// The operator looks at one backup; says when it looks again.
fn look(fleet: &mut [Cluster], index: usize, now: Timestamp) -> Timestamp {
    let own = fleet[index].phase();
    if own == BackupPhase::Pending {
        let all = fleet.iter().filter(|one| one.is_made(now)).map(|one| one.world.seen.backup.as_ref());
        fleet[index].world.seen.turn = has_turn(&fleet[index].world.seen.backup, all, PLACES);
    }
    if matches!(own, BackupPhase::Finishing | BackupPhase::Succeeded) {
        fleet[index].world.seen.crowd = fleet.iter().filter(|one| one.phase() == own).count();
    }
    let decision = fleet[index].world.look(now);
    let pause = match (&decision.step, decision.again) {
        (Some(Step::Checkpoint { .. } | Step::Cut { .. }), _) => {
            within(&WORK, index + now.as_second() as usize)
        }
        (None, Again::Queued) => 5,
        (None, Again::After(pause)) => pause.as_secs().max(1),
        (None, Again::Later | Again::Never) => 600,
        _ => 1,
    };
    now + SignedDuration::from_secs(pause as i64)
}

/// The night, minute by minute.
fn night(schedule: &str) -> (Vec<Cluster>, Vec<Minute>) {
    let mut fleet = fleet(schedule);
    let (mut now, mut minutes) = (at("2026-11-21T02:00:00Z"), Vec::<Minute>::new());
    let mut called = 0;
    while minutes.last().is_none_or(|last| last.done < CLUSTERS) && minutes.len() < 360 {
        for _ in 0..60 {
            for index in 0..fleet.len() {
                if fleet[index].wakes <= now {
                    fleet[index].wakes = look(&mut fleet, index, now);
                }
            }
            now += SignedDuration::from_secs(1);
        }
        let count = |of: &[BackupPhase]| {
            fleet.iter().filter(|one| one.is_made(now) && of.contains(&one.phase())).count()
        };
        let working = count(&[BackupPhase::Checkpointing, BackupPhase::Cutting]);
        assert!(working <= PLACES, "{now}: {working} at work");
        let calls: usize = fleet.iter().map(|cluster| cluster.world.outside.calls).sum();
        minutes.push(Minute {
            waiting: count(&[BackupPhase::Pending]),
            working,
            finishing: count(&[BackupPhase::Finishing]),
            done: count(&[BackupPhase::Succeeded]),
            calls: calls - called,
        });
        called = calls;
    }
    (fleet, minutes)
}

/// One line for every fourth minute until all is done: w waits, s is at work, f becomes ready, d is done, 20 clusters a letter.
fn picture(schedule: &str, minutes: &[Minute]) -> String {
    let mut text = format!("\n{CLUSTERS} clusters, '{schedule}', {PLACES} places\n minute  calls  \n");
    for (minute, now) in minutes.iter().enumerate().step_by(4) {
        let bar = |letter: &str, count: usize| letter.repeat(count.div_ceil(20));
        let Minute { waiting, working, finishing, done, calls } = *now;
        let bars = [bar("d", done), bar("f", finishing), bar("s", working), bar("w", waiting)].concat();
        let _ = writeln!(text, "{minute:>7} {calls:>6}  {bars}");
    }
    text
}

fn waits(fleet: &[Cluster]) -> Vec<i64> {
    let wait = |backup: &PostgresBackup| {
        let made = backup.metadata.creation_timestamp.as_ref().unwrap().0;
        backup.status.as_ref().unwrap().started_at.as_ref().unwrap().0.duration_since(made).as_secs()
    };
    fleet.iter().map(|one| wait(&one.world.seen.backup)).collect()
}

#[test]
fn a_thousand_clusters_with_one_schedule_are_backed_up_in_turn_and_within_the_quota() {
    for (schedule, longest) in [("0 2 * * *", 5400), ("H H(2-3) * * *", 120)] {
        let (fleet, minutes) = night(schedule);
        println!("{}", picture(schedule, &minutes));
        for one in &fleet {
            let status = one.world.status();
            assert_eq!(status.phase, BackupPhase::Succeeded, "{:?}", status.reason);
        }
        let most = waits(&fleet).into_iter().max().unwrap();
        let calls = minutes.iter().map(|minute| minute.calls).max().unwrap();
        println!("longest wait {most} s, most calls in a minute {calls} of {QUOTA}");
        // 1000 clusters by 16 places, each taken for 80 s at most.
        assert!(most <= longest, "{schedule}: {most} s");
        assert!(calls <= QUOTA, "{schedule}: {calls} calls in a minute");
    }
}
