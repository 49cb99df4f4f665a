//! `spec.replication`: logical replication out of the cluster, and what the status tells of its slots.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::told::told;

/// Logical replication out of the cluster. Who subscribes is a user of `spec.users` with the option `Replication` and networks in
/// `replicationFrom`, and he connects to the Service `<cluster>-primary`, since no pooler speaks the protocol.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.walLevel == 'Logical' || size(self.slots) == 0").message(
    told(
        "spec.replication.walLevel",
        "self.walLevel",
        "logical slots need WAL that can be decoded. Set Logical, or remove spec.replication.slots",
    )
))]
pub struct Replication {
    /// What WAL holds: `wal_level`. A change restarts members one by one, as a setting does; `Replica` only once no logical slot is left.
    #[serde(default)]
    pub wal_level: WalLevel,
    /// Logical slots that are kept over a failover, at most 16; from PostgreSQL 17 on. A slot that is removed from the list is left alone.
    #[serde(default)]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub slots: Vec<LogicalSlot>,
    /// Whether subscriptions of this cluster's databases run (`max_logical_replication_workers`). When absent they do, but for a cluster that
    /// was restored: its subscriptions are those of the source, whose slots they would use up. Write `Run` there once the source no
    /// longer runs, or after `ALTER SUBSCRIPTION ... DISABLE`. A change restarts members one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<Subscriptions>,
}

/// Whether subscriptions run.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subscriptions {
    /// Those that are enabled do.
    Run,
    /// None does.
    Rest,
}

/// What WAL holds.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WalLevel {
    /// What the members of the cluster and its archive need.
    #[default]
    Replica,
    /// What logical replication needs besides: some more WAL for each row that is changed.
    Logical,
}

/// A logical slot: the place up to which one subscriber has everything.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!self.name.startsWith('pg_')").message(
    told("spec.replication.slots[].name", "self.name", "names that begin with pg_ are the server's own. Choose another name")
))]
pub struct LogicalSlot {
    /// Its name, 1 to 63 characters of `a-z0-9_`. A subscription names it by `WITH (create_slot = false, slot_name = ...)`.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9_]+$"))]
    pub name: String,
    /// Database of `spec.databases` whose changes it gives.
    #[schemars(length(min = 1, max = 63))]
    pub database: String,
    /// What turns WAL into what the subscriber reads: `pgoutput` for subscriptions and most tools, `test_decoding`, or a plugin that the
    /// image has.
    #[serde(default = "default_plugin")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9_]+$"))]
    pub plugin: String,
}

fn default_plugin() -> String {
    "pgoutput".into()
}

/// What is seen of logical replication.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationStatus {
    /// Each slot of the spec, by name.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub slots: Vec<LogicalSlotStatus>,
}

/// One slot of the spec.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogicalSlotStatus {
    /// Its name.
    pub name: String,
    /// How it stands.
    #[serde(default)]
    pub state: SlotState,
    /// Bytes of WAL that are kept for it, coarse on purpose: 0 below 16 MiB, else rounded up to a power of two. Absent when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_bytes: Option<i64>,
}

/// How a slot stands.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotState {
    /// It was never seen.
    #[default]
    Waiting,
    /// It is there, on the primary alone: a failover would lose it.
    PrimaryOnly,
    /// It is there, and every member that may take over has it.
    Kept,
    /// It was there, and is gone or without its WAL: its subscriber misses changes. It is not made anew while the spec names it.
    Lost,
}
