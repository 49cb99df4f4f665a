//! How idle the machine's processors were, for each number of lanes at work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Where the kernel counts.
const COUNTERS: &str = "/proc/stat";

/// Time of all processors since the machine started, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    all: u64,
    idle: u64,
}

/// Measures phases of a run.
pub struct Meter {
    busy: usize,
    since: Instant,
    ticks: Ticks,
    phases: BTreeMap<usize, (Duration, Ticks)>,
}

impl Meter {
    /// From now on, with no lane at work.
    pub fn start() -> Self {
        Self { busy: 0, since: Instant::now(), ticks: now(), phases: BTreeMap::new() }
    }

    /// So many lanes are at work from now on.
    pub fn busy(&mut self, lanes: usize) {
        self.add(now(), self.since.elapsed());
        (self.busy, self.since) = (lanes, Instant::now());
    }

    /// `3 lanes 412 s, CPU idle 22 %; 1 lane 60 s, CPU idle 55 %`
    pub fn summary(&mut self) -> String {
        self.busy(0);
        let told = self.phases.iter().rev().filter(|(lanes, _)| **lanes > 0).map(|(lanes, (time, ticks))| {
            let idle = ticks.idle * 100 / ticks.all.max(1);
            let word = if *lanes == 1 { "lane" } else { "lanes" };
            format!("{lanes} {word} {} s, CPU idle {idle} %", time.as_secs())
        });
        told.collect::<Vec<_>>().join("; ")
    }

    fn add(&mut self, ticks: Ticks, time: Duration) {
        let (total, sum) = self.phases.entry(self.busy).or_default();
        *total += time;
        sum.all += ticks.all.saturating_sub(self.ticks.all);
        sum.idle += ticks.idle.saturating_sub(self.ticks.idle);
        self.ticks = ticks;
    }
}

fn now() -> Ticks {
    // Without the file, idle times are told as 0 %: nothing is decided by them.
    std::fs::read_to_string(COUNTERS).map(|text| read(&text)).unwrap_or_default()
}

/// The line `cpu`: user, nice, system, idle, iowait, irq, softirq, steal; guest times are in user's already.
fn read(text: &str) -> Ticks {
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("cpu ")) else { return Ticks::default() };
    let numbers: Vec<u64> =
        line.split_whitespace().take(8).filter_map(|number| number.parse().ok()).collect();
    Ticks { all: numbers.iter().sum(), idle: numbers.iter().skip(3).take(2).sum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_is_read() {
        let text = "cpu  10 20 30 400 5 1 2 3 99 99\ncpu0 1 1 1 1\n";
        assert_eq!(read(text), Ticks { all: 471, idle: 405 });
        assert_eq!(read("nonsense"), Ticks::default());
    }

    #[test]
    fn phases_of_the_same_number_of_lanes_are_one() {
        let mut meter = Meter { ticks: Ticks::default(), ..Meter::start() };
        meter.busy = 2;
        meter.add(Ticks { all: 100, idle: 50 }, Duration::from_secs(10));
        meter.busy = 1;
        meter.add(Ticks { all: 200, idle: 140 }, Duration::from_secs(5));
        meter.busy = 2;
        meter.add(Ticks { all: 300, idle: 240 }, Duration::from_secs(10));
        meter.busy = 0;
        assert_eq!(meter.summary(), "2 lanes 20 s, CPU idle 75 %; 1 lane 5 s, CPU idle 90 %");
    }
}
