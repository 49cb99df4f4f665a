//! Handing the primary's role to another member: who is fit, and the steps. The same for scaling and for a person's request.

use crate::name::GroupName;
use crate::observe::Observed;

use super::step::{Cause, Step};

/// The best fit member of those whose ordinal `may` take over: synchronous first, then the one that has most WAL.
pub fn successor(group: &GroupName, seen: &Observed, may: impl Fn(i32) -> bool) -> Option<String> {
    seen.members
        .iter()
        .filter(|(name, member)| {
            group.ordinal(name).is_some_and(&may) && member.replication.as_deref() == Some("streaming")
        })
        .max_by_key(|(name, member)| {
            (member.synchronous, member.position, std::cmp::Reverse((*name).clone()))
        })
        .map(|(name, _)| name.clone())
}

/// The step. `apply` takes a checkpoint first, while writes go on: the old primary's shutdown checkpoint, during which nobody
/// takes writes, then has little left to write.
pub fn switchover(group: &GroupName, from: String, to: String, reason: String, cause: Cause) -> Step {
    Step::Switchover { group: group.clone(), from, to, reason, cause }
}
