//! The text of a cron schedule in a time zone, and the moments that it names. Maintenance windows and backups share it.
//!
//! The schedule is read on the wall clock of its zone. When clocks go forward and the minute does not exist, its moment is
//! the one at which the clocks have gone forward. When clocks go back and the minute comes twice, the first counts. So
//! moments follow each other as the minutes on the wall do, and none comes twice.

use std::fmt;

use cronexpr::{Crontab, FallbackTimezoneOption, ParseOptions, parse_crontab_with};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::target::Problem;

/// Fields of a schedule: minute, hour, day of month, month, day of week.
const FIELDS: usize = 5;
/// Any moment serves to ask whether a schedule ever comes; the four years after this one hold a leap day.
const SOME_DAY: Timestamp = Timestamp::UNIX_EPOCH;

/// A schedule that was read.
#[derive(Clone, Debug)]
pub struct Cron {
    /// On a wall clock, without a zone: held as UTC.
    schedule: Crontab,
    zone: TimeZone,
}

/// A moment, shown in UTC and in the zone of its schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The moment.
    pub at: Timestamp,
    /// The zone that the schedule is written in.
    pub zone: TimeZone,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.at)?;
        match self.zone.iana_name() {
            None | Some("UTC") => Ok(()),
            Some(name) => {
                let there = self.at.to_zoned(self.zone.clone());
                write!(f, " ({} in {name})", there.strftime("%a %Y-%m-%d %H:%M"))
            }
        }
    }
}

impl Cron {
    /// Reads the fields `schedule` and `timeZone` of the object at `field`.
    ///
    /// # Errors
    /// A problem for each of the two that can't be: no cron text, a day that never comes, an unknown zone.
    pub fn read(field: &str, text: &str, zone: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let schedule =
            schedule(text).map_err(|why| problems.push(Problem::new(format!("{field}.schedule"), text, why)));
        let zone = read_zone(&format!("{field}.timeZone"), zone).map_err(|problem| problems.push(problem));
        match (schedule, zone) {
            (Ok(schedule), Ok(zone)) => Ok(Self { schedule, zone }),
            _ => Err(problems),
        }
    }

    /// The zone of the schedule.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The next moment after `after`; none when that is more than four years away.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let mut wall = after.to_zoned(self.zone.clone()).datetime();
        loop {
            wall = self.next_on_the_wall(wall)?;
            let at = moment(wall, &self.zone)?;
            // While clocks show an hour for the second time, what stands in it has been already.
            if at > after {
                return Some(at);
            }
        }
    }

    /// All moments after `after`, in order.
    pub fn after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next(after), |at| self.next(*at))
    }

    /// The moment with its zone, for a message.
    pub fn told(&self, at: Timestamp) -> Moment {
        Moment { at, zone: self.zone.clone() }
    }

    fn next_on_the_wall(&self, wall: DateTime) -> Option<DateTime> {
        let read_as_utc = TimeZone::UTC.to_timestamp(wall).ok()?;
        Some(self.schedule.find_next(read_as_utc).ok()?.datetime())
    }
}

/// Reads a time zone by its IANA name.
///
/// # Errors
/// A problem when no zone of this name is known.
pub fn read_zone(field: &str, name: &str) -> Result<TimeZone, Problem> {
    let remedy = "no time zone of this name is known: write an IANA name as Europe/Berlin or UTC";
    TimeZone::get(name).map_err(|_| Problem::new(field, name, remedy))
}

/// The moment at which clocks first show this time or a later one.
fn moment(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(wall).ok()
        }
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the offset that is not in force yet, the time lies shortly before the jump.
            zone.following(after.to_timestamp(wall).ok()?).next().map(|jump| jump.timestamp())
        }
    }
}

fn schedule(text: &str) -> Result<Crontab, String> {
    let example = "write minute, hour, day of month, month and day of week, as 0 2 * * SUN";
    let fields = text.split_whitespace().count();
    if fields != FIELDS {
        return Err(format!("{fields} fields, but cron has {FIELDS}: {example}"));
    }
    let mut options = ParseOptions::default();
    options.fallback_timezone_option = FallbackTimezoneOption::UTC;
    let schedule = parse_crontab_with(text, options).map_err(|cause| {
        // The last line has the cause, behind a mark under the place.
        let cause = cause.to_string();
        let cause = cause.lines().last().unwrap_or_default().trim_start_matches([' ', '^']).to_owned();
        format!("{cause}; {example}")
    })?;
    match schedule.find_next(SOME_DAY) {
        Ok(_) => Ok(schedule),
        Err(_) => Err(format!("no such day comes in four years, so it would never be due: {example}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    fn cron(text: &str, zone: &str) -> Cron {
        Cron::read("c", text, zone).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_minute_that_clocks_skip_comes_when_they_have_gone_forward_and_once() {
        // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
        let quarters = cron("*/15 2 * * *", "Europe/Berlin");
        let moments: Vec<_> = quarters.after(at("2026-03-28T12:00:00Z")).take(2).collect();
        assert_eq!(
            moments,
            [at("2026-03-29T01:00:00Z"), at("2026-03-30T00:00:00Z")],
            "four minutes become one moment"
        );
    }

    #[test]
    fn a_minute_that_comes_twice_counts_once() {
        // New York, 2026-11-01: 02:00 becomes 01:00 at 06:00 UTC.
        let hourly = cron("30 * * * *", "America/New_York");
        let moments: Vec<_> = hourly.after(at("2026-11-01T04:00:00Z")).take(3).collect();
        assert_eq!(moments, ["2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z", "2026-11-01T07:30:00Z"].map(at));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn moments_go_forward_whatever_the_zone_does(
            minute in 0..60i32, hour in prop::sample::select(vec!["*", "*/3", "2", "23"]), shift in 0..366 * 24 * 60i64,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
        ) {
            let from = at("2026-01-01T00:00:00Z") + SignedDuration::from_mins(shift);
            let moments: Vec<_> = cron(&format!("{minute} {hour} * * *"), zone).after(from).take(30).collect();
            prop_assert!(from < moments[0] && moments.windows(2).all(|two| two[0] < two[1]));
        }
    }
}
