//! Bad input: a condition that names field, value and remedy; what runs is not touched.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use serde_json::json;
use stylobate::api::{PasswordRef, PostgresClusterSpec, User};

use crate::broken::{Kept, same};
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
