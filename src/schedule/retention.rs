//! Which backups are kept, until when and by what. Pure: all backups of a cluster and the time come in.
//!
//! A backup that can be restored is kept while any rule keeps it. What can't be restored any more, or never could, is kept as
//! evidence of what was done and what was not.

use std::collections::BTreeMap;
use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::api::{BackupPhase, Retention};
use crate::cron::read_zone;
use crate::observe::BackupSeen;
use crate::target::Problem;

/// Missed, failed and lost backups are kept for so long, and for as long as the oldest good one: an audit looks at a year,
/// and is at work for a month after it.
pub const EVIDENCE: SignedDuration = SignedDuration::from_hours(400 * 24);

/// So many of them at most, the newest: at some kilobytes each they are few megabytes of the API server's store. Only
/// schedules that fail many times a day for weeks come near.
pub const MOST_EVIDENCE: usize = 2000;

/// The rules of `spec.backup.retention`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The newest so many.
    pub last: Option<usize>,
    /// All that are at most so many days old.
    pub days: Option<i32>,
    /// The newest of each of the last so many days that have one.
    pub daily: Option<usize>,
    /// The same of weeks.
    pub weekly: Option<usize>,
    /// The same of months.
    pub monthly: Option<usize>,
    /// Where days, weeks and months begin.
    pub zone: TimeZone,
}

/// What keeps a backup.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeper {
    /// It has not ended.
    Running,
    /// A legal hold.
    Hold,
    /// Something reads it now.
    InUse(String),
    /// It is the newest that can be restored and that no drill speaks against.
    LastGood,
    /// It is the newest of those that passed a drill.
    LastVerified,
    /// It is the newest, and there is no good one: a drill of each failed.
    Newest,
    /// There is no rule, so nothing is deleted.
    NoRule,
    /// Moments of the last so many days are brought back from it and archived WAL.
    Window(i32),
    /// It is among the newest so many.
    Last(usize),
    /// It is at most so many days old.
    Days(i32),
    /// It is the newest of its day.
    Daily(usize),
    /// It is the newest of its week.
    Weekly(usize),
    /// It is the newest of its month.
    Monthly(usize),
    /// It is evidence of what was not done.
    Evidence,
}

impl fmt::Display for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keeper::Running => write!(f, "not ended"),
            Keeper::Hold => write!(f, "legal hold"),
            Keeper::InUse(what) => write!(f, "in use by {what}"),
            Keeper::LastGood => write!(f, "last good one"),
            Keeper::LastVerified => write!(f, "last verified one"),
            Keeper::Newest => write!(f, "newest one, though its drill failed"),
            Keeper::NoRule => write!(f, "no retention rule"),
            Keeper::Window(days) => write!(f, "base of the last {days} days"),
            Keeper::Last(count) => write!(f, "last {count}"),
            Keeper::Days(days) => write!(f, "{days} days"),
            Keeper::Daily(count) => write!(f, "daily {count}"),
            Keeper::Weekly(count) => write!(f, "weekly {count}"),
            Keeper::Monthly(count) => write!(f, "monthly {count}"),
            Keeper::Evidence => write!(f, "evidence"),
        }
    }
}

/// What becomes of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is kept.
    Kept {
        /// What keeps it.
        by: Vec<Keeper>,
        /// Until when, where the clock alone decides.
        until: Option<Timestamp>,
    },
    /// Nothing keeps it.
    Expired {
        /// In words.
        why: String,
    },
}

/// Reads the rules.
///
/// # Errors
/// A problem for each number out of range and for an unknown zone.
pub fn read(spec: &Retention) -> Result<Rules, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut number = |field: &str, value: Option<i32>, most: i32| {
        let bad = value.filter(|value| !(1..=most).contains(value));
        problems.extend(bad.map(|value| {
            let remedy = format!("from 1 to {most}; leave it out to have no such rule");
            Problem::new(format!("spec.backup.retention.{field}"), value, remedy)
        }));
        value
    };
    let [last, daily, weekly, monthly] = [
        ("last", spec.last, 1000),
        ("daily", spec.daily, 366),
        ("weekly", spec.weekly, 520),
        ("monthly", spec.monthly, 120),
    ]
    .map(|(field, value, most)| number(field, value, most).and_then(|value| usize::try_from(value).ok()));
    let days = number("days", spec.days, 3650);
    match read_zone("spec.backup.retention.timeZone", &spec.time_zone) {
        Ok(zone) if problems.is_empty() => Ok(Rules { last, days, daily, weekly, monthly, zone }),
        Ok(_) => Err(problems),
        Err(problem) => {
            problems.push(problem);
            Err(problems)
        }
    }
}

impl Rules {
    /// True when nothing is ever deleted that can be restored.
    pub fn is_empty(&self) -> bool {
        let counts = [self.last, self.daily, self.weekly, self.monthly];
        counts.iter().all(Option::is_none) && self.days.is_none()
    }
}

/// What becomes of each backup. One whose deletion was asked for is left out, and counts for nothing. `promised` are those on which the
/// window of a point in time rests.
pub fn fates<'a>(
    backups: &'a BTreeMap<String, BackupSeen>,
    rules: &Rules,
    promised: impl IntoIterator<Item = (&'a String, Keeper)>,
    now: Timestamp,
) -> BTreeMap<String, Fate> {
    let mut living: Vec<(&String, &BackupSeen)> =
        backups.iter().filter(|(_, backup)| !backup.deleting).collect();
    living.sort_by_key(|(name, backup)| (std::cmp::Reverse(backup.moment()), *name));
    let mut keepers: BTreeMap<&String, Vec<Keeper>> =
        living.iter().map(|(name, backup)| (*name, whatever_it_is(backup))).collect();
    let whole: Vec<(&String, &BackupSeen)> =
        living.iter().copied().filter(|(_, backup)| is_restorable(backup)).collect();
    let good: Vec<(&String, &BackupSeen)> =
        whole.iter().copied().filter(|(_, backup)| is_good(backup)).collect();
    // What failed its drill takes no good one's place in a count. It stays for as long as it would have: a drill may fail of
    // what surrounds it, and all but one page may be wanted some day.
    let by_rules = by_rules(&good, rules, now).into_iter().chain(by_rules(&whole, rules, now));
    for (name, keeper) in by_rules.chain(irreplaceable(backups)).chain(promised) {
        if let Some(of) = keepers.get_mut(name).filter(|of| !of.contains(&keeper)) {
            of.push(keeper);
        }
    }
    let oldest = whole.iter().filter(|(name, _)| !keepers[*name].is_empty()).map(|(_, b)| b.moment()).min();
    let mut evidence = 0;
    living
        .iter()
        .map(|(name, backup)| {
            let mut by = keepers.remove(*name).unwrap_or_default();
            let fate = if is_evidence(backup) {
                evidence += 1;
                as_evidence(backup, by, oldest, evidence, now)
            } else if by.is_empty() {
                Fate::Expired { why: format!("cut {:.0}, and no rule keeps it", backup.moment()) }
            } else {
                by.sort();
                let until = match (by.as_slice(), rules.days) {
                    ([Keeper::Days(_)], Some(days)) => expires(backup, days),
                    _ => None,
                };
                Fate::Kept { by, until }
            };
            ((*name).clone(), fate)
        })
        .collect()
}

/// True when all is there that a restore needs, whatever a drill found in it.
pub fn is_restorable(backup: &BackupSeen) -> bool {
    backup.status.phase == BackupPhase::Succeeded && !backup.deleting
}

/// True when it can be restored, and no drill speaks against it.
pub fn is_good(backup: &BackupSeen) -> bool {
    is_restorable(backup) && backup.status.refuted().is_none()
}

/// The newest good one.
pub fn last_good(backups: &BTreeMap<String, BackupSeen>) -> Option<(&String, &BackupSeen)> {
    newest(backups, is_good)
}

/// The newest good one that passed a drill.
pub fn last_verified(backups: &BTreeMap<String, BackupSeen>) -> Option<(&String, &BackupSeen)> {
    newest(backups, |backup| is_good(backup) && backup.status.verified.is_some())
}

/// What a restore begins with while nobody names another: the last good one, and where a drill of each failed the newest.
pub fn nearest_to_good(backups: &BTreeMap<String, BackupSeen>) -> Option<(&String, &BackupSeen)> {
    last_good(backups).or_else(|| newest(backups, is_restorable))
}

/// What is never deleted by a rule, and why: with these the way back would go, or the only one that is known to lead anywhere.
pub fn irreplaceable(backups: &BTreeMap<String, BackupSeen>) -> impl Iterator<Item = (&String, Keeper)> {
    let good = last_good(backups).map(|(name, _)| (name, Keeper::LastGood));
    let any = || newest(backups, is_restorable).map(|(name, _)| (name, Keeper::Newest));
    let verified = last_verified(backups).map(|(name, _)| (name, Keeper::LastVerified));
    good.or_else(any).into_iter().chain(verified)
}

fn newest(
    backups: &BTreeMap<String, BackupSeen>,
    which: impl Fn(&BackupSeen) -> bool,
) -> Option<(&String, &BackupSeen)> {
    backups.iter().filter(|(_, backup)| which(backup)).max_by_key(|(_, backup)| backup.moment())
}

fn is_evidence(backup: &BackupSeen) -> bool {
    match backup.status.phase {
        BackupPhase::Failed | BackupPhase::Missed | BackupPhase::Lost | BackupPhase::NotRun => true,
        BackupPhase::Pending
        | BackupPhase::Checkpointing
        | BackupPhase::Cutting
        | BackupPhase::Finishing
        | BackupPhase::Copying
        | BackupPhase::Succeeded => false,
    }
}

/// What keeps a backup whatever the rules say.
fn whatever_it_is(backup: &BackupSeen) -> Vec<Keeper> {
    let running = (!backup.status.phase.is_over()).then_some(Keeper::Running);
    let hold = backup.spec.hold.then_some(Keeper::Hold);
    let in_use = backup.used_by.clone().map(Keeper::InUse);
    [running, hold, in_use].into_iter().flatten().collect()
}

/// What the rules keep of the good ones, newest first.
fn by_rules<'a>(
    good: &[(&'a String, &BackupSeen)],
    rules: &Rules,
    now: Timestamp,
) -> Vec<(&'a String, Keeper)> {
    let mut kept = Vec::new();
    let names = || good.iter().map(|(name, _)| *name);
    if rules.is_empty() {
        kept.extend(names().map(|name| (name, Keeper::NoRule)));
    }
    if let Some(count) = rules.last {
        kept.extend(names().take(count).map(|name| (name, Keeper::Last(count))));
    }
    if let Some(days) = rules.days {
        let young = good.iter().filter(|(_, backup)| expires(backup, days).is_none_or(|end| now < end));
        kept.extend(young.map(|(name, _)| (*name, Keeper::Days(days))));
    }
    let there = |backup: &BackupSeen| backup.moment().to_zoned(rules.zone.clone()).date();
    let day = |backup: &BackupSeen| (i32::from(there(backup).year()), i32::from(there(backup).day_of_year()));
    let week = |backup: &BackupSeen| {
        let week = there(backup).iso_week_date();
        (i32::from(week.year()), i32::from(week.week()))
    };
    let month = |backup: &BackupSeen| (i32::from(there(backup).year()), i32::from(there(backup).month()));
    if let Some(count) = rules.daily {
        kept.extend(newest_of_each(good, count, day).into_iter().map(|name| (name, Keeper::Daily(count))));
    }
    if let Some(count) = rules.weekly {
        kept.extend(newest_of_each(good, count, week).into_iter().map(|name| (name, Keeper::Weekly(count))));
    }
    if let Some(count) = rules.monthly {
        kept.extend(
            newest_of_each(good, count, month).into_iter().map(|name| (name, Keeper::Monthly(count))),
        );
    }
    kept
}

/// The newest of each of the last `count` periods that have one.
fn newest_of_each<'a>(
    good: &[(&'a String, &BackupSeen)],
    count: usize,
    period: impl Fn(&BackupSeen) -> (i32, i32),
) -> Vec<&'a String> {
    let mut last = None;
    let mut kept = Vec::new();
    for (name, backup) in good {
        let here = period(backup);
        if last.replace(here) != Some(here) {
            kept.push(*name);
        }
        if kept.len() == count {
            break;
        }
    }
    kept
}

/// When a backup is so many days old; none beyond the end of time.
fn expires(backup: &BackupSeen, days: i32) -> Option<Timestamp> {
    backup.moment().checked_add(SignedDuration::from_hours(i64::from(days) * 24)).ok()
}

/// Evidence is kept with the good backups beside it; `number` counts it from the newest.
fn as_evidence(
    backup: &BackupSeen,
    mut by: Vec<Keeper>,
    oldest_good: Option<Timestamp>,
    number: usize,
    now: Timestamp,
) -> Fate {
    let ends = backup.moment().checked_add(EVIDENCE).ok();
    let beside = oldest_good.is_some_and(|good| good <= backup.moment());
    let young = ends.is_none_or(|end| now < end);
    if number <= MOST_EVIDENCE && (young || beside) {
        by.push(Keeper::Evidence);
    }
    if by.is_empty() {
        let why = if number > MOST_EVIDENCE {
            format!("{:?}, and {MOST_EVIDENCE} newer ones are kept as evidence", backup.status.phase)
        } else {
            format!("{:?}, and older than {} days", backup.status.phase, EVIDENCE.as_hours() / 24)
        };
        return Fate::Expired { why };
    }
    by.sort();
    let until = if by == [Keeper::Evidence] && !beside { ends } else { None };
    Fate::Kept { by, until }
}
