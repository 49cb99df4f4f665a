//! Fewer or more members. Going down never removes the primary: it hands over first, and the set stays as large as it is
//! until then. The volumes of removed members are kept.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::child::Kind;
use crate::name::ROLE_PRIMARY;
use crate::observe::Observed;
use crate::target::{GroupTarget, Target};

use super::step::Step;

/// What scaling asks for.
#[derive(Clone, Debug, Default)]
pub struct Scaling {
    /// Sets, by name, that must keep this many replicas for now.
    pub hold: BTreeMap<String, i64>,
    /// Switchovers that let the sets become smaller.
    pub steps: Vec<Step>,
}

/// Looks at each group.
pub fn scale(target: &Target, seen: &Observed) -> Scaling {
    let mut scaling = Scaling::default();
    for group in &target.groups {
        let name = group.name.scope();
        let live = seen.children.get(Kind::StatefulSet, &name);
        let replicas = live.and_then(|set| set.pointer("/spec/replicas")).and_then(Value::as_i64);
        let Some(replicas) = replicas.filter(|replicas| *replicas > i64::from(group.instances)) else {
            continue;
        };
        let Some(primary) = primary(group, seen) else {
            // Without a known primary any removed member might be the one with the newest data.
            scaling.hold.insert(name, replicas);
            continue;
        };
        if group.name.ordinal(&primary).is_some_and(|ordinal| ordinal < group.instances) {
            continue;
        }
        scaling.hold.insert(name, replicas);
        if let Some(to) = successor(group, seen) {
            scaling.steps.push(Step::Switchover {
                group: group.name.clone(),
                from: primary,
                to,
                reason: format!(
                    "spec.instances is {}, so the member that takes writes goes",
                    group.instances
                ),
            });
        }
    }
    scaling
}

fn primary(group: &GroupTarget, seen: &Observed) -> Option<String> {
    seen.pods
        .iter()
        .find(|(name, pod)| pod.role.as_deref() == Some(ROLE_PRIMARY) && group.name.ordinal(name).is_some())
        .map(|(name, _)| name.clone())
}

/// The member that stays and is best fit to take over: synchronous first, then the one that has most WAL.
fn successor(group: &GroupTarget, seen: &Observed) -> Option<String> {
    seen.members
        .iter()
        .filter(|(name, member)| {
            group.name.ordinal(name).is_some_and(|ordinal| ordinal < group.instances)
                && member.replication.as_deref() == Some("streaming")
        })
        .max_by_key(|(name, member)| {
            (member.synchronous, member.position, std::cmp::Reverse((*name).clone()))
        })
        .map(|(name, _)| name.clone())
}
