//! One window: a schedule in a time zone, and how long it stays open.
//!
//! It opens at the moments of its schedule ([`crate::cron`]) and stays open for its real length, also when clocks go forward
//! or back meanwhile.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::api;
use crate::cron::Cron;
use crate::target::Problem;

/// Minutes that a window may last: less than a quarter of an hour is over before one member is through, more than a week is
/// always.
const MINUTES: std::ops::RangeInclusive<i32> = 15..=7 * 24 * 60;

/// A window that was read.
#[derive(Clone, Debug)]
pub struct Window {
    cron: Cron,
    length: SignedDuration,
}

impl Window {
    /// Reads a window; `field` is where it stands.
    ///
    /// # Errors
    /// A problem for each part that can't be.
    pub fn read(field: &str, window: &api::Window) -> Result<Self, Vec<Problem>> {
        let minutes = window.duration_minutes;
        let wrong = (!MINUTES.contains(&minutes)).then(|| {
            let range = format!("from {} to {} (a week)", MINUTES.start(), MINUTES.end());
            Problem::new(format!("{field}.durationMinutes"), minutes, range)
        });
        match (Cron::read(field, &window.schedule, &window.time_zone), wrong) {
            (Ok(cron), None) => Ok(Self { cron, length: SignedDuration::from_mins(minutes.into()) }),
            (read, wrong) => Err(read.err().into_iter().flatten().chain(wrong).collect()),
        }
    }

    /// How long it stays open.
    pub fn length(&self) -> SignedDuration {
        self.length
    }

    /// The zone of its schedule.
    pub fn zone(&self) -> &TimeZone {
        self.cron.zone()
    }

    /// When it opened, if it is open.
    pub fn opened(&self, now: Timestamp) -> Option<Timestamp> {
        // The first that is not over yet.
        self.next(now.checked_sub(self.length).ok()?).filter(|at| *at <= now)
    }

    /// When it opens next after `after`; none when that is more than four years away.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.cron.next(after)
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
