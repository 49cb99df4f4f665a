//! Pgpool-II: a process and a connection for each client, so that a session is all that it is at the server.

mod conf;
mod passwd;
mod tuning;

use std::collections::BTreeSet;

use crate::engine::ports;
use crate::name::service_host;
use crate::observe::Platform;
use crate::secret::SecretText;
use crate::target::{PoolerTarget, Target};
use crate::tuning::{Book, Catalog};

use super::{Memory, Program, Size, Users};

pub use passwd::{password_file, prepared};
pub(super) use tuning::catalog;

/// Pgpool-II.
pub struct Pgpool;

/// Sessions of the metrics exporter in each pod, beside those of clients: one for its queries, one for its collectors.
const METRICS_SESSIONS: i32 = 2;
/// Processes of Pgpool-II beyond its sessions: a cancel finds one when all sessions are taken, and who wants a session then is told
/// (`images/pgpool/sessions.c`, whose `WAITERS` are fewer). They hold no connection to a server.
const SPARE_PROCESSES: i32 = 4;
/// Bytes of the main process, the exporter's sessions and what Pgpool-II keeps in shared memory.
const BASE_MEMORY: u64 = 64 << 20;
/// Bytes of a process that serves nobody, or a client with small messages.
const PROCESS_MEMORY: u64 = 6 << 20;
/// Bytes for messages on their way, when nobody says more. Measured with Pgpool-II 4.7: while it passes, a parameter takes 5.3 times its size,
/// a value of a result 2.2 times; rows and COPY stream (docs/decisions/0003-pgpool-facts.md).
const MESSAGES_MEMORY: u64 = 192 << 20;
/// The least for them: a parameter of 6 MB.
const LEAST_MESSAGES_MEMORY: u64 = 32 << 20;
/// Least and most clients of a pod, when they are computed: an ordinary cluster needs no more, and each takes a process of 6 MiB.
const LEAST_CLIENTS: i64 = 4;
const MOST_CLIENTS: i64 = 32;

/// Processes of a pod for so many clients.
fn processes(clients: i32) -> i32 {
    clients + METRICS_SESSIONS + SPARE_PROCESSES
}

impl Program for Pgpool {
    fn title(&self) -> &'static str {
        "Pgpool-II"
    }

    fn container(&self) -> &'static str {
        "pgpool"
    }

    fn metrics_database(&self) -> &'static str {
        "postgres"
    }

    fn image<'a>(&self, platform: &'a Platform) -> &'a str {
        &platform.pooler_image
    }

    fn image_value(&self) -> &'static str {
        "pooler.image"
    }

    fn files(&self, target: &Target, pooler: &PoolerTarget) -> Vec<(&'static str, String)> {
        vec![("pgpool.conf", conf::pgpool_conf(target, pooler)), ("pool_hba.conf", conf::hba())]
    }

    fn fixed(&self, target: &Target, pooler: &PoolerTarget) -> String {
        conf::fixed(target, pooler)
    }

    /// Of the shim before it (`images/pgpool/front.h`): where cancels go, and how many sessions there are.
    fn variables(&self, target: &Target, pooler: &PoolerTarget) -> Vec<(&'static str, String)> {
        let group = &target.groups[0].name;
        let members = format!("{}.", service_host(&group.members(), &target.name.namespace, &target.domain));
        vec![
            ("POOLER_SESSIONS", (pooler.clients + METRICS_SESSIONS).to_string()),
            ("POOLER_MEMBERS", members),
            ("POOLER_MEMBERS_PORT", ports::POSTGRES.to_string()),
        ]
    }

    /// The shim sends a cancel to every member.
    fn peers(&self) -> bool {
        false
    }

    fn entries(&self) -> (&'static [&'static str], &'static str) {
        (&["pgpool.conf", "pool_hba.conf"], "pool_passwd")
    }

    fn users(&self, users: &Users) -> SecretText {
        let all = users.users.iter().chain([&users.monitor]);
        password_file(all.map(|(name, password)| (*name, password)))
    }

    fn looks_up(&self) -> bool {
        false
    }

    fn given(&self, clients: Option<i32>, _: Option<i32>) -> Option<i32> {
        clients
    }

    fn size(&self, clients: Option<i32>, _: Option<i32>, room: i64) -> Size {
        let computed = || (room - i64::from(METRICS_SESSIONS)).clamp(LEAST_CLIENTS, MOST_CLIENTS) as i32;
        let clients = clients.unwrap_or_else(computed);
        Size { clients, connections: clients }
    }

    fn beside(&self) -> (i32, &'static str) {
        (METRICS_SESSIONS, "metrics sessions")
    }

    fn size_field(&self) -> &'static str {
        "clients"
    }

    fn memory(&self, clients: i32) -> Memory {
        Memory {
            idle: BASE_MEMORY + PROCESS_MEMORY * u64::try_from(processes(clients)).unwrap_or_default(),
            messages: MESSAGES_MEMORY,
            least_messages: LEAST_MESSAGES_MEMORY,
        }
    }

    fn catalog(&self) -> &'static Catalog {
        catalog()
    }

    fn book<'a>(&self, own: &'a BTreeSet<String>) -> Book<'a> {
        tuning::book(own)
    }
}
