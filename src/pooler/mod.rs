//! The pooler, the one door for clients: which program stands there, how it is configured, and what it takes. All pure.
//!
//! A program is a folder here that says all that is its own by [`Program`]; whatever builds, plans or tells asks that. A new one is a folder,
//! an image, and a line in [`program`].

mod pgbouncer;
mod pgpool;
mod written;

use std::collections::BTreeSet;

use crate::api::PoolerKind;
use crate::name::{COMPONENT_POOLER, COMPONENT_POOLER_RO, ClusterName, GroupName};
use crate::observe::Platform;
use crate::secret::SecretText;
use crate::target::{PoolerTarget, Target};
use crate::tuning::{Book, Catalog};

pub use pgbouncer::{LOOKUP_SCHEMA, ROUTE, lookup_body};
pub use pgpool::{password_file, prepared};

/// Files in a pooler pod, shared by the configuration and the pod that mounts it.
pub mod paths {
    /// Folder of the program's configuration.
    pub const CONF: &str = "/etc/pooler";
    /// Folder of its password file.
    pub const USERS: &str = "/etc/pooler-users";
    /// Folder of the certificate that clients see.
    pub const TLS: &str = "/etc/pooler-tls";
    /// Folder of the authority's ConfigMap.
    pub const AUTHORITY: &str = "/etc/pooler-ca";
}

/// Entry of the authority's ConfigMap by which clients verify the pooler.
pub const CLIENTS_AUTHORITY: &str = "ca.crt";
/// Entry of the authority's ConfigMap by which the pooler verifies members.
pub const MEMBERS_AUTHORITY: &str = "members.crt";
/// Port that clients connect to.
pub const PORT: i32 = 5432;
/// Port of the pooler's metrics.
pub const METRICS_PORT: i32 = 9719;

/// Which servers a pooler leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// To the primary.
    Primary,
    /// To replicas, for sessions that only read.
    Replicas,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Replicas];

    /// Name of its Deployment, Service, ConfigMap, PodDisruptionBudget, NetworkPolicy and PodMonitor.
    pub fn name(self, cluster: &ClusterName) -> String {
        match self {
            Self::Primary => cluster.pooler(),
            Self::Replicas => cluster.pooler_ro(),
        }
    }

    /// Service by which its pods find each other, where the program has them do so.
    pub fn peers(self, cluster: &ClusterName) -> String {
        match self {
            Self::Primary => cluster.pooler_peers(),
            Self::Replicas => cluster.pooler_ro_peers(),
        }
    }

    /// Component of its pods.
    pub fn component(self) -> &'static str {
        match self {
            Self::Primary => COMPONENT_POOLER,
            Self::Replicas => COMPONENT_POOLER_RO,
        }
    }

    /// That of pods of this component; none of pods of no pooler.
    pub fn of(component: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.component() == component)
    }

    /// Service of the servers behind it.
    pub fn servers(self, group: &GroupName) -> String {
        match self {
            Self::Primary => group.primary(),
            Self::Replicas => group.replicas(),
        }
    }
}

/// True of pods of a pooler.
pub fn is_pooler(component: &str) -> bool {
    Way::of(component).is_some()
}

/// How many clients and connections a pod has, when nobody says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Clients that are served at once.
    pub clients: i32,
    /// Connections to the servers for them.
    pub connections: i32,
}

/// What one pooler program is asked. `target` and `pooler` say what is wanted, and which of the poolers.
pub trait Program: Sync {
    /// Its name for people.
    fn title(&self) -> &'static str;
    /// Name of its container, and of its image.
    fn container(&self) -> &'static str;
    /// What the container runs.
    fn command(&self) -> String {
        format!("run-{}", self.container())
    }
    /// What the container of metrics runs.
    fn exporter(&self) -> String {
        format!("{}-exporter", self.container())
    }
    /// Database that metrics are asked of.
    fn metrics_database(&self) -> &'static str;
    /// Its image; empty where the operator was given none.
    fn image<'a>(&self, platform: &'a Platform) -> &'a str;
    /// Value of the operator's chart that names the image.
    fn image_value(&self) -> &'static str;
    /// Its configuration: entries of a ConfigMap.
    fn files(&self, target: &Target, pooler: &PoolerTarget) -> Vec<(&'static str, String)>;
    /// Names of those entries, and of the one in the Secret of passwords.
    fn entries(&self) -> (&'static [&'static str], &'static str);
    /// What of its configuration only new pods take up, in any text.
    fn fixed(&self, target: &Target, pooler: &PoolerTarget) -> String;
    /// Variables of its container.
    fn variables(&self, target: &Target, pooler: &PoolerTarget) -> Vec<(&'static str, String)>;
    /// True where its pods hand each other what came to the wrong one: they find each other by [`Way::peers`].
    fn peers(&self) -> bool;
    /// Its password file.
    fn users(&self, users: &Users) -> SecretText;
    /// True where it looks up who may log in, and takes commands of the operator, both as [`crate::engine::hba::POOLER_ROLE`].
    fn looks_up(&self) -> bool;
    /// Connections of a pod that a person gave, by what is given of its clients and connections; none where they are computed.
    fn given(&self, clients: Option<i32>, connections: Option<i32>) -> Option<i32>;
    /// Clients and connections of a pod: as given, else by `room`, the connections that the server has for each pod.
    fn size(&self, clients: Option<i32>, connections: Option<i32>, room: i64) -> Size;
    /// Connections of a pod beside those for clients, and what they are for.
    fn beside(&self) -> (i32, &'static str);
    /// Field of the spec that says how many connections there are, within the pooler's part.
    fn size_field(&self) -> &'static str;
    /// Least bytes of a pod when nothing large is on its way, bytes for that when nobody says it, and the least for it.
    fn memory(&self, clients: i32) -> Memory;
    /// What may be set of it.
    fn catalog(&self) -> &'static Catalog;
    /// Rules for the ConfigMaps of `spec.pooler.tuning`. `own`: ConfigMaps of the operator's.
    fn book<'a>(&self, own: &'a BTreeSet<String>) -> Book<'a>;
}

/// Bytes of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What it takes by itself.
    pub idle: u64,
    /// For messages on their way, when nobody says it.
    pub messages: u64,
    /// The least for those.
    pub least_messages: u64,
}

/// Who may log in, with passwords.
#[derive(Debug)]
pub struct Users<'a> {
    /// Users of the spec.
    pub users: Vec<(&'a str, SecretText)>,
    /// The role of the pooler's metrics.
    pub monitor: (&'static str, SecretText),
    /// The role by which a pooler looks up verifiers, and the operator commands it; none where the program has none.
    pub lookup: Option<(&'static str, SecretText)>,
}

/// The program of this kind.
pub fn program(kind: PoolerKind) -> &'static dyn Program {
    match kind {
        PoolerKind::Pgpool => &pgpool::Pgpool,
        PoolerKind::PgBouncer => &pgbouncer::PgBouncer,
    }
}

/// All kinds.
pub const KINDS: [PoolerKind; 2] = [PoolerKind::Pgpool, PoolerKind::PgBouncer];

/// The kind whose container has this name.
pub fn kind_of(container: &str) -> Option<PoolerKind> {
    KINDS.into_iter().find(|kind| program(*kind).container() == container)
}
