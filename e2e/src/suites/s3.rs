//! The archive of a cluster `chest` in a store that speaks S3, over TLS and with a key: WAL and a copy, a moment that is brought back from
//! them, an import from that store alone, and a second place beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, LogParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use stylobate::api::{BackupMethod, PostgresClusterSpec};

use crate::broken::{Broken, Kept, same, says};
use crate::ensure;
use crate::harness::archive::{backrest, holds, segment, server_time};
use crate::harness::child;
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::stage::Stage;

/// Its promises.
pub async fn prove(stage: &Stage) {
    let chest = &stage.cluster("chest");
    stage
        .promise(
            "a store is refused while the Secret with its key is not there, and taken once it is",
            async || made(chest).await,
        )
        .await;
    stage.promise("WAL is archived to a store that speaks S3", async || archived(chest).await).await;
    stage.promise("its key is in no ConfigMap and in no log", async || hidden(chest).await).await;
    stage.promise("a copy is made in the store", async || copied(chest).await).await;
    stage
        .promise("a moment after the copy is brought back from the store", async || moment(chest).await)
        .await;
    stage.promise("an import tells what is in the store", async || imported(chest).await).await;
    stage.promise("a second place gets the same WAL, and the manifests", async || doubled(chest).await).await;
    stage
        .promise("a moment is brought back from the second place while the first is gone", async || {
            from_second(chest).await
        })
        .await;
    stage.promise("the clusters go", async || gone(stage).await).await;
}

/// A small cluster with this further field of its spec.
fn spec(stage: &Stage, field: &str, value: Value) -> Kept<PostgresClusterSpec> {
    let mut spec = with_bank(small(&stage.world.versions.newest, 1));
    spec.storage.size.0 = "2Gi".into();
    let mut all = serde_json::to_value(spec)?;
    all[field] = value;
    Ok(serde_json::from_value(all)?)
}

/// A Secret with entries of others: name of each, and where it is.
async fn gathered(stage: &Stage, name: &str, from: &[(&str, &str)]) -> Kept {
    let secrets = stage.secrets();
    let mut data = BTreeMap::new();
    for (secret, entry) in from {
        let found = secrets.get(secret).await?.data.and_then(|mut data| data.remove(*entry));
        let found = found.ok_or_else(|| Broken::new(format!("Secret {secret} has no entry {entry}")))?;
        data.insert((*entry).to_owned(), found);
    }
    let made = Secret {
        metadata: ObjectMeta { name: Some(name.into()), ..Default::default() },
        data: Some(data),
        ..Secret::default()
    };
    secrets.create(&PostParams::default(), &made).await?;
    Ok(())
}

/// What leads into the store.
const DOOR: [(&str, &str); 3] =
    [("s3-key", "AWS_ACCESS_KEY_ID"), ("s3-key", "AWS_SECRET_ACCESS_KEY"), ("s3-tls", "ca.crt")];

async fn made(chest: &Cluster<'_>) -> Kept {
    let stage = chest.stage;
    stage.store().await?;
    let s3 = json!({
        "bucket": "wal", "region": "us-east-1", "endpoint": "s3:7070", "pathStyle": true, "credentialsSecret": "door", "caSecret": "door",
    });
    chest.make(spec(stage, "backup", json!({"archive": {"switchSeconds": 10, "s3": s3}}))?).await?;
    let refusal = "spec.backup.archive.s3.credentialsSecret is 'door': no Secret";
    chest.comes_to_tell(60, "Accepted", refusal).await?;
    gathered(stage, "door", &DOOR).await?;
    chest.becomes_healthy(240).await
}

async fn archived(chest: &Cluster<'_>) -> Kept {
    chest.on_primary("postgres", "create table kept(n int)").await?;
    let last = segment(chest).await?;
    chest.on_primary("postgres", "select pg_switch_wal()").await?;
    chest.stage.within(90, async || holds(chest, &last).await).await?;
    chest.comes_to_tell(60, "Archiving", "s3://wal/stylobate at s3:7070").await
}

async fn hidden(chest: &Cluster<'_>) -> Kept {
    let stage = chest.stage;
    let secret = stage.secrets().get("s3-key").await?.data.unwrap_or_default();
    let key = String::from_utf8_lossy(&secret["AWS_SECRET_ACCESS_KEY"].0).into_owned();
    let maps = stage.config_maps().list(&ListParams::default()).await?.items;
    ensure!(!serde_json::to_string(&maps)?.contains(&key), "the key is in a ConfigMap");
    ensure!(!stage.world.operator.logs().await?.contains(&key), "the key is in the operator's log");
    let logs = stage.pods().logs(
        &chest.primary().await?,
        &LogParams { container: Some("postgres".into()), ..Default::default() },
    );
    ensure!(!logs.await?.contains(&key), "the key is in the member's log");
    Ok(())
}

async fn copied(chest: &Cluster<'_>) -> Kept {
    let copied = chest.stage.backup("copied");
    copied.make("chest", BackupMethod::Archive).await?;
    copied.succeeds(300).await?;
    let info: Value = serde_json::from_str(&backrest(chest, &["--output=json", "info"]).await?)?;
    let all = info[0]["backup"].as_array().map_or(0, Vec::len);
    same("copies in the store", all, 1)
}

async fn moment(chest: &Cluster<'_>) -> Kept {
    let stage = chest.stage;
    // Between the copy's end and the moment, and between the moment and what comes after it, clocks may differ by some milliseconds.
    tokio::time::sleep(Duration::from_secs(3)).await;
    chest.on_primary("postgres", "insert into kept select generate_series(1, 500)").await?;
    let moment = server_time(chest).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    chest.on_primary("postgres", "truncate kept").await?;
    let last = segment(chest).await?;
    chest.on_primary("postgres", "select pg_switch_wal()").await?;
    stage.within(90, async || holds(chest, &last).await).await?;
    let back = stage.cluster("back");
    let bootstrap = json!({"fromCluster": {"name": "chest"}, "pointInTime": {"targetTime": moment}});
    back.make(spec(stage, "bootstrap", bootstrap)?).await?;
    back.becomes_healthy(360).await?;
    same("its rows", back.on_primary("postgres", "select count(*) from kept").await?, "500".to_owned())
}

async fn imported(chest: &Cluster<'_>) -> Kept {
    let stage = chest.stage;
    let mut old = vec![("chest-archive-key", "archive-passphrase")];
    old.extend(DOOR);
    gathered(stage, "old", &old).await?;
    let namespace = stage.namespace.as_str();
    let mut import =
        vec!["cargo", "run", "--quiet", "--locked", "--", "backup", "import", "--from", "s3://wal/stylobate"];
    import.extend([
        "--region",
        "us-east-1",
        "--endpoint",
        "s3:7070",
        "--path-style",
        "--archive-secret",
        "old",
    ]);
    import.extend(["--cluster", "chest", "-n", namespace, "--dry-run"]);
    // The manifest comes into the store a moment after the backup is good.
    let told = async || says("the import", &child::output(&stage.world.root, &import).await?, "copied");
    stage.within(120, told).await
}

async fn doubled(chest: &Cluster<'_>) -> Kept {
    let stage = chest.stage;
    stage.bucket().await?;
    let gcs = json!({"bucket": "wal", "endpoint": "gcs:4443", "anonymous": true, "caSecret": "gcs-tls"});
    chest.edit(json!({"backup": {"archive": {"second": {"gcs": gcs}}}})).await?;
    chest.comes_to_tell(180, "Archiving", "gs://wal/stylobate at gcs:4443").await?;
    let archive = chest.status().await?.archive.unwrap_or_default();
    same("its second place", archive.second.as_deref(), Some("gs://wal/stylobate at gcs:4443"))?;
    // The kubelet brings the configuration within two minutes.
    let there = async || {
        let last = segment(chest).await?;
        chest.on_primary("postgres", "select pg_switch_wal()").await?;
        let path = format!("archive/{}", archive.stanza);
        let arrives = async || {
            let all = backrest(chest, &["--repo=2", "repo-ls", "--recurse", &path]).await?;
            ensure!(all.contains(&format!("/{last}-")), "segment {last} is not in the second place");
            Ok(())
        };
        stage.within(20, arrives).await
    };
    stage.within(240, there).await?;
    let cut = stage.backup("cut");
    cut.make("chest", BackupMethod::Snapshot).await?;
    cut.succeeds(300).await?;
    let manifest = format!("{}.json", cut.uid().await?);
    let path = format!("manifests/{}", archive.stanza);
    let shelved =
        async || says("the shelf", &backrest(chest, &["--repo=2", "repo-ls", &path]).await?, &manifest);
    stage.within(120, shelved).await
}

/// The store is taken away, or brought back.
async fn scaled(stage: &Stage, replicas: i32) -> Kept {
    let deployments = Api::<Deployment>::namespaced(stage.world.client.clone(), &stage.namespace);
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    deployments.patch("s3", &PatchParams::default(), &patch).await?;
    Ok(())
}

async fn from_second(chest: &Cluster<'_>) -> Kept {
    let stage = chest.stage;
    tokio::time::sleep(Duration::from_secs(3)).await;
    chest.on_primary("postgres", "insert into kept select generate_series(1, 70)").await?;
    let moment = server_time(chest).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    chest.on_primary("postgres", "truncate kept").await?;
    let last = segment(chest).await?;
    chest.on_primary("postgres", "select pg_switch_wal()").await?;
    stage.within(90, async || holds(chest, &last).await).await?;
    scaled(stage, 0).await?;
    let far = stage.cluster("far");
    let bootstrap = json!({
        "fromBackup": {"name": "cut"}, "pointInTime": {"targetTime": moment}, "archivePlace": "Second",
    });
    far.make(spec(stage, "bootstrap", bootstrap)?).await?;
    far.becomes_healthy(360).await?;
    same("its rows", far.on_primary("postgres", "select count(*) from kept").await?, "70".to_owned())?;
    // Meanwhile WAL goes to one of the two alone, and that is told of it.
    chest.comes_to_tell(480, "Archiving", "WAL is not archived to its first place").await?;
    scaled(stage, 1).await?;
    chest.comes_to_tell(180, "Archiving", "WAL is archived to").await
}

async fn gone(stage: &Stage) -> Kept {
    for backup in ["copied", "cut"] {
        stage.backup(backup).goes(120).await?;
    }
    for cluster in ["back", "far", "chest"] {
        stage.cluster(cluster).goes(120).await?;
        stage.remove_kept(cluster).await?;
    }
    for secret in ["door", "old"] {
        stage.secrets().delete(secret, &DeleteParams::default()).await?;
    }
    Ok(())
}
