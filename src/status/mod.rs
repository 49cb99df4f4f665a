//! What the operator says of a cluster: state, members and conditions. Pure.

mod archive;
mod backup;
mod conditions;
mod contested;
mod databases;
mod drain;
mod drills;
mod engine;
pub mod lag;
pub mod meanings;
mod members;
mod refused;
mod restore;
mod rollout;
mod since;
mod slots;
mod starved;
mod storage;
mod tuning;
mod upgrade;
mod window;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::{ClusterState, ClusterStatus, OperatorStatus, PodsStatus, PoolerStatus};
use crate::child::Kind;
use crate::name::COMPONENT_MEMBER;
use crate::observe::{Leadership, Observed, Platform};
use crate::plan::{Contested, Halt, Step};
use crate::policy::Verdict;
use crate::pooler::Way;
use crate::target::{Problem, Target, Version};

pub use conditions::{kind, reason};
pub use drills::missed_drill;
pub use restore::cut;
#[cfg(test)]
pub use restore::restored;
pub use since::since;
pub use tuning::COMPUTED;

/// What there is to do.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// Steps of this round.
    pub steps: &'a [Step],
    /// Steps that follow.
    pub later: &'a [Step],
    /// Why the steps that restart members stand still.
    pub halt: Option<&'a Halt>,
    /// Steps that a policy holds back.
    pub verdicts: &'a [Verdict],
    /// What is left as somebody else wants it.
    pub contested: &'a [Contested],
}

/// The status as it should stand.
pub fn status(
    seen: &Observed,
    target: Option<&Target>,
    work: Work,
    problems: &[Problem],
    now: Timestamp,
) -> ClusterStatus {
    let before = seen.cluster.status.clone().unwrap_or_default();
    let members = members::members(seen);
    let wanted = seen.cluster.spec.instances;
    let ready = members.iter().filter(|member| member.ready).count() as i32;
    let primary = seen.primary().map(str::to_owned);
    let leading = primary.as_ref().and_then(|name| seen.members.get(name));
    let pooler = PoolerStatus {
        tuning: match target {
            Some(target) => tuning::parameters(&target.pooler_tuning),
            None => before.pooler.tuning.clone(),
        },
        ..pooler(seen)
    };
    let state = if seen.cluster.metadata.deletion_timestamp.is_some() {
        ClusterState::Deleting
    } else if !problems.is_empty() {
        ClusterState::Invalid
    } else if seen.cluster.spec.paused {
        ClusterState::Paused
    } else if seen.primary().is_none() {
        let unknown = matches!(seen.leadership(&seen.name().group(0)), Leadership::Unknown { .. });
        match (before.system_identifier.is_some(), unknown) {
            (false, _) => ClusterState::Creating,
            // Somebody may serve: nobody who is asleep has to be woken before Patroni settled it.
            (true, true) => ClusterState::Degraded,
            (true, false) => ClusterState::Down,
        }
    } else if ready >= wanted && pooler.wanted > 0 && poolers_ready(&pooler) {
        ClusterState::Healthy
    } else if before.state == ClusterState::Creating {
        ClusterState::Creating
    } else {
        ClusterState::Degraded
    };
    let selector = seen.name().selector(COMPONENT_MEMBER);
    let mut status = ClusterStatus {
        observed_generation: seen.cluster.metadata.generation,
        state,
        ready: format!("{ready}/{wanted}"),
        instances: members.len() as i32,
        selector: selector.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(","),
        version: leading
            .and_then(|member| member.server_version)
            .map(|number| Version::from_number(number).to_string())
            .or(before.version),
        system_identifier: leading
            .and_then(|member| member.system_identifier.clone())
            .or(before.system_identifier.clone()),
        engine: None,
        primary,
        members,
        pooler,
        tuning: match target {
            Some(target) => tuning::settings(seen, &target.tuning),
            // Nothing is changed, so what was in force is.
            None => before.tuning,
        },
        // A spec that can't be carried out renders nothing.
        rendered: target.map(|target| target.rendered.clone()).or(before.rendered),
        // Written by itself, see `decide::Decision::answer`.
        switchover: before.switchover,
        // Follows from what is foreseen, see `crate::pace`.
        slot: None,
        operator: Some(operator(seen)),
        upgrade: upgrade::upgrade(before.upgrade.as_ref(), before.system_identifier.as_ref(), seen, target),
        restore: restore::restore(before.restore.as_ref(), seen, target, now),
        rollout: rollout::rollout(before.rollout.as_ref(), seen, work, now),
        replication: slots::status(before.replication.as_ref(), seen, target),
        archive: archive::status(before.archive.as_ref(), seen, target, now),
        archive_key: archive::key(before.archive_key, seen, target),
        backup: backup::summary(seen, before.backup, now),
        rights_seen_at: databases::rights_seen_at(seen, now),
        conditions: Vec::new(),
        reason_since: BTreeMap::new(),
    };
    status.engine = engine::engine(before.engine, seen, target, &status, work, problems);
    status.conditions =
        conditions::conditions(seen, target, &status, work, problems, &before.conditions, now);
    status.reason_since = since::reasons(seen.cluster.status.as_ref(), &status.conditions, now);
    status
}

fn operator(seen: &Observed) -> OperatorStatus {
    let Platform { pooler_image, pgbouncer_image, domain, namespace } = seen.platform.clone();
    OperatorStatus {
        version: env!("CARGO_PKG_VERSION").into(),
        pooler_image,
        pgbouncer_image,
        domain,
        namespace,
        disruption_slots: seen.slots.total as i64,
    }
}

fn poolers_ready(pooler: &PoolerStatus) -> bool {
    let reader = pooler.read_only.as_ref();
    pooler.ready >= pooler.wanted && reader.is_none_or(|pods| pods.ready >= pods.wanted)
}

fn pooler(seen: &Observed) -> PoolerStatus {
    let ready = |way: Way| {
        let live = seen.children.get(Kind::Deployment, &way.name(&seen.name()));
        let count = live.and_then(|live| live.pointer("/status/readyReplicas")?.as_i64());
        count.unwrap_or(0) as i32
    };
    let spec = &seen.cluster.spec.pooler;
    let read_only = spec.read_only.as_ref();
    PoolerStatus {
        wanted: spec.instances,
        ready: ready(Way::Primary),
        tuning: Vec::new(),
        read_only: read_only
            .map(|reader| PodsStatus { wanted: reader.instances, ready: ready(Way::Replicas) }),
    }
}
