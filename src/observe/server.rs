//! What is remembered of the primary of each cluster: what changes only with a start of it, what was seen in its databases, and what
//! SQL failed there. Hundreds of rows, and a session in a database of somebody else, are no question for every round.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::name::ClusterName;
use crate::sql::session::{Error, Session};
use crate::tuning::Catalog;
use crate::tuning::catalog::{COLUMNS, QUERY};

use super::catalogs::{AvailableSeen, FailedSql};
use super::facts::{Observed, ServerSettings};
use super::inside::Look;

/// How soon SQL that failed is tried again, at first and at most: it may hold a lock for half a minute each time.
const TRY_AGAIN: [SignedDuration; 2] = [SignedDuration::from_secs(15), SignedDuration::from_mins(5)];
/// How long a failure is remembered that nobody tries to mend any more.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// One start of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerKey {
    cluster: ClusterName,
    pod: String,
    started: Option<String>,
    version: i64,
}

impl ServerKey {
    /// The server of this pod as it runs now.
    pub fn new(seen: &Observed, pod: &str) -> Self {
        let member = seen.members.get(pod);
        Self {
            cluster: seen.name(),
            pod: seen.pods.get(pod).map(|pod| pod.uid.clone()).unwrap_or_default(),
            started: member.and_then(|member| member.started.clone()),
            version: member.and_then(|member| member.server_version).unwrap_or_default(),
        }
    }
}

/// What is known of one start of one server.
#[derive(Debug)]
struct Known {
    server: ServerKey,
    settings: Option<Arc<ServerSettings>>,
    available: Option<Arc<BTreeMap<String, AvailableSeen>>>,
    looks: HashMap<u32, Look>,
    tried: Tried,
}

/// Settings with values that a server was asked for, and its words where it does not take one.
type Tried = BTreeMap<(String, String), Option<String>>;

/// Pairs that are remembered of one server: past it all are asked for again. A ConfigMap has 500 keys at most.
const MOST_TRIED: usize = 4000;

#[derive(Debug, Default)]
struct Memory {
    servers: HashMap<ClusterName, Known>,
    failed: HashMap<ClusterName, BTreeMap<String, FailedSql>>,
}

/// What the primary of each cluster said last.
#[derive(Clone, Debug, Default)]
pub struct ServerCache(Arc<Mutex<Memory>>);

impl ServerCache {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known<T>(&self, of: &ServerKey, read: impl FnOnce(&Known) -> Option<T>) -> Option<T> {
        self.memory().servers.get(&of.cluster).filter(|known| known.server == *of).and_then(read)
    }

    /// Nothing is kept of a server that does not say when it started.
    fn note(&self, of: &ServerKey, write: impl FnOnce(&mut Known)) {
        if of.started.is_none() {
            return;
        }
        let mut memory = self.memory();
        let fresh = || Known {
            server: of.clone(),
            settings: None,
            available: None,
            looks: HashMap::new(),
            tried: Tried::new(),
        };
        let known = memory.servers.entry(of.cluster.clone()).or_insert_with(fresh);
        if known.server != *of {
            *known = fresh();
        }
        write(known);
    }

    /// Asks a server for its settings, only when it started anew; one that does not say when it started is not asked.
    ///
    /// # Errors
    /// Those of the session.
    pub async fn ask(&self, of: &ServerKey, session: &Session) -> Result<(), Error> {
        if of.started.is_none() || self.known(of, |known| known.settings.clone()).is_some() {
            return Ok(());
        }
        let rows = session.query(QUERY).await?;
        let texts = rows
            .iter()
            .map(|row| {
                let mut columns = [""; COLUMNS];
                for (column, text) in columns.iter_mut().enumerate() {
                    *text = session.column(row, column)?;
                }
                Ok(columns)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let catalog = Arc::new(Catalog::of_rows(texts));
        let major = (of.version / 10_000) as i32;
        self.note(of, |known| {
            known.settings = Some(Arc::new(ServerSettings { major, catalog, untaken: BTreeMap::new() }))
        });
        Ok(())
    }

    /// What the primary of a cluster said last. It counts also while none answers: settings that were taken by it must not be
    /// taken back because a bundled list does not know them.
    pub fn last(&self, cluster: &ClusterName) -> Option<Arc<ServerSettings>> {
        self.memory().servers.get(cluster)?.settings.clone()
    }

    /// What this server was asked to take, and what it said.
    pub fn tried(&self, of: &ServerKey) -> Tried {
        self.known(of, |known| Some(known.tried.clone())).unwrap_or_default()
    }

    /// Remembers what it said.
    pub fn note_tried(&self, of: &ServerKey, answers: Tried) {
        self.note(of, |known| {
            if known.tried.len() + answers.len() > MOST_TRIED {
                known.tried.clear();
            }
            known.tried.extend(answers);
            let untaken =
                known.tried.iter().filter_map(|(pair, words)| Some((pair.clone(), words.clone()?))).collect();
            let told = known.settings.as_deref().cloned();
            known.settings = told.map(|told| Arc::new(ServerSettings { untaken, ..told }));
        });
    }

    /// Extensions that the server could create, once they were asked for.
    pub fn available(&self, of: &ServerKey) -> Option<Arc<BTreeMap<String, AvailableSeen>>> {
        self.known(of, |known| known.available.clone())
    }

    /// Remembers extensions that the server could create: its image has them or not.
    pub fn note_available(
        &self,
        of: &ServerKey,
        available: BTreeMap<String, AvailableSeen>,
    ) -> Arc<BTreeMap<String, AvailableSeen>> {
        let available = Arc::new(available);
        self.note(of, |known| known.available = Some(available.clone()));
        available
    }

    /// What was seen in databases, by OID.
    pub fn looks(&self, of: &ServerKey) -> HashMap<u32, Look> {
        self.known(of, |known| Some(known.looks.clone())).unwrap_or_default()
    }

    /// Remembers a look into a database.
    pub fn note_look(&self, of: &ServerKey, database: u32, look: Look) {
        self.note(of, |known| drop(known.looks.insert(database, look)));
    }

    /// SQL that failed in this cluster, by what it does.
    pub fn failed(&self, of: &ServerKey) -> BTreeMap<String, FailedSql> {
        self.memory().failed.get(&of.cluster).cloned().unwrap_or_default()
    }

    /// Remembers what became of a piece of SQL: how it failed, or that it did not.
    pub fn note_sql(&self, cluster: &ClusterName, what: &str, cause: Option<String>, now: Timestamp) {
        let mut memory = self.memory();
        let failed = memory.failed.entry(cluster.clone()).or_default();
        failed.retain(|_, failed| now.duration_since(failed.again) < REMEMBERED);
        let before = failed.remove(what).map_or(0, |failed| failed.times);
        if let Some(cause) = cause {
            let [first, most] = TRY_AGAIN;
            let pause = first.saturating_mul(1 << before.min(8)).min(most);
            let again = now.saturating_add(pause).unwrap_or(now);
            failed.insert(what.to_owned(), FailedSql { cause, again, times: before + 1 });
        }
    }

    /// Drops what is known of a cluster that goes.
    pub fn forget(&self, cluster: &ClusterName) {
        let mut memory = self.memory();
        memory.servers.remove(cluster);
        memory.failed.remove(cluster);
    }
}
