//! Runs that schedules promised beside those that were. Pure: objects and the time come in.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::api::{BackupPhase, PostgresCluster, ScheduleStatus};
use crate::cron::Cron;
use crate::observe::BackupSeen;

/// What came of a run, or of a backup on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is an object, and this is its phase.
    Phase(BackupPhase),
    /// It may still begin.
    Due,
    /// It had its object, which was deleted since; or an outage was so long that it is told by the count of a later run.
    Gone,
    /// It should have begun, and there is no trace of it.
    Absent,
}

impl Outcome {
    /// In a word.
    pub fn word(self) -> String {
        match self {
            Outcome::Phase(phase) => format!("{phase:?}"),
            Outcome::Due => "due".into(),
            Outcome::Gone => "gone".into(),
            Outcome::Absent => "ABSENT".into(),
        }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The moment that was promised; that of the backup when nobody promised it.
    pub at: Timestamp,
    /// Name of the schedule; none for a backup on demand.
    pub schedule: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// Name and content of the object.
    pub backup: Option<(String, BackupSeen)>,
}

/// All runs that were promised since `from`, and all backups of that time, oldest first.
pub fn runs(
    cluster: &PostgresCluster,
    backups: &BTreeMap<String, BackupSeen>,
    from: Timestamp,
    now: Timestamp,
) -> Vec<Row> {
    let mut rows: Vec<Row> = backups
        .iter()
        .map(|(name, backup)| Row {
            at: backup.spec.scheduled_for.as_ref().map_or_else(|| backup.moment(), |at| at.0),
            schedule: backup.spec.schedule.clone(),
            outcome: Outcome::Phase(if backup.missed.is_some() {
                BackupPhase::Missed
            } else {
                backup.status.phase
            }),
            backup: Some((name.clone(), backup.clone())),
        })
        .filter(|row| row.at >= from)
        .collect();
    let promised =
        cluster.status.iter().flat_map(|status| &status.backup).flat_map(|backup| &backup.schedules);
    for schedule in promised {
        let known = |at: Timestamp| {
            rows.iter().any(|row| row.at == at && row.schedule.as_ref() == Some(&schedule.name))
        };
        let without: Vec<Timestamp> = moments(schedule, from, now).filter(|at| !known(*at)).collect();
        let deadline = deadline(cluster, &schedule.name);
        rows.extend(without.into_iter().map(|at| Row {
            at,
            schedule: Some(schedule.name.clone()),
            outcome: if at <= schedule.considered.0 {
                Outcome::Gone
            } else if now.duration_since(at) < deadline {
                Outcome::Due
            } else {
                Outcome::Absent
            },
            backup: None,
        }));
    }
    rows.sort_by_key(|row| (row.at, row.schedule.clone()));
    rows
}

/// Moments of a schedule since `from`, and since it was there with this text.
fn moments(schedule: &ScheduleStatus, from: Timestamp, now: Timestamp) -> impl Iterator<Item = Timestamp> {
    let cron = Cron::read("", &schedule.schedule, &schedule.time_zone).ok();
    let from = from.max(schedule.since.0);
    let moments: Vec<Timestamp> =
        cron.map(|cron| cron.after(from).take_while(|at| *at <= now).collect()).unwrap_or_default();
    moments.into_iter()
}

fn deadline(cluster: &PostgresCluster, schedule: &str) -> SignedDuration {
    let own = cluster.spec.backup.schedules.iter().find(|one| one.name == schedule);
    SignedDuration::from_mins(own.map_or(0, |own| own.start_deadline_minutes.into()))
}
