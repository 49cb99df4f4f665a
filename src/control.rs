//! The controller: wires watches to `observe -> decide -> apply -> record`. There are no rules here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::controller::Action;
use kube::runtime::{Controller, reflector, watcher};
use kube::{Api, Client, ResourceExt};

use crate::api::{ClusterStatus, PostgresCluster, SwitchoverOutcome};
use crate::apply::{self, Writer};
use crate::decide::{Again, Input, decide};
use crate::driver::{Rounds, drive};
use crate::fleet::pull_failures;
use crate::lease::Claim;
use crate::metrics::{ClusterFigures, ClusterKey, Metrics, archive, figures, write_of};
use crate::name::ClusterName;
use crate::observe::{Platform, Stores, Trigger, links, note_restores, observe};
use crate::plan::{self, volumes_command};
use crate::policy::CATALOG;
use crate::record::Record;
use crate::serve::{BEAT_EVERY, Health};
use crate::slots::Slots;
use crate::status::{kind, missed_drill, reason};
use crate::text::one_line;

/// Longest time that one round may take: a switchover with a long shutdown checkpoint fits.
const LIMIT: Duration = Duration::from_secs(120);
/// How soon to look again at a cluster that is on its way.
const SOON: Duration = Duration::from_secs(2);
/// How soon to ask members of a settled cluster for their health.
const LATER: Duration = Duration::from_secs(15);
/// Time for SQL in one reconcile, in which each piece may wait for locks of others: what is left is done in the next one.
const SQL_ROUND: Duration = Duration::from_secs(40);

/// Problems of a spec, and refused settings, that have an event each: their number is who writes the ConfigMap's to choose.
const MOST_TOLD: usize = 20;

/// What all reconciles share.
pub struct Context {
    /// Client of the API server.
    pub client: Client,
    /// Stores of children.
    pub stores: Stores,
    /// The operator's settings.
    pub platform: Platform,
    /// Leadership.
    pub claim: Claim,
    /// Events and log.
    pub record: Record,
    /// Counts and measures.
    pub metrics: Metrics,
    /// Told that the loop is alive.
    pub health: Health,
    /// Who may be disrupted on purpose.
    pub slots: Slots,
    /// All clusters: one may be made from the backup of another.
    pub clusters: reflector::Store<PostgresCluster>,
}

/// Why a reconcile ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("failed to observe the cluster: {0}")]
    Observe(#[from] kube::Error),
    /// Writing failed.
    #[error(transparent)]
    Apply(#[from] apply::Error),
}

/// What watches clusters. Its store has all of them when the first reconcile begins.
pub fn controller(client: &Client) -> Controller<PostgresCluster> {
    Controller::new(Api::all(client.clone()), watcher::Config::default().any_semantic())
}

/// Runs until `stop`.
pub async fn run(
    controller: Controller<PostgresCluster>,
    context: Context,
    triggers: Trigger,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let context = Arc::new(context);
    let (health, metrics, stores) = (context.health.clone(), context.metrics.clone(), context.stores.clone());
    let references = stores.named().watch(&context.client, controller.store());
    let controller = controller.reconcile_on(triggers).reconcile_on(references).graceful_shutdown_on(stop);
    let controller = drive(controller, context.clone(), context.claim.clone(), context.metrics.clone());
    tokio::pin!(controller);
    let mut beat = tokio::time::interval(BEAT_EVERY);
    loop {
        tokio::select! {
            () = &mut controller => break,
            // In the loop's own task: a reconcile that blocks the task stops the beat.
            _ = beat.tick() => {
                health.beat();
                metrics.set_image_catalog(stores.images().good().map(|catalog| catalog.entries().len()));
            }
        }
    }
}

impl Rounds for Context {
    type Object = PostgresCluster;
    type Error = Error;
    const NAME: &'static str = "cluster";
    const LIMIT: Duration = LIMIT;
    const SIDE_BY_SIDE: u16 = 16;

    async fn round(&self, cluster: Arc<PostgresCluster>) -> Result<Action, Error> {
        once(cluster, self).await
    }

    fn category(error: &Error) -> &'static str {
        match error {
            Error::Observe(_) => "Observe",
            Error::Apply(_) => "Apply",
        }
    }
}

async fn once(cluster: Arc<PostgresCluster>, context: &Context) -> Result<Action, Error> {
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let metrics = &context.metrics;
    let key = ClusterKey { namespace: name.namespace.clone(), cluster: name.name.clone() };
    let started = Instant::now();
    let mut seen = observe(&context.client, &context.stores, &context.platform, cluster.clone()).await?;
    seen.slots = context.slots.seen(&name);
    let fleet = context.clusters.state();
    seen.pull_failures = pull_failures(&name, fleet.iter().map(AsRef::as_ref));
    if let Some(backups) = &mut seen.backups {
        note_restores(backups, &name, &context.clusters);
    }
    metrics.step_took("observe", started.elapsed());
    let started = Instant::now();
    let mut decision = decide(&Input { seen: &seen, catalog: CATALOG, now: Timestamp::now() });
    if decision.status.slot.is_some() && !context.slots.take(&name) {
        // Another cluster was faster by a moment: then this one waits, and says for whom.
        seen.slots = context.slots.seen(&name);
        decision = decide(&Input { seen: &seen, catalog: CATALOG, now: Timestamp::now() });
    }
    metrics.step_took("decide", started.elapsed());
    let figures = figures(cluster.spec.instances, &decision.status, &seen.members);
    metrics.set_cluster(key.clone(), ClusterFigures { archive: archive(&seen, Timestamp::now()), ..figures });
    let started = Instant::now();
    let links = links(&name, &context.platform.domain, &seen.children, &seen.pods);
    let writer = Writer {
        client: &context.client,
        claim: &context.claim,
        links: links.as_ref(),
        name: name.clone(),
        uid: cluster.uid(),
    };

    if let Some(answer) = &decision.answer {
        match writer.answer(answer, cluster.resource_version()).await {
            Err(error) if error.is_stale() => return Ok(Action::requeue(SOON)),
            other => other?,
        }
        metrics.wrote("PostgresCluster", "status");
        context.record.answer(&cluster, answer).await;
    }
    let before = cluster.status.clone().unwrap_or_default();
    if before != decision.status {
        writer.status(&decision.status).await?;
        metrics.wrote("PostgresCluster", "status");
        for verdict in &decision.verdicts {
            if !said(&before, &verdict.to_string()) {
                context.record.verdict(&cluster, verdict).await;
            }
        }
        for condition in decision.status.conditions.iter().filter(|condition| alarming(condition)) {
            let old = before.conditions.iter().find(|old| old.type_ == condition.type_);
            // The members that it names come and go; news is a reason that is new.
            if old.is_none_or(|old| old.reason != condition.reason) {
                context.record.alarm(&cluster, &condition.reason, condition.message.clone()).await;
            }
        }
        if let Some(missed) = missed_drill(&before, &decision.status) {
            context.record.alarm(&cluster, reason::DRILL_MISSED, missed.reason.clone()).await;
        }
        for problem in decision.problems.iter().take(MOST_TOLD) {
            if !said(&before, &problem.to_string()) {
                context.record.note(&cluster, "InvalidSpec", problem.to_string()).await;
            }
        }
        for refused in decision.refused.iter().take(MOST_TOLD) {
            if !said(&before, &refused.to_string()) {
                context.record.note(&cluster, "TuningRefused", refused.to_string()).await;
            }
        }
    }
    // Only after the status tells so: the next operator must not find a holder that this one forgot.
    if decision.status.slot.is_none() {
        context.slots.release(&name);
    }
    if let Some(rollout) = &decision.status.rollout
        && before.rollout.as_ref().is_none_or(|before| before.phase != rollout.phase)
    {
        context.record.rollout(&cluster, rollout).await;
    }
    let mut failure = None;
    let mut sql_took = Duration::ZERO;
    for step in &decision.steps {
        let is_sql = matches!(step, plan::Step::Sql { .. });
        if is_sql && sql_took > SQL_ROUND {
            continue;
        }
        let began = Instant::now();
        let outcome = writer.take(step, &seen).await;
        if let plan::Step::Sql { task, .. } = step {
            sql_took += began.elapsed();
            let cause = outcome.as_ref().err().map(|error| error.to_string());
            context.stores.servers().note_sql(&name, &task.summary, cause, Timestamp::now());
        }
        let error = outcome.as_ref().err().map(|error| error.to_string());
        if let Ok(answer) = &outcome {
            let (kind, verb) = write_of(step);
            metrics.wrote(kind, verb);
            let before = match step {
                plan::Step::Apply { child, .. } => seen.children.0.get(&child.reference),
                _ => None,
            };
            context.stores.contests().note(&name, step, before, answer.as_ref(), Timestamp::now());
        }
        if matches!(step, plan::Step::Unguard) {
            metrics.forget_cluster(&key);
            let key = match seen.children.secret(&name.archive_key()) {
                None => String::new(),
                Some(_) => format!(
                    ". Secret {} stays too: without it nobody can read what was archived",
                    name.archive_key()
                ),
            };
            let note = format!(
                "all is removed but the volumes and the passwords of the data in them; to remove both: {}{key}",
                volumes_command(&name)
            );
            context.record.note(&cluster, "VolumesKept", note).await;
        }
        context.record.step(&cluster, step, error.as_deref()).await;
        if let (plan::Step::Switchover { .. }, Some(answer), Err(cause)) = (step, &decision.answer, &outcome)
            && cause.had_no_effect()
        {
            let failed = SwitchoverOutcome::Failed;
            let answer = plan::answered(answer, failed, cause.to_string(), Timestamp::now());
            writer.answer(&answer, None).await?;
            metrics.wrote("PostgresCluster", "status");
        }
        if let Err(error) = outcome {
            // SQL that failed is told by condition and tried again in its own time: nobody else waits for it.
            failure = failure.or(Some(error).filter(|_| !is_sql));
            // One child that can't be written must not keep the others from being put right; what mounts a Secret that
            // could not be made would only wait.
            if matches!(step, plan::Step::Guard | plan::Step::Mint(_)) || !context.claim.is_current() {
                break;
            }
        }
    }
    metrics.step_took("apply", started.elapsed());
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(Action::requeue(match decision.again {
            Again::Soon => SOON,
            Again::Later => LATER,
        })),
    }
}

/// What a person should hear of without looking at the object: it gets worse while nobody acts.
fn alarming(condition: &Condition) -> bool {
    // Each drill that was missed has an event of its own.
    let quiet = [reason::GROWING, reason::IN_PROGRESS, reason::NO_PRIMARY, reason::DRILL_MISSED];
    let loud = [
        kind::STORAGE,
        kind::DRAIN,
        kind::ENGINE,
        kind::ARCHIVING,
        kind::RESTORED,
        kind::BACKUPS,
        kind::DRILLS,
        kind::DATABASES,
        kind::RIGHTS,
    ];
    // Of these conditions most comes and goes by itself; this does not.
    let refused = condition.type_ == kind::REDUNDANT && condition.reason == reason::FAILED_CREATE;
    let contested = condition.reason == reason::CONTESTED;
    refused
        || contested
        || loud.contains(&condition.type_.as_str())
            && condition.status == "False"
            && !quiet.contains(&condition.reason.as_str())
}

/// Whether the status said so already: an event is for news.
fn said(before: &ClusterStatus, text: &str) -> bool {
    let text = &one_line(text, usize::MAX);
    before.conditions.iter().any(|condition| condition.message.contains(text))
}
