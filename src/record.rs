//! What was done and refused, told to people: a Kubernetes Event in plain words and a structured log line.

use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::events::EventType;
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::json;

use crate::api::{
    GROUP, PostgresBackup, PostgresCluster, RolloutPhase, RolloutStatus, SwitchoverOutcome, SwitchoverStatus,
};
use crate::name::digest;
use crate::plan::Step;
use crate::policy::Verdict;
use crate::text::one_line;

/// Bytes of a note: the API server takes at most 1024.
const MAX_NOTE_BYTES: usize = 1000;

/// Tells of steps.
#[derive(Clone)]
pub struct Record {
    client: Client,
    instance: String,
}

impl Record {
    /// A record whose events name `instance` as their source.
    pub fn new(client: Client, instance: String) -> Self {
        Self { client, instance }
    }

    /// A step was taken, or failed.
    pub async fn step(&self, cluster: &PostgresCluster, step: &Step, error: Option<&str>) {
        match error {
            None => tracing::info!(step = step.action(), "{step}"),
            Some(error) => tracing::warn!(step = step.action(), "{error}"),
        }
        let quiet =
            matches!(step, Step::RefreshFiles { .. } | Step::NoteKept { .. } | Step::Guard | Step::Unguard);
        if quiet && error.is_none() {
            return;
        }
        let (kind, reason, note) = match error {
            // It is done, and what it records is not good.
            None if matches!(step, Step::RecordMissed { .. }) => {
                (EventType::Warning, "BackupMissed", step.to_string())
            }
            None => (EventType::Normal, "StepDone", step.to_string()),
            Some(error) => (EventType::Warning, "StepFailed", error.to_string()),
        };
        self.publish(cluster, kind, reason, step.action(), note).await;
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

    /// Something that a person should act on.
    pub async fn alarm(&self, cluster: &PostgresCluster, reason: &str, note: String) {
        tracing::warn!(reason, "{note}");
        self.publish(cluster, EventType::Warning, reason, "Tell", note).await;
    }

    /// A rollout began, stands still or came to its end.
    pub async fn rollout(&self, cluster: &PostgresCluster, rollout: &RolloutStatus) {
        let (type_, reason) = match rollout.phase {
            RolloutPhase::Waiting => return,
            RolloutPhase::Running => (EventType::Normal, "RolloutRunning"),
            RolloutPhase::Blocked => (EventType::Warning, "RolloutBlocked"),
            RolloutPhase::Done => (EventType::Normal, "RolloutDone"),
        };
        let note = format!("{}: {}", rollout.reasons.join("; "), rollout.message);
        tracing::info!(reason, "{note}");
        self.publish(cluster, type_, reason, "Rollout", note).await;
    }

    /// Something else that a person should know.
    pub async fn note(&self, cluster: &PostgresCluster, reason: &str, note: String) {
        tracing::info!(reason, "{note}");
        self.publish(cluster, EventType::Normal, reason, "Tell", note).await;
    }

    /// What became of a backup.
    pub async fn backup(
        &self,
        backup: &PostgresBackup,
        type_: EventType,
        reason: &str,
        action: &str,
        note: String,
    ) {
        tracing::info!(reason, "{note}");
        self.publish(backup, type_, reason, action, note).await;
    }

    async fn publish<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        type_: EventType,
        reason: &str,
        action: &str,
        note: String,
    ) {
        let note = one_line(&note, MAX_NOTE_BYTES);
        let said = Said { type_, reason, action, note };
        match self.publish_said(object, &said).await {
            // A namespace on its way out takes no new objects, and nobody will look for them there.
            Err(kube::Error::Api(status)) if status.is_forbidden() && status.message.contains("terminat") => {
            }
            Err(error) => tracing::warn!(%error, "failed to publish an event; the log has it"),
            Ok(()) => {}
        }
    }

    async fn publish_said<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        said: &Said<'_>,
    ) -> Result<(), kube::Error> {
        let events: Api<Event> =
            Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        let event = said.event(object, &self.instance, MicroTime(Timestamp::now()));
        match events.create(&PostParams::default(), &event).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let name = event.name_any();
                let seen = events.get(&name).await?;
                let count = seen.series.map_or(1, |series| series.count) + 1;
                let series =
                    json!({"series": {"count": count, "lastObservedTime": MicroTime(Timestamp::now())}});
                events.patch(&name, &PatchParams::default(), &Patch::Merge(series)).await.map(drop)
            }
            other => other.map(drop),
        }
    }
}

/// What is said once; saying it again counts on.
struct Said<'a> {
    type_: EventType,
    reason: &'a str,
    action: &'a str,
    note: String,
}

impl Said<'_> {
    /// The name follows from what is said of which object, so that the same words become one event with a count, whoever
    /// of the operators says them, and different words never do: kube's own recorder groups by reason alone.
    fn event<K: Resource<DynamicType = ()>>(&self, object: &K, instance: &str, now: MicroTime) -> Event {
        let type_ = match self.type_ {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        };
        let uid = object.uid().unwrap_or_default();
        let words = [&uid, type_, self.reason, self.action, &self.note].join("\n");
        let mut event = Event {
            action: Some(self.action.into()),
            event_time: Some(now),
            note: Some(self.note.clone()),
            reason: Some(self.reason.into()),
            regarding: Some(object.object_ref(&())),
            reporting_controller: Some(format!("{GROUP}/operator")),
            reporting_instance: Some(instance.into()),
            type_: Some(type_.into()),
            ..Event::default()
        };
        event.metadata.name = Some(format!("{}.{}", object.name_any(), &digest(words.as_bytes())[..16]));
        event.metadata.namespace = object.namespace();
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_are_one_event_and_different_words_are_two() {
        let cluster = crate::fixture::observed(json!({})).cluster;
        let name = |note: &str| {
            let said =
                Said { type_: EventType::Normal, reason: "StepDone", action: "Apply", note: note.into() };
            said.event(cluster.as_ref(), "me", MicroTime(Timestamp::now())).name_any()
        };
        assert_eq!(name("apply Service a"), name("apply Service a"));
        assert_ne!(name("apply Service a"), name("apply Service b"));
        assert!(name("apply Service a").starts_with(&format!("{}.", cluster.name_any())));
    }
}
