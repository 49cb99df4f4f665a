//! Backups in the status: what schedules did and do next, and whether the last good backup is as fresh as they promise.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BackupCounts, BackupPhase, BackupSummary, GoodBackup, ScheduleStatus, ScheduledRun};
use crate::cron::Cron;
use crate::observe::Observed;
use crate::plan::{drills_due, runs_due};
use crate::schedule::CLOCK_SLACK;
use crate::schedule::retention::last_good;

use super::conditions::{Finding, good, reason};
use super::drills::{last_drill_at, last_verified, left_volumes, recoveries};

/// The summary; none where there is neither a schedule nor a backup.
pub fn summary(seen: &Observed, before: Option<BackupSummary>, now: Timestamp) -> Option<BackupSummary> {
    let Some(backups) = &seen.backups else { return before };
    let mut counts = BackupCounts::default();
    for backup in backups.values() {
        let count = match backup.status.phase {
            _ if backup.missed.is_some() => &mut counts.missed,
            BackupPhase::Pending
            | BackupPhase::Checkpointing
            | BackupPhase::Cutting
            | BackupPhase::Finishing
            | BackupPhase::Copying => &mut counts.running,
            BackupPhase::Succeeded => &mut counts.succeeded,
            BackupPhase::Failed => &mut counts.failed,
            BackupPhase::Missed => &mut counts.missed,
            BackupPhase::Lost => &mut counts.lost,
            // No backup of this cluster (`observe::backups`).
            BackupPhase::NotRun => continue,
        };
        *count += 1;
        counts.held += i32::from(backup.spec.hold);
    }
    let passed = before.as_ref().and_then(|before| before.last_verified.as_ref());
    let last_verified = last_verified(backups, passed, now);
    let last_drill_at = last_drill_at(backups, before.as_ref(), now);
    let known = before.as_ref().map(|before| before.recoveries.as_slice()).unwrap_or_default();
    let (recoveries, drill_volumes) = (recoveries(backups, known, now), left_volumes(backups));
    let (schedules, drill) = match seen.cluster.metadata.deletion_timestamp {
        // Nothing more begins, and nothing more is due.
        Some(_) => before.map(|before| (before.schedules, before.drill)).unwrap_or_default(),
        None => (runs_due(seen, now)?.rows, drills_due(seen, now)?.row),
    };
    let last_good = last_good(backups);
    let last_good =
        last_good.map(|(name, backup)| GoodBackup { name: name.clone(), cut_at: Time(backup.moment()) });
    let told = !schedules.is_empty() || !backups.is_empty() || drill.is_some() || last_drill_at.is_some();
    told.then_some(BackupSummary {
        schedules,
        last_good,
        drill,
        last_verified,
        last_drill_at,
        recoveries,
        drill_volumes,
        counts,
    })
}

/// Whether backups are as fresh as the schedules promise; none where none is promised.
pub fn current(seen: &Observed, summary: Option<&BackupSummary>, now: Timestamp) -> Option<Finding> {
    let summary = summary.filter(|summary| !summary.schedules.is_empty())?;
    // One that lies ahead was told by a clock that was wrong, and makes up for nothing that was missed.
    let known = |cut: &Timestamp| cut.duration_since(now) <= CLOCK_SLACK;
    let cut = summary.last_good.as_ref().map(|good| good.cut_at.0).filter(known);
    let since = |moment: Timestamp| cut.is_some_and(|cut| cut >= moment);
    let name = seen.name();
    let now_one = format!("one now: stylobate backup {} -n {}", name.name, name.namespace);
    for row in &summary.schedules {
        let Some(last) = ended(row, seen).filter(|last| !since(last.scheduled_for.0)) else { continue };
        let run = format!("{} of schedule {}", last.backup, row.name);
        let told = seen.backups.iter().flatten().find(|(name, _)| **name == last.backup);
        let refuted = told.and_then(|(_, backup)| backup.status.refuted());
        let why = match refuted {
            Some(drill) => drill.cause.clone(),
            None => told.and_then(|(_, backup)| backup.status.reason.clone().or(backup.missed.clone())),
        };
        let why = why.unwrap_or_else(|| "its status says no more".into());
        let (reason, word) = match last.phase {
            BackupPhase::Missed => (reason::BACKUP_MISSED, "was missed"),
            BackupPhase::Failed => (reason::BACKUP_FAILED, "failed"),
            BackupPhase::Lost => (reason::BACKUP_LOST, "is lost"),
            BackupPhase::Succeeded if refuted.is_some() => (reason::BACKUP_FAILED, "failed its drill"),
            _ => continue,
        };
        return Some((false, reason, format!("{run} {word}: {why}; {}; {now_one}", have(summary))));
    }
    if let Some((row, moment)) = summary.schedules.iter().find_map(|row| overdue(row, seen, now, since)) {
        let message = format!(
            "schedule {} promised a backup for {moment:.0}, and no good one was cut since: {}; {}; {now_one}",
            row.name,
            under_way(row.last.as_ref()),
            have(summary)
        );
        return Some((false, reason::BACKUP_OVERDUE, message));
    }
    let next = summary.schedules.iter().filter_map(|row| Some((row.next.as_ref()?.0, &row.name))).min();
    let next = next
        .map_or("no run is due in four years".into(), |(at, row)| format!("the next, {row}, is due {at:.0}"));
    Some(good(format!("{}; {next}", have(summary))))
}

/// The newest run of a schedule that has ended: one that is under way makes up for nothing yet.
fn ended(row: &ScheduleStatus, seen: &Observed) -> Option<ScheduledRun> {
    let last = row.last.clone()?;
    if last.phase.is_over() {
        return Some(last);
    }
    let own = seen.backups.iter().flatten().filter(|(_, backup)| {
        backup.spec.schedule.as_ref() == Some(&row.name) && backup.status.phase.is_over()
    });
    let runs = own.filter_map(|(name, backup)| {
        let (scheduled_for, phase) = (backup.spec.scheduled_for.clone()?, backup.status.phase);
        Some(ScheduledRun { backup: name.clone(), scheduled_for, phase })
    });
    runs.max_by_key(|run| run.scheduled_for.0)
}

fn have(summary: &BackupSummary) -> String {
    match &summary.last_good {
        Some(good) => format!("the last good backup is {}, cut {:.0}", good.name, good.cut_at.0),
        None => "there is no good backup yet".into(),
    }
}

fn under_way(last: Option<&ScheduledRun>) -> String {
    match last {
        Some(last) => format!("{} is {:?}", last.backup, last.phase),
        None => "no run has begun".into(),
    }
}

/// The last moment that was looked at, when nothing good was cut since. While its run is under way it may take until the
/// next moment.
fn overdue<'a>(
    row: &'a ScheduleStatus,
    seen: &Observed,
    now: Timestamp,
    since: impl Fn(Timestamp) -> bool,
) -> Option<(&'a ScheduleStatus, Timestamp)> {
    let promised = row.considered.0;
    if promised <= row.since.0 || since(promised) {
        return None;
    }
    let runs = row.last.as_ref().filter(|last| last.scheduled_for.0 == promised && !last.phase.is_over());
    let there = runs.is_some_and(|last| seen.backups.iter().flatten().any(|(name, _)| *name == last.backup));
    let cron = Cron::read("", &row.schedule, &row.time_zone).ok()?;
    let late = cron.next(promised)? <= now;
    (late || !there).then_some((row, promised))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{backup, observed, start};
    use jiff::SignedDuration;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn a_backup_of_the_future_makes_up_for_no_run_that_was_missed() {
        let mut seen =
            observed(json!({"backup": {"schedules": [{"name": "nightly", "schedule": "0 2 * * *"}]}}));
        let due = "2026-11-21T02:00:00Z";
        let rows = json!([{
            "name": "nightly", "schedule": "0 2 * * *", "timeZone": "UTC", "since": "2026-11-01T00:00:00Z", "considered": due,
            "last": {"backup": "c-nightly", "scheduledFor": due, "phase": "Missed"},
        }]);
        let mut of = |cut: &str| {
            seen.backups.as_mut().unwrap().insert("older".into(), backup(cut.parse().unwrap()));
            let good = json!({"name": "older", "cutAt": cut});
            let told: BackupSummary =
                serde_json::from_value(json!({"schedules": rows, "lastGood": good})).unwrap();
            current(&seen, Some(&told), start()).unwrap()
        };
        assert!(of("2026-11-21T03:00:00Z").0, "it was made since");
        let (fine, why, message) = of("2031-01-01T00:00:00Z");
        assert_eq!((fine, why), (false, reason::BACKUP_MISSED), "{message}");
    }

    #[test]
    fn a_run_whose_drill_failed_is_no_good_one_and_the_condition_says_so() {
        let mut seen =
            observed(json!({"backup": {"schedules": [{"name": "nightly", "schedule": "0 2 * * *"}]}}));
        let due = "2026-11-21T02:00:00Z";
        let report =
            json!({"cluster": "d", "outcome": "Failed", "startedAt": due, "cause": "block 7 of accounts"});
        let mut rotten = backup(due.parse().unwrap());
        let spec = json!({"cluster": "c", "schedule": "nightly", "scheduledFor": due});
        rotten.spec = serde_json::from_value(spec).unwrap();
        let all = seen.backups.as_mut().unwrap();
        all.insert("c-nightly".into(), rotten);
        all.insert("older".into(), backup(start() - SignedDuration::from_hours(50)));
        let rows = json!([{
            "name": "nightly", "schedule": "0 2 * * *", "timeZone": "UTC", "since": "2026-11-01T00:00:00Z", "considered": due,
            "last": {"backup": "c-nightly", "scheduledFor": due, "phase": "Succeeded"},
        }]);
        let before: BackupSummary = serde_json::from_value(json!({"schedules": rows})).unwrap();
        let told = |seen: &Observed| {
            let summary = summary(seen, Some(before.clone()), start());
            let good = summary.as_ref().unwrap().last_good.as_ref().unwrap().name.clone();
            (good, current(seen, summary.as_ref(), start()).unwrap())
        };
        Arc::make_mut(&mut seen.cluster).status.get_or_insert_default().backup = Some(before.clone());
        let (good, finding) = told(&seen);
        assert_eq!((good.as_str(), finding.0), ("c-nightly", true), "{}", finding.2);
        let all = seen.backups.as_mut().unwrap();
        all.get_mut("c-nightly").unwrap().status.drill = serde_json::from_value(report).unwrap();
        let (good, (fine, why, message)) = told(&seen);
        assert_eq!((good.as_str(), fine, why), ("older", false, reason::BACKUP_FAILED));
        assert!(message.contains("failed its drill: block 7 of accounts"), "{message}");
    }
}
