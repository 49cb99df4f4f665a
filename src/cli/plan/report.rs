//! What `stylobate plan` tells, and its code. As text for a person: [`super::text`]; as JSON for a pipeline: [`super::json`]. Pure.

use crate::api::{RestorePhase, RestoreStatus};
use crate::child::Kind;
use crate::decide::Decision;
use crate::foresee::{Foreseen, Foresight};
use crate::maintenance::{Phase, RunNow};
use crate::name::ClusterName;
use crate::observe::Offline;
use crate::plan::Step;
use crate::policy::Verdict;

use super::cost::{Cost, cost};
use super::sum::Sum;

/// All that is told.
pub struct Report {
    /// Namespace and name.
    pub name: ClusterName,
    /// What was planned for: the object as it stands, or a file.
    pub of: String,
    /// What the operator would do and say now.
    pub decision: Decision,
    /// What follows, until nothing is left, with the steps of now before it.
    pub foresight: Foresight,
    /// Members that there are.
    pub members: Vec<String>,
    /// The one of them that takes writes.
    pub primary: Option<String>,
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
    decision.steps.retain(|step| known(step, offline));
    decision.later.retain(|step| known(step, offline));
    decision.verdicts.retain(|verdict| known(&verdict.step, offline));
    decision
}

/// False for a step that follows from nothing but a gap in what was read.
pub fn known(step: &Step, offline: &Offline) -> bool {
    let secrets = offline.blind.contains(&Kind::Secret);
    let name = offline.seen.name();
    match step {
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
    }
}

/// A step of the plan with its number.
pub(super) struct Numbered<'a> {
    /// From 1, over the whole plan.
    pub number: usize,
    /// The step.
    pub step: &'a Step,
    /// What it waits for, and what lets it go on.
    pub waits: Option<&'a Verdict>,
}

/// The parts of a plan, in order.
pub(super) struct Parts<'a> {
    /// Taken now.
    pub now: Vec<Numbered<'a>>,
    /// Would be taken now, and are held back.
    pub held: Vec<Numbered<'a>>,
    /// Follow, each when those before it are done.
    pub later: Vec<Numbered<'a>>,
    /// Follow, and are held back by what a person has to lift.
    pub held_later: Vec<Numbered<'a>>,
    /// Follow on what a person has to lift.
    pub unreached: Vec<Numbered<'a>>,
}

impl Parts<'_> {
    /// All steps, in order.
    pub fn all(&self) -> impl Iterator<Item = &Numbered<'_>> {
        let Self { now, held, later, held_later, unreached } = self;
        now.iter().chain(held).chain(later).chain(held_later).chain(unreached)
    }
}

impl Report {
    /// Nothing is planned: what would follow from an object that can't be is no plan.
    pub fn refuse(&mut self, why: String) {
        (self.decision.steps, self.decision.later, self.decision.verdicts) = Default::default();
        self.foresight = Foresight::default();
        self.refused = Some(why);
    }

    /// 0 when there is nothing to do, 2 when there is, 1 when the spec can't be carried out.
    pub fn exit_code(&self) -> u8 {
        if self.refused.is_some() || !self.decision.problems.is_empty() {
            return 1;
        }
        if self.parts().all().next().is_none() { 0 } else { 2 }
    }

    /// The plan in parts, numbered through.
    pub(super) fn parts(&self) -> Parts<'_> {
        let mut number = 0;
        let mut next = |step, waits| {
            number += 1;
            Numbered { number, step, waits }
        };
        let Decision { steps, verdicts, .. } = &self.decision;
        let Foresight { steps: foreseen, held: last, unreached, .. } = &self.foresight;
        let now = steps.iter().map(|step| next(step, None)).collect();
        let held = verdicts.iter().map(|verdict| next(&verdict.step, Some(verdict))).collect();
        // What is held back now and goes on by itself is among what is foreseen of this round.
        let later = foreseen
            .iter()
            .filter(|found| found.round > 1)
            .map(|found| next(&found.step, found.waits.as_ref()))
            .collect();
        let held_now = |verdict: &&Verdict| verdicts.iter().any(|held| held.step == verdict.step);
        let held_later = last
            .iter()
            .filter(|verdict| !held_now(verdict))
            .map(|verdict| next(&verdict.step, Some(verdict)))
            .collect();
        let unreached = unreached.iter().map(|step| next(step, None)).collect();
        Parts { now, held, later, held_later, unreached }
    }

    /// What the plan comes to, with what a person has to let go on.
    pub(super) fn sum(&self) -> Sum {
        let Foresight { steps, held, unreached, .. } = &self.foresight;
        let beyond = |step: &Step| Foreseen {
            step: step.clone(),
            round: 0,
            waits: None,
            primary: match step {
                Step::ReplacePod { pod, primary, .. } | Step::RestartServer { pod, primary, .. } => {
                    *primary || self.primary.as_ref() == Some(pod)
                }
                _ => false,
            },
        };
        let held = held.iter().map(|verdict| beyond(&verdict.step));
        let steps: Vec<Foreseen> =
            steps.iter().cloned().chain(held).chain(unreached.iter().map(beyond)).collect();
        Sum::of(&steps, &self.members, &self.name, self.deadline)
    }

    pub(super) fn cost(&self, step: &Step) -> Option<Cost> {
        cost(step, &self.name, self.deadline)
    }

    /// The restore that begins or is under way.
    pub(super) fn restore(&self) -> Option<&RestoreStatus> {
        self.decision.status.restore.as_ref().filter(|restore| restore.phase != RestorePhase::Done)
    }

    pub(super) fn windows(&self) -> Option<String> {
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
}
