//! The only writer: takes the steps that were judged, one after the other. Every step can be taken again after a crash.

mod backups;
mod child;
mod material;
mod mint;
mod pause;
mod restore;
mod sql;

pub use material::{Material, material};
pub use sql::run as run_sql;

use kube::api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::core::DynamicObject;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::api::{ClusterStatus, PostgresCluster, SwitchoverStatus};
use crate::build::CONTAINER;
use crate::child::{ChildRef, Kind};
use crate::lease::Claim;
use crate::name::{
    ANNOTATION_FILES, ClusterName, FINALIZER, FINALIZER_MANAGER, STATUS_MANAGER, SWITCHOVER_MANAGER,
};
use crate::observe::{Links, Observed, STORED};
use crate::plan::{SqlTask, Statement, Step};
use crate::repeat::gone;

/// Why a step could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("failed to {what}: {cause}")]
    Api {
        /// The step, in words.
        what: String,
        /// The API server's words.
        cause: kube::Error,
    },
    /// An object stands where one is to be made.
    #[error(
        "failed to {what}: {object} is there, which this cluster did not make. It is looked at again at once; if this comes back, \
         somebody else made it: remove it, or make the cluster under another name"
    )]
    Taken {
        /// The step, in words.
        what: String,
        /// Its kind and name.
        object: String,
    },
    /// Certificates could not be made.
    #[error(transparent)]
    Pki(#[from] crate::pki::PkiError),
    /// SQL failed.
    #[error(transparent)]
    Sql(#[from] crate::sql::session::Error),
    /// Patroni refused.
    #[error(transparent)]
    Patroni(#[from] crate::patroni::Error),
    /// There is no way to the members yet.
    #[error("failed to {0}: no member can be reached yet; it is tried again")]
    NoLink(String),
    /// Another operator leads.
    #[error("failed to {0}: this operator leads no longer")]
    NotLeader(String),
}

impl Error {
    /// True when what was read is older than what the API server has: a newer view is on its way.
    pub fn is_stale(&self) -> bool {
        matches!(self, Error::Api { cause: kube::Error::Api(status), .. } if status.is_conflict())
    }

    /// True when the step surely had no effect. A member that did not answer in time may have done it all the same, and
    /// so may one that knows no outcome (Patroni's words for it).
    pub fn had_no_effect(&self) -> bool {
        match self {
            Error::Patroni(crate::patroni::Error::Refused { answer, .. }) => {
                !answer.contains("status unknown")
            }
            Error::NoLink(_) | Error::NotLeader(_) => true,
            _ => false,
        }
    }
}

/// What a writer needs.
pub struct Writer<'a> {
    /// Client of the API server.
    pub client: &'a Client,
    /// Leadership, asked before every write.
    pub claim: &'a Claim,
    /// Ways to the members.
    pub links: Option<&'a Links>,
    /// Cluster that is written to.
    pub name: ClusterName,
    /// Its UID: one that was made anew under its name has a status of its own.
    pub uid: Option<String>,
}

impl Writer<'_> {
    fn clusters(&self) -> Api<PostgresCluster> {
        Api::namespaced(self.client.clone(), &self.name.namespace)
    }

    fn children(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.name.namespace, &kind.api_resource())
    }

    fn pods(&self) -> Api<k8s_openapi::api::core::v1::Pod> {
        Api::namespaced(self.client.clone(), &self.name.namespace)
    }

    /// Takes one step. Of a child that is written: what the API server made of it.
    ///
    /// # Errors
    /// What went wrong; the step can be taken again.
    pub async fn take(&self, step: &Step, seen: &Observed) -> Result<Option<Value>, Error> {
        if !self.claim.is_current() {
            return Err(Error::NotLeader(step.to_string()));
        }
        match step {
            Step::Apply { child, .. } => child::apply(self, child, seen, || step.to_string()).await.map(Some),
            _ => self.take_other(step, seen).await.map(|()| None),
        }
    }

    async fn take_other(&self, step: &Step, seen: &Observed) -> Result<(), Error> {
        let api = |cause| Error::Api { what: step.to_string(), cause };
        let links = || self.links.ok_or_else(|| Error::NoLink(step.to_string()));
        match step {
            Step::Guard => self.guard(seen).await.map_err(api),
            Step::Unguard => self.unguard(seen).await.map_err(api),
            Step::Mint(mint) => mint::mint(self, mint, seen).await,
            Step::Apply { child, reason: _, cause: _ } => {
                child::apply(self, child, seen, || step.to_string()).await.map(drop)
            }
            Step::Delete { reference, uid } | Step::Withdraw { reference, uid } => {
                child::delete(self, reference, uid, DeleteParams::background()).await.map_err(api)
            }
            Step::ReleasePods { set, uid, field: _ } => {
                let params = DeleteParams {
                    propagation_policy: Some(PropagationPolicy::Orphan),
                    ..DeleteParams::default()
                };
                let reference = ChildRef::new(Kind::StatefulSet, set);
                child::delete(self, &reference, uid, params).await.map_err(api)
            }
            Step::Expand { claim, size } => {
                let claims: Api<k8s_openapi::api::core::v1::PersistentVolumeClaim> =
                    Api::namespaced(self.client.clone(), &self.name.namespace);
                let uid = seen.volumes.get(claim).map(|volume| volume.uid.as_str());
                let patch =
                    json!({"metadata": {"uid": uid}, "spec": {"resources": {"requests": {"storage": size}}}});
                claims
                    .patch(claim, &PatchParams::default(), &Patch::Merge(patch))
                    .await
                    .map(drop)
                    .map_err(api)
            }
            Step::ImportSnapshot { name: _, handle: _, content, snapshot } => {
                restore::import(self, content, snapshot, seen, || step.to_string()).await
            }
            Step::CloneVolume { claim: _, backup: _, body } => {
                restore::claim(self, body, || step.to_string()).await
            }
            Step::ForgetSnapshot { name, uid, content, content_uid } => {
                let pair = [(name, uid.as_deref()), (content, content_uid.as_deref())];
                restore::forget(self, pair).await.map_err(api)
            }
            Step::BeginRestore { map, backup: _, kept: _ } => {
                child::apply(self, map, seen, || step.to_string()).await.map(drop)
            }
            Step::ClearPatroni { maps } => restore::clear(self, maps).await.map_err(api),
            Step::DropOrders { map, uid, entries } => {
                restore::drop_orders(self, map, uid, entries).await.map_err(api)
            }
            Step::SettleVolume { claim } => {
                let uid = seen.volumes.get(claim).map(|volume| volume.uid.as_str());
                restore::settle(self, claim, uid).await.map_err(api)
            }
            Step::RetireVolume { claim, generation } => {
                let uid = seen.volumes.get(claim).map(|volume| volume.uid.as_str());
                restore::retire(self, claim, uid, *generation).await.map_err(api)
            }
            Step::HandOverVolume { claim, claim_uid, owner, uid } => {
                restore::hand_over(self, claim, claim_uid, owner, uid).await.map_err(api)
            }
            Step::ForgetVolumes { owner, uid, claims: _ } => {
                restore::forget_volumes(self, owner, uid).await.map_err(api)
            }
            Step::ReplacePod { pod, uid, .. } | Step::StopPod { pod, uid } => {
                let params = DeleteParams {
                    preconditions: Some(Preconditions { uid: Some(uid.clone()), resource_version: None }),
                    ..DeleteParams::default()
                };
                gone(self.pods().delete(pod, &params).await).map_err(api)
            }
            Step::ResizePod { pod, cpu, memory } => {
                let resources = json!({
                    "requests": {"cpu": cpu, "memory": memory},
                    "limits": {"memory": memory},
                });
                let patch = json!({"spec": {"containers": [{"name": CONTAINER, "resources": resources}]}});
                self.pods()
                    .patch_resize(pod, &PatchParams::default(), &Patch::Strategic(patch))
                    .await
                    .map(drop)
                    .map_err(api)
            }
            Step::RestartServer { group: _, pod, primary, reason: _, cause: _ } => {
                let links = links()?;
                self.checkpoint(links, pod).await;
                let restart = links.patroni.restart_pending(pod);
                Ok(if *primary { held(seen, restart).await } else { restart.await }?)
            }
            Step::RefreshFiles { pod, digest } => {
                let uid = seen.pods.get(pod).map(|pod| pod.uid.as_str());
                let patch = json!({"metadata": {"uid": uid, "annotations": {ANNOTATION_FILES: digest}}});
                self.pods()
                    .patch(pod, &PatchParams::default(), &Patch::Merge(patch))
                    .await
                    .map(drop)
                    .map_err(api)
            }
            Step::MarkPod { pod, uid, metadata } => {
                let mut patch = json!({"metadata": metadata});
                patch["metadata"]["uid"] = uid.as_str().into();
                self.pods()
                    .patch(pod, &PatchParams::default(), &Patch::Merge(patch))
                    .await
                    .map(drop)
                    .map_err(api)
            }
            Step::Configure { group: _, pod, patch } => Ok(links()?.patroni.configure(pod, patch).await?),
            Step::StoreSettings { group, resource_version, config, patch: _ } => {
                let [map, ..] = group.patroni_state();
                let patch = json!({"metadata": {
                    "resourceVersion": resource_version,
                    "annotations": {STORED: config.to_string()},
                }});
                self.children(Kind::ConfigMap)
                    .patch(&map, &PatchParams::default(), &Patch::Merge(&patch))
                    .await
                    .map(drop)
                    .map_err(api)
            }
            Step::Sql { pod, task } => Ok(run_sql(&links()?.sql, pod, task).await?),
            Step::Switchover { group: _, from, to, reason: _, cause: _ } => {
                let links = links()?;
                self.checkpoint(links, from).await;
                held(seen, links.patroni.switchover(from, to)).await?;
                Ok(())
            }
            Step::CreateBackup { backup } => backups::create(self, backup).await.map_err(api),
            Step::RecordMissed { backup, reason, at } => {
                backups::record_missed(self, backup, reason, *at).await.map_err(api)
            }
            Step::DeleteBackup { backup, uid, resource_version, retains, why: _ } => {
                backups::delete(self, backup, uid, resource_version, *retains).await.map_err(api)
            }
            Step::NoteKept { backup, until, by } => {
                let all = seen.backups.as_ref();
                let uid = all.and_then(|all| all.get(backup)).map(|backup| backup.uid.as_str());
                backups::note_kept(self, backup, uid, *until, by).await.map_err(api)
            }
            Step::RequestDrill { backup, uid, resource_version, moment } => {
                backups::request_drill(self, backup, uid, resource_version, *moment).await.map_err(api)
            }
            Step::BeginUpgrade { set, from: _, to: _ } => {
                child::apply(self, set, seen, || step.to_string()).await.map(drop)
            }
            Step::ReleaseClaim { group, holder: _, resource_version, proof: _ } => {
                let [_, leader, ..] = group.patroni_state();
                let patch = json!({"metadata": {
                    "resourceVersion": resource_version,
                    "annotations": {"leader": Value::Null},
                }});
                self.children(Kind::ConfigMap)
                    .patch(&leader, &PatchParams::default(), &Patch::Merge(patch))
                    .await
                    .map(drop)
                    .map_err(api)
            }
        }
    }

    /// Leaves little for the shutdown checkpoint, during which the server takes no writes. One that fails holds nothing up.
    async fn checkpoint(&self, links: &Links, pod: &str) {
        let task = SqlTask {
            database: "postgres".into(),
            summary: format!("checkpoint {pod}, so that it stops fast"),
            statements: vec![Statement::plain("CHECKPOINT")],
        };
        if let Err(error) = run_sql(&links.sql, pod, &task).await {
            tracing::info!(%error, pod, "no checkpoint before the stop");
        }
    }

    async fn guard(&self, seen: &Observed) -> Result<(), kube::Error> {
        // Finalizers are a set: server-side apply adds ours and leaves those of others alone.
        let body = json!({
            "apiVersion": "stylobate.dev/v1alpha1",
            "kind": "PostgresCluster",
            "metadata": {"name": self.name.name, "uid": seen.cluster.metadata.uid, "finalizers": [FINALIZER]},
        });
        let params = PatchParams::apply(FINALIZER_MANAGER).force();
        self.clusters().patch(&self.name.name, &params, &Patch::Apply(&body)).await.map(drop)
    }

    /// Server-side apply takes away only what the same manager put there, and a cluster that can't be deleted is worse
    /// than a conflict that is tried again.
    async fn unguard(&self, seen: &Observed) -> Result<(), kube::Error> {
        let others: Vec<&String> =
            seen.cluster.metadata.finalizers.iter().flatten().filter(|name| *name != FINALIZER).collect();
        let patch = json!({"metadata": {
            "uid": seen.cluster.metadata.uid,
            "resourceVersion": seen.cluster.metadata.resource_version,
            "finalizers": others,
        }});
        gone(self.clusters().patch(&self.name.name, &PatchParams::default(), &Patch::Merge(&patch)).await)
    }

    /// Writes the status, all but the answer to a switchover request. Whoever leads no longer writes none: it would put what it saw
    /// over what the next one says, and take the slot of the fleet that stands there.
    ///
    /// # Errors
    /// Those of the API server, and [`Error::NotLeader`].
    pub async fn status(&self, status: &ClusterStatus) -> Result<(), Error> {
        if !self.claim.is_current() {
            return Err(Error::NotLeader("write the status".into()));
        }
        let own = ClusterStatus { switchover: None, ..status.clone() };
        self.patch_status(STATUS_MANAGER, json!({"name": self.name.name, "uid": self.uid}), json!(own)).await
    }

    /// Writes the answer to a switchover request. With a version, only onto the object as it was seen: a request is marked
    /// as in progress once, also with two operators or a stale view.
    ///
    /// # Errors
    /// Those of the API server; [`Error::is_stale`] tells that the object has changed.
    pub async fn answer(&self, answer: &SwitchoverStatus, seen: Option<String>) -> Result<(), Error> {
        if !self.claim.is_current() {
            return Err(Error::NotLeader("answer the switchover request".into()));
        }
        let mut metadata = json!({"name": self.name.name, "uid": self.uid});
        if let Some(version) = seen {
            metadata["resourceVersion"] = version.into();
        }
        self.patch_status(SWITCHOVER_MANAGER, metadata, json!({"switchover": answer})).await
    }

    async fn patch_status(&self, manager: &str, metadata: Value, status: Value) -> Result<(), Error> {
        let body = json!({
            "apiVersion": "stylobate.dev/v1alpha1",
            "kind": "PostgresCluster",
            "metadata": metadata,
            "status": status,
        });
        let params = PatchParams::apply(manager).force();
        self.clusters()
            .patch_status(&self.name.name, &params, &Patch::Apply(&body))
            .await
            .map(drop)
            .map_err(|cause| Error::Api { what: "write the status".into(), cause })
    }
}

/// Does what the primary's clients would notice, while the poolers that can hold them.
async fn held<T>(seen: &Observed, work: impl Future<Output = T>) -> T {
    let paused = pause::pause(seen).await;
    let outcome = work.await;
    paused.resume().await;
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deposed_leader_writes_no_status_and_no_answer() {
        rustls::crypto::ring::default_provider().install_default().ok();
        // Nobody listens there: what is sent fails in another way.
        let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let (client, claim) = (Client::try_from(config).unwrap(), Claim::lost());
        let name = ClusterName::new("shop", "c");
        let writer = Writer { client: &client, claim: &claim, links: None, name, uid: None };
        let told = writer.status(&ClusterStatus::default()).await;
        assert!(matches!(told, Err(Error::NotLeader(_))), "{told:?}");
        let told = writer.answer(&SwitchoverStatus::default(), None).await;
        assert!(matches!(told, Err(Error::NotLeader(_))), "{told:?}");
    }
}
