//! `PostgresCluster`: the one object a person edits.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::backup_policy::BackupPolicy;
use super::bootstrap::Bootstrap;
use super::database::Database;
use super::maintenance::Maintenance;
use super::parts::{
    Access, Engine, HighAvailability, Monitoring, Resources, Scheduling, Storage, TuningRef, User,
};
use super::pods::{Pods, Services};
use super::pooler::Pooler;
use super::replication::Replication;
use super::status::ClusterStatus;
use super::told::told;

/// What a person wants of one Postgres cluster.
///
/// The name of the object is at most 40 characters, because the longest child name derived from it (a pod of the
/// pooler, a controller revision of a Citus worker group) has to fit in the 63 characters of a DNS label.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "stylobate.dev",
    version = "v1alpha1",
    kind = "PostgresCluster",
    plural = "postgresclusters",
    shortname = "pgc",
    category = "stylobate",
    namespaced,
    status = "ClusterStatus",
    derive = "PartialEq",
    doc = "A Postgres cluster with its pooler: the one object to edit",
    scale(
        spec_replicas_path = ".spec.instances",
        status_replicas_path = ".status.instances",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.ready", description = "members ready / wanted"),
    printcolumn(name = "Primary", type_ = "string", json_path = ".status.primary", description = "pod that takes writes"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version", description = "version that runs"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state", description = "health in a word"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 40").message(
        told("metadata.name", "self.metadata.name", "at most 40 characters, since names of pods and Services are derived from it and must fit in 63. Choose a shorter name")
    ),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(
        told("metadata.name", "self.metadata.name", "it must be a DNS label, so lower-case letters, digits and '-', starting with a letter, without dots")
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.highAvailability.synchronous != 'Strict' || self.instances >= 3").message(
    told(
        "spec.instances",
        "(self.instances == 2 ? '2' : '1')",
        "at least 3 while spec.highAvailability.synchronous is Strict, since with fewer the loss of one member stops writes. Set 3 or more, or Quorum",
    )
))]
#[x_kube(validation = Rule::new("self.databases.all(d, self.users.exists(u, u.name == d.owner))").message(
    // The value is not told: an expression that finds it is too costly by the API server's estimate.
    "spec.databases[].owner must name a user of spec.users: add the user, or correct the owner"
))]
pub struct PostgresClusterSpec {
    /// What runs: flavor and version.
    pub engine: Engine,

    /// Members (pods with a volume each), 1 to 9. With 1 there is nothing to fail over to.
    #[serde(default = "default_instances")]
    #[schemars(range(min = 1, max = 9))]
    pub instances: i32,

    /// CPU and memory of each member.
    #[serde(default)]
    pub resources: Resources,

    /// The volume of each member. It holds data and WAL together, so that one disk snapshot is crash-consistent.
    pub storage: Storage,

    /// ConfigMaps with Postgres settings, a later one wins. Each key of a ConfigMap is a setting's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub tuning: Vec<TuningRef>,

    /// How a failure is survived.
    #[serde(default)]
    pub high_availability: HighAvailability,

    /// The one door for clients.
    #[serde(default)]
    pub pooler: Pooler,

    /// Certificates, and who may connect.
    #[serde(default)]
    pub access: Access,

    /// Login roles that are kept as written here.
    #[serde(default)]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub users: Vec<User>,

    /// Databases that are kept as written here. A database that is removed from the list is left alone.
    #[serde(default)]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub databases: Vec<Database>,

    /// Logical replication out of the cluster.
    #[serde(default)]
    pub replication: Replication,

    /// What is offered to Prometheus.
    #[serde(default)]
    pub monitoring: Monitoring,

    /// Where pods may run.
    #[serde(default)]
    pub scheduling: Scheduling,

    /// What pods carry for others: labels, annotations, priority, rights to pull images.
    #[serde(default)]
    pub pods: Pods,

    /// What Services carry for others, and the door for clients outside.
    #[serde(default)]
    pub services: Services,

    /// When members may be restarted for a change.
    #[serde(default)]
    pub maintenance: Maintenance,

    /// When backups are made, how long they are kept, and how they are proved.
    #[serde(default)]
    pub backup: BackupPolicy,

    /// What the cluster begins with; it counts when the cluster is made, and never again.
    #[serde(default)]
    pub bootstrap: Bootstrap,

    /// True stops the operator from changing anything of this cluster. Patroni still fails over.
    #[serde(default)]
    pub paused: bool,
}

/// Three members survive the loss of one with synchronous replication still on.
fn default_instances() -> i32 {
    3
}
