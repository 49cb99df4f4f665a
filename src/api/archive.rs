//! `spec.backup.archive`: where WAL is kept between two backups, so that a cluster can be brought back to any moment.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::told::NAME;

/// A continuous archive of WAL, kept by pgBackRest. It is encrypted, and each cluster has a folder of its own in it, so that a
/// restored cluster never writes into its source's.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.gcs) != has(self.volume)").message(
    "spec.backup.archive needs one place: give either gcs or volume, and not both"
))]
pub struct Archive {
    /// A bucket of Google Cloud Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcs: Option<GcsArchive>,
    /// A volume that all members mount. Turning it on or off restarts members one by one; a bucket does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeArchive>,
    /// Days back to which any moment can be brought back, 1 to 3650. The backups that this needs are kept whatever
    /// `spec.backup.retention` says; WAL older than the newest backup before that is removed. When absent: back to the oldest backup that
    /// is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub retention_days: Option<i32>,
    /// Seconds after which WAL is archived although its segment of 16 MiB is not full, 10 to 3600: the most that is lost when
    /// all volumes of the cluster are lost at once.
    #[serde(default = "default_switch_seconds")]
    #[schemars(range(min = 10, max = 3600))]
    pub switch_seconds: i32,
    /// WAL that may wait for the archive on the primary's volume, at least `64Mi`. Beyond it WAL is given up, so that writes go
    /// on, and moments up to the next backup can't be brought back. When absent nothing is given up: an archive that is
    /// away for long ends in a full volume, which `Archiving` and `StorageOk` tell long before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::told::maybe_size")]
    pub max_backlog: Option<Quantity>,
    /// Keeps the archive's passphrase beside each backup's manifest in the archive too, sealed to a key of yours: with the Kubernetes
    /// cluster go all its Secrets, and without the passphrase nobody can read the archive. It begins with the next backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escrow: Option<Escrow>,
}

/// A key that the passphrase is sealed to.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Escrow {
    /// An RSA public key of 2048 to 4096 bits in PEM (`BEGIN PUBLIC KEY`): that of a Cloud KMS key of purpose `ASYMMETRIC_DECRYPT` and
    /// algorithm `RSA_DECRYPT_OAEP_3072_SHA256` or one like it, or of a pair whose private key you keep in a safe.
    #[schemars(length(min = 1, max = 2048))]
    pub public_key: String,
}

/// A bucket.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.serviceAccountSecret) && self.anonymous)").message(
    "spec.backup.archive.gcs has both serviceAccountSecret and anonymous: an emulator needs no key, and the cloud takes nobody without one"
))]
#[x_kube(validation = Rule::new("!self.anonymous || has(self.endpoint)").message(
    "spec.backup.archive.gcs.anonymous is true without an endpoint: the cloud takes nobody without credentials; it is for an emulator alone"
))]
pub struct GcsArchive {
    /// Name of the bucket, which has to exist: 3 to 63 lower-case letters, digits, `-`, `_` and `.`.
    #[schemars(length(min = 3, max = 63), regex(pattern = "^[a-z0-9][-a-z0-9_.]*[a-z0-9]$"))]
    pub bucket: String,
    /// Folder in it, as `stylobate` or `prod/wal`.
    #[serde(default = "default_prefix")]
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = "^[a-zA-Z0-9_][-a-zA-Z0-9_]*(/[a-zA-Z0-9_][-a-zA-Z0-9_]*)*$")
    )]
    pub prefix: String,
    /// Secret in the same namespace with the key of a service account as `key.json`. When absent, members show who they are by
    /// Workload Identity, as the ServiceAccount `<cluster>-member`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub service_account_secret: Option<String>,
    /// True shows no credentials at all: for an emulator.
    #[serde(default)]
    pub anonymous: bool,
    /// Host and port of a private endpoint or an emulator, as `gcs.test.svc:4443`; Google's when absent. It is always TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 259),
        regex(pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[1-9][0-9]{0,4})?$")
    )]
    pub endpoint: Option<String>,
    /// Secret in the same namespace with the authority of the endpoint's certificate as `ca.crt`; the image's authorities
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub ca_secret: Option<String>,
}

/// A volume.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeArchive {
    /// Name of a claim in the same namespace. With more than one member it has to be `ReadWriteMany`, or all members have to
    /// be on one node.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub claim: String,
}

/// What is known of the archive.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveStatus {
    /// Where it is, as `gs://wal/stylobate`.
    pub place: String,
    /// The cluster's own part of it (pgBackRest's stanza).
    pub stanza: String,
    /// Up to when WAL is archived at least, to ten minutes: each move is a write to the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_until: Option<Time>,
    /// Bytes of WAL that wait, coarse on purpose: 0 up to 64 MiB, else rounded up to a power of two. The exact number is the
    /// metric `stylobate_cluster_archive_backlog_bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog_bytes: Option<i64>,
    /// The moments that can be brought back, by the backups that there are and the WAL that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<ArchiveWindow>,
    /// When WAL was lost for the archive last: no restore that begins before goes beyond it. It stays when writes move to another member, and
    /// goes when all backups are newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_at: Option<Time>,
}

/// The moments that can be brought back.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveWindow {
    /// The first of them: every later one up to `archivedUntil` can be brought back. Absent when none can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Name of the backup that it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// Why it is shorter than `retentionDays`, or than it was; absent when it is as long as was promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A minute: 1440 segments a day, each of some KiB when little is written, since what is not used compresses to nothing.
fn default_switch_seconds() -> i32 {
    60
}

fn default_prefix() -> String {
    "stylobate".into()
}
