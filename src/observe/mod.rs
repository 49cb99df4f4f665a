//! The only reader. It turns stores, the API server, Patroni and the primary's catalogs into plain data.

mod archive;
mod backups;
mod database;
mod facts;
mod given;
mod images;
mod maps;
mod nodes;
mod offline;
mod pods;
mod read;
mod restore;
mod server;
mod source;
mod stores;

pub use archive::ArchiveSeen;
pub use backups::{note_restores, of_cluster as backups_of};
pub use facts::{
    BackupSeen, Children, ContainerSeen, DatabaseFacts, DatabaseSeen, DiskUse, Given, Growth, InitSeen,
    LeaderSeen, MemberSeen, Observed, OriginSeen, PendingChange, Platform, PodSeen, RestoreSeen, RoleSeen,
    SecretData, ServerSettings, SlotsSeen, SnapshotSeen, StorageClassSeen, VolumeSeen, secret_data,
};
pub use maps::references;
pub use offline::{Offline, offline};
pub use read::{Links, credentials, links, observe};
pub use source::{Pruner, SourceSeen};
pub use stores::{Stores, Trigger};
