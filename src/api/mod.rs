//! The objects that people edit: group `stylobate.dev`, version `v1alpha1`.
//!
//! Whatever the API server can refuse by schema or CEL is refused there; what needs a look at other objects is
//! checked in [`crate::target`]. The generated YAML in `crds/` is never edited by hand: `stylobate crd` prints it.

mod archive;
mod backup;
mod backup_policy;
mod backup_summary;
mod bootstrap;
mod cluster;
mod database;
mod drill;
mod drill_summary;
mod engine_status;
mod maintenance;
mod parts;
mod pods;
mod pooler;
mod replication;
mod restore;
mod status;
mod told;

pub use archive::{Archive, ArchiveStatus, ArchiveWindow, GcsArchive, VolumeArchive};
pub use backup::{
    ArchivedCopy, BackupMethod, BackupPhase, BackupSource, BackupStatus, Consistency, DeletionPolicy,
    GroupBackup, PostgresBackup, PostgresBackupSpec, ProviderName, SharedWith, SnapshotRecord,
};
pub(crate) use backup_policy::default_verify_minutes;
pub use backup_policy::{
    BackupPolicy, BackupSchedule, CheckpointPace, DrillReplays, DrillSchedule, Retention,
};
pub use backup_summary::{BackupCounts, BackupSummary, GoodBackup, ScheduleStatus, ScheduledRun};
pub use bootstrap::{Bootstrap, FromBackup, FromCluster, PointInTime};
pub use cluster::{PostgresCluster, PostgresClusterSpec};
pub use database::{Database, ExtensionOptions, Locale, LocaleProvider};
pub use drill::{ArchiveCheck, ArchiveCheckOutcome, DrillBlame, DrillOutcome, DrillReplay, DrillReport};
pub use drill_summary::{DrillRun, DrillRunOutcome, DrillsStatus, MissedDrill, Recovery, VerifiedBackup};
pub use engine_status::{Behind, EngineSource, EngineStatus};
pub use maintenance::{Maintenance, Window};
pub use parts::{
    Access, Engine, Flavor, HighAvailability, Monitoring, PasswordRef, Resources, RoleOption, Scheduling,
    Spread, Storage, Synchronous, Tls, TuningRef, User,
};
pub use pods::{Pods, PoolerService, PullSecret, ServiceType, Services, TrafficPolicy};
pub use pooler::{Pooler, PoolerKind, ReadOnlyPooler};
pub use replication::{
    LogicalSlot, LogicalSlotStatus, Replication, ReplicationStatus, SlotState, Subscriptions, WalLevel,
};
pub use restore::{ReachedPoint, RestorePhase, RestoreStatus};
pub use status::{
    ClusterState, ClusterStatus, Evidence, MemberRole, MemberStatus, OperatorStatus, OverriddenStatus,
    Pending, PodsStatus, PoolerStatus, RenderedPod, RenderedStatus, RolloutPhase, RolloutStatus,
    SettingStatus, SlotStatus, SwitchoverOutcome, SwitchoverStatus, UpgradePhase, UpgradeStatus,
    VolumeEvidence,
};

/// The API group of every kind of Stylobate.
pub const GROUP: &str = "stylobate.dev";
