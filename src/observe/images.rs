//! The image catalog: one ConfigMap in the operator's own namespace, watched by its name alone.

use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{BoxStream, StreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};

use crate::images::{CONFIG_MAP, CatalogSeen, KEY, place};

use super::stores::prune;

/// The catalog as the watch has it.
#[derive(Clone)]
pub(super) struct Images {
    store: Store<ConfigMap>,
    /// Read once for each version of the object, and not in every round of every cluster.
    read: Arc<Mutex<Option<(Version, CatalogSeen)>>>,
}

/// UID and resource version: together they tell one content of the object from another.
type Version = (Option<String>, Option<String>);

impl Images {
    /// Starts the watch. The stream tells of each change; it has to be polled, or the store stays empty.
    pub(super) fn watch(client: &Client, namespace: &str) -> (Self, BoxStream<'static, ()>) {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        let named = watcher::Config::default().fields(&format!("metadata.name={CONFIG_MAP}"));
        let (store, writer) = reflector::store();
        let images = Self { store, read: Arc::default() };
        let (told, place) = (images.clone(), place(namespace));
        let changes = reflector::reflector(writer, watcher(api, named).modify(prune))
            .default_backoff()
            .touched_objects()
            .filter_map(move |event| {
                let change = event
                    .inspect_err(|error| tracing::warn!(%error, "the watch of the image catalog broke off and starts again"))
                    .map(|_| log(&told.seen(), &place))
                    .ok();
                futures::future::ready(change)
            });
        (images, changes.boxed())
    }

    /// Waits for the first answer.
    ///
    /// # Errors
    /// When the watch was dropped, which happens only at the end of the process.
    pub(super) async fn ready(&self) -> Result<(), reflector::store::WriterDropped> {
        self.store.wait_until_ready().await
    }

    /// The catalog as it stands.
    pub(super) fn seen(&self) -> CatalogSeen {
        let maps = self.store.state();
        let Some(map) = maps.iter().find(|map| map.name_any() == CONFIG_MAP) else {
            return CatalogSeen::Missing;
        };
        let version = (map.uid(), map.resource_version());
        // A panic elsewhere left a pair that is whole: it is written by one assignment.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match read.as_ref() {
            Some((known, catalog)) if *known == version => catalog.clone(),
            _ => {
                let catalog = seen(map);
                *read = Some((version, catalog.clone()));
                catalog
            }
        }
    }
}

/// The catalog in its ConfigMap.
pub(super) fn seen(map: &ConfigMap) -> CatalogSeen {
    CatalogSeen::of(map.data.as_ref().and_then(|data| data.get(KEY)).map(String::as_str))
}

fn log(catalog: &CatalogSeen, place: &str) {
    match catalog {
        CatalogSeen::Good(catalog) => tracing::info!(entries = catalog.entries().len(), "{place} was read"),
        CatalogSeen::Missing => {
            tracing::warn!("{place} is gone: clusters keep what they run, and none can be made")
        }
        CatalogSeen::Invalid(problems) => {
            for problem in problems.iter() {
                tracing::warn!("{place} is refused: {problem}");
            }
        }
    }
}
