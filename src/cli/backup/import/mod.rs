//! `stylobate backup import`: makes backups known that lie in an archive and that nobody in this Kubernetes cluster knows of.
//!
//! A backup becomes a manifest beside the operator, as that of a backup whose namespace is gone, given to one namespace: a restore finds it
//! there as ever. No object with a status is made: a status is the operator's own word, and what is in an archive is its owner's. Why:
//! `docs/decisions/0042-manifests-in-the-archive.md`.

mod answer;
mod found;
mod judge;
#[cfg(test)]
mod judge_tests;
mod known;
mod place;
mod reader;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{ArgGroup, Args};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, ResourceExt};

use crate::api::Flavor;
use crate::archive::PASSPHRASE;
use crate::backup::build_manifest;
use crate::images::{CONFIG_MAP, CatalogSeen, KEY};
use crate::name::{ANNOTATION_ADOPTED_BY, ANNOTATION_IMPORTED_FROM};
use crate::repeat::there;

use super::super::connect::{Cluster, Connection};
use super::super::explain::Error;
use super::super::{CLI_MANAGER, print};
use answer::Told;
use judge::{Ask, Row, Verdict, judge};
use known::known;
use place::{Login, Place, Way};

/// Where from, for which namespace, and which backups.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("which").required(true).args(["cluster", "all"])))]
pub struct ImportArgs {
    /// The archive: gs://BUCKET/FOLDER, or volume:CLAIM of the namespace
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// Secret of the namespace with what opens it: archive-passphrase, and key.json and ca.crt where it needs them. Without the passphrase
    /// it is told what the archive has of it, sealed to your key (spec.backup.archive.escrow)
    #[arg(long, value_name = "NAME")]
    archive_secret: String,
    /// Cluster whose backups are imported: its name or its UID
    #[arg(long, value_name = "NAME|UID")]
    cluster: Option<String>,
    /// Backups of all clusters of the archive
    #[arg(long)]
    all: bool,
    /// A snapshot too: its handle, as --dry-run shows it, when you know it for one of that cluster. Can be given more than once
    #[arg(long, value_name = "HANDLE")]
    snapshot: Vec<String>,
    /// Tell what would be imported, and import nothing
    #[arg(long)]
    dry_run: bool,
    /// Host and port in place of Google's
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,
    /// Show no credentials to the endpoint: for an emulator
    #[arg(long, requires = "endpoint")]
    anonymous: bool,
    /// ServiceAccount of the namespace that the bucket lets in by Workload Identity
    #[arg(long, value_name = "NAME", default_value = "default")]
    service_account: String,
    /// Image of members to read with; the newest of the image catalog when absent
    #[arg(long)]
    image: Option<String>,
    /// Namespace of the operator
    #[arg(long, value_name = "NAME", default_value = "stylobate-system")]
    operator_namespace: String,
    /// Seconds to wait for what the archive tells
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    wait: u64,
}

/// Reads the archive and makes its backups known.
///
/// # Errors
/// What can't be read, what is not believed, and those of the API server.
pub async fn run(args: ImportArgs, connection: &Connection) -> Result<(), Error> {
    let place = Place::read(&args.from)?;
    if let Some(which) = args.cluster.as_ref().filter(|which| !place::is_word(which, "-")) {
        return Err(Error::Plain(format!(
            "--cluster is '{which}': write the name of a PostgresCluster, or its UID"
        )));
    }
    if let Some(bad) = args.endpoint.as_ref().filter(|host| !place::is_word(host, "-.:")) {
        return Err(Error::Plain(format!(
            "--endpoint is '{bad}': write host and port, as gcs.test.svc:4443"
        )));
    }
    if let Some(bad) = args.snapshot.iter().find(|handle| !place::is_handle(handle)) {
        return Err(Error::Plain(format!(
            "--snapshot is '{bad}': write the handle of one snapshot, as --dry-run shows it"
        )));
    }
    let cluster = connection.open().await?;
    let owner = owner(&cluster).await?;
    let way = way(&cluster, &args, place).await?;
    account(&cluster, &args.service_account).await?;
    let image = image(&cluster, &args).await?;
    let name = format!("stylobate-import-{:08x}", rand::random::<u32>());
    let which = args.cluster.as_deref();
    let pod = reader::pod(&name, &cluster.namespace, &image, &args.service_account, &way, which);
    let log = reader::run(&cluster, &pod, Duration::from_secs(args.wait)).await?;
    let told = Told::read(&log).map_err(|broken| words::broken(&broken, &way, &image))?;
    words::unopened(&told, &way, &cluster.namespace)?;
    words::nothing(&told, which, &way)?;
    let known = known(&cluster, &args.operator_namespace, &told).await?;
    let snapshots = args.snapshot.iter().cloned().collect();
    let ask = Ask { which: args.cluster.clone(), snapshots, owner, way };
    let rows = judge(&told, &ask, &known);
    words::locked(&told, &rows, &ask.way)?;
    words::strange(&rows, &ask)?;
    let mut failed = BTreeMap::new();
    if !args.dry_run {
        for row in rows.iter().filter(|row| row.verdict == Verdict::Import) {
            if let Err(error) = store(&cluster, &args.operator_namespace, row, &ask).await {
                failed.insert(row.uid.clone(), error.to_string());
            }
        }
    }
    let rows = words::outcome(rows, failed);
    print(&words::table(&rows, &ask, &cluster.namespace, &args.operator_namespace, args.dry_run))?;
    words::faults(&told, &rows)
}

/// UID of the namespace: it is given the backups, and no later one of its name.
async fn owner(cluster: &Cluster) -> Result<String, Error> {
    let all: Api<Namespace> = Api::all(cluster.client.clone());
    let what = || format!("read namespace {}", cluster.namespace);
    let found = all.get_opt(&cluster.namespace).await.map_err(|error| Error::of(what(), cluster, error))?;
    found.and_then(|found| found.uid()).ok_or_else(|| {
        Error::Plain(format!(
            "there is no namespace {}: make it, or name another one by -n",
            cluster.namespace
        ))
    })
}

/// All that leads to the archive. Of the Secret only the names of its entries count here: the pod reads them.
async fn way(cluster: &Cluster, args: &ImportArgs, place: Place) -> Result<Way, Error> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let name = &args.archive_secret;
    let found = secrets
        .get_opt(name)
        .await
        .map_err(|error| Error::of(format!("read Secret {name}"), cluster, error))?;
    let make = format!(
        "make it with what opened the archive of the old cluster: kubectl -n {} create secret generic {name} \
         --from-file={PASSPHRASE}=FILE",
        cluster.namespace
    );
    let Some(found) = found else {
        let lack = format!("there is no Secret {name} in namespace {}: {make}", cluster.namespace);
        return Err(Error::Plain(lack));
    };
    let has = |key: &str| found.data.as_ref().is_some_and(|data| data.contains_key(key));
    let login = match (args.anonymous, has("key.json")) {
        (true, _) => Login::Anonymous,
        (false, true) => Login::Key,
        (false, false) => Login::Workload,
    };
    let endpoint = args.endpoint.clone();
    let opens = has(PASSPHRASE);
    Ok(Way { place, endpoint, login, secret: name.clone(), authority: has("ca.crt"), opens })
}

async fn account(cluster: &Cluster, name: &str) -> Result<(), Error> {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    match accounts.get_opt(name).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Error::Plain(format!(
            "there is no ServiceAccount {name} in namespace {}: make it, and let it read the bucket, or name another one by --service-account",
            cluster.namespace
        ))),
        Err(error) => Err(Error::of(format!("read ServiceAccount {name}"), cluster, error)),
    }
}

/// The image to read with.
async fn image(cluster: &Cluster, args: &ImportArgs) -> Result<String, Error> {
    if let Some(image) = &args.image {
        return Ok(image.clone());
    }
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &args.operator_namespace);
    let found = maps.get_opt(CONFIG_MAP).await;
    let found = found.map_err(|error| Error::of(format!("read ConfigMap {CONFIG_MAP}"), cluster, error))?;
    let text = found.as_ref().and_then(|map| map.data.as_ref()?.get(KEY));
    let seen = text.map(|text| CatalogSeen::of(Some(text))).unwrap_or_default();
    let newest = seen.good().and_then(|catalog| {
        let fit = catalog
            .entries()
            .iter()
            .filter(|entry| entry.flavor == Flavor::Postgres && entry.withdrawn.is_none());
        fit.max_by_key(|entry| (entry.version, entry.upgrades_from.is_none()))
            .map(|entry| entry.image.clone())
    });
    newest.ok_or_else(|| {
        Error::Plain(format!(
            "namespace {} has no image catalog (ConfigMap {CONFIG_MAP}) with an image to read with: name one by --image, or the operator's \
             namespace by --operator-namespace",
            args.operator_namespace
        ))
    })
}

/// Writes the manifest. One that is there by now is left as it is.
async fn store(cluster: &Cluster, namespace: &str, row: &Row, ask: &Ask) -> Result<(), Error> {
    let Some(backup) = &row.backup else { return Ok(()) };
    let mut map = build_manifest(backup, namespace);
    map.annotations_mut().insert(ANNOTATION_ADOPTED_BY.into(), ask.owner.clone());
    map.annotations_mut().insert(ANNOTATION_IMPORTED_FROM.into(), ask.way.place.human());
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), namespace);
    let params = PostParams { field_manager: Some(CLI_MANAGER.into()), ..PostParams::default() };
    let what = || format!("write the manifest of backup {} into namespace {namespace}", backup.name_any());
    there(maps.create(&params, &map).await).map_err(|error| Error::of(what(), cluster, error))
}
