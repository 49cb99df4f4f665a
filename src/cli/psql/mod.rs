//! `stylobate psql`: a session through the pooler with the local psql, from anywhere that reaches the API server.
//!
//! The way is always a port-forward by the Kubernetes API, so that it works from a laptop and inside of the cluster alike.
//! The pooler's certificate is checked in full all the same: psql is told the Service's name to verify and the loopback
//! address to connect to. The password goes by the environment, never by arguments.

mod child;
mod forward;
mod login;

use std::process::ExitCode;

use clap::Args;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, ResourceExt};

use crate::api::PostgresCluster;
use crate::name::ClusterName;
use crate::secret::SecretText;

use super::connect::{Cluster, Connection};
use super::explain::Error;
use super::find;
use login::{Authority, Login};

/// Whose session, and where.
#[derive(Args, Debug)]
pub struct PsqlArgs {
    /// Cluster
    name: String,
    /// User of spec.users; the owner of the database, else the first one, when absent
    #[arg(short, long)]
    user: Option<String>,
    /// Database; the first that the user owns when absent
    #[arg(short, long)]
    database: Option<String>,
    /// Transactions are read-only unless a statement says otherwise: a guard against slips, no barrier
    #[arg(long)]
    read_only: bool,
    /// Arguments for psql, after `--`
    #[arg(last = true)]
    psql: Vec<String>,
}

/// Opens the session; psql's exit code is passed on.
///
/// # Errors
/// What stands between the person and psql.
pub async fn run(args: PsqlArgs, connection: &Connection) -> Result<ExitCode, Error> {
    child::check()?;
    let cluster = connection.open().await?;
    let object = find::one(&cluster, &args.name).await?;
    let login =
        login::choose(&object, args.user.as_deref(), args.database.as_deref()).map_err(Error::Plain)?;
    let password = password(&cluster, &login).await?;
    let authority = authority(&cluster, &login).await?;
    let name = name(&object);
    let forward = forward::Forward::open(&cluster, &name).await?;
    child::run(child::Session {
        host: format!("{}.{}.svc", name.pooler(), name.namespace),
        port: forward.port(),
        login: &login,
        password,
        authority,
        read_only: args.read_only,
        arguments: &args.psql,
    })
    .await
}

fn name(object: &PostgresCluster) -> ClusterName {
    ClusterName::new(object.namespace().unwrap_or_default(), object.name_any())
}

async fn password(cluster: &Cluster, login: &Login) -> Result<SecretText, Error> {
    let secret = secret(cluster, &login.secret).await?;
    entry(secret, &login.secret, &login.key).map(SecretText::new)
}

async fn authority(cluster: &Cluster, login: &Login) -> Result<String, Error> {
    match &login.authority {
        Authority::Secret(name) => entry(secret(cluster, name).await?, name, "ca.crt"),
        Authority::ConfigMap(name) => {
            let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
            let found = maps
                .get_opt(name)
                .await
                .map_err(|error| Error::of(format!("read ConfigMap {name}"), cluster, error))?;
            found
                .and_then(|map| map.data?.remove("ca.crt"))
                .ok_or_else(|| absent("ConfigMap", name, "ca.crt"))
        }
    }
}

async fn secret(cluster: &Cluster, name: &str) -> Result<Option<Secret>, Error> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    secrets.get_opt(name).await.map_err(|error| Error::of(format!("read Secret {name}"), cluster, error))
}

fn entry(secret: Option<Secret>, name: &str, key: &str) -> Result<String, Error> {
    secret
        .and_then(|secret| secret.data?.remove(key))
        .and_then(|bytes| String::from_utf8(bytes.0).ok())
        .ok_or_else(|| absent("Secret", name, key))
}

fn absent(kind: &str, name: &str, key: &str) -> Error {
    Error::Plain(format!(
        "failed to open a session: {kind} {name} with key {key} is not there yet; the operator makes it when the spec is \
         valid: see 'stylobate status'"
    ))
}
