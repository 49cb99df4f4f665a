//! `stylobate operator`: waits for leadership, then keeps all clusters until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use futures::FutureExt;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};

use crate::child::Kind;
use crate::control::{self, Context};
use crate::lease::{Elector, Terms, identity};
use crate::observe::{Platform, Stores};
use crate::record::Record;
use crate::serve::{Health, serve};

/// Settings of the operator.
#[derive(Args, Debug)]
pub struct OperatorArgs {
    /// Prefix of image names
    #[arg(long, env = "STYLOBATE_IMAGE_PREFIX", default_value = "localhost/stylobate")]
    image_prefix: String,
    /// Tag of the pooler image
    #[arg(long, env = "STYLOBATE_POOLER_TAG", default_value = "4.6")]
    pooler_tag: String,
    /// DNS domain of the Kubernetes cluster
    #[arg(long, env = "STYLOBATE_CLUSTER_DOMAIN", default_value = "cluster.local")]
    domain: String,
    /// Namespace of the operator and of its lease
    #[arg(long, env = "STYLOBATE_NAMESPACE", default_value = "stylobate-system")]
    namespace: String,
    /// Address of /healthz and /readyz
    #[arg(long, env = "STYLOBATE_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
}

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// What ended it.
pub async fn run(args: OperatorArgs) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::try_default().await?;
    let health = Health::default();
    tokio::spawn(serve(args.listen, health.clone()));
    let me = identity(&std::env::var("HOSTNAME").unwrap_or_else(|_| "stylobate".into()));
    let leases: Api<Lease> = Api::namespaced(client.clone(), &args.namespace);
    let (elector, mut claim) = Elector::new(leases, "stylobate", &me, Terms::DEFAULT);
    let stop = signal().shared();
    let election = tokio::spawn(elector.run(stop.clone()));

    let optional = optional_kinds(&client).await?;
    let (stores, triggers) = Stores::start(&client, &optional);
    let waiting = stores.clone();
    tokio::spawn(async move {
        if waiting.ready().await.is_ok() {
            health.set_ready();
        }
    });
    let stopped = stop.clone();
    let leading = tokio::select! {
        won = claim.acquired() => won,
        () = stopped => false,
    };
    if leading {
        tracing::info!(identity = me, "this operator leads");
        let platform = Platform {
            image_prefix: args.image_prefix,
            pooler_tag: args.pooler_tag,
            domain: args.domain,
            namespace: args.namespace,
        };
        let record = Record::new(client.clone(), me);
        let context = Arc::new(Context { client, stores, platform, claim, record });
        tokio::select! {
            () = control::run(context, triggers, stop.clone()) => {}
            ended = election => return Ok(ended??),
        }
    }
    Ok(())
}

/// Kinds whose CRDs somebody installed.
async fn optional_kinds(client: &Client) -> Result<Vec<Kind>, kube::Error> {
    let mut served = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| kind.optional()) {
        let resource = kind.api_resource();
        match client.list_api_group_resources(&resource.api_version).await {
            Ok(list) if list.resources.iter().any(|found| found.kind == resource.kind) => served.push(kind),
            Ok(_) => {}
            // A group that nobody installed is a plain 404, without a Status of the API server.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(served)
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            tokio::signal::ctrl_c().await.ok();
        }
    }
}
