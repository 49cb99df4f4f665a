//! The writes of a backup. Each can be taken again.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::api::{BackupStatus, CheckpointPace, PostgresBackup, SnapshotRecord};
use crate::archive::explain;
use crate::name::{
    ANNOTATION_BEGUN_AS, FINALIZER_BACKUP, FINALIZER_MANAGER, MANAGER, STATUS_MANAGER, digest, manifest,
};
use crate::observe::Links;
use crate::repeat::gone;
use crate::snapshot::{self, Provider, Stage};
use crate::sql::session::{self, Session};

use super::control::Context;
use super::copy::{self, Answer, Errand, Verb};
use super::facts::Seen;
use super::manifest as stored;
use super::probe::Probe;
use super::shelf;
use super::step::{CutPart, Fact, Step};

/// Longest time for a checkpoint: 64 GiB of dirty pages at 50 MB/s take 22 minutes.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Longest time for a checkpoint that is spread: `checkpoint_timeout` may be a day, but no backup waits for that.
const SPREAD_TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);
/// Pauses between two looks at snapshots that are being cut: short at first, since a local driver needs milliseconds.
const LOOKS: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];
/// How long one round waits for the cut. The status then tells how things stand, and the next round goes on.
const ROUND: Duration = Duration::from_secs(60);
/// Marks are kept a little over a year, as the rows of missed and failed backups are.
const MARKS_KEPT: &str = "400 days";

/// Seconds between two looks at a copy: one of a few GB takes a minute, and a look is a session.
const LOOK_SECONDS: u32 = 5;
/// Seconds between two looks at a snapshot that is being deleted: a cloud takes minutes.
const DELETE_SECONDS: u32 = 2;
/// Seconds until it is looked again whether a member of an older release has got the program for manifests: it takes a new pod.
const UNABLE_SECONDS: u32 = 600;

/// Why a step could not be taken; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server.
    #[error("failed to {what}: {cause}")]
    Api {
        /// The step, in words.
        what: String,
        /// The API server's words.
        cause: kube::Error,
    },
    /// SQL.
    #[error(transparent)]
    Sql(#[from] session::Error),
    /// The provider.
    #[error(transparent)]
    Provider(#[from] snapshot::Error),
    /// The archive.
    #[error("failed to {what}: {cause}")]
    Archive {
        /// The step, in words.
        what: String,
        /// pgBackRest's words.
        cause: String,
    },
    /// There is no way to the members.
    #[error("failed to {0}: no member can be reached; it is tried again")]
    NoLink(String),
    /// Another operator leads.
    #[error("failed to {0}: this operator leads no longer")]
    NotLeader(String),
}

impl Error {
    /// True when what was read is older than what the API server has.
    pub fn is_stale(&self) -> bool {
        matches!(self, Error::Api { cause: kube::Error::Api(status), .. } if status.is_conflict())
    }
}

/// Who writes.
pub struct Actor<'a> {
    /// What all backups share.
    pub context: &'a Context,
    /// Ways to the members.
    pub links: Option<&'a Links>,
    /// Who makes the snapshots.
    pub provider: &'a dyn Provider,
}

impl Actor<'_> {
    /// Takes one step.
    ///
    /// # Errors
    /// What went wrong; the step can be taken again.
    pub async fn take(&self, step: &Step, seen: &Seen) -> Result<Fact, Error> {
        if !self.context.claim.is_current() {
            return Err(Error::NotLeader(step.to_string()));
        }
        let api = |cause| Error::Api { what: step.to_string(), cause };
        let links = || self.links.ok_or_else(|| Error::NoLink(step.to_string()));
        match step {
            Step::Guard => self.guard(seen).await.map_err(api)?,
            Step::Unguard => self.unguard(seen).await.map_err(api)?,
            Step::Checkpoint { member, pace } => {
                let (links, on, pace) = (links()?.clone(), member, *pace);
                let member = on.clone();
                let work = move || async move { checkpoint(&links, &member, pace).await }.boxed();
                return self.beside(seen, &format!("checkpoint on {on}"), work).await;
            }
            Step::Mark { member, restore_point } => {
                let (links, on, point) = (links()?.clone(), member, restore_point.clone());
                let member = on.clone();
                let uid = seen.uid().to_owned();
                let work = move || async move { mark(&links, &member, &point, &uid).await }.boxed();
                return self.beside(seen, &format!("mark on {on}"), work).await;
            }
            Step::Cut { parts } => return self.cut(links()?, parts, seen).await,
            Step::Import { held, .. } => {
                for one in held {
                    self.provider.import(one).await?;
                }
                return Ok(Fact::UnderWay { again_seconds: DELETE_SECONDS });
            }
            Step::DeleteSnapshots { names, .. } => {
                let namespace = seen.backup.namespace().unwrap_or_default();
                for name in names {
                    self.provider.delete(&namespace, name).await?;
                }
                // It goes when its maker has let go of it: until then there is nothing to do but to look.
                return Ok(Fact::UnderWay { again_seconds: DELETE_SECONDS });
            }
            Step::Copy { member, errand, too_late } => {
                return make_copy(links()?, member, errand, too_late.as_ref()).await;
            }
            Step::RemoveCopy { member, errand, .. } => {
                return Ok(match copy::ask(links()?, member, Verb::Remove, errand).await? {
                    Answer::Absent { left: false } => Fact::Nothing,
                    _ => Fact::UnderWay { again_seconds: LOOK_SECONDS },
                });
            }
            Step::Shelve { member, errand } => {
                let (links, member, errand) = (links()?.clone(), member.clone(), errand.clone());
                let (manifest, what) = (stored::for_archive(&seen.backup), step.to_string());
                let work = move || {
                    async move {
                        let answer = shelf::put(&links, &member, &errand, &manifest).await?;
                        shelved(answer, Some(digest(manifest.as_bytes())), &what)
                    }
                    .boxed()
                };
                return self.beside(seen, "put the manifest into the archive", work).await;
            }
            Step::Unshelve { member, errand } => {
                let (links, member, errand) = (links()?.clone(), member.clone(), errand.clone());
                let what = step.to_string();
                let work = move || {
                    async move { shelved(shelf::remove(&links, &member, &errand).await?, None, &what) }
                        .boxed()
                };
                return self.beside(seen, "take the manifest out of the archive", work).await;
            }
            Step::StoreManifest => {
                let body = stored::build(&seen.backup, &self.context.platform.namespace);
                let params = PatchParams::apply(MANAGER).force();
                self.manifests().patch(&body.name_any(), &params, &Patch::Apply(&body)).await.map_err(api)?;
            }
            Step::DropManifest => {
                gone(self.manifests().delete(&manifest(seen.uid()), &DeleteParams::default()).await)
                    .map_err(api)?;
            }
        }
        Ok(Fact::Nothing)
    }

    /// Does what waits for a server beside the rounds: a checkpoint may take half an hour, and other backups have theirs meanwhile. `what`
    /// is the same in every round as long as the work is; a restore point has another name in each.
    async fn beside(
        &self,
        seen: &Seen,
        what: &str,
        work: impl FnOnce() -> BoxFuture<'static, Result<Fact, Error>>,
    ) -> Result<Fact, Error> {
        let done = self.context.beside.outcome(seen.uid(), what, work).await;
        done.unwrap_or(Ok(Fact::UnderWay { again_seconds: 1 }))
    }

    /// Writes what the controller itself knows of the backup, onto the very object that was seen.
    ///
    /// # Errors
    /// Those of the API server; a conflict when somebody else wrote meanwhile.
    pub async fn status(
        &self,
        seen: &PostgresBackup,
        status: &BackupStatus,
    ) -> Result<PostgresBackup, Error> {
        let what = || "write the status of the backup".to_owned();
        if !self.context.claim.is_current() {
            return Err(Error::NotLeader(what()));
        }
        let own = BackupStatus {
            kept_until: None,
            kept_by: Vec::new(),
            verified: None,
            drill: None,
            failed_drill: None,
            conditions: Vec::new(),
            ..status.clone()
        };
        let body = json!({
            "apiVersion": "stylobate.dev/v1alpha1",
            "kind": "PostgresBackup",
            "metadata": {"name": seen.name_any(), "resourceVersion": seen.resource_version()},
            "status": own,
        });
        let params = PatchParams::apply(STATUS_MANAGER).force();
        let written = self.backups(seen).patch_status(&seen.name_any(), &params, &Patch::Apply(&body)).await;
        written.map_err(|cause| Error::Api { what: what(), cause })
    }

    fn backups(&self, seen: &PostgresBackup) -> Api<PostgresBackup> {
        Api::namespaced(self.context.client.clone(), &seen.namespace().unwrap_or_default())
    }

    fn manifests(&self) -> Api<ConfigMap> {
        Api::namespaced(self.context.client.clone(), &self.context.platform.namespace)
    }

    async fn guard(&self, seen: &Seen) -> Result<(), kube::Error> {
        let body = json!({
            "apiVersion": "stylobate.dev/v1alpha1",
            "kind": "PostgresBackup",
            "metadata": {
                "name": seen.backup.name_any(), "uid": seen.backup.uid(), "finalizers": [FINALIZER_BACKUP],
                "annotations": {ANNOTATION_BEGUN_AS: seen.backup.uid()},
            },
        });
        let params = PatchParams::apply(FINALIZER_MANAGER).force();
        self.backups(&seen.backup)
            .patch(&seen.backup.name_any(), &params, &Patch::Apply(&body))
            .await
            .map(drop)
    }

    async fn unguard(&self, seen: &Seen) -> Result<(), kube::Error> {
        let others: Vec<&String> = seen
            .backup
            .metadata
            .finalizers
            .iter()
            .flatten()
            .filter(|name| *name != FINALIZER_BACKUP)
            .collect();
        let patch = json!({"metadata": {
            "uid": seen.backup.uid(), "resourceVersion": seen.backup.resource_version(), "finalizers": others,
        }});
        let name = seen.backup.name_any();
        gone(self.backups(&seen.backup).patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await)
    }

    async fn cut(&self, links: &Links, parts: &[CutPart], seen: &Seen) -> Result<Fact, Error> {
        // A snapshot that is there already was ordered by an operator that is gone: nobody measured its cut.
        let measured = seen.snapshots.is_empty();
        let Some(first) = parts.first() else {
            return Ok(Fact::Spoiled { reason: "no group is known".into() });
        };
        let probe = Probe::start(links, &first.member, seen.uid()).await?;
        let outcome = self.cut_all(parts).await;
        let stall = probe.stop().await.filter(|_| measured);
        let found = match outcome? {
            Ok(found) => found,
            Err(fact) => return Ok(fact),
        };
        for part in parts {
            if let Some(reason) = moved(links, part).await? {
                return Ok(Fact::Spoiled { reason });
            }
            self.provider.keep(&part.order.namespace, &part.order.name).await?;
        }
        let record = |(part, seen): (&CutPart, snapshot::Seen)| {
            let record = SnapshotRecord {
                name: seen.name,
                handle: seen.handle,
                driver: seen.driver,
                cut_at: seen.cut_at.map(Time),
                restore_bytes: seen.restore_bytes,
                ready: seen.stage == Stage::Ready,
                imported_at: None,
                released: false,
            };
            (part.group, record)
        };
        Ok(Fact::Cut { snapshots: parts.iter().zip(found).map(record).collect(), stall })
    }

    /// Orders all at once and waits until all are cut; or the fact that says why not.
    async fn cut_all(&self, parts: &[CutPart]) -> Result<Result<Vec<snapshot::Seen>, Fact>, Error> {
        let orders = join_all(parts.iter().map(|part| self.provider.order(&part.order))).await;
        if let Some(fact) = orders.into_iter().filter_map(Result::err).map(refused).next() {
            return Ok(Err(fact));
        }
        let until = Instant::now() + ROUND;
        let [mut pause, longest_pause] = LOOKS;
        loop {
            let looks = parts.iter().map(|part| self.provider.look(&part.order.namespace, &part.order.name));
            let looks: Vec<_> = join_all(looks)
                .await
                .into_iter()
                .collect::<Result<Option<Vec<_>>, _>>()
                .map_err(Error::from)?
                .unwrap_or_default();
            if let Some(cause) = looks.iter().find_map(|seen| match &seen.stage {
                Stage::Failed(cause) => Some(cause),
                Stage::Ordered | Stage::Cut | Stage::Ready | Stage::Adrift(_) => None,
            }) {
                return Ok(Err(Fact::Spoiled {
                    reason: format!("the provider can't make the snapshot: {cause}"),
                }));
            }
            let cut = |seen: &snapshot::Seen| matches!(seen.stage, Stage::Cut | Stage::Ready);
            if looks.len() == parts.len() && looks.iter().all(cut) {
                return Ok(Ok(looks));
            }
            if Instant::now() > until {
                let trouble = looks.into_iter().find_map(|seen| seen.trouble);
                let reason = trouble.map_or_else(
                    || "the snapshots are ordered and not cut yet".to_owned(),
                    |trouble| format!("the snapshots are not cut yet, and their maker says: {trouble}"),
                );
                return Ok(Err(Fact::Delayed { reason, again_seconds: 1 }));
            }
            sleep(pause).await;
            pause = (pause * 2).min(longest_pause);
        }
    }
}

/// What follows from an answer on the manifest in the archive.
fn shelved(answer: shelf::Answer, digest: Option<String>, what: &str) -> Result<Fact, Error> {
    match (answer, &digest) {
        (shelf::Answer::Stored, Some(_)) | (shelf::Answer::Absent, None) => Ok(Fact::Shelved(digest)),
        // What nobody can remove was put there by a later release, which is there again some day or goes with its folder.
        (shelf::Answer::Unable, None) => Ok(Fact::Shelved(None)),
        (shelf::Answer::Unable, Some(_)) => Ok(Fact::UnderWay { again_seconds: UNABLE_SECONDS }),
        // An archive that does not answer is asked for many backups of its cluster, each time for a minute and a half: not in every round.
        (shelf::Answer::Unknown { cause }, _) => {
            tracing::warn!("failed to {what}: {}; it is tried again later", explain(&cause));
            Ok(Fact::UnderWay { again_seconds: UNABLE_SECONDS })
        }
        (shelf::Answer::Stored | shelf::Answer::Absent, _) => Err(Error::Archive {
            what: what.to_owned(),
            cause: "the member answered another question; it is asked again".into(),
        }),
    }
}

/// Has the copy made, or looks how far it is.
async fn make_copy(
    links: &Links,
    member: &str,
    errand: &Errand,
    too_late: Option<&String>,
) -> Result<Fact, Error> {
    let verb = if too_late.is_some() { Verb::Look } else { Verb::Begin };
    let delayed = |reason: String| Fact::Delayed { reason, again_seconds: LOOK_SECONDS };
    Ok(match (copy::ask(links, member, verb, errand).await?, too_late) {
        (Answer::Done { damaged: true, copy }, _) => Fact::Spoiled {
            reason: format!(
                "copy {} has pages that do not fit their checksums, so the server's own data is damaged: restore an older backup aside, \
                 and see the server's log for the relations",
                copy.label
            ),
        },
        (Answer::Done { copy, damaged: false }, _) => Fact::Copied(copy),
        (Answer::Failed { cause }, _) => {
            Fact::Spoiled { reason: format!("the data could not be copied into the archive: {cause}") }
        }
        (Answer::Unknown { cause }, _) => delayed(format!("the archive can't be read: {cause}")),
        (_, Some(why)) => Fact::Spoiled { reason: why.clone() },
        (Answer::Busy { with }, None) => {
            delayed(format!("waits for the copy of backup {with} to come to its end"))
        }
        (Answer::Running | Answer::Removing { .. } | Answer::Absent { .. }, None) => {
            delayed("the data is being copied into the archive".into())
        }
    })
}

/// What follows from a refused order.
fn refused(error: snapshot::Error) -> Fact {
    match error {
        snapshot::Error::Busy { again_seconds, .. } => {
            Fact::Delayed { reason: error.to_string(), again_seconds }
        }
        snapshot::Error::Refused { .. } => Fact::Spoiled { reason: error.to_string() },
        snapshot::Error::Unreachable { .. } => Fact::Delayed { reason: error.to_string(), again_seconds: 3 },
    }
}

async fn checkpoint(links: &Links, member: &str, pace: CheckpointPace) -> Result<Fact, Error> {
    let session = links.session(member, "postgres").await?;
    match pace {
        CheckpointPace::Fast => session.execute_within("CHECKPOINT", CHECKPOINT_TIMEOUT).await?,
        // The one statement that waits for a checkpoint at the server's own pace is the start of a base backup.
        CheckpointPace::Spread => {
            session
                .execute_within("SELECT pg_catalog.pg_backup_start('stylobate', false)", SPREAD_TIMEOUT)
                .await?;
            session.execute("SELECT pg_catalog.pg_backup_stop(false)").await?;
        }
    }
    Ok(Fact::Checkpointed { lsn: redo(&session).await?, at: Timestamp::now() })
}

async fn mark(links: &Links, member: &str, restore_point: &str, uid: &str) -> Result<Fact, Error> {
    let session = links.session(member, "postgres").await?;
    session.execute("CREATE SCHEMA IF NOT EXISTS stylobate").await?;
    session
        .execute(
            "CREATE TABLE IF NOT EXISTS stylobate.backup_mark (backup uuid PRIMARY KEY, attempt int NOT NULL, at timestamptz NOT NULL)",
        )
        .await?;
    let probe = Probe::start(links, member, uid).await?;
    session
        .execute(&format!(
            "INSERT INTO stylobate.backup_mark VALUES ('{uid}', 1, pg_catalog.clock_timestamp()) \
             ON CONFLICT (backup) DO UPDATE SET attempt = backup_mark.attempt + 1, at = pg_catalog.clock_timestamp()"
        ))
        .await?;
    session
        .execute(&format!(
            "DELETE FROM stylobate.backup_mark WHERE at < pg_catalog.now() - interval '{MARKS_KEPT}'"
        ))
        .await?;
    session.execute_within("CHECKPOINT", CHECKPOINT_TIMEOUT).await?;
    let lsn =
        one(&session, &format!("SELECT pg_catalog.pg_create_restore_point('{restore_point}')::text")).await?;
    // The segment with the restore point is archived now, not when it is full.
    session.execute("SELECT pg_catalog.pg_switch_wal()").await?;
    let checkpoint_lsn = redo(&session).await?;
    let stall = probe.stop().await.unwrap_or_default();
    Ok(Fact::Marked { restore_point: restore_point.to_owned(), lsn, checkpoint_lsn, stall })
}

/// Where writes have moved to since the backup began; none when they have not. Each promotion begins a timeline.
async fn moved(links: &Links, part: &CutPart) -> Result<Option<String>, Error> {
    let session = links.session(&part.member, "postgres").await?;
    let recovering = one(&session, "SELECT pg_catalog.pg_is_in_recovery()::text").await?;
    if recovering == "true" {
        return Ok(Some(format!("{} takes no writes any more: take another backup", part.member)));
    }
    let file =
        one(&session, "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn())").await?;
    let timeline = file.get(..8).and_then(|digits| i64::from_str_radix(digits, 16).ok());
    Ok((timeline != Some(part.timeline)).then(|| {
        format!("{} was promoted again while the snapshots were cut: take another backup", part.member)
    }))
}

/// Where recovery would begin.
async fn redo(session: &Session) -> Result<String, Error> {
    one(session, "SELECT redo_lsn::text FROM pg_catalog.pg_control_checkpoint()").await
}

async fn one(session: &Session, statement: &str) -> Result<String, Error> {
    let rows = session.query(statement).await?;
    Ok(session.first(&rows)?.unwrap_or_default())
}
