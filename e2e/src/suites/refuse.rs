//! Bad input: a condition that names field, value and remedy; what runs is not touched.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota, Secret};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use stylobate::api::{PasswordRef, PostgresClusterSpec, User};

use crate::broken::{Broken, Kept, same};
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::stage::Stage;

/// Its promises.
pub async fn prove(stage: &Stage) {
    stage
        .promise("a StorageClass that does not exist is named, with those that do", async || {
            no_storage_class(stage).await
        })
        .await;
    stage.promise("a Secret without its key is named", async || secret_without_key(stage).await).await;
    stage.promise("an image that can't be pulled is named", async || no_such_image(stage).await).await;
    stage
        .promise("pods that a quota refuses are told with the quota and what it lacks", async || {
            refused_by_quota(stage).await
        })
        .await;
    stage
        .promise("settings that no server or no standby can live with are refused by name, and what runs is not touched", async || {
            lethal_settings(stage).await
        })
        .await;
    stage
        .promise("settings by which the server does not start are taken back while it is down, and its last words are told", async || {
            mends(stage).await
        })
        .await;
    stage
        .calmly("a smaller disk is refused and the running cluster is not touched", async || {
            bad_edit_touches_nothing(stage).await
        })
        .await;
}

fn one(stage: &Stage) -> PostgresClusterSpec {
    small(&stage.world.versions.newest, 1)
}

/// The condition Accepted is False and says all of the texts; then the cluster goes.
async fn refused_later(cluster: &Cluster<'_>, texts: &[&str]) -> Kept {
    let refused = async || same("Accepted", cluster.condition("Accepted").await?.status, "False");
    cluster.stage.within(20, refused).await?;
    for text in texts {
        cluster.tells("Accepted", text).await?;
    }
    cluster.remove().await
}

async fn no_storage_class(stage: &Stage) -> Kept {
    let lost = stage.cluster("lost");
    let mut spec = one(stage);
    spec.storage.storage_class = Some("golden".into());
    lost.make(spec).await?;
    refused_later(&lost, &["spec.storage.storageClass", "golden"]).await
}

async fn secret_without_key(stage: &Stage) -> Kept {
    let mut secret = Secret::default();
    secret.metadata.name = Some("empty".into());
    secret.string_data = Some(BTreeMap::from([("other".into(), "x".into())]));
    stage.secrets().create(&PostParams::default(), &secret).await?;
    let keyless = stage.cluster("keyless");
    let mut spec = one(stage);
    let password = PasswordRef { secret: "empty".into(), key: "password".into() };
    spec.users.push(User {
        name: "app".into(),
        password: Some(password),
        options: vec![],
        replication_from: vec![],
    });
    keyless.make(spec).await?;
    refused_later(&keyless, &["empty", "password"]).await
}

async fn no_such_image(stage: &Stage) -> Kept {
    let imageless = stage.cluster("imageless");
    let mut spec = one(stage);
    spec.engine.image = Some("localhost/stylobate/postgres:none".into());
    imageless.make(spec).await?;
    imageless.comes_to_tell(60, "Ready", "ImageCannotBePulled").await?;
    imageless.tells("Ready", "postgres:none").await?;
    imageless.remove().await
}

/// A quota that counts CPU limits takes no pod without one, and members have none.
async fn refused_by_quota(stage: &Stage) -> Kept {
    let quotas: Api<ResourceQuota> = Api::namespaced(stage.world.client.clone(), &stage.namespace);
    let quota = serde_json::from_value(
        json!({"metadata": {"name": "compute"}, "spec": {"hard": {"limits.cpu": "8"}}}),
    );
    let quota: ResourceQuota = quota.map_err(|cause| Broken::new(cause.to_string()))?;
    quotas.create(&PostParams::default(), &quota).await?;
    let told = async {
        let poor = stage.cluster("poor");
        poor.make(one(stage)).await?;
        for kind in ["Ready", "Redundant", "Converged"] {
            poor.comes_to_tell(60, kind, "FailedCreate").await?;
            poor.tells(kind, "failed quota: compute: must specify limits.cpu").await?;
            poor.tells(kind, "LimitRange").await?;
        }
        poor.remove().await
    };
    let told = told.await;
    // Also when it is broken: other suites make pods here.
    quotas.delete("compute", &DeleteParams::default()).await?;
    told
}

/// `ubicloud#5433`, `cloudnative-pg#2664` and `#4501`: each was accepted once and stopped all members.
async fn lethal_settings(stage: &Stage) -> Kept {
    let name = "sane";
    let sane = stage.cluster(name);
    sane.make(one(stage)).await?;
    sane.becomes_healthy(120).await?;
    let mut map = ConfigMap::default();
    map.metadata.name = Some("lethal".into());
    for (setting, value) in [
        ("client_encoding", "utf-88"),
        ("default_transaction_isolation", "serializable"),
        ("max_locks_per_transaction", "200000"),
    ] {
        map.data = Some(BTreeMap::from([(setting.into(), value.into())]));
        let params = PatchParams::apply("e2e").force();
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lethal"}, "data": map.data});
        stage.config_maps().patch("lethal", &params, &Patch::Apply(&body)).await?;
        sane.edit(json!({"tuning": [{"configMap": "lethal"}]})).await?;
        sane.comes_to_tell(30, "TuningAccepted", setting).await?;
    }
    sane.edit(json!({"tuning": []})).await?;
    sane.becomes_healthy(30).await?;
    sane.remove().await
}

/// A paused cluster is left as it is, so that its server can be brought down by what Patroni keeps.
async fn mends(stage: &Stage) -> Kept {
    let mended = stage.cluster("mended");
    mended.make(one(stage)).await?;
    mended.becomes_healthy(120).await?;
    mended.edit(json!({"paused": true})).await?;
    stage
        .within(20, async || {
            same("the state", format!("{:?}", mended.status().await?.state), "Paused".to_owned())
        })
        .await?;
    let map = stage.config_maps().get("mended-config").await?;
    let kept =
        map.metadata.annotations.as_ref().and_then(|all| all.get("config")).cloned().unwrap_or_default();
    let mut kept: serde_json::Value = serde_json::from_str(&kept)?;
    // A server that asks for too much memory may be ended by the kernel, without a word of its own.
    kept["postgresql"]["parameters"]["shared_preload_libraries"] = json!("nowhere");
    let body = json!({"metadata": {"annotations": {"config": kept.to_string()}}});
    stage.config_maps().patch("mended-config", &PatchParams::default(), &Patch::Merge(&body)).await?;
    stage.pods().delete("mended-0", &DeleteParams::default()).await?;
    mended.comes_to_tell(120, "Ready", "mended-0: ").await?;
    mended.edit(json!({"paused": false})).await?;
    mended.becomes_healthy(180).await?;
    mended.remove().await
}

async fn bad_edit_touches_nothing(stage: &Stage) -> Kept {
    let steady = stage.cluster("steady");
    let mut spec = with_bank(small(&stage.world.versions.newest, 3));
    spec.storage.size.0 = "2Gi".into();
    steady.make(spec).await?;
    steady.becomes_healthy(180).await?;
    stage.within(60, async || steady.quorum_is_seen().await).await?;
    let before = steady.children().await?;
    // The API server refuses it by its own rule; a spec of a release without that rule is refused by the operator.
    match steady.edit(json!({"storage": {"size": "1Gi"}})).await {
        Err(refusal) => crate::broken::says("the refusal", &refusal.to_string(), "storage")?,
        Ok(()) => {
            let refused = async || same("Accepted", steady.condition("Accepted").await?.status, "False");
            stage.within(20, refused).await?;
            steady.tells("Accepted", "spec.storage.size").await?;
        }
    }
    same("the cluster's children", steady.children().await?, before)?;
    steady.answers().await?;
    steady.edit(json!({"storage": {"size": "2Gi"}})).await?;
    steady.becomes_healthy(30).await
}
