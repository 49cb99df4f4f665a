//! A cluster goes back to a backup: what was written after it is gone, users and pooler stay, the volumes of before are kept until
//! a person lets them go.

use std::time::Duration;

use kube::ResourceExt;
use serde_json::json;
use stylobate::api::{BackupMethod, ClusterStatus, RestorePhase, RestoreStatus};

use crate::broken::{Broken, Kept, same};
use crate::ensure;
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::stage::Stage;

/// The selector of claims that were retired by the first restore, by the second, and of those in service.
const RETIRED: &str = "stylobate.dev/retired=1";
const RETIRED_AGAIN: &str = "stylobate.dev/retired=2";
const IN_SERVICE: &str = "!stylobate.dev/retired";

/// What was there before the restore.
#[derive(Default)]
struct Before {
    claims: Vec<(String, String, String)>,
    members: Vec<(String, String)>,
    password: String,
}

/// Its promises.
pub async fn prove(stage: &Stage) {
    let again = &stage.cluster("again");
    let mut before = Before::default();
    stage
        .promise("a cluster has a backup, and a mistake after it", async || {
            before = made(again).await?;
            Ok(())
        })
        .await;
    let before = &before;
    stage
        .promise("one word alone, or a backup that is not there, is told and stops nothing", async || {
            one_word_alone(again, before).await
        })
        .await;
    stage
        .promise(
            "both words bring it back: data of before the backup is there, what came after is not",
            async || goes_back(again).await,
        )
        .await;
    stage
        .promise("its users keep their passwords, and it is on a timeline of its own", async || {
            users_stay(again, before).await
        })
        .await;
    stage
        .promise(
            "the volumes of before are kept as they were, and condition and event name them",
            async || old_volumes_kept(again, before).await,
        )
        .await;
    stage.calmly("the request counts once, also while its words stay", async || done_once(again).await).await;
    stage
        .promise("killed operators and a killed member end in the same cluster", async || {
            survives_kills(again, before).await
        })
        .await;
    stage
        .promise("it grows afterwards on its new volumes; the old ones are left alone", async || {
            lives_on(again).await
        })
        .await;
    stage
        .promise("the old volumes go by a person's word alone, and nothing beside them", async || {
            forgotten_by_a_word(again).await
        })
        .await;
    stage.promise("the cluster goes", async || gone(again).await).await;
}

async fn made(again: &Cluster<'_>) -> Kept<Before> {
    again.make(with_bank(small(&again.stage.world.versions.newest, 2))).await?;
    again.becomes_healthy(240).await?;
    again.sql("CREATE TABLE kept AS SELECT 1 AS x").await?;
    let backup = again.stage.backup("before-mistake");
    backup.make("again", BackupMethod::Snapshot).await?;
    backup.succeeds(90).await?;
    again.sql("CREATE TABLE mistake AS SELECT 2 AS x").await?;
    Ok(Before {
        claims: again.claims(None).await?,
        members: again.members().await?,
        password: again.stage.secret("again-user-app", "password").await?,
    })
}

async fn restore(again: &Cluster<'_>) -> Kept<RestoreStatus> {
    again.status().await?.restore.ok_or_else(|| Broken::new("the status tells of no restore"))
}

async fn restored(again: &Cluster<'_>) -> Kept {
    same("the phase of the restore", restore(again).await?.phase, RestorePhase::Done)
}

/// What was there before the backup is, and this table of after it is not.
async fn is_as_before(again: &Cluster<'_>, later: &str) -> Kept {
    let kept = async || same("x of kept", again.sql("SELECT x FROM kept").await?, "1");
    again.stage.within(30, kept).await?;
    let question = format!("SELECT to_regclass('{later}') IS NULL");
    again.stage.within(30, async || same("no table of later", again.sql(&question).await?, "t")).await
}

/// The first member's data volume is that claim.
async fn in_service(again: &Cluster<'_>, claim: &str) -> Kept {
    let pod = again.stage.pods().get("again-0").await?;
    let volumes = pod.spec.unwrap_or_default().volumes.unwrap_or_default();
    let mut claims = volumes.iter().filter_map(|volume| volume.persistent_volume_claim.as_ref());
    ensure!(claims.any(|used| used.claim_name == claim), "again-0 does not use {claim}");
    Ok(())
}

async fn one_word_alone(again: &Cluster<'_>, before: &Before) -> Kept {
    again.annotate(&[("restore-in-place", Some("before-mistake"))]).await?;
    again.comes_to_tell(20, "Restored", "confirm-restore is missing").await?;
    again.annotate(&[("restore-in-place", Some("absent")), ("confirm-restore", Some("again"))]).await?;
    again.comes_to_tell(20, "Restored", "'absent'").await?;
    again.tells("Restored", "RestoreRefused").await?;
    same("the members", &again.members().await?, &before.members)?;
    again.answers().await
}

async fn goes_back(again: &Cluster<'_>) -> Kept {
    again.annotate(&[("restore-in-place", Some("before-mistake"))]).await?;
    let begun = async || same("a restore in place", restore(again).await?.in_place, true);
    again.stage.within(60, begun).await?;
    again.stage.within(300, async || restored(again).await).await?;
    again.becomes_healthy(120).await?;
    is_as_before(again, "mistake").await?;
    in_service(again, "data2-again-0").await
}

async fn users_stay(again: &Cluster<'_>, before: &Before) -> Kept {
    let password = again.stage.secret("again-user-app", "password").await?;
    ensure!(password == before.password, "the password of app is another one");
    again.sql("CREATE TABLE later AS SELECT 3 AS x").await?;
    let now: i64 =
        again.on_primary("postgres", "SELECT timeline_id FROM pg_control_checkpoint()").await?.parse()?;
    let then = again.stage.backup("before-mistake").status().await?.groups[0].timeline;
    ensure!(now > then, "timeline {now} is not after {then}");
    Ok(())
}

async fn old_volumes_kept(again: &Cluster<'_>, before: &Before) -> Kept {
    same("retired claims", &again.claims(Some(RETIRED)).await?, &before.claims)?;
    again.tells("Restored", "kept in volume claims data-again-0, data-again-1").await?;
    again.stage.event_tells("again", "mark volume claim data-again-0 as out of service").await?;
    // The backup's own snapshot has the cluster's label too; the pair that the restore made to clone from is gone.
    let pair = async || {
        let left: Vec<_> = again.stage.snapshots("").await?;
        ensure!(!left.iter().any(|name| name.starts_with("again-restore")), "still there: {left:?}");
        Ok(())
    };
    again.stage.within(30, pair).await
}

/// The words are still there, as where a tool keeps them. The operator looks at an edit at once, and 15 s after it at the latest.
async fn done_once(again: &Cluster<'_>) -> Kept {
    let before = again.members().await?;
    again.touch().await?;
    tokio::time::sleep(Duration::from_secs(16)).await;
    same("the members", again.members().await?, before)?;
    same("x of later", again.sql("SELECT x FROM later").await?, "3")
}

/// The operators die again and again while the same backup is restored once more, and a member in the middle of what it does.
async fn survives_kills(again: &Cluster<'_>, before: &Before) -> Kept {
    let stage = again.stage;
    let started = restore(again).await?.started_at;
    let disturb = async || {
        again.annotate(&[("restore-in-place", Some("before-mistake@2"))]).await?;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(4)).await;
            stage.world.operator.kill().await?;
        }
        Ok(())
    };
    stage.storm(disturb).await?;
    let begun_anew = async || {
        ensure!(restore(again).await?.started_at != started, "no other restore has begun");
        Ok(())
    };
    stage.within(120, begun_anew).await?;
    stage.within(120, async || in_service(again, "data3-again-0").await).await?;
    let old = stage.kill_pod("again-0").await?;
    // The restore may have been done before: what the state says then is older than the kill until the pod is back.
    stage.within(300, async || stage.another("again-0", &old).await).await?;
    stage.within(300, async || restored(again).await).await?;
    again.becomes_healthy(120).await?;
    is_as_before(again, "later").await?;
    same("claims of the first restore", &again.claims(Some(RETIRED)).await?, &before.claims)?;
    same("claims of the second", again.claims(Some(RETIRED_AGAIN)).await?.len(), 2)?;
    // Once: there is no other generation.
    same("claims in service", again.claims(Some(IN_SERVICE)).await?.len(), 2)
}

/// It goes on as any other: it grows, and its volumes do.
async fn lives_on(again: &Cluster<'_>) -> Kept {
    again.edit(json!({"instances": 3, "storage": {"size": "2Gi"}})).await?;
    let three = |status: ClusterStatus| same("members", status.ready.as_str(), "3/3");
    again.stage.within(240, async || three(again.status().await?)).await?;
    again.becomes_healthy(60).await?;
    let claim = again.stage.claim("data3-again-2").await?;
    same("its name", claim.name_any().as_str(), "data3-again-2")?;
    let asked = again.stage.claim("data-again-0").await?.spec.and_then(|spec| spec.resources?.requests);
    same(
        "the old claim's size",
        asked.and_then(|asked| Some(asked.get("storage")?.0.clone())).as_deref(),
        Some("1Gi"),
    )
}

async fn forgotten_by_a_word(again: &Cluster<'_>) -> Kept {
    let stage = again.stage;
    let kept = again.claims(Some(IN_SERVICE)).await?;
    let word = async |word| again.annotate(&[("forget-old-volumes", Some(word))]).await;
    word("other").await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    ensure!(!again.claims(Some("stylobate.dev/retired")).await?.is_empty(), "another's word let them go");
    word("again").await?;
    let gone = async || same("retired claims", again.claims(Some("stylobate.dev/retired")).await?.len(), 0);
    stage.within(90, gone).await?;
    same("all claims", again.claims(None).await?, kept)?;
    let listed =
        async || same("a list of old volumes", stage.has_config_map("again-old-volumes").await?, false);
    stage.within(20, listed).await?;
    again.answers().await
}

async fn gone(again: &Cluster<'_>) -> Kept {
    again.goes(120).await?;
    again.stage.remove_kept("again").await?;
    again.stage.backup("before-mistake").goes(60).await
}
