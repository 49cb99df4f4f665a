//! A person asks for a restart, by the command line or by `kubectl rollout restart`: every member is made anew, the primary's last,
//! and nothing that was acknowledged is lost.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::broken::{Broken, Kept, says};
use crate::ensure;
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::stage::Stage;

/// Its promises.
pub async fn prove(stage: &Stage) {
    let anew = &stage.cluster("anew");
    stage
        .promise("there is a cluster to restart", async || {
            anew.make(with_bank(small(&stage.world.versions.newest, 2))).await?;
            anew.becomes_healthy(180).await
        })
        .await;
    let slot = stage.slot().await;
    stage
        .promise("stylobate restart makes each member anew, the primary's last: lost 0", async || {
            restarts(anew, async || {
                let told =
                    stage.world.operator.run(&["restart", "anew", "-n", &stage.namespace]).await?.all();
                says("the command", &told, "made anew one after the other, the primary's last")
            })
            .await
        })
        .await;
    stage
        .promise("kubectl rollout restart of the set does the same", async || {
            restarts(anew, async || rollout_restart(anew).await).await
        })
        .await;
    drop(slot);
    stage.promise("the restarted cluster goes", async || anew.goes(120).await).await;
}

/// What `kubectl rollout restart statefulset` writes.
async fn rollout_restart(anew: &Cluster<'_>) -> Kept {
    let sets = Api::<StatefulSet>::namespaced(anew.stage.world.client.clone(), &anew.stage.namespace);
    let now = json!({"kubectl.kubernetes.io/restartedAt": Timestamp::now().to_string()});
    let patch = json!({"spec": {"template": {"metadata": {"annotations": now}}}});
    sets.patch(&anew.name, &PatchParams::default(), &Patch::Strategic(patch)).await?;
    Ok(())
}

/// Asks under load, and waits until every member is another pod.
async fn restarts(anew: &Cluster<'_>, ask: impl AsyncFnOnce() -> Kept) -> Kept {
    let (before, leader) = (anew.members().await?, anew.primary().await?);
    let bank = anew.bank().await?;
    ask().await?;
    let all_new = async || {
        let now = anew.members().await?;
        let old: Vec<_> = before.iter().filter(|member| now.contains(member)).collect();
        ensure!(old.is_empty() && now.len() == before.len(), "{old:?} of before are there, of now {now:?}");
        anew.healthy().await
    };
    anew.stage.within(240, all_new).await?;
    bank.is_right().await?;
    let pods = anew.pods("member").await?;
    let made = pods
        .iter()
        .filter_map(|pod| Some((pod.metadata.creation_timestamp.as_ref()?.0, pod.metadata.name.as_deref()?)));
    let (_, last) = made.max().ok_or_else(|| Broken::new("there are no members"))?;
    ensure!(last == leader, "{last} was made anew last, and {leader} took writes");
    Ok(())
}
