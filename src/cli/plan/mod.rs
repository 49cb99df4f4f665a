//! `stylobate plan`: what the operator would do, what it costs whom, and what waits for what. It runs the operator's own
//! `decide` on what the API server alone knows, so it needs no way to the members and no right beyond the namespace; and again on what
//! would come of it, until nothing is left (`crate::foresee`).

mod catalog;
mod cost;
mod file;
mod fleet;
mod json;
mod phase;
mod report;
mod sum;
mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use kube::{Api, ResourceExt};

use crate::api::PostgresCluster;
use crate::child::Kind;
use crate::decide::{Input, decide};
use crate::foresee::foresee;
use crate::maintenance::{Windows, run_now};
use crate::name::COMPONENT_MEMBER;
use crate::observe::{Offline, offline};
use crate::policy::CATALOG;

use super::connect::{Cluster, Connection};
use super::explain::Error;
use super::{find, print};

use file::{Edit, Outcome};
pub use fleet::{FleetReport, row};
pub use report::{Report, known, without_blind_spots};

/// Clusters that are read side by side: each takes some twenty requests, which the API server counts for each person.
const AT_ONCE: usize = 4;

/// Which plan, and how to show it.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Cluster; with --file that of the file
    #[arg(required_unless_present_any = ["file", "catalog"])]
    name: Option<String>,
    /// Plan for this object in place of the live one: a PostgresCluster, with tuning ConfigMaps beside it; - is standard
    /// input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show what this image catalog would roll over all clusters of all namespaces: the ConfigMap, values of the chart, or the list
    /// alone; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "file"])]
    catalog: Option<PathBuf>,
    /// `text`, or `json` of stable shape
    #[arg(short, long, value_parser = ["text", "json"], default_value = "text")]
    output: String,
}

/// Prints the plan. The exit code is 0 when there is nothing to do, 2 when there are steps, 1 when a spec can't be carried out.
///
/// # Errors
/// Those of the API server and of the file.
pub async fn run(args: PlanArgs, connection: &Connection) -> Result<ExitCode, Error> {
    if let Some(path) = &args.catalog {
        return catalogued(path, &args.output, connection).await;
    }
    let cluster = connection.open().await?;
    let report = match &args.file {
        None => live(&cluster, args.name.as_deref().unwrap_or_default()).await?,
        Some(path) => edited(cluster, Edit::read(path)?, args.name.as_deref()).await?,
    };
    match args.output.as_str() {
        "json" => print(&format!("{:#}\n", report.json()))?,
        _ => print(&report.text())?,
    }
    Ok(ExitCode::from(report.exit_code()))
}

/// What an edit of the image catalog would roll.
async fn catalogued(path: &Path, output: &str, connection: &Connection) -> Result<ExitCode, Error> {
    // A file that is no good is told without any Kubernetes.
    let edited = catalog::read(path)?;
    let cluster = connection.open().await?;
    let found = find::everywhere(&cluster).await?;
    let kept = found.into_iter().filter(|object| object.metadata.deletion_timestamp.is_none());
    let looked = futures::stream::iter(kept.map(|object| {
        let cluster = Cluster { namespace: object.namespace().unwrap_or_default(), ..cluster.clone() };
        async move { look(&cluster, object).await }
    }));
    let seen: Vec<Offline> = looked.buffered(AT_ONCE).try_collect().await?;
    let now = Timestamp::now();
    let rows = seen.into_iter().map(|offline| row(offline, &edited, now)).collect();
    let report = FleetReport::new(path.display().to_string(), edited, rows);
    match output {
        "json" => print(&format!("{:#}\n", report.json()))?,
        _ => print(&report.text())?,
    }
    Ok(ExitCode::from(report.exit_code()))
}

async fn live(cluster: &Cluster, name: &str) -> Result<Report, Error> {
    let found = find::one(cluster, name).await?;
    let offline = look(cluster, found).await?;
    Ok(report(offline, "as it stands".into(), Timestamp::now()))
}

/// The plan of an edit that nobody has made yet.
async fn edited(mut cluster: Cluster, edit: Edit, name: Option<&str>) -> Result<Report, Error> {
    if let Some(name) = name.filter(|name| *name != edit.name()) {
        let other = edit.name();
        return Err(Error::Plain(format!(
            "the file is of cluster {other}, not of {name}: name {other} or none"
        )));
    }
    if let Some(namespace) = edit.namespace() {
        cluster.namespace = namespace.to_owned();
    }
    let api: Api<PostgresCluster> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let live = api.get_opt(edit.name()).await;
    let live = live.map_err(|error| Error::of("read the live object", &cluster, error))?;
    let of = match live {
        Some(_) => "as the file says",
        None => "as the file says, a new cluster",
    };
    let (wanted, refused, note) = match edit.dry_run(&cluster, live.as_ref()).await {
        Ok(Outcome::Taken(stored)) => (*stored, None, None),
        Ok(Outcome::Refused(why)) => {
            (edit.by_own_reading(live.as_ref()).or_else(|error| live.clone().ok_or(error))?, Some(why), None)
        }
        Err(Error::Forbidden { cause, .. }) => {
            let note = format!("what the API server would refuse: you have no right to edit ({cause})");
            (edit.by_own_reading(live.as_ref())?, None, Some(note))
        }
        Err(error) => return Err(error),
    };
    let access = live.as_ref().and_then(|live| asks_for_sql(live, &wanted));
    let mut offline = look(&cluster, wanted).await?;
    offline.unknown.extend(note.into_iter().chain(access));
    for (name, data) in edit.maps {
        if let Some(tuning) = offline.seen.given.tuning.get_mut(&name) {
            *tuning = Some(data);
        }
    }
    let mut report = report(offline, of.into(), Timestamp::now());
    if let Some(why) = refused {
        report.refuse(why);
    }
    Ok(report)
}

/// SQL that the edit asks for: what the catalogs hold is not known, so its steps can't be told one by one.
fn asks_for_sql(live: &PostgresCluster, wanted: &PostgresCluster) -> Option<String> {
    let parts = |cluster: &PostgresCluster| {
        let spec = serde_json::to_value(&cluster.spec).unwrap_or_default();
        (spec["users"].clone(), spec["databases"].clone())
    };
    let said = "SQL that the file asks for: its users or databases are not those of the live object, and what is made or changed \
                follows from the catalogs; nobody is disrupted by it";
    (parts(live) != parts(wanted)).then(|| said.to_owned())
}

async fn look(cluster: &Cluster, object: PostgresCluster) -> Result<Offline, Error> {
    let what = format!("read what belongs to PostgresCluster {}", object.name_any());
    offline(&cluster.client, Arc::new(object)).await.map_err(|error| Error::of(what, cluster, error))
}

/// Takes away what only seems wrong because it could not be read.
fn sighted(offline: &mut Offline) {
    let what = "steps that follow from Secrets: certificates, passwords, the pooler's configuration";
    if offline.blind.contains(&Kind::Secret) && !offline.unknown.iter().any(|lack| lack == what) {
        // Whether the given certificate is good can't be told; that it is missing would be a false alarm.
        Arc::make_mut(&mut offline.seen.cluster).spec.access.tls = None;
        offline.unknown.push(what.into());
    }
}

/// Decides on what was read, and leaves out what only seems so.
pub fn report(mut offline: Offline, of: String, now: Timestamp) -> Report {
    sighted(&mut offline);
    let decision = decide(&Input { seen: &offline.seen, catalog: CATALOG, now });
    let decision = without_blind_spots(decision, &offline);
    let foresight = foresee(&offline.seen, now, |step| known(step, &offline));
    let cluster = &offline.seen.cluster;
    let members = offline.seen.pods.iter().filter(|(_, pod)| pod.component == COMPONENT_MEMBER);
    Report {
        name: offline.seen.name(),
        of,
        refused: None,
        phase: Windows::read(&cluster.spec.maintenance).ok().map(|windows| windows.phase(now)),
        run_now: run_now(cluster, now),
        members: members.map(|(name, _)| name.clone()).collect(),
        primary: offline.seen.primary().map(str::to_owned),
        decision,
        foresight,
        deadline: cluster.spec.maintenance.member_deadline_seconds.unsigned_abs().into(),
        unknown: offline.unknown,
    }
}
