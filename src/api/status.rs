//! What the operator reports back in `status`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::archive::ArchiveStatus;
use super::backup_summary::BackupSummary;
use super::engine_status::EngineStatus;
use super::replication::ReplicationStatus;
use super::restore::RestoreStatus;

/// What is seen of a cluster. It holds no clock values but times of change, so that a converged cluster has a still status.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Health in a word.
    #[serde(default)]
    pub state: ClusterState,
    /// Members ready and wanted, as `3/3`.
    #[serde(default)]
    pub ready: String,
    /// Members that exist (for the scale subresource).
    #[serde(default)]
    pub instances: i32,
    /// Label selector of the members (for the scale subresource).
    #[serde(default)]
    pub selector: String,
    /// Pod that takes writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<String>,
    /// Server version that the primary runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Version and image of the members, and what the image catalog offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineStatus>,
    /// Postgres' system identifier: the same for as long as the data is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_identifier: Option<String>,
    /// Each member, by name.
    #[serde(default)]
    pub members: Vec<MemberStatus>,
    /// The pooler.
    #[serde(default)]
    pub pooler: PoolerStatus,
    /// Settings of Postgres in force, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub tuning: Vec<SettingStatus>,
    /// What pods were rendered last: by it a person's edit is told from another release of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendered: Option<RenderedStatus>,
    /// The disruption slot that this cluster holds while its members are restarted on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<SlotStatus>,
    /// The operator that wrote this status, and its settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorStatus>,
    /// The answer to the last switchover that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switchover: Option<SwitchoverStatus>,
    /// The last time that members were brought to another image, size or setting by restarts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,
    /// The major upgrade that is under way, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradeStatus>,
    /// Logical replication; there while the spec asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<ReplicationStatus>,
    /// The continuous archive of WAL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveStatus>,
    /// Secret with the passphrase of what was archived, once there was one. It stays when the archive is turned off, and while it is here
    /// no other passphrase is ever made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_key: Option<String>,
    /// The backup that the cluster was made from or went back to last, and how that went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestoreStatus>,
    /// Backups: what schedules did last and do next, and the backup that a restore would use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupSummary>,
    /// When a role was last seen with rights that the spec can't give, to the hour; it is told for three days from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights_seen_at: Option<Time>,
    /// Conditions: type, status, reason in one word, message for a person.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Since when a condition has its reason, by its type; of those alone whose reason came later than their status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reason_since: BTreeMap<String, Time>,
}

/// Health in a word.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterState {
    /// Being made for the first time.
    #[default]
    Creating,
    /// All members and the pooler are ready.
    Healthy,
    /// Writes are served, but something is missing.
    Degraded,
    /// No member takes writes.
    Down,
    /// The spec can't be carried out; see the conditions. What runs was not touched.
    Invalid,
    /// `spec.paused` is true.
    Paused,
    /// Being deleted.
    Deleting,
}

/// One member.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberStatus {
    /// Name of the pod.
    pub name: String,
    /// Group that it belongs to: 0 for plain Postgres.
    #[serde(default)]
    pub group: i32,
    /// Role in replication.
    #[serde(default)]
    pub role: MemberRole,
    /// Patroni's word for its state, as `running` or `streaming`; `unknown` when it does not answer.
    #[serde(default)]
    pub state: String,
    /// Ready in the sense of Kubernetes.
    #[serde(default)]
    pub ready: bool,
    /// WAL timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<i64>,
    /// Bytes of WAL behind the primary, coarse on purpose: 0 below 16 MiB, else rounded up to a power of two. The exact
    /// number moves all the time and each move would be a write to the API server; the metric
    /// `stylobate_cluster_member_lag_bytes` has it. Absent when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_bytes: Option<i64>,
    /// Server version that the member runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Times that the kubelet started the Postgres container again in this pod.
    #[serde(default)]
    pub restarts: i32,
    /// True when settings wait for a restart.
    #[serde(default)]
    pub pending_restart: bool,
    /// Node that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// Role of a member in replication.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberRole {
    /// Takes writes.
    Primary,
    /// Follows; part of the synchronous quorum.
    SyncReplica,
    /// Follows.
    Replica,
    /// Not known: the pod has no role yet, or does not answer.
    #[default]
    Unknown,
}

/// A disruption slot: at most as many clusters as the operator has slots are disrupted on purpose at the same time.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotStatus {
    /// When the last disruptive step was taken, to the minute. The slot is given back 15 minutes after it at the latest.
    pub last_step: Time,
}

/// The operator's own settings, which objects are rendered from: `stylobate plan` reads them here.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorStatus {
    /// Its release.
    #[serde(default)]
    pub version: String,
    /// Image of the pooler.
    #[serde(default)]
    pub pooler_image: String,
    /// Image of the pooler kind PgBouncer; empty where it was given none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pgbouncer_image: String,
    /// DNS domain of the Kubernetes cluster.
    #[serde(default)]
    pub domain: String,
    /// Namespace that it runs in.
    #[serde(default)]
    pub namespace: String,
    /// Clusters that it disrupts on purpose at the same time.
    #[serde(default)]
    pub disruption_slots: i64,
}

/// The pooler as seen.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolerStatus {
    /// Pods wanted.
    #[serde(default)]
    pub wanted: i32,
    /// Pods ready.
    #[serde(default)]
    pub ready: i32,
    /// Parameters of the pooler in force that ConfigMaps set, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tuning: Vec<SettingStatus>,
    /// The pooler for sessions that only read; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<PodsStatus>,
}

/// How many pods there are of how many.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodsStatus {
    /// Pods wanted.
    #[serde(default)]
    pub wanted: i32,
    /// Pods ready.
    #[serde(default)]
    pub ready: i32,
}

/// A setting that is in force.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingStatus {
    /// Name, in lower case.
    pub name: String,
    /// Value, as it was sent.
    pub value: String,
    /// Where it is from: `computed`, the name of a ConfigMap, or `default` of what nobody sets any more.
    pub source: String,
    /// Values of earlier ConfigMaps that it wins over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<OverriddenStatus>,
    /// What it waits for, on one member at least; absent when it is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
}

/// A value that a later ConfigMap wins over.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverriddenStatus {
    /// Name of the ConfigMap.
    pub source: String,
    /// Its value.
    pub value: String,
}

/// What a setting waits for.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pending {
    /// A restart of Postgres.
    Restart,
}

/// How pods were rendered last.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenderedStatus {
    /// Generation of the spec that they were rendered from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Pods of members.
    #[serde(default)]
    pub members: RenderedPod,
    /// Pods of the pooler.
    #[serde(default)]
    pub pooler: RenderedPod,
}

/// How the pods of one kind were rendered.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenderedPod {
    /// Digest of the rendering.
    #[serde(default)]
    pub template: String,
    /// Digest of the last rendering that an edit of the spec asked for; empty while none did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub asked: String,
}

/// A rollout: members brought to what the spec says, one at a time. It proves that the data stayed where it was.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// Where it stands.
    pub phase: RolloutPhase,
    /// What differed, each once.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// What is done next, what it waits for, or what became of it.
    #[serde(default)]
    pub message: String,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// When settings were sent last, while it was under way: members tell a little later which of them need a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_sent_at: Option<Time>,
    /// Volumes and data before the first step.
    #[serde(default)]
    pub before: Evidence,
    /// Volumes and data after the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Evidence>,
}

/// Where a rollout stands.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RolloutPhase {
    /// A policy holds it back, such as a window that is not open.
    #[default]
    Waiting,
    /// Members are being restarted.
    Running,
    /// A member did not come back; no further one is touched.
    Blocked,
    /// All members are as wanted.
    Done,
}

impl RolloutPhase {
    /// True until the end.
    pub fn is_open(self) -> bool {
        self != RolloutPhase::Done
    }
}

/// What proves that data was not touched.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Postgres' system identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_identifier: Option<String>,
    /// Volumes of the members.
    #[serde(default)]
    pub volumes: Vec<VolumeEvidence>,
}

/// One volume.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeEvidence {
    /// Name of the claim.
    pub claim: String,
    /// UID of the claim.
    pub uid: String,
    /// Name of the PersistentVolume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
}

/// The answer to a request for a switchover: the annotation `stylobate.dev/switchover`, as `stylobate switchover` sets it.
/// A request is served at most once: it is marked as in progress before anything is done.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwitchoverStatus {
    /// The annotation's value that is answered.
    pub request: String,
    /// What became of it.
    pub outcome: SwitchoverOutcome,
    /// Member that took writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Member that should take them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The outcome in words: for a refusal the cause and the next step.
    #[serde(default)]
    pub message: String,
    /// When the outcome became so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// What became of a request for a switchover.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SwitchoverOutcome {
    /// The role is being handed over.
    #[default]
    InProgress,
    /// The role was handed over.
    Done,
    /// Nothing was done.
    Refused,
    /// It was tried, and the role is not where it should be.
    Failed,
}

/// A major upgrade.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeStatus {
    /// Version of the data before.
    pub from: String,
    /// Version that is wanted.
    pub to: String,
    /// How far it is.
    pub phase: UpgradePhase,
    /// True once the new server may have taken writes: from then on only a backup leads back.
    #[serde(default)]
    pub point_of_no_return: bool,
    /// What is going on, or what ended it.
    #[serde(default)]
    pub message: String,
    /// System identifier of the data before. An upgrade gives it another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_identifier_before: Option<String>,
}

/// How far a major upgrade is.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpgradePhase {
    /// Members run the old server from an image with both; the check is made.
    #[default]
    Preparing,
    /// Replicas stop; the primary serves.
    Stopping,
    /// The data of the primary is being upgraded; nobody takes writes.
    Upgrading,
    /// The new server serves; replicas are made anew.
    Rejoining,
    /// All members run the new server.
    Done,
    /// It was taken back: the old server serves as before.
    Failed,
}
