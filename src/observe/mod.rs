//! The only reader. It turns stores, the API server, Patroni and the primary's catalogs into plain data.

mod archive;
mod backups;
mod blank;
mod catalogs;
mod database;
mod disk;
mod ended;
mod facts;
mod given;
mod images;
mod inside;
mod leadership;
mod logical;
mod mirrors;
mod named;
mod nodes;
mod offline;
mod packed;
mod passwords;
mod pods;
mod read;
mod refusal;
mod restarts;
mod restore;
mod server;
mod shelf;
mod source;
mod standing;
mod stores;
pub mod tenancy;
mod tried;
mod wake;

pub use archive::{ArchiveFault, ArchiveSeen};
pub use backups::{note_restores, of_cluster as backups_of, reader};
pub use catalogs::{
    AvailableSeen, Closed, Contents, DatabaseFacts, DatabaseSeen, FailedSql, Inside, LookupSeen, MadeAs,
    Misread, Right, RightSeen, RoleSeen,
};
pub use database::{MISREAD, SYSTEM_ROLES, database as catalogs};
pub use disk::DiskUse;
pub use ended::{ENDED, reached};
pub use facts::{
    BackupSeen, Children, ContainerSeen, Given, Growth, InTheWay, InitSeen, LeaderSeen, MemberSeen, Observed,
    OriginSeen, PatroniMap, PendingChange, Platform, PodSeen, RestoreSeen, SecretData, ServerSettings,
    SlotsSeen, SnapshotSeen, StorageClassSeen, StoredSettings, VolumeSeen, secret_data,
};
pub(crate) use given::storage_class;
pub use inside::EXTENSIONS_SCHEMA;
pub use leadership::{Leadership, needs_record};
pub use logical::{LogicalSeen, SLOTS, SlotSeen, standbys as slots_of_standbys};
pub use offline::{Offline, offline};
pub use pods::SourceFault;
pub use read::{Links, STORED, credentials, links, observe};
pub use refusal::{FAILED_CREATE, Refusal, refusals, remedy as refusal_remedy, told_at};
pub use restarts::Restarts;
pub use server::{ServerCache, ServerKey};
pub use source::{Pruner, SourceSeen, lacks_files};
pub use stores::{Stores, Trigger};
pub use tried::{TRY, ask as try_settings};
