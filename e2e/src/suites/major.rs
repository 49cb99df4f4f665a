//! The older major becomes the newest on the same volumes: a check that finds something stops nothing, an upgrade that fails is
//! taken back, and one that is done has the same data, its extensions and its statistics.

use serde_json::json;
use stylobate::api::{RolloutPhase, UpgradePhase, UpgradeStatus};

use crate::broken::{Broken, Kept, same, says};
use crate::ensure;
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::stage::Stage;

/// Its promises.
pub async fn prove(stage: &Stage) {
    let (from, to) = (stage.world.versions.old_newest.as_str(), stage.world.versions.newest.as_str());
    let major = stage.world.versions.major.as_str();
    let old = &stage.cluster("old");
    stage.promise(format!("a cluster of PostgreSQL {from} is made"), async || made(old, from).await).await;
    // From the first pod that is made anew to the last; other suites' rollouts wait.
    let slot = stage.slot().await;
    stage
        .promise("a check that finds something is told, and stops nothing", async || {
            check_fails(old, from, to).await
        })
        .await;
    stage
        .promise("without a backup a person has to say that none is needed", async || {
            waiver_is_needed(old, from).await
        })
        .await;
    let taken_back =
        format!("an upgrade that fails is taken back: {from} serves as before, and the cause is told");
    stage.promise(taken_back, async || upgrade_fails(old, from, major).await).await;
    let becomes = format!("{from} becomes {to}: the same data and volumes, statistics and extensions as new");
    stage.promise(becomes, async || upgraded(old, to).await).await;
    drop(slot);
    stage
        .promise("an older major is refused, and touches nothing", async || no_way_back(old, from, to).await)
        .await;
    stage.promise("the cluster goes", async || gone(old).await).await;
}

async fn made(old: &Cluster<'_>, from: &str) -> Kept {
    let mut spec = with_bank(small(from, 3));
    spec.databases[0].extensions = vec!["hstore".into(), "pgaudit".into()];
    old.make(spec).await?;
    old.becomes_healthy(180).await?;
    same("the version", old.status().await?.version.as_deref(), Some(from))?;
    bank(old, "CREATE TABLE t(id int PRIMARY KEY, v text)").await?;
    bank(old, "INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 50000) i").await?;
    Ok(())
}

/// In the database, as the superuser, on the member that takes writes.
async fn bank(old: &Cluster<'_>, statement: &str) -> Kept<String> {
    old.on_primary("bank", statement).await
}

/// What must not change: rows, and claims with their volumes.
async fn look(old: &Cluster<'_>) -> Kept<(String, Vec<(String, String, String)>)> {
    let rows = bank(old, "SELECT count(*), md5(string_agg(v, ',' ORDER BY id)) FROM t").await?;
    Ok((rows, old.claims(None).await?))
}

async fn upgrade(old: &Cluster<'_>) -> Kept<UpgradeStatus> {
    old.status().await?.upgrade.ok_or_else(|| Broken::new("the status tells of no upgrade"))
}

async fn phase_is(old: &Cluster<'_>, wanted: UpgradePhase) -> Kept {
    same("the phase of the upgrade", upgrade(old).await?.phase, wanted)
}

async fn serves(old: &Cluster<'_>, version: &str) -> Kept {
    old.healthy().await?;
    same("the version", old.status().await?.version.as_deref(), Some(version))?;
    old.answers().await
}

async fn check_fails(old: &Cluster<'_>, from: &str, to: &str) -> Kept {
    bank(old, "CREATE TABLE bad(p regproc)").await?;
    old.edit(json!({"engine": {"version": to}})).await?;
    old.comes_to_tell(240, "UpgradeChecked", "public.bad.p").await?;
    same("the point of no return", upgrade(old).await?.point_of_no_return, false)?;
    serves(old, from).await
}

async fn waiver_is_needed(old: &Cluster<'_>, from: &str) -> Kept {
    bank(old, "DROP TABLE bad").await?;
    // The check is made again every two minutes; who has put it right need not wait for that.
    old.annotate(&[("retry-upgrade", Some("checked"))]).await?;
    old.comes_to_tell(240, "Converged", "backup-before-major").await?;
    serves(old, from).await
}

/// A table's file goes once the check has passed: pg_upgrade links some files, misses that one, and has to be undone.
/// (A full volume stops it earlier, but then hinders the old server too.)
async fn upgrade_fails(old: &Cluster<'_>, from: &str, major: &str) -> Kept {
    bank(old, "CREATE TABLE lost(i int)").await?;
    bank(old, "INSERT INTO lost VALUES (1)").await?;
    bank(old, "CHECKPOINT").await?;
    let file =
        bank(old, "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('lost')").await?;
    old.run(&old.primary().await?, &["rm", &file]).await?;
    old.annotate(&[("upgrade-without-backup", Some(major))]).await?;
    old.stage.within(240, async || phase_is(old, UpgradePhase::Failed).await).await?;
    old.stage.within(120, async || serves(old, from).await).await?;
    old.tells("Converged", "public.lost").await?;
    bank(old, "DROP TABLE lost").await?;
    Ok(())
}

async fn upgraded(old: &Cluster<'_>, to: &str) -> Kept {
    let before = look(old).await?;
    old.annotate(&[("retry-upgrade", Some("again"))]).await?;
    old.stage.within(300, async || phase_is(old, UpgradePhase::Done).await).await?;
    old.stage.within(300, async || rolled(old).await).await?;
    old.stage.within(120, async || serves(old, to).await).await?;
    same("what must not change", look(old).await?, before)?;
    same("the point of no return", upgrade(old).await?.point_of_no_return, true)?;
    let message = old.status().await?.rollout.unwrap_or_default().message;
    says("the rollout", &message, "the same claims and volumes as before")?;
    same(
        "statistics of t",
        bank(old, "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 't'").await?,
        "t",
    )?;
    let offered = "SELECT default_version FROM pg_available_extensions WHERE name = 'pgaudit'";
    let offered = bank(old, offered).await?;
    ensure!(!offered.is_empty(), "the image has no pgaudit");
    same(
        "pgaudit",
        bank(old, "SELECT extversion FROM pg_extension WHERE extname = 'pgaudit'").await?,
        offered,
    )
}

async fn rolled(old: &Cluster<'_>) -> Kept {
    let rollout = old.status().await?.rollout.unwrap_or_default();
    same(&format!("the rollout ({})", rollout.message), rollout.phase, RolloutPhase::Done)
}

async fn no_way_back(old: &Cluster<'_>, from: &str, to: &str) -> Kept {
    old.edit(json!({"engine": {"version": from}})).await?;
    old.comes_to_tell(60, "Accepted", "no older major can read").await?;
    old.answers().await?;
    old.edit(json!({"engine": {"version": to}})).await?;
    old.becomes_healthy(60).await
}

async fn gone(old: &Cluster<'_>) -> Kept {
    old.goes(120).await?;
    old.stage.remove_kept("old").await
}
