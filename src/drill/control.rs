//! The controller of drills: wires a watch of backups to observe, decide and act. There are no rules here.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::runtime::reflector::Store;
use kube::{Api, Client, ResourceExt};

use crate::api::{DrillOutcome, DrillReport, PostgresBackup, PostgresCluster};
use crate::driver::{Rounds, drive_all};
use crate::lease::Claim;
use crate::metrics::Metrics;
use crate::observe::{Platform, Stores};
use crate::record::Record;

use super::act::{Error, observe, take, tell};
use super::decide::decide;

/// How soon to look again at a drill: a restore takes minutes.
const SOON: Duration = Duration::from_secs(5);
/// Longest time for a round: a drill's looks are files that its members write, and a round only reads them.
const LIMIT: Duration = Duration::from_secs(120);

/// What all drills share.
pub struct Context {
    /// Client of the API server.
    pub client: Client,
    /// Stores of clusters' children.
    pub stores: Stores,
    /// All clusters.
    pub clusters: Store<PostgresCluster>,
    /// The operator's settings.
    pub platform: Platform,
    /// Leadership.
    pub claim: Claim,
    /// Events and log.
    pub record: Record,
    /// Measures.
    pub metrics: Metrics,
    /// Drills that may run at once.
    pub places: usize,
}

impl Rounds for Context {
    type Object = PostgresBackup;
    type Error = Error;
    const NAME: &'static str = "drill";
    const LIMIT: Duration = LIMIT;
    const SIDE_BY_SIDE: u16 = 4;

    async fn round(&self, backup: Arc<PostgresBackup>) -> Result<Action, Error> {
        once(backup, self).await
    }

    fn category(_: &Error) -> &'static str {
        "Drill"
    }
}

/// Runs until `stop`.
pub async fn run(context: Context, stop: impl Future<Output = ()> + Send + Sync + 'static) {
    let (client, claim, metrics) = (context.client.clone(), context.claim.clone(), context.metrics.clone());
    drive_all(client, Arc::new(context), claim, metrics, stop).await;
}

async fn once(backup: Arc<PostgresBackup>, context: &Context) -> Result<Action, Error> {
    // The watch may lag behind what was just written, and a drill must not begin twice for that reason.
    let api: Api<PostgresBackup> =
        Api::namespaced(context.client.clone(), &backup.namespace().unwrap_or_default());
    let read = |cause| Error::Api { what: format!("read backup {}", backup.name_any()), cause };
    let Some(backup) = api.get_opt(&backup.name_any()).await.map_err(read)? else {
        return Ok(Action::await_change());
    };
    let Some(seen) = observe(context, Arc::new(backup)).await? else { return Ok(Action::await_change()) };
    let decision = decide(&seen, Timestamp::now());
    let before = seen.backup.status.clone().unwrap_or_default();
    let told = (&before.drill, &before.verified, &before.failed_drill);
    if (&decision.drill, &decision.verified, &decision.refuted) != told {
        tell(context, &seen.backup, &decision).await?;
        if let Some(drill) = &decision.drill {
            news(context, &seen.backup, before.drill.as_ref(), drill).await;
        }
        return Ok(Action::requeue(Duration::ZERO));
    }
    if let Some(step) = &decision.step {
        tracing::info!("{step}");
        take(context, step, &seen).await?;
    }
    Ok(if decision.soon { Action::requeue(SOON) } else { Action::await_change() })
}

/// A beginning and an end are news.
async fn news(context: &Context, backup: &PostgresBackup, before: Option<&DrillReport>, drill: &DrillReport) {
    if before.is_some_and(|before| before.cluster == drill.cluster && before.outcome == drill.outcome) {
        let told = before.and_then(|before| before.waiting.as_ref());
        if let Some(left) =
            drill.waiting.clone().filter(|left| drill.outcome != DrillOutcome::Running && Some(left) != told)
        {
            context.record.backup(backup, EventType::Warning, "DrillLeft", "Drill", left).await;
        }
        return;
    }
    let (type_, reason, note) = match drill.outcome {
        DrillOutcome::Running => {
            (EventType::Normal, "DrillStarted", format!("the backup is restored aside as {}", drill.cluster))
        }
        DrillOutcome::Passed => (EventType::Normal, "DrillPassed", drill.checks.join("; ")),
        DrillOutcome::Failed => (EventType::Warning, "DrillFailed", drill.cause.clone().unwrap_or_default()),
    };
    context.record.backup(backup, type_, reason, "Drill", note).await;
}
