//! What the operator reports back in `status`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is seen of a cluster. It holds no clock values of its own, so that a converged cluster has a still status.
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
    /// Postgres' system identifier: the same for as long as the data is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_identifier: Option<String>,
    /// Each member, by name.
    #[serde(default)]
    pub members: Vec<MemberStatus>,
    /// The pooler.
    #[serde(default)]
    pub pooler: PoolerStatus,
    /// Conditions: type, status, reason in one word, message for a person.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
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
}
