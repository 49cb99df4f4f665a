//! `stylobate backup`: makes a backup now, lists those that should be and are, has one verified, and imports those of an archive.
//!
//! All but the import is reading and writing `PostgresBackup` objects: the operator does the work, and goes on when nobody waits.

mod create;
mod import;
mod list;
mod runs;
#[cfg(test)]
mod tests;
mod verify;

use clap::{Args, Subcommand};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::api::PostgresBackup;

use super::connect::{Cluster, Connection};
use super::explain::Error;

pub use list::{document, table};
pub use runs::{Outcome, Row, runs};

/// What to do with backups.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BackupArgs {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    #[command(flatten)]
    create: Option<create::CreateArgs>,
}

#[derive(Subcommand, Debug)]
enum BackupCommand {
    /// Make a backup now and wait for its end; 'stylobate backup NAME' does the same
    Create(create::CreateArgs),
    /// Show the runs that schedules promised beside those that were, and when the next are due
    List(list::ListArgs),
    /// Have a backup restored aside and looked at, and wait for what is found
    Verify(verify::VerifyArgs),
    /// Make backups known that lie in an archive, where this Kubernetes cluster knows nothing of them
    Import(import::ImportArgs),
}

/// Runs the command.
///
/// # Errors
/// Those of the API server, and what became of the backup or the drill when that is not good.
pub async fn run(args: BackupArgs, connection: &Connection) -> Result<(), Error> {
    match (args.command, args.create) {
        (Some(BackupCommand::Create(args)), _) | (None, Some(args)) => create::run(args, connection).await,
        (Some(BackupCommand::List(args)), _) => list::run(args, connection).await,
        (Some(BackupCommand::Verify(args)), _) => verify::run(args, connection).await,
        (Some(BackupCommand::Import(args)), _) => import::run(args, connection).await,
        (None, None) => Err(Error::Plain(
            "failed to make a backup: no cluster is named; write stylobate backup NAME, or see stylobate backup --help".into(),
        )),
    }
}

fn api(cluster: &Cluster) -> Api<PostgresBackup> {
    Api::namespaced(cluster.client.clone(), &cluster.namespace)
}

async fn all(cluster: &Cluster) -> Result<Vec<PostgresBackup>, Error> {
    let found = api(cluster).list(&ListParams::default()).await;
    let what = || format!("list PostgresBackups in namespace {}", cluster.namespace);
    found.map(|list| list.items).map_err(|error| Error::of(what(), cluster, error))
}

/// The backup of that name; one that does not exist is answered with those that do.
async fn one(cluster: &Cluster, name: &str) -> Result<PostgresBackup, Error> {
    let found = api(cluster).get_opt(name).await;
    if let Some(found) =
        found.map_err(|error| Error::of(format!("read PostgresBackup {name}"), cluster, error))?
    {
        return Ok(found);
    }
    let there: Vec<String> = all(cluster).await?.iter().map(ResourceExt::name_any).collect();
    let there =
        if there.is_empty() { "there are none".into() } else { format!("there are {}", there.join(", ")) };
    Err(Error::Plain(format!(
        "failed to find PostgresBackup {name} in namespace {}: {there}",
        cluster.namespace
    )))
}
