//! Settings of running servers, asked once for each start of a server: hundreds of rows are no question for every round.
//!
//! What a server knows changes with its version and the libraries that it loads, and both only with a start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::name::ClusterName;
use crate::sql::session::{Error, Session};
use crate::tuning::Catalog;
use crate::tuning::catalog::{COLUMNS, QUERY};

use super::facts::{Observed, ServerSettings};

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

type Known = HashMap<ClusterName, (ServerKey, Arc<ServerSettings>)>;

/// What the primary of each cluster said last.
#[derive(Clone, Debug, Default)]
pub struct ServerCache(Arc<Mutex<Known>>);

impl ServerCache {
    /// Asks a server for its settings, only when it started anew; one that does not say when it started is not asked.
    ///
    /// # Errors
    /// Those of the session.
    pub async fn ask(&self, key: ServerKey, session: &Session) -> Result<(), Error> {
        let known = |all: &Known| all.get(&key.cluster).is_some_and(|(of, _)| *of == key);
        if key.started.is_none() || known(&self.all()) {
            return Ok(());
        }
        let rows = session.query(QUERY).await?;
        let texts = rows.iter().map(|row| std::array::from_fn::<&str, COLUMNS, _>(|column| row.get(column)));
        let catalog = Arc::new(Catalog::of_rows(texts));
        let major = (key.version / 10_000) as i32;
        let settings = Arc::new(ServerSettings { major, catalog });
        self.all().insert(key.cluster.clone(), (key, settings));
        Ok(())
    }

    /// What the primary of a cluster said last. It counts also while none answers: settings that were taken by it must not be
    /// taken back because a bundled list does not know them.
    pub fn last(&self, cluster: &ClusterName) -> Option<Arc<ServerSettings>> {
        self.all().get(cluster).map(|(_, settings)| settings.clone())
    }

    fn all(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what is known of a cluster that goes.
    pub fn forget(&self, cluster: &ClusterName) {
        self.all().remove(cluster);
    }
}
