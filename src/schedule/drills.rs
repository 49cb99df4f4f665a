//! Drills by schedule: which to ask for, which were missed and why, which comes next. Pure: the time comes in.
//!
//! The request on the backup is the record: its value follows from the moment, so making it twice makes one. A moment is left
//! behind when its request is seen, or when it is told as missed in that same write of the status. So an operator that is
//! killed at any point asks for no drill twice and forgets none.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{
    BackupMethod, BackupPolicy, DrillOutcome, DrillReport, DrillRun, DrillRunOutcome, DrillsStatus,
    MissedDrill,
};
use crate::cron::Cron;
use crate::name::{ClusterName, scheduled_drill};
use crate::observe::BackupSeen;
use crate::target::Problem;

use super::missed::Window;
use super::retention::nearest_to_good;
use super::{Schedule, backlog, before, considered, deadline, in_zone};

/// Where its schedule stands in the spec.
pub const FIELD: &str = "spec.backup.drill";

/// Bytes of the cause that the status of a cluster tells; the backup's own has all of it.
const MOST_CAUSE: usize = 1000;

/// Why no drill can be asked for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// `spec.paused` is true.
    Paused,
    /// Another drill of the cluster, of the backup by its name, has not ended.
    Busy(String),
    /// There is no backup that can be restored.
    NoBackup,
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hindrance::Paused => write!(f, "spec.paused is true"),
            Hindrance::Busy(backup) => write!(f, "a drill of backup {backup} is under way"),
            Hindrance::NoBackup => write!(f, "no backup can be restored"),
        }
    }
}

/// All that drills by schedule depend on.
pub struct Facts<'a> {
    /// The schedule as it should be in force.
    pub schedule: Option<&'a Schedule>,
    /// What the status says of it.
    pub row: Option<&'a DrillsStatus>,
    /// Backups of the cluster.
    pub backups: &'a BTreeMap<String, BackupSeen>,
    /// `spec.paused`.
    pub paused: bool,
    /// The time.
    pub now: Timestamp,
}

/// What follows from them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Due {
    /// Name of the backup to ask a drill of, and the moment that it is for.
    pub ask: Option<(String, Timestamp)>,
    /// A moment that is due and can't be served yet.
    pub waiting: Option<(Timestamp, Hindrance)>,
    /// What the status should say; none without a schedule.
    pub row: Option<DrillsStatus>,
}

/// Reads the schedule of a spec. In the place of one that can't be read stands what the status says was in force last.
pub fn read(
    cluster: &ClusterName,
    policy: &BackupPolicy,
    row: Option<&DrillsStatus>,
) -> (Option<Schedule>, Vec<Problem>) {
    let Some(wanted) = &policy.drill else { return (None, Vec::new()) };
    let mut problems = Vec::new();
    let deadline = deadline(FIELD, wanted.start_deadline_minutes, &mut problems);
    let last = || {
        let row = row?;
        let cron = Cron::read("", &row.schedule, &row.time_zone).ok()?;
        Some((cron, row.schedule.clone(), row.time_zone.clone()))
    };
    let read = match in_zone(FIELD, cluster, "drill", &wanted.schedule, &wanted.time_zone) {
        Ok(read) => Some(read),
        Err(found) => {
            problems.extend(found);
            last()
        }
    };
    let schedule = read.map(|(cron, text, zone)| {
        let (name, method) = ("drill".into(), BackupMethod::default());
        Schedule { name, text, zone, method, cron, deadline }
    });
    (schedule, problems)
}

/// What is due.
pub fn due(facts: &Facts) -> Due {
    let Some(schedule) = facts.schedule else { return Due::default() };
    let mut due = Due::default();
    let row = match facts.row {
        None => fresh(schedule, facts.now),
        Some(row) if row.schedule != schedule.text || row.time_zone != schedule.zone => {
            let ended = wind_up(settle(row.clone(), facts), facts);
            DrillsStatus {
                running: ended.running,
                last: ended.last,
                missed: ended.missed,
                ..fresh(schedule, facts.now)
            }
        }
        Some(row) => look(schedule, settle(row.clone(), facts), facts, &mut due),
    };
    Due { row: Some(row), ..due }
}

/// A schedule that is seen for the first time with this text. What lies before is not expected of it.
fn fresh(schedule: &Schedule, now: Timestamp) -> DrillsStatus {
    DrillsStatus {
        schedule: schedule.text.clone(),
        time_zone: schedule.zone.clone(),
        since: Time(now),
        considered: Time(now),
        running: None,
        last: None,
        missed: None,
        next: schedule.cron.next(now).map(Time),
    }
}

/// The row with what became of the drill that runs, and without what a clock that was far ahead named.
fn settle(mut row: DrillsStatus, facts: &Facts) -> DrillsStatus {
    let from = considered(row.considered.0, facts.now);
    if from != row.considered.0 {
        (row.considered, row.since) = (Time(from), Time(from));
        row.missed = row.missed.filter(|missed| missed.scheduled_for.0 <= from);
    }
    if let Some(running) = row.running.take() {
        let seen = follow(running, facts.backups);
        if seen.outcome.is_over() { row.last = Some(seen) } else { row.running = Some(seen) }
    }
    row
}

/// What became of a drill that was asked for.
fn follow(run: DrillRun, backups: &BTreeMap<String, BackupSeen>) -> DrillRun {
    let request = scheduled_drill(run.scheduled_for.0);
    let gone = |cause: &str| DrillRun {
        outcome: DrillRunOutcome::Gone,
        cause: Some(cause.to_owned()),
        ..run.clone()
    };
    let Some(backup) = backups.get(&run.backup) else {
        return gone("its backup was deleted before an end was seen");
    };
    match backup.drill_of(&request) {
        Some(report) => with(run, report),
        None if backup.verify.as_ref() == Some(&request) => run,
        None => gone("another drill of the same backup was asked for before an end was seen"),
    }
}

/// The run with what its drill says of itself.
fn with(run: DrillRun, report: &DrillReport) -> DrillRun {
    let outcome = match report.outcome {
        DrillOutcome::Running => DrillRunOutcome::Running,
        DrillOutcome::Passed => DrillRunOutcome::Passed,
        DrillOutcome::Failed => DrillRunOutcome::Failed,
    };
    let cut = |cause: &String| cause[..cause.floor_char_boundary(MOST_CAUSE)].to_owned();
    let (at, failed_of) = (report.at.clone(), report.failed_of);
    DrillRun { outcome, at, failed_of, cause: report.cause.as_ref().map(cut), ..run }
}

/// The drill that was asked for at a moment.
fn asked(moment: Timestamp, backups: &BTreeMap<String, BackupSeen>) -> Option<DrillRun> {
    let request = scheduled_drill(moment);
    let (name, _) = backups.iter().find(|(_, backup)| {
        backup.verify.as_ref() == Some(&request) || backup.drill_of(&request).is_some()
    })?;
    let run = DrillRun {
        backup: name.clone(),
        scheduled_for: Time(moment),
        outcome: DrillRunOutcome::Asked,
        at: None,
        failed_of: None,
        cause: None,
    };
    Some(follow(run, backups))
}

/// Takes a drill that was asked for into the row.
fn enter(row: &mut DrillsStatus, run: DrillRun) {
    row.considered = run.scheduled_for.clone();
    if run.outcome.is_over() {
        // One of another moment still runs, when a clock went back and moments are looked at again.
        row.running = row.running.take().filter(|other| other.scheduled_for != run.scheduled_for);
        row.last = Some(run);
    } else {
        row.running = Some(run);
    }
}

/// Ends what a text named that is no longer in force.
fn wind_up(mut row: DrillsStatus, facts: &Facts) -> DrillsStatus {
    let Ok(cron) = Cron::read("", &row.schedule, &row.time_zone) else { return row };
    for moment in backlog(&cron, row.considered.0, facts.now).told {
        match asked(moment, facts.backups) {
            Some(run) => enter(&mut row, run),
            None => {
                let reason = format!(
                    "due {}: the schedule was changed before the drill could begin",
                    cron.told(moment)
                );
                row.missed = Some(MissedDrill { scheduled_for: Time(moment), reason });
            }
        }
    }
    row
}

/// Looks at the moments that nobody looked at yet. Only the newest can still be served: its being due ended the time of those
/// before it.
fn look(schedule: &Schedule, mut row: DrillsStatus, facts: &Facts, due: &mut Due) -> DrillsStatus {
    let now = facts.now;
    let left = backlog(&schedule.cron, row.considered.0, now);
    let (mut missed, mut first) = (left.before, left.first.filter(|_| left.before > 0));
    for (index, moment) in left.told.iter().enumerate() {
        if let Some(run) = asked(*moment, facts.backups) {
            enter(&mut row, run);
            continue;
        }
        let window = Window::new(schedule, *moment, left.told.get(index + 1).copied());
        if window.is_open(now) {
            match ready(facts) {
                Ok(backup) => due.ask = Some((backup.clone(), *moment)),
                Err(hindrance) => due.waiting = Some((*moment, hindrance)),
            }
            break;
        }
        let mut reason = reason(&window, facts);
        if let Some(first) = first.filter(|_| missed > 0) {
            reason.push_str(&format!("; {}, from {first:.0} on, were missed too", before(missed)));
        }
        row.missed = Some(MissedDrill { scheduled_for: Time(*moment), reason });
        row.considered = Time(*moment);
        first = first.or(Some(*moment));
        missed += 1;
    }
    row.next = schedule.cron.next(now.max(row.considered.0)).map(Time);
    row
}

/// The backup to ask a drill of: the one that a restore would take.
fn ready<'a>(facts: &Facts<'a>) -> Result<&'a String, Hindrance> {
    if facts.paused {
        return Err(Hindrance::Paused);
    }
    // A drill goes with its backup, so one of a backup that is on its way out is in nobody's way.
    let busy = |backup: &BackupSeen| !backup.deleting && backup.drilled_by().is_some();
    if let Some((name, _)) = facts.backups.iter().find(|(_, backup)| busy(backup)) {
        return Err(Hindrance::Busy(name.clone()));
    }
    nearest_to_good(facts.backups).map(|(name, _)| name).ok_or(Hindrance::NoBackup)
}

/// Why a drill whose time is over was not asked for, and what to do.
fn reason(window: &Window, facts: &Facts) -> String {
    let (due, until) = (window.due(), window.until());
    let late = window.is_long_over(facts.now);
    // A drill that ended just now, and ran when the time was over, tells more than what hinders one now.
    let hindrance = if late { None } else { overlapped(window, facts).or_else(|| ready(facts).err()) };
    match hindrance {
        None => window.nobody(),
        Some(Hindrance::Paused) => format!("{due}: spec.paused was true {until}; set it to false for drills"),
        Some(Hindrance::Busy(other)) => format!(
            "{due}: a drill of backup {other} was under way {until}; set the moments of {FIELD}.schedule further apart, or a \
             longer startDeadlineMinutes"
        ),
        Some(Hindrance::NoBackup) => format!(
            "{due}: no backup could be restored {until}; make one by spec.backup.schedules or by stylobate backup"
        ),
    }
}

/// A drill that ended just now and was under way when the window ended.
fn overlapped(window: &Window, facts: &Facts) -> Option<Hindrance> {
    let found = facts.backups.iter().find(|(_, backup)| {
        let drill = backup.status.drill.as_ref();
        let ended = drill.and_then(|drill| Some((drill.started_at.0, drill.at.as_ref()?.0)));
        ended.is_some_and(|(began, ended)| window.ended_within(began, ended))
    });
    found.map(|(name, _)| Hindrance::Busy(name.clone()))
}
