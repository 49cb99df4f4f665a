//! `stylobate restart`: makes every member of a cluster anew, one at a time, the primary's last and after a switchover.
//!
//! It sets an annotation, so a person needs the right to patch the object and nothing more, and it waits for windows and slots as any
//! change does.

use clap::Args;
use jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::api::PostgresCluster;
use crate::name::{ANNOTATION_RESTART, ClusterName};

use super::connect::Connection;
use super::explain::Error;
use super::{CLI_MANAGER, find, print};

/// Of which cluster.
#[derive(Args, Debug)]
pub struct RestartArgs {
    /// Cluster
    name: String,
}

/// Asks for it.
///
/// # Errors
/// Those of the API server.
pub async fn run(args: RestartArgs, connection: &Connection) -> Result<(), Error> {
    let cluster = connection.open().await?;
    let name = &args.name;
    find::one(&cluster, name).await?;
    let patch =
        json!({"metadata": {"annotations": {ANNOTATION_RESTART: format!("{:.0}", Timestamp::now())}}});
    let api: Api<PostgresCluster> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = PatchParams { field_manager: Some(CLI_MANAGER.into()), ..PatchParams::default() };
    let written = api.patch(name, &params, &Patch::Merge(patch)).await;
    written.map_err(|error| Error::of("set the annotation", &cluster, error))?;
    let namespace = &cluster.namespace;
    let pooler = ClusterName::new(namespace, name).pooler();
    print(&format!(
        "{name}: its members are made anew one after the other, the primary's last, after a switchover\n\
         what is done and what waits: stylobate plan {name} -n {namespace}; stylobate status {name} -n {namespace}\n\
         the pooler is left as it is; to restart it: kubectl -n {namespace} rollout restart deployment {pooler}\n"
    ))
}
