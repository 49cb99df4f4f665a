//! The members' rows of the status: what Kubernetes and Patroni say of each.

use crate::api::{MemberRole, MemberStatus};
use crate::name::COMPONENT_MEMBER;
use crate::observe::{MemberSeen, Observed, PodSeen};

/// A row for each member pod, in order of name.
pub fn members(seen: &Observed) -> Vec<MemberStatus> {
    let group = seen.name().group(0);
    let mut rows: Vec<MemberStatus> = seen
        .pods
        .iter()
        .filter(|(_, pod)| pod.component == COMPONENT_MEMBER)
        .map(|(name, pod)| row(name, pod, seen.members.get(name)))
        .collect();
    rows.sort_by_key(|row| group.ordinal(&row.name));
    rows
}

fn row(name: &str, pod: &PodSeen, member: Option<&MemberSeen>) -> MemberStatus {
    let role = match member {
        Some(member) if member.role == "primary" || member.role == "master" => MemberRole::Primary,
        Some(member) if member.synchronous => MemberRole::SyncReplica,
        Some(member) if member.role == "replica" => MemberRole::Replica,
        _ => MemberRole::Unknown,
    };
    let state = match member {
        Some(MemberSeen { replication: Some(replication), .. }) if role != MemberRole::Primary => {
            replication.clone()
        }
        Some(member) => member.state.clone(),
        None => pod.main.waiting.as_ref().map_or("unknown".into(), |(reason, _)| reason.clone()),
    };
    MemberStatus {
        name: name.to_owned(),
        group: 0,
        role,
        state,
        ready: pod.ready && !pod.deleting,
        timeline: member.and_then(|member| member.timeline),
        pending_restart: member.is_some_and(|member| member.pending_restart),
        node: pod.node.clone(),
    }
}
