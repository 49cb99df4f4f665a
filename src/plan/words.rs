//! What a step is called: a word for metrics, and a sentence for the person who reads the event.

use std::fmt;

use kube::ResourceExt;
use serde_json::Value;

use crate::api::PostgresBackup;
use crate::name::LABEL_RETIRED;

use super::step::Step;

impl Step {
    /// One word for metrics and the event's action.
    pub fn action(&self) -> &'static str {
        match self {
            Step::Guard => "Guard",
            Step::Unguard => "Unguard",
            Step::Mint(_) => "Issue",
            Step::Apply { .. } => "Apply",
            Step::Delete { .. } => "Delete",
            Step::Withdraw { .. } => "Withdraw",
            Step::ReleasePods { .. } => "ReleasePods",
            Step::StopPod { .. } => "StopPod",
            Step::Expand { .. } => "Expand",
            Step::ImportSnapshot { .. } => "ImportSnapshot",
            Step::CloneVolume { .. } => "CloneVolume",
            Step::ForgetSnapshot { .. } => "ForgetSnapshot",
            Step::BeginRestore { .. } => "BeginRestore",
            Step::ClearPatroni { .. } => "ClearPatroni",
            Step::SettleVolume { .. } => "SettleVolume",
            Step::DropOrders { .. } => "DropOrders",
            Step::RetireVolume { .. } => "RetireVolume",
            Step::HandOverVolume { .. } => "HandOverVolume",
            Step::ForgetVolumes { .. } => "ForgetVolumes",
            Step::RefreshFiles { .. } => "RefreshFiles",
            Step::MarkPod { .. } => "MarkPod",
            Step::ReplacePod { .. } => "ReplacePod",
            Step::ResizePod { .. } => "ResizePod",
            Step::RestartServer { .. } => "RestartServer",
            Step::Configure { .. } => "Configure",
            Step::StoreSettings { .. } => "StoreSettings",
            Step::Sql { .. } => "Sql",
            Step::Switchover { .. } => "Switchover",
            Step::ReleaseClaim { .. } => "ReleaseClaim",
            Step::BeginUpgrade { .. } => "BeginUpgrade",
            Step::CreateBackup { .. } => "CreateBackup",
            Step::RecordMissed { .. } => "RecordMissed",
            Step::DeleteBackup { .. } => "DeleteBackup",
            Step::NoteKept { .. } => "NoteKept",
            Step::RequestDrill { .. } => "RequestDrill",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Guard => write!(f, "put the finalizer on the cluster"),
            Step::Unguard => write!(f, "take the finalizer off the cluster"),
            Step::Mint(mint) => write!(f, "{mint}"),
            Step::Apply { child, reason, cause: _ } => write!(f, "apply {} ({reason})", child.reference),
            Step::Delete { reference, .. } => write!(f, "delete {reference}"),
            Step::Withdraw { reference, .. } => {
                write!(f, "delete {reference}, which the spec asks for no longer")
            }
            Step::ReleasePods { set, field, .. } => {
                write!(f, "delete StatefulSet {set} and leave its pods, to make it anew with another {field}")
            }
            Step::StopPod { pod, .. } => write!(f, "stop pod {pod}, which no set owns any more"),
            Step::Expand { claim, size } => write!(f, "grow volume claim {claim} to {size}"),
            Step::ImportSnapshot { name, handle, .. } => {
                write!(f, "make snapshot {handle} known as VolumeSnapshot {name}")
            }
            Step::CloneVolume { claim, backup, body } => {
                let how = if body["spec"]["dataSource"].is_null() { "make" } else { "clone" };
                write!(f, "{how} volume claim {claim} from backup {backup}")
            }
            Step::ForgetSnapshot { name, .. } => {
                write!(
                    f,
                    "remove VolumeSnapshot {name}, from which all volumes are cloned; the snapshot itself stays"
                )
            }
            Step::BeginRestore { backup, kept, .. } => {
                write!(
                    f,
                    "stop all members to restore in place from backup {backup}; kept: {}",
                    kept.join(", ")
                )
            }
            Step::ClearPatroni { maps } => {
                let names: Vec<&str> = maps.iter().map(|map| map.name.as_str()).collect();
                write!(f, "remove what Patroni knows of the data of before: ConfigMaps {}", names.join(", "))
            }
            Step::DropOrders { map, entries, .. } => write!(
                f,
                "take {} out of ConfigMap {map}: members are ordered to do what the operator did not decide",
                entries.join(" and ")
            ),
            Step::SettleVolume { claim } => write!(
                f,
                "mark volume claim {claim} as data in service: no restore takes it for a clone again"
            ),
            Step::RetireVolume { claim, generation } => write!(
                f,
                "mark volume claim {claim} as out of service (label {LABEL_RETIRED}={generation}); it is kept with its data"
            ),
            Step::HandOverVolume { claim, owner, .. } => {
                write!(f, "let volume claim {claim} go with ConfigMap {owner}")
            }
            Step::ForgetVolumes { owner, claims, .. } => {
                write!(f, "delete ConfigMap {owner}, and with it the old volume claims {}", claims.join(", "))
            }
            Step::RefreshFiles { pod, .. } => write!(f, "bring the mounted files of {pod} up to date"),
            Step::MarkPod { pod, .. } => {
                write!(f, "set the labels and annotations of spec.pods on {pod}, in place")
            }
            Step::ReplacePod { pod, reason, .. } => write!(f, "make pod {pod} anew: {reason}"),
            Step::ResizePod { pod, cpu, memory } => {
                write!(f, "resize pod {pod} in place to CPU {cpu}, memory {memory}")
            }
            Step::RestartServer { pod, reason, .. } => write!(f, "restart Postgres in {pod}: {reason}"),
            Step::Configure { group, patch, .. } => {
                write!(f, "change the settings of {}: {}", group.scope(), changed_keys(patch))
            }
            Step::StoreSettings { group, patch, .. } => {
                write!(
                    f,
                    "store the settings of {} for members that do not answer: {}",
                    group.scope(),
                    changed_keys(patch)
                )
            }
            Step::Sql { task, .. } => write!(f, "{}", task.summary),
            Step::Switchover { from, to, reason, .. } => {
                write!(f, "switch over from {from} to {to}: {reason}")
            }
            Step::BeginUpgrade { from, to, .. } => {
                write!(f, "stop all members to upgrade the data from PostgreSQL {from} to {to}")
            }
            Step::CreateBackup { backup } => {
                write!(f, "begin backup {}{}", backup.name_any(), run_of(backup))
            }
            Step::RecordMissed { backup, reason, .. } => {
                write!(f, "record backup {}{} as missed: {reason}", backup.name_any(), run_of(backup))
            }
            Step::DeleteBackup { backup, why, .. } => {
                write!(f, "delete backup {backup} and its snapshots by retention: {why}")
            }
            Step::NoteKept { backup, until, by } => {
                let until = until.map(|until| format!(" until {until:.0}")).unwrap_or_default();
                write!(f, "note that backup {backup} is kept{until}: {}", by.join(", "))
            }
            Step::RequestDrill { backup, moment, .. } => {
                write!(f, "ask for the drill of backup {backup} that was scheduled for {moment:.0}")
            }
            Step::ReleaseClaim { holder, proof, .. } => {
                write!(f, "release the leader claim of {holder}: {proof}")
            }
        }
    }
}

/// Which run a backup is, in words.
fn run_of(backup: &PostgresBackup) -> String {
    let run = backup.spec.schedule.as_ref().zip(backup.spec.scheduled_for.as_ref());
    run.map(|(schedule, at)| format!(", the run of schedule {schedule} for {:.0},", at.0)).unwrap_or_default()
}

/// Names of what a patch changes, parameters by their own names.
fn changed_keys(patch: &Value) -> String {
    let mut keys = Vec::new();
    for (key, value) in patch.as_object().into_iter().flatten() {
        match value.pointer("/parameters").and_then(Value::as_object) {
            Some(parameters) => keys.extend(parameters.keys().cloned()),
            None => keys.push(key.clone()),
        }
    }
    keys.join(", ")
}
