//! The reads and writes of a drill. Each write can be made again.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use serde_json::{Map, Value, json};

use crate::api::{DrillSchedule, PostgresBackup, PostgresCluster};
use crate::name::{ANNOTATION_VERIFY, ClusterName, MANAGER};
use crate::observe::links;
use crate::repeat::{gone, there};
use crate::sql::session::{self, Session};

use super::cluster::{anchor, is_anchor, is_restored, name};
use super::control::Context;
use super::decide::{Decision, Step};
use super::facts::{Findings, Report, Seen};

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
    let Some(drill) = last.map(|last| last.cluster.clone()).or(asked) else { return Ok(None) };
    let namespace = backup.namespace().unwrap_or_default();
    let read = |cause| Error::Api { what: format!("look at drill {drill}"), cause };
    let maps: Api<ConfigMap> = Api::namespaced(context.client.clone(), &namespace);
    let clusters: Api<PostgresCluster> = Api::namespaced(context.client.clone(), &namespace);
    let source = clusters.get_opt(&backup.spec.cluster).await.map_err(read)?;
    let policy = source.and_then(|source| source.spec.backup.drill);
    let minutes = |policy: DrillSchedule| SignedDuration::from_mins(policy.deadline_minutes.into());
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
    let findings = match &cluster {
        Some(cluster) => ask(context, cluster, &backup).await,
        None => None,
    };
    Ok(Some(Seen {
        limit: policy.map_or(LIMIT, minutes),
        images: context.stores.images(),
        anchor,
        cluster,
        foreign: other_map.or(other_cluster),
        findings,
        backup,
    }))
}

/// What the restored server says. That it does not answer is no error: it may not be there yet.
async fn ask(context: &Context, cluster: &PostgresCluster, backup: &PostgresBackup) -> Option<Findings> {
    let session = session(context, cluster).await.ok()?;
    findings(&session, &backup.uid().unwrap_or_default())
        .await
        .inspect_err(|error| tracing::info!(%error, "the restored server can't be asked yet"))
        .ok()
}

async fn findings(session: &Session, uid: &str) -> Result<Findings, session::Error> {
    let known = session.query("SELECT pg_catalog.to_regclass('stylobate.backup_mark') IS NOT NULL").await?;
    let mut marked_at = None;
    if known.first().is_some_and(|row| row.get(0)) {
        let mark = format!(
            "SELECT (extract(epoch FROM at) * 1000)::bigint FROM stylobate.backup_mark WHERE backup::text = {}",
            postgres_protocol::escape::escape_literal(uid)
        );
        let rows = session.query(&mark).await?;
        marked_at = rows.first().and_then(|row| Timestamp::from_millisecond(row.get(0)).ok());
    }
    let report =
        format!("SELECT pg_catalog.pg_read_file('/data/drill/verify.json', 0, {REPORT_BYTES}, true)");
    let rows = session.query(&report).await?;
    let report = rows.first().and_then(|row| Report::read(&row.get::<_, Option<String>>(0)?));
    Ok(Findings { marked_at, report })
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
    let said = [("drill", &decision.drill), ("verified", &decision.verified)];
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
        Step::Ask { key } => {
            let cluster = seen.cluster.as_ref().ok_or_else(|| Error::NoLink(step.to_string()))?;
            // The name is made of letters, digits and dashes alone.
            let program = format!("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; verify-member {key}'");
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
