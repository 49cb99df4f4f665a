//! One window: the text of a cron schedule in a time zone, and how long it stays open.
//!
//! The schedule is read on the wall clock of its zone. When clocks go forward and the minute does not exist, the window
//! opens as soon as the clocks have gone forward. When clocks go back and the minute comes twice, it opens at the first.
//! It stays open for its real length in either case. So moments follow each other as the minutes on the wall do.

use cronexpr::{Crontab, FallbackTimezoneOption, ParseOptions, parse_crontab_with};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::api;
use crate::target::Problem;

/// Fields of a schedule: minute, hour, day of month, month, day of week.
const FIELDS: usize = 5;
/// Minutes that a window may last: less than a quarter of an hour is over before one member is through, more than a week is
/// always.
const MINUTES: std::ops::RangeInclusive<i32> = 15..=7 * 24 * 60;
/// Any moment serves to ask whether a schedule ever comes; the four years after this one hold a leap day.
const SOME_DAY: Timestamp = Timestamp::UNIX_EPOCH;

/// A window that was read.
#[derive(Clone, Debug)]
pub struct Window {
    /// On a wall clock, without a zone: held as UTC.
    schedule: Crontab,
    length: SignedDuration,
    zone: TimeZone,
}

impl Window {
    /// Reads a window; `field` is where it stands.
    ///
    /// # Errors
    /// A problem for each part that can't be.
    pub fn read(field: &str, window: &api::Window) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |part: &str, value: &dyn ToString, remedy: String| {
            problems.push(Problem::new(format!("{field}.{part}"), value.to_string(), remedy));
        };
        let schedule = schedule(&window.schedule).map_err(|why| wrong("schedule", &window.schedule, why));
        if !MINUTES.contains(&window.duration_minutes) {
            let range = format!("from {} to {} (a week)", MINUTES.start(), MINUTES.end());
            wrong("durationMinutes", &window.duration_minutes, range);
        }
        let zone = TimeZone::get(&window.time_zone).map_err(|_| {
            let remedy =
                "no time zone of this name is known: write an IANA name as Europe/Berlin or UTC".into();
            wrong("timeZone", &window.time_zone, remedy);
        });
        match (schedule, zone) {
            (Ok(schedule), Ok(zone)) if problems.is_empty() => {
                let length = SignedDuration::from_mins(window.duration_minutes.into());
                Ok(Self { schedule, length, zone })
            }
            _ => Err(problems),
        }
    }

    /// How long it stays open.
    pub fn length(&self) -> SignedDuration {
        self.length
    }

    /// The zone of its schedule.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// When it opened, if it is open.
    pub fn opened(&self, now: Timestamp) -> Option<Timestamp> {
        // The first that is not over yet.
        self.next(now.checked_sub(self.length).ok()?).filter(|at| *at <= now)
    }

    /// When it opens next after `after`; none when that is more than four years away.
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

    fn next_on_the_wall(&self, wall: DateTime) -> Option<DateTime> {
        let read_as_utc = TimeZone::UTC.to_timestamp(wall).ok()?;
        Some(self.schedule.find_next(read_as_utc).ok()?.datetime())
    }
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
        Err(_) => Err(format!("no such day comes in four years, so it would never open: {example}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(schedule: &str, minutes: i32, zone: &str) -> Window {
        let window =
            api::Window { schedule: schedule.into(), duration_minutes: minutes, time_zone: zone.into() };
        Window::read("w", &window).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_in_the_hour_that_clocks_skip_opens_when_they_have_gone_forward() {
        // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
        let half_past_two = window("30 2 * * *", 60, "Europe/Berlin");
        assert_eq!(half_past_two.next(at("2026-03-28T12:00:00Z")), Some(at("2026-03-29T01:00:00Z")));
        assert_eq!(half_past_two.opened(at("2026-03-29T01:59:00Z")), Some(at("2026-03-29T01:00:00Z")));
        assert_eq!(half_past_two.opened(at("2026-03-29T02:00:00Z")), None);
        assert_eq!(half_past_two.next(at("2026-03-29T01:00:00Z")), Some(at("2026-03-30T00:30:00Z")));
    }

    #[test]
    fn a_window_in_the_hour_that_comes_twice_opens_once_at_the_first() {
        // New York, 2026-11-01: 02:00 becomes 01:00 at 06:00 UTC.
        let half_past_one = window("30 1 * * *", 45, "America/New_York");
        assert_eq!(half_past_one.next(at("2026-10-31T12:00:00Z")), Some(at("2026-11-01T05:30:00Z")));
        assert_eq!(half_past_one.opened(at("2026-11-01T06:14:00Z")), Some(at("2026-11-01T05:30:00Z")));
        assert_eq!(half_past_one.opened(at("2026-11-01T06:31:00Z")), None, "01:31 for the second time");
        assert_eq!(half_past_one.next(at("2026-11-01T06:10:00Z")), Some(at("2026-11-02T06:30:00Z")));
    }

    #[test]
    fn a_day_that_a_zone_left_out_is_over_at_once() {
        // Samoa went over the date line: after 2011-12-29 came 2011-12-31, at 10:00 UTC.
        let noon = window("0 12 30 12 *", 60, "Pacific/Apia");
        assert_eq!(noon.next(at("2011-12-29T12:00:00Z")), Some(at("2011-12-30T10:00:00Z")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Against the plain reading of "open": some opening lies less than its length back.
        #[test]
        fn open_and_next_agree_with_a_walk_over_all_openings(
            minute in 0..60i32, hour in 0..24i32, minutes in 15..2000i32, shift in 0..366 * 24 * 60i64,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
        ) {
            let window = window(&format!("{minute} {hour} * * *"), minutes, zone);
            let now = at("2026-01-01T00:00:00Z") + SignedDuration::from_mins(shift);
            let mut openings = vec![];
            let mut from = now - SignedDuration::from_hours(72);
            while from < now + SignedDuration::from_hours(48) {
                from = window.next(from).unwrap();
                openings.push(from);
            }
            prop_assert!(openings.windows(2).all(|two| two[0] < two[1]), "moments go forward");
            for at in &openings {
                let there = at.to_zoned(window.zone().clone());
                let due = (there.hour(), there.minute()) == (hour as i8, minute as i8);
                let jumped = (*at - SignedDuration::from_secs(1)).to_zoned(window.zone().clone()).offset() != there.offset();
                prop_assert!(due || jumped, "{there}");
            }
            let open = openings.iter().any(|at| *at <= now && now < *at + window.length());
            prop_assert_eq!(window.opened(now).is_some(), open);
            prop_assert_eq!(window.next(now), openings.iter().copied().find(|at| *at > now));
        }
    }
}
