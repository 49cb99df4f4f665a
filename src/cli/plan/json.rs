//! A plan for a pipeline. New fields may come; none changes its meaning.

use serde_json::{Value, json};

use crate::foresee::unforeseen;
use crate::policy::Verdict;
use crate::target::Problem;

use super::phase::phase;
use super::report::{Numbered, Parts, Report};

impl Report {
    /// For a pipeline.
    pub fn json(&self) -> Value {
        let Parts { now, held, later, held_later, unreached } = self.parts();
        let why = |verdict: &Verdict| {
            let (reason, remedy) = (&verdict.objection.reason, &verdict.objection.remedy);
            json!({"policy": verdict.policy, "reason": reason, "remedy": remedy})
        };
        let one = |Numbered { number, step, waits }: &Numbered| {
            let cost = self.cost(step);
            json!({
                "number": number,
                "action": step.action(),
                "hazard": format!("{:?}", step.hazard()),
                "phase": phase(step),
                "step": step.to_string(),
                "disrupts": cost.as_ref().map(|cost| &cost.who),
                "atMostSeconds": cost.and_then(|cost| cost.seconds),
                "waits": waits.map(why),
                "notForeseen": unforeseen(step),
            })
        };
        let list = |steps: &[Numbered]| steps.iter().map(one).collect::<Vec<_>>();
        // All of these were reached by going forward; the others wait for a person.
        let mut follow = list(&later);
        follow.iter_mut().for_each(|told| told["foreseen"] = true.into());
        let mut beyond = list(&held_later);
        beyond.extend(list(&unreached));
        beyond.iter_mut().for_each(|told| told["foreseen"] = false.into());
        follow.extend(beyond);
        let problem = |problem: &Problem| json!({"field": problem.field, "value": problem.value, "remedy": problem.remedy});
        json!({
            "cluster": self.name.to_string(),
            "of": self.of,
            "restore": self.restore(),
            "steps": list(&now),
            "later": follow,
            "heldBack": list(&held),
            "stands": self.foresight.stands,
            "sum": self.sum().json(),
            "problems": self.decision.problems.iter().map(problem).collect::<Vec<_>>(),
            "refused": self.refused,
            "maintenance": self.windows(),
            "unknown": self.unknown,
        })
    }
}
