//! What was done and refused, told to people: a Kubernetes Event in plain words and a structured log line.

use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Client, Resource};

use crate::api::{PostgresCluster, SwitchoverOutcome, SwitchoverStatus};
use crate::plan::Step;
use crate::policy::Verdict;

/// Tells of steps. One for the life of the process: it groups repeated events.
#[derive(Clone)]
pub struct Record {
    recorder: Recorder,
}

impl Record {
    /// A record whose events name `instance` as their source.
    pub fn new(client: Client, instance: String) -> Self {
        let reporter =
            kube::runtime::events::Reporter { controller: "stylobate".into(), instance: Some(instance) };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// A step was taken, or failed.
    pub async fn step(&self, cluster: &PostgresCluster, step: &Step, error: Option<&str>) {
        match error {
            None => tracing::info!(step = step.action(), "{step}"),
            Some(error) => tracing::warn!(step = step.action(), "{error}"),
        }
        if matches!(step, Step::RefreshFiles { .. } | Step::Guard | Step::Unguard) && error.is_none() {
            return;
        }
        let (kind, note) = match error {
            None => (EventType::Normal, step.to_string()),
            Some(error) => (EventType::Warning, error.to_string()),
        };
        self.publish(
            cluster,
            kind,
            if error.is_some() { "StepFailed" } else { "StepDone" },
            step.action(),
            note,
        )
        .await;
    }

    /// A step is held back.
    pub async fn verdict(&self, cluster: &PostgresCluster, verdict: &Verdict) {
        tracing::info!(policy = verdict.policy, "{verdict}");
        self.publish(cluster, EventType::Warning, "HeldBack", "Judge", verdict.to_string()).await;
    }

    /// A request for a switchover has an answer. While it is in progress the step itself is told.
    pub async fn answer(&self, cluster: &PostgresCluster, answer: &SwitchoverStatus) {
        let (type_, reason) = match answer.outcome {
            SwitchoverOutcome::InProgress => return,
            SwitchoverOutcome::Done => (EventType::Normal, "SwitchoverDone"),
            SwitchoverOutcome::Refused => (EventType::Warning, "SwitchoverRefused"),
            SwitchoverOutcome::Failed => (EventType::Warning, "SwitchoverFailed"),
        };
        tracing::info!(request = answer.request, reason, "{}", answer.message);
        self.publish(cluster, type_, reason, "Switchover", answer.message.clone()).await;
    }

    /// Something else that a person should know.
    pub async fn note(&self, cluster: &PostgresCluster, reason: &str, note: String) {
        tracing::info!(reason, "{note}");
        self.publish(cluster, EventType::Normal, reason, "Tell", note).await;
    }

    async fn publish(
        &self,
        cluster: &PostgresCluster,
        type_: EventType,
        reason: &str,
        action: &str,
        note: String,
    ) {
        // The API server takes at most 1024 bytes.
        let note: String = note.chars().take(1000).collect();
        let event =
            Event { type_, reason: reason.into(), note: Some(note), action: action.into(), secondary: None };
        match self.recorder.publish(&event, &cluster.object_ref(&())).await {
            // A namespace on its way out takes no new objects, and nobody will look for them there.
            Err(kube::Error::Api(status)) if status.is_forbidden() && status.message.contains("terminat") => {
            }
            Err(error) => tracing::warn!(%error, "failed to publish an event; the log has it"),
            Ok(()) => {}
        }
    }
}
