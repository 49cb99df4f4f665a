//! Schedules, retention and the command line of backups, on a cluster of one member: an outage of the operators that is part of it
//! is a storm for all others.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};
use stylobate::api::{BackupPhase, PostgresBackup};

use crate::broken::{Broken, Kept, same, says};
use crate::ensure;
use crate::harness::backup::phase;
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::stage::Stage;

/// A schedule that names every minute, and gives up a run after one.
const OFTEN: &str = r#"{"schedules":[{"name":"often","schedule":"* * * * *","startDeadlineMinutes":1}]}"#;

/// Seconds of that minute.
const START_DEADLINE: i64 = 60;
/// An operator that finds a run later than this after its time, in seconds, was not at work then (`src/schedule/missed.rs`); and one
/// more.
const AT_WORK: i64 = 121;

/// Its promises.
pub async fn prove(stage: &Stage) {
    let diary = &stage.cluster("diary");
    stage.promise("a cluster for schedules is there", async || made(diary).await).await;
    stage.calmly("a backup on demand succeeds and tells its stall", async || on_demand(diary).await).await;
    stage
        .promise("a schedule makes a backup at its moments, and the list shows it", async || {
            each_minute(diary).await
        })
        .await;
    stage
        .promise(
            "a run that a pause kept from beginning is recorded as missed, told, and made up for",
            async || paused_is_missed(diary).await,
        )
        .await;
    stage
        .promise("runs that were due while no operator was there are recorded when one is back", async || {
            outage_is_told(diary).await
        })
        .await;
    stage
        .promise(
            "retention deletes what no rule keeps, and never a held one nor the last good one",
            async || kept_and_deleted(diary).await,
        )
        .await;
    stage
        .calmly("a schedule costs no write between two moments", async || still_when_settled(diary).await)
        .await;
}

async fn made(diary: &Cluster<'_>) -> Kept {
    diary.make(with_bank(small(&diary.stage.world.versions.newest, 1))).await?;
    diary.becomes_healthy(180).await
}

/// `spec.backup` as given.
async fn policy(diary: &Cluster<'_>, policy: &str) -> Kept {
    diary.edit(json!({"backup": serde_json::from_str::<Value>(policy)?})).await
}

async fn without_policy(diary: &Cluster<'_>) -> Kept {
    diary.edit(json!({"backup": null})).await
}

/// Backups that the schedule made, in this phase.
async fn runs(diary: &Cluster<'_>, wanted: BackupPhase) -> Kept<Vec<PostgresBackup>> {
    let all = diary.stage.backups_of(&diary.name).await?.into_iter();
    Ok(all.filter(|backup| backup.spec.schedule.is_some() && phase(backup) == Some(wanted)).collect())
}

async fn some_run(diary: &Cluster<'_>, wanted: BackupPhase) -> Kept<PostgresBackup> {
    let first = runs(diary, wanted).await?.into_iter().next();
    first.ok_or_else(|| Broken::new(format!("no run of the schedule is {wanted:?}")))
}

/// The command line as the operator's image has it, on the suite's namespace.
async fn operator(diary: &Cluster<'_>, arguments: &[&str]) -> Kept<String> {
    let mut all = arguments.to_vec();
    all.extend(["-n", &diary.stage.namespace]);
    Ok(diary.stage.world.operator.run(&all).await?.all())
}

async fn on_demand(diary: &Cluster<'_>) -> Kept {
    let told = operator(diary, &["backup", "diary", "--wait", "120"]).await?;
    says("the command", &told, ": succeeded, cut ")?;
    says("the command", &told, "write stall")?;
    let told = operator(diary, &["backup", "create", "nobody"]).await?;
    says("the command", &told, "failed to find PostgresCluster nobody")
}

async fn each_minute(diary: &Cluster<'_>) -> Kept {
    let stage = diary.stage;
    policy(diary, OFTEN).await?;
    diary.comes_to_tell(20, "BackupsCurrent", "AsWanted").await?;
    let run = stage.within(150, async || some_run(diary, BackupPhase::Succeeded).await).await?.name_any();
    let moment = run.strip_prefix("diary-often-").unwrap_or_default();
    ensure!(moment.len() == 12 && moment.bytes().all(|byte| byte.is_ascii_digit()), "the name is {run}");
    let schedules = diary.status().await?.backup.unwrap_or_default().schedules;
    same("the schedule", schedules.first().map(|first| first.name.as_str()), Some("often"))?;
    // An operator that another suite ends answers once it is back.
    let listed = async || {
        let table = operator(diary, &["backup", "list", "diary"]).await?;
        let line = table.lines().find(|line| line.contains("diary-often-") && line.contains("Succeeded"));
        ensure!(line.is_some_and(|line| line.contains("often ")), "the list is {table}");
        let list: Value =
            serde_json::from_str(&operator(diary, &["backup", "list", "diary", "-o", "json"]).await?)?;
        same("the cluster", &list["cluster"], &json!("diary"))?;
        let runs = list["runs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let good = runs.iter().any(|run| run["schedule"] == "often" && run["outcome"] == "succeeded");
        ensure!(good, "the list is {list}");
        Ok(())
    };
    stage.within(10, listed).await
}

async fn paused_is_missed(diary: &Cluster<'_>) -> Kept {
    let stage = diary.stage;
    diary.edit(json!({"paused": true})).await?;
    stage.within(200, async || some_run(diary, BackupPhase::Missed).await).await?;
    diary.comes_to_tell(20, "BackupsCurrent", "BackupMissed").await?;
    diary.tells("BackupsCurrent", "spec.paused was true").await?;
    diary.edit(json!({"paused": false})).await?;
    diary.comes_to_tell(150, "BackupsCurrent", "AsWanted").await?;
    let listed = async || says("the list", &operator(diary, &["backup", "list", "diary"]).await?, "Missed");
    stage.within(10, listed).await
}

/// The operators are away from before a moment until two minutes after its time is over, when nobody takes them for late; what was due
/// is recorded when they are back.
async fn outage_is_told(diary: &Cluster<'_>) -> Kept {
    let (stage, operators) = (diary.stage, &diary.stage.world.operator);
    second_of_minute(40).await;
    let before = stage
        .storm(async || {
            second_of_minute(52).await;
            let before = runs(diary, BackupPhase::Missed).await?.len();
            operators.scale(0).await?;
            stage.within(60, async || same("operators", operators.count().await?, 0)).await?;
            let away = Timestamp::now().as_second();
            let moment = (away / 60 + 1) * 60;
            tokio::time::sleep(Duration::from_secs(
                (moment + START_DEADLINE + AT_WORK - away).cast_unsigned(),
            ))
            .await;
            operators.scale(2).await?;
            Ok(before)
        })
        .await?;
    let more = async || {
        let now = runs(diary, BackupPhase::Missed).await?.len();
        ensure!(now > before, "{now} runs are recorded as missed, as before");
        Ok(())
    };
    stage.within(120, more).await?;
    let all = stage.backups_of("diary").await?;
    let told = |backup: &PostgresBackup| {
        let reason = backup.status.as_ref().and_then(|status| status.reason.as_deref());
        reason.is_some_and(|reason| reason.contains("no operator was at work"))
    };
    ensure!(all.iter().any(told), "no reason says that no operator was at work");
    Ok(())
}

/// Waits for this second of a minute, so that an outage is no longer than it has to be.
async fn second_of_minute(second: i64) {
    let seconds = (second - Timestamp::now().as_second()).rem_euclid(60);
    tokio::time::sleep(Duration::from_secs(seconds.cast_unsigned())).await;
}

async fn kept_and_deleted(diary: &Cluster<'_>) -> Kept {
    let stage = diary.stage;
    let name = some_run(diary, BackupPhase::Succeeded).await?.name_any();
    let held = stage.backup(&name);
    held.patch(json!({"spec": {"hold": true}})).await?;
    policy(diary, r#"{"schedules":[],"retention":{"last":1}}"#).await?;
    let good = async || {
        let all = stage.backups_of("diary").await?;
        let good = all.iter().filter(|backup| phase(backup) == Some(BackupPhase::Succeeded));
        Ok::<_, Broken>(good.map(ResourceExt::name_any).collect::<Vec<_>>())
    };
    let one_beside =
        async || same("good ones beside it", good().await?.iter().filter(|other| **other != name).count(), 1);
    stage.within(60, one_beside).await?;
    says("keptBy", &held.status().await?.kept_by.join(", "), "legal hold")?;
    held.patch(json!({"spec": {"hold": false}})).await?;
    stage.within(60, async || held.is_gone().await).await?;
    // The last good one outlives its days, and evidence stays.
    some_run(diary, BackupPhase::Missed).await?;
    stage.within(60, async || same("good ones", good().await?.len(), 1)).await?;
    without_policy(diary).await
}

async fn still_when_settled(diary: &Cluster<'_>) -> Kept {
    policy(diary, r#"{"schedules":[{"name":"yearly","schedule":"0 2 1 1 *"}]}"#).await?;
    // What was said before the edit is the same text.
    diary.becomes_healthy(30).await?;
    diary.comes_to_tell(30, "BackupsCurrent", "AsWanted").await?;
    // A run of the schedule of before may still be under way, and its end is told: the first quiet while is looked for. A schedule that costs
    // writes has none.
    let mut before = diary.get().await?.resource_version();
    for _ in 0..3 {
        // More than twice the operator's longest pause between two looks.
        tokio::time::sleep(Duration::from_secs(35)).await;
        let after = diary.get().await?.resource_version();
        if after == before {
            return without_policy(diary).await;
        }
        before = after;
    }
    Err(Broken::new("the object was written to in each of three times 35 s"))
}
