//! What the pods of a cluster wait for, told while a command waits: a person at a terminal must not have to guess why nothing happens.
//!
//! Every command that waits asks a [`Watcher`] in each round. It looks rarely, asks for no more than the person may read, and never
//! makes a command fail.

mod why;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use crate::name::LABEL_CLUSTER;

use super::connect::Cluster;

pub use why::{Room, Seen, hindrance};

/// How often pods are looked at: a person reads a line every few seconds, and what is in the way stays for longer.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Most warnings of a namespace that are read: more have happened within an hour only where all is in flames.
const MOST_WARNINGS: u32 = 500;

/// Looks at the pods of one cluster now and then.
pub struct Watcher<'a> {
    cluster: &'a Cluster,
    name: String,
    room: Room,
    looked: Option<Instant>,
    told: Option<String>,
}

impl<'a> Watcher<'a> {
    /// A look at the pods of cluster `name` in the namespace of `cluster`.
    pub fn new(cluster: &'a Cluster, name: &str, room: Room) -> Self {
        Self { cluster, name: name.to_owned(), room, looked: None, told: None }
    }

    /// What is in the way, as it was seen at most five seconds ago.
    pub async fn look(&mut self) -> Option<&str> {
        if self.looked.is_none_or(|last| last.elapsed() >= LOOK_EVERY) {
            self.looked = Some(Instant::now());
            match self.read().await {
                Ok(seen) => self.told = hindrance(&seen, self.room, Timestamp::now()),
                // Who may not look at pods waits all the same; that he is told nothing has a reason that he can mend.
                Err(kube::Error::Api(status)) if status.code == 403 => {
                    self.told = Some(format!("what its pods wait for can't be told: {}", status.message));
                }
                // The API server may be the one that restarts just now.
                Err(_) => {}
            }
        }
        self.told.as_deref()
    }

    async fn read(&self) -> Result<Seen, kube::Error> {
        let mine = ListParams::default().labels(&format!("{LABEL_CLUSTER}={}", self.name));
        let mut seen = Seen {
            pods: self.list(&mine).await?,
            claims: self.list(&mine).await?,
            sets: self.list(&mine).await?,
            deployments: self.list(&mine).await.unwrap_or_default(),
            events: Vec::new(),
        };
        if !seen.is_quiet() {
            let warnings = ListParams::default().fields("type=Warning").limit(MOST_WARNINGS);
            // A right that the operator's own account lacks, in whose pod a person may run this. What pods say themselves is there.
            seen.events = self.list::<Event>(&warnings).await.unwrap_or_default();
        }
        Ok(seen)
    }

    async fn list<K>(&self, params: &ListParams) -> Result<Vec<K>, kube::Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.cluster.client.clone(), &self.cluster.namespace);
        Ok(api.list(params).await?.items)
    }
}
