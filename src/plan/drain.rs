//! A node that is being emptied and holds the member that takes writes: the role goes to another member first, so that
//! the drain takes a replica. Until then the budget of the primary keeps its pod (`src/build/budget.rs`).
//!
//! Whoever empties the node waits for this, so no window holds it back.

use crate::api::Synchronous;
use crate::observe::Observed;

use super::handover::{successor, switchover};
use super::step::{Cause, Step};

/// The switchover away from a node that is being emptied. It needs no valid spec: a drain can't wait for one.
pub fn handover(seen: &Observed) -> Option<Step> {
    let group = seen.name().group(0);
    let from = seen.primary_of(&group)?.to_owned();
    let (node, sign) = leaving(seen, &from)?;
    let reason = format!("node {node} is being emptied ({sign})");
    let quorum = seen.cluster.spec.high_availability.synchronous != Synchronous::Off;
    let fit = |ordinal: i32| {
        let pod = group.pod(ordinal);
        let stays = seen.pods.get(&pod).is_some_and(|pod| pod.ready && !pod.deleting);
        let whole = seen.members.get(&pod).is_some_and(|member| member.synchronous || !quorum);
        ordinal < seen.cluster.spec.instances
            && pod != from
            && stays
            && whole
            && leaving(seen, &pod).is_none()
    };
    let to = successor(&group, seen, fit)?;
    Some(switchover(&group, from, to, reason, Cause::Asked))
}

/// The node of a pod and the sign that it is being emptied; none for a pod whose node stays.
pub fn leaving<'a>(seen: &'a Observed, pod: &str) -> Option<(&'a str, &'a str)> {
    let node = seen.pods.get(pod)?.node.as_ref()?;
    seen.draining.get_key_value(node).map(|(node, sign)| (node.as_str(), sign.as_str()))
}
