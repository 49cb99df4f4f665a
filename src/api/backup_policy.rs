//! `spec.backup`: when backups are made, how long they are kept, and how they are proved.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::archive::Archive;
use super::backup::{BackupMethod, DeletionPolicy, ProviderName};
use super::maintenance::{FIVE_FIELDS, default_zone};
use super::told::{LABEL, NAME, told};

/// When backups are made, how long they are kept, and how they are proved.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.schedules) || self.schedules.all(one, !has(one.method) || one.method != 'Archive') || (has(self.archive) && has(self.archive.gcs))").message(
    "spec.backup.schedules[].method is 'Archive', and a copy needs a bucket to be in: add spec.backup.archive.gcs, or write Snapshot"
))]
pub struct BackupPolicy {
    /// When backups begin. With none there are backups on demand alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub schedules: Vec<BackupSchedule>,
    /// Who makes the snapshots.
    #[serde(default)]
    pub provider: ProviderName,
    /// VolumeSnapshotClass for provider `Csi`; when absent, the default class of the volumes' driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub snapshot_class: Option<String>,
    /// Where provider `Gce` stores snapshots, as `europe-west3` or `eu`; when absent, near the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 63), regex(pattern = "^[a-z][-a-z0-9]*$"))]
    pub storage_location: Option<String>,
    /// How the first checkpoint is made. The second, before the cut, is always short.
    #[serde(default)]
    pub checkpoint: CheckpointPace,
    /// Which backups are kept. The last good one and those under legal hold always are.
    #[serde(default)]
    pub retention: Retention,
    /// What becomes of snapshots when a backup made by a schedule is deleted by hand; retention always deletes both.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Other namespaces whose clusters may be made from these backups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(length(min = 1, max = 63), regex(pattern = LABEL))
    )]
    pub share_with: Vec<String>,
    /// When a backup is restored aside and looked at; when absent, only `stylobate backup verify` does so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillSchedule>,
    /// Where WAL is kept between backups, so that the cluster can be brought back to any moment; when absent, only to the
    /// moments of backups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archive>,
}

/// A time at which a backup begins.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(format!("self.schedule.matches('{FIVE_FIELDS}')")).message(
    told(
        "spec.backup.schedules[].schedule",
        "self.schedule",
        "write the five fields of cron (minute, hour, day of month, month, day of week), as 0 2 * * *; the time zone stands in timeZone",
    )
))]
pub struct BackupSchedule {
    /// Its name, which is part of the backups' names, 1 to 20 characters.
    #[schemars(length(min = 1, max = 20), regex(pattern = LABEL))]
    pub name: String,
    /// Five fields of cron (minute, hour, day of month, month, day of week), as `0 2 * * *`. `H` is a value that follows from the cluster and
    /// this schedule, so that a fleet does not begin at once: `H 2 * * *`, `H(0-29) 2 * * *`, `H/15 * * * *`; status tells which.
    #[schemars(length(min = 9, max = 128))]
    pub schedule: String,
    /// How its backups are made.
    #[serde(default)]
    pub method: BackupMethod,
    /// Time zone of the schedule by its IANA name, as `Europe/Berlin`.
    #[serde(default = "default_zone")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// Minutes after its moment in which a run may still begin, 1 to 1440. After that it is recorded as missed.
    #[serde(default = "default_start_deadline")]
    #[schemars(range(min = 1, max = 1440))]
    pub start_deadline_minutes: i32,
}

/// How the first checkpoint is made.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckpointPace {
    /// As fast as the disk can: the backup is short, and a busy disk may feel it.
    #[default]
    Fast,
    /// Spread over `checkpoint_completion_target` of `checkpoint_timeout`: the backup takes minutes more.
    Spread,
}

/// Which backups are kept. A backup is kept when any of the rules keeps it; without any rule all are kept.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// The newest so many, 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub last: Option<i32>,
    /// All that are at most so many days old, 1 to 3650.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub days: Option<i32>,
    /// The newest of each of the last so many days that have one, 1 to 366, by `timeZone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 366))]
    pub daily: Option<i32>,
    /// The newest of each of the last so many ISO weeks that have one, 1 to 520.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 520))]
    pub weekly: Option<i32>,
    /// The newest of each of the last so many months that have one, 1 to 120.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 120))]
    pub monthly: Option<i32>,
    /// Time zone of days, weeks and months by its IANA name.
    #[serde(default = "default_zone")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
}

impl Default for Retention {
    fn default() -> Self {
        Self { last: None, days: None, daily: None, weekly: None, monthly: None, time_zone: default_zone() }
    }
}

/// When a backup is restored aside and looked at.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(format!("self.schedule.matches('{FIVE_FIELDS}')")).message(
    told(
        "spec.backup.drill.schedule",
        "self.schedule",
        "write the five fields of cron (minute, hour, day of month, month, day of week), as 0 5 * * SUN; the time zone stands in timeZone",
    )
))]
pub struct DrillSchedule {
    /// Five fields of cron (minute, hour, day of month, month, day of week), as `0 5 * * SUN`; `H` as in the schedules of backups.
    #[schemars(length(min = 9, max = 128))]
    pub schedule: String,
    /// Time zone of the schedule by its IANA name.
    #[serde(default = "default_zone")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// Minutes after its moment in which a drill may still be asked for, 1 to 1440. After that it is told as missed.
    #[serde(default = "default_start_deadline")]
    #[schemars(range(min = 1, max = 1440))]
    pub start_deadline_minutes: i32,
    /// Minutes that a drill may take, 5 to 1440. After that it has failed, and what it made is removed.
    #[serde(default = "default_drill_minutes")]
    #[schemars(range(min = 5, max = 1440))]
    pub deadline_minutes: i32,
    /// Whether archived WAL is replayed after the backup, up to a mark that is written when the drill begins: so the archive is proved too.
    #[serde(default)]
    pub replay: DrillReplays,
    /// Minutes in which pgBackRest may read the cluster's part of the archive and compare each file with its checksum, 0 to 1440; 0 leaves it
    /// out. It is done where WAL is replayed, or the backup is a copy.
    #[serde(default = "default_verify_minutes")]
    #[schemars(range(min = 0, max = 1440))]
    pub verify_archive_minutes: i32,
}

/// Whether a drill replays archived WAL.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrillReplays {
    /// Where the archive is a bucket that the drill's member gets into as those of the cluster do: by a key, or without any. By Workload Identity
    /// it is another ServiceAccount, which may have no rights.
    #[default]
    Auto,
    /// Wherever the archive is a bucket. By Workload Identity the ServiceAccount of the drill has to have the right to read it.
    Always,
    /// The backup comes back to its own moment, and the archive is not proved.
    Never,
}

/// An hour: an outage of the operator or an upgrade is over by then, and the next run of an hourly schedule is due. A drill
/// was put at an hour at which its load hurts nobody, and much later it may.
fn default_start_deadline() -> i32 {
    60
}

/// Checking a page costs about as much as reading it: 2 hours are 1 TB at 150 MB/s.
fn default_drill_minutes() -> i32 {
    120
}

/// A quarter of the two hours that a drill has: 250 GB of WAL at 150 MB/s.
pub(crate) fn default_verify_minutes() -> i32 {
    30
}
