//! Counts and latencies, for the second that runs and for the whole run.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::Serialize;

use super::gap::{Gap, Gaps};
use super::outcome::Cause;

/// Latencies are kept in microseconds up to ten minutes, with three digits: an error of 0.1 %.
const LONGEST_LATENCY_US: u64 = 600_000_000;
const DIGITS: u8 = 3;

/// The last second is cut short by the end of the run; with less than this, its line would be noise.
const SHORTEST_SECOND: Duration = Duration::from_millis(200);

/// One second of the run.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Second {
    pub at: Timestamp,
    /// Since the start of the run.
    pub elapsed_s: f64,
    pub transfers_per_s: f64,
    /// Transfers whose COMMIT was answered, since the start of the run.
    pub acknowledged: u64,
    pub latency: Option<Latency>,
    pub errors: BTreeMap<String, u64>,
    /// Since the last acknowledged commit; nothing before the first.
    pub gap_s: Option<f64>,
}

/// Percentiles of acknowledged transfers in milliseconds, from BEGIN to the answer to COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the transfers were faster.
    pub p50_ms: f64,
    /// 95 % were faster.
    pub p95_ms: f64,
    /// 99 % were faster.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// How often an error came, and what it said the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Occurrences, failed attempts to connect among them.
    pub count: u64,
    /// The message of the first one.
    pub message: String,
}

/// What a whole run measured.
pub(super) struct Totals {
    pub latency: Option<Latency>,
    pub errors: BTreeMap<String, Tally>,
    pub longest_gap: Option<Gap>,
    pub gaps: Vec<Gap>,
}

/// All workers report here. Times are since the start of the run, so that tests can make them up.
pub(super) struct Meter {
    started: Timestamp,
    gaps: Gaps,
    total: Histogram<u64>,
    errors: BTreeMap<String, Tally>,
    second: Histogram<u64>,
    second_errors: BTreeMap<String, u64>,
    second_started: Duration,
}

impl Meter {
    pub fn new(started: Timestamp) -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, LONGEST_LATENCY_US, DIGITS)
                .expect("constant bounds that hdrhistogram allows")
        };
        Self {
            started,
            gaps: Gaps::new(started),
            total: histogram(),
            errors: BTreeMap::new(),
            second: histogram(),
            second_errors: BTreeMap::new(),
            second_started: Duration::ZERO,
        }
    }

    pub fn acknowledged(&mut self, now: Duration, latency: Duration) {
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.total.saturating_record(microseconds);
        self.second.saturating_record(microseconds);
        self.gaps.acknowledged(now);
    }

    pub fn error(&mut self, cause: &Cause) {
        self.gaps.error(&cause.code);
        *self.second_errors.entry(cause.code.clone()).or_default() += 1;
        let tally = self.errors.entry(cause.code.clone());
        tally.or_insert_with(|| Tally { count: 0, message: cause.message.clone() }).count += 1;
    }

    /// What is left when the run ends, unless it is so short that its rate says nothing.
    pub fn take_rest(&mut self, now: Duration) -> Option<Second> {
        let is_short = now.saturating_sub(self.second_started) < SHORTEST_SECOND;
        (!is_short || !self.second_errors.is_empty()).then(|| self.take_second(now))
    }

    /// Ends the current second and starts the next.
    pub fn take_second(&mut self, now: Duration) -> Second {
        // A second that is cut short by the end of the run is still divided by its true length.
        let length = now.saturating_sub(self.second_started).as_secs_f64().max(0.001);
        let second = Second {
            at: self.started + now,
            elapsed_s: now.as_secs_f64(),
            transfers_per_s: self.second.len() as f64 / length,
            acknowledged: self.total.len(),
            latency: percentiles(&self.second),
            errors: std::mem::take(&mut self.second_errors),
            gap_s: self.gaps.current(now).map(|gap| gap.as_secs_f64()),
        };
        self.second.reset();
        self.second_started = now;
        second
    }

    /// What the whole run measured, which the meter forgets by telling it.
    pub fn finish(&mut self, now: Duration) -> Totals {
        let (longest_gap, gaps) = self.gaps.finish(now);
        Totals {
            latency: percentiles(&self.total),
            errors: std::mem::take(&mut self.errors),
            longest_gap,
            gaps,
        }
    }
}

fn percentiles(histogram: &Histogram<u64>) -> Option<Latency> {
    let ms = |microseconds: u64| microseconds as f64 / 1000.0;
    (!histogram.is_empty()).then(|| Latency {
        p50_ms: ms(histogram.value_at_quantile(0.50)),
        p95_ms: ms(histogram.value_at_quantile(0.95)),
        p99_ms: ms(histogram.value_at_quantile(0.99)),
        max_ms: ms(histogram.max()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_second_counts_only_itself() {
        let mut meter = Meter::new("2026-11-21T12:00:00Z".parse().unwrap());
        for step in 1..=100 {
            meter.acknowledged(ms(step * 10), ms(step));
        }
        meter.error(&Cause::new("57P01", "terminating connection"));
        let first = meter.take_second(ms(1000));
        assert_eq!(first.at.to_string(), "2026-11-21T12:00:01Z");
        assert!((first.transfers_per_s - 100.0).abs() < 0.01);
        let latency = first.latency.unwrap();
        assert!((latency.p50_ms - 50.0).abs() < 0.1 && (latency.p95_ms - 95.0).abs() < 0.1);
        assert!((latency.p99_ms - 99.0).abs() < 0.1 && (latency.max_ms - 100.0).abs() < 0.1);
        assert_eq!(first.errors, BTreeMap::from([("57P01".into(), 1)]));

        let second = meter.take_second(ms(1500));
        assert_eq!((second.transfers_per_s, second.latency, second.gap_s), (0.0, None, Some(0.5)));
        assert_eq!((first.acknowledged, second.acknowledged), (100, 100), "since the start of the run");
        assert!(second.errors.is_empty());

        assert!(meter.take_rest(ms(1600)).is_none());
        meter.error(&Cause::new("57P01", "again"));
        assert!(meter.take_rest(ms(1600)).is_some(), "an error is told in any case");

        let totals = meter.finish(ms(1500));
        assert_eq!(totals.errors["57P01"], Tally { count: 2, message: "terminating connection".into() });
        assert!((totals.longest_gap.unwrap().seconds - 0.5).abs() < 1e-9);
        assert!(totals.latency.is_some());
    }
}
