//! `stylobate status`: what a person at 3 a.m. needs, warnings first, each with the next step.

mod advice;
mod connect;
mod table;

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::api::PostgresCluster;

use super::connect::Connection;
use super::explain::Error;
use super::{find, print};

pub use table::{overview, table};

/// Which clusters to show, and how.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Cluster; all of the namespace when absent
    name: Option<String>,
    /// Clusters of all namespaces
    #[arg(short = 'A', long, conflicts_with = "name")]
    all_namespaces: bool,
    /// `json` prints a document of stable shape: {"clusters": [{namespace, name, generation, paused, status}]}
    #[arg(short, long, value_parser = ["json"])]
    output: Option<String>,
}

/// Prints the status.
///
/// # Errors
/// Those of the API server.
pub async fn run(args: StatusArgs, connection: &Connection) -> Result<(), Error> {
    let cluster = connection.open().await?;
    let found = match &args.name {
        Some(name) => vec![find::one(&cluster, name).await?],
        None if args.all_namespaces => find::everywhere(&cluster).await?,
        None => find::in_namespace(&cluster).await?,
    };
    print(&match &found[..] {
        all if args.output.is_some() => format!("{:#}\n", document(all)),
        [] if args.all_namespaces => "no PostgresCluster in any namespace\n".into(),
        [] => {
            format!("no PostgresCluster in namespace {}; -n names another, -A shows all\n", cluster.namespace)
        }
        [one] => table(one, Timestamp::now()),
        many => overview(many, Timestamp::now()),
    })
}

/// The document of `-o json`: one shape, whether a name was given or not.
pub fn document(clusters: &[PostgresCluster]) -> Value {
    let one = |cluster: &PostgresCluster| {
        json!({
            "namespace": cluster.namespace(),
            "name": cluster.name_any(),
            "generation": cluster.metadata.generation,
            "paused": cluster.spec.paused,
            "status": cluster.status,
        })
    };
    json!({"clusters": clusters.iter().map(one).collect::<Vec<_>>()})
}
