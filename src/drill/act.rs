//! The reads and writes of a drill. Each write can be made again.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use serde_json::{Map, Value, json};

use crate::api::{
    DrillOutcome, DrillReplays, DrillReport, DrillSchedule, PostgresBackup, PostgresCluster,
    default_verify_minutes,
};
use crate::name::{ANNOTATION_VERIFY, ClusterName, MANAGER};
use crate::observe::{links, storage_class};
use crate::repeat::{gone, there};
use crate::sql::session::{self, Session};

use super::class::class;
use super::cluster::{anchor, is_anchor, is_restored, name};
use super::control::Context;
use super::decide::{Decision, Step};
use super::facts::{Findings, Report, Seen, Source};
use super::queue::{has_turn, told};
use super::source;

/// Field manager of what a drill tells, apart from the rest of the status.
const DRILL_MANAGER: &str = "stylobate-drill";
/// Longest that a drill may take where the cluster's spec says nothing: checking a page costs about as much as reading it, and
/// 2 hours are 1 TB at 150 MB/s.
const LIMIT: SignedDuration = SignedDuration::from_mins(120);
/// More than any report is long: the faults in it are cut where it is written.
const REPORT_BYTES: i64 = 1 << 20;

/// Why a drill did not go on; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server.
    #[error("failed to {what}: {cause}")]
    Api {
        /// What was tried.
        what: String,
        /// The API server's words.
        cause: kube::Error,
    },
    /// SQL.
    #[error(transparent)]
    Sql(#[from] session::Error),
    /// There is no way to the member.
    #[error("failed to {0}: the restored member can't be reached; it is tried again")]
    NoLink(String),
    /// Another operator leads.
    #[error("failed to {0}: this operator leads no longer")]
    NotLeader(String),
}

/// Reads all that counts; none when no drill is asked for and none is to be cleaned up.
pub(super) async fn observe(context: &Context, backup: Arc<PostgresBackup>) -> Result<Option<Seen>, Error> {
    let last = backup.status.as_ref().and_then(|status| status.drill.as_ref());
    let asked = backup.annotations().get(ANNOTATION_VERIFY).map(|request| name(&backup, request));
    let Some(drill) = last.map(|last| last.stands().to_owned()).or(asked) else { return Ok(None) };
    let namespace = backup.namespace().unwrap_or_default();
    let read = |cause| Error::Api { what: format!("look at drill {drill}"), cause };
    let maps: Api<ConfigMap> = Api::namespaced(context.client.clone(), &namespace);
    let clusters: Api<PostgresCluster> = Api::namespaced(context.client.clone(), &namespace);
    let source = clusters.get_opt(&backup.spec.cluster).await.map_err(read)?;
    let classes = context.stores.classes();
    let wanted = source_class(&backup, source.as_ref());
    let class = class(&classes, storage_class(&classes, wanted.as_deref()).class.as_ref());
    let policy = source.as_ref().and_then(|source| source.spec.backup.drill.clone());
    let minutes = |policy: &DrillSchedule| SignedDuration::from_mins(policy.deadline_minutes.into());
    let map = maps.get_opt(&drill).await.map_err(read)?;
    let (anchor, other_map) = match map {
        Some(map) if is_anchor(&map, &backup) => (map.uid(), None),
        other => (None, other.map(|_| "ConfigMap")),
    };
    let found = clusters.get_opt(&drill).await.map_err(read)?;
    let (cluster, other_cluster) = match found {
        Some(cluster) if is_restored(&cluster, &backup, anchor.as_ref()) => (Some(cluster), None),
        other => (None, other.map(|_| "PostgresCluster")),
    };
    let had = last.map(|last| last.volumes.clone()).unwrap_or_default();
    let volumes = match &cluster {
        Some(_) => {
            let claims = context.stores.volumes(&ClusterName::new(&namespace, &drill));
            claims.into_values().filter_map(|claim| claim.volume).collect()
        }
        None => Vec::new(),
    };
    let left = if anchor.is_none() && cluster.is_none() {
        still_there(context, &had).await.map_err(read)?
    } else {
        Vec::new()
    };
    let findings = match &cluster {
        Some(cluster) => ask(context, cluster, &backup).await,
        None => None,
    };
    let verify_minutes =
        policy.as_ref().map_or_else(default_verify_minutes, |policy| policy.verify_archive_minutes);
    // Of what a drill may take as a whole the larger part is for the restore and the look at the data.
    let limit = policy.as_ref().map_or(LIMIT, minutes);
    let verify_minutes = verify_minutes.min(i32::try_from(limit.as_mins() / 4).unwrap_or(i32::MAX));
    let wanted = policy.as_ref().map_or(DrillReplays::default(), |policy| policy.replay);
    let asked_source = match last.filter(|last| begins(last)) {
        Some(last) if anchor.is_some() && cluster.is_none() => {
            ask_source(context, &backup, source.as_ref(), wanted, &last.mark()).await
        }
        _ => Source::Silent,
    };
    let all = context.stores.all_backups();
    // At the start of the operator a cluster that is not listed yet would look never drilled. The writer is gone only when all ends.
    let _ = context.clusters.wait_until_ready().await;
    let clusters = context.clusters.state();
    let ends = told(clusters.iter().map(AsRef::as_ref));
    Ok(Some(Seen {
        turn: has_turn(&backup, all.iter().map(AsRef::as_ref), &ends, context.places),
        limit,
        verify_archive: Some(verify_minutes).filter(|minutes| *minutes > 0),
        source: asked_source,
        class,
        volumes,
        left,
        images: context.stores.images(),
        anchor,
        cluster,
        foreign: other_map.or(other_cluster),
        findings,
        backup,
    }))
}

/// True of a drill of which it is not settled yet whether WAL is replayed.
fn begins(drill: &DrillReport) -> bool {
    let settled =
        drill.replay.as_ref().is_some_and(|replay| replay.archived_at.is_some() || replay.failed.is_some());
    drill.outcome == DrillOutcome::Running && !settled && drill.not_replayed.is_none()
}

/// What the backup's cluster says of its archive.
async fn ask_source(
    context: &Context,
    backup: &PostgresBackup,
    live: Option<&PostgresCluster>,
    wanted: DrillReplays,
    key: &str,
) -> Source {
    let fits = source::fit(backup, live, wanted);
    let (Source::Fit(_), Some(live)) = (&fits, live) else { return fits };
    let all = context.stores.all_backups();
    if let Some(why) = source::pruned(backup, live, all.iter().map(AsRef::as_ref), Timestamp::now()) {
        return Source::Unfit(why);
    }
    let marked = match session(context, live).await {
        Ok(session) => source::marked(&session, key).await.map_err(Error::from),
        Err(error) => Err(error),
    };
    // The words of the error are for the log: they may differ from one try to the next, and the status is written where it changes.
    marked.map(Source::Fit).unwrap_or_else(|error| {
        tracing::info!(%error, "the backup's cluster can't be asked for its mark");
        Source::Waits(format!("the primary of cluster {} does not answer", live.name_any()))
    })
}

/// The class that the source's volumes have: that of its record, since the cluster may be gone.
fn source_class(backup: &PostgresBackup, source: Option<&PostgresCluster>) -> Option<String> {
    let recorded = backup.status.as_ref().and_then(|status| status.source.as_ref()?.spec().ok());
    let spec = recorded.or_else(|| source.map(|source| source.spec.clone()))?;
    spec.storage.storage_class
}

/// Those of these volumes that there are.
async fn still_there(context: &Context, names: &[String]) -> Result<Vec<String>, kube::Error> {
    let all: Api<PersistentVolume> = Api::all(context.client.clone());
    let mut there = Vec::new();
    for name in names {
        if all.get_metadata_opt(name).await?.is_some() {
            there.push(name.clone());
        }
    }
    Ok(there)
}

/// What the restored server says. That it does not answer is no error: it may not be there yet.
async fn ask(context: &Context, cluster: &PostgresCluster, backup: &PostgresBackup) -> Option<Findings> {
    let session = session(context, cluster).await.ok()?;
    let drill = backup.status.as_ref().and_then(|status| status.drill.as_ref())?;
    findings(&session, &backup.uid().unwrap_or_default(), drill)
        .await
        .inspect_err(|error| tracing::info!(%error, "the restored server can't be asked yet"))
        .ok()
}

async fn findings(session: &Session, uid: &str, drill: &DrillReport) -> Result<Findings, session::Error> {
    let known = session.query("SELECT pg_catalog.to_regclass('stylobate.backup_mark') IS NOT NULL").await?;
    let mut marked_at = None;
    if session.first::<bool>(&known)?.unwrap_or_default() {
        let mark = format!(
            "SELECT (extract(epoch FROM at) * 1000)::bigint FROM stylobate.backup_mark WHERE backup::text = {}",
            postgres_protocol::escape::escape_literal(uid)
        );
        let rows = session.query(&mark).await?;
        marked_at = session.first(&rows)?.and_then(|at| Timestamp::from_millisecond(at).ok());
    }
    let replayed_to = match drill.replays() {
        Some(_) => source::came_back(session, &drill.mark()).await?,
        None => None,
    };
    let report =
        format!("SELECT pg_catalog.pg_read_file('/data/drill/verify.json', 0, {REPORT_BYTES}, true)");
    let rows = session.query(&report).await?;
    let report = session.first::<String>(&rows)?.and_then(|text| Report::read(&text));
    // It is asked once: each answer is a look at every file.
    let bytes = match drill.bytes {
        Some(bytes) => Some(bytes),
        None => {
            let size =
                "SELECT pg_catalog.sum(pg_catalog.pg_database_size(oid))::bigint FROM pg_catalog.pg_database";
            session.first(&session.query(size).await?)?
        }
    };
    Ok(Findings { marked_at, replayed_to, bytes, report })
}

async fn session(context: &Context, cluster: &PostgresCluster) -> Result<Session, Error> {
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let missing = || Error::NoLink(format!("ask {name}"));
    let primary = cluster.status.as_ref().and_then(|status| status.primary.clone()).ok_or_else(missing)?;
    let children = context.stores.children(&name, &cluster.uid().unwrap_or_default());
    let links =
        links(&name, &context.platform.domain, &children, &context.stores.pods(&name)).ok_or_else(missing)?;
    Ok(links.session(&primary, "postgres").await?)
}

/// Writes what is told of the drill.
pub(super) async fn tell(
    context: &Context,
    backup: &PostgresBackup,
    decision: &Decision,
) -> Result<(), Error> {
    let what = || format!("write what the drill of backup {} found", backup.name_any());
    leads(context, what)?;
    // What is not said is left out: a null would stand in the object as a value.
    let said =
        [("drill", &decision.drill), ("verified", &decision.verified), ("failedDrill", &decision.refuted)];
    let status: Map<String, Value> = said
        .into_iter()
        .filter_map(|(key, report)| Some((key.to_owned(), json!(report.as_ref()?))))
        .collect();
    let body = json!({
        "apiVersion": "stylobate.dev/v1alpha1",
        "kind": "PostgresBackup",
        "metadata": {"name": backup.name_any(), "uid": backup.uid()},
        "status": status,
    });
    let api: Api<PostgresBackup> =
        Api::namespaced(context.client.clone(), &backup.namespace().unwrap_or_default());
    let params = PatchParams::apply(DRILL_MANAGER).force();
    let written = api.patch_status(&backup.name_any(), &params, &Patch::Apply(&body)).await;
    written.map(drop).map_err(|cause| Error::Api { what: what(), cause })
}

/// Takes a step.
pub(super) async fn take(context: &Context, step: &Step, seen: &Seen) -> Result<(), Error> {
    leads(context, || step.to_string())?;
    let api = |cause| Error::Api { what: step.to_string(), cause };
    let namespace = seen.backup.namespace().unwrap_or_default();
    let maps: Api<ConfigMap> = Api::namespaced(context.client.clone(), &namespace);
    let made = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    match step {
        Step::Anchor { name } => there(maps.create(&made, &anchor(&seen.backup, name)).await).map_err(api),
        Step::Make { cluster } => {
            let clusters: Api<PostgresCluster> = Api::namespaced(context.client.clone(), &namespace);
            there(clusters.create(&made, cluster).await).map_err(api)
        }
        Step::Mark { key } => {
            let clusters: Api<PostgresCluster> = Api::namespaced(context.client.clone(), &namespace);
            let live = clusters.get_opt(&seen.backup.spec.cluster).await.map_err(api)?;
            let live = live.ok_or_else(|| Error::NoLink(step.to_string()))?;
            // What was found fit is asked for again: another cluster may have taken the name.
            match source::fit(&seen.backup, Some(&live), DrillReplays::Always) {
                Source::Fit(_) => Ok(source::mark(&session(context, &live).await?, key).await?),
                Source::Silent | Source::Unfit(_) | Source::Waits(_) => Err(Error::NoLink(step.to_string())),
            }
        }
        Step::Ask { key, archive } => {
            let cluster = seen.cluster.as_ref().ok_or_else(|| Error::NoLink(step.to_string()))?;
            // The name is made of letters, digits and dashes alone.
            let archive = archive.map(|minutes| format!(" --archive={minutes}")).unwrap_or_default();
            let program =
                format!("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; verify-member {key}{archive}'");
            Ok(session(context, cluster).await?.execute(&program).await?)
        }
        Step::Remove { name } => {
            // Without it Kubernetes is at it already.
            let Some(uid) = &seen.anchor else { return Ok(()) };
            let only = Preconditions { uid: Some(uid.clone()), resource_version: None };
            let params = DeleteParams { preconditions: Some(only), ..DeleteParams::background() };
            gone(maps.delete(name, &params).await).map_err(api)
        }
    }
}

fn leads(context: &Context, what: impl Fn() -> String) -> Result<(), Error> {
    if context.claim.is_current() { Ok(()) } else { Err(Error::NotLeader(what())) }
}
