//! The parts of a `PostgresCluster`'s spec. Doc comments become the field descriptions that `kubectl explain` shows.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::told::{LABEL, NAME, told};

/// What runs in the members.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.flavor != 'Postgres' || self.version.matches('^(15|17)([.](0|[1-9][0-9]{0,3}))?$')").message(
    told("spec.engine.version", "self.version", "with flavor Postgres write a major, 17 (or 15, to be upgraded later), to have its newest minor that the image catalog offers, or an exact minor, as 17.91")
))]
pub struct Engine {
    /// `Postgres`, the one flavor that this release runs.
    #[serde(default)]
    pub flavor: Flavor,
    /// A major, as `17`, or an exact minor, as `17.91`. With a major, members follow the newest minor that the image catalog
    /// offers, within maintenance windows. A newer major is a major upgrade.
    #[schemars(length(min = 1, max = 32))]
    pub version: String,
    /// An image of your own in place of the one that the image catalog has for the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = "^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$"))]
    pub image: Option<String>,
}

/// Which engine runs. A new engine is a new variant; the compiler then lists the one `match` to extend.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Flavor {
    /// PostgreSQL as its project releases it.
    #[default]
    Postgres,
}

/// CPU and memory of one member.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("quantity(self.memory).compareTo(quantity('512Mi')) >= 0").message(
    told("spec.resources.memory", "self.memory", "at least 512Mi, since less holds neither the shared buffers nor 40 connections")
))]
#[x_kube(validation = Rule::new("quantity(self.cpu).compareTo(quantity('100m')) >= 0").message(
    told("spec.resources.cpu", "self.cpu", "at least 100m")
))]
pub struct Resources {
    /// CPU request of the Postgres container, as `500m` or `2`. There is no CPU limit: throttling a database only
    /// makes its locks last longer.
    #[serde(default = "default_cpu")]
    #[schemars(schema_with = "super::told::cpus")]
    pub cpu: Quantity,
    /// Memory request and limit of the Postgres container, at least `512Mi`. Computed settings follow it.
    #[serde(default = "default_memory")]
    #[schemars(schema_with = "super::told::size")]
    pub memory: Quantity,
}

fn default_cpu() -> Quantity {
    Quantity("500m".into())
}

fn default_memory() -> Quantity {
    Quantity("1Gi".into())
}

impl Default for Resources {
    fn default() -> Self {
        Self { cpu: default_cpu(), memory: default_memory() }
    }
}

/// The volume of a member.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.storageClass) || (has(self.storageClass) && self.storageClass == oldSelf.storageClass)").message(
    told(
        "spec.storage.storageClass",
        "(has(self.storageClass) ? self.storageClass : '')",
        "it can't change, since volumes stay in their class. Make a new cluster in the other class and move the data",
    )
))]
#[x_kube(validation = Rule::new("quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0").message(
    told("spec.storage.size", "self.size", "no volume can shrink. Make a new cluster with smaller volumes and move the data")
))]
#[x_kube(validation = Rule::new("quantity(self.size).compareTo(quantity('1Gi')) >= 0").message(
    told("spec.storage.size", "self.size", "at least 1Gi, since WAL alone may take that much")
))]
pub struct Storage {
    /// Size of each member's volume, at least `1Gi`. It can grow, never shrink.
    #[schemars(schema_with = "super::told::size")]
    pub size: Quantity,
    /// StorageClass of the volumes; the cluster's default class when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub storage_class: Option<String>,
}

/// A ConfigMap with settings.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TuningRef {
    /// Name of a ConfigMap in the same namespace.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub config_map: String,
}

/// How a failure is survived.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HighAvailability {
    /// When a commit is acknowledged.
    #[serde(default)]
    pub synchronous: Synchronous,
}

/// When a commit is acknowledged: Patroni's `synchronous_mode` and `synchronous_mode_strict`.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Synchronous {
    /// One replica of any must hold it; with no replica left the primary goes on alone. No lost commits.
    #[default]
    Quorum,
    /// As `Quorum`, but with no replica left writes wait. Needs 3 instances.
    Strict,
    /// The primary alone decides. The last commits may be lost when it fails.
    Off,
}

/// Certificates, and who may connect.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Server certificates. When absent, the operator keeps a certificate authority of the cluster's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Namespaces, besides the cluster's own, whose pods may reach the pooler (by `kubernetes.io/metadata.name`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(length(min = 1, max = 63), regex(pattern = LABEL))
    )]
    pub namespaces: Vec<String>,
    /// Namespaces whose pods may go past the pooler to the members' own Services `<cluster>-primary` and `<cluster>-replicas`: for what a
    /// pooler does not carry (`docs/pooler.md`). The cluster's own namespace is let in only where it is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(length(min = 1, max = 63), regex(pattern = LABEL))
    )]
    pub direct_namespaces: Vec<String>,
}

/// A certificate of somebody else's making, as of cert-manager's `Certificate`.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Secret of type `kubernetes.io/tls` in the same namespace with `tls.crt`, `tls.key` and, unless clients know its
    /// authority already, `ca.crt`; the certificate has to carry all names that `docs/security.md` lists. The operator
    /// reads it and never writes it.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub secret: String,
}

/// A login role.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(self.name in ['postgres', 'standby', 'rewind', 'stylobate', 'stylobate_monitor', 'stylobate_pooler_monitor']) && !self.name.startsWith('pg_')").message(
    told(
        "spec.users[].name",
        "self.name",
        "roles of the system (postgres, standby, rewind, stylobate, stylobate_monitor, stylobate_pooler_monitor, pg_*) are kept by the operator. Choose another name",
    )
))]
#[x_kube(validation = Rule::new("!self.name.matches('[\\n\\r]')").message(
    "spec.users[].name has a line break, which Pgpool's password file can't hold: remove it"
))]
#[x_kube(validation = Rule::new("!has(self.replicationFrom) || size(self.replicationFrom) == 0 || (has(self.options) && 'Replication' in self.options)").message(
    "spec.users[].replicationFrom names networks for a user without the option Replication: add the option, or remove the networks"
))]
pub struct User {
    /// Name of the role, 1 to 63 bytes, any text that Postgres takes (it is quoted), but none of the system's own roles.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Where the password stands. When absent, or when the Secret is absent, one is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordRef>,
    /// What the role may do besides log in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub options: Vec<RoleOption>,
    /// Networks, as `10.20.0.0/16`, from which a user with the option `Replication` is let in, past the pooler: from nowhere else, for
    /// plain sessions either, since who replicates reads every database. None wider than /8 (IPv6: /16), and no IPv4 in IPv6.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 4, max = 43), regex(pattern = "^[0-9a-fA-F:.]+/[0-9]{1,3}$"))
    )]
    pub replication_from: Vec<String>,
}

/// A key of a Secret.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordRef {
    /// Name of a Secret in the same namespace.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub secret: String,
    /// Key in it.
    #[serde(default = "default_password_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

fn default_password_key() -> String {
    "password".into()
}

/// A role attribute (`CREATE ROLE`). There is no `SUPERUSER`: nobody needs it whom policy should let have it.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RoleOption {
    /// May create databases.
    CreateDb,
    /// May create roles. From PostgreSQL 16 on: in 15 who creates roles is as good as superuser, and it is refused.
    CreateRole,
    /// May replicate, logical slots included, and reads every database by that; only from the networks of `replicationFrom`.
    Replication,
    /// Sees all rows where row security is on.
    BypassRls,
}

/// What is offered to Prometheus.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Monitoring {
    /// True makes `PodMonitor` objects; the Prometheus operator's CRDs must be installed.
    #[serde(default)]
    pub pod_monitor: bool,
}

/// Where pods may run.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scheduling {
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that pods bear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// Whether two members may share a node when there is no other.
    #[serde(default)]
    pub spread: Spread,
}

/// How hard members keep apart.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spread {
    /// Members share a node rather than wait.
    #[default]
    Preferred,
    /// A member waits rather than share a node.
    Required,
}
