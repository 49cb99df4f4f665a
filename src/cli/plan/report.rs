//! What `stylobate plan` tells: as text for a person, as JSON for a pipeline. Pure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::api::{RestorePhase, RestoreStatus};
use crate::child::Kind;
use crate::decide::Decision;
use crate::maintenance::{Phase, RunNow};
use crate::observe::Offline;
use crate::plan::Step;
use crate::policy::Verdict;
use crate::status::cut;
use crate::target::Problem;

use super::cost::{Cost, cost};

/// All that is told.
pub struct Report {
    /// Namespace and name.
    pub cluster: String,
    /// What was planned for: the object as it stands, or a file.
    pub of: String,
    /// What the operator would do and say.
    pub decision: Decision,
    /// What steps of later rounds will wait for, as far as it can be told.
    pub waiting: Vec<Verdict>,
    /// Why the API server would refuse the file, in its words.
    pub refused: Option<String>,
    /// What this moment means to the windows; none when they can't be read.
    pub phase: Option<Phase>,
    /// The wish to run now.
    pub run_now: RunNow,
    /// Seconds that a member may take to be ready again.
    pub deadline: u64,
    /// What can't be told from here.
    pub unknown: Vec<String>,
}

/// Takes out of a decision what follows from nothing but a gap in what was read.
pub fn without_blind_spots(mut decision: Decision, offline: &Offline) -> Decision {
    let secrets = offline.blind.contains(&Kind::Secret);
    let name = offline.seen.name();
    let known = |step: &Step| match step {
        Step::Apply { child, .. } => {
            let of_secrets = match child.reference.kind {
                Kind::Secret => true,
                Kind::ConfigMap => child.reference.name == name.authority(),
                Kind::Deployment => child.reference.name == name.pooler(),
                _ => false,
            };
            !(offline.blind.contains(&child.reference.kind) || (secrets && of_secrets))
        }
        Step::Mint(_) | Step::RefreshFiles { .. } => !secrets,
        _ => true,
    };
    decision.steps.retain(known);
    decision.later.retain(known);
    decision.verdicts.retain(|verdict| known(&verdict.step));
    decision
}

impl Report {
    /// 0 when there is nothing to do, 2 when there is, 1 when the spec can't be carried out.
    pub fn exit_code(&self) -> u8 {
        if self.refused.is_some() || !self.decision.problems.is_empty() {
            return 1;
        }
        let Decision { steps, later, verdicts, .. } = &self.decision;
        if steps.is_empty() && later.is_empty() && verdicts.is_empty() { 0 } else { 2 }
    }

    /// For a person.
    pub fn text(&self) -> String {
        let Decision { steps, later, verdicts, problems, .. } = &self.decision;
        let mut text = format!("{}, {}: {}\n", self.cluster, self.of, self.summary());
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
        if !steps.is_empty() {
            let _ = write!(text, "\nNOW\n{}", list(steps, self.deadline));
        }
        if !verdicts.is_empty() {
            let _ = writeln!(text, "\nHELD BACK");
        }
        for verdict in verdicts {
            let hazard = verdict.step.hazard();
            let _ = writeln!(text, "  {hazard:?}: {}", verdict.step);
            if let Some(Cost { who, seconds, .. }) = cost(&verdict.step, self.deadline) {
                let _ = writeln!(text, "    disrupts {who}{}", at_most(seconds));
            }
            let _ = writeln!(text, "    {}: {}", verdict.policy, verdict.objection.reason);
            let _ = writeln!(text, "    to go on: {}", verdict.objection.remedy);
        }
        if !later.is_empty() {
            let _ = write!(text, "\nTHEN\n{}{}", list(later, self.deadline), self.waits());
        }
        if let Some(windows) = self.windows() {
            let _ = writeln!(text, "\nMAINTENANCE\n  {windows}");
        }
        let bounds = self.bounds();
        if !bounds.is_empty() {
            let _ = writeln!(text, "\nAT MOST means\n  {}", bounds.join("\n  "));
            let _ = writeln!(text, "  as a rule it is far less: docs/benchmarks.md");
        }
        if !self.unknown.is_empty() {
            let _ = writeln!(text, "\nNOT KNOWN FROM HERE\n  {}", self.unknown.join("\n  "));
        }
        text
    }

    /// What the steps of later rounds wait for, each objection once.
    fn waits(&self) -> String {
        let mut text = String::new();
        let mut told: Vec<&Verdict> = Vec::new();
        for verdict in &self.waiting {
            if told.iter().any(|other| other.objection == verdict.objection) {
                continue;
            }
            told.push(verdict);
            let same = |step: &Step| {
                self.waiting.iter().any(|other| other.step == *step && other.objection == verdict.objection)
            };
            let later = self.decision.later.iter().enumerate();
            let numbers: Vec<String> =
                later.filter(|(_, step)| same(step)).map(|(index, _)| (index + 1).to_string()).collect();
            let _ = writeln!(
                text,
                "  {} will wait ({}): {}",
                numbers.join(", "),
                verdict.policy,
                verdict.objection.reason
            );
            let _ = writeln!(text, "    to go on: {}", verdict.objection.remedy);
        }
        text
    }

    /// The restore that begins or is under way.
    fn restore(&self) -> Option<&RestoreStatus> {
        self.decision.status.restore.as_ref().filter(|restore| restore.phase != RestorePhase::Done)
    }

    fn summary(&self) -> String {
        match self.exit_code() {
            0 => return "nothing to do".into(),
            1 => return "it can't be carried out, and nothing would be touched".into(),
            _ => {}
        }
        let Decision { steps, later, verdicts, .. } = &self.decision;
        let parts = [(steps.len(), "now"), (verdicts.len(), "held back"), (later.len(), "then")];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, when)| format!("{count} {when}"))
            .collect();
        format!("steps: {}", parts.join(", "))
    }

    fn windows(&self) -> Option<String> {
        if let RunNow::Until(until) = self.run_now {
            return Some(format!("changes wait for no window until {until:.0} (run now)"));
        }
        match self.phase.as_ref()? {
            Phase::Unrestricted => None,
            Phase::Open { until: Some(until) } => Some(format!("a window is open until {until}")),
            Phase::Open { until: None } => Some("a window is open, and one always follows".into()),
            Phase::Closed { opens: Some(opens) } => {
                Some(format!("no window is open; the next opens {opens}"))
            }
            Phase::Closed { opens: None } => Some("no window is open, and none opens in four years".into()),
        }
    }

    /// Where the bounds come from, each once.
    fn bounds(&self) -> Vec<String> {
        let Decision { steps, later, verdicts, .. } = &self.decision;
        let all = steps.iter().chain(later).chain(verdicts.iter().map(|verdict| &verdict.step));
        let mut sources: Vec<String> = Vec::new();
        for source in all
            .filter_map(|step| cost(step, self.deadline))
            .map(|cost| cost.source)
            .filter(|source| !source.is_empty())
        {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        sources
    }

    /// For a pipeline. New fields may come; none changes its meaning.
    pub fn json(&self) -> Value {
        let Decision { steps, later, verdicts, problems, .. } = &self.decision;
        let one = |step: &Step| {
            let cost = cost(step, self.deadline);
            json!({
                "action": step.action(),
                "hazard": format!("{:?}", step.hazard()),
                "step": step.to_string(),
                "disrupts": cost.as_ref().map(|cost| &cost.who),
                "atMostSeconds": cost.and_then(|cost| cost.seconds),
            })
        };
        let why = |verdict: &Verdict| {
            let (reason, remedy) = (&verdict.objection.reason, &verdict.objection.remedy);
            json!({"policy": verdict.policy, "reason": reason, "remedy": remedy})
        };
        let problem = |problem: &Problem| json!({"field": problem.field, "value": problem.value, "remedy": problem.remedy});
        json!({
            "cluster": self.cluster,
            "of": self.of,
            "restore": self.restore(),
            "steps": steps.iter().map(one).collect::<Vec<_>>(),
            "later": later.iter().map(|step| {
                let mut told = one(step);
                told["waits"] = self.waiting.iter().find(|verdict| verdict.step == *step).map(why).into();
                told
            }).collect::<Vec<_>>(),
            "heldBack": verdicts.iter().map(|verdict| {
                let mut told = one(&verdict.step);
                told["waits"] = why(verdict);
                told
            }).collect::<Vec<_>>(),
            "problems": problems.iter().map(problem).collect::<Vec<_>>(),
            "refused": self.refused,
            "maintenance": self.windows(),
            "unknown": self.unknown,
        })
    }
}

fn list(steps: &[Step], deadline: u64) -> String {
    let mut text = String::new();
    for (index, step) in steps.iter().enumerate() {
        let _ = writeln!(text, "  {} {:?}: {step}", index + 1, step.hazard());
        if let Some(Cost { who, seconds, .. }) = cost(step, deadline) {
            let _ = writeln!(text, "    disrupts {who}{}", at_most(seconds));
        }
    }
    text
}

fn at_most(seconds: Option<u64>) -> String {
    seconds.map(|seconds| format!(", at most {seconds} s")).unwrap_or_default()
}
