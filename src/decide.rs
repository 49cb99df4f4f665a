//! The functional core: one pure, total, deterministic function from what is seen to what is done and said.

use jiff::Timestamp;

use crate::api::ClusterStatus;
use crate::observe::Observed;
use crate::plan::{self, Step};
use crate::policy::{Policy, Verdict, judge};
use crate::status;
use crate::target::{Problem, Target, validate};

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
    /// Steps that are held back, and why.
    pub verdicts: Vec<Verdict>,
    /// What is wrong with the spec.
    pub problems: Vec<Problem>,
    /// The status as it should stand.
    pub status: ClusterStatus,
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
    if seen.cluster.metadata.deletion_timestamp.is_some() {
        let groups = 1;
        let (steps, verdicts) = judge(plan::deletion(seen, groups), seen, input.catalog);
        return finish(seen, None, steps, verdicts, Vec::new(), input.now);
    }
    match validate(seen, input.now) {
        Ok(target) => {
            let (steps, verdicts) = judge(plan::plan(&target, seen, input.now), seen, input.catalog);
            finish(seen, Some(&target), steps, verdicts, Vec::new(), input.now)
        }
        Err(problems) => {
            let (steps, verdicts) = judge(plan::emergency(seen, input.now), seen, input.catalog);
            finish(seen, None, steps, verdicts, problems, input.now)
        }
    }
}

fn finish(
    seen: &Observed,
    target: Option<&Target>,
    steps: Vec<Step>,
    verdicts: Vec<Verdict>,
    problems: Vec<Problem>,
    now: Timestamp,
) -> Decision {
    let status = status::status(seen, target, &steps, &verdicts, &problems, now);
    let settled = steps.is_empty() && status.state == crate::api::ClusterState::Healthy;
    let again = if settled { Again::Later } else { Again::Soon };
    Decision { steps, verdicts, problems, status, again }
}
