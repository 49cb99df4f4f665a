//! Waiting, shown: one moving line on a terminal, plain lines otherwise. Always on standard error.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A wait that a person watches.
pub struct Progress {
    bar: Option<ProgressBar>,
    said: Said,
}

impl Progress {
    /// Starts to show.
    ///
    /// # Panics
    /// Never: the template is constant.
    pub fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
                .expect("a constant template that indicatif understands");
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, said: Said::default() }
    }

    /// What is waited for now. Said again it changes nothing.
    pub fn say(&mut self, stage: &str) {
        self.show(stage, None);
    }

    /// What is waited for now, and what is in its way. Said again it changes nothing.
    pub fn show(&mut self, stage: &str, hindrance: Option<&str>) {
        match &self.bar {
            Some(bar) => bar.set_message(match hindrance {
                Some(hindrance) => format!("{stage}; {hindrance}"),
                None => stage.to_owned(),
            }),
            None => self.said.news(stage, hindrance).iter().for_each(|line| eprintln!("{line}")),
        }
    }

    /// Takes the moving line away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// What was said last, so that a log has each thing once.
#[derive(Default)]
struct Said {
    stage: String,
    hindrance: String,
}

impl Said {
    /// The lines that are new. That a hindrance is gone is told by the next stage: one that comes and goes, as a container that ends
    /// again and again, would fill the log.
    fn news(&mut self, stage: &str, hindrance: Option<&str>) -> Vec<String> {
        let mut lines = Vec::new();
        if self.stage != stage {
            stage.clone_into(&mut self.stage);
            self.hindrance.clear();
            lines.push(stage.to_owned());
        }
        if let Some(hindrance) = hindrance.filter(|hindrance| self.hindrance != *hindrance) {
            hindrance.clone_into(&mut self.hindrance);
            lines.push(format!("  waits: {hindrance}"));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once_until_the_stage_changes() {
        let mut said = Said::default();
        assert_eq!(said.news("restored aside", None), ["restored aside"]);
        assert_eq!(said.news("restored aside", Some("pod a is Pending")), ["  waits: pod a is Pending"]);
        assert!(said.news("restored aside", Some("pod a is Pending")).is_empty());
        assert!(said.news("restored aside", None).is_empty(), "that it is gone is no line");
        assert!(said.news("restored aside", Some("pod a is Pending")).is_empty(), "nor that it is back");
        assert_eq!(said.news("restored aside", Some("pod a can't start")), ["  waits: pod a can't start"]);
        let both = said.news("looked through", Some("pod a can't start"));
        assert_eq!(both, ["looked through", "  waits: pod a can't start"]);
    }
}
