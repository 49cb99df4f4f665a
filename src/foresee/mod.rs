//! What follows from what is seen, until nothing is left: the deciders are pure, so the answers of Kubernetes, Patroni and Postgres are
//! given by a model in which all goes well, and it is decided again on them. Pure but for keys of certificates that nobody uses.
//!
//! What time alone would lift (a window that opens, a slot of another cluster) is told with the step and not waited for. What a person
//! would have to lift ends the way. What can't be known is named by [`unforeseen`].

mod live;
mod patience;
pub mod pods;
pub mod settings;
mod take;
#[cfg(test)]
mod tests;
mod unforeseen;
mod world;

use jiff::{SignedDuration, Timestamp};

use crate::decide::{Input, decide};
use crate::observe::Observed;
use crate::plan::Step;
use crate::policy::{Case, Policy, Verdict, foreseen};

use unforeseen::follows_another;
use world::{ROUND, World};

pub use unforeseen::unforeseen;

/// Rounds after which a way that has no end is given up: a major upgrade of 9 members takes some 60.
const BOUND: usize = 200;
/// Rounds without a step after which nothing more follows. They last 24 s together, longer than what the operator gives members to show
/// what they do with new settings (20 s, `src/plan/mend.rs`).
const QUIET: usize = 5;
/// How long a round lasts in which nothing is done once [`STILL`] of them were, so that what comes with time alone comes soon.
const LONG: SignedDuration = SignedDuration::from_secs(10);
/// Rounds without a step in which others may still answer to the one before.
const STILL: usize = 2;

/// A step that is foreseen.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreseen {
    /// The step.
    pub step: Step,
    /// The round in which it is taken, from 1: that of now. Steps of one round are taken together.
    pub round: usize,
    /// Why it waits, where time lifts that: for a window that opens, or for a slot.
    pub waits: Option<Verdict>,
    /// It takes the member that takes writes: its restart, or that of the pod that was the primary's before.
    pub primary: bool,
}

/// What follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Foresight {
    /// Steps in the order in which they are taken.
    pub steps: Vec<Foreseen>,
    /// Steps that a person has to let go on.
    pub held: Vec<Verdict>,
    /// Steps that follow and are not reached, each when those before it are done.
    pub unreached: Vec<Step>,
    /// Why it does not go on to the end, in the operator's words; none where nothing is left or what is held back says it.
    pub stands: Option<String>,
}

/// Goes forward from what is seen, as it would go if all went well. `known`: false for a step that only seems to follow, since what it
/// follows from could not be read; it is taken without a word.
pub fn foresee(seen: &Observed, now: Timestamp, known: impl Fn(&Step) -> bool) -> Foresight {
    let rules = patience::patient();
    let timed = patience::timed();
    let mut world = World::new(seen.clone(), now);
    let mut found = Foresight::default();
    let first = world.leader.clone();
    let mut quiet = 0;
    for round in 1..=BOUND {
        let decision = decide(&Input { seen: &world.seen, catalog: &rules, now: world.now });
        let mut taken = 0;
        for step in decision.steps.iter().filter(|step| round == 1 || !follows_another(step)) {
            // The slots as they are now: the cluster's own comes with its first step.
            let case = Case { seen, now: world.now };
            let waits = foreseen(step, &case, &timed as &[&dyn Policy]);
            let primary = of_primary(step, first.as_deref(), world.leader.as_deref());
            if known(step) {
                found.steps.push(Foreseen { step: step.clone(), round, waits, primary });
                taken += 1;
            }
            world.take(step);
        }
        world.tell(&decision);
        world.live();
        quiet = if taken == 0 { quiet + 1 } else { 0 };
        world.now += if quiet > STILL { LONG } else { ROUND };
        if quiet < QUIET && world.exists && round < BOUND {
            continue;
        }
        let rollout = decision.status.rollout.as_ref().filter(|rollout| rollout.phase.is_open());
        let endless = (quiet < QUIET && world.exists)
            .then(|| format!("no end is in sight after {BOUND} rounds: what follows comes again and again"));
        found.held = decision.verdicts;
        // What is held back says itself why it does not go on.
        let message = rollout.filter(|_| found.held.is_empty()).map(|rollout| rollout.message.clone());
        found.stands = endless.or(message);
        found.unreached = decision.later;
        break;
    }
    found.held.retain(|verdict| known(&verdict.step));
    found.unreached.retain(|step| known(step));
    found
}

/// True for a step that takes away the server of the member that takes writes, or that took them when the plan began.
fn of_primary(step: &Step, first: Option<&str>, leader: Option<&str>) -> bool {
    match step {
        Step::ReplacePod { pod, .. } | Step::RestartServer { pod, .. } => {
            Some(pod.as_str()) == first || Some(pod.as_str()) == leader
        }
        _ => false,
    }
}
