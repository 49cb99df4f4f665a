//! The controller of backups: wires watches to observe, decide, act and fold. There are no rules here.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::{Api, Client, ResourceExt};

use crate::api::{BackupPhase, BackupStatus, PostgresBackup, ProviderName};
use crate::background::Background;
use crate::driver::{Rounds, drive_all};
use crate::lease::Claim;
use crate::locks::Locks;
use crate::metrics::Metrics;
use crate::name::{ANNOTATION_MISSED, ClusterName};
use crate::observe::{Platform, Stores};
use crate::record::Record;
use crate::snapshot::{Provider, csi::Csi, gce::Gce};

use super::act::{self, Actor};
use super::decide::{Again, News, decide};
use super::fold::fold;
use super::observe::{self, observe};
use super::queue::has_turn;
use super::step::{Fact, Step};
use super::sweep;

/// How soon to look again at what is on its way.
const SOON: Duration = Duration::from_secs(1);
/// How often to look whether a good backup's snapshots or its copy are still there.
const LATER: Duration = Duration::from_secs(600);
/// How often a backup in the queue looks whether its turn has come: it asks nobody for that.
const QUEUED: Duration = Duration::from_secs(5);
/// Longest time for a round: the cut waits a minute for its provider, and what waits for a server goes on beside the rounds.
const LIMIT: Duration = Duration::from_secs(180);

/// What all backups share.
pub struct Context {
    /// Client of the API server.
    pub client: Client,
    /// Stores of clusters' children.
    pub stores: Stores,
    /// The operator's settings.
    pub platform: Platform,
    /// Leadership.
    pub claim: Claim,
    /// Events and log.
    pub record: Record,
    csi: Csi,
    gce: Gce,
    /// Measures.
    pub metrics: Metrics,
    /// What takes longer than a round.
    pub(super) beside: Background<Result<Fact, act::Error>>,
    /// Clusters that may be backed up at once.
    places: usize,
    /// Held from the look at other backups of the cluster until the begin is written down: of two, one begins.
    beginning: Locks<ClusterName>,
}

impl Context {
    /// What all backups share.
    pub fn new(
        client: Client,
        stores: Stores,
        platform: Platform,
        claim: Claim,
        record: Record,
        metrics: Metrics,
        gce: Gce,
    ) -> Self {
        let csi = Csi::new(client.clone());
        let (beside, beginning) = (Background::default(), Locks::default());
        Self { client, stores, platform, claim, record, metrics, csi, gce, beside, places: 1, beginning }
    }

    /// So many clusters may be backed up at once.
    #[must_use]
    pub fn with_places(self, places: usize) -> Self {
        Self { places, ..self }
    }

    /// Whether a backup may begin, as far as the watch has come.
    pub(super) fn has_turn(&self, backup: &PostgresBackup) -> bool {
        let all = self.stores.all_backups();
        has_turn(backup, all.iter().map(AsRef::as_ref), self.places)
    }

    /// Who makes the snapshots.
    pub(super) fn provider(&self, name: ProviderName) -> &dyn Provider {
        match name {
            ProviderName::Csi => &self.csi,
            ProviderName::Gce => &self.gce,
        }
    }
}

/// Why a reconcile ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error(transparent)]
    Observe(#[from] observe::Error),
    /// A step failed.
    #[error(transparent)]
    Act(#[from] act::Error),
    /// The object could not be read.
    #[error("failed to read the backup: {0}")]
    Read(#[from] kube::Error),
}

impl Rounds for Context {
    type Object = PostgresBackup;
    type Error = Error;
    const NAME: &'static str = "backup";
    const LIMIT: Duration = LIMIT;
    const SIDE_BY_SIDE: u16 = 16;

    async fn round(&self, backup: Arc<PostgresBackup>) -> Result<Action, Error> {
        once(backup, self).await
    }

    fn category(error: &Error) -> &'static str {
        match error {
            Error::Observe(_) => "BackupObserve",
            Error::Act(_) => "BackupAct",
            Error::Read(_) => "BackupRead",
        }
    }

    // Retention or a drill wrote meanwhile.
    fn is_stale(error: &Error) -> bool {
        matches!(error, Error::Act(error) if error.is_stale())
    }
}

/// Runs until `stop`.
pub async fn run(context: Context, stop: impl Future<Output = ()> + Send + Sync + 'static) {
    let (client, claim, metrics) = (context.client.clone(), context.claim.clone(), context.metrics.clone());
    let context = Arc::new(context);
    tokio::select! {
        () = drive_all(client, context.clone(), claim, metrics, stop) => {}
        () = sweep::run(&context) => {}
    }
}

async fn once(backup: Arc<PostgresBackup>, context: &Context) -> Result<Action, Error> {
    if waits_on(&backup) && !context.has_turn(&backup) {
        return Ok(Action::requeue(QUEUED));
    }
    // The watch may lag behind what was just written, and a step must not be taken twice for that reason.
    let api: Api<PostgresBackup> =
        Api::namespaced(context.client.clone(), &backup.namespace().unwrap_or_default());
    let uid = backup.uid();
    let Some(backup) = api.get_opt(&backup.name_any()).await?.map(Arc::new) else {
        context.beside.end(&uid.unwrap_or_default());
        return Ok(Action::await_change());
    };
    let before = backup.status.clone().unwrap_or_default();
    let beginning = match before.phase {
        BackupPhase::Pending => {
            let of = ClusterName::new(backup.namespace().unwrap_or_default(), &backup.spec.cluster);
            Some(context.beginning.lock(of).await)
        }
        _ => None,
    };
    let (mut seen, links) = observe(context, backup).await?;
    let decision = decide(&seen, Timestamp::now());
    let provider = context.provider(decision.status.provider.unwrap_or_default());
    let actor = Actor { context, links: links.as_ref(), provider };
    let mut written = false;
    if decision.status != before {
        seen.backup = Arc::new(actor.status(&seen.backup, &decision.status).await?);
        tell(context, &seen.backup, &before, &decision.status).await;
        let why = decision.status.reason.as_ref().filter(|why| before.reason.as_ref() != Some(*why));
        if let (Some(news), Some(why)) = (decision.news, why) {
            let (type_, reason, action) = match news {
                News::HeldBack => (EventType::Warning, "HeldBack", "Judge"),
                News::CopyKept => (EventType::Warning, "CopyKept", "Backup"),
            };
            context.record.backup(&seen.backup, type_, reason, action, why.clone()).await;
        }
        written = true;
    }
    drop(beginning);
    let Some(step) = &decision.step else {
        return Ok(match decision.again {
            _ if written => Action::requeue(Duration::ZERO),
            Again::Soon => Action::requeue(SOON),
            Again::Queued => Action::requeue(QUEUED),
            Again::After(pause) => Action::requeue(pause),
            Again::Later => Action::requeue(LATER),
            Again::Never => Action::await_change(),
        });
    };
    tracing::info!(step = step.action(), "{step}");
    let fact = match actor.take(step, &seen).await {
        Ok(fact) => fact,
        Err(error) => {
            context
                .record
                .backup(&seen.backup, EventType::Warning, "StepFailed", step.action(), error.to_string())
                .await;
            return Err(error.into());
        }
    };
    if matches!(step, Step::Unguard) {
        return Ok(Action::await_change());
    }
    let after = fold(seen.backup.spec.method, &decision.status, &fact, Timestamp::now());
    if after != decision.status {
        seen.backup = Arc::new(actor.status(&seen.backup, &after).await?);
        tell(context, &seen.backup, &decision.status, &after).await;
    }
    Ok(Action::requeue(match fact {
        Fact::Delayed { again_seconds, .. } | Fact::UnderWay { again_seconds } => {
            Duration::from_secs(again_seconds.into())
        }
        _ => Duration::ZERO,
    }))
}

/// True for what has said that it waits for its turn: nothing else is to be done for it.
fn waits_on(backup: &PostgresBackup) -> bool {
    let status = backup.status.as_ref();
    status.is_some_and(|status| status.phase == BackupPhase::Pending && status.queued_since.is_some())
        && backup.metadata.deletion_timestamp.is_none()
        && !backup.annotations().contains_key(ANNOTATION_MISSED)
}

/// A new phase is news.
async fn tell(context: &Context, backup: &PostgresBackup, before: &BackupStatus, after: &BackupStatus) {
    if before.phase == after.phase {
        return;
    }
    let cluster = &backup.spec.cluster;
    let why = after.reason.clone().unwrap_or_default();
    let (type_, reason, note) = match after.phase {
        BackupPhase::Pending | BackupPhase::Finishing | BackupPhase::Cutting | BackupPhase::Copying => return,
        BackupPhase::Checkpointing => {
            (EventType::Normal, "BackupStarted", format!("the backup of {cluster} began"))
        }
        BackupPhase::Succeeded => {
            let stall = after.write_stall_milliseconds.map(|ms| format!(", longest write meanwhile {ms} ms"));
            (
                EventType::Normal,
                "BackupSucceeded",
                format!("the backup of {cluster} can be restored{}", stall.unwrap_or_default()),
            )
        }
        BackupPhase::Failed => (EventType::Warning, "BackupFailed", why),
        BackupPhase::Missed => (EventType::Warning, "BackupMissed", why),
        BackupPhase::Lost => (EventType::Warning, "BackupLost", why),
        BackupPhase::NotRun => (EventType::Warning, "BackupNotRun", why),
    };
    context.record.backup(backup, type_, reason, "Backup", note).await;
}
