//! A plan for a person: what happens in order and numbered, with what each step costs whom and what it waits for, and the sum.

use std::fmt::Write as _;

use crate::decide::Decision;
use crate::foresee::unforeseen;
use crate::policy::Objection;
use crate::status::cut;

use super::cost::Cost;
use super::phase::phase;
use super::report::{Numbered, Parts, Report};

impl Report {
    /// For a person.
    pub fn text(&self) -> String {
        let Decision { problems, .. } = &self.decision;
        let parts = self.parts();
        let mut text = format!("{}, {}: {}\n", self.name, self.of, self.summary(&parts));
        if let Some(refused) = &self.refused {
            let _ = writeln!(text, "\n!! the API server refuses it: {refused}");
        }
        for problem in problems {
            let _ = writeln!(text, "\n!! {problem}");
        }
        if let Some(restore) = self.restore() {
            let _ = writeln!(text, "\nRESTORE\n  from backup {}{}", restore.backup, cut(restore));
            if let Some(why) = &restore.chosen {
                let _ = writeln!(text, "  it is {why}");
            }
        }
        text.push_str(&self.listed("NOW", &parts.now));
        text.push_str(&self.listed("HELD BACK", &parts.held));
        text.push_str(&self.followed(&parts.later));
        text.push_str(&self.listed("THEN HELD BACK", &parts.held_later));
        if let Some(stands) = &self.foresight.stands {
            let _ = writeln!(text, "\nTHEN IT STANDS STILL\n  {stands}");
        }
        text.push_str(&self.listed("AFTER THAT", &parts.unreached));
        if parts.all().next().is_some() {
            let _ = writeln!(text, "\nIN SUM\n  {}", self.sum().text());
        }
        if let Some(windows) = self.windows() {
            let _ = writeln!(text, "\nMAINTENANCE\n  {windows}");
        }
        let bounds = self.bounds(&parts);
        if !bounds.is_empty() {
            let _ = writeln!(text, "\nAT MOST means\n  {}", bounds.join("\n  "));
            let _ = writeln!(text, "  as a rule it is far less: docs/benchmarks.md");
        }
        text.push_str(&not_foreseen(&parts));
        if !self.unknown.is_empty() {
            let _ = writeln!(text, "\nNOT KNOWN FROM HERE\n  {}", self.unknown.join("\n  "));
        }
        text
    }

    fn summary(&self, parts: &Parts) -> String {
        match self.exit_code() {
            0 => return "nothing to do".into(),
            1 => return "it can't be carried out, and nothing would be touched".into(),
            _ => {}
        }
        let then = parts.later.len() + parts.held_later.len() + parts.unreached.len();
        let counts = [(parts.now.len(), "now"), (parts.held.len(), "held back"), (then, "then")];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, when)| format!("{count} {when}"))
            .collect();
        format!("steps: {}", counts.join(", "))
    }

    /// Steps under a heading; nothing where there are none.
    fn listed(&self, heading: &str, steps: &[Numbered]) -> String {
        if steps.is_empty() {
            return String::new();
        }
        format!("\n{heading}\n{}{}", self.lines(steps), waits(steps))
    }

    /// Steps that follow, under a heading for each part of the way.
    fn followed(&self, steps: &[Numbered]) -> String {
        let mut text = String::new();
        let mut rest = steps;
        while let Some(first) = rest.first() {
            let part = phase(first.step).unwrap_or("objects");
            let end = rest.iter().position(|next| phase(next.step).is_some_and(|other| other != part));
            let (these, others) = rest.split_at(end.unwrap_or(rest.len()));
            text.push_str(&self.listed(&format!("THEN: {part}"), these));
            rest = others;
        }
        text
    }

    fn lines(&self, steps: &[Numbered]) -> String {
        let mut text = String::new();
        for Numbered { number, step, .. } in steps {
            let _ = writeln!(text, "  {number} {:?}: {step}", step.hazard());
            if let Some(Cost { who, seconds, .. }) = self.cost(step) {
                let at_most = seconds.map(|seconds| format!(", at most {seconds} s")).unwrap_or_default();
                let _ = writeln!(text, "    disrupts {who}{at_most}");
            }
        }
        text
    }

    /// Where the bounds come from, each once.
    fn bounds(&self, parts: &Parts) -> Vec<String> {
        let mut sources: Vec<String> = Vec::new();
        let all = parts.all().filter_map(|one| self.cost(one.step)).map(|cost| cost.source);
        for source in all.filter(|source| !source.is_empty()) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        sources
    }
}

/// What steps wait for, each objection once.
fn waits(steps: &[Numbered]) -> String {
    let mut text = String::new();
    let mut told: Vec<&Objection> = Vec::new();
    for verdict in steps.iter().filter_map(|one| one.waits) {
        if told.contains(&&verdict.objection) {
            continue;
        }
        told.push(&verdict.objection);
        let same = |one: &&Numbered| one.waits.is_some_and(|other| other.objection == verdict.objection);
        let numbers = numbers(steps.iter().filter(same));
        let _ = writeln!(text, "  {numbers} will wait ({}): {}", verdict.policy, verdict.objection.reason);
        let _ = writeln!(text, "    to go on: {}", verdict.objection.remedy);
    }
    text
}

/// What can't be foreseen, step by step.
fn not_foreseen(parts: &Parts) -> String {
    let mut told: Vec<(&str, Vec<&Numbered>)> = Vec::new();
    for one in parts.all() {
        let Some(what) = unforeseen(one.step) else { continue };
        match told.iter_mut().find(|(known, _)| *known == what) {
            Some((_, steps)) => steps.push(one),
            None => told.push((what, vec![one])),
        }
    }
    let line =
        |(what, steps): &(&str, Vec<&Numbered>)| format!("  {}: {what}\n", numbers(steps.iter().copied()));
    let lines: String = told.iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\nCAN'T BE FORESEEN\n{lines}") }
}

/// The numbers of steps, as `2, 5`.
fn numbers<'a, 'b: 'a>(steps: impl Iterator<Item = &'a Numbered<'b>>) -> String {
    steps.map(|one| one.number.to_string()).collect::<Vec<_>>().join(", ")
}
