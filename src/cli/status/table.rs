//! The tables of `stylobate status`. Pure: an object and the time give the text.

use std::fmt::Write as _;

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{Behind, ClusterStatus, MemberRole, MemberStatus, PostgresCluster, SwitchoverOutcome};

use super::super::human::{columns, lag, since};
use super::advice::{Warning, warnings};
use super::connect::connect;

/// Everything about one cluster.
pub fn table(cluster: &PostgresCluster, now: Timestamp) -> String {
    let mut text = String::new();
    let age = since(cluster.metadata.creation_timestamp.as_ref(), now);
    let name = format!("{}/{}", cluster.namespace().unwrap_or_default(), cluster.name_any());
    match &cluster.status {
        Some(status) => {
            let _ = writeln!(
                text,
                "{name} is {:?}: {} members ready, primary {}, PostgreSQL {}, pooler {}/{}, age {age}",
                status.state,
                status.ready,
                or_none(&status.primary),
                version(status),
                status.pooler.ready,
                status.pooler.wanted,
            );
        }
        None => {
            let _ = writeln!(text, "{name} is not known to the operator, age {age}");
        }
    }
    let warnings = warnings(cluster, now);
    for warning in &warnings {
        let _ = writeln!(text, "\n!! {}\n   next: {}", warning.what, warning.next);
    }
    if let Some(status) = &cluster.status {
        let _ = writeln!(text, "\n{}", members(status).trim_end());
        if let Some(line) = switchover(status, now) {
            let _ = writeln!(text, "\n{line}");
        }
        let _ = writeln!(text, "\n{}", conditions(status, &warnings, now).trim_end());
    }
    let _ = write!(text, "\n{}", connect(cluster));
    text
}

/// One line for each cluster, and the worst of each.
pub fn overview(clusters: &[PostgresCluster], now: Timestamp) -> String {
    let head = ["NAMESPACE", "NAME", "STATE", "READY", "PRIMARY", "VERSION", "POOLER", "AGE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut notes = String::new();
    for cluster in clusters {
        let status = cluster.status.clone().unwrap_or_default();
        let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
        rows.push(vec![
            namespace.clone(),
            name.clone(),
            cluster.status.as_ref().map_or("?".into(), |status| format!("{:?}", status.state)),
            status.ready.clone(),
            or_none(&status.primary),
            version(&status),
            format!("{}/{}", status.pooler.ready, status.pooler.wanted),
            since(cluster.metadata.creation_timestamp.as_ref(), now),
        ]);
        if let Some(worst) = warnings(cluster, now).first() {
            let _ = writeln!(notes, "\n!! {namespace}/{name}: {}\n   next: {}", worst.what, worst.next);
        }
    }
    format!("{}{notes}", columns(&rows))
}

/// The version that runs, and why a newer one that is offered does not.
fn version(status: &ClusterStatus) -> String {
    let runs = or_none(&status.version);
    let Some(engine) = &status.engine else { return runs };
    let withdrawn = if engine.withdrawn.is_some() { ", WITHDRAWN" } else { "" };
    let Some(behind) = engine.behind else { return format!("{runs}{withdrawn}") };
    let why = match behind {
        Behind::Pinned => "pinned",
        Behind::Window => "waits for window",
        Behind::Slot => "waits for its turn",
        Behind::Paused => "paused",
        Behind::HeldBack => "held back",
        Behind::Rolling => "rolling",
        Behind::Blocked => "BLOCKED",
        Behind::Invalid => "spec is invalid",
    };
    let newer = engine.available.as_ref().filter(|available| engine.running.as_ref() != Some(*available));
    let what = newer.map_or("other image".into(), |newer| format!("{newer} available"));
    format!("{runs}{withdrawn} ({what}: {why})")
}

fn members(status: &ClusterStatus) -> String {
    if status.members.is_empty() {
        return "no member exists yet".into();
    }
    let head = ["MEMBER", "ROLE", "STATE", "SYNC", "LAG", "TIMELINE", "VERSION", "RESTARTS", "READY", "NODE"];
    let rows: Vec<Vec<String>> =
        std::iter::once(head.map(str::to_owned).to_vec()).chain(status.members.iter().map(member)).collect();
    columns(&rows)
}

fn member(member: &MemberStatus) -> Vec<String> {
    let (role, sync) = match member.role {
        MemberRole::Primary => ("primary", "-"),
        MemberRole::SyncReplica => ("replica", "quorum"),
        MemberRole::Replica => ("replica", "async"),
        MemberRole::Unknown => ("unknown", "?"),
    };
    vec![
        member.name.clone(),
        role.into(),
        member.state.clone(),
        sync.into(),
        if member.role == MemberRole::Primary { "-".into() } else { lag(member.lag_bytes) },
        member.timeline.map_or_else(|| "?".into(), |timeline| timeline.to_string()),
        member.version.clone().unwrap_or_else(|| "?".into()),
        member.restarts.to_string(),
        if member.ready { "yes" } else { "NO" }.into(),
        or_none(&member.node),
    ]
}

fn switchover(status: &ClusterStatus, now: Timestamp) -> Option<String> {
    let last = status.switchover.as_ref()?;
    let outcome = match last.outcome {
        SwitchoverOutcome::InProgress => "is in progress",
        SwitchoverOutcome::Done => "is done",
        SwitchoverOutcome::Refused => "was refused",
        SwitchoverOutcome::Failed => "failed",
    };
    Some(format!("last switchover, {} ago, {outcome}: {}", since(last.at.as_ref(), now), last.message))
}

fn conditions(status: &ClusterStatus, warnings: &[Warning], now: Timestamp) -> String {
    let mut rows = vec![["CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE"].map(str::to_owned).to_vec()];
    for condition in &status.conditions {
        let told = condition.status != "True"
            && warnings.iter().any(|warning| warning.what.ends_with(&condition.message));
        rows.push(vec![
            condition.type_.clone(),
            condition.status.clone(),
            since(Some(&condition.last_transition_time), now),
            condition.reason.clone(),
            if told { "see above".into() } else { condition.message.clone() },
        ]);
    }
    columns(&rows)
}

fn or_none(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "none".into())
}
