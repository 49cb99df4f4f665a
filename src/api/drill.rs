//! `status.drill` of a backup: what came of restoring it aside, and what it says of the archive that its cluster writes to.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a drill found.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillReport {
    /// Name of the cluster that it was restored to, which is gone afterwards.
    pub cluster: String,
    /// What came of it.
    pub outcome: DrillOutcome,
    /// When it began.
    pub started_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Seconds from the order to the first query answered: the recovery time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_seconds: Option<i64>,
    /// Seconds from the last mark that came back to the cut: the data that a restore of this backup would lack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_seconds: Option<i64>,
    /// Volumes that it made and that are there still, by name. They hold the data that was looked through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// What it waits for while it runs, in the words of the cluster that it was restored to; absent when that serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// Each check and what it found, as `amcheck: 214 relations, no fault`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    /// Why it failed, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What it failed of; absent unless it failed, and where an older operator told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_of: Option<DrillBlame>,
    /// Bytes of the databases that were restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// The WAL of the archive that was replayed after the backup; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<DrillReplay>,
    /// Since when its cluster does not answer, or does not write the mark, while that is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<Time>,
    /// Why no WAL of the archive was replayed, though the cluster has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_replayed: Option<String>,
    /// Name of the cluster that the backup was restored to once more without the archive's WAL, after the replay had failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<String>,
    /// What pgBackRest found when it read the cluster's part of the archive; absent where it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveCheck>,
}

impl DrillReport {
    /// One that begins.
    pub fn begins(cluster: String, at: Time) -> Self {
        Self {
            cluster,
            outcome: DrillOutcome::Running,
            started_at: at,
            at: None,
            recovery_seconds: None,
            lost_seconds: None,
            volumes: Vec::new(),
            waiting: None,
            checks: Vec::new(),
            cause: None,
            failed_of: None,
            bytes: None,
            replay: None,
            silent_since: None,
            not_replayed: None,
            alone: None,
            archive: None,
        }
    }

    /// True when it speaks against the backup: it failed, and not of what surrounds it.
    pub fn refutes(&self) -> bool {
        self.outcome == DrillOutcome::Failed && self.failed_of.unwrap_or_default() == DrillBlame::Backup
    }

    /// Name of the cluster that stands for it now.
    pub fn stands(&self) -> &str {
        self.alone.as_ref().unwrap_or(&self.cluster)
    }

    /// Key of its mark on the backup's cluster: a request that comes again has a drill of the same name, and not the mark of the one before.
    pub fn mark(&self) -> String {
        format!("{} {}", self.cluster, self.started_at.0.as_second())
    }

    /// The replay that is to be made, or was: none once it has failed.
    pub fn replays(&self) -> Option<&DrillReplay> {
        self.replay.as_ref().filter(|replay| replay.failed.is_none())
    }
}

/// What a drill failed of.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrillBlame {
    /// Of the backup: it could not be restored, or what came back is damaged. It is no good one until a drill of it passes.
    #[default]
    Backup,
    /// Of the archive: the backup came back, and the WAL after it did not, or the archive is damaged.
    Archive,
    /// Of what surrounds it: room, quota, a class, an image, a name that is taken, time. It says nothing of the backup.
    Surroundings,
}

/// WAL that a drill replays after its backup, up to a mark that was written for it.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillReplay {
    /// When the mark was written, by the server's clock: the moment that has to come back.
    pub to: Time,
    /// Position just after the mark, at which replay ends, as `2A/3000028`.
    pub lsn: String,
    /// Segment of WAL with that position.
    pub wal: String,
    /// When that segment was seen in the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Time>,
    /// Bytes of WAL from the backup's checkpoint to there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// The mark came back.
    #[serde(default)]
    pub reached: bool,
    /// Why it did not come to its end; the backup is then restored once more without it, to tell which of the two is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// What that was of, should the backup come back alone: `Surroundings` where the archive could not be asked at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_of: Option<DrillBlame>,
}

/// What `pgbackrest verify` found: each file in the cluster's part of the archive read, and compared with its checksum.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveCheck {
    /// What came of it.
    pub outcome: ArchiveCheckOutcome,
    /// Segments of WAL that were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<i64>,
    /// Seconds that it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// pgBackRest's words where it is not whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// What came of reading the archive.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArchiveCheckOutcome {
    /// All that was read is whole.
    Whole,
    /// A file does not fit its checksum or its size, or what lists them can't be read.
    Damaged,
    /// It took longer than `spec.backup.drill.verifyArchiveMinutes`: nothing is known.
    #[default]
    Unfinished,
    /// pgBackRest could not be run, or did not answer.
    NotRun,
}

/// What came of a drill.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrillOutcome {
    /// It runs.
    #[default]
    Running,
    /// All checks passed.
    Passed,
    /// A check failed, or the restore did not come up in time.
    Failed,
}
