//! What a member needs to be as the spec says: nothing, a new pod, or a restart of Postgres in its pod.

use jiff::{SignedDuration, Timestamp};

use crate::build::Revision;
use crate::images::short;
use crate::observe::{MemberSeen, PendingChange, PodSeen, Restarts};
use crate::quantity;
use crate::target::Target;

use super::Cause;

/// What one member needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A new pod on the same volume.
    Pod {
        /// What differs, in words.
        reason: String,
        /// Who asked.
        cause: Cause,
    },
    /// A restart of Postgres.
    Server {
        /// Which settings wait, in words.
        reason: String,
    },
}

/// Settings that a standby must have at least as high as its primary, or it stops replaying (PostgreSQL 17, section 26.4.4).
/// Patroni never starts a standby with less than the primary's, so the primary has to restart first when one goes down.
pub const STANDBY_CRITICAL: [&str; 5] = [
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
];

/// What the member needs; none when it is as wanted.
pub fn need(
    target: &Target,
    wanted: &Revision,
    restarts: &Restarts,
    pod: &PodSeen,
    member: Option<&MemberSeen>,
) -> Option<Need> {
    if pod.image() != target.image {
        let reason = format!("image {} -> {}", short(pod.image()), short(&target.image));
        return Some(Need::Pod { reason, cause: Cause::Change });
    }
    if pod.revision.placement != wanted.placement {
        return Some(Need::Pod { reason: "spec.scheduling changed".into(), cause: Cause::Change });
    }
    if pod.revision.template != wanted.template && pod.revision.asked != wanted.asked {
        let reason = "the spec asks for another pod, as with another volume or certificate".into();
        return Some(Need::Pod { reason, cause: Cause::Change });
    }
    if pod.revision.template != wanted.template {
        let reason = "this release of the operator renders the pod in another way".into();
        return Some(Need::Pod { reason, cause: Cause::Upkeep });
    }
    if let Some(reason) = restarts.lacks(&pod.restarts) {
        return Some(Need::Pod { reason, cause: Cause::Change });
    }
    if let Some(why) = pod.resizing.as_ref().filter(|why| why.starts_with("Infeasible")) {
        let reason =
            format!("its node can't give it CPU {} and memory {} ({why})", target.cpu, target.memory);
        return Some(Need::Pod { reason, cause: Cause::Change });
    }
    if !pod.main.running && resized(target, pod) {
        let reason = format!("CPU {}, memory {}", target.cpu, target.memory);
        return Some(Need::Pod { reason, cause: Cause::Change });
    }
    let member = member.filter(|member| member.pending_restart)?;
    Some(Need::Server { reason: format!("settings wait for it{}", told(member)) })
}

/// True when CPU or memory of the pod are not as the spec says.
pub fn resized(target: &Target, pod: &PodSeen) -> bool {
    let same = quantity::same_resource;
    !same(&pod.main.cpu, &target.cpu) || !same(&pod.main.memory, &target.memory)
}

/// True when a setting goes down that the primary must restart for before its standbys.
pub fn primary_first(member: &MemberSeen) -> bool {
    member.pending.iter().any(|(name, change)| goes_down(name, change))
}

/// True when a standby waits for nothing but settings that it can't lower before its primary has: a restart of it would
/// change nothing.
pub fn waits_for_primary(member: &MemberSeen) -> bool {
    !member.pending.is_empty() && member.pending.iter().all(|(name, change)| goes_down(name, change))
}

/// True for a standby-critical setting whose value after the restart is lower.
fn goes_down(name: &str, change: &PendingChange) -> bool {
    let number = |text: &str| text.parse::<i64>().ok();
    STANDBY_CRITICAL.contains(&name)
        && matches!((number(&change.old), number(&change.new)), (Some(old), Some(new)) if new < old)
}

fn told(member: &MemberSeen) -> String {
    let changes: Vec<String> = member
        .pending
        .iter()
        .map(|(name, change)| format!("{name} {} -> {}", change.old, change.new))
        .collect();
    if changes.is_empty() { String::new() } else { format!(": {}", changes.join(", ")) }
}

/// True when the pod serves nobody and waiting does not help: it may be made anew at once.
pub fn lost(pod: &PodSeen, limit: SignedDuration, now: Timestamp) -> bool {
    !pod.ready && !pod.deleting && (!pod.main.running || late(pod, limit, now))
}

/// True when the pod has not been ready for longer than the limit.
pub fn late(pod: &PodSeen, limit: SignedDuration, now: Timestamp) -> bool {
    let since = pod.unready_since.or(pod.created);
    !pod.ready && since.is_some_and(|since| now.duration_since(since) > limit)
}
