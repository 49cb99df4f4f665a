//! The pooler kind PgBouncer: planned switchovers that no client notices by an error, users made by SQL, reads that go on while the primary is
//! gone, and a change of kind while clients come.

use std::cell::Cell;
use std::time::Duration;

use kube::ResourceExt;
use kube::api::LogParams;
use serde_json::json;
use stylobate::api::PostgresClusterSpec;

use crate::broken::{Broken, Kept, same, says};
use crate::ensure;
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::pods;
use crate::harness::stage::Stage;
use crate::harness::wire::Wire;

/// Writers by each pooler pod: half of them statement by statement, half in transactions of three messages.
const WRITERS: usize = 4;
/// Between two writes of one writer, so that two processors serve all of them.
const BREATH: Duration = Duration::from_millis(30);
/// Rows that have to be written before the role is handed over, and after.
const ROWS: u64 = 40;

/// Its promises.
pub async fn prove(stage: &Stage) {
    let swift = &stage.cluster("swift");
    stage
        .promise("there is a cluster behind PgBouncer, with a pooler for reads", async || made(swift).await)
        .await;
    stage
        .promise("a user made by SQL logs in, and the superuser does not", async || users(swift).await)
        .await;
    let slot = stage.slot().await;
    stage
        .promise("two planned switchovers end no statement and no transaction of any client", async || {
            unnoticed(swift).await
        })
        .await;
    drop(slot);
    stage
        .promise("clients that somebody held and forgot go on by themselves", async || held(swift).await)
        .await;
    stage
        .promise("new sessions read while the primary is killed and no other is there yet", async || {
            reads(swift).await
        })
        .await;
    stage
        .promise(
            "another kind of pooler takes over pod by pod, and clients get in all the while",
            async || another_kind(swift).await,
        )
        .await;
    stage.promise("the cluster and both of its poolers go", async || swift.goes(120).await).await;
}

fn spec(stage: &Stage) -> Kept<PostgresClusterSpec> {
    let mut spec = serde_json::to_value(with_bank(small(&stage.world.versions.newest, 3)))?;
    spec["pooler"] = json!({
        "kind": "PgBouncer", "instances": 2, "clients": 200, "serverConnections": 8,
        "readOnly": {"instances": 1, "clients": 50, "serverConnections": 4},
    });
    Ok(serde_json::from_value(spec)?)
}

async fn made(swift: &Cluster<'_>) -> Kept {
    swift.make(spec(swift.stage)?).await?;
    swift.becomes_healthy(240).await?;
    swift.stage.within(60, async || swift.answers().await).await?;
    swift.sql("CREATE TABLE written (writer int, n bigint)").await.map(drop)
}

async fn users(swift: &Cluster<'_>) -> Kept {
    let secret = swift.stage.secret("swift-user-app", "password").await?;
    let verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'";
    let verifier = swift.on_primary("postgres", verifier).await?;
    swift
        .on_primary(
            "postgres",
            &format!(
                "CREATE ROLE handmade LOGIN PASSWORD '{verifier}'; GRANT CONNECT ON DATABASE bank TO handmade"
            ),
        )
        .await?;
    ensure!(!secret.is_empty(), "the user has no password");
    let said = swift.sql_as("handmade", "swift-user-app", "bank", "SELECT current_user").await?;
    same("who it is", said.as_str(), "handmade")?;
    for nobody in ["postgres", "standby"] {
        let refused = swift.sql_as(nobody, "swift-user-app", "bank", "SELECT 1").await;
        ensure!(refused.is_err(), "{nobody} was let in");
    }
    Ok(())
}

/// One writer: what it wrote and how long its longest write took, once `stop` is set; or the first error that it got.
async fn write(wire: &Wire, writer: i32, written: &Cell<u64>, stop: &Cell<bool>) -> Kept<(i64, Duration)> {
    let insert = wire.client.prepare("INSERT INTO written VALUES ($1, $2)").await?;
    let (mut n, mut longest) = (0_i64, Duration::ZERO);
    while !stop.get() {
        n += 1;
        let begun = std::time::Instant::now();
        if writer % 2 == 0 {
            wire.client.execute(&insert, &[&writer, &n]).await?;
        } else {
            wire.client.batch_execute("BEGIN").await?;
            wire.client.execute(&insert, &[&writer, &n]).await?;
            wire.client.batch_execute("COMMIT").await?;
        }
        longest = longest.max(begun.elapsed());
        written.set(written.get() + 1);
        tokio::time::sleep(BREATH).await;
    }
    Ok((n, longest))
}

async fn unnoticed(swift: &Cluster<'_>) -> Kept {
    let mut wires = Vec::new();
    for pod in swift.pod_names("pooler").await? {
        for _ in 0..WRITERS {
            wires.push(swift.stage.wire(&pod, "swift").await?);
        }
    }
    let (stop, written) = (&Cell::new(false), &Cell::new(0));
    let more = async || {
        let before = written.get();
        let enough = async || {
            ensure!(written.get() >= before + ROWS, "{} rows since", written.get() - before);
            Ok(())
        };
        swift.stage.within(60, enough).await
    };
    let writers = wires.iter().zip(0..).map(|(wire, writer)| write(wire, writer, written, stop));
    let disturb = async {
        let outcome = async {
            for round in 0..2 {
                more().await?;
                // Only a member that lacks no commit is handed the role.
                swift.stage.within(60, async || swift.quorum_is_seen().await).await?;
                let from = swift.primary().await?;
                swift.annotate(&[("switchover", Some(&format!("any@swift-{round}")))]).await?;
                let over = async || {
                    let now = swift.primary().await?;
                    ensure!(now != from, "{from} takes writes as before");
                    swift.healthy().await
                };
                swift.stage.within(120, over).await?;
                more().await?;
            }
            Ok(())
        };
        let outcome: Kept = outcome.await;
        stop.set(true);
        outcome
    };
    let (outcome, ended) = tokio::join!(disturb, futures::future::try_join_all(writers));
    let ended = ended.map_err(|broken| Broken::new(format!("a client got an error: {broken}")))?;
    outcome?;
    let acknowledged: i64 = ended.iter().map(|(n, _)| n).sum();
    let there = swift.on_primary("bank", "SELECT count(*) FROM written").await?;
    same("rows", there, acknowledged.to_string())
}

async fn held(swift: &Cluster<'_>) -> Kept {
    let pod = swift.pod_names("pooler").await?.into_iter().next().unwrap_or_default();
    let console = ["psql", "-Xw", "-h", "/tmp", "-U", "pgbouncer", "-d", "pgbouncer", "-c", "PAUSE bank"];
    let wire = swift.stage.wire(&pod, "swift").await?;
    pods::exec(&swift.stage.pods(), &pod, "pgbouncer", &console, None).await?.ended_well()?;
    let answer = wire.client.query_one("SELECT 1", &[]).await?.get::<_, i32>(0);
    same("the answer, in the end", answer, 1)?;
    let of = LogParams { container: Some("pgbouncer".into()), ..LogParams::default() };
    let log = swift.stage.pods().logs(&pod, &of).await?;
    says("the supervisor", &log, "database 'bank' was held for")
}

/// New sessions by the pooler for reads, until another member takes writes; each has to read.
async fn reads(swift: &Cluster<'_>) -> Kept {
    let pod = swift.pod_names("pooler-ro").await?.into_iter().next().unwrap_or_default();
    let read = async || {
        let wire = swift.stage.wire(&pod, "swift").await?;
        let row = wire.client.query_one("SELECT count(*) FROM written", &[]).await?;
        ensure!(row.get::<_, i64>(0) > 0, "no rows");
        Ok(())
    };
    read().await?;
    swift.stage.within(60, async || swift.quorum_is_seen().await).await?;
    let primary = swift.primary().await?;
    let old = swift.stage.kill_pod(&primary).await?;
    let mut times = 0;
    loop {
        read().await.map_err(|broken: Broken| Broken::new(format!("after {times} reads: {broken}")))?;
        times += 1;
        // The killed member is back: whoever leads by now, it was somebody else or nobody meanwhile.
        if swift.stage.another(&primary, &old).await.is_ok() {
            break;
        }
    }
    ensure!(times > 1, "one read in all");
    swift.becomes_healthy(120).await
}

async fn another_kind(swift: &Cluster<'_>) -> Kept {
    let before = swift.pod_names("pooler").await?;
    swift
        .edit(
            json!({"pooler": {"kind": "Pgpool", "clients": 8, "serverConnections": null, "readOnly": null}}),
        )
        .await?;
    let replaced = async || {
        let now = swift.pods("pooler").await?;
        let new =
            |pod: &&k8s_openapi::api::core::v1::Pod| !before.contains(&pod.name_any()) && pods::ready(pod);
        Ok::<_, Broken>(now.len() == 2 && now.iter().filter(new).count() == 2)
    };
    let mut times = 0;
    loop {
        swift.answers().await.map_err(|broken| Broken::new(format!("after {times} sessions: {broken}")))?;
        times += 1;
        if replaced().await? {
            break;
        }
        ensure!(times < 2000, "the pods are not made anew: {:?}", swift.pod_names("pooler").await?);
    }
    swift.becomes_healthy(120).await?;
    same("pods of the pooler for reads", swift.pods("pooler-ro").await?.len(), 0)?;
    let none_left = async || {
        let left = swift.children().await?;
        let left: Vec<_> = left.iter().filter(|child| child[0].ends_with("/swift-pooler-ro")).collect();
        ensure!(left.is_empty(), "of the pooler for reads these are left: {left:?}");
        Ok(())
    };
    swift.stage.within(30, none_left).await
}
