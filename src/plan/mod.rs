//! From target and observation to ordered steps. Pure: equal input gives equal steps.
//!
//! Order matters twice: a Secret is minted before what mounts it, and a disruptive step comes after all routine ones, so
//! that it never waits behind them half-done.

mod access;
mod authority;
mod certificates;
mod children;
mod claim;
mod compare;
mod config;
mod deletion;
mod files;
mod handover;
mod request;
mod scale;
mod step;
mod token;
mod volumes;

use jiff::Timestamp;

use crate::observe::Observed;
use crate::target::Target;

pub use access::scram;
pub use authority::Stage;
pub use certificates::{LeafPurpose, Mint};
pub use claim::suspects;
pub use compare::{contains, differs};
pub use deletion::{deletion, volumes_command};
pub use request::{ANY, Asked, REQUEST_VALID, answered, asked};
pub use step::{Cause, Hazard, SqlTask, Statement, Step};

/// What is to be done: now, and as far as it can be told what follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Steps of this round, in order.
    pub now: Vec<Step>,
    /// Steps of later rounds, in order: a forecast for people. Each is planned anew from what is seen by then.
    pub later: Vec<Step>,
}

impl From<Vec<Step>> for Plan {
    fn from(now: Vec<Step>) -> Self {
        Self { now, later: Vec::new() }
    }
}

/// Steps towards the target, in order.
pub fn plan(target: &Target, seen: &Observed, now: Timestamp) -> Plan {
    let mut steps = Vec::new();
    steps.extend(deletion::guard(seen));
    steps.extend(certificates::mints(target, seen, now));
    let scaling = scale::scale(target, seen);
    steps.extend(children::applies(target, seen, &scaling));
    steps.extend(volumes::expansions(target, seen));
    steps.extend(files::refreshes(target, seen));
    steps.extend(token::replacements(target, seen));
    steps.extend(config::patches(target, seen));
    steps.extend(access::statements(target, seen));
    steps.extend(claim::releases(seen));
    steps.extend(scaling.steps);
    steps.into()
}

/// Steps that keep a running cluster alive whatever the spec says: they need no valid target.
pub fn emergency(seen: &Observed, now: Timestamp) -> Vec<Step> {
    let mut steps = certificates::renewals(seen, now);
    steps.extend(claim::releases(seen));
    steps
}
