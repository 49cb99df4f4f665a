//! Pgpool-II, the one door for clients: its configuration, access rules and password file. All pure.

mod conf;
mod passwd;
mod tuning;

pub use conf::{hba, pgpool_conf, restart_digest};
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
/// Bytes of the main process, the exporter's sessions and what Pgpool-II keeps in shared memory.
const BASE_MEMORY: u64 = 64 << 20;
/// Bytes of a process that serves nobody, or a client with small messages.
const PROCESS_MEMORY: u64 = 6 << 20;
/// Bytes for messages on their way, when nobody says more. Measured with Pgpool-II 4.7: while it passes, a parameter takes 5.3 times its size,
/// a value of a result 2.2 times; rows and COPY stream (docs/decisions/0003-pgpool-facts.md).
pub const MESSAGES_MEMORY: u64 = 192 << 20;
/// The least for them: a parameter of 6 MB.
pub const LEAST_MESSAGES_MEMORY: u64 = 32 << 20;

/// Processes of a pod for so many clients.
pub fn processes(clients: i32) -> i32 {
    sessions(clients) + SPARE_PROCESSES
}

/// Sessions of a pod for so many clients: theirs, and those of its metrics.
pub fn sessions(clients: i32) -> i32 {
    clients + METRICS_SESSIONS
}

/// Bytes that a pod for so many clients takes when none of them sends anything large.
pub fn idle_memory(clients: i32) -> u64 {
    BASE_MEMORY + PROCESS_MEMORY * u64::try_from(processes(clients)).unwrap_or_default()
}
