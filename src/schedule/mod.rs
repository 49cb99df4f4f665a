//! Runs of backup schedules: which to begin, which were missed and why, which comes next. Pure: the time comes in.
//!
//! The record is in the cluster: a run has a `PostgresBackup` whose name follows from cluster, schedule and moment, and
//! `status.backup` remembers up to which moment each schedule was looked at. A moment is left behind only when its object is
//! seen, so an operator that is killed at any point begins no run twice and forgets none.

pub mod drills;
mod missed;
pub mod retention;
mod spacing;
mod spread;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BackupMethod, BackupPhase, BackupPolicy, BackupSchedule, ScheduleStatus, ScheduledRun};
use crate::cron::Cron;
use crate::name::ClusterName;
use crate::observe::BackupSeen;
use crate::target::Problem;

pub use missed::Hindrance;
pub use spacing::{LEAST_BETWEEN_SNAPSHOTS, crowded, longest_pause};
pub use spread::spread;

/// Missed runs of one schedule that get an object of their own, the newest of them; those before are told by a count. A day
/// of hourly runs: enough to see what an outage cost, and no flood of objects after a month.
pub const MOST_TOLD: usize = 24;

/// Missed runs that are counted one by one. More are told as "more than".
const MOST_COUNTED: usize = 10_000;

/// A moment that lies so far ahead was looked at by a clock that was wrong. Less is the difference between the clocks of two
/// operators, and what was looked at stays so.
pub const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// Minutes that a run may begin late: the schema's limits, held here too.
const DEADLINES: std::ops::RangeInclusive<i32> = 1..=1440;

/// A schedule that was read.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Name of its time zone.
    pub zone: String,
    /// How its backups are made; a drill's does not matter.
    pub method: BackupMethod,
    /// Its moments.
    pub cron: Cron,
    /// How late a run may begin.
    pub deadline: SignedDuration,
}

/// A run of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Name of its `PostgresBackup`.
    pub backup: String,
    /// Name of the schedule.
    pub schedule: String,
    /// The moment that the schedule names.
    pub moment: Timestamp,
}

/// A run that did not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The run.
    pub run: Run,
    /// Why, and what to do.
    pub reason: String,
}

/// All that the runs of a cluster depend on.
pub struct Facts<'a> {
    /// The cluster.
    pub cluster: &'a ClusterName,
    /// Schedules as they should be in force.
    pub schedules: &'a [Schedule],
    /// What the status says of them.
    pub rows: &'a [ScheduleStatus],
    /// Backups of the cluster.
    pub backups: &'a BTreeMap<String, BackupSeen>,
    /// Why none can begin now.
    pub hindrance: Option<Hindrance>,
    /// The time.
    pub now: Timestamp,
}

/// What follows from them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// The run to begin: one at a time, so that none overlap.
    pub begin: Option<Run>,
    /// Runs to record as missed, oldest first.
    pub missed: Vec<Missed>,
    /// Runs that are due and can't begin yet.
    pub waiting: Vec<(Run, Hindrance)>,
    /// What the status should say of the schedules.
    pub rows: Vec<ScheduleStatus>,
}

/// Reads the schedules of a cluster's spec. In the place of one that can't be read stands what the status says was in force last: a
/// slip of the pen must not stop the nightly backup.
pub fn read(
    cluster: &ClusterName,
    policy: &BackupPolicy,
    rows: &[ScheduleStatus],
) -> (Vec<Schedule>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut schedules: Vec<Schedule> = Vec::new();
    for (index, wanted) in policy.schedules.iter().enumerate() {
        let field = format!("spec.backup.schedules[{index}]");
        if schedules.iter().any(|other| other.name == wanted.name) {
            let remedy = "another schedule has this name, and a run is known by it: choose another name";
            problems.push(Problem::new(format!("{field}.name"), &wanted.name, remedy));
            continue;
        }
        let deadline = deadline(&field, wanted.start_deadline_minutes, &mut problems);
        let (cron, text, zone) =
            match in_zone(&field, cluster, &wanted.name, &wanted.schedule, &wanted.time_zone) {
                Ok(read) => read,
                Err(found) => {
                    problems.extend(found);
                    match last_good(wanted, rows) {
                        Some(last) => last,
                        None => continue,
                    }
                }
            };
        let (name, method) = (wanted.name.clone(), wanted.method);
        schedules.push(Schedule { name, text, zone, method, cron, deadline });
    }
    (schedules, problems)
}

/// Reads the text and the time zone of the object at `field`: what they are, and what they come to for this cluster.
fn in_zone(
    field: &str,
    cluster: &ClusterName,
    name: &str,
    text: &str,
    zone: &str,
) -> Result<(Cron, String, String), Vec<Problem>> {
    let spread = spread(text, cluster, name)
        .map_err(|why| vec![Problem::new(format!("{field}.schedule"), text, why)])?;
    Ok((Cron::read(field, &spread, zone)?, spread, zone.to_owned()))
}

/// How late a run may begin; of minutes that can't be, the nearest that can.
fn deadline(field: &str, minutes: i32, problems: &mut Vec<Problem>) -> SignedDuration {
    if !DEADLINES.contains(&minutes) {
        let range = format!("from {} to {} (a day)", DEADLINES.start(), DEADLINES.end());
        problems.push(Problem::new(format!("{field}.startDeadlineMinutes"), minutes, range));
    }
    SignedDuration::from_mins(minutes.clamp(*DEADLINES.start(), *DEADLINES.end()).into())
}

fn last_good(wanted: &BackupSchedule, rows: &[ScheduleStatus]) -> Option<(Cron, String, String)> {
    let row = rows.iter().find(|row| row.name == wanted.name)?;
    let cron = Cron::read("", &row.schedule, &row.time_zone).ok()?;
    Some((cron, row.schedule.clone(), row.time_zone.clone()))
}

/// What is due.
pub fn due(facts: &Facts) -> Due {
    let mut due = Due::default();
    for schedule in facts.schedules {
        let row = facts.rows.iter().find(|row| row.name == schedule.name);
        match row {
            Some(row) if row.schedule != schedule.text || row.time_zone != schedule.zone => {
                // What the old text named is recorded first; then the new one begins.
                if !wind_up(row, facts, &mut due) {
                    due.rows.push(fresh(schedule, facts.now, row.last.clone()));
                }
            }
            Some(row) => look(schedule, row.clone(), facts, &mut due),
            None => due.rows.push(fresh(schedule, facts.now, None)),
        }
    }
    for row in facts.rows.iter().filter(|row| facts.schedules.iter().all(|one| one.name != row.name)) {
        wind_up(row, facts, &mut due);
    }
    due.missed.sort_by_key(|missed| missed.run.moment);
    // A run that was begun and is not seen yet is asked for again rather than another: the oldest goes first, always.
    due.waiting.sort_by_key(|(run, _)| run.moment);
    due
}

/// A schedule that is seen for the first time with this text. What lies before is not expected of it.
fn fresh(schedule: &Schedule, now: Timestamp, last: Option<ScheduledRun>) -> ScheduleStatus {
    ScheduleStatus {
        name: schedule.name.clone(),
        schedule: schedule.text.clone(),
        time_zone: schedule.zone.clone(),
        since: Time(now),
        considered: Time(now),
        last,
        next: schedule.cron.next(now).map(Time),
    }
}

/// Records the runs that a text named which is no longer in force. True while that is not done.
fn wind_up(row: &ScheduleStatus, facts: &Facts, due: &mut Due) -> bool {
    let Ok(cron) = Cron::read("", &row.schedule, &row.time_zone) else { return false };
    let left = backlog(&cron, considered(row.considered.0, facts.now), facts.now);
    let mut open = false;
    for (index, moment) in left.told.iter().enumerate() {
        let run = run(facts.cluster, &row.name, *moment);
        if facts.backups.get(&run.backup).is_some_and(recorded) {
            continue;
        }
        open = true;
        let reason = format!(
            "the schedule was changed or removed before the run could begin{}",
            left.folded(index == 0)
        );
        due.missed.push(Missed { run, reason });
    }
    if open {
        due.rows.push(ScheduleStatus { next: None, ..row.clone() });
    }
    open
}

/// Looks at the moments of a schedule that nobody looked at yet.
fn look(schedule: &Schedule, mut row: ScheduleStatus, facts: &Facts, due: &mut Due) {
    let now = facts.now;
    let from = considered(row.considered.0, now);
    if from != row.considered.0 {
        // The clock was put right: what it named while it was wrong is not expected.
        (row.considered, row.since) = (Time(from), Time(from));
    }
    let left = backlog(&schedule.cron, from, now);
    let mut all_seen = true;
    for (index, moment) in left.told.iter().enumerate() {
        let run = run(facts.cluster, &schedule.name, *moment);
        if facts.backups.get(&run.backup).is_some_and(recorded) {
            if all_seen {
                row.considered = Time(*moment);
            }
            continue;
        }
        all_seen = false;
        let next = left.told.get(index + 1).copied();
        let window = missed::Window::new(schedule, *moment, next);
        if window.is_open(now) {
            match &facts.hindrance {
                Some(hindrance) => due.waiting.push((run, hindrance.clone())),
                // Of several schedules the run that is due for longest.
                None if due.begin.as_ref().is_none_or(|other| run.moment < other.moment) => {
                    due.begin = Some(run)
                }
                None => {}
            }
        } else {
            let reason = missed::reason(&window, facts) + &left.folded(index == 0);
            due.missed.push(Missed { run, reason });
        }
    }
    row.last = newest(&schedule.name, facts.backups).or(row.last);
    row.next = schedule.cron.next(now.max(row.considered.0)).map(Time);
    due.rows.push(row);
}

/// Up to where a schedule was looked at. After a clock that was far ahead was put right, moments are looked at again; those
/// that have an object are not begun again.
fn considered(at: Timestamp, now: Timestamp) -> Timestamp {
    if at.duration_since(now) > CLOCK_SLACK { now } else { at }
}

/// True when nothing more is to be written for a run: it was begun, or is recorded as missed in full.
fn recorded(backup: &BackupSeen) -> bool {
    backup.missed.is_none() || backup.status.phase.is_over()
}

fn run(cluster: &ClusterName, schedule: &str, moment: Timestamp) -> Run {
    Run { backup: cluster.run(schedule, moment), schedule: schedule.to_owned(), moment }
}

/// The newest run of a schedule that has an object.
fn newest(schedule: &str, backups: &BTreeMap<String, BackupSeen>) -> Option<ScheduledRun> {
    let own = backups.iter().filter(|(_, backup)| backup.spec.schedule.as_deref() == Some(schedule));
    let newest = own.filter_map(|(name, backup)| Some((backup.spec.scheduled_for.clone()?.0, name, backup)));
    let (moment, name, backup) = newest.max_by_key(|(moment, ..)| *moment)?;
    let phase = match &backup.missed {
        Some(_) => BackupPhase::Missed,
        None => backup.status.phase,
    };
    Some(ScheduledRun { backup: name.clone(), scheduled_for: Time(moment), phase })
}

/// Moments that nobody looked at yet.
struct Backlog {
    /// The newest, in order, at most [`MOST_TOLD`].
    told: Vec<Timestamp>,
    /// How many lie before them, at most [`MOST_COUNTED`].
    before: usize,
    /// The first of those.
    first: Option<Timestamp>,
}

impl Backlog {
    /// What stands beside the oldest run that has an object of its own.
    fn folded(&self, oldest: bool) -> String {
        let Some(first) = self.first.filter(|_| oldest && self.before > 0) else { return String::new() };
        let many = before(self.before);
        format!("; {many}, from {first:.0} on, were missed too and have no object of their own")
    }
}

/// Runs that were missed before the one that is told, in words.
fn before(count: usize) -> String {
    match count {
        1 => "one run before it".to_owned(),
        MOST_COUNTED.. => format!("more than {MOST_COUNTED} runs before it"),
        some => format!("{some} runs before it"),
    }
}

fn backlog(cron: &Cron, after: Timestamp, now: Timestamp) -> Backlog {
    let due = |from: Timestamp| cron.after(from).take_while(|at| *at <= now);
    let mut all: Vec<Timestamp> = due(after).take(MOST_COUNTED + 1).collect();
    let first = all.first().copied();
    if all.len() > MOST_COUNTED {
        // Too many to walk through: the newest are found from the end, by looking back ever further.
        let mut back = SignedDuration::from_hours(1);
        loop {
            let from = now.checked_sub(back).unwrap_or(after).max(after);
            all = due(from).collect();
            if all.len() >= MOST_TOLD || from == after {
                break;
            }
            back = back.saturating_mul(2);
        }
        let told = all.split_off(all.len().saturating_sub(MOST_TOLD));
        return Backlog { told, before: MOST_COUNTED, first };
    }
    let told = all.split_off(all.len().saturating_sub(MOST_TOLD));
    Backlog { before: all.len(), told, first }
}
