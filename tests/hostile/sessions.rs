//! What a tenant holds up, and what is left behind of sessions.

use std::time::{Duration, Instant};

use super::world::World;

const OURS: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stylobate'";

/// Waits until no session of the operator is left; an end that never comes is one that the server would wait for as well.
fn nobody_left(world: &World) {
    let end = Instant::now() + Duration::from_secs(20);
    while world.server.sql(OURS) != "0" {
        assert!(Instant::now() < end, "a session is left behind");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_nobody_waits_for_any_more_ends_with_its_session() {
    let Some(world) = World::settled("sessions-drop").await else { return };
    for _ in 0..5 {
        let session = world.session("bank").await;
        let late = session.execute("SELECT pg_catalog.pg_sleep(600)");
        assert!(tokio::time::timeout(Duration::from_millis(100), late).await.is_err());
    }
    nobody_left(&world);
    let session = world.session("bank").await;
    let ended = session.execute_within("SELECT pg_catalog.pg_sleep(600)", Duration::from_millis(200)).await;
    assert!(ended.unwrap_err().to_string().contains("57014"), "the server itself ends it");
    assert_eq!(session.query("SELECT 1").await.unwrap().len(), 1);
    drop(session);
    nobody_left(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_notices_that_the_operator_is_gone() {
    let Some(world) = World::settled("sessions-gone").await else { return };
    let ways = world.ways.clone();
    // A runtime of its own, which is gone with all its tasks: nothing cancels.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let session = ways.session(super::world::MEMBER, "bank").await.unwrap();
            let late = session.execute("SELECT pg_catalog.pg_sleep(600)");
            assert!(tokio::time::timeout(Duration::from_millis(200), late).await.is_err());
            std::mem::forget(session);
        });
        runtime.shutdown_background();
    })
    .join()
    .unwrap();
    nobody_left(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_who_holds_a_lock_holds_up_what_is_his_and_not_the_round() {
    let Some(mut world) = World::settled("sessions-lock").await else { return };
    // He has written a row of his own that the operator writes too, and does not commit.
    let mut holds = world.server.program("psql");
    holds.args(["-X", "-c", "BEGIN; ALTER ROLE other PASSWORD 'mine'; SELECT pg_sleep(120)"]);
    holds.env("PGHOST", world.server.sockets()).env("PGPORT", world.server.port().to_string());
    holds.env("PGUSER", "other").env("PGDATABASE", "vault").stdout(std::process::Stdio::null());
    let mut holds = holds.spawn().unwrap();
    let there = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'other' AND wait_event = 'PgSleep'";
    while world.server.sql(there) != "1" {
        assert!(holds.try_wait().unwrap().is_none(), "he holds nothing");
    }
    world.edit(|spec| {
        spec["users"][1]["options"] = serde_json::json!(["CreateDb"]);
        spec["users"].as_array_mut().unwrap().push(serde_json::json!({"name": "report"}));
    });
    let began = Instant::now();
    let round = world.round().await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(round.failed.len(), 1, "{:?}", round.failed);
    assert!(round.failed.values().all(|cause| cause.contains("55P03")), "{:?}", round.failed);
    assert_eq!(world.server.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'report'"), "1");
    holds.kill().unwrap();
    holds.wait().unwrap();
    world.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'other'");
    world.now += jiff::SignedDuration::from_mins(6);
    world.settle().await;
    nobody_left(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_with_four_billion_iterations_costs_the_operator_nothing_and_is_set_back() {
    let Some(mut world) = World::settled("sessions-scram").await else { return };
    let verifier = world.server.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'other'");
    let hostile = verifier.replacen("$4096:", "$4294967295:", 1);
    let long = verifier.replacen("$4096:", &format!("$4096:{}", "QUFB".repeat(20_000)), 1);
    for own in [hostile, long] {
        let set = format!("ALTER ROLE other PASSWORD '{own}'");
        world.server.sql_as("other", "vault", &[&set]).unwrap();
        let began = Instant::now();
        let round = world.round().await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(
            round.done,
            [
                "set the password of user other to that of its Secret, where it is changed (one set by SQL does not last)"
            ]
        );
        assert!(world.round().await.done.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_is_open_at_a_time() {
    let Some(mut world) = World::settled("sessions-one").await else { return };
    world.server.sql("ALTER SYSTEM SET log_connections = on");
    world.server.sql("ALTER SYSTEM SET log_disconnections = on");
    world.server.sql("ALTER SYSTEM SET log_line_prefix = '%p %a '");
    world.server.sql("SELECT pg_reload_conf()");
    world.forget();
    world.round().await;
    nobody_left(&world);
    let log = world.server.log();
    let (mut open, mut most) = (0_i32, 0);
    for line in log
        .lines()
        .filter(|line| line.contains(" stylobate LOG:") || line.contains("application_name=stylobate"))
    {
        open +=
            i32::from(line.contains("connection authorized")) - i32::from(line.contains("disconnection:"));
        most = most.max(open);
    }
    // One that has said goodbye may still be on its way out when the next one comes.
    assert!((1..=2).contains(&most), "{most} at a time");
}
