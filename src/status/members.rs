//! The members' rows of the status: what Kubernetes and Patroni say of each.

use crate::api::{MemberRole, MemberStatus};
use crate::name::COMPONENT_MEMBER;
use crate::observe::{MemberSeen, Observed, PodSeen};
use crate::target::Version;

use super::lag;

/// A row for each member pod, in order of name.
pub fn members(seen: &Observed) -> Vec<MemberStatus> {
    let group = seen.name().group(0);
    let primary = seen.primary().and_then(|name| seen.members.get(name));
    let mut rows: Vec<MemberStatus> = seen
        .pods
        .iter()
        .filter(|(_, pod)| pod.component == COMPONENT_MEMBER)
        .map(|(name, pod)| row(name, pod, seen.members.get(name), primary))
        .collect();
    rows.sort_by_key(|row| group.ordinal(&row.name));
    rows
}

fn row(name: &str, pod: &PodSeen, member: Option<&MemberSeen>, primary: Option<&MemberSeen>) -> MemberStatus {
    let role = match member {
        Some(member) if member.role == "primary" => MemberRole::Primary,
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
    let follows = role != MemberRole::Primary;
    MemberStatus {
        name: name.to_owned(),
        group: 0,
        role,
        state,
        ready: pod.ready && !pod.deleting,
        timeline: member.and_then(|member| member.timeline),
        lag_bytes: primary
            .zip(member)
            .filter(|_| follows)
            .and_then(|(primary, member)| lag::behind(primary, member))
            .map(lag::coarse),
        version: member
            .and_then(|member| member.server_version)
            .map(|number| Version::from_number(number).to_string()),
        restarts: pod.main.restarts,
        pending_restart: member.is_some_and(|member| member.pending_restart),
        node: pod.node.clone(),
    }
}
