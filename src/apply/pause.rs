//! Clients that wait while the primary's role is handed over, instead of getting an error: PgBouncer's PAUSE and RESUME around it.
//!
//! 1. Each pod holds its databases: what a client sends from now on waits, and transactions that are open go on to their end, for
//!    [`PATIENCE`] at most.
//! 2. The role is handed over, or the server restarted.
//! 3. Each pod is asked where a new connection leads, until that is a member that takes writes: Kubernetes may lead to the old one for a
//!    moment, which would refuse them.
//! 4. Each pod lets its clients go on.
//!
//! Nothing of it has to succeed: a pod that can't be held is one whose clients get errors, as without a pooler that can. An operator that dies
//! in between leaves clients that wait, and the pods' supervisors let them go on after 15 s (`images/pgbouncer/run-pgbouncer`).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use postgres_protocol::escape::escape_identifier;
use tokio::time::{Instant, sleep};

use crate::child::Kind;
use crate::engine::hba::POOLER_ROLE;
use crate::name::service_host;
use crate::observe::Observed;
use crate::pooler::{CLIENTS_AUTHORITY, PORT, ROUTE, Way, program};
use crate::sql::Door;
use crate::sql::console::{CONSOLE, Console, Key};
use crate::sql::session::Error;

/// How long open transactions may take to end before the role is handed over all the same: what users take for a hiccup.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest wait for an answer to any other command.
const ANSWER: Duration = Duration::from_secs(2);
/// Longest wait for the way to the new primary. Clients that still wait then get whatever stands there.
const ROUTE_LIMIT: Duration = Duration::from_secs(10);
const ROUTE_AGAIN: Duration = Duration::from_millis(100);
/// Databases that a pod holds at most. How many there are is its clients' to choose, and each costs a connection for a moment.
const MOST_DATABASES: usize = 32;

/// Whether a server takes writes.
const STANDBY: &str = "SELECT pg_catalog.pg_is_in_recovery()";

/// Pods that hold their clients.
pub struct Paused {
    key: Option<Key>,
    pods: Vec<Pod>,
}

struct Pod {
    door: Door,
    databases: BTreeSet<String>,
}

/// Holds the clients of all pods that can; of none where the cluster's pooler is of another kind.
pub async fn pause(seen: &Observed) -> Paused {
    let Some(key) = key(seen) else { return Paused { key: None, pods: Vec::new() } };
    let doors = doors(seen);
    let named: BTreeSet<String> =
        seen.cluster.spec.databases.iter().map(|database| database.name.clone()).collect();
    let held = doors.iter().map(|door| hold(door, &key, named.clone()));
    let pods = join_all(held).await.into_iter().zip(doors);
    let pods = pods
        .filter_map(|(databases, door)| match databases {
            Ok(databases) => Some(Pod { door, databases }),
            Err(error) => {
                tracing::info!(%error, pod = %door.address, "its clients are not held while the role is handed over");
                None
            }
        })
        .collect();
    Paused { key: Some(key), pods }
}

impl Paused {
    /// Lets all clients go on, each pod's once it leads to a member that takes writes.
    pub async fn resume(self) {
        let Some(key) = &self.key else { return };
        join_all(self.pods.iter().map(|pod| async {
            if let Err(error) = lead(&pod.door, key).await {
                tracing::info!(%error, pod = %pod.door.address, "no way to the new primary was seen");
            }
            if let Err(error) = release(pod, key).await {
                tracing::warn!(%error, pod = %pod.door.address, "its supervisor lets its clients go on");
            }
        }))
        .await;
    }
}

fn key(seen: &Observed) -> Option<Key> {
    if !program(seen.cluster.spec.pooler.kind).looks_up() {
        return None;
    }
    let name = seen.name();
    let authority = seen.children.get(Kind::ConfigMap, &name.authority())?;
    Some(Key {
        authority: authority["data"][CLIENTS_AUTHORITY].as_str()?.to_owned(),
        password: seen.children.secret(&name.credentials())?.get(POOLER_ROLE)?.clone(),
    })
}

/// Pods that lead clients to the primary.
fn doors(seen: &Observed) -> Vec<Door> {
    let name = seen.name();
    let host = service_host(&name.pooler(), &name.namespace, &seen.platform.domain);
    let pods = seen.pods.values().filter(|pod| pod.component == Way::Primary.component() && !pod.deleting);
    let port = u16::try_from(PORT).unwrap_or_default();
    let address = |ip: &str| Some(SocketAddr::new(ip.parse().ok()?, port));
    pods.filter_map(|pod| Some(Door { host: host.clone(), address: address(pod.ip.as_deref()?)? })).collect()
}

/// Holds the databases that this pod knows and those that are named.
async fn hold(door: &Door, key: &Key, mut databases: BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    let known = Console::open(door, CONSOLE, key).await?.run("SHOW DATABASES", ANSWER).await?;
    databases.extend(known);
    databases.retain(|name| name != CONSOLE && name != ROUTE);
    let databases: BTreeSet<String> = databases.into_iter().take(MOST_DATABASES).collect();
    // It is held from the moment of the command; the answer comes when the last transaction has ended.
    let each = databases.iter().map(|name| async move {
        let console = Console::open(door, CONSOLE, key).await?;
        console.run(&format!("PAUSE {}", escape_identifier(name)), PATIENCE).await
    });
    for (name, held) in databases.iter().zip(join_all(each).await) {
        if let Err(error) = held {
            tracing::info!(%error, name, "transactions are open, and end with the server");
        }
    }
    Ok(databases)
}

/// Returns when a new connection of this pod leads to a server that takes writes.
async fn lead(door: &Door, key: &Key) -> Result<(), Error> {
    let end = Instant::now() + ROUTE_LIMIT;
    loop {
        let seen = match Console::open(door, ROUTE, key).await {
            Ok(session) => session.run(STANDBY, ANSWER).await,
            Err(error) => Err(error),
        };
        match seen {
            Ok(answer) if answer.first().is_some_and(|standby| standby == "f") => return Ok(()),
            Err(error) if Instant::now() >= end => return Err(error),
            Ok(_) if Instant::now() >= end => return Ok(()),
            _ => {}
        }
        // The connection that answered would answer again.
        let console = Console::open(door, CONSOLE, key).await?;
        console.run(&format!("RECONNECT {ROUTE}"), ANSWER).await?;
        sleep(ROUTE_AGAIN).await;
    }
}

async fn release(pod: &Pod, key: &Key) -> Result<(), Error> {
    let console = Console::open(&pod.door, CONSOLE, key).await?;
    for name in &pod.databases {
        // One that is not held any more was let go by the supervisor.
        if let Err(error) = console.run(&format!("RESUME {}", escape_identifier(name)), ANSWER).await {
            tracing::info!(%error, name, "not held any more");
        }
    }
    Ok(())
}
