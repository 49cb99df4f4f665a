//! The pooler's part of a `PostgresCluster`'s spec. Doc comments become the field descriptions that `kubectl explain` shows.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TuningRef;

/// What stands in front of the members.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.kind == 'PgBouncer' || !has(self.clients) || self.clients <= 1000").message(
    "spec.pooler.clients: at most 1000 with kind Pgpool, which has a process for each; kind PgBouncer serves up to 10000"
))]
#[x_kube(validation = Rule::new("self.kind == 'PgBouncer' || !has(self.serverConnections)").message(
    "spec.pooler.serverConnections: remove it: with kind Pgpool each client has a connection of his own. It goes with kind PgBouncer"
))]
#[x_kube(validation = Rule::new("self.kind == 'Pgpool' || !self.loadBalancing").message(
    "spec.pooler.loadBalancing: kind PgBouncer does not look at statements: set it to false, and let readers go to the Service that spec.pooler.readOnly makes"
))]
pub struct Pooler {
    /// The program: `Pgpool` (Pgpool-II: a connection for each client, everything that a session can do), or `PgBouncer` (connections shared
    /// transaction by transaction, for thousands of clients; planned switchovers without an error). A change makes the pods anew.
    #[serde(default)]
    pub kind: PoolerKind,
    /// Pooler pods, 1 to 9.
    #[serde(default = "default_pooler_instances")]
    #[schemars(range(min = 1, max = 9))]
    pub instances: i32,
    /// Clients that each pooler pod serves at once, 4 to 1000 with kind `Pgpool` and to 10000 with `PgBouncer`. With `Pgpool` all pods
    /// together must fit the server's `max_connections`; when absent: as many as fit, at most 32. With `PgBouncer`, when absent: 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 4, max = 10000))]
    pub clients: Option<i32>,
    /// Connections that each pod of kind `PgBouncer` has to the servers, 2 to 1000; databases of the spec share them evenly. When absent: as
    /// many as fit `max_connections`, at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub server_connections: Option<i32>,
    /// Memory request and limit of the pooler in each pod. With kind `Pgpool`: what its processes take when idle (64 MiB and 6 for each) is
    /// the least; the rest is for messages on their way: a parameter takes 5.3 times its size while it passes, a value of a result 2.2
    /// times. When absent: 192 MiB for those, which carries a parameter of 36 MB at a time. With `PgBouncer`: 32 MiB and 64 KiB for each
    /// client are the least; when absent 64 MiB more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::told::maybe_size")]
    pub memory: Option<Quantity>,
    /// True sends reads outside of write transactions to replicas. A read may then miss a write of another session. Kind `Pgpool` alone.
    #[serde(default)]
    pub load_balancing: bool,
    /// A pooler of its own for sessions that only read, by the Service `<cluster>-pooler-ro`: it leads to replicas, also while there is no
    /// primary. Needs 2 instances of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<ReadOnlyPooler>,
    /// ConfigMaps with parameters of the pooler itself, a later one wins; `docs/tuning.md` lists what may be set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub tuning: Vec<TuningRef>,
}

/// The program of a pooler. A new one is a new variant; the compiler then names the one `match` to extend (`src/pooler/mod.rs`).
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolerKind {
    /// Pgpool-II.
    #[default]
    Pgpool,
    /// PgBouncer.
    PgBouncer,
}

/// The pooler of sessions that only read. Program, memory and parameters are those of the other one.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadOnlyPooler {
    /// Pods, 1 to 9.
    #[serde(default = "default_pooler_instances")]
    #[schemars(range(min = 1, max = 9))]
    pub instances: i32,
    /// Clients that each pod serves at once, as `spec.pooler.clients`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 4, max = 10000))]
    pub clients: Option<i32>,
    /// Connections of each pod to the servers, as `spec.pooler.serverConnections`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub server_connections: Option<i32>,
}

fn default_pooler_instances() -> i32 {
    2
}

impl Default for Pooler {
    fn default() -> Self {
        Self {
            kind: PoolerKind::default(),
            instances: default_pooler_instances(),
            clients: None,
            server_connections: None,
            memory: None,
            load_balancing: false,
            read_only: None,
            tuning: Vec::new(),
        }
    }
}
