//! Backups in the status: what schedules did and do next, and whether the last good backup is as fresh as they promise.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BackupCounts, BackupPhase, BackupSummary, GoodBackup, ScheduleStatus, ScheduledRun};
use crate::cron::Cron;
use crate::observe::Observed;
use crate::plan::{drills_due, runs_due};
use crate::schedule::retention::last_good;

use super::conditions::{Finding, good, reason};
use super::drills::last_verified;

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
        };
        *count += 1;
        counts.held += i32::from(backup.spec.hold);
    }
    let passed = before.as_ref().and_then(|before| before.last_verified.as_ref());
    let last_verified = last_verified(backups, passed, now);
    let (schedules, drill) = match seen.cluster.metadata.deletion_timestamp {
        // Nothing more begins, and nothing more is due.
        Some(_) => before.map(|before| (before.schedules, before.drill)).unwrap_or_default(),
        None => (runs_due(seen, now)?.rows, drills_due(seen, now)?.row),
    };
    let last_good = last_good(backups);
    let last_good =
        last_good.map(|(name, backup)| GoodBackup { name: name.clone(), cut_at: Time(backup.moment()) });
    let told = !schedules.is_empty() || !backups.is_empty() || drill.is_some() || last_verified.is_some();
    told.then_some(BackupSummary { schedules, last_good, drill, last_verified, counts })
}

/// Whether backups are as fresh as the schedules promise; none where none is promised.
pub fn current(seen: &Observed, summary: Option<&BackupSummary>, now: Timestamp) -> Option<Finding> {
    let summary = summary.filter(|summary| !summary.schedules.is_empty())?;
    let cut = summary.last_good.as_ref().map(|good| good.cut_at.0);
    let since = |moment: Timestamp| cut.is_some_and(|cut| cut >= moment);
    let name = seen.name();
    let now_one = format!("one now: stylobate backup {} -n {}", name.name, name.namespace);
    for row in &summary.schedules {
        let Some(last) = ended(row, seen).filter(|last| !since(last.scheduled_for.0)) else { continue };
        let run = format!("{} of schedule {}", last.backup, row.name);
        let told = seen.backups.iter().flatten().find(|(name, _)| **name == last.backup);
        let why = told.and_then(|(_, backup)| backup.status.reason.clone().or(backup.missed.clone()));
        let why = why.unwrap_or_else(|| "its status says no more".into());
        let (reason, word) = match last.phase {
            BackupPhase::Missed => (reason::BACKUP_MISSED, "was missed"),
            BackupPhase::Failed => (reason::BACKUP_FAILED, "failed"),
            BackupPhase::Lost => (reason::BACKUP_LOST, "is lost"),
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
