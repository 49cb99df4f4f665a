//! Where results go while the run lasts: a progress bar on a terminal, plain lines otherwise, or JSON.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::gap::LISTED;
use super::meter::{Latency, Second};
use super::summary::Summary;

/// Where and how to write.
pub(super) enum Report {
    Json,
    Lines,
    Bar(ProgressBar),
}

impl Report {
    /// JSON if asked for, a bar for a person who watches, lines for everything else.
    pub fn new(json: bool, duration: Duration) -> Self {
        if json {
            return Self::Json;
        }
        if !(io::stdout().is_terminal() && io::stderr().is_terminal()) {
            return Self::Lines;
        }
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} s\n{msg}")
            .expect("a constant template that indicatif understands");
        Self::Bar(ProgressBar::new(duration.as_secs().max(1)).with_style(style))
    }

    /// Something a person should know, beside the results: to standard error, so that JSON stays JSON.
    pub fn note(&self, text: &str) {
        let write = || {
            // There is nowhere left to say that standard error is closed.
            let _ = writeln!(io::stderr(), "{text}");
        };
        match self {
            Self::Bar(bar) => bar.suspend(write),
            _ => write(),
        }
    }

    /// Writes a second. On a terminal only a bad one stays on the screen; the others pass in the bar.
    ///
    /// # Errors
    /// Those of standard output, such as a pipe that nobody reads.
    pub fn second(&self, second: &Second) -> io::Result<()> {
        match self {
            Self::Json => print(&json!({ "second": second }).to_string()),
            Self::Lines => print(&line(second)),
            Self::Bar(bar) => {
                bar.set_position(second.elapsed_s as u64);
                let text = line(second);
                bar.set_message(text.clone());
                let is_bad =
                    !second.errors.is_empty() || second.gap_s.is_none_or(|gap| gap > LISTED.as_secs_f64());
                if is_bad { bar.suspend(|| print(&text)) } else { Ok(()) }
            }
        }
    }

    /// Takes the bar away: nothing moves any more.
    pub fn moved(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }

    /// Writes the summary, the last of the output.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn summary(&self, summary: &Summary) -> io::Result<()> {
        match self {
            Self::Json => print(&json!({ "summary": summary }).to_string()),
            Self::Lines | Self::Bar(_) => print(summary.to_string().trim_end()),
        }
    }
}

fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// A second as text.
fn line(second: &Second) -> String {
    let mut text = format!("{:.3} {:8.1} transfers/s", second.at, second.transfers_per_s);
    match second.latency {
        Some(Latency { p50_ms, p95_ms, p99_ms, .. }) => {
            text.push_str(&format!("  p50 {p50_ms:.2} ms  p95 {p95_ms:.2} ms  p99 {p99_ms:.2} ms"));
        }
        None => text.push_str("  p50 -  p95 -  p99 -"),
    }
    let errors: Vec<_> = second.errors.iter().map(|(code, count)| format!("{code} x {count}")).collect();
    text.push_str(&format!(
        "  errors {}",
        if errors.is_empty() { "none".to_owned() } else { errors.join(", ") }
    ));
    match second.gap_s {
        Some(gap) => text.push_str(&format!("  gap {gap:.3} s")),
        None => text.push_str("  gap -"),
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_line_tells_time_rate_latency_errors_and_gap() {
        let latency = Latency { p50_ms: 1.2, p95_ms: 3.4, p99_ms: 5.6, max_ms: 7.8 };
        let mut second = Second {
            at: "2026-11-21T12:00:01Z".parse().unwrap(),
            elapsed_s: 1.0,
            transfers_per_s: 812.0,
            acknowledged: 812,
            latency: Some(latency),
            errors: BTreeMap::new(),
            gap_s: Some(0.002),
        };
        assert_eq!(
            line(&second),
            "2026-11-21T12:00:01.000Z    812.0 transfers/s  p50 1.20 ms  p95 3.40 ms  p99 5.60 ms  \
             errors none  gap 0.002 s"
        );
        second.errors = BTreeMap::from([("08001".to_owned(), 12), ("57P01".to_owned(), 8)]);
        (second.latency, second.transfers_per_s, second.gap_s) = (None, 0.0, None);
        assert!(line(&second).ends_with("p50 -  p95 -  p99 -  errors 08001 x 12, 57P01 x 8  gap -"));
    }
}
