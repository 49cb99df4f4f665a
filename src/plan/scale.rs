//! Fewer or more members. Going down never removes the primary: it hands over first, and the set stays as large as it is
//! until then. Nor does it remove the last member that follows, while those that stay don't. The volumes of removed members are kept.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::child::Kind;
use crate::observe::Observed;
use crate::target::Target;

use super::handover::{successor, switchover};
use super::step::{Cause, Step};

/// What scaling asks for.
#[derive(Clone, Debug, Default)]
pub struct Scaling {
    /// Sets, by name, that must keep this many replicas for now.
    pub hold: BTreeMap<String, i64>,
    /// Switchovers that let the sets become smaller.
    pub steps: Vec<Step>,
    /// Why a set stays larger than the spec says, while nothing can be done about it.
    pub waits: Option<String>,
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
        let stays = |ordinal: i32| ordinal < group.instances;
        let small = |why: &str| format!("{name} keeps {replicas} members, not {}: {why}", group.instances);
        let Some(primary) = seen.primary_of(&group.name) else {
            // Without a known primary any removed member might be the one with the newest data.
            scaling.waits.get_or_insert(small("it is not known who takes writes, see Ready"));
            scaling.hold.insert(name, replicas);
            continue;
        };
        let goes = !group.name.ordinal(primary).is_some_and(stays);
        let to = successor(&group.name, seen, stays);
        if goes && let Some(to) = to {
            let reason =
                format!("spec.instances is {}, so the member that takes writes goes", group.instances);
            scaling.steps.push(switchover(&group.name, primary.to_owned(), to, reason, Cause::Change));
        } else if goes {
            let why = format!("{primary} takes writes, and no member that stays streams from it");
            scaling.waits.get_or_insert(small(&why));
        } else if group.instances > 1 && to.is_none() && successor(&group.name, seen, |_| true).is_some() {
            let why = format!("no member that stays streams from {primary}, so one that goes is needed");
            scaling.waits.get_or_insert(small(&why));
        } else {
            continue;
        }
        scaling.hold.insert(name, replicas);
    }
    scaling
}
