//! Clusters by name; one that does not exist is answered with those that do.

use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::api::PostgresCluster;

use super::connect::Cluster;
use super::explain::Error;

/// The cluster of that name in the namespace.
///
/// # Errors
/// [`Error::NotFound`] with what there is, and those of the API server.
pub async fn one(cluster: &Cluster, name: &str) -> Result<PostgresCluster, Error> {
    let api: Api<PostgresCluster> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    match api.get_opt(name).await {
        Ok(Some(found)) => Ok(found),
        // A bare 404 may also mean that the definition is not there; the list tells.
        Ok(None) => {
            let here = in_namespace(cluster).await?;
            // Whoever may look into one namespace only is told of that one.
            let elsewhere = everywhere(cluster).await.unwrap_or_default();
            Err(Error::NotFound {
                name: name.to_owned(),
                namespace: cluster.namespace.clone(),
                there: there(&here, &elsewhere),
            })
        }
        Err(error) => Err(Error::of(format!("read PostgresCluster {name}"), cluster, error)),
    }
}

/// All clusters of the namespace.
///
/// # Errors
/// Those of the API server.
pub async fn in_namespace(cluster: &Cluster) -> Result<Vec<PostgresCluster>, Error> {
    let api = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    list(cluster, api, format!("list PostgresClusters in namespace {}", cluster.namespace)).await
}

/// All clusters.
///
/// # Errors
/// Those of the API server.
pub async fn everywhere(cluster: &Cluster) -> Result<Vec<PostgresCluster>, Error> {
    list(cluster, Api::all(cluster.client.clone()), "list PostgresClusters in all namespaces".into()).await
}

async fn list(
    cluster: &Cluster,
    api: Api<PostgresCluster>,
    what: String,
) -> Result<Vec<PostgresCluster>, Error> {
    let found = api.list(&ListParams::default()).await;
    found.map(|list| list.items).map_err(|error| Error::of(what, cluster, error))
}

/// What there is in place of what was asked for.
fn there(here: &[PostgresCluster], everywhere: &[PostgresCluster]) -> String {
    let names: Vec<String> = here.iter().map(ResourceExt::name_any).collect();
    if !names.is_empty() {
        return format!("there are {}", names.join(", "));
    }
    let elsewhere: Vec<String> = everywhere
        .iter()
        .map(|cluster| format!("{} -n {}", cluster.name_any(), cluster.namespace().unwrap_or_default()))
        .collect();
    if elsewhere.is_empty() {
        return "there are none; apply one, as docs/examples/ledger.yaml".into();
    }
    format!("there are none in this namespace; elsewhere: {}", elsewhere.join(", "))
}
