//! What is done next in a drill, and what is told of it. Pure.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt;

use crate::api::{
    ArchiveCheckOutcome, BackupMethod, BackupPhase, DrillBlame, DrillOutcome, DrillReplay, DrillReport,
    PostgresBackup, PostgresCluster,
};
use crate::name::ANNOTATION_VERIFY;
use crate::policy::{self, CATALOG, Policy};
use crate::status::{kind, reason};

use super::cluster::{cluster, name, name_alone};
use super::facts::{Findings, Report, Seen};
use super::replay::{Prepared, clear, hopeless, late, prepare};

/// A restore that says it failed may yet heal, as when an image is pulled late; after this long it has not.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make the object that owns all that the drill makes.
    Anchor {
        /// Its name, and the cluster's.
        name: String,
    },
    /// Write the mark on the backup's cluster that the drill has to bring back, and have its WAL archived. What stands is not written again; WAL
    /// is switched again only while the segment with the mark is the one that is written.
    Mark {
        /// Key of the mark.
        key: String,
    },
    /// Make the cluster.
    Make {
        /// As sent.
        cluster: Box<PostgresCluster>,
    },
    /// Have the data looked through. Asking while that goes on does nothing.
    Ask {
        /// Name of the drill.
        key: String,
        /// Minutes in which the archive may be read through; none where it is not.
        archive: Option<i32>,
    },
    /// Remove all that the drill made.
    Remove {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Anchor { name } => write!(f, "begin drill {name}"),
            Step::Make { cluster } => write!(f, "restore the backup aside as {}", cluster.name_any()),
            Step::Mark { key } => write!(f, "write the mark of {key}"),
            Step::Ask { key, .. } => write!(f, "look through the data of {key}"),
            Step::Remove { name } => write!(f, "remove drill {name}"),
        }
    }
}

/// What to do and what to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// `status.drill` as it should stand. It is written before the step is taken.
    pub drill: Option<DrillReport>,
    /// `status.verified` as it should stand.
    pub verified: Option<DrillReport>,
    /// `status.failedDrill` as it should stand.
    pub refuted: Option<DrillReport>,
    /// The step.
    pub step: Option<Step>,
    /// Something is on its way that no watch reports.
    pub soon: bool,
}

/// Decides on one backup, and has the step judged.
pub fn decide(seen: &Seen, now: Timestamp) -> Decision {
    judged(plan(seen, now), seen, CATALOG)
}

/// The decision, without its step where something speaks against that. It is told as what the drill waits for.
pub(super) fn judged(mut decision: Decision, seen: &Seen, catalog: &[&dyn Policy]) -> Decision {
    let objection = |step| policy::first(catalog, step, |policy| policy.judge_drill(step, seen));
    if let Some(verdict) = decision.step.as_ref().and_then(objection) {
        decision.step = None;
        if let Some(drill) = &mut decision.drill {
            drill.waiting = Some(verdict.to_string());
        }
    }
    decision
}

fn plan(seen: &Seen, now: Timestamp) -> Decision {
    let status = seen.backup.status.clone().unwrap_or_default();
    // Taken before anything is changed: a drill that begins takes the place of the one that failed, and proves nothing yet.
    let refuted = status.refuted().cloned();
    let (drill, verified) = (status.drill, status.verified);
    if seen.backup.metadata.deletion_timestamp.is_some() {
        return Decision { drill, verified, refuted, ..Decision::default() };
    }
    match drill {
        Some(drill) if drill.outcome == DrillOutcome::Running => {
            let (drill, step) = go_on(seen, drill, now);
            let (verified, refuted) = match drill.outcome {
                DrillOutcome::Passed => (Some(drill.clone()), None),
                DrillOutcome::Failed if drill.refutes() => (verified, Some(drill.clone())),
                // Of the archive, or of what surrounds it: the backup is as good or bad as it was.
                DrillOutcome::Failed | DrillOutcome::Running => (verified, refuted),
            };
            Decision { drill: Some(drill), verified, refuted, step, soon: true }
        }
        last => {
            let left = last.as_ref().filter(|_| seen.anchor.is_some() || seen.cluster.is_some());
            if let Some(last) = left {
                let step = Some(Step::Remove { name: last.stands().to_owned() });
                return Decision { drill: Some(last.clone()), verified, refuted, step, soon: true };
            }
            if let Some(last) = last.as_ref().filter(|last| !last.volumes.is_empty()) {
                let told = left_behind(last, &seen.left);
                // A disk goes minutes after its claim. What stays longer is told, and looked for when the backup is looked at next.
                let soon = !seen.left.is_empty() && now.duration_since(ended_at(last)) < PATIENCE;
                if soon || told != *last {
                    return Decision { drill: Some(told), verified, refuted, step: None, soon };
                }
            }
            match begin(&seen.backup, last.as_ref(), status.phase, now) {
                // It is asked for again and again, and takes no time of the drill's.
                Some(drill) if !seen.turn && drill.outcome == DrillOutcome::Running => {
                    Decision { drill: last, verified, refuted, step: None, soon: true }
                }
                Some(drill) => Decision { drill: Some(drill), verified, refuted, step: None, soon: true },
                None => Decision { drill: last, verified, refuted, step: None, soon: false },
            }
        }
    }
}

fn ended_at(drill: &DrillReport) -> Timestamp {
    drill.at.as_ref().unwrap_or(&drill.started_at).0
}

/// The end of a drill, with what it left behind.
fn left_behind(last: &DrillReport, left: &[String]) -> DrillReport {
    let waiting = (!left.is_empty()).then(|| {
        format!(
            "of what it made PersistentVolume {} is there still, with the data that was looked through: once it is Released, delete it and \
             the disk behind it",
            left.join(", ")
        )
    });
    DrillReport { volumes: left.to_vec(), waiting, ..last.clone() }
}

/// The drill that was asked for, when it is not the last one.
fn begin(
    backup: &PostgresBackup,
    last: Option<&DrillReport>,
    phase: BackupPhase,
    now: Timestamp,
) -> Option<DrillReport> {
    let request = backup.annotations().get(ANNOTATION_VERIFY).filter(|request| !request.is_empty())?;
    let cluster = name(backup, request);
    if last.is_some_and(|last| last.cluster == cluster) || !phase.is_over() {
        return None;
    }
    // What the one before left is looked for at this one's end too.
    let volumes = last.map(|last| last.volumes.clone()).unwrap_or_default();
    let drill = DrillReport { volumes, ..DrillReport::begins(cluster, Time(now)) };
    Some(match phase {
        BackupPhase::Succeeded => drill,
        other => {
            let cause = format!("the backup is {other:?}: there is nothing to restore");
            failed(drill, DrillBlame::Backup, cause, now)
        }
    })
}

/// The next step of a drill that runs, or its end.
fn go_on(seen: &Seen, mut drill: DrillReport, now: Timestamp) -> (DrillReport, Option<Step>) {
    drill.waiting = None;
    let name_of = drill.cluster.clone();
    // Written down while the claims are there: when they are gone nobody can tell any more what was behind them.
    let new: Vec<_> = seen.volumes.iter().filter(|name| !drill.volumes.contains(*name)).cloned().collect();
    drill.volumes.extend(new);
    if let Some(kind) = seen.foreign {
        let cause = format!(
            "{kind} {} is there, which this drill did not make: remove it, and ask for a drill again",
            drill.stands()
        );
        return (failed(drill, DrillBlame::Surroundings, cause, now), None);
    }
    if now.duration_since(drill.started_at.0) > seen.limit {
        return (too_late(seen, drill, now), None);
    }
    if let Some(step) = clear(seen, &mut drill, || name_alone(&seen.backup, &name_of)) {
        return (drill, step);
    }
    let Some(anchor) = &seen.anchor else {
        // One of a drill whose owner was deleted goes first, or it would be taken for somebody else's.
        let step = seen.cluster.is_none().then(|| Step::Anchor { name: drill.stands().to_owned() });
        return (drill, step);
    };
    let Some(restored) = &seen.cluster else {
        if let Prepared::First(step) = prepare(seen, &mut drill, now) {
            return (drill, step);
        }
        return match cluster(&seen.backup, &drill, anchor, &seen.images, &seen.class) {
            Ok(cluster) => (drill, Some(Step::Make { cluster: Box::new(cluster) })),
            Err(cause) => (failed(drill, DrillBlame::Backup, cause, now), None),
        };
    };
    let restore = restored.status.as_ref().and_then(|status| status.restore.as_ref());
    let serving = restore.and_then(|restore| restore.serving_at.as_ref());
    if let Some(why) = hopeless(seen, &drill, restored, PATIENCE, now) {
        return match drill.replay.as_mut().filter(|replay| serving.is_none() && replay.failed.is_none()) {
            // Which of the two is to blame shows when the backup comes back alone, or does not.
            Some(replay) => {
                // What was to be replayed is the archive's; that it could not be asked is nobody's fault of the two.
                replay.failed_of = Some(match why.blame {
                    DrillBlame::Surroundings => DrillBlame::Surroundings,
                    DrillBlame::Backup | DrillBlame::Archive => DrillBlame::Archive,
                });
                replay.failed = Some(why.cause);
                (drill, None)
            }
            None => (failed(drill, why.blame, why.cause, now), None),
        };
    }
    let Some(serving) = serving else {
        drill.waiting = standing(restored);
        return (drill, None);
    };
    let ordered = restored.metadata.creation_timestamp.as_ref().unwrap_or(&drill.started_at).0;
    drill.recovery_seconds = Some(serving.0.duration_since(ordered).as_secs());
    let Some(findings) = &seen.findings else { return (drill, None) };
    drill.bytes = drill.bytes.or(findings.bytes);
    match &findings.report {
        Some(report) if report.key == drill.stands() && report.state == "done" => {
            let mut ended = judge(&seen.backup, drill, findings, report, now);
            ended.checks.extend(seen.class.told());
            (ended, None)
        }
        _ => {
            let reads = drill.replays().is_some() || seen.backup.spec.method == BackupMethod::Archive;
            let archive = seen.verify_archive.filter(|_| reads);
            let step = Step::Ask { key: drill.stands().to_owned(), archive };
            (drill, Some(step))
        }
    }
}

fn too_late(seen: &Seen, drill: DrillReport, now: Timestamp) -> DrillReport {
    let stood = match &seen.cluster {
        None => "nothing was made yet".to_owned(),
        Some(restored) => {
            standing(restored).unwrap_or_else(|| "it served, and was being looked through".into())
        }
    };
    let mut cause = format!(
        "it took longer than {} min (spec.backup.drill.deadlineMinutes of the cluster); at its end: {stood}",
        seen.limit.as_mins()
    );
    let blame = match (late(&seen.backup, seen.cluster.as_ref()), &drill.replay) {
        // Alone it had only the time that the replay left: its end says no more than that the replay failed.
        (_, Some(DrillReplay { failed: Some(why), failed_of, .. })) => {
            cause = format!("the replay of WAL failed: {why}; and of the backup alone {cause}");
            failed_of.unwrap_or(DrillBlame::Archive)
        }
        // While WAL is replayed nobody can tell what of the two takes so long.
        (DrillBlame::Backup, Some(_)) => DrillBlame::Archive,
        (blame, _) => blame,
    };
    failed(drill, blame, cause, now)
}

/// What all checks together say.
fn judge(
    backup: &PostgresBackup,
    mut drill: DrillReport,
    findings: &Findings,
    report: &Report,
    now: Timestamp,
) -> DrillReport {
    let mut faults = report.faults.clone();
    drill.checks.clone_from(&report.checks);
    let cut = backup.status.as_ref().and_then(|status| status.cut_at.as_ref());
    match (findings.marked_at, cut) {
        (Some(marked), Some(cut)) => {
            // Two clocks: the server's and the provider's. A mark is written before the cut, whatever they say.
            let lost = cut.0.duration_since(marked).as_secs().max(0);
            drill.lost_seconds = Some(lost);
            drill.checks.push(format!("mark: written {lost} s before the cut, and it came back"));
        }
        (Some(_), None) => drill.checks.push("mark: it came back".into()),
        (None, _) => {
            drill.checks.push("mark: missing".into());
            faults.push("the mark that was written before the cut did not come back: the snapshot is older than the backup says".into());
        }
    }
    let mut of_archive = replayed(&mut drill, findings);
    let damaged = read_through(&mut drill, report);
    let of = drill.replay.as_ref().and_then(|replay| replay.failed_of).filter(|_| damaged.is_empty());
    of_archive.extend(damaged);
    if !faults.is_empty() {
        return failed(drill, DrillBlame::Backup, faults.join("; "), now);
    }
    if !of_archive.is_empty() {
        return failed(drill, of.unwrap_or(DrillBlame::Archive), of_archive.join("; "), now);
    }
    DrillReport { outcome: DrillOutcome::Passed, at: Some(Time(now)), ..drill }
}

/// What the replay says, and what is wrong with it.
fn replayed(drill: &mut DrillReport, findings: &Findings) -> Vec<String> {
    if let Some(why) = &drill.not_replayed {
        drill.checks.push(format!("replay: not made: {why}"));
    }
    let Some(replay) = &mut drill.replay else { return Vec::new() };
    if let Some(why) = &replay.failed {
        drill.checks.push("replay: failed, and the backup came back alone".into());
        return vec![format!(
            "the backup comes back, but not up to {:.0} with the WAL of the archive: {why}",
            replay.to.0
        )];
    }
    // Read from the data, so that it is known and not believed that recovery came so far.
    replay.reached = findings.replayed_to.is_some();
    if replay.reached {
        let mib = replay.bytes.map(|bytes| format!("{} MiB of WAL, ", bytes.div_euclid(1 << 20) + 1));
        let said = format!(
            "replay: {}the mark of {:.0} came back ({})",
            mib.unwrap_or_default(),
            replay.to.0,
            replay.lsn
        );
        drill.checks.push(said);
        return Vec::new();
    }
    drill.checks.push("replay: the mark is missing".into());
    vec![format!(
        "the mark that was written at {:.0} did not come back with the WAL of the archive",
        replay.to.0
    )]
}

/// What reading the archive says, and what is wrong with it.
fn read_through(drill: &mut DrillReport, report: &Report) -> Vec<String> {
    let Some(found) = &report.archive else { return Vec::new() };
    drill.archive = Some(found.clone());
    let said = found.said.as_deref().unwrap_or("it does not say more");
    let seconds = found.seconds.unwrap_or_default();
    match found.outcome {
        ArchiveCheckOutcome::Whole => {
            let segments = found.segments.unwrap_or_default();
            drill.checks.push(format!("archive: {segments} segments read in {seconds} s, all whole"));
            Vec::new()
        }
        ArchiveCheckOutcome::Damaged => {
            drill.checks.push("archive: damaged".into());
            vec![format!("pgbackrest verify finds the archive damaged: {said}")]
        }
        ArchiveCheckOutcome::Unfinished => {
            drill.checks.push(format!(
                "archive: not read to its end within {seconds} s (spec.backup.drill.verifyArchiveMinutes)"
            ));
            Vec::new()
        }
        ArchiveCheckOutcome::NotRun => {
            drill.checks.push(format!("archive: not read: {said}"));
            Vec::new()
        }
    }
}

fn failed(drill: DrillReport, of: DrillBlame, cause: String, now: Timestamp) -> DrillReport {
    let (at, cause, failed_of) = (Some(Time(now)), Some(cause), Some(of));
    DrillReport { outcome: DrillOutcome::Failed, at, cause, failed_of, ..drill }
}

/// What a restored cluster waits for, in its own words; a pod that can't start says more than how far the restore is.
fn standing(cluster: &PostgresCluster) -> Option<String> {
    let conditions = &cluster.status.as_ref()?.conditions;
    let bad = |wanted: &str| conditions.iter().find(|c| c.type_ == wanted && c.status == "False");
    let pods = |c: &&Condition| {
        matches!(c.reason.as_str(), reason::UNSCHEDULABLE | reason::FAILED_CREATE | reason::IMAGE_PULL)
    };
    let told = bad(kind::READY).filter(pods).or_else(|| bad(kind::RESTORED)).or_else(|| bad(kind::READY));
    told.map(|condition| condition.message.clone())
}
