//! `status.backup.drill` of a cluster: what the schedule of drills did last and does next, and the backup that was proved last.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backup::BackupMethod;
use super::drill::DrillBlame;

/// The schedule of drills. It holds moments of the schedule and of drills and no clock values.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillsStatus {
    /// Its text as it is in force.
    pub schedule: String,
    /// Its time zone as it is in force.
    pub time_zone: String,
    /// When the operator first saw this text and zone: no drill before it is expected.
    pub since: Time,
    /// Each moment up to this one has had its drill asked for, or is told as missed.
    pub considered: Time,
    /// The drill that was asked for and has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<DrillRun>,
    /// The newest that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<DrillRun>,
    /// The newest moment at which none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<MissedDrill>,
    /// The next moment; absent when none comes in four years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
}

/// A drill that the schedule asked for.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillRun {
    /// Name of the `PostgresBackup`, whose `status.drill` has all checks.
    pub backup: String,
    /// The moment that the schedule names.
    pub scheduled_for: Time,
    /// What came of it.
    pub outcome: DrillRunOutcome,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// What it failed of; absent unless it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_of: Option<DrillBlame>,
    /// Why it failed or came to no end, at most 1000 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// What came of a drill that the schedule asked for.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrillRunOutcome {
    /// The request stands on the backup, and the drill has not begun.
    Asked,
    /// It runs.
    Running,
    /// All checks passed.
    Passed,
    /// A check failed, or the restore did not come up in time.
    Failed,
    /// Its backup was deleted, or another drill of it was asked for, before an end was seen.
    Gone,
}

impl DrillRunOutcome {
    /// True when nothing more happens to it.
    pub fn is_over(self) -> bool {
        match self {
            Self::Asked | Self::Running => false,
            Self::Passed | Self::Failed | Self::Gone => true,
        }
    }
}

/// A moment at which no drill was asked for.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissedDrill {
    /// The moment that the schedule names.
    pub scheduled_for: Time,
    /// Why, and what to do; also how many moments before it were missed with it.
    pub reason: String,
}

/// A backup whose restore was proved.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedBackup {
    /// Name of the `PostgresBackup`.
    pub name: String,
    /// The moment that a restore brings back.
    pub cut_at: Time,
    /// When the drill passed.
    pub at: Time,
}

/// How long a restore took, and how much it restored: one drill that passed.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// Name of the `PostgresBackup`.
    pub backup: String,
    /// When the drill ended.
    pub at: Time,
    /// How the backup was made.
    #[serde(default)]
    pub method: BackupMethod,
    /// Seconds from the order to the first query answered.
    pub seconds: i64,
    /// Bytes of the databases that were restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// Bytes of archived WAL that were replayed in that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_bytes: Option<i64>,
}
