//! How long a run may begin, and why one did not. Runs of backups and drills share it.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::cron::Moment;

use super::{Facts, Schedule};

/// An operator looks at a settled cluster every 15 s, and another one takes over within 30. When a run is found missed later
/// than this after its time, no operator was there to begin it.
const AT_WORK: SignedDuration = SignedDuration::from_mins(2);

/// Why no backup of a cluster can begin now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// `spec.paused` is true.
    Paused,
    /// No member takes writes.
    NoPrimary,
    /// Another backup of the cluster, by its name, has not ended.
    Busy(String),
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hindrance::Paused => write!(f, "spec.paused is true"),
            Hindrance::NoPrimary => write!(f, "no member takes writes"),
            Hindrance::Busy(backup) => write!(f, "backup {backup} is under way"),
        }
    }
}

/// When a run may begin.
pub struct Window {
    moment: Moment,
    /// The first moment at which it may not.
    ends: Timestamp,
    /// It ends because the next run is due, which stands for it as well.
    by_next: bool,
}

impl Window {
    /// The window of a moment; `next` is the moment after it, if that is due too.
    pub fn new(schedule: &Schedule, moment: Timestamp, next: Option<Timestamp>) -> Self {
        let deadline = moment.checked_add(schedule.deadline).unwrap_or(Timestamp::MAX);
        let by_next = next.is_some_and(|next| next <= deadline);
        let ends = next.map_or(deadline, |next| next.min(deadline));
        Self { moment: schedule.cron.told(moment), ends, by_next }
    }

    /// True while the run may begin.
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.ends
    }

    /// True when it is over for so long that no operator can have been there at its end.
    pub fn is_long_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.ends) > AT_WORK
    }

    /// True for what went on when it ended.
    pub fn ended_within(&self, began: Timestamp, ended: Timestamp) -> bool {
        began <= self.ends && ended >= self.ends
    }

    /// Which moment it is of, in words.
    pub fn due(&self) -> String {
        format!("due {}", self.moment)
    }

    /// Until when it was open, in words.
    pub fn until(&self) -> String {
        if self.by_next {
            format!("until the next run was due at {:.0}", self.ends)
        } else {
            format!("until its deadline at {:.0} (startDeadlineMinutes)", self.ends)
        }
    }

    /// The reason where nothing is known that hindered the run.
    pub fn nobody(&self) -> String {
        format!(
            "{}: no operator was at work {}, or it could not reach the API server, or the clock went ahead; look at \
             kubectl -n stylobate-system get pods",
            self.due(),
            self.until()
        )
    }
}

/// Why a run whose window is over did not begin, and what to do.
pub fn reason(window: &Window, facts: &Facts) -> String {
    let (due, until) = (window.due(), window.until());
    let late = window.is_long_over(facts.now);
    let hindrance = if late { None } else { facts.hindrance.clone().or_else(|| overlapped(window, facts)) };
    match hindrance {
        None => window.nobody(),
        Some(Hindrance::Paused) => {
            format!("{due}: spec.paused was true {until}; set it to false for backups")
        }
        Some(Hindrance::NoPrimary) => {
            format!("{due}: no member took writes {until}; the cluster's condition Ready tells why")
        }
        Some(Hindrance::Busy(other)) => format!(
            "{due}: backup {other} was under way {until}; set schedules further apart, or a longer startDeadlineMinutes"
        ),
    }
}

/// A backup that ended just now and was under way when the window ended.
fn overlapped(window: &Window, facts: &Facts) -> Option<Hindrance> {
    let found = facts.backups.iter().find(|(_, backup)| {
        let began = backup.status.started_at.as_ref().map(|time| time.0).or(backup.created);
        let ended = backup.status.completed_at.as_ref().map(|time| time.0);
        let both = began.zip(ended);
        backup.missed.is_none() && both.is_some_and(|(began, ended)| window.ended_within(began, ended))
    });
    found.map(|(name, _)| Hindrance::Busy(name.clone()))
}
