//! Fewer or more members. Going down never removes the primary: it hands over first, and the set stays as large as it is
//! until then. The volumes of removed members are kept.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::child::Kind;
use crate::observe::Observed;
use crate::target::Target;

use super::handover::{primary, successor, switchover};
use super::step::{Cause, Step};

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
        let replicas = match live {
            Some(set) => set.pointer("/spec/replicas").and_then(Value::as_i64),
            // A set that is being made anew takes up the pods that it left.
            None => seen
                .pods
                .keys()
                .filter_map(|pod| group.name.ordinal(pod))
                .max()
                .map(|last| i64::from(last) + 1),
        };
        let Some(replicas) = replicas.filter(|replicas| *replicas > i64::from(group.instances)) else {
            continue;
        };
        let Some(primary) = primary(&group.name, seen) else {
            // Without a known primary any removed member might be the one with the newest data.
            scaling.hold.insert(name, replicas);
            continue;
        };
        if group.name.ordinal(&primary).is_some_and(|ordinal| ordinal < group.instances) {
            continue;
        }
        scaling.hold.insert(name, replicas);
        if let Some(to) = successor(&group.name, seen, |ordinal| ordinal < group.instances) {
            let reason =
                format!("spec.instances is {}, so the member that takes writes goes", group.instances);
            scaling.steps.push(switchover(&group.name, primary, to, reason, Cause::Change));
        }
    }
    scaling
}
