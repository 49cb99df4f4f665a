//! The condition `DrainOk`: whether a node that is being emptied can be, and what keeps it.

use std::collections::BTreeSet;

use crate::name::COMPONENT_MEMBER;
use crate::observe::{Leadership, Observed};
use crate::plan::{Step, leaving};

use super::conditions::{Finding, good, reason};

/// Looks at members on nodes that are being emptied.
pub fn drain(seen: &Observed, primary: Option<&str>, steps: &[Step]) -> Finding {
    if let Some((primary, (node, sign))) = primary.and_then(|pod| Some((pod, leaving(seen, pod)?))) {
        let what = format!("node {node} is being emptied ({sign}) and {primary} takes writes on it");
        let moves = steps.iter().any(|step| matches!(step, Step::Switchover { from, .. } if from == primary));
        return if seen.cluster.spec.instances == 1 {
            let message = format!(
                "{what}: it is the only member, so nobody can take over and the drain may stop it; writes pause until it \
                 runs on another node. spec.instances: 2 or more avoids that"
            );
            (false, reason::SINGLE_MEMBER, message)
        } else if moves {
            (false, reason::IN_PROGRESS, format!("{what}: it hands over first; the drain waits for that"))
        } else {
            let message = format!(
                "{what}: the drain waits, since no other member can take over. One must be ready, stream, and be on a node \
                 that stays: kubectl uncordon another node or add one, and see Redundant"
            );
            (false, reason::NO_SUCCESSOR, message)
        };
    }
    let members = seen.pods.iter().filter(|(_, pod)| pod.component == COMPONENT_MEMBER);
    let left: Vec<&str> =
        members.map(|(name, _)| name.as_str()).filter(|pod| leaving(seen, pod).is_some()).collect();
    if left.is_empty() {
        return good("no member is on a node that is being emptied");
    }
    if matches!(seen.leadership(&seen.name().group(0)), Leadership::Unknown { .. }) {
        let message = format!(
            "{} may have to leave, and it is not known who takes writes, so nobody hands over: see Ready",
            left.join(", ")
        );
        return (false, reason::PRIMARY_UNKNOWN, message);
    }
    let nodes: BTreeSet<&str> =
        left.iter().filter_map(|pod| leaving(seen, pod)).map(|(node, _)| node).collect();
    let nodes = Vec::from_iter(nodes).join(", ");
    good(format!("{} may leave {nodes}, one at a time", left.join(", ")))
}
