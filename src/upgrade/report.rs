//! What a member says of a check or of the work after an upgrade: a file on its volume, written by `upgrade-member`.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// A piece of work that has said nothing for this long died with its server and is asked for again. Asking while it still
/// runs does nothing.
const SILENCE: SignedDuration = SignedDuration::from_mins(2);

/// Both reports, each none until it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// What the check found before anything stops.
    pub check: Option<Report>,
    /// What became of statistics and extensions after the upgrade.
    pub finish: Option<Report>,
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Report {
    /// What was asked: a report on something else is no answer.
    pub key: String,
    /// `running` or `done`.
    pub state: String,
    /// When that was.
    pub at: Timestamp,
    /// What is wrong, each for a person to mend; empty when all is well.
    pub problems: Vec<String>,
}

/// Where a piece of work stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand<'a> {
    /// To be asked for.
    Missing,
    /// Under way.
    Running,
    /// Over, with these findings.
    Done(&'a Report),
}

impl Report {
    /// Reads one.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Where the work with this key stands.
    pub fn stand<'a>(report: Option<&'a Self>, key: &str, now: Timestamp) -> Stand<'a> {
        match report {
            Some(report) if report.key == key && report.state == "done" => Stand::Done(report),
            Some(report) if report.key == key && now.duration_since(report.at) < SILENCE => Stand::Running,
            _ => Stand::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_on_something_else_or_of_work_that_died_is_no_answer() {
        let text = r#"{"key": "k", "state": "running", "at": "2026-11-21T12:00:00+00:00", "problems": []}"#;
        let report = Report::read(text).unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(Report::stand(Some(&report), "k", at("2026-11-21T12:01:00Z")), Stand::Running);
        assert_eq!(Report::stand(Some(&report), "k", at("2026-11-21T12:03:00Z")), Stand::Missing);
        assert_eq!(Report::stand(Some(&report), "other", at("2026-11-21T12:01:00Z")), Stand::Missing);
        let done = Report { state: "done".into(), ..report };
        assert_eq!(Report::stand(Some(&done), "k", at("2026-11-22T12:00:00Z")), Stand::Done(&done));
        assert_eq!(Report::stand(None, "k", done.at), Stand::Missing);
    }
}
