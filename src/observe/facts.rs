//! `Observed`: all that a decision may know, as plain data. No client, no clock, no lazy read is inside.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::api::{BackupStatus, PoolerKind, PostgresBackup, PostgresBackupSpec, PostgresCluster};
use crate::build::Revision;
use crate::child::{ChildRef, Kind};
use crate::contest::ClusterContests;
use crate::fleet::PullFailure;
use crate::images::CatalogSeen;
use crate::name::ClusterName;
use crate::secret::SecretText;
use crate::target::Version;
use crate::tuning::Catalog;

use super::catalogs::DatabaseSeen;
use super::disk::DiskUse;
use super::refusal::Refusal;
use super::restarts::Restarts;
use super::source::SourceSeen;

/// Settings of the operator itself, the same for all clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Image of the pooler, with its digest.
    pub pooler_image: String,
    /// Image of the pooler kind PgBouncer, with its digest; empty where the operator was given none.
    pub pgbouncer_image: String,
    /// DNS domain of the Kubernetes cluster, as `cluster.local`.
    pub domain: String,
    /// Namespace that the operator runs in: members let it in.
    pub namespace: String,
}

/// Everything that is known of one cluster.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The object that a person edits.
    pub cluster: Arc<PostgresCluster>,
    /// The operator's settings.
    pub platform: Platform,
    /// Which version is which image.
    pub images: CatalogSeen,
    /// Children that exist and are owned by this very object (by uid).
    pub children: Children,
    /// Objects of others under names that the cluster needs.
    pub in_the_way: Vec<InTheWay>,
    /// Patroni's ConfigMaps that are this cluster's; none where nobody looked: while a member leads, and while members of a deleted
    /// cluster stop.
    pub patroni: Option<Vec<PatroniMap>>,
    /// Objects that a person supplies.
    pub given: Given,
    /// Pods of members and pooler.
    pub pods: BTreeMap<String, PodSeen>,
    /// Volume claims of members.
    pub volumes: BTreeMap<String, VolumeSeen>,
    /// What each reachable member says of itself, by pod.
    pub members: BTreeMap<String, MemberSeen>,
    /// Patroni's leader record of each group, where there is one.
    pub leaders: BTreeMap<i32, LeaderSeen>,
    /// Patroni's dynamic configuration of each group as it is stored, read while no member of the group tells it.
    pub stored: BTreeMap<i32, StoredSettings>,
    /// What the primary's catalogs hold; none while no primary answers.
    pub database: Option<DatabaseSeen>,
    /// What the server said last of its settings, also while it does not answer; none before it was asked.
    pub server: Option<Arc<ServerSettings>>,
    /// Why the catalogs of a primary that runs could not be read: what was not looked at is never as it should be.
    pub database_unread: Option<String>,
    /// What could not make pods, as Kubernetes tells: sets and Deployments that a quota or another rule refuses.
    pub refusals: Vec<Refusal>,
    /// Nodes that are being emptied, by name, and the sign of it in words.
    pub draining: BTreeMap<String, String>,
    /// Who is disrupted on purpose.
    pub slots: SlotsSeen,
    /// Images of the catalog that other clusters can't pull.
    pub pull_failures: Vec<PullFailure>,
    /// What a cluster that is made from a backup begins with.
    pub restore: RestoreSeen,
    /// Backups of this very cluster by name; none while they are not known, or may not be read.
    pub backups: Option<BTreeMap<String, BackupSeen>>,
    /// What of the cluster's objects somebody else keeps changing.
    pub contests: ClusterContests,
}

impl Observed {
    /// Name of the cluster, for messages.
    pub fn cluster_name(&self) -> &str {
        self.cluster.metadata.name.as_deref().unwrap_or_default()
    }

    /// Namespace and name of the cluster.
    pub fn name(&self) -> ClusterName {
        ClusterName::new(self.cluster.metadata.namespace.clone().unwrap_or_default(), self.cluster_name())
    }
}

/// An object that is not the cluster's, under a name that the cluster needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InTheWay {
    /// Kind, as `Service`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Whose it seems to be, in words.
    pub whose: String,
}

impl InTheWay {
    /// An object by its kind and name.
    pub fn new(kind: impl fmt::Display, name: impl Into<String>, whose: impl Into<String>) -> Self {
        Self { kind: kind.to_string(), name: name.into(), whose: whose.into() }
    }
}

/// One of Patroni's ConfigMaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatroniMap {
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
}

/// Children by kind and name.
#[derive(Clone, Default)]
pub struct Children(pub BTreeMap<ChildRef, Value>);

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Children {
    /// The live object.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.0.get(&ChildRef::new(kind, name))
    }

    /// A Secret's entries; none when there is no such Secret.
    pub fn secret(&self, name: &str) -> Option<SecretData> {
        self.get(Kind::Secret, name).map(secret_data)
    }
}

/// Entries of a Secret.
pub type SecretData = BTreeMap<String, SecretText>;

/// The entries of a Secret object that are text.
pub fn secret_data(secret: &Value) -> SecretData {
    let Some(data) = secret.get("data").and_then(Value::as_object) else { return SecretData::new() };
    data.iter()
        .filter_map(|(key, value)| {
            let bytes = STANDARD.decode(value.as_str()?).ok()?;
            Some((key.clone(), SecretText::new(String::from_utf8(bytes).ok()?)))
        })
        .collect()
}

/// A `PostgresBackup`.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupSeen {
    /// UID.
    pub uid: String,
    /// Version of the object.
    pub resource_version: String,
    /// When it was made.
    pub created: Option<jiff::Timestamp>,
    /// What is wanted of it.
    pub spec: PostgresBackupSpec,
    /// What is known of it.
    pub status: BackupStatus,
    /// Deletion was asked for.
    pub deleting: bool,
    /// Why the run did not begin, by the annotation that is there before the phase says so.
    pub missed: Option<String>,
    /// The drill that was asked for last, by its annotation; also one that has ended.
    pub verify: Option<String>,
    /// What reads it now, in words, as a restore or a drill.
    pub used_by: Option<String>,
}

/// What a person supplies beside the cluster: none in a map means that the object does not exist.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Secrets with passwords and certificates that the cluster does not own: named in the spec, or in the place where a
    /// password would be generated.
    pub secrets: BTreeMap<String, Option<SecretData>>,
    /// ConfigMaps of `spec.tuning` and `spec.pooler.tuning`.
    pub tuning: BTreeMap<String, Option<BTreeMap<String, String>>>,
    /// The StorageClass that volumes get.
    pub storage_class: StorageClassSeen,
    /// Its name, when it says that its volumes can't grow.
    pub fixed_class: Option<String>,
    /// Driver that makes its volumes; none while no class is found.
    pub provisioner: Option<String>,
    /// True when the API server serves `PodMonitor`.
    pub pod_monitors: bool,
}

/// The StorageClass as looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StorageClassSeen {
    /// It exists.
    #[default]
    Found,
    /// No class of that name.
    Missing {
        /// Classes that exist, for the message.
        available: Vec<String>,
    },
    /// None is named and none is marked as default.
    NoDefault {
        /// Classes that exist, for the message.
        available: Vec<String>,
    },
}

/// What a restore is made from. Read only for a cluster that begins with a backup, or is asked to go back to one, until it runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RestoreSeen {
    /// The backup that the spec names, or a request for a restore in place.
    pub backup: OriginSeen,
    /// The snapshot that volumes are cloned from, as Kubernetes knows it.
    pub snapshot: SnapshotSeen,
    /// The archive that WAL is replayed from; read only for a point in time.
    pub source: SourceSeen,
}

/// A backup as looked up.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OriginSeen {
    /// None is named, or it does not count any more.
    #[default]
    NotRead,
    /// Neither the object nor its manifest is there.
    Missing {
        /// Names of those that are in its namespace, for the message.
        available: Vec<String>,
    },
    /// Its object, or its manifest where the object is gone.
    Found(Box<PostgresBackup>),
    /// All of the cluster that the spec names, good or not, shared or not, by their objects, or their manifests where those are gone.
    Several {
        /// The backups.
        backups: Vec<PostgresBackup>,
        /// Clusters of which there are backups in that namespace, for the message.
        clusters: Vec<String>,
    },
}

/// The pair of `VolumeSnapshot` and `VolumeSnapshotContent` that is made for a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotSeen {
    /// UID of the namespaced one; none while the cluster has none.
    pub snapshot: Option<String>,
    /// UID of the other one; none while there is none.
    pub content: Option<String>,
    /// A `VolumeSnapshot` of somebody else under that name.
    pub foreign: Option<InTheWay>,
    /// What Kubernetes says is wrong with it.
    pub error: Option<String>,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodSeen {
    /// UID.
    pub uid: String,
    /// Value of the component label.
    pub component: String,
    /// Which program a pod of a pooler runs; none for all others.
    pub pooler: Option<PoolerKind>,
    /// Value of Patroni's role label.
    pub role: Option<String>,
    /// Address, once it has one.
    pub ip: Option<String>,
    /// Node, once scheduled.
    pub node: Option<String>,
    /// When it was made.
    pub created: Option<jiff::Timestamp>,
    /// Ready in the sense of Kubernetes.
    pub ready: bool,
    /// Deletion was asked for.
    pub deleting: bool,
    /// Why it is not scheduled, in the scheduler's words.
    pub unscheduled: Option<String>,
    /// The main container.
    pub main: ContainerSeen,
    /// Phase of a major upgrade that the pod was made for.
    pub upgrade: Option<String>,
    /// The init container, which works for a major upgrade.
    pub init: InitSeen,
    /// Value of the annotation that makes the kubelet look again.
    pub files: Option<String>,
    /// What it was rendered by.
    pub revision: Revision,
    /// Restarts that it was made for.
    pub restarts: Restarts,
    /// Version of the server that it was made for.
    pub engine_version: Option<Version>,
    /// Since when it is not ready.
    pub unready_since: Option<jiff::Timestamp>,
    /// Why a resize in place is not done yet, in the kubelet's words.
    pub resizing: Option<String>,
    /// How full its volume is, by its own word.
    pub disk: DiskUse,
    /// Why Postgres does not start: its last words, as the member wrote them down. Whoever may write the pod may write them.
    pub fault: Option<String>,
    /// What is wrong with the archive that its restore reads, by its own word.
    pub source_fault: Option<super::pods::SourceFault>,
    /// It mounts a volume for the WAL archive.
    pub archives: bool,
    /// Image that it was made for, where admission put another in its place.
    pub made_for: Option<String>,
    /// Which of its labels and annotations are those of the spec.
    pub marks: Option<String>,
    /// No controller owns it: its set was removed and is not back yet.
    pub orphan: bool,
}

impl PodSeen {
    /// Why Postgres does not start here: its last words, or the kernel's.
    pub fn last_words(&self) -> Option<String> {
        let killed = || self.main.out_of_memory && !self.main.running;
        let told = self.fault.as_ref().map(|words| format!("Postgres said last: {words}"));
        told.or_else(|| {
            killed().then(|| "the kernel ended it, since it used more memory than its limit".into())
        })
    }
}

/// The main container of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerSeen {
    /// Image in the pod's spec.
    pub image: String,
    /// CPU request in the pod's spec, as a Kubernetes quantity; empty when it has none.
    pub cpu: String,
    /// Memory limit in the pod's spec, as a Kubernetes quantity; empty when it has none.
    pub memory: String,
    /// Memory limit that the kubelet has put into force, in bytes; none while it says nothing.
    pub memory_in_force: Option<u64>,
    /// True while the kubelet says that it runs.
    pub running: bool,
    /// Why it waits: reason and message of the kubelet.
    pub waiting: Option<(String, String)>,
    /// Identity of the last run that the kubelet says has ended.
    pub ended: Option<String>,
    /// When it ended, by the clock of its node, to the second.
    pub ended_at: Option<jiff::Timestamp>,
    /// That run ended for lack of memory: the kernel ended it at its limit.
    pub out_of_memory: bool,
    /// Times that the kubelet started it again.
    pub restarts: i32,
}

/// The init container of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InitSeen {
    /// Exit code of the last run that ended, and what it said.
    pub ended: Option<(i32, String)>,
    /// Times that the kubelet started it again.
    pub restarts: i32,
}

/// A volume claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeSeen {
    /// UID of the claim.
    pub uid: String,
    /// Bytes asked for.
    pub requested: u64,
    /// Bytes that there are; 0 while not bound.
    pub capacity: u64,
    /// Name of the volume behind it.
    pub volume: Option<String>,
    /// Its StorageClass.
    pub class: Option<String>,
    /// UID of the backup that it was cloned from.
    pub restored_from: Option<String>,
    /// UID of the cluster for which it was made by a restore; none of what an older operator made.
    pub restored_for: Option<String>,
    /// Digest of the `spec.bootstrap` that it was made for.
    pub wish: Option<String>,
    /// All members ran on what was restored: it is nobody's clone any more.
    pub settled: bool,
    /// The request for a restore in place that it was made for.
    pub request: Option<String>,
    /// A restore in place took it out of service; it is kept.
    pub retired: bool,
    /// UID of the object that it goes with; none where it outlives all others.
    pub owner: Option<String>,
    /// Why it does not grow yet, in Kubernetes' words.
    pub growth: Growth,
}

/// Where the growth of a volume stands, as Kubernetes tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// Nothing is told.
    #[default]
    Quiet,
    /// It is on its way, or waits for its pod.
    Waiting(String),
    /// It was refused or failed.
    Failed(String),
}

/// What a member says of itself (`GET /patroni`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberSeen {
    /// Patroni's word for the state, as `running`.
    pub state: String,
    /// Patroni's word for the role, as `primary` or `replica`.
    pub role: String,
    /// WAL timeline.
    pub timeline: Option<i64>,
    /// Server version as a number, as 170091.
    pub server_version: Option<i64>,
    /// System identifier of the data.
    pub system_identifier: Option<String>,
    /// A replica that is part of the synchronous quorum.
    pub synchronous: bool,
    /// `streaming`, `in archive recovery` or nothing.
    pub replication: Option<String>,
    /// Last WAL position received or written, in bytes.
    pub position: Option<i64>,
    /// Settings wait for a restart.
    pub pending_restart: bool,
    /// Which, by name in lower case.
    pub pending: BTreeMap<String, PendingChange>,
    /// When its Postgres was started, in Patroni's words.
    pub started: Option<String>,
    /// Patroni's dynamic configuration, read from one member alone: the primary, or any other where that does not tell it.
    pub config: Option<Value>,
}

/// Patroni's dynamic configuration as it is stored (`docs/decisions/0026-mending-settings.md`).
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSettings {
    /// The configuration.
    pub config: Value,
    /// Version of the ConfigMap that holds it.
    pub resource_version: String,
}

/// The disruption slots of the fleet, as one cluster sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotsSeen {
    /// How many there are, at least 1.
    pub total: usize,
    /// Other clusters that hold one, in order of name.
    pub held_by: Vec<ClusterName>,
    /// This cluster holds one.
    pub mine: bool,
}

impl Default for SlotsSeen {
    fn default() -> Self {
        Self { total: 1, held_by: Vec::new(), mine: false }
    }
}

/// A setting that waits for a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingChange {
    /// Value that runs.
    pub old: String,
    /// Value after the restart.
    pub new: String,
}

/// What a server says of its settings. It is read once for each start of a server, since it changes with no less.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    /// Major version of the server.
    pub major: i32,
    /// All settings that it knows.
    pub catalog: Arc<Catalog>,
    /// Settings with values that it does not take, and its words; of those alone that ConfigMaps asked for.
    pub untaken: BTreeMap<(String, String), String>,
}

/// Patroni's leader record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderSeen {
    /// Pod that holds the claim.
    pub holder: String,
    /// Version of the ConfigMap that says so.
    pub resource_version: String,
    /// When the holder wrote it last, by the clock of its node; none where it does not say.
    pub renewed: Option<jiff::Timestamp>,
}
