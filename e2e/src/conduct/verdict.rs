//! What became of each promise over both runs, and the closing lines.

use std::collections::BTreeMap;

use crate::told::Told;

/// All promises by name, sorted by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Kept each time.
    pub kept: Vec<String>,
    /// Broken once, and kept when tried alone or before.
    pub flaky: Vec<String>,
    /// Broken, and not kept when tried again.
    pub broken: Vec<String>,
    /// What was found where one was broken, by its name: each time once.
    whys: BTreeMap<String, Vec<String>>,
}

/// So much of what was found is told in a closing line.
const WHY_LENGTH: usize = 300;

/// A promise that is proved in two namespaces, as that a cluster is made, counts once: it is kept when both are.
fn by_name(told: &[Told]) -> BTreeMap<String, bool> {
    let mut all = BTreeMap::new();
    for told in told {
        *all.entry(told.name()).or_insert(true) &= told.kept;
    }
    all
}

/// What was found, by name.
fn whys<'a>(told: impl Iterator<Item = &'a Told>) -> BTreeMap<String, Vec<String>> {
    let mut whys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for told in told {
        if let Some(why) = &told.why {
            let short: String = why.chars().take(WHY_LENGTH).collect();
            let found = whys.entry(told.name()).or_default();
            if !found.contains(&short) {
                found.push(short);
            }
        }
    }
    whys
}

/// From the run in lanes and the second tries.
pub fn judge(first: &[Told], again: &[Told]) -> Verdict {
    let whys = whys(first.iter().chain(again));
    let (first, again) = (by_name(first), by_name(again));
    let mut verdict = Verdict { whys, ..Verdict::default() };
    for name in first.keys().chain(again.keys().filter(|name| !first.contains_key(*name))) {
        let list = match (first.get(name), again.get(name)) {
            (Some(true), None | Some(true)) | (None, Some(true)) => &mut verdict.kept,
            (Some(true), Some(false)) | (Some(false), Some(true)) => &mut verdict.flaky,
            _ => &mut verdict.broken,
        };
        list.push(name.clone());
    }
    verdict
}

impl Verdict {
    /// Flaky and broken ones by name with what was found, then the sums.
    pub fn lines(&self, seconds: u64) -> Vec<String> {
        let found = |name: &String| self.whys.get(name).map_or(String::new(), |whys| whys.join(" | "));
        let listed = |mark: &'static str, names: &[String]| -> Vec<String> {
            let line = |name| format!("{mark}: {name}: {}", found(name));
            names.iter().map(|name| line(name).trim_end_matches(": ").to_owned()).collect()
        };
        let mut lines = listed("flaky", &self.flaky);
        lines.extend(listed("broken twice", &self.broken));
        let (kept, broken, flaky) = (self.kept.len(), self.broken.len(), self.flaky.len());
        lines.push(format!("end to end: {kept} promises kept, {broken} broken, {flaky} flaky, {seconds} s"));
        lines.push(format!("e2e: {} passed, {broken} failed", kept + flaky));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(suite: &'static str, what: &str, kept: bool) -> Told {
        Told { suite, what: what.into(), kept, seconds: 1, why: None }
    }

    #[test]
    fn what_was_found_is_told_once_and_in_a_line() {
        let found = |why: &str| Told { why: Some(why.to_owned()), ..told("a", "x", false) };
        let verdict = judge(&[found("no primary"), found("no primary")], &[found(&"y".repeat(1000))]);
        assert_eq!(
            verdict.lines(1)[0],
            format!("broken twice: a: x: no primary | {}", "y".repeat(WHY_LENGTH))
        );
    }

    #[test]
    fn broken_twice_fails_and_broken_once_is_flaky() {
        let first = [told("a", "kept", true), told("a", "once", false), told("a", "twice", false)];
        let again = [told("a", "kept", true), told("a", "once", true), told("a", "twice", false)];
        let verdict = judge(&first, &again);
        assert_eq!(verdict.kept, ["a: kept"]);
        assert_eq!(verdict.flaky, ["a: once"]);
        assert_eq!(verdict.broken, ["a: twice"]);
        let lines = verdict.lines(60);
        assert_eq!(lines[0], "flaky: a: once");
        assert_eq!(lines[2], "end to end: 1 promises kept, 1 broken, 1 flaky, 60 s");
        assert_eq!(lines[3], "e2e: 2 passed, 1 failed");
    }

    #[test]
    fn what_breaks_only_when_tried_alone_is_flaky_too() {
        let verdict = judge(&[told("a", "x", true)], &[told("a", "x", false)]);
        assert_eq!(verdict.flaky, ["a: x"]);
    }

    #[test]
    fn a_second_try_that_does_not_reach_it_keeps_nothing() {
        assert_eq!(judge(&[told("a", "x", false)], &[]).broken, ["a: x"]);
    }

    #[test]
    fn a_promise_proved_in_two_namespaces_counts_once() {
        let twice = [told("make", "x", true), told("make", "x", true)];
        assert_eq!(judge(&twice, &[]).kept, ["make: x"]);
        let once = [told("make", "x", true), told("make", "x", false)];
        assert_eq!(judge(&once, &[]).broken, ["make: x"]);
    }
}
