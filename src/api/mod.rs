//! The objects that people edit: group `stylobate.dev`, version `v1alpha1`.
//!
//! Whatever the API server can refuse by schema or CEL is refused there; what needs a look at other objects is
//! checked in [`crate::target`]. The generated YAML in `crds/` is never edited by hand: `stylobate crd` prints it.

mod cluster;
mod maintenance;
mod parts;
mod status;
mod told;

pub use cluster::{PostgresCluster, PostgresClusterSpec};
pub use maintenance::{Maintenance, Window};
pub use parts::{
    Access, Database, Engine, Flavor, HighAvailability, Monitoring, PasswordRef, Pooler, Resources,
    RoleOption, Scheduling, Spread, Storage, Synchronous, Tls, TuningRef, User,
};
pub use status::{
    ClusterState, ClusterStatus, Evidence, MemberRole, MemberStatus, OperatorStatus, OverriddenStatus,
    Pending, PoolerStatus, RolloutPhase, RolloutStatus, SettingStatus, SlotStatus, SwitchoverOutcome,
    SwitchoverStatus, UpgradePhase, UpgradeStatus, VolumeEvidence,
};

/// The API group of every kind of Stylobate.
pub const GROUP: &str = "stylobate.dev";
