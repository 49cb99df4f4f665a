//! The only reader. It turns stores, the API server, Patroni and the primary's catalogs into plain data.

mod archive;
mod backups;
mod catalogs;
mod database;
mod facts;
mod given;
mod images;
mod inside;
mod maps;
mod nodes;
mod offline;
mod passwords;
mod pods;
mod read;
mod restore;
mod server;
mod source;
mod standing;
mod stores;

pub use archive::ArchiveSeen;
pub use backups::{note_restores, of_cluster as backups_of};
pub use catalogs::{
    AvailableSeen, Closed, Contents, DatabaseFacts, DatabaseSeen, FailedSql, Inside, Right, RightSeen,
    RoleSeen,
};
pub use database::{SYSTEM_ROLES, database as catalogs};
pub use facts::{
    BackupSeen, Children, ContainerSeen, DiskUse, Given, Growth, InTheWay, InitSeen, LeaderSeen, MemberSeen,
    Observed, OriginSeen, PatroniMap, PendingChange, Platform, PodSeen, RestoreSeen, SecretData,
    ServerSettings, SlotsSeen, SnapshotSeen, StorageClassSeen, VolumeSeen, secret_data,
};
pub use inside::EXTENSIONS_SCHEMA;
pub use maps::references;
pub use offline::{Offline, offline};
pub use read::{Links, credentials, links, observe};
pub use server::{ServerCache, ServerKey};
pub use source::{Pruner, SourceSeen};
pub use stores::{Stores, Trigger};
