//! Pgpool-II, the one door for clients: its configuration, access rules and password file. All pure.

mod conf;
mod passwd;
mod tuning;

pub use conf::{hba, pgpool_conf, restart_digest, sessions};
pub use passwd::{password_file, prepared};
pub use tuning::{book, catalog};

/// Files in a pooler pod, shared by the configuration and the pod that mounts it.
pub mod paths {
    /// Folder of `pgpool.conf` and `pool_hba.conf`.
    pub const CONF: &str = "/etc/pgpool";
    /// Folder of `pool_passwd`.
    pub const USERS: &str = "/etc/pgpool-users";
    /// Folder of the certificate that clients see.
    pub const TLS: &str = "/etc/pgpool-tls";
    /// Folder of the authority's ConfigMap.
    pub const AUTHORITY: &str = "/etc/pgpool-ca";
}

/// Entry of the authority's ConfigMap by which clients verify the pooler.
pub const CLIENTS_AUTHORITY: &str = "ca.crt";
/// Entry of the authority's ConfigMap by which the pooler verifies members.
pub const MEMBERS_AUTHORITY: &str = "members.crt";
/// Port that clients connect to.
pub const PORT: i32 = 5432;
/// Port of the pooler's metrics.
pub const METRICS_PORT: i32 = 9719;
/// Sessions of the metrics exporter in each pod, beside those of clients: one for its queries, one for its collectors.
pub const METRICS_SESSIONS: i32 = 2;
/// Processes of Pgpool-II beyond its sessions: a cancel finds one when all sessions are taken, and who wants a session then is told
/// (`images/pgpool/sessions.c`, whose `WAITERS` are fewer). They hold no connection to a server.
pub const SPARE_PROCESSES: i32 = 4;
