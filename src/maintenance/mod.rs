//! Maintenance windows: whether one is open, when the next one opens, and the wish to run now. Pure: the time comes in.

mod run_now;
mod window;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::api::Maintenance;
use crate::cron::Moment;
use crate::target::Problem;

pub use run_now::{MAX_AHEAD, RunNow, run_now};
use window::Window;

/// Windows that follow on each other without a pause are looked at so many times to find when the last one closes. Enough
/// for one that opens in every minute of a day.
const MAX_FOLLOWING: usize = 1440;

/// All windows of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Windows(Vec<Window>);

/// What a moment means to the windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There are no windows.
    Unrestricted,
    /// One is open.
    Open {
        /// When the last of those that follow on each other closes; none when one always follows.
        until: Option<Moment>,
    },
    /// None is open.
    Closed {
        /// When the next one opens; none when there is none in the next four years.
        opens: Option<Moment>,
    },
}

impl Windows {
    /// Reads the windows of a spec.
    ///
    /// # Errors
    /// A problem for each schedule that is no cron text or never comes, each length out of range and each unknown zone.
    pub fn read(spec: &Maintenance) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut windows = Vec::new();
        for (index, window) in spec.windows.iter().enumerate() {
            match Window::read(&format!("spec.maintenance.windows[{index}]"), window) {
                Ok(window) => windows.push(window),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(Self(windows)) } else { Err(problems) }
    }

    /// What this moment means to them.
    pub fn phase(&self, now: Timestamp) -> Phase {
        if self.0.is_empty() {
            return Phase::Unrestricted;
        }
        let open = |window: &&Window| window.opened(now).is_some();
        if self.0.iter().any(|window| open(&window)) {
            return Phase::Open { until: self.until(now) };
        }
        let next = self.0.iter().filter_map(|window| Some((window.next(now)?, window)));
        let next = next.min_by_key(|(at, _)| *at);
        Phase::Closed { opens: next.map(|(at, window)| Moment { at, zone: window.zone().clone() }) }
    }

    /// When all have closed that are open at `now` or open before the others close.
    fn until(&self, now: Timestamp) -> Option<Moment> {
        let mut until = Moment { at: now, zone: TimeZone::UTC };
        for _ in 0..MAX_FOLLOWING {
            let longer = self.0.iter().find_map(|window| {
                // Open at the moment at which the others close: then it closes later than they.
                let closes = window.opened(until.at)?.checked_add(window.length()).ok()?;
                Some(Moment { at: closes, zone: window.zone().clone() })
            });
            match longer {
                Some(later) => until = later,
                None => return Some(until),
            }
        }
        None
    }
}

/// A time span in words, as `1 h 30 min`.
pub fn span(length: SignedDuration) -> String {
    match (length.as_mins() / 60, length.as_mins() % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn windows(list: serde_json::Value) -> Windows {
        Windows::read(&serde_json::from_value(json!({"windows": list})).unwrap()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn told(windows: &Windows, now: &str) -> String {
        match windows.phase(at(now)) {
            Phase::Unrestricted => "unrestricted".into(),
            Phase::Open { until } => {
                format!("open until {}", until.map_or("ever".into(), |moment| moment.to_string()))
            }
            Phase::Closed { opens } => format!("opens {}", opens.unwrap()),
        }
    }

    #[test]
    fn without_windows_nothing_is_restricted() {
        assert_eq!(told(&Windows::default(), "2026-11-21T12:00:00Z"), "unrestricted");
    }

    #[test]
    fn the_next_opening_is_told_in_utc_and_in_the_zone_of_the_window() {
        let sunday =
            json!([{"schedule": "0 2 * * SUN", "durationMinutes": 120, "timeZone": "Europe/Berlin"}]);
        let sunday = windows(sunday);
        let next = "2026-11-22T01:00:00Z (Sun 2026-11-22 02:00 in Europe/Berlin)";
        assert_eq!(told(&sunday, "2026-11-21T12:00:00Z"), format!("opens {next}"));
        assert_eq!(
            told(&sunday, "2026-11-22T01:00:00Z"),
            "open until 2026-11-22T03:00:00Z (Sun 2026-11-22 04:00 in Europe/Berlin)"
        );
        assert!(told(&sunday, "2026-11-22T02:59:59.999Z").starts_with("open"));
        assert!(told(&sunday, "2026-11-22T03:00:00Z").starts_with("opens 2026-11-29"));
    }

    #[test]
    fn windows_that_touch_or_overlap_are_one_long_one() {
        let two = windows(json!([
            {"schedule": "0 1 * * *", "durationMinutes": 60},
            {"schedule": "30 1 * * *", "durationMinutes": 90},
            {"schedule": "0 3 * * *", "durationMinutes": 15},
        ]));
        assert_eq!(told(&two, "2026-11-21T01:10:00Z"), "open until 2026-11-21T03:15:00Z");
        assert_eq!(told(&two, "2026-11-21T03:15:00Z"), "opens 2026-11-22T01:00:00Z");
    }

    #[test]
    fn a_window_that_always_follows_on_itself_never_closes() {
        let always = windows(json!([{"schedule": "0 0 * * *", "durationMinutes": 1440}]));
        assert_eq!(told(&always, "2026-11-21T12:00:00Z"), "open until ever");
    }

    #[test]
    fn every_bad_window_is_a_problem_that_names_field_value_and_what_is_allowed() {
        let list = json!([
            {"schedule": "0 25 * * *", "durationMinutes": 60},
            {"schedule": "0 2 30 2 *", "durationMinutes": 60},
            {"schedule": "0 2 * * *", "durationMinutes": 5},
            {"schedule": "0 2 * * *", "durationMinutes": 60, "timeZone": "Europe/Berlinn"},
            {"schedule": "0 2 * * * UTC", "durationMinutes": 60},
        ]);
        let spec = serde_json::from_value(json!({"windows": list})).unwrap();
        let problems: Vec<String> =
            Windows::read(&spec).unwrap_err().iter().map(Problem::to_string).collect();
        let begins = [
            "spec.maintenance.windows[0].schedule is '0 25 * * *': value must be in range 0..=23; found 25",
            "spec.maintenance.windows[1].schedule is '0 2 30 2 *': no such day comes in four years",
            "spec.maintenance.windows[2].durationMinutes is '5': from 15 to 10080",
            "spec.maintenance.windows[3].timeZone is 'Europe/Berlinn': no time zone of this name",
            "spec.maintenance.windows[4].schedule is '0 2 * * * UTC': 6 fields",
        ];
        assert_eq!(problems.len(), begins.len(), "{problems:#?}");
        for (problem, begin) in problems.iter().zip(begins) {
            assert!(problem.starts_with(begin), "{problem}");
        }
    }
}
