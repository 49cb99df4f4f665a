//! Logical replication out of the cluster `spring` into the cluster `basin`, which subscribes as any server elsewhere would: straight to
//! the Service of the primary. Every row that was acknowledged arrives, whoever takes writes meanwhile.

use std::cell::{Cell, RefCell};

use kube::ResourceExt;
use serde_json::json;
use stylobate::api::{PostgresClusterSpec, SlotState};

use crate::broken::{Broken, Kept, same, says};
use crate::ensure;
use crate::harness::cluster::{Cluster, small, with_bank};
use crate::harness::pods;
use crate::harness::stage::Stage;

/// Its promises.
pub async fn prove(stage: &Stage) {
    let (spring, basin) = (&stage.cluster("spring"), &stage.cluster("basin"));
    stage
        .promise("a slot of no database, or of a member's name, is refused", async || refused(spring).await)
        .await;
    stage
        .promise(
            "a cluster that ran without becomes one whose WAL can be decoded, one member at a time",
            async || turned_on(spring).await,
        )
        .await;
    stage
        .promise("a subscriber elsewhere gets what there was and what comes", async || {
            subscribed(spring, basin).await
        })
        .await;
    stage
        .promise("every member that may take over has the slot", async || {
            stage.within(90, async || kept(spring).await).await
        })
        .await;
    stage
        .promise("no row that was acknowledged is lost to the subscriber over two switchovers", async || {
            for _ in 0..2 {
                over(spring, basin, async |to| {
                    spring.annotate(&[("switchover", Some(&format!("{to}@logical-{to}")))]).await
                })
                .await?;
            }
            Ok(())
        })
        .await;
    stage
        .promise("nor when the primary is killed", async || {
            over(spring, basin, async |_| {
                let primary = spring.primary().await?;
                stage.kill_pod(&primary).await.map(drop)
            })
            .await
        })
        .await;
    stage
        .promise(
            "a slot that nobody reads from is told before it is lost, and WAL stays bounded",
            async || abandoned(spring, basin).await,
        )
        .await;
}

fn spec(stage: &Stage) -> Kept<PostgresClusterSpec> {
    let mut spec = serde_json::to_value(with_bank(small(&stage.world.versions.newest, 3)))?;
    let cdc = json!({"name": "cdc", "options": ["Replication"], "replicationFrom": ["10.0.0.0/8"]});
    spec["users"].as_array_mut().ok_or_else(|| Broken::new("no users"))?.push(cdc);
    Ok(serde_json::from_value(spec)?)
}

fn replication(slot: &str, database: &str) -> serde_json::Value {
    json!({"replication": {"walLevel": "Logical", "slots": [{"name": slot, "database": database}]}})
}

async fn refused(spring: &Cluster<'_>) -> Kept {
    spring.make(spec(spring.stage)?).await?;
    spring.becomes_healthy(180).await?;
    for (slot, database, said) in
        [("cdc", "gone", "no database of spec.databases"), ("spring_1", "bank", "to each member")]
    {
        spring.edit(replication(slot, database)).await?;
        spring.comes_to_tell(30, "Accepted", said).await?;
    }
    same("wal_level", spring.on_primary("postgres", "show wal_level").await?, "replica")
}

async fn turned_on(spring: &Cluster<'_>) -> Kept {
    let _slot = spring.stage.slot().await;
    // The publication comes before the slot: what is written between the two can't be decoded for it (pgoutput looks for the publication
    // as of that moment).
    spring
        .sql("create table kept(n int primary key); insert into kept select generate_series(-100, -1)")
        .await?;
    // Nobody but its owner comes into a database by himself.
    spring.sql("create publication all_of_it for table kept; grant select on kept to cdc; grant connect on database bank to cdc").await?;
    spring.edit(replication("cdc", "bank")).await?;
    let made = async || {
        let row = spring.status().await?.replication.unwrap_or_default().slots;
        let state = row.first().map(|row| row.state);
        ensure!(matches!(state, Some(SlotState::PrimaryOnly | SlotState::Kept)), "the slot is {state:?}");
        spring.healthy().await
    };
    spring.stage.within(240, made).await?;
    for pod in spring.pods("member").await? {
        let name = pod.metadata.name.unwrap_or_default();
        same(
            &format!("wal_level of {name}"),
            spring.inside(&name, "postgres", "show wal_level").await?,
            "logical",
        )?;
    }
    Ok(())
}

async fn subscribed(spring: &Cluster<'_>, basin: &Cluster<'_>) -> Kept {
    let stage = spring.stage;
    basin.make(with_bank(small(&stage.world.versions.newest, 1))).await?;
    basin.becomes_healthy(180).await?;
    basin.on_primary("bank", "create table kept(n int primary key)").await?;
    let password = stage.secret("spring-user-cdc", "password").await?;
    let subscribe = format!(
        "create subscription cdc connection 'host=spring-primary.{}.svc dbname=bank user=cdc password={password} sslmode=require' \
         publication all_of_it with (create_slot = false, slot_name = 'cdc')",
        stage.namespace
    );
    let primary = basin.primary().await?;
    let psql = ["psql", "-XAtq", "-U", "postgres", "-d", "bank", "-v", "ON_ERROR_STOP=1", "-f", "-"];
    pods::exec(&stage.pods(), &primary, "postgres", &psql, Some(&subscribe)).await?.ended_well()?;
    spring.sql("insert into kept values (0)").await?;
    stage.within(60, async || same("rows at the subscriber", rows(basin).await?, rows(spring).await?)).await
}

/// How many rows there are, and their sum.
async fn rows(cluster: &Cluster<'_>) -> Kept<String> {
    cluster.on_primary("bank", "select count(*) || ' ' || coalesce(sum(n), 0) from kept").await
}

async fn kept(spring: &Cluster<'_>) -> Kept {
    let slots = spring.status().await?.replication.unwrap_or_default().slots;
    same("states of slots", slots.iter().map(|row| row.state).collect::<Vec<_>>(), vec![SlotState::Kept])?;
    same("LogicalSlotsOk", spring.condition("LogicalSlotsOk").await?.status, "True")
}

/// Rows are written while `change` makes another member take writes; then both have the same, and all that was acknowledged.
async fn over(spring: &Cluster<'_>, basin: &Cluster<'_>, change: impl AsyncFnOnce(&str) -> Kept) -> Kept {
    let stage = spring.stage;
    stage.within(120, async || kept(spring).await).await?;
    let members = spring.members().await?;
    let before = leads(spring).await?;
    let to = members.iter().map(|(name, _)| name.clone()).find(|name| *name != before.0);
    let to = to.ok_or_else(|| Broken::new("there is no other member"))?;
    let next: i64 = spring.on_primary("bank", "select max(n) + 1 from kept").await?.parse()?;
    let (acknowledged, over) = (RefCell::new(Vec::new()), Cell::new(false));
    let writes = async {
        let mut n = next;
        while !over.get() {
            if spring.sql(&format!("insert into kept values ({n})")).await.is_ok() {
                acknowledged.borrow_mut().push(n);
            }
            n += 1;
        }
    };
    let changed = async {
        let done = match change(&to).await {
            Ok(()) => {
                let other = async || ensure_other(spring, &before).await;
                stage.within(90, other).await
            }
            broken => broken,
        };
        let written = acknowledged.borrow().len();
        // Some rows are the new primary's.
        let more = async || {
            ensure!(acknowledged.borrow().len() > written + 3, "no rows are written");
            Ok(())
        };
        let done = match done {
            Ok(()) => stage.within(60, more).await,
            broken => broken,
        };
        over.set(true);
        done
    };
    let ((), changed) = futures::join!(writes, changed);
    changed?;
    stage
        .within(90, async || same("rows at the subscriber", rows(basin).await?, rows(spring).await?))
        .await?;
    let list = acknowledged.borrow().iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let missing = format!(
        "select count(*) from unnest(array[{list}]) as a(n) where not exists (select from kept k where k.n = a.n)"
    );
    same("acknowledged rows that the subscriber lacks", basin.on_primary("bank", &missing).await?, "0")
}

/// The pod that takes writes: its name and its identity.
async fn leads(spring: &Cluster<'_>) -> Kept<(String, String)> {
    let name = spring.primary().await?;
    let uid = spring.stage.pods().get(&name).await?.uid().unwrap_or_default();
    Ok((name, uid))
}

/// Another pod takes writes. One that was killed may lead again under its name: its claim lasts longer than a pod takes to come back.
async fn ensure_other(spring: &Cluster<'_>, before: &(String, String)) -> Kept {
    let now = leads(spring).await?;
    ensure!(now != *before, "{} is still the primary", now.0);
    spring.answers().await
}

async fn abandoned(spring: &Cluster<'_>, basin: &Cluster<'_>) -> Kept {
    basin.on_primary("bank", "alter subscription cdc disable").await?;
    let write = "do $$ begin for i in 1..14 loop perform pg_logical_emit_message(false, 'filler', repeat('x', 12000000)); \
                 perform pg_switch_wal(); end loop; end $$";
    spring.on_primary("postgres", write).await?;
    spring.comes_to_tell(60, "LogicalSlotsOk", "SlotBehind").await?;
    for _ in 0..2 {
        spring.on_primary("postgres", write).await?;
    }
    spring.on_primary("postgres", "checkpoint").await?;
    spring.comes_to_tell(60, "LogicalSlotsOk", "SlotLost").await?;
    let wal = "select sum(size) < 640 * 1024 * 1024 from pg_ls_waldir()";
    same("WAL is bounded", spring.on_primary("postgres", wal).await?, "t")?;
    says("the remedy", &spring.condition("LogicalSlotsOk").await?.message, "copy its tables anew")
}
