//! A promise as it is told: kept or broken, how long it took, its suite, one sentence.

use std::fmt;

/// What became of a promise in one run of its suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Name of the suite.
    pub suite: &'static str,
    /// The promise, one sentence.
    pub what: String,
    /// Whether it was kept.
    pub kept: bool,
    /// How long that took.
    pub seconds: u64,
    /// What a broken one found, in a line.
    pub why: Option<String>,
}

impl Told {
    /// `suite: promise`, by which it is chosen and listed.
    pub fn name(&self) -> String {
        name(self.suite, &self.what)
    }
}

/// `suite: promise`.
pub fn name(suite: &str, what: &str) -> String {
    format!("{suite}: {what}")
}

/// `ok      12s  suite: promise`
impl fmt::Display for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.kept { "ok  " } else { "FAIL" };
        write!(out, "{mark}  {:>4}s  {}", self.seconds, self.name())
    }
}

/// Reads the line of a shell suite: `ok      12s  promise`. None for any other line.
pub fn read(suite: &'static str, line: &str) -> Option<Told> {
    let (mark, rest) = line.split_at_checked(4)?;
    let kept = match mark {
        "ok  " => true,
        "FAIL" => false,
        _ => return None,
    };
    let (seconds, what) = rest.strip_prefix("  ")?.split_once("s  ")?;
    Some(Told { suite, what: what.to_owned(), kept, seconds: seconds.trim().parse().ok()?, why: None })
}

/// Reads the line behind a broken promise of a shell suite that says what was found: `why: not true within 60 s: ...`.
pub fn read_why(line: &str) -> Option<&str> {
    line.strip_prefix("why: ")
}

/// Prints a line of a suite that is no promise: what a broken one found, or what a skipped one says.
pub fn detail(suite: &str, line: &str) {
    println!("              {suite} | {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        for kept in [true, false] {
            let told =
                Told { suite: "kill", what: "writes go on: 2s  later".into(), kept, seconds: 12, why: None };
            let line = told.to_string().replacen("kill: ", "", 1);
            assert_eq!(read("kill", &line), Some(told));
        }
    }

    #[test]
    fn the_line_has_the_form_that_people_know() {
        let told = Told { suite: "kill", what: "writes go on".into(), kept: true, seconds: 3, why: None };
        assert_eq!(told.to_string(), "ok       3s  kill: writes go on");
    }

    #[test]
    fn other_lines_are_no_promises() {
        for line in
            ["", "ok", "ok, fine", "FAILED   3s  x", "        detail", "ok    xs  text", "ök    3s  text"]
        {
            assert_eq!(read("kill", line), None, "{line}");
        }
    }
}
