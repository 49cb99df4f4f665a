//! The pooler under a real driver: cancels by any pod, clients that vanish, large messages, and sessions that are all taken.

use std::time::Duration;

use futures::{SinkExt, StreamExt, pin_mut};
use stylobate::api::PostgresClusterSpec;
use tokio_postgres::error::SqlState;

use crate::broken::{Broken, Kept, same};
use crate::ensure;
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::stage::Stage;
use crate::harness::wire::{Holding, Wire};

/// Clients of each pod.
const CLIENTS: i32 = 4;
/// A value that many applications have, and that a pod sized for idle sessions did not carry: 30 MiB.
const LARGE: usize = 30 << 20;
/// Connections that only hold a place: more than a pod has processes (10).
const HOLDERS: usize = 16;
/// Seconds until a login has to work beside them: two turns of what the pooler gives a login (`images/pgpool/front.h`), and some.
const LOGIN: u32 = 45;

/// Its promises.
pub async fn prove(stage: &Stage) {
    let front = &stage.cluster("front");
    stage.promise("there is a cluster with two pooler pods", async || made(front).await).await;
    stage
        .promise("a cancel that comes to another pod ends its statement, with TLS and without", async || {
            cancels(front).await
        })
        .await;
    stage
        .promise("with all sessions taken a cancel is heard, and a new client is told 53300", async || {
            full(front).await
        })
        .await;
    stage
        .promise(
            "a client that vanishes in a statement or a COPY leaves neither session nor lock",
            async || vanished(front).await,
        )
        .await;
    stage.promise("COPY by the extended protocol goes in and out", async || copies(front).await).await;
    stage
        .promise(
            "a value of 30 MiB goes in and comes back, in several sessions after each other",
            async || large(front).await,
        )
        .await;
    stage
        .promise(
            "who has no password holds nobody up for longer than some seconds, whatever he says",
            async || held_up(front).await,
        )
        .await;
    stage.promise("the cluster behind the poolers goes", async || front.goes(120).await).await;
}

fn spec(stage: &Stage) -> PostgresClusterSpec {
    let mut spec = with_bank(small(&stage.world.versions.newest, 1));
    spec.pooler.instances = 2;
    spec.pooler.clients = Some(CLIENTS);
    spec
}

async fn made(front: &Cluster<'_>) -> Kept {
    front.make(spec(front.stage)).await?;
    front.becomes_healthy(180).await?;
    front.stage.within(60, async || front.answers().await).await
}

/// Names of both pods.
async fn poolers(front: &Cluster<'_>) -> Kept<[String; 2]> {
    front
        .pod_names("pooler")
        .await?
        .try_into()
        .map_err(|names: Vec<String>| Broken::new(format!("{names:?} are no two poolers")))
}

/// The SQLSTATE of a statement that failed.
fn code<T>(ended: Result<T, tokio_postgres::Error>) -> Kept<SqlState> {
    let error = ended.err().ok_or_else(|| Broken::new("the statement went through"))?;
    error.code().cloned().ok_or_else(|| Broken::new(format!("no SQLSTATE: {error}")))
}

/// Statements of the user at work, by the server's own view.
async fn working(front: &Cluster<'_>) -> Kept<String> {
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state <> 'idle'";
    front.on_primary("postgres", asked).await
}

async fn cancels(front: &Cluster<'_>) -> Kept {
    let [one, other] = poolers(front).await?;
    for (pod, encrypted) in [(&one, true), (&other, true), (&one, false), (&other, false)] {
        let wire = front.stage.wire(&one, "front").await?;
        let statement = wire.client.batch_execute("SELECT pg_sleep(60)");
        let cancel = async {
            front.stage.within(20, async || same("statements", working(front).await?, "1")).await?;
            front.stage.cancel(pod, &wire.client.cancel_token(), encrypted).await
        };
        let (ended, cancelled) = tokio::join!(statement, cancel);
        cancelled?;
        same("the statement", code(ended)?, SqlState::QUERY_CANCELED)?;
        let after = wire.client.query_one("SELECT 1", &[]).await?.get::<_, i32>(0);
        same("the session afterwards", after, 1)?;
    }
    Ok(())
}

async fn full(front: &Cluster<'_>) -> Kept {
    let [pod, _] = poolers(front).await?;
    let mut held: Vec<Wire> = Vec::new();
    // Metrics have sessions of their own, which are idle most of the time, so some more than CLIENTS may get in.
    let refused = loop {
        match front.stage.wire(&pod, "front").await {
            Ok(wire) => held.push(wire),
            Err(refused) => break refused,
        }
        ensure!(held.len() < 2 * CLIENTS as usize, "{} sessions of {CLIENTS}", held.len());
    };
    ensure!(refused.to_string().contains("too many clients"), "refused otherwise: {refused}");
    ensure!(held.len() >= CLIENTS as usize, "{} sessions of {CLIENTS}", held.len());
    let first = &held[0];
    let statement = first.client.batch_execute("SELECT pg_sleep(60)");
    let cancel = async {
        front.stage.within(20, async || same("statements", working(front).await?, "1")).await?;
        front.stage.cancel(&pod, &first.client.cancel_token(), true).await
    };
    let (ended, cancelled) = tokio::join!(statement, cancel);
    cancelled?;
    same("the statement", code(ended)?, SqlState::QUERY_CANCELED)?;
    held.pop();
    front.stage.within(20, async || front.stage.wire(&pod, "front").await.map(drop)).await
}

async fn vanished(front: &Cluster<'_>) -> Kept {
    let [pod, _] = poolers(front).await?;
    front.sql("CREATE TABLE taken (x int)").await?;
    for statement in ["SELECT pg_sleep(600)", "COPY taken FROM STDIN"] {
        let wire = front.stage.wire(&pod, "front").await?;
        wire.client.batch_execute("BEGIN; LOCK TABLE taken").await?;
        {
            let begun = async {
                match statement.strip_prefix("COPY") {
                    Some(_) => drop(wire.client.copy_in::<_, &[u8]>(statement).await?),
                    None => wire.client.batch_execute(statement).await?,
                }
                Ok::<_, tokio_postgres::Error>(())
            };
            let seen = front.stage.within(20, async || {
                let asked = format!("SELECT count(*) FROM pg_stat_activity WHERE query = '{statement}'");
                same("statements", front.on_primary("postgres", &asked).await?, "1")
            });
            pin_mut!(begun, seen);
            futures::future::select(begun, seen).await;
        }
        drop(wire);
        front.stage.within(20, async || same("sessions", working(front).await?, "0")).await?;
        front.sql("ALTER TABLE taken ALTER x TYPE bigint; ALTER TABLE taken ALTER x TYPE int").await?;
    }
    Ok(())
}

async fn copies(front: &Cluster<'_>) -> Kept {
    let [pod, _] = poolers(front).await?;
    let wire = front.stage.wire(&pod, "front").await?;
    wire.client.batch_execute("CREATE TABLE copied (x int)").await?;
    let sink = wire.client.copy_in::<_, &'static [u8]>("COPY copied FROM STDIN").await?;
    pin_mut!(sink);
    sink.send(b"1\n2\n3\n").await?;
    same("rows in", sink.finish().await?, 3)?;
    let rows = wire.client.copy_out("COPY copied TO STDOUT").await?;
    pin_mut!(rows);
    let mut all = Vec::new();
    while let Some(bytes) = rows.next().await {
        all.extend_from_slice(&bytes?);
    }
    same("rows out", String::from_utf8_lossy(&all).as_ref(), "1\n2\n3\n")?;
    let after = wire.client.query_one("SELECT count(*) FROM copied", &[]).await?.get::<_, i64>(0);
    same("the session afterwards", after, 3)
}

async fn large(front: &Cluster<'_>) -> Kept {
    let [pod, _] = poolers(front).await?;
    let value = "x".repeat(LARGE);
    for _ in 0..3 {
        let wire = front.stage.wire(&pod, "front").await?;
        let row = wire.client.query_one("SELECT $1::text", &[&value]).await?;
        same("its length", row.get::<_, &str>(0).len(), LARGE)?;
    }
    Ok(())
}

async fn held_up(front: &Cluster<'_>) -> Kept {
    let [pod, _] = poolers(front).await?;
    for how in [Holding::Silent, Holding::Handshake, Holding::Questions, Holding::Login] {
        let mut held = Vec::new();
        for _ in 0..HOLDERS {
            held.push(front.stage.hold(&pod, how).await?);
        }
        let login = front.stage.within(LOGIN, async || front.stage.wire(&pod, "front").await.map(drop));
        let ended = tokio::time::timeout(Duration::from_secs(LOGIN.into()), login).await;
        drop(held);
        let ended = ended.map_err(|_| Broken::new(format!("{how:?}: no login within {LOGIN} s")))?;
        ended.map_err(|broken| Broken::new(format!("{how:?}: {broken}")))?;
    }
    Ok(())
}
