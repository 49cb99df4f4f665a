//! `status.backup` of a cluster: what its schedules did last and do next, and the backup that a restore would use.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backup::BackupPhase;
use super::drill_summary::{DrillsStatus, Recovery, VerifiedBackup};

/// The backups of a cluster at a glance. It holds moments of schedules and backups and no clock values.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupSummary {
    /// One row for each schedule, and for one that was removed until its last runs are recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<ScheduleStatus>,
    /// The newest backup that can be restored, and that failed no drill since it passed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<GoodBackup>,
    /// The schedule of drills; absent while the spec has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillsStatus>,
    /// The backup of the newest drill that passed, whoever asked for it. It stays when that backup is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_verified: Option<VerifiedBackup>,
    /// When the newest drill ended, whoever asked for it and whatever came of it. It stays when its backup is deleted: drills of the cluster
    /// whose last one ended longest ago come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_drill_at: Option<Time>,
    /// How long restores took, by the drills that passed, the newest last: at most 24.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    pub recoveries: Vec<Recovery>,
    /// Volumes that drills have left behind, with the data that was looked through.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub drill_volumes: i32,
    /// How many there are of each kind.
    #[serde(default)]
    pub counts: BackupCounts,
}

/// One schedule.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleStatus {
    /// Its name.
    pub name: String,
    /// Its text as it is in force.
    pub schedule: String,
    /// Its time zone as it is in force.
    pub time_zone: String,
    /// When the operator first saw this text and zone: no run before it is expected.
    pub since: Time,
    /// Each moment up to this one has had its `PostgresBackup`.
    pub considered: Time,
    /// The newest run that has an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ScheduledRun>,
    /// The next moment; absent when none comes in four years, and while the schedule is on its way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
}

/// A run of a schedule.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledRun {
    /// Name of the `PostgresBackup`.
    pub backup: String,
    /// The moment that the schedule names.
    pub scheduled_for: Time,
    /// Where it stands.
    pub phase: BackupPhase,
}

/// A backup that can be restored.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodBackup {
    /// Name of the `PostgresBackup`.
    pub name: String,
    /// The moment that a restore brings back.
    pub cut_at: Time,
}

/// How many backups there are of each kind.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupCounts {
    /// Not ended.
    #[serde(default)]
    pub running: i32,
    /// Can be restored.
    #[serde(default)]
    pub succeeded: i32,
    /// Did not come about.
    #[serde(default)]
    pub failed: i32,
    /// Did not begin.
    #[serde(default)]
    pub missed: i32,
    /// Had succeeded, and the snapshots are gone.
    #[serde(default)]
    pub lost: i32,
    /// Under legal hold, of whatever kind.
    #[serde(default)]
    pub held: i32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &i32) -> bool {
    *count == 0
}
