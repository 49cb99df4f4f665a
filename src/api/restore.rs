//! What the status tells of a cluster that was made from a backup, or brought back to one.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A restore: from which backup, how far it is, and how long it took. It stays to be read when it is over.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreStatus {
    /// The backup, as `namespace/name`.
    pub backup: String,
    /// UID of the backup: another one of the same name is another one.
    pub backup_uid: String,
    /// Why this one, as `the newest of cluster shop/ledger that was cut before 2026-11-21T12:34:56Z`; absent when the spec names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// The moment that came back: when the backup's last snapshot was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_at: Option<Time>,
    /// How far WAL was replayed, where it came from an archive; told when a member takes writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<ReachedPoint>,
    /// How far it is.
    pub phase: RestorePhase,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When a member took writes for the first time: to here it is the recovery time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving_at: Option<Time>,
    /// When all members followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// The cluster was there before, and went back to the backup.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_place: bool,
    /// Volume claims of before a restore in place. They are kept until a person lets them go
    /// (`stylobate.dev/forget-old-volumes`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old_claims: Vec<String>,
}

/// Where a recovery ended.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachedPoint {
    /// When the last transaction that was replayed was committed, by the source's clock; absent where none was, or where the server was
    /// restarted before it could be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Position at which it ended, as `2A/3000028`.
    pub lsn: String,
    /// Segment of WAL before that position, as it is named in the archive.
    pub wal: String,
}

/// How far a restore is.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestorePhase {
    /// In place: members stop.
    Stopping,
    /// Volumes are cloned from the snapshot.
    #[default]
    Cloning,
    /// The first member replays the WAL that the snapshot has.
    Recovering,
    /// A member takes writes; the others start on their clones and follow it.
    Following,
    /// All members run.
    Done,
}
