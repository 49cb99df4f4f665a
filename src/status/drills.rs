//! Drills in the status: which backup was proved last, and whether drills come and pass as their schedule promises.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{
    BackupSummary, ClusterStatus, DrillBlame, DrillOutcome, DrillRun, DrillRunOutcome, DrillSchedule,
    DrillsStatus, MissedDrill, Recovery, VerifiedBackup,
};
use crate::observe::{BackupSeen, Observed};
use crate::plan::drills_due;
use crate::schedule::CLOCK_SLACK;

use super::conditions::{Finding, good, reason};

/// What a drill ends with by its deadline is removed and told; that it takes so long more means that nobody works on it.
const END_SLACK: SignedDuration = SignedDuration::from_mins(10);

/// The backup of the newest drill that passed; also one that is deleted since.
pub fn last_verified(
    backups: &BTreeMap<String, BackupSeen>,
    before: Option<&VerifiedBackup>,
    now: Timestamp,
) -> Option<VerifiedBackup> {
    let all = backups.iter().filter_map(|(name, backup)| verified(name, backup));
    // What passed further ahead than clocks differ was told by a clock that was wrong, and must not silence what comes.
    let known = |passed: &VerifiedBackup| passed.at.0.duration_since(now) <= CLOCK_SLACK;
    // Of two that passed at once the one that is told stays.
    all.chain(before.cloned()).filter(known).max_by_key(|passed| passed.at.0)
}

fn verified(name: &str, backup: &BackupSeen) -> Option<VerifiedBackup> {
    let at = backup.status.verified.as_ref()?.at.clone()?;
    Some(VerifiedBackup { name: name.to_owned(), cut_at: Time(backup.moment()), at })
}

/// When the newest drill ended; also of a backup that is deleted since. What an older operator told of drills counts as well.
pub fn last_drill_at(
    backups: &BTreeMap<String, BackupSeen>,
    before: Option<&BackupSummary>,
    now: Timestamp,
) -> Option<Time> {
    let told = before.into_iter().flat_map(|before| {
        let run = before.drill.as_ref().and_then(|row| row.last.as_ref()?.at.as_ref());
        [before.last_drill_at.as_ref(), before.last_verified.as_ref().map(|passed| &passed.at), run]
    });
    let told = told.flatten().map(|at| at.0);
    let ended = backups.values().filter_map(|backup| backup.status.last_drill_end());
    // A clock that was wrong would put the cluster behind all others for good.
    ended.chain(told).filter(|at| at.duration_since(now) <= CLOCK_SLACK).max().map(Time)
}

/// How many restores are remembered: half a year of weekly drills.
const MOST_RECOVERIES: usize = 24;

/// How long restores took, by the drills that passed: those that are told, and those that are new. They outlive their backups, since what is
/// wanted is how the time grows with the data.
pub fn recoveries(
    backups: &BTreeMap<String, BackupSeen>,
    before: &[Recovery],
    now: Timestamp,
) -> Vec<Recovery> {
    let found = backups.iter().filter_map(|(name, backup)| {
        let drill = backup.status.verified.as_ref()?;
        Some(Recovery {
            backup: name.clone(),
            at: drill.at.clone()?,
            method: backup.spec.method,
            seconds: drill.recovery_seconds?,
            bytes: drill.bytes,
            replayed_bytes: drill.replays().and_then(|replay| replay.bytes),
        })
    });
    let mut all: Vec<Recovery> = before.to_vec();
    for one in found {
        if !all.iter().any(|told| told.backup == one.backup && told.at == one.at) {
            all.push(one);
        }
    }
    // What a clock told that was wrong would stay the newest for ever.
    all.retain(|one| one.at.0.duration_since(now) <= CLOCK_SLACK);
    all.sort_by_key(|one| one.at.0);
    all.drain(..all.len().saturating_sub(MOST_RECOVERIES));
    all
}

/// Volumes that drills left behind.
pub fn left_volumes(backups: &BTreeMap<String, BackupSeen>) -> i32 {
    let over = backups.values().filter_map(|backup| backup.status.drill.as_ref());
    let left = over.filter(|drill| drill.outcome != DrillOutcome::Running && drill.waiting.is_some());
    i32::try_from(left.map(|drill| drill.volumes.len()).sum::<usize>()).unwrap_or(i32::MAX)
}

/// The moment that was missed since the status was written last: an event tells of each.
pub fn missed_drill<'a>(before: &ClusterStatus, after: &'a ClusterStatus) -> Option<&'a MissedDrill> {
    let drill = |status: &'a ClusterStatus| status.backup.as_ref()?.drill.as_ref()?.missed.as_ref();
    let known = before.backup.as_ref().and_then(|backup| backup.drill.as_ref()?.missed.as_ref());
    drill(after).filter(|missed| Some(*missed) != known)
}

/// Whether backups are proved as the schedule of drills promises; none where none is promised.
pub fn current(seen: &Observed, summary: Option<&BackupSummary>, now: Timestamp) -> Option<Finding> {
    let summary = summary?;
    let row = summary.drill.as_ref()?;
    let have = match &summary.last_verified {
        Some(passed) => {
            format!("the last drill that passed was that of backup {}, at {:.0}", passed.name, passed.at.0)
        }
        None => "no drill has passed yet".into(),
    };
    if let Some((reason, what)) = trouble(seen, summary, row, now) {
        let (cluster, namespace) = (seen.name().name, seen.name().namespace);
        let failed = row.last.as_ref().filter(|_| reason == reason::DRILL_FAILED);
        let of =
            failed.and_then(|run| Some((run, run.failed_of?))).filter(|(_, of)| *of != DrillBlame::Backup);
        let remedy = match &summary.last_good {
            // The backup is as good as it was: once the rest is mended the same one can be proved.
            _ if of.is_some_and(|(_, of)| of == DrillBlame::Archive) => format!(
                "the archive is to blame and not the backup: see Archiving, then stylobate backup verify {} -n {namespace}",
                of.map(|(run, _)| run.backup.clone()).unwrap_or_default()
            ),
            _ if of.is_some() => format!(
                "it says nothing of the backup; once that is mended: stylobate backup verify {} -n {namespace}",
                of.map(|(run, _)| run.backup.clone()).unwrap_or_default()
            ),
            // The same backup would most likely fail again, and what the drill found may be in the cluster itself by now.
            Some(_) if reason == reason::DRILL_FAILED => format!(
                "find the cause, then prove another backup: stylobate backup {cluster} -n {namespace}, and stylobate \
                 backup verify with the name that it prints"
            ),
            Some(good) => format!("one now: stylobate backup verify {} -n {namespace}", good.name),
            None => format!("a backup to prove: stylobate backup {cluster} -n {namespace}"),
        };
        return Some((false, reason, format!("{what}; {have}; {remedy}")));
    }
    let running = row.running.as_ref().map(|run| format!("; one of backup {} is under way", run.backup));
    let waiting = drills_due(seen, now).and_then(|due| due.waiting);
    let waiting = waiting.map(|(at, hindrance)| format!("; the one due {at:.0} waits: {hindrance}"));
    let next = match &row.next {
        Some(next) => format!("; the next is due {:.0}", next.0),
        None => "; none is due in four years".into(),
    };
    Some(good(format!("{have}{}{}{next}", running.unwrap_or_default(), waiting.unwrap_or_default())))
}

/// What is wrong, worst first.
fn trouble(
    seen: &Observed,
    summary: &BackupSummary,
    row: &DrillsStatus,
    now: Timestamp,
) -> Option<(&'static str, String)> {
    let since = |moment: Timestamp| summary.last_verified.as_ref().is_some_and(|last| last.at.0 >= moment);
    let last = row.last.as_ref();
    let why = |run: &DrillRun| run.cause.clone().unwrap_or_else(|| "its status says no more".into());
    let named = |run: &DrillRun| {
        format!("the drill of backup {}, scheduled for {:.0},", run.backup, run.scheduled_for.0)
    };
    if let Some(run) =
        last.filter(|run| run.outcome == DrillRunOutcome::Failed && !made_good(run, seen, summary))
    {
        return Some((reason::DRILL_FAILED, format!("{} failed: {}", named(run), why(run))));
    }
    let policy = seen.cluster.spec.backup.drill.as_ref();
    if let Some((run, end)) = row.running.as_ref().zip(policy).and_then(|(run, policy)| {
        let end = end(run, policy)?;
        (now > end).then_some((run, end))
    }) {
        let what = format!(
            "{} was to have ended by {end:.0} and is {:?}: does an operator run? kubectl -n stylobate-system get pods",
            named(run),
            run.outcome
        );
        return Some((reason::DRILL_OVERDUE, what));
    }
    // One that is under way makes up for nothing yet.
    let later = |moment: Timestamp| {
        let at = last.map(|run| run.scheduled_for.0);
        at.is_some_and(|at| at > moment && at.duration_since(now) <= CLOCK_SLACK)
    };
    if let Some(missed) = row.missed.as_ref().filter(|missed| {
        let moment = missed.scheduled_for.0;
        !later(moment) && !since(moment)
    }) {
        return Some((reason::DRILL_MISSED, format!("a drill was missed: {}", missed.reason)));
    }
    let gone = last.filter(|run| run.outcome == DrillRunOutcome::Gone && !since(run.scheduled_for.0))?;
    Some((reason::DRILL_GONE, format!("{} came to no end: {}", named(gone), why(gone))))
}

/// When a drill has ended at the latest, whatever comes of it.
fn end(run: &DrillRun, policy: &DrillSchedule) -> Option<Timestamp> {
    let minutes = |count: i32| SignedDuration::from_mins(i64::from(count.max(0)));
    let most = minutes(policy.start_deadline_minutes) + minutes(policy.deadline_minutes) + END_SLACK;
    run.scheduled_for.0.checked_add(most).ok()
}

/// True when a drill passed after this one failed, of the same backup or of a newer one: that an older one can be restored does
/// not heal what a restore would take.
fn made_good(failed: &DrillRun, seen: &Observed, summary: &BackupSummary) -> bool {
    let backups = seen.backups.iter().flatten();
    let cut = seen.backups.iter().flatten().find(|(name, _)| **name == failed.backup);
    let cut = cut.map(|(_, backup)| backup.moment());
    let passed = backups.filter_map(|(name, backup)| verified(name, backup));
    let ended = failed.at.as_ref().unwrap_or(&failed.scheduled_for).0;
    passed
        .chain(summary.last_verified.clone())
        .any(|passed| passed.at.0 > ended && cut.is_none_or(|cut| passed.cut_at.0 >= cut))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{backup, observed};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const NOW: &str = "2026-11-22T12:00:00Z";

    /// A cluster with two backups, `old` and `new`, and this row of its schedule.
    fn world(row: Value) -> (Observed, BackupSummary) {
        let mut seen =
            observed(json!({"backup": {"drill": {"schedule": "0 5 * * *", "deadlineMinutes": 30}}}));
        let mut whole = json!({
            "schedule": "0 5 * * *", "timeZone": "UTC", "since": "2026-11-01T00:00:00Z",
            "considered": "2026-11-22T05:00:00Z", "next": "2026-11-23T05:00:00Z",
        });
        whole.as_object_mut().unwrap().extend(row.as_object().unwrap().clone());
        let good = json!({"name": "new", "cutAt": "2026-11-22T02:00:00Z"});
        let summary: BackupSummary =
            serde_json::from_value(json!({"drill": whole, "lastGood": good})).unwrap();
        let backups = seen.backups.as_mut().unwrap();
        backups.insert("old".into(), backup(at("2026-11-21T02:00:00Z")));
        backups.insert("new".into(), backup(at("2026-11-22T02:00:00Z")));
        Arc::make_mut(&mut seen.cluster).status =
            Some(ClusterStatus { backup: Some(summary.clone()), ..ClusterStatus::default() });
        (seen, summary)
    }

    fn passes(seen: &mut Observed, summary: &mut BackupSummary, backup: &str, when: &str) {
        let report = json!({"cluster": "c-drill-1", "outcome": "Passed", "startedAt": when, "at": when});
        let backups = seen.backups.as_mut().unwrap();
        backups.get_mut(backup).unwrap().status.verified = serde_json::from_value(report).unwrap();
        summary.last_verified = last_verified(backups, summary.last_verified.as_ref(), at(NOW));
    }

    fn told(seen: &Observed, summary: &BackupSummary) -> (String, String) {
        let (_, reason, message) = current(seen, Some(summary), at(NOW)).unwrap();
        (reason.to_owned(), message)
    }

    fn run(outcome: &str, moment: &str) -> Value {
        json!({"backup": "new", "scheduledFor": moment, "outcome": outcome, "at": "2026-11-22T05:20:00Z", "cause": "block 5 of t"})
    }

    #[test]
    fn a_failed_drill_is_told_until_that_backup_or_a_newer_one_passes() {
        let (mut seen, mut summary) = world(json!({"last": run("Failed", "2026-11-22T05:00:00Z")}));
        let (reason, message) = told(&seen, &summary);
        assert_eq!(reason, "DrillFailed");
        assert!(
            message.contains(
                "block 5 of t; no drill has passed yet; find the cause, then prove another backup: stylobate backup c -n shop, and stylobate \
                 backup verify with the name that it prints"
            ),
            "{message}"
        );
        for (of, part) in [
            (
                DrillBlame::Archive,
                "the archive is to blame and not the backup: see Archiving, then stylobate backup verify new -n shop",
            ),
            (
                DrillBlame::Surroundings,
                "it says nothing of the backup; once that is mended: stylobate backup verify new -n shop",
            ),
        ] {
            let mut summary = summary.clone();
            summary.drill.as_mut().unwrap().last.as_mut().unwrap().failed_of = Some(of);
            assert!(told(&seen, &summary).1.ends_with(part), "{}", told(&seen, &summary).1);
        }
        passes(&mut seen, &mut summary, "old", "2026-11-22T08:00:00Z");
        assert_eq!(told(&seen, &summary).0, "DrillFailed", "an older backup heals nothing");
        passes(&mut seen, &mut summary, "new", "2026-11-22T09:00:00Z");
        assert_eq!(told(&seen, &summary).0, "AsWanted");
        passes(&mut seen, &mut summary, "old", "2026-11-22T10:00:00Z");
        assert_eq!(told(&seen, &summary).0, "AsWanted", "and it unsettles nothing");
    }

    #[test]
    fn a_drill_that_runs_makes_up_for_nothing_before_it_has_passed() {
        let missed = json!({"scheduledFor": "2026-11-22T05:00:00Z", "reason": "due 5: spec.paused was true"});
        let running = json!({"backup": "new", "scheduledFor": "2026-11-22T11:00:00Z", "outcome": "Running"});
        let (mut seen, mut summary) = world(json!({"missed": missed, "running": running}));
        let (reason, message) = told(&seen, &summary);
        assert_eq!(reason, "DrillMissed");
        assert!(
            message.starts_with("a drill was missed: due 5: spec.paused was true; no drill"),
            "{message}"
        );
        passes(&mut seen, &mut summary, "new", "2026-11-22T11:30:00Z");
        assert_eq!(told(&seen, &summary).0, "AsWanted");
    }

    #[test]
    fn a_drill_that_nobody_works_on_is_overdue_after_its_deadlines() {
        // Start deadline 60 min, drill 30 min, 10 min more.
        for (moment, reason) in
            [("2026-11-22T10:20:00Z", "AsWanted"), ("2026-11-22T10:19:59Z", "DrillOverdue")]
        {
            let (seen, summary) = world(json!({"running": run("Asked", moment)}));
            assert_eq!(told(&seen, &summary).0, reason, "{moment}");
        }
    }

    #[test]
    fn a_drill_whose_end_nobody_saw_proves_nothing() {
        let (seen, summary) = world(json!({"last": run("Gone", "2026-11-22T05:00:00Z")}));
        let (reason, message) = told(&seen, &summary);
        assert!(reason == "DrillGone" && message.contains("came to no end: block 5"), "{message}");
    }

    #[test]
    fn what_was_proved_stays_known_when_its_backup_is_deleted_and_a_wrong_clock_proves_nothing() {
        let (mut seen, mut summary) = world(json!({}));
        passes(&mut seen, &mut summary, "old", "2026-11-21T06:00:00Z");
        let backups = seen.backups.as_mut().unwrap();
        backups.remove("old");
        let known = last_verified(backups, summary.last_verified.as_ref(), at(NOW));
        assert_eq!(known.as_ref().unwrap().name, "old");
        let (mut seen, mut summary) = world(json!({}));
        passes(&mut seen, &mut summary, "new", "2031-01-01T00:00:00Z");
        assert_eq!(summary.last_verified, None);
    }

    #[test]
    fn the_end_of_the_last_drill_is_known_when_its_backup_is_deleted_whatever_came_of_it() {
        let (mut seen, mut summary) = world(json!({}));
        let backups = seen.backups.as_mut().unwrap();
        let mut ended = |backup: &str, when: &str| {
            let report = json!({"cluster": "c-drill-1", "outcome": "Failed", "startedAt": when, "at": when});
            backups.get_mut(backup).unwrap().status.drill = serde_json::from_value(report).unwrap();
            backups.clone()
        };
        let with = ended("old", "2026-11-22T06:00:00Z");
        summary.last_drill_at = last_drill_at(&with, Some(&summary), at(NOW));
        assert_eq!(summary.last_drill_at, Some(Time(at("2026-11-22T06:00:00Z"))));
        let wrong = ended("new", "2031-01-01T00:00:00Z");
        assert_eq!(last_drill_at(&wrong, Some(&summary), at(NOW)), summary.last_drill_at, "a wrong clock");
        assert_eq!(last_drill_at(&BTreeMap::new(), Some(&summary), at(NOW)), summary.last_drill_at);
        // What an older operator told.
        let passed = json!({"name": "gone", "cutAt": NOW, "at": "2026-11-20T06:00:00Z"});
        let before = BackupSummary {
            last_verified: serde_json::from_value(passed).unwrap(),
            ..BackupSummary::default()
        };
        assert_eq!(
            last_drill_at(&BTreeMap::new(), Some(&before), at(NOW)),
            Some(Time(at("2026-11-20T06:00:00Z")))
        );
        assert_eq!(last_drill_at(&BTreeMap::new(), None, at(NOW)), None);
    }

    #[test]
    fn how_long_restores_take_is_remembered_beside_their_size_and_beyond_their_backups() {
        let (mut seen, _) = world(json!({}));
        let backups = seen.backups.as_mut().unwrap();
        let report = |when: &str, seconds: i64| {
            let replay = json!({"to": when, "lsn": "0/2", "wal": "w", "bytes": 16, "reached": true});
            serde_json::from_value(
                json!({"cluster": "c-drill-1", "outcome": "Passed", "startedAt": when, "at": when,
                "recoverySeconds": seconds, "bytes": 27_000_000, "replay": replay}),
            )
            .unwrap()
        };
        backups.get_mut("old").unwrap().status.verified = report("2026-11-21T06:00:00Z", 40);
        let first = recoveries(backups, &[], at(NOW));
        assert_eq!(
            (first[0].seconds, first[0].bytes, first[0].replayed_bytes),
            (40, Some(27_000_000), Some(16))
        );
        assert_eq!(recoveries(backups, &first, at(NOW)), first, "each drill once");
        backups.remove("old");
        backups.get_mut("new").unwrap().status.verified = report("2026-11-22T06:00:00Z", 50);
        let second = recoveries(backups, &first, at(NOW));
        assert_eq!(second.iter().map(|one| one.seconds).collect::<Vec<_>>(), [40, 50]);
        backups.get_mut("new").unwrap().status.verified = report("2031-01-01T00:00:00Z", 60);
        assert_eq!(recoveries(backups, &second, at(NOW)), second, "a clock that was wrong tells nothing");
        let many: Vec<Recovery> = (0..40).map(|n| Recovery { seconds: n, ..first[0].clone() }).collect();
        let kept = recoveries(&BTreeMap::new(), &many, at(NOW));
        assert_eq!((kept.len(), kept.last().unwrap().seconds), (24, 39));
    }

    #[test]
    fn volumes_that_drills_left_are_counted_once_they_are_told() {
        let (mut seen, _) = world(json!({}));
        let backups = seen.backups.as_mut().unwrap();
        let mut of = |outcome: &str, waiting: Value| {
            let report = json!({"cluster": "c-drill-1", "outcome": outcome, "startedAt": NOW, "volumes": ["pv-1"], "waiting": waiting});
            backups.get_mut("old").unwrap().status.drill = serde_json::from_value(report).unwrap();
            left_volumes(backups)
        };
        assert_eq!(of("Running", json!("volumes are cloned")), 0);
        assert_eq!((of("Passed", Value::Null), of("Failed", json!("pv-1 is there still"))), (0, 1));
    }

    #[test]
    fn each_missed_moment_is_news_once() {
        let status = |moment: &str| {
            let (seen, _) = world(json!({"missed": {"scheduledFor": moment, "reason": "r"}}));
            seen.cluster.status.clone().unwrap()
        };
        let (first, second) = (status("2026-11-22T05:00:00Z"), status("2026-11-23T05:00:00Z"));
        assert_eq!(missed_drill(&ClusterStatus::default(), &first).unwrap().reason, "r");
        assert_eq!(missed_drill(&first, &first), None);
        assert_eq!(missed_drill(&first, &second).unwrap().scheduled_for.0, at("2026-11-23T05:00:00Z"));
    }

    #[test]
    fn without_a_schedule_nothing_is_promised() {
        let (seen, mut summary) = world(json!({}));
        assert!(
            told(&seen, &summary)
                .1
                .ends_with("no drill has passed yet; the next is due 2026-11-23T05:00:00Z")
        );
        summary.drill = None;
        assert_eq!(current(&seen, Some(&summary), at(NOW)), None);
    }
}
