//! The result of a run: the verdict, its exit code, and the text for a person.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::gap::{Gap, LISTED};
use super::meter::{Latency, Tally};
use super::outcome::Cause;
use super::verify::Verified;

/// At most this many gaps stand in the text, the longest first; JSON has all.
const GAPS_IN_TEXT: usize = 20;

/// Everything about one run.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The run's id, as in the table bank.run.
    pub run: i64,
    /// When transfers began.
    pub started: Timestamp,
    /// How long transfers were made, in seconds.
    pub seconds: f64,
    /// Workers.
    pub concurrency: u16,
    /// Accounts.
    pub accounts: i32,
    /// Transfers whose COMMIT was answered.
    pub acknowledged: u64,
    /// Transfers whose COMMIT was sent but not clearly answered.
    pub unknown: u64,
    /// Transfers that failed before that.
    pub failed: u64,
    /// What was found in the end; nothing if it could not be read.
    #[serde(flatten)]
    pub verified: Option<Verified>,
    /// The longest time without an acknowledged commit.
    pub longest_write_gap: Option<Gap>,
    /// All gaps over 0.3 s, in the order of their start.
    pub gaps: Vec<Gap>,
    /// Acknowledged transfers per second, over the whole run.
    pub transfers_per_s: f64,
    /// Latencies of acknowledged transfers.
    pub latency: Option<Latency>,
    /// Errors by SQLSTATE (`deadline` for our own).
    pub errors: BTreeMap<String, Tally>,
    /// What it comes down to.
    pub verdict: Verdict,
}

/// What a run comes down to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "is", content = "because")]
pub enum Verdict {
    /// Every invariant held.
    Kept,
    /// At least one did not: which.
    Broken(Vec<String>),
    /// It could not be told: why.
    Unproved(String),
}

impl Verdict {
    /// Judges what was found.
    pub(super) fn of(verified: Result<&Verified, &Cause>, acknowledged: u64) -> Self {
        let found = match verified {
            Ok(found) => found,
            // A primary that answers but has no such table forgot more than a row.
            Err(cause) if acknowledged > 0 && ["42P01", "3F000"].contains(&cause.code.as_str()) => {
                return Self::Broken(vec![format!(
                    "the tables are gone with all {acknowledged} acknowledged transfers: {cause}"
                )]);
            }
            Err(cause) => {
                return Self::Unproved(format!(
                    "failed to verify the run: {cause}; see that the database is up"
                ));
            }
        };
        let mut broken = Vec::new();
        if found.lost > 0 {
            let examples = found.lost_examples.join(", ");
            broken.push(format!(
                "{} acknowledged transfers are missing (worker/sequence {examples})",
                found.lost
            ));
        }
        if found.total_before != found.total_after {
            broken.push(format!("the total went from {} to {}", found.total_before, found.total_after));
        }
        if found.accounts_off > 0 {
            broken.push(format!("{} accounts do not hold what the ledger says", found.accounts_off));
        }
        if found.duplicates > 0 {
            broken.push(format!("{} ids stand in the ledger more than once", found.duplicates));
        }
        if found.unexpected > 0 {
            broken.push(format!("{} transfers that failed are in the ledger nevertheless", found.unexpected));
        }
        match (broken.is_empty(), acknowledged) {
            (false, _) => Self::Broken(broken),
            (true, 0) => {
                Self::Unproved("no transfer was acknowledged, so nothing was put to the proof".to_owned())
            }
            (true, _) => Self::Kept,
        }
    }
}

impl Summary {
    /// 0: every invariant held. 1: one is broken. 2: it could not be told.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Verdict::Kept => 0,
            Verdict::Broken(_) => 1,
            Verdict::Unproved(_) => 2,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, started, seconds, concurrency, accounts, .. } = self;
        writeln!(
            out,
            "run {run} from {started:.3}: {seconds:.1} s, {concurrency} workers, {accounts} accounts"
        )?;
        match &self.verified {
            Some(found) => {
                writeln!(
                    out,
                    "acknowledged {}, present {}, unknown {} (found {}), failed {}",
                    self.acknowledged, found.present, self.unknown, found.unknown_found, self.failed
                )?;
                writeln!(out, "lost {}", found.lost)?;
                let kept = if found.total_before == found.total_after { "yes" } else { "NO" };
                writeln!(
                    out,
                    "total kept {kept} ({} before, {} after)",
                    found.total_before, found.total_after
                )?;
                let replays = if found.accounts_off == 0 { "yes" } else { "NO" };
                writeln!(
                    out,
                    "ledger replays {replays}, duplicates {}, unexpected {}",
                    found.duplicates, found.unexpected
                )?;
            }
            None => writeln!(
                out,
                "acknowledged {}, present ?, unknown {}, failed {}",
                self.acknowledged, self.unknown, self.failed
            )?,
        }
        match &self.longest_write_gap {
            Some(gap) => writeln!(out, "longest write gap {}", Line(gap))?,
            None => writeln!(out, "longest write gap: none, as nothing was acknowledged")?,
        }
        self.list_gaps(out)?;
        write!(out, "{:.1} transfers/s", self.transfers_per_s)?;
        if let Some(Latency { p50_ms, p95_ms, p99_ms, max_ms }) = self.latency {
            write!(out, ", p50 {p50_ms:.2} ms, p95 {p95_ms:.2} ms, p99 {p99_ms:.2} ms, max {max_ms:.2} ms")?;
        }
        writeln!(out)?;
        if self.errors.is_empty() {
            writeln!(out, "errors none")?;
        }
        for (code, Tally { count, message }) in &self.errors {
            writeln!(out, "error {code} x {count}: {message}")?;
        }
        match &self.verdict {
            Verdict::Kept => writeln!(out, "verdict: every invariant held"),
            Verdict::Broken(reasons) => writeln!(out, "verdict: BROKEN: {}", reasons.join("; ")),
            Verdict::Unproved(reason) => writeln!(out, "verdict: unproved: {reason}"),
        }
    }
}

impl Summary {
    fn list_gaps(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A single one is the longest, which stands above.
        if self.gaps.len() < 2 {
            return Ok(());
        }
        let mut longest: Vec<_> = self.gaps.iter().collect();
        longest.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
        longest.truncate(GAPS_IN_TEXT);
        longest.sort_by_key(|gap| gap.at);
        writeln!(out, "write gaps over {:.1} s: {}", LISTED.as_secs_f64(), self.gaps.len())?;
        longest.iter().try_for_each(|gap| writeln!(out, "  {}", Line(gap)))
    }
}

/// A gap in a line of text.
struct Line<'a>(&'a Gap);

impl fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gap { at, seconds, open, causes } = self.0;
        write!(out, "{seconds:.3} s at {at:.3}")?;
        if *open {
            write!(out, ", open when the run ended")?;
        }
        for (index, (code, count)) in causes.iter().enumerate() {
            write!(out, "{} {code} x {count}", if index == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
