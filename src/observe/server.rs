//! Settings of running servers, asked once for each start of a server: hundreds of rows are no question for every round.
//!
//! What a server knows changes with its version and the libraries that it loads, and both only with a start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// The settings of a server, asked only when it started anew; none of one that does not say when it started.
    ///
    /// # Errors
    /// Those of the session.
    pub async fn settings(
        &self,
        key: ServerKey,
        session: &Session,
    ) -> Result<Option<Arc<ServerSettings>>, Error> {
        if key.started.is_none() {
            return Ok(None);
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key.cluster).cloned();
        if let Some((_, settings)) = known.filter(|(of, _)| *of == key) {
            return Ok(Some(settings));
        }
        let rows = session.query(QUERY).await?;
        let texts = rows.iter().map(|row| std::array::from_fn::<&str, COLUMNS, _>(|column| row.get(column)));
        let catalog = Arc::new(Catalog::of_rows(texts));
        let major = (key.version / 10_000) as i32;
        let settings = Arc::new(ServerSettings { major, catalog });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key.cluster.clone(), (key, settings.clone()));
        Ok(Some(settings))
    }

    /// Drops what is known of a cluster that goes.
    pub fn forget(&self, cluster: &ClusterName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }
}
