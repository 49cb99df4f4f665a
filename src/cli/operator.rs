//! `stylobate operator`: waits for leadership, then keeps all clusters until it is told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use futures::FutureExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use tokio::sync::oneshot;

use crate::api::PostgresCluster;
use crate::backup;
use crate::child::Kind;
use crate::control::{self, Context};
use crate::drill;
use crate::lease::{Elector, Terms, identity};
use crate::metrics::Metrics;
use crate::observe::{Platform, Stores};
use crate::record::Record;
use crate::serve::{Health, Server};
use crate::slots::{self, Slots};
use crate::snapshot::gce::{self, Gce};

use super::connect::Connection;

/// What must be before the operator is ready, as `/readyz` names it.
const CRD: &str = "the definition of PostgresCluster";
const STORES: &str = "the first list of every watch";

/// Pause before looking again for the definition: a person installs it, so seconds are soon enough.
const CRD_RETRY: Duration = Duration::from_secs(5);

/// Settings of the operator.
#[derive(Args, Debug)]
pub struct OperatorArgs {
    /// Image of the pooler, with its digest
    #[arg(long, env = "STYLOBATE_POOLER_IMAGE")]
    pooler_image: String,
    /// Image of the pooler kind PgBouncer, with its digest; without it that kind is refused
    #[arg(long, env = "STYLOBATE_PGBOUNCER_IMAGE", default_value = "")]
    pgbouncer_image: String,
    /// DNS domain of the Kubernetes cluster
    #[arg(long, env = "STYLOBATE_CLUSTER_DOMAIN", default_value = "cluster.local")]
    domain: String,
    /// Namespace of the operator and of its lease
    #[arg(long, env = "STYLOBATE_NAMESPACE", default_value = "stylobate-system")]
    namespace: String,
    /// Address of /metrics, /healthz and /readyz
    #[arg(long, env = "STYLOBATE_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Clusters that may be disrupted on purpose at the same time
    #[arg(long, env = "STYLOBATE_DISRUPTION_SLOTS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    disruption_slots: u16,
    /// Clusters that may be backed up at the same time; others wait for their turn
    #[arg(long, env = "STYLOBATE_BACKUP_SLOTS", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    backup_slots: u16,
    /// Drills that may run at the same time; each is a cluster of one member
    #[arg(long, env = "STYLOBATE_DRILL_SLOTS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    drill_slots: u16,
    #[command(flatten)]
    gce: gce::Options,
}

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// What ended it.
pub async fn run(args: OperatorArgs, connection: &Connection) -> Result<(), Box<dyn std::error::Error>> {
    let client = connection.patient().await?;
    let (health, metrics) = (Health::new([CRD, STORES]), Metrics::new(env!("CARGO_PKG_VERSION")));
    let stop = signal().shared();
    let server = Server::bind(args.listen).await?;
    tokio::spawn(server.run(metrics.clone(), health.clone(), stop.clone()));
    let me = identity(&std::env::var("HOSTNAME").unwrap_or_else(|_| "stylobate".into()));
    let leases: Api<Lease> = Api::namespaced(client.clone(), &args.namespace);
    let (elector, mut claim) = Elector::new(leases, "stylobate", &me, Terms::DEFAULT);
    let optional = optional_kinds(&client).await?;
    let (stores, mut triggers) = Stores::start(&client, &args.namespace, &optional);
    let (waiting, watched) = (stores.clone(), health.clone());
    let ready = async move {
        let full = waiting.ready().await;
        watched.set_ready(STORES, full);
        full
    };
    // Released only after the last reconcile: until then this process may still write.
    let (done, finished) = oneshot::channel::<()>();
    let finished = async move { finished.await.unwrap_or_default() };
    let mut election = tokio::spawn(elector.run_when(ready, finished));
    tokio::spawn(await_crd(client.clone(), health.clone()));
    let stopped = stop.clone();
    let leading = tokio::select! {
        won = claim.acquired() => won,
        // Watches run while this operator waits, so that it is ready to take over at once.
        () = drain(&mut triggers) => false,
        () = stopped => false,
    };
    if leading {
        tracing::info!(identity = me, "this operator leads");
        metrics.set_leader(true);
        let platform = Platform {
            pooler_image: args.pooler_image,
            pgbouncer_image: args.pgbouncer_image,
            domain: args.domain,
            namespace: args.namespace,
        };
        let record = Record::new(client.clone(), me);
        let controller = control::controller(&client);
        let clusters = controller.store();
        let backups = backup::Context::new(
            client.clone(),
            stores.clone(),
            platform.clone(),
            claim.clone(),
            record.clone(),
            metrics.clone(),
            Gce::from_environment(args.gce, installation(&client).await?),
        )
        .with_places(args.backup_slots.into());
        let drills = drill::Context {
            client: client.clone(),
            stores: stores.clone(),
            clusters: clusters.clone(),
            platform: platform.clone(),
            claim: claim.clone(),
            record: record.clone(),
            metrics: metrics.clone(),
            places: args.drill_slots.into(),
        };
        let slots = Slots::new(args.disruption_slots.into(), slots::watched(clusters.clone()));
        let context = Context { client, stores, platform, claim, record, metrics, health, slots, clusters };
        tokio::select! {
            _ = async {
                tokio::join!(
                    control::run(controller, context, triggers, stop.clone()),
                    backup::run(backups, stop.clone()),
                    drill::run(drills, stop.clone()),
                )
            } => {}
            ended = &mut election => return Ok(ended??),
        }
    }
    // The receiver is gone only when the election has ended, and the next line says how.
    let _ = done.send(());
    Ok(election.await??)
}

/// What tells this Kubernetes cluster from others, for snapshots outside it: the UID of a namespace that lives as long as it does.
async fn installation(client: &Client) -> Result<String, Box<dyn std::error::Error>> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let system = namespaces.get_metadata("kube-system").await.map_err(|cause| {
        format!(
            "failed to read the namespace kube-system: {cause}; the operator's ClusterRole has to allow it"
        )
    })?;
    Ok(system.uid().unwrap_or_default())
}

/// Reports the CustomResourceDefinition as soon as the API server serves it.
async fn await_crd(client: Client, health: Health) {
    let clusters: Api<PostgresCluster> = Api::all(client);
    while let Err(cause) = clusters.list_metadata(&ListParams::default().limit(1)).await {
        tracing::warn!(
            "failed to list PostgresClusters: {cause}; install the definition that 'stylobate crd' prints"
        );
        tokio::time::sleep(CRD_RETRY).await;
    }
    health.set_ready(CRD, true);
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

/// Polls the watches; it ends only with the process.
async fn drain(triggers: &mut crate::observe::Trigger) {
    use futures::StreamExt;
    while triggers.next().await.is_some() {}
}
