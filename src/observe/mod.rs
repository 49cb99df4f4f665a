//! The only reader. It turns stores, the API server, Patroni and the primary's catalogs into plain data.

mod facts;

pub use facts::{
    Children, ContainerSeen, DatabaseFacts, DatabaseSeen, Given, LeaderSeen, MemberSeen, Observed, Platform, PodSeen,
    RoleSeen, SecretData, StorageClassSeen, VolumeSeen, secret_data,
};
