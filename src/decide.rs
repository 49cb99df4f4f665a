//! The functional core: one pure, total, deterministic function from what is seen to what is done and said.

use jiff::{SignedDuration, Timestamp};

use crate::api::{ClusterState, ClusterStatus, SwitchoverOutcome, SwitchoverStatus};
use crate::observe::Observed;
use crate::pace;
use crate::plan::{self, Asked, Plan, Step};
use crate::policy::{Case, Policy, Verdict, judge};
use crate::status::{self, Work};
use crate::target::{Problem, validate};

/// All that a decision depends on.
pub struct Input<'a> {
    /// What is seen.
    pub seen: &'a Observed,
    /// Rules to judge by.
    pub catalog: &'a [&'a dyn Policy],
    /// The time.
    pub now: Timestamp,
}

/// What to do and what to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Steps to take, in order.
    pub steps: Vec<Step>,
    /// Steps that follow, each when those before it are seen to be done.
    pub later: Vec<Step>,
    /// Steps that are held back, and why.
    pub verdicts: Vec<Verdict>,
    /// What is wrong with the spec.
    pub problems: Vec<Problem>,
    /// What tuning ConfigMaps ask for and is refused.
    pub refused: Vec<Problem>,
    /// The status as it should stand, but for the answer.
    pub status: ClusterStatus,
    /// A new answer to a request for a switchover. It has to be written before the steps are taken.
    pub answer: Option<SwitchoverStatus>,
    /// How soon to look again when nothing happens.
    pub again: Again,
}

/// How soon to look again. Watches wake the operator earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Something is on its way that no watch reports, such as a member that starts.
    Soon,
    /// All is as it should be; members are asked for their health now and then.
    Later,
}

/// Validates, plans and judges.
pub fn decide(input: &Input) -> Decision {
    let seen = input.seen;
    let (target, problems, plan) = if seen.cluster.metadata.deletion_timestamp.is_some() {
        let groups = 1;
        (None, Vec::new(), Plan { steps: plan::deletion(seen, groups), ..Plan::default() })
    } else {
        match validate(seen, input.now) {
            Ok(target) => {
                let plan = plan::plan(&target, seen, input.now);
                (Some(target), Vec::new(), plan)
            }
            Err(problems) => {
                let steps = plan::emergency(seen, input.now);
                (None, problems, Plan { steps, ..Plan::default() })
            }
        }
    };
    let Plan { steps: planned, later, halt, contested } = plan;
    let (planned, answer) = serve(plan::asked(seen, input.now), planned, input);
    let (steps, verdicts) = judge(planned, &case(input), input.catalog);
    let status = {
        let (steps, later, halt) = (&steps, &later, halt.as_ref());
        let work = Work { steps, later, halt, verdicts: &verdicts, contested: &contested };
        let mut status = status::status(seen, target.as_ref(), work, &problems, input.now);
        status.slot = pace::slot(seen, work, status.state, input.now);
        status
    };
    let handing_over = answer.is_some()
        || status.switchover.as_ref().is_some_and(|last| last.outcome == SwitchoverOutcome::InProgress);
    let settled =
        steps.is_empty() && halt.is_none() && status.state == ClusterState::Healthy && !handing_over;
    let stands = steps.is_empty() && !handing_over && stands(&status, input.now);
    let again = if settled || stands { Again::Later } else { Again::Soon };
    let refused =
        target.iter().flat_map(|target| target.tuning.refused.iter().chain(&target.pooler_tuning.refused));
    let refused = refused.cloned().collect();
    Decision { steps, later, verdicts, problems, refused, status, answer, again }
}

/// Nothing that the status tells has changed for so long: what is waited for is a person, a node, a quota, a window, or a server that replays
/// for long. A fleet of such clusters took six times the CPU of one that is well.
const STANDS: SignedDuration = SignedDuration::from_mins(3);

/// The cluster stands as it is. Its objects and pods wake the operator when they change; Patroni is asked less often.
fn stands(status: &ClusterStatus, now: Timestamp) -> bool {
    let last = status.conditions.iter().map(|condition| status::since(status, condition)).max();
    last.is_some_and(|last| now.duration_since(last) > STANDS)
}

fn case<'a>(input: &Input<'a>) -> Case<'a> {
    Case { seen: input.seen, now: input.now }
}

/// Puts a requested switchover in the place of the plan: what else there is to do is planned anew from what is seen after
/// it. A request that a policy objects to is refused for good rather than held back, since somebody waits for the answer.
fn serve(asked: Asked, planned: Vec<Step>, input: &Input) -> (Vec<Step>, Option<SwitchoverStatus>) {
    let (answer, steps) = match asked {
        Asked::Nothing => return (planned, None),
        Asked::Answer(answer) => return (planned, Some(answer)),
        Asked::Start { answer, steps } => (answer, steps),
    };
    let refused = |why| Some(plan::answered(&answer, SwitchoverOutcome::Refused, why, input.now));
    if let Some(other) = planned.iter().find(|step| matches!(step, Step::Switchover { .. })) {
        let why = format!("the operator is about to {other}: ask again after it");
        return (planned, refused(why));
    }
    match judge(steps.clone(), &case(input), input.catalog).1.first() {
        Some(verdict) => (planned, refused(verdict.objection.to_string())),
        None => (steps, Some(answer)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use crate::fixture::{observed, put_pods, settle, start};

    use super::*;

    #[test]
    fn a_cluster_that_waits_for_others_is_looked_at_less_often_once_it_stands() {
        // No pod finds a node, so it is never healthy.
        let mut seen = observed(json!({}));
        let mut at = |minutes: i64| {
            let decision = settle(&mut seen, start() + SignedDuration::from_mins(minutes));
            Arc::make_mut(&mut seen.cluster).status = Some(decision.status);
            (decision.steps.len(), decision.again)
        };
        assert_eq!(at(0), (0, Again::Soon));
        assert_eq!(at(2), (0, Again::Soon));
        assert_eq!(at(4), (0, Again::Later));
    }

    #[test]
    fn a_reason_that_is_new_is_a_change_though_the_status_of_its_condition_stays() {
        let mut seen = observed(json!({}));
        settle(&mut seen, start());
        put_pods(&mut seen);
        seen.pods.values_mut().for_each(|pod| (pod.ready, pod.main.running) = (false, false));
        seen.members.clear();
        let mut at = |minutes: i64, unscheduled: Option<&str>| {
            seen.pods.values_mut().for_each(|pod| pod.unscheduled = unscheduled.map(str::to_owned));
            let decision = settle(&mut seen, start() + SignedDuration::from_mins(minutes));
            let redundant = decision.status.conditions.iter().find(|one| one.type_ == "Redundant").cloned();
            let (state, reason) = redundant.map(|one| (one.status, one.reason)).unwrap();
            Arc::make_mut(&mut seen.cluster).status = Some(decision.status);
            (state, reason, decision.again)
        };
        let told = |reason: &str, again| ("False".to_owned(), reason.to_owned(), again);
        assert_eq!(at(0, Some("no room")), told("Unschedulable", Again::Soon));
        assert_eq!(at(4, Some("no room")), told("Unschedulable", Again::Later));
        assert_eq!(at(5, None), told("MembersMissing", Again::Soon), "it was placed, and starts");
        assert_eq!(at(7, None), told("MembersMissing", Again::Soon));
        assert_eq!(at(9, None), told("MembersMissing", Again::Later));
    }
}
