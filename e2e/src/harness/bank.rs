//! The bank as a client of a cluster, through Pgpool: transfers all the while, and every acknowledged one is there in the end.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, LogParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::broken::{Broken, Kept, says};
use crate::ensure;

use super::child::tail;
use super::cluster::Cluster;
use super::pods;
use super::stage::Stage;

/// The example that is run, on the cluster `ledger` of the namespace `ledger` for 60 s.
const EXAMPLE: &str = include_str!("../../../docs/examples/bank-job.yaml");
/// It is ended by a signal; a run that nobody ends goes on no longer.
const LONGEST: &str = "1500";

/// A bank that runs.
pub struct Bank<'a> {
    stage: &'a Stage,
    name: String,
    jobs: Api<Job>,
}

/// The example's Job for another cluster.
fn job(name: &str, cluster: &str, namespace: &str) -> Kept<Job> {
    let text = EXAMPLE
        .replace("ledger-pooler.ledger.svc", &format!("ledger-pooler.{namespace}.svc"))
        .replace("namespace: ledger", &format!("namespace: {namespace}"))
        .replace("ledger", cluster)
        .replace("\"60\"", &format!("\"{LONGEST}\""))
        .replace("{name: bank,", &format!("{{name: {name},"));
    Ok(serde_saphyr::from_str(&text)?)
}

impl Cluster<'_> {
    /// Starts a bank; returns once transfers flow.
    ///
    /// # Errors
    /// What its log says, when they do not.
    pub async fn bank(&self) -> Kept<Bank<'_>> {
        let name = format!("bank-{}", self.name);
        let jobs = Api::namespaced(self.stage.world.client.clone(), &self.stage.namespace);
        jobs.create(&PostParams::default(), &job(&name, &self.name, &self.stage.namespace)?).await?;
        let bank = Bank { stage: self.stage, name, jobs };
        self.stage.within(60, async || bank.writes().await).await?;
        Ok(bank)
    }
}

impl Bank<'_> {
    async fn pod(&self) -> Kept<Pod> {
        let pods = pods::labelled(&self.stage.pods(), &format!("batch.kubernetes.io/job-name={}", self.name))
            .await?;
        pods.into_iter().next().ok_or_else(|| Broken::new(format!("{} has no pod", self.name)))
    }

    async fn log(&self) -> Kept<String> {
        Ok(self.stage.pods().logs(&self.pod().await?.name_any(), &LogParams::default()).await?)
    }

    /// Its last line counts transfers, and no gap is open.
    ///
    /// # Errors
    /// What the line says.
    pub async fn writes(&self) -> Kept {
        let log = self.log().await?;
        let last = log.trim_end().lines().last().unwrap_or_default();
        let flows = |rate: &str| rate.split_whitespace().last().and_then(|rate| rate.parse::<f64>().ok());
        let rate = last.split_once(" transfers/s").and_then(|(before, _)| flows(before)).unwrap_or(0.0);
        ensure!(rate >= 1.0 && last.contains("errors none"), "the bank's last line is: {last}");
        Ok(())
    }

    /// Ends it, which has it verify itself: nothing that was acknowledged is missing, and no money is gone. Its image has no program that
    /// sends a signal, so a container beside it does.
    ///
    /// # Errors
    /// What its last lines say.
    pub async fn is_right(&self) -> Kept {
        self.stage.within(30, async || self.writes().await).await?;
        let pod = self.pod().await?.name_any();
        let beside = json!({"spec": {"ephemeralContainers": [{
            "name": "end",
            "image": self.stage.world.versions.newest_image,
            "targetContainerName": "bank",
            "command": ["sh", "-c", "kill -TERM 1"],
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        }]}});
        let pods = self.stage.pods();
        pods.patch_ephemeral_containers(&pod, &PatchParams::default(), &Patch::Strategic(beside)).await?;
        let ended = async || {
            let status = self.jobs.get(&self.name).await?.status.unwrap_or_default();
            ensure!(status.failed.unwrap_or(0) == 0, "it failed: {}", tail(&self.log().await?, 15));
            ensure!(status.succeeded.unwrap_or(0) == 1, "it runs: {}", tail(&self.log().await?, 3));
            Ok(())
        };
        self.stage.within(150, ended).await?;
        // All that it says at its end: the more gaps, the more lines.
        let log = self.log().await?;
        let (_, verdict) = log.split_once("transfers ended").unwrap_or(("", &log));
        says("the bank", verdict, "lost 0")?;
        says("the bank", verdict, "total kept yes")?;
        self.jobs.delete(&self.name, &DeleteParams::background()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_job_is_that_of_another_cluster() {
        let job = job("bank-one", "one", "e2e-x").unwrap();
        assert_eq!((job.name_any(), job.namespace().as_deref()), ("bank-one".into(), Some("e2e-x")));
        let spec = serde_json::to_string(&job.spec).unwrap();
        assert!(
            spec.contains("one-pooler.e2e-x.svc") && spec.contains("one-user-app") && spec.contains("one-ca")
        );
        assert!(spec.contains(LONGEST) && !spec.contains("ledger"), "{spec}");
    }
}
