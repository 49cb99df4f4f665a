//! The operators: who leads, what they log, their command line, and their sudden end.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, LogParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::broken::{Broken, Kept, same};
use crate::ensure;

use super::pods::{self, Output};

/// Where the chart installs it.
pub const NAMESPACE: &str = "stylobate-system";
/// Deployment and lease.
const NAME: &str = "stylobate";
/// Its pods.
const LABELS: &str = "app.kubernetes.io/name=stylobate-operator";

/// The operators of the cluster.
pub struct Operator {
    pods: Api<Pod>,
    leases: Api<Lease>,
    deployments: Api<Deployment>,
}

impl Operator {
    /// By this client.
    pub fn new(client: &Client) -> Self {
        Self {
            pods: Api::namespaced(client.clone(), NAMESPACE),
            leases: Api::namespaced(client.clone(), NAMESPACE),
            deployments: Api::namespaced(client.clone(), NAMESPACE),
        }
    }

    /// The lease's holder is a pod that is there, and all replicas are ready.
    ///
    /// # Errors
    /// Who is missing.
    pub async fn leads(&self) -> Kept {
        let lease = self.leases.get(NAME).await?;
        let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
        let holder = holder.split('_').next().unwrap_or_default().to_owned();
        let pods = self.pods.list(&ListParams::default().labels(LABELS)).await?.items;
        ensure!(
            pods.iter().any(|pod| pod.name_any() == holder && pod.metadata.deletion_timestamp.is_none()),
            "the lease's holder '{holder}' is no pod that runs"
        );
        let status = self.deployments.get(NAME).await?.status.unwrap_or_default();
        same("ready operators", status.ready_replicas.unwrap_or(0), 2)
    }

    /// Ends all of them at once, without a word of farewell.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn kill(&self) -> Kept {
        let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        for pod in self.pods.list(&ListParams::default().labels(LABELS)).await? {
            match self.pods.delete(&pod.name_any(), &now).await {
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                outcome => {
                    outcome?;
                }
            }
        }
        Ok(())
    }

    /// So many operators from now on.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn scale(&self, replicas: i32) -> Kept {
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        self.deployments.patch_scale(NAME, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// How many are there, ready or not.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn count(&self) -> Kept<usize> {
        Ok(self.pods.list(&ListParams::default().labels(LABELS)).await?.items.len())
    }

    /// The command line as the operator's image has it.
    ///
    /// # Errors
    /// When no operator is there to ask.
    pub async fn run(&self, arguments: &[&str]) -> Kept<Output> {
        let all = self.pods.list(&ListParams::default().labels(LABELS)).await?.items;
        let pod = all.iter().find(|pod| pods::ready(pod) && pod.metadata.deletion_timestamp.is_none());
        let pod = pod.ok_or_else(|| Broken::new("no operator is ready"))?.name_any();
        let command: Vec<&str> = std::iter::once("stylobate").chain(arguments.iter().copied()).collect();
        let container = all.iter().find(|found| found.name_any() == pod).and_then(|pod| pod.spec.as_ref());
        let container =
            container.and_then(|spec| spec.containers.first()).map_or("", |first| first.name.as_str());
        pods::exec(&self.pods, &pod, container, &command, None).await
    }

    /// The logs of all of them, and of what ran in their pods before.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn logs(&self) -> Kept<String> {
        let mut all = String::new();
        for pod in self.pods.list(&ListParams::default().labels(LABELS)).await? {
            for previous in [false, true] {
                let which = LogParams { previous, ..LogParams::default() };
                // A pod that was never restarted has no earlier log.
                all += &self.pods.logs(&pod.name_any(), &which).await.unwrap_or_default();
            }
        }
        Ok(all)
    }
}
