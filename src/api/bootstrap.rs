//! `spec.bootstrap`: what a new cluster begins with.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::told::{LABEL, NAME};

/// What a new cluster begins with: empty databases, unless it says otherwise. It counts once, when the cluster is made.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.fromBackup) || !has(self.fromCluster)").message(
    "spec.bootstrap is 'fromBackup and fromCluster': a cluster begins with one thing: give either fromBackup or fromCluster, and not both"
))]
#[x_kube(validation = Rule::new("!has(self.pointInTime) || has(self.fromBackup) || has(self.fromCluster)").message(
    "spec.bootstrap.pointInTime needs spec.bootstrap.fromCluster, whose last good backup before the point is found, or spec.bootstrap.fromBackup, which names it"
))]
pub struct Bootstrap {
    /// A backup, which all members are cloned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_backup: Option<FromBackup>,
    /// A cluster, there or gone, of whose backups the operator chooses the one to begin with: the last good one before `pointInTime`, or
    /// the newest. It is chosen once, and told in `status.restore`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_cluster: Option<FromCluster>,
    /// A moment after that backup, up to which WAL is replayed from the archive of the backup's cluster; when absent, the
    /// backup's own moment comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_in_time: Option<PointInTime>,
    /// Secret in this namespace with what reads the archive, for a backup by method `Archive` without `pointInTime`: as
    /// `pointInTime.archiveSecret`, which wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub archive_secret: Option<String>,
}

impl Bootstrap {
    /// The Secret that is named to read the archive, and the field that names it.
    pub fn archive_secret(&self) -> (&'static str, Option<&String>) {
        match &self.point_in_time {
            None => ("spec.bootstrap.archiveSecret", self.archive_secret.as_ref()),
            Some(point) => (
                "spec.bootstrap.pointInTime.archiveSecret",
                point.archive_secret.as_ref().or(self.archive_secret.as_ref()),
            ),
        }
    }
}

/// Where a restore stops. A point that the archive does not reach ends the restore: a cluster of another moment is never opened.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.targetTime), has(self.targetLsn), has(self.targetName), has(self.targetLatest)].filter(x, x).size() == 1").message(
    "spec.bootstrap.pointInTime needs one point: give one of targetTime, targetLsn, targetName and targetLatest"
))]
#[x_kube(validation = Rule::new("!has(self.targetLatest) || self.targetLatest").message(
    "spec.bootstrap.pointInTime.targetLatest is 'false': write true for all that was archived, or leave it out and name another point"
))]
pub struct PointInTime {
    /// Time with its zone (RFC 3339), as `2026-11-21T12:34:56.7Z`: transactions that were committed after it do not come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 17, max = 40))]
    pub target_time: Option<String>,
    /// Position in WAL, as `2A/3000028`: what was written up to it comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 17), regex(pattern = "^[0-9A-F]{1,8}/[0-9A-F]{1,8}$"))]
    pub target_lsn: Option<String>,
    /// Name of a restore point (`pg_create_restore_point`), 1 to 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[^\\n\\r]+$"))]
    pub target_name: Option<String>,
    /// True for all that was archived: WAL is replayed to its end, and `status.restore.reached` tells how far that was. With `fromCluster` the
    /// newest good backup is begun with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_latest: Option<bool>,
    /// Secret in this namespace with what reads the archive: `archive-passphrase`, and `key.json` and `ca.crt` where the archive
    /// needs them. When absent, the Secrets in the backup's namespace are read; they may be gone with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub archive_secret: Option<String>,
}

/// A backup to begin with.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FromBackup {
    /// Name of the `PostgresBackup`.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub name: String,
    /// Its namespace; this one when absent. The backup has to be shared with this namespace (`spec.shareWith`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub namespace: Option<String>,
}

/// A cluster with whose backups to begin.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FromCluster {
    /// Name of the `PostgresCluster`, which may be gone: `spec.cluster` of its backups.
    #[schemars(length(min = 1, max = 40), regex(pattern = NAME))]
    pub name: String,
    /// Its namespace; this one when absent. Only backups that are shared with this namespace (`spec.shareWith`) are seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub namespace: Option<String>,
}
