//! The archive of a cluster `chest` in a store that speaks S3, over TLS and with a key: WAL and a copy, a moment that is brought back from
//! them, and an import from that store alone.

use serde_json::{Value, json};
use stylobate::api::{BackupMethod, PostgresClusterSpec};

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams};

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
        .promise("a store is refused while the Secret with its key is not there, and taken once it is", async || {
            made(chest).await
        })
        .await;
    stage.promise("WAL is archived to a store that speaks S3", async || archived(chest).await).await;
    stage.promise("its key is in no ConfigMap and in no log", async || hidden(chest).await).await;
    stage.promise("a copy is made in the store", async || copied(chest).await).await;
    stage
        .promise("a moment after the copy is brought back from the store", async || moment(chest).await)
        .await;
    stage.promise("an import tells what is in the store", async || imported(chest).await).await;
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
    let mut data = std::collections::BTreeMap::new();
    for (secret, entry) in from {
        let found = secrets.get(secret).await?.data.and_then(|mut data| data.remove(*entry));
        let found = found.ok_or_else(|| Broken::new(format!("Secret {secret} has no entry {entry}")))?;
        data.insert((*entry).to_owned(), found);
    }
    let made = Secret {
        metadata: kube::api::ObjectMeta { name: Some(name.into()), ..Default::default() },
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
    let maps = stage.config_maps().list(&kube::api::ListParams::default()).await?.items;
    ensure!(!serde_json::to_string(&maps)?.contains(&key), "the key is in a ConfigMap");
    ensure!(!stage.world.operator.logs().await?.contains(&key), "the key is in the operator's log");
    let logs = stage.pods().logs(&chest.primary().await?, &kube::api::LogParams {
        container: Some("postgres".into()),
        ..Default::default()
    });
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
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    chest.on_primary("postgres", "insert into kept select generate_series(1, 500)").await?;
    let moment = server_time(chest).await?;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
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
    let mut import = vec!["cargo", "run", "--quiet", "--locked", "--", "backup", "import", "--from", "s3://wal/stylobate"];
    import.extend(["--region", "us-east-1", "--endpoint", "s3:7070", "--path-style", "--archive-secret", "old"]);
    import.extend(["--cluster", "chest", "-n", namespace, "--dry-run"]);
    // The manifest comes into the store a moment after the backup is good.
    let told = async || says("the import", &child::output(&stage.world.root, &import).await?, "copied");
    stage.within(120, told).await
}

async fn gone(stage: &Stage) -> Kept {
    stage.backup("copied").goes(120).await?;
    for cluster in ["back", "chest"] {
        stage.cluster(cluster).goes(120).await?;
        stage.remove_kept(cluster).await?;
    }
    for secret in ["door", "old"] {
        stage.secrets().delete(secret, &DeleteParams::default()).await?;
    }
    Ok(())
}
