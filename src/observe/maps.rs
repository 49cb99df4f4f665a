//! ConfigMaps that people own: a change of one wakes the clusters whose spec names it.
//!
//! Nothing is kept of them but the watch itself, and of each change only name and namespace are sent: what is in a ConfigMap is read
//! by name when a cluster is looked at. The operator's own and Patroni's, which change all the time, are left out by their
//! labels.

use futures::stream::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};

use crate::api::{PostgresCluster, PostgresClusterSpec};
use crate::name::{LABEL_MANAGED_BY, LABEL_SCOPE, MANAGER};

use super::stores::Trigger;

/// Whether a spec names this ConfigMap.
fn names(spec: &PostgresClusterSpec, map: &str) -> bool {
    spec.tuning.iter().chain(&spec.pooler.tuning).any(|tuning| tuning.config_map == map)
}

/// Clusters to look at because a ConfigMap that they name was made, changed or deleted.
pub fn references(client: &Client, clusters: Store<PostgresCluster>) -> Trigger {
    let others = watcher::Config::default()
        .labels(&format!("{LABEL_MANAGED_BY}!={MANAGER},!{LABEL_SCOPE}"))
        // Every namespace has this one, and it is the API server's.
        .fields("metadata.name!=kube-root-ca.crt");
    watcher(Api::<PartialObjectMeta<ConfigMap>>::all(client.clone()), others)
        .default_backoff()
        .touched_objects()
        .filter_map(|event| {
            let event = event.inspect_err(
                |error| tracing::warn!(%error, "the watch of ConfigMaps broke off and starts again"),
            );
            futures::future::ready(event.ok())
        })
        .flat_map(move |map| {
            let (namespace, name) = (map.namespace().unwrap_or_default(), map.name_any());
            let concerned: Vec<ObjectRef<PostgresCluster>> = clusters
                .state()
                .iter()
                .filter(|cluster| {
                    cluster.namespace().as_ref() == Some(&namespace) && names(&cluster.spec, &name)
                })
                .map(|cluster| ObjectRef::from_obj(cluster.as_ref()))
                .collect();
            futures::stream::iter(concerned)
        })
        .boxed()
}
