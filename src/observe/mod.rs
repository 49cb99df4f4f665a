//! The only reader. It turns stores, the API server, Patroni and the primary's catalogs into plain data.

mod database;
mod facts;
mod given;
mod maps;
mod nodes;
mod offline;
mod pods;
mod read;
mod server;
mod stores;

pub use facts::{
    Children, ContainerSeen, DatabaseFacts, DatabaseSeen, DiskUse, Given, Growth, InitSeen, LeaderSeen,
    MemberSeen, Observed, PendingChange, Platform, PodSeen, RoleSeen, SecretData, ServerSettings, SlotsSeen,
    StorageClassSeen, VolumeSeen, secret_data,
};
pub use maps::references;
pub use offline::{Offline, offline};
pub use read::{Links, credentials, links, observe};
pub use stores::{Stores, Trigger};
