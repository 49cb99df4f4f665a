//! The text of a cron schedule in a time zone, and the moments that it names. Maintenance windows and backups share it.
//!
//! The schedule is read on the wall clock of its zone. When clocks go forward and the minute does not exist, its moment is
//! the one at which the clocks have gone forward. When clocks go back and the minute comes twice, the first counts. So
//! moments follow each other as the minutes on the wall do, and none comes twice.

mod december;

use std::fmt;

use cronexpr::{Crontab, FallbackTimezoneOption, ParseOptions, parse_crontab_with};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::target::Problem;

use december::December;

/// Fields of a schedule: minute, hour, day of month, month, day of week.
const FIELDS: usize = 5;
/// Any moment serves to ask whether a schedule ever comes; the four years after this one hold a leap day.
const SOME_DAY: DateTime = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);

/// A schedule that was read.
#[derive(Clone, Debug)]
pub struct Cron {
    /// On a wall clock, without a zone: held as UTC.
    schedule: Crontab,
    /// What the library misses of it.
    december: Option<December>,
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
            (Ok((schedule, december)), Ok(zone)) => Ok(Self { schedule, december, zone }),
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
        next_on_the_wall(&self.schedule, self.december.as_ref(), wall)
    }
}

/// The next time on a wall clock after this one.
fn next_on_the_wall(schedule: &Crontab, december: Option<&December>, wall: DateTime) -> Option<DateTime> {
    let found = find_next(schedule, wall);
    let missed = december.and_then(|december| december.next(wall, found));
    found.into_iter().chain(missed).min()
}

/// What the library finds after this time.
fn find_next(schedule: &Crontab, wall: DateTime) -> Option<DateTime> {
    let read_as_utc = TimeZone::UTC.to_timestamp(wall).ok()?;
    Some(schedule.find_next(read_as_utc).ok()?.datetime())
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

fn parse(text: &str) -> Result<Crontab, cronexpr::Error> {
    let mut options = ParseOptions::default();
    options.fallback_timezone_option = FallbackTimezoneOption::UTC;
    parse_crontab_with(text, options)
}

fn schedule(text: &str) -> Result<(Crontab, Option<December>), String> {
    let example = "write minute, hour, day of month, month and day of week, as 0 2 * * SUN";
    let fields = text.split_whitespace().count();
    if fields != FIELDS {
        return Err(format!("{fields} fields, but cron has {FIELDS}: {example}"));
    }
    let schedule = parse(text).map_err(|cause| {
        // The last line has the cause, behind a mark under the place.
        let cause = cause.to_string();
        let cause = cause.lines().last().unwrap_or_default().trim_start_matches([' ', '^']).to_owned();
        format!("{cause}; {example}")
    })?;
    let december = December::of(text);
    match next_on_the_wall(&schedule, december.as_ref(), SOME_DAY) {
        Some(_) => Ok((schedule, december)),
        None => Err(format!("no such day comes in four years, so it would never be due: {example}")),
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

    /// The days of a year of this month on which a schedule comes, by its moments.
    fn days(text: &str, year: i16, month: i8) -> Vec<i8> {
        let first = jiff::civil::date(year, month, 1);
        let (begin, end) = (first.in_tz("UTC").unwrap().timestamp(), first.last_of_month());
        let cron = cron(text, "UTC");
        let moments = cron.after(begin - SignedDuration::from_secs(1));
        let dates = moments.map(|at| at.to_zoned(TimeZone::UTC).date()).take_while(|date| *date <= end);
        dates.map(|date| date.day()).collect()
    }

    /// 28 years hold every month beginning on every day of the week, leap years too.
    fn months() -> impl Iterator<Item = (i16, i8, i8)> {
        let last = |year, month| jiff::civil::date(year, month, 1).last_of_month().day();
        (2024..2052).flat_map(move |year| (1..=12).map(move |month| (year, month, last(year, month))))
    }

    fn weekday(year: i16, month: i8, day: i8) -> i8 {
        jiff::civil::date(year, month, day).weekday().to_monday_one_offset()
    }

    #[test]
    fn the_last_day_of_every_month_comes() {
        for (year, month, last) in months() {
            assert_eq!(days("0 2 L * *", year, month), [last], "{year}-{month}");
            assert_eq!(days("0 2 15,L * *", year, month), [15, last], "{year}-{month}");
        }
        assert_eq!(days("0 2 L 12 *", 2026, 12), [31], "also where no other month is named");
        assert_eq!(days("0 2 L DEC *", 2026, 11), [] as [i8; 0]);
        assert_eq!(days("0 2 L 1-11 *", 2026, 12), [] as [i8; 0]);
    }

    #[test]
    fn the_last_of_each_day_of_the_week_comes_in_every_month() {
        for (year, month, last) in months() {
            for wanted in 1..=7 {
                let day = (1..=last).rev().find(|day| weekday(year, month, *day) == wanted).unwrap();
                assert_eq!(
                    days(&format!("0 2 * * {wanted}L"), year, month),
                    [day],
                    "{wanted}L {year}-{month}"
                );
            }
        }
    }

    #[test]
    fn the_weekday_nearest_to_a_day_stays_in_its_month_and_comes_in_each_that_has_the_day() {
        for (year, month, last) in months() {
            for wanted in [1, 2, 15, 28, 29, 30, 31] {
                let near = match weekday(year, month, wanted.min(last)) {
                    _ if wanted > last => None,
                    6 if wanted == 1 => Some(3),
                    6 => Some(wanted - 1),
                    7 if wanted == last => Some(wanted - 2),
                    7 => Some(wanted + 1),
                    _ => Some(wanted),
                };
                let told: Vec<i8> = near.into_iter().collect();
                assert_eq!(
                    days(&format!("0 2 {wanted}W * *"), year, month),
                    told,
                    "{wanted}W {year}-{month}"
                );
            }
        }
    }

    #[test]
    fn the_nth_of_each_day_of_the_week_comes_in_each_month_that_has_it() {
        for (year, month, last) in months() {
            for (wanted, nth) in (1..=7).flat_map(|day| (1..=5).map(move |nth| (day, nth))) {
                let all: Vec<i8> = (1..=last).filter(|day| weekday(year, month, *day) == wanted).collect();
                let told: Vec<i8> = all.get(nth - 1).copied().into_iter().collect();
                let text = format!("0 2 * * {wanted}#{nth}");
                assert_eq!(days(&text, year, month), told, "{text} {year}-{month}");
            }
        }
    }

    #[test]
    fn december_is_no_exception_whatever_stands_beside_its_last_day() {
        // Where neither field begins with an asterisk, either is enough; else both have to be.
        assert_eq!(days("0 2 L * 1#1", 2026, 12), [7, 31]);
        assert_eq!(days("0 2 1,L 12 5L", 2026, 12), [1, 25, 31]);
        assert_eq!(days("0 2 */2 * 4L", 2026, 12), [31], "a Thursday, and odd");
        let twice = cron("0 2,20 L 12 *", "UTC");
        let moments: Vec<_> = twice.after(at("2026-12-31T02:00:00Z")).take(2).collect();
        assert_eq!(moments, ["2026-12-31T20:00:00Z", "2027-12-31T02:00:00Z"].map(at));
        let berlin = cron("30 0 L * *", "Europe/Berlin");
        assert_eq!(berlin.next(at("2026-12-01T00:00:00Z")), Some(at("2026-12-30T23:30:00Z")));
    }

    #[test]
    fn what_is_not_known_of_days_is_refused_with_its_place() {
        for text in ["0 2 LW * *", "0 2 L-3 * *", "0 2 32W * *", "0 2 * * 8L", "0 2 * * 1#6", "0 2 L 2 2#9"] {
            let problems = Cron::read("c", text, "UTC").map(drop).unwrap_err();
            assert!(problems[0].to_string().contains("as 0 2 * * SUN"), "{text}: {}", problems[0]);
        }
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
