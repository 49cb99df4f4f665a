//! `PostgresBackup`: one consistent set of snapshots, or one copy in the archive, and all that is needed to restore it.
//!
//! Its status is the record of a sequence that can be killed at any point: each step is written down before the next.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster::PostgresClusterSpec;
use super::drill::DrillReport;
use super::parts::Flavor;
use super::told::{LABEL, NAME};

/// What a person, or a schedule, wants backed up.
#[allow(clippy::duplicated_attributes, reason = "columns of the same type are columns all the same")]
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "stylobate.dev",
    version = "v1alpha1",
    kind = "PostgresBackup",
    plural = "postgresbackups",
    shortname = "pgb",
    category = "stylobate",
    namespaced,
    status = "BackupStatus",
    derive = "PartialEq",
    doc = "A consistent set of snapshots of a PostgresCluster, or a copy of it in its archive",
    printcolumn(
        name = "Cluster",
        type_ = "string",
        json_path = ".spec.cluster",
        description = "what it is of"
    ),
    printcolumn(
        name = "Method",
        type_ = "string",
        json_path = ".spec.method",
        description = "how it is made"
    ),
    printcolumn(
        name = "Phase",
        type_ = "string",
        json_path = ".status.phase",
        description = "where it stands"
    ),
    printcolumn(
        name = "Cut",
        type_ = "date",
        json_path = ".status.cutAt",
        description = "the moment that a restore brings back"
    ),
    printcolumn(
        name = "Stall",
        type_ = "integer",
        json_path = ".status.writeStallMilliseconds",
        description = "longest write during the cut, ms"
    ),
    printcolumn(
        name = "Verified",
        type_ = "date",
        json_path = ".status.verified.at",
        description = "last drill that passed"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.cluster == oldSelf.cluster").message(
    "spec.cluster can't change, since it says what the backup is of: make a new object"
))]
#[x_kube(validation = Rule::new("self.method == oldSelf.method").message(
    "spec.method can't change, since it says how the backup was made: make a new object"
))]
#[x_kube(validation = Rule::new("has(self.schedule) == has(oldSelf.schedule) && (!has(self.schedule) || self.schedule == oldSelf.schedule) && has(self.scheduledFor) == has(oldSelf.scheduledFor) && (!has(self.scheduledFor) || self.scheduledFor == oldSelf.scheduledFor)").message(
    "spec.schedule and spec.scheduledFor can't change, since they say which run it was: make a new object"
))]
#[x_kube(validation = Rule::new("has(self.schedule) == has(self.scheduledFor)").message(
    "spec.schedule and spec.scheduledFor belong together: leave both out for a backup on demand"
))]
pub struct PostgresBackupSpec {
    /// The `PostgresCluster` in the same namespace.
    #[schemars(length(min = 1, max = 40), regex(pattern = NAME))]
    pub cluster: String,
    /// How it is made.
    #[serde(default)]
    pub method: BackupMethod,
    /// Name of the schedule that it is a run of; absent when a person asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20), regex(pattern = NAME))]
    pub schedule: Option<String>,
    /// The moment that the schedule names; absent when a person asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_for: Option<Time>,
    /// True keeps it, whatever retention says, until somebody sets it to false: a legal hold.
    #[serde(default)]
    pub hold: bool,
    /// What becomes of the snapshots, or of the copy in the archive, when this object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Other namespaces whose clusters may be made from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(length(min = 1, max = 63), regex(pattern = LABEL))
    )]
    pub share_with: Vec<String>,
}

/// How a backup is made.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BackupMethod {
    /// Snapshots of volumes: seconds, whatever the size; they are where the storage keeps them.
    #[default]
    Snapshot,
    /// A full copy beside the archived WAL, by pgBackRest: it takes as long as all data takes over the network, and it needs no snapshots
    /// where it is restored. `spec.backup.archive.gcs` of the cluster says where.
    Archive,
}

/// What becomes of the snapshots, or of the copy in the archive, when the object is deleted.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// They are deleted with it. When its whole namespace is deleted they are kept all the same.
    #[default]
    Delete,
    /// They are kept.
    Retain,
}

/// What is known of a backup.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupStatus {
    /// Where it stands.
    #[serde(default)]
    pub phase: BackupPhase,
    /// When the work began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When the first checkpoint was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_at: Option<Time>,
    /// When the last of the snapshots was cut, or the copy was whole: the moment that a restore brings back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_at: Option<Time>,
    /// When it ended, well or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// Since when no member that takes writes answers, while that is waited for; absent when one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<Time>,
    /// Since when it waits for its turn among the backups of all clusters; absent once it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_since: Option<Time>,
    /// What kind of consistency the set has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
    /// Who makes the snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderName>,
    /// What ran, which a restore has to run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<BackupSource>,
    /// One part for each group, in order of group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupBackup>,
    /// Longest time in ms that a small write took while the snapshots were cut. Absent when the operator was replaced in that
    /// moment, so that nobody measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_stall_milliseconds: Option<i64>,
    /// Bytes that all snapshots, or the copy, restore to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_bytes: Option<i64>,
    /// Until when retention keeps it; absent while nothing lets it go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Time>,
    /// What keeps it, each rule in words, as `14 days` or `legal hold`. Written by retention alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_by: Vec<String>,
    /// Why it failed, was missed or is lost, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The namespaces of `spec.shareWith` as they were found: a later one of the same name has no part in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<SharedWith>,
    /// The last drill that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<DrillReport>,
    /// The last drill, whatever came of it; also the one that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillReport>,
    /// The last drill that failed of the backup itself. It stays until one passes: while it is there the backup is not good, only kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_drill: Option<DrillReport>,
    /// Digest of the manifest that is in the cluster's archive, by which `stylobate backup import` finds the backup where Kubernetes knows
    /// nothing of it; absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_manifest: Option<String>,
    /// Conditions: type, status, reason in one word, message for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

impl BackupStatus {
    /// The drill that failed of the backup and that no later one has made good; none where nothing speaks against the backup. What an
    /// operator of before told is in `drill` alone.
    pub fn refuted(&self) -> Option<&DrillReport> {
        self.drill.as_ref().filter(|drill| drill.refutes()).or(self.failed_drill.as_ref())
    }

    /// When a drill of the backup ended last, as far as it is told.
    pub fn last_drill_end(&self) -> Option<Timestamp> {
        let told = [&self.drill, &self.verified, &self.failed_drill];
        told.into_iter().flatten().filter_map(|drill| Some(drill.at.as_ref()?.0)).max()
    }
}

/// A namespace that a backup is shared with.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedWith {
    /// Its name.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
}

/// Where a backup stands.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BackupPhase {
    /// Not begun, or waiting for another backup of the same cluster to end.
    #[default]
    Pending,
    /// All is known that a restore needs; the first checkpoint runs.
    Checkpointing,
    /// The mark, the short checkpoint and the snapshots are under way.
    Cutting,
    /// All snapshots are cut; the provider makes them ready.
    Finishing,
    /// The data is copied into the archive.
    Copying,
    /// It can be restored.
    Succeeded,
    /// It can't be restored; its snapshots or its copy are gone.
    Failed,
    /// The schedule named a moment at which no backup began.
    Missed,
    /// It had succeeded, and its snapshots or its copy are not there any more.
    Lost,
    /// A backup that was begun elsewhere or earlier, and whose object came back without its status: it is not made again. What it was is
    /// told by its manifest alone.
    NotRun,
}

impl BackupPhase {
    /// True when nothing more happens to it.
    pub fn is_over(self) -> bool {
        match self {
            Self::Pending | Self::Checkpointing | Self::Cutting | Self::Finishing | Self::Copying => false,
            Self::Succeeded | Self::Failed | Self::Missed | Self::Lost | Self::NotRun => true,
        }
    }
}

/// What kind of consistency a set has.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Consistency {
    /// One disk with data and WAL: what a power cut would have left, which Postgres recovers from by its WAL.
    CrashConsistentDisk,
    /// A copy of a server that went on meanwhile: the WAL that was archived meanwhile makes it one moment.
    CopyWithWal,
}

/// Who makes snapshots.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ProviderName {
    /// Kubernetes' `VolumeSnapshot`, by the volume's own driver.
    #[default]
    Csi,
    /// Google's Compute API: snapshots with labels and a storage location.
    Gce,
}

/// What ran.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupSource {
    /// UID of the `PostgresCluster`: another one of the same name is another one.
    pub cluster_uid: String,
    /// UID of the namespace: another one of the same name has no right to this backup. Absent in backups of older operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_uid: Option<String>,
    /// Flavor of the engine.
    pub flavor: Flavor,
    /// Version of the server, as `17.91`.
    pub version: String,
    /// Image of the member.
    pub image: String,
    /// Size of the volume as a Kubernetes quantity; a restore needs no less.
    pub storage: String,
    /// Settings that a restored server must not have smaller, or recovery stops (`max_connections` and its kind), by name.
    pub settings: std::collections::BTreeMap<String, String>,
    /// The cluster's spec at that time as JSON, for the day when the object is gone.
    pub cluster_spec: String,
    /// True when the cluster had a WAL archive then, so that a point in time can begin with this backup. Absent where nobody noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
}

impl BackupSource {
    /// The spec that the cluster had.
    ///
    /// # Errors
    /// What of the record can't be read.
    pub fn spec(&self) -> Result<PostgresClusterSpec, serde_json::Error> {
        serde_json::from_str(&self.cluster_spec)
    }
}

/// The part of one group.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupBackup {
    /// Group: 0 for plain Postgres.
    pub group: i32,
    /// Pod that took writes.
    pub member: String,
    /// Its volume claim.
    pub claim: String,
    /// Volume behind it.
    pub volume: String,
    /// Postgres' system identifier.
    pub system_identifier: String,
    /// Timeline.
    pub timeline: i64,
    /// Where recovery begins: position of the last checkpoint's redo, as `0/3000028`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_lsn: Option<String>,
    /// Name of the restore point written before the cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_point: Option<String>,
    /// Position of the restore point, or at which the copy was whole: what the backup has at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_lsn: Option<String>,
    /// The snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRecord>,
    /// The copy in the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<ArchivedCopy>,
}

/// A copy in the archive, as pgBackRest knows it.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchivedCopy {
    /// The cluster's own part of the archive.
    pub stanza: String,
    /// Name of the copy in it, as `20261122-120000F`.
    pub label: String,
    /// Position from which its recovery needs WAL, as `0/3000028`.
    pub start_lsn: String,
    /// Position at which it was whole.
    pub stop_lsn: String,
    /// First segment of WAL that it needs.
    pub start_wal: String,
    /// Last segment of WAL that it needs for its own moment.
    pub stop_wal: String,
    /// Bytes of the data folder.
    pub database_bytes: i64,
    /// Bytes in the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_bytes: Option<i64>,
    /// When it was whole, by the member's clock, rounded up to a second.
    pub stopped_at: Time,
}

/// A snapshot, as its provider knows it.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotRecord {
    /// Name: of the `VolumeSnapshot` in this namespace, or of the snapshot in the Compute API.
    pub name: String,
    /// What the provider calls it: the handle of a CSI snapshot, or the self link of the Compute API's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Driver that made it, as `pd.csi.storage.gke.io`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The moment of the cut, by the provider's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_at: Option<Time>,
    /// Bytes that a volume made from it has at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_bytes: Option<i64>,
    /// A volume can be made from it.
    #[serde(default)]
    pub ready: bool,
    /// When it was taken in by its handle, since what held it in Kubernetes was gone; absent when its maker has confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_at: Option<Time>,
    /// The operator has begun to delete it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
}
