//! The image catalog, on clusters that name the older major: a security patch is one line, and what is wrong with that line hurts
//! nobody. Suites that name the newest major are left alone.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use stylobate::api::{Behind, ClusterStatus, PostgresCluster, RolloutPhase};

use crate::broken::{Broken, Kept, same, says};
use crate::ensure;
use crate::harness::catalog::{Catalog, changed, without};
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::pods;
use crate::harness::stage::Stage;

/// Nothing of a cluster changes within this: longer than the operator's longest pause between two looks (15 s).
const QUIET: Duration = Duration::from_secs(20);
/// A digest that no image has.
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// Its promises.
pub async fn prove(stage: &Stage) {
    let versions = &stage.world.versions;
    let major = versions.old_major.as_str();
    let (first, second) = (&stage.cluster("first"), &stage.cluster("second"));
    let mut catalog = None;
    let slot = stage.slot().await;
    stage
        .promise(format!("clusters that name {major} run what the image catalog has for it"), async || {
            made(first, second, catalog.insert(Catalog::read(&stage.world).await?)).await
        })
        .await;
    let catalog = catalog.as_ref();
    let from_to = format!(
        "a catalog edit from {} to {} rolls two clusters that name {major}, one after the other, under bank load: lost 0, volumes \
         proved the same",
        versions.old_other_name(),
        versions.old_newest
    );
    stage.promise(from_to, async || edit_rolls_both(first, second, known(catalog)?).await).await;
    stage
        .promise("a withdrawn image is a condition that says what to do, and restarts nobody", async || {
            withdrawn(first, known(catalog)?).await
        })
        .await;
    stage
        .promise("a digest that does not exist stops after one replica, and the cluster serves", async || {
            no_such_digest(first, second, known(catalog)?).await
        })
        .await;
    drop(slot);
    stage
        .promise("a catalog with a fault, or one that vanished, is told and touches nothing", async || {
            let catalog = known(catalog)?;
            stage.storm(async || invalid_or_gone(first, catalog).await).await
        })
        .await;
    if let Some(catalog) = catalog {
        // Each proof puts it back; this is for one that broke. The chart puts it back before the next run in any case.
        catalog
            .put_back()
            .await
            .unwrap_or_else(|why| println!("--    the image catalog is not as it was: {why}"));
    }
}

fn known(catalog: Option<&Catalog>) -> Kept<&Catalog> {
    catalog.ok_or_else(|| Broken::new("the catalog was not read"))
}

/// The entries with this change of the one of the older major's newest version.
fn edited(stage: &Stage, catalog: &Catalog, change: impl Fn(&mut Value)) -> Kept<Vec<Value>> {
    let newest = &stage.world.versions.old_newest;
    changed(&catalog.entries, newest, change)
        .ok_or_else(|| Broken::new(format!("the catalog has no entry for {newest}")))
}

/// The catalog of before the patch: the other minor alone, or the other build in the place of the newest.
fn before_the_patch(stage: &Stage, catalog: &Catalog) -> Kept<Vec<Value>> {
    let versions = &stage.world.versions;
    if versions.old_other == versions.old_newest {
        return edited(stage, catalog, |entry| entry["image"] = json!(versions.old_other_image));
    }
    Ok(without(&catalog.entries, &versions.old_newest))
}

/// Healthy, and all members are of this image.
async fn runs(cluster: &Cluster<'_>, image: &str) -> Kept {
    let pods = cluster.pods("member").await?;
    let images: Vec<&str> = pods.iter().map(|pod| pods::image(pod, "postgres")).collect();
    ensure!(
        !images.is_empty() && images.iter().all(|found| *found == image),
        "members run {images:?}, not {image}"
    );
    cluster.healthy().await
}

async fn made(first: &Cluster<'_>, second: &Cluster<'_>, catalog: &Catalog) -> Kept {
    let (stage, versions) = (first.stage, &first.stage.world.versions);
    catalog.write(&before_the_patch(stage, catalog)?).await?;
    first.make(with_bank(small(&versions.old_major, 3))).await?;
    second.make(with_bank(small(&versions.old_major, 2))).await?;
    let both = async || {
        runs(first, &versions.old_other_image).await?;
        runs(second, &versions.old_other_image).await
    };
    stage.within(240, both).await
}

/// What must be the same afterwards: claims, their volumes, and whose data it is.
async fn volumes(cluster: &Cluster<'_>) -> Kept<(Vec<(String, String, String)>, String)> {
    let identifier =
        cluster.on_primary("postgres", "select system_identifier from pg_control_system()").await?;
    Ok((cluster.claims(None).await?, identifier))
}

fn waits_for_slot(status: &ClusterStatus) -> bool {
    status.engine.as_ref().and_then(|engine| engine.behind) == Some(Behind::Slot)
}

/// When the first and the last of the members was made.
async fn made_between(cluster: &Cluster<'_>) -> Kept<(Timestamp, Timestamp)> {
    let pods = cluster.pods("member").await?;
    let mut times: Vec<_> =
        pods.iter().filter_map(|pod| Some(pod.metadata.creation_timestamp.as_ref()?.0)).collect();
    times.sort();
    times.first().copied().zip(times.last().copied()).ok_or_else(|| Broken::new("there are no members"))
}

async fn edit_rolls_both(first: &Cluster<'_>, second: &Cluster<'_>, catalog: &Catalog) -> Kept {
    let (stage, newest) = (first.stage, first.stage.world.versions.old_newest_image.as_str());
    let before = [volumes(first).await?, volumes(second).await?];
    let banks = [first.bank().await?, second.bank().await?];
    catalog.put_back().await?;
    let mut waited = false;
    let both_run = async || {
        waited |= waits_for_slot(&first.status().await?) || waits_for_slot(&second.status().await?);
        runs(first, newest).await?;
        runs(second, newest).await
    };
    stage.within(300, both_run).await?;
    for bank in banks {
        bank.is_right().await?;
    }
    ensure!(waited, "neither of the two waited for the other's slot");
    let ((a, b), (c, d)) = (made_between(first).await?, made_between(second).await?);
    ensure!(b < c || d < a, "members of one were made from {a} to {b}, of the other from {c} to {d}");
    for (cluster, before) in [first, second].into_iter().zip(before) {
        same("volumes and data", volumes(cluster).await?, before)?;
        let rollout = cluster.status().await?.rollout.unwrap_or_default();
        same("the rollout", rollout.phase, RolloutPhase::Done)?;
        let count = cluster.pods("member").await?.len();
        says("the rollout", &rollout.message, &format!("the same {count} claims and volumes as before"))?;
        cluster.tells("EngineCurrent", "is the newest of").await?;
    }
    Ok(())
}

/// Nobody was restarted or edited since.
async fn untouched(cluster: &Cluster<'_>, members: &[(String, String)], children: &[[String; 3]]) -> Kept {
    tokio::time::sleep(QUIET).await;
    same("members", cluster.members().await?.as_slice(), members)?;
    same("children", cluster.children().await?.as_slice(), children)?;
    cluster.answers().await
}

async fn withdrawn(first: &Cluster<'_>, catalog: &Catalog) -> Kept {
    let (members, children) = (first.members().await?, first.children().await?);
    let reason = "may lose what it indexed";
    catalog.write(&edited(first.stage, catalog, |entry| entry["withdrawn"] = json!(reason))?).await?;
    let told = async {
        first.comes_to_tell(30, "EngineCurrent", "ImageWithdrawn").await?;
        first.tells("EngineCurrent", reason).await?;
        // Another minor can be gone to; where there is none, somebody has to add one.
        let two = first.stage.world.versions.old_other != first.stage.world.versions.old_newest;
        first.tells("EngineCurrent", if two { "write spec.engine.version as" } else { "adds one" }).await?;
        let engine = first.status().await?.engine.unwrap_or_default();
        same("status.engine.withdrawn", engine.withdrawn.as_deref(), Some(reason))?;
        untouched(first, &members, &children).await
    };
    let told = told.await;
    catalog.put_back().await?;
    told?;
    first.comes_to_tell(30, "EngineCurrent", "is the newest of").await
}

async fn no_such_digest(first: &Cluster<'_>, second: &Cluster<'_>, catalog: &Catalog) -> Kept {
    let stage = first.stage;
    // With both, the other one would be next once this one stands still.
    second.goes(120).await?;
    first.edit(json!({"maintenance": {"memberDeadlineSeconds": 30}})).await?;
    first.becomes_healthy(60).await?;
    let (before, leader) = (first.members().await?, first.primary().await?);
    let image = |image: &str| image.split('@').next().map(|named| format!("{named}@{NO_DIGEST}"));
    let change = |entry: &mut Value| entry["image"] = json!(entry["image"].as_str().and_then(image));
    catalog.write(&edited(stage, catalog, change)?).await?;
    let stopped = async {
        let blocked = async || {
            let rollout = first.status().await?.rollout.unwrap_or_default();
            same(&format!("the rollout ({})", rollout.message), rollout.phase, RolloutPhase::Blocked)
        };
        stage.within(120, blocked).await?;
        first.tells("Redundant", NO_DIGEST).await?;
        // No further one is touched, however long that lasts.
        tokio::time::sleep(QUIET).await;
        let now = first.members().await?;
        let other: Vec<&String> =
            before.iter().filter(|member| !now.contains(member)).map(|(name, _)| name).collect();
        ensure!(other.len() == 1 && *other[0] != leader, "{other:?} were touched; {leader} takes writes");
        first.answers().await
    };
    let stopped = stopped.await;
    catalog.put_back().await?;
    stopped?;
    first.edit(json!({"maintenance": {"memberDeadlineSeconds": 300}})).await?;
    stage.within(120, async || runs(first, &stage.world.versions.old_newest_image).await).await
}

async fn invalid_or_gone(first: &Cluster<'_>, catalog: &Catalog) -> Kept {
    let (members, children) = (first.members().await?, first.children().await?);
    let twice: Vec<Value> = catalog.entries.iter().chain(catalog.entries.first()).cloned().collect();
    catalog.write(&twice).await?;
    let told = async {
        first.comes_to_tell(30, "EngineCurrent", "CatalogInvalid").await?;
        first.tells("EngineCurrent", "entry 0 is an image for").await?;
        untouched(first, &members, &children).await?;
        catalog.delete().await?;
        first.comes_to_tell(30, "EngineCurrent", "CatalogMissing").await?;
        first.tells("EngineCurrent", "is kept as it runs").await?;
        untouched(first, &members, &children).await
    };
    let told = told.await;
    catalog.put_back().await?;
    told?;
    first.comes_to_tell(30, "EngineCurrent", "is the newest of").await?;
    first.stage.within(60, async || nobody_misses_it(first).await).await?;
    same("members", first.members().await?, members)
}

/// No cluster of any suite tells any more that the catalog is gone or wrong: what is proved calmly elsewhere begins only then.
async fn nobody_misses_it(first: &Cluster<'_>) -> Kept {
    let all =
        Api::<PostgresCluster>::all(first.stage.world.client.clone()).list(&ListParams::default()).await?;
    let misses = |cluster: &PostgresCluster| {
        let conditions = cluster.status.iter().flat_map(|status| &status.conditions);
        let mut reasons = conditions.map(|condition| condition.reason.as_str());
        reasons.any(|reason| matches!(reason, "CatalogInvalid" | "CatalogMissing"))
    };
    let still: Vec<String> =
        all.iter().filter(|cluster| misses(cluster)).map(ResourceExt::name_any).collect();
    ensure!(still.is_empty(), "{still:?} still tell of the catalog");
    Ok(())
}
