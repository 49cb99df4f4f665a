//! The only reader. It turns stores, the API server, Patroni and the primary's catalogs into plain data.

mod database;
mod facts;
mod given;
mod offline;
mod pods;
mod read;
mod stores;

pub use facts::{
    Children, ContainerSeen, DatabaseFacts, DatabaseSeen, Given, LeaderSeen, MemberSeen, Observed,
    PendingChange, Platform, PodSeen, RoleSeen, SecretData, SlotsSeen, StorageClassSeen, VolumeSeen,
    secret_data,
};
pub use offline::{Offline, offline};
pub use read::{Links, credentials, links, observe};
pub use stores::{Stores, Trigger};
