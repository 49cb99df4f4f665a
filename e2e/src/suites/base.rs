//! Base backups by pgBackRest of a cluster `depot`, in an emulator of Google Cloud Storage over TLS: taken once whatever becomes of the
//! operator, restored when they are nearer than a snapshot, removed with their object, missed when somebody else removed them.

use std::time::Duration;

use serde_json::{Value, json};
use stylobate::api::{BackupMethod, BackupPhase, Consistency, PostgresClusterSpec};

use crate::broken::{Broken, Kept, same, says};
use crate::ensure;
use crate::harness::archive::{backrest, holds, segment, server_time};
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::stage::Stage;

/// Rows of `kept` before and after the copy was made.
#[derive(Clone, Copy, Debug, Default)]
struct Rows {
    before: u64,
    after: u64,
}

/// Its promises.
pub async fn prove(stage: &Stage) {
    let depot = &stage.cluster("depot");
    let mut rows = Rows::default();
    stage
        .promise("a schedule of copies without a bucket is refused", async || schedule_refused(stage).await)
        .await;
    stage.promise("a cluster with an archive, and a snapshot of it", async || made(depot).await).await;
    stage
        .promise(
            "a base backup of a server that is written to is made once, also when the operator is killed in its midst",
            async || {
                rows = copied_once(depot).await?;
                Ok(())
            },
        )
        .await;
    stage.calmly("the list shows how each backup was made", async || listed(depot).await).await;
    stage
        .promise(
            "a moment that is nearer to the copy than to the snapshot begins with the copy, with all rows",
            async || nearer_than_a_snapshot(depot).await,
        )
        .await;
    stage
        .promise(
            "a copy comes back at its own moment, also when the member is killed meanwhile",
            async || own_moment(stage, rows).await,
        )
        .await;
    stage
        .promise("a copy is not restored in place, and the refusal says how else", async || {
            in_place_refused(depot).await
        })
        .await;
    stage
        .promise("a copy goes from the archive with its object", async || {
            deleted_with_its_object(depot).await
        })
        .await;
    stage
        .promise("a copy that somebody else removed is told as lost", async || missed_when_gone(depot).await)
        .await;
    stage.promise("the cluster with the copies goes", async || gone(stage).await).await;
}

/// A small cluster with these further fields of its spec.
fn spec(stage: &Stage, instances: i32, field: &str, value: Value) -> Kept<PostgresClusterSpec> {
    let mut spec = with_bank(small(&stage.world.versions.newest, instances));
    spec.storage.size.0 = "2Gi".into();
    let mut all = serde_json::to_value(spec)?;
    all[field] = value;
    Ok(serde_json::from_value(all)?)
}

async fn rows_of(cluster: &Cluster<'_>) -> Kept<u64> {
    Ok(cluster.on_primary("postgres", "select count(*) from kept").await?.parse()?)
}

async fn schedule_refused(stage: &Stage) -> Kept {
    let bare = stage.cluster("bare");
    let schedule = json!({"schedules": [{"name": "weekly", "schedule": "0 3 * * SUN", "method": "Archive"}]});
    let Err(refusal) = bare.make(spec(stage, 1, "backup", schedule)?).await else {
        return Err(Broken::new("it was taken"));
    };
    says("the refusal", &refusal.to_string(), "spec.backup.schedules[].method is 'Archive'")?;
    ensure!(!bare.exists().await?, "it is there");
    Ok(())
}

async fn made(depot: &Cluster<'_>) -> Kept {
    let stage = depot.stage;
    stage.bucket().await?;
    let gcs = json!({"bucket": "wal", "endpoint": "gcs:4443", "anonymous": true, "caSecret": "gcs-tls"});
    depot.make(spec(stage, 1, "backup", json!({"archive": {"switchSeconds": 10, "gcs": gcs}}))?).await?;
    depot.becomes_healthy(240).await?;
    depot.on_primary("postgres", "create table kept(n int)").await?;
    let filler = "create table filler as select g, md5(g::text) as t from generate_series(1, 300000) g";
    depot.on_primary("postgres", filler).await?;
    let cut = stage.backup("cut");
    cut.make("depot", BackupMethod::Snapshot).await?;
    cut.succeeds(300).await?;
    Ok(())
}

/// Labels of the copies in the archive, each with the backup that it is of.
async fn copies(depot: &Cluster<'_>) -> Kept<Vec<(String, String)>> {
    let info: Value = serde_json::from_str(&backrest(depot, &["--output=json", "info"]).await?)?;
    let all = info[0]["backup"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(all.iter().map(|copy| (text(&copy["label"]), text(&copy["annotation"]["stylobate"]))).collect())
}

async fn copied_once(depot: &Cluster<'_>) -> Kept<Rows> {
    let stage = depot.stage;
    let leader = depot.primary().await?;
    // The bank is written to as the copy is made; the statement ends with its session when the member is gone.
    let write = "do $$ begin for i in 1..2000 loop insert into kept values (i); commit; perform pg_sleep(0.01); end loop; end $$";
    let writes = depot.inside(&leader, "postgres", write);
    let copies_meanwhile = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = rows_of(depot).await?;
        let copied = stage.backup("copied");
        // It may be over before anybody looks, on a fast machine.
        let begun = async || {
            let phase = copied.status().await?.phase;
            ensure!(matches!(phase, BackupPhase::Copying | BackupPhase::Succeeded), "the copy is {phase:?}");
            Ok(())
        };
        let kills = async || {
            copied.make("depot", BackupMethod::Archive).await?;
            stage.within(120, begun).await?;
            for _ in 0..2 {
                stage.world.operator.kill().await?;
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            Ok(())
        };
        stage.storm(kills).await?;
        let status = copied.succeeds(300).await?;
        Ok::<_, Broken>((before, rows_of(depot).await?, copied.uid().await?, status))
    };
    let (written, copied) = futures::join!(writes, copies_meanwhile);
    written?;
    let (before, after, uid, status) = copied?;
    let label =
        status.groups.first().and_then(|group| group.archived.as_ref()).map(|copy| copy.label.clone());
    same("copies in the archive", copies(depot).await?, vec![(label.unwrap_or_default(), uid.clone())])?;
    same("snapshots", stage.snapshots(&format!("stylobate.dev/backup-uid={uid}")).await?.len(), 0)?;
    same("its consistency", status.consistency, Some(Consistency::CopyWithWal))?;
    Ok(Rows { before, after })
}

async fn listed(depot: &Cluster<'_>) -> Kept {
    let stage = depot.stage;
    let list = async |more: &[&str]| {
        let mut arguments = vec!["backup", "list", "depot", "-n", stage.namespace.as_str()];
        arguments.extend(more);
        stage.world.operator.run(&arguments).await?.ended_well()
    };
    stage.within(60, async || says("the list", &list(&[]).await?, "copied")).await?;
    let table = list(&[]).await?;
    let row = table.lines().find_map(|line| line.split_once("copied"));
    ensure!(row.is_some_and(|(_, rest)| rest.trim_start().starts_with("Archive")), "the list is {table}");
    let told: Value = serde_json::from_str(&list(&["-o", "json"]).await?)?;
    let runs = told["runs"].as_array().cloned().unwrap_or_default();
    let copied = json!({"backup": "copied", "method": "Archive", "outcome": "succeeded"});
    let is =
        |run: &Value| copied.as_object().is_some_and(|all| all.iter().all(|(key, value)| run[key] == *value));
    ensure!(runs.iter().any(is), "the list is {told}");
    Ok(())
}

async fn nearer_than_a_snapshot(depot: &Cluster<'_>) -> Kept {
    let stage = depot.stage;
    // Between the copy's end and the moment, and between the moment and what comes after it, clocks may differ by some milliseconds.
    tokio::time::sleep(Duration::from_secs(3)).await;
    depot.on_primary("postgres", "insert into kept select generate_series(1, 5000)").await?;
    let rows = rows_of(depot).await?;
    let moment = server_time(depot).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    depot.on_primary("postgres", "truncate kept").await?;
    let last = segment(depot).await?;
    depot.on_primary("postgres", "select pg_switch_wal()").await?;
    stage.within(90, async || holds(depot, &last).await).await?;
    let nearer = stage.cluster("nearer");
    let bootstrap = json!({"fromCluster": {"name": "depot"}, "pointInTime": {"targetTime": moment}});
    nearer.make(spec(stage, 2, "bootstrap", bootstrap)?).await?;
    nearer.becomes_healthy(360).await?;
    let restore = nearer.status().await?.restore;
    same("its backup", restore.map(|restore| restore.backup), Some(format!("{}/copied", stage.namespace)))?;
    same("its rows", rows_of(&nearer).await?, rows)?;
    let claims = nearer.claims(None).await?;
    same("its claims", claims.len(), 2)?;
    for (claim, ..) in claims {
        let cloned = stage.claim(&claim).await?.spec.and_then(|spec| spec.data_source);
        ensure!(cloned.is_none(), "claim {claim} is a clone");
    }
    nearer.answers().await?;
    nearer.goes(120).await
}

async fn own_moment(stage: &Stage, rows: Rows) -> Kept {
    let own = stage.cluster("own");
    own.make(spec(stage, 1, "bootstrap", json!({"fromBackup": {"name": "copied"}}))?).await?;
    // In the middle of what it does, whatever that is by then.
    stage.within(120, async || Ok(stage.pods().get("own-0").await?)).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let old = stage.kill_pod("own-0").await?;
    stage.within(360, async || stage.another("own-0", &old).await).await?;
    own.becomes_healthy(360).await?;
    let found = rows_of(&own).await?;
    ensure!((rows.before..=rows.after).contains(&found), "{rows:?}, restored {found}");
    let now: i64 =
        own.on_primary("postgres", "SELECT timeline_id FROM pg_control_checkpoint()").await?.parse()?;
    let then = stage.backup("copied").status().await?.groups[0].timeline;
    ensure!(now > then, "timeline {now} is not after {then}");
    own.answers().await?;
    own.goes(120).await
}

async fn in_place_refused(depot: &Cluster<'_>) -> Kept {
    depot.annotate(&[("restore-in-place", Some("copied")), ("confirm-restore", Some("depot"))]).await?;
    depot.comes_to_tell(30, "Restored", "only a new cluster is restored from").await?;
    depot.annotate(&[("restore-in-place", None), ("confirm-restore", None)]).await
}

async fn deleted_with_its_object(depot: &Cluster<'_>) -> Kept {
    depot.stage.backup("copied").goes(180).await?;
    same("copies in the archive", copies(depot).await?.len(), 0)?;
    let stanza = stanza(depot).await?;
    let folder = backrest(depot, &["repo-ls", &format!("backup/{stanza}")]).await?;
    let label = |line: &&str| {
        line.len() > 8 && line.as_bytes()[8] == b'-' && line[..8].bytes().all(|byte| byte.is_ascii_digit())
    };
    same("folders of copies", folder.lines().filter(label).count(), 0)
}

async fn stanza(depot: &Cluster<'_>) -> Kept<String> {
    let archive =
        depot.status().await?.archive.ok_or_else(|| Broken::new("the status tells of no archive"))?;
    Ok(archive.stanza)
}

async fn missed_when_gone(depot: &Cluster<'_>) -> Kept {
    let taken = depot.stage.backup("taken-away");
    taken.make("depot", BackupMethod::Archive).await?;
    let status = taken.succeeds(300).await?;
    let copy = status.groups.first().and_then(|group| group.archived.clone());
    let label = copy.ok_or_else(|| Broken::new("its status tells of no copy"))?.label;
    let stanza = stanza(depot).await?;
    for file in ["backup.manifest", "backup.manifest.copy"] {
        backrest(depot, &["repo-rm", &format!("backup/{stanza}/{label}/{file}")]).await?;
    }
    backrest(depot, &["expire"]).await?;
    // It would be seen within ten minutes; any change of the object is looked at now.
    taken.patch(json!({"metadata": {"annotations": {"look": label}}})).await?;
    depot.stage.within(90, async || taken.is(BackupPhase::Lost).await).await?;
    says("its reason", &taken.status().await?.reason.unwrap_or_default(), "is not in the archive any more")
}

async fn gone(stage: &Stage) -> Kept {
    for backup in ["copied", "taken-away", "cut"] {
        stage.backup(backup).goes(120).await?;
    }
    for cluster in ["depot", "nearer", "own", "bare"] {
        stage.cluster(cluster).goes(120).await?;
        stage.remove_kept(cluster).await?;
    }
    Ok(())
}
