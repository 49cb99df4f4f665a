//! What differs between engines: configuration of members, their DCS settings, the paths in their image.
//!
//! To add an engine: one file here that implements [`Engine`], one variant of [`Flavor`], one line in [`engine`].

pub mod hba;
mod patroni_yml;
mod postgres;

pub use postgres::bin_dir;
use serde_json::Value;

use crate::api::Flavor;
use crate::target::{GroupTarget, Target};

/// One flavor of database. All pure.
pub trait Engine: Sync {
    /// `patroni.yml` of a group's members: what is local to a member, and how a new group is made.
    fn patroni(&self, target: &Target, group: &GroupTarget) -> Value;

    /// Patroni's dynamic configuration, shared by a group's members and changed by REST while they run.
    fn dynamic(&self, target: &Target, group: &GroupTarget) -> Value;

    /// Folder of the server's binaries in the image.
    fn bin_dir(&self, target: &Target) -> String;
}

/// The engine of a flavor.
pub fn engine(flavor: Flavor) -> &'static dyn Engine {
    match flavor {
        Flavor::Postgres => &postgres::Postgres,
    }
}

/// Files in a member, shared by the engines and the pod that mounts them.
pub mod paths {
    /// Volume of the member.
    pub const DATA: &str = "/data";
    /// Data directory on it.
    pub const PGDATA: &str = "/data/pgdata";
    /// Folder of `patroni.yml`.
    pub const PATRONI: &str = "/etc/patroni";
    /// Folder of the member's certificate, key and authority.
    pub const TLS: &str = "/etc/stylobate/tls";
    /// Folder of the archive's configuration; empty while there is no archive.
    pub const ARCHIVE: &str = "/etc/stylobate/archive";
    /// Volume of the archive, where it is one.
    pub const ARCHIVE_VOLUME: &str = "/archive";
    /// Folder of Unix sockets.
    pub const SOCKETS: &str = "/run/postgresql";
}

/// Ports of a member.
pub mod ports {
    /// Postgres.
    pub const POSTGRES: i32 = 5432;
    /// Patroni's REST interface.
    pub const PATRONI: i32 = 8008;
    /// Metrics of Postgres.
    pub const METRICS: i32 = 9187;
}
