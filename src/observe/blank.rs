//! An observation to which what was seen is added: a new fact has its place here, and nobody else who makes one has to know it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::PostgresCluster;
use crate::images::CatalogSeen;

use super::facts::{Children, Given, Observed, Platform, RestoreSeen, SlotsSeen};

impl Observed {
    /// Nothing was seen yet but the cluster itself.
    pub fn new(cluster: Arc<PostgresCluster>, platform: Platform) -> Self {
        Self {
            cluster,
            platform,
            images: CatalogSeen::Missing,
            children: Children::default(),
            in_the_way: Vec::new(),
            patroni: None,
            given: Given::default(),
            pods: BTreeMap::new(),
            volumes: BTreeMap::new(),
            members: BTreeMap::new(),
            leaders: BTreeMap::new(),
            stored: BTreeMap::new(),
            database: None,
            server: None,
            database_unread: None,
            refusals: Vec::new(),
            draining: BTreeMap::new(),
            slots: SlotsSeen::default(),
            pull_failures: Vec::new(),
            restore: RestoreSeen::default(),
            backups: None,
            contests: BTreeMap::new(),
        }
    }
}
