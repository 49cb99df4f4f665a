//! What optional parts of the spec made, once they are taken out of it: the pooler for sessions that only read, and PodMonitors.

use crate::build;
use crate::child::{ChildRef, Kind};
use crate::observe::Observed;
use crate::pooler::Way;
use crate::target::Target;

use super::step::Step;

/// Kinds that may be withdrawn: none holds data, and each can be made anew as it was.
pub const WITHDRAWN: [Kind; 6] = [
    Kind::Deployment,
    Kind::Service,
    Kind::ConfigMap,
    Kind::PodDisruptionBudget,
    Kind::NetworkPolicy,
    Kind::PodMonitor,
];

/// Children of the cluster that no part of its spec makes any more.
pub fn steps(target: &Target, seen: &Observed) -> Vec<Step> {
    let wanted = build::needs(&seen.cluster, seen.given.pod_monitors);
    let peers = Way::ALL.map(|way| way.peers(&target.name));
    let reader = Way::Replicas.name(&target.name);
    let optional = |child: &ChildRef| {
        child.kind == Kind::PodMonitor || child.name == reader || peers.contains(&child.name)
    };
    let going = seen.children.0.iter().filter(|(child, live)| {
        WITHDRAWN.contains(&child.kind)
            && optional(child)
            && !wanted.contains(child)
            && live["metadata"]["deletionTimestamp"].is_null()
    });
    let uid = |live: &serde_json::Value| live["metadata"]["uid"].as_str().map(str::to_owned);
    going
        .filter_map(|(child, live)| Some(Step::Withdraw { reference: child.clone(), uid: uid(live)? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, settle, start, target};
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn a_part_that_is_taken_out_of_the_spec_takes_its_objects_with_it_and_nothing_else() {
        let mut seen = observed(json!({
            "instances": 2, "monitoring": {"podMonitor": true}, "pooler": {"readOnly": {"instances": 1}},
        }));
        seen.given.pod_monitors = true;
        settle(&mut seen, start());
        for live in seen.children.0.values_mut() {
            live["metadata"]["uid"] = json!("u-9");
        }
        assert_eq!(steps(&target(&seen), &seen), []);
        let spec = &mut Arc::make_mut(&mut seen.cluster).spec;
        (spec.pooler.read_only, spec.monitoring.pod_monitor) = (None, false);
        let going: Vec<String> = steps(&target(&seen), &seen)
            .iter()
            .map(|step| {
                let Step::Withdraw { reference, .. } = step else { panic!("{step}") };
                reference.to_string()
            })
            .collect();
        let reader =
            ["ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "Service"];
        let mut expected: Vec<String> = reader.map(|kind| format!("{kind} c-pooler-ro")).into();
        expected.extend(["c-members", "c-pooler"].map(|name| format!("PodMonitor {name}")));
        expected.sort_unstable();
        let mut sorted = going;
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
    }
}
