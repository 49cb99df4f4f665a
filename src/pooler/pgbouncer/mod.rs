//! PgBouncer: thousands of clients on few connections, shared transaction by transaction.
//!
//! It holds its clients while the primary's role is handed over (`src/apply/pause.rs`), and looks up who may log in by asking the server, so
//! that it needs nobody's password.

mod conf;
mod lookup;
mod tuning;

use std::collections::BTreeSet;

use crate::name::service_host;
use crate::observe::Platform;
use crate::secret::SecretText;
use crate::target::{PoolerTarget, Target};
use crate::tuning::{Book, Catalog};

use super::{Memory, Program, Size, Users};

pub use conf::ROUTE;
pub use lookup::{LOOKUP_SCHEMA, lookup_body};
pub(super) use tuning::catalog;

/// PgBouncer.
pub struct PgBouncer;

/// Connections beside those of clients: by them logins are looked up, and the operator looks where a new connection leads.
const LOOKUPS: i32 = 2;
/// Clients of a pod, when nobody says it.
const CLIENTS: i32 = 1000;
/// Least and most connections of a pod, when they are computed: more than 64 make a server of a few cores slower, not faster.
const LEAST_CONNECTIONS: i64 = 2;
const MOST_CONNECTIONS: i64 = 64;
/// Bytes of the process and its exporter's questions.
const BASE_MEMORY: u64 = 32 << 20;
/// Bytes of a client: two buffers of 4 KiB, and OpenSSL's state of about 40 KiB.
const CLIENT_MEMORY: u64 = 64 << 10;
/// Bytes for messages on their way: they stream through buffers of 4 KiB, and what is kept are prepared statements.
const MESSAGES_MEMORY: u64 = 64 << 20;
const LEAST_MESSAGES_MEMORY: u64 = 16 << 20;

impl Program for PgBouncer {
    fn title(&self) -> &'static str {
        "PgBouncer"
    }

    fn container(&self) -> &'static str {
        "pgbouncer"
    }

    fn metrics_database(&self) -> &'static str {
        "pgbouncer"
    }

    fn image<'a>(&self, platform: &'a Platform) -> &'a str {
        &platform.pgbouncer_image
    }

    fn image_value(&self) -> &'static str {
        "pgbouncer.image"
    }

    fn files(&self, target: &Target, pooler: &PoolerTarget) -> Vec<(&'static str, String)> {
        vec![("pgbouncer.ini", conf::ini(target, pooler))]
    }

    fn fixed(&self, target: &Target, pooler: &PoolerTarget) -> String {
        conf::fixed(target, pooler)
    }

    fn variables(&self, target: &Target, pooler: &PoolerTarget) -> Vec<(&'static str, String)> {
        let peers = service_host(&pooler.way.peers(&target.name), &target.name.namespace, &target.domain);
        vec![("POOLER_PEERS", format!("{peers}."))]
    }

    /// A pod knows the keys of its own sessions alone, and a Service leads a cancel to any.
    fn peers(&self) -> bool {
        true
    }

    fn entries(&self) -> (&'static [&'static str], &'static str) {
        (&["pgbouncer.ini"], "userlist.txt")
    }

    fn users(&self, users: &Users) -> SecretText {
        lookup::userlist(users)
    }

    fn looks_up(&self) -> bool {
        true
    }

    fn given(&self, _: Option<i32>, connections: Option<i32>) -> Option<i32> {
        connections
    }

    fn size(&self, clients: Option<i32>, connections: Option<i32>, room: i64) -> Size {
        let computed = || (room - i64::from(LOOKUPS)).clamp(LEAST_CONNECTIONS, MOST_CONNECTIONS) as i32;
        Size { clients: clients.unwrap_or(CLIENTS), connections: connections.unwrap_or_else(computed) }
    }

    fn beside(&self) -> (i32, &'static str) {
        (LOOKUPS, "connections for logins")
    }

    fn size_field(&self) -> &'static str {
        "serverConnections"
    }

    fn memory(&self, clients: i32) -> Memory {
        Memory {
            idle: BASE_MEMORY + CLIENT_MEMORY * u64::try_from(clients).unwrap_or_default(),
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
