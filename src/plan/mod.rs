//! From target and observation to ordered steps. Pure: equal input gives equal steps.
//!
//! Order matters twice: a Secret is minted before what mounts it, and a disruptive step comes after all routine ones, so
//! that it never waits behind them half-done.

mod access;
mod archive;
mod authority;
mod backups;
mod certificates;
mod children;
mod claim;
mod compare;
mod config;
mod deletion;
mod doors;
mod drain;
mod drills;
mod files;
mod handover;
mod immutable;
mod in_place;
mod major;
mod marks;
mod mend;
mod passphrase;
#[cfg(test)]
mod passphrase_tests;
mod pooler;
mod request;
mod restore;
mod rollout;
mod scale;
mod step;
mod token;
mod volumes;
mod withdraw;
mod words;

use jiff::Timestamp;

use crate::observe::Observed;
use crate::target::{Request, Target};

pub use access::{Access, Trouble, access, rights_told, scram};
pub use archive::bases;
pub use authority::Stage;
pub use backups::runs_due;
pub use certificates::{LeafPurpose, Mint};
pub use children::Contested;
pub use claim::suspects;
pub use compare::{Parts, contains, differs, parts, rendering, same_rendering};
pub use config::merge as merge_settings;
pub use deletion::{deletion, volumes_command};
pub use doors::removal;
pub use drain::leaving;
pub use drills::drills_due;
pub use passphrase::{Passphrase, passphrase};
pub use request::{ANY, Asked, REQUEST_VALID, answered, asked};
pub use rollout::{Halt, STANDBY_CRITICAL};
pub use step::{Cause, Hazard, SqlTask, Statement, Step};
pub use withdraw::WITHDRAWN;

/// The way to the target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Steps that can be taken now, in order.
    pub steps: Vec<Step>,
    /// Steps that follow, each when those before it are seen to be done.
    pub later: Vec<Step>,
    /// Why the steps that restart members stand still.
    pub halt: Option<Halt>,
    /// What is left as somebody else wants it.
    pub contested: Vec<Contested>,
}

/// The way to the target.
pub fn plan(target: &Target, seen: &Observed, now: Timestamp) -> Plan {
    let mut steps = Vec::new();
    steps.extend(deletion::guard(seen));
    steps.extend(certificates::mints(target, seen, now));
    let mut scaling = scale::scale(target, seen);
    let (applies, mut contested) = children::applies(target, seen, &scaling, now);
    let orders = restore::orders_of_others(target, seen, &applies);
    steps.extend(applies);
    steps.extend(orders);
    if target.halts() {
        // Members stop for good: whatever else there is to do is done with those that come after them.
        steps.extend(in_place::stop(target, seen));
        let halt = Some(Halt::Waits("members stop, to be restored in place: see Restored".into()));
        return Plan { steps, later: Vec::new(), halt, contested };
    }
    steps.extend(withdraw::steps(target, seen));
    steps.extend(restore::steps(target, seen));
    steps.extend(in_place::retire(target, seen));
    steps.extend(in_place::forget(target, seen));
    steps.extend(volumes::expansions(target, seen));
    steps.extend(files::refreshes(target, seen));
    steps.extend(marks::steps(target, seen, now));
    let replacements = token::replacements(target, seen);
    let settings = config::patches(target, seen);
    if !replacements.is_empty() {
        // Nobody hands over to or from a member that is made anew in this very round.
        scaling.steps.clear();
    }
    // A handover decides what comes next, so there is one at a time.
    let quiet = scaling.steps.is_empty() && replacements.is_empty();
    let drain = if quiet { drain::handover(seen) } else { None };
    let mut rollout =
        major::around(rollout::rollout(target, seen, settings.is_empty(), now), target, seen, now);
    rollout.halt = scaling.waits.map(Halt::Waits).or(rollout.halt);
    contested.append(&mut rollout.contested);
    let mended = if replacements.is_empty() && settings.is_empty() {
        mend::replacements(target, seen, now)
    } else {
        Vec::new()
    };
    let first = if !replacements.is_empty() {
        Some("members with a void token are made anew first")
    } else if !mended.is_empty() {
        Some("members that do not take up the corrected settings are made anew first")
    } else if !settings.is_empty() {
        Some("settings are sent first, so that a restart takes them up")
    } else if !scaling.steps.is_empty() {
        Some("the primary hands over first")
    } else if drain.is_some() {
        Some("the primary leaves its node first")
    } else if matches!(target.request, Request::Fit(_)) {
        Some("a restore in place was asked for")
    } else if immutable::remaking(&steps, seen) {
        Some("the StatefulSet is made anew first")
    } else if pooler::moves(&steps, seen) {
        Some("the pooler's pods are made anew first")
    } else {
        None
    };
    if let Some(first) = first {
        rollout.wait(first);
    }
    steps.extend(replacements);
    steps.extend(mended);
    steps.extend(settings);
    steps.extend(claim::releases(seen));
    steps.extend(backups::runs(seen, now));
    // Before what retention writes into a backup: the request is made onto the version that was seen.
    steps.extend(drills::request(seen, now));
    steps.extend(backups::retention(target, seen, now));
    steps.extend(archive::prune(target, seen, now));
    // In databases of others, so it takes as long as they let it: after what keeps the cluster safe.
    steps.extend(access::statements(target, seen, now));
    steps.extend(access::on_standbys(seen, now));
    steps.extend(drain);
    steps.extend(scaling.steps);
    steps.extend(rollout.now);
    steps.extend(in_place::begin(target, seen));
    Plan { steps, later: rollout.later, halt: rollout.halt, contested }
}

/// Steps that keep a running cluster alive whatever the spec says: they need no valid target.
pub fn emergency(seen: &Observed, now: Timestamp) -> Vec<Step> {
    let mut steps = certificates::renewals(seen, now);
    steps.extend(passphrase::moves(seen));
    steps.extend(claim::releases(seen));
    steps.extend(access::taken_back(seen));
    steps.extend(backups::runs(seen, now));
    steps.extend(drills::request(seen, now));
    steps.extend(drain::handover(seen));
    steps.extend(config::standbys(seen));
    steps
}
