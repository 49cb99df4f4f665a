//! The write gap: how long nobody could commit, and which errors were seen meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

/// Gaps longer than this are listed: below, a checkpoint or a busy machine is as likely as an event.
pub(super) const LISTED: Duration = Duration::from_millis(300);

/// A time without an acknowledged commit, as this client saw it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gap {
    /// When the last commit before it was acknowledged.
    pub at: Timestamp,
    /// How long until the next one, in seconds.
    pub seconds: f64,
    /// Whether no commit came after it: it lasted until the run ended.
    pub open: bool,
    /// Errors seen in it: how many of each SQLSTATE.
    pub causes: BTreeMap<String, u64>,
}

/// Watches the acknowledged commits of all workers. Times are since the start of the run.
pub(super) struct Gaps {
    started: Timestamp,
    last: Option<Duration>,
    causes: BTreeMap<String, u64>,
    longest: Option<Gap>,
    listed: Vec<Gap>,
}

impl Gaps {
    pub fn new(started: Timestamp) -> Self {
        Self { started, last: None, causes: BTreeMap::new(), longest: None, listed: Vec::new() }
    }

    pub fn acknowledged(&mut self, now: Duration) {
        self.close(now, false);
        self.last = Some(now);
        self.causes.clear();
    }

    pub fn error(&mut self, code: &str) {
        *self.causes.entry(code.to_owned()).or_default() += 1;
    }

    /// How long ago the last commit was acknowledged; nothing if none was yet.
    pub fn current(&self, now: Duration) -> Option<Duration> {
        self.last.map(|last| now.saturating_sub(last))
    }

    /// Ends the watch: what is without a commit until now counts, whether or not one would have come.
    pub fn finish(&mut self, now: Duration) -> (Option<Gap>, Vec<Gap>) {
        self.close(now, true);
        (self.longest.take(), std::mem::take(&mut self.listed))
    }

    fn close(&mut self, now: Duration, open: bool) {
        let Some(last) = self.last else { return };
        let length = now.saturating_sub(last);
        let is_longest = self.longest.as_ref().is_none_or(|gap| length.as_secs_f64() > gap.seconds);
        if !is_longest && length <= LISTED {
            return;
        }
        let (at, seconds) = (self.started + last, length.as_secs_f64());
        let gap = Gap { at, seconds, open, causes: self.causes.clone() };
        if length > LISTED {
            self.listed.push(gap.clone());
        }
        if is_longest {
            self.longest = Some(gap);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn start() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_longest_gap_has_its_start_and_causes() {
        let mut gaps = Gaps::new(start());
        gaps.error("57P03");
        for now in [100, 110, 120] {
            gaps.acknowledged(ms(now));
        }
        gaps.error("57P01");
        gaps.error("08001");
        gaps.error("08001");
        assert_eq!(gaps.current(ms(1000)), Some(ms(880)));
        gaps.acknowledged(ms(2620));
        gaps.acknowledged(ms(3020));
        let (longest, listed) = gaps.finish(ms(3030));
        let longest = longest.unwrap();
        assert_eq!(longest.at.to_string(), "2026-11-21T12:00:00.12Z");
        assert_eq!((longest.seconds, longest.open), (2.5, false));
        assert_eq!(longest.causes, BTreeMap::from([("57P01".into(), 1), ("08001".into(), 2)]));
        assert_eq!(listed.iter().map(|gap| gap.seconds).collect::<Vec<_>>(), [2.5, 0.4]);
        assert!(listed[1].causes.is_empty(), "the causes of one gap are not those of the next");
    }

    #[test]
    fn a_gap_that_never_closed_counts() {
        let mut gaps = Gaps::new(start());
        gaps.acknowledged(ms(100));
        let (longest, listed) = gaps.finish(ms(5100));
        assert_eq!(longest.map(|gap| (gap.seconds, gap.open)), Some((5.0, true)));
        assert_eq!(listed.len(), 1);
    }

    #[test]
    fn without_a_commit_there_is_no_gap_to_speak_of() {
        let mut gaps = Gaps::new(start());
        assert_eq!(gaps.current(ms(100)), None);
        assert_eq!(gaps.finish(ms(5000)), (None, Vec::new()));
    }
}
