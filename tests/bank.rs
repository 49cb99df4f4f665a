//! The bank workload against a real server: a crash loses nothing, and a loss does not go unseen.

// Each test program uses a part of the shared server.
#[allow(dead_code)]
mod postgres;
#[path = "bank/tls.rs"]
mod tls;

use std::time::Duration;

use clap::Parser;
use postgres::Postgres;
use stylobate::workload::bank::{BankArgs, Error, Summary, Verdict, exit_code, run};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    bank: BankArgs,
}

fn args(url: &str, rest: &[&str]) -> BankArgs {
    let all = ["bank", "--url", url, "--concurrency", "4"].into_iter().chain(rest.iter().copied());
    Cli::try_parse_from(all).expect("arguments that parse").bank
}

fn codes(summary: &Summary) -> Vec<&str> {
    summary.errors.keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_postmaster_is_killed() {
    for protocol in ["simple", "extended"] {
        let Some(mut postgres) = Postgres::start(&format!("crash-{protocol}"), "") else { return };
        let all = args(
            &postgres.url("sslmode=disable"),
            &["--init", "--accounts", "20", "--duration", "10s", "--protocol", protocol],
        );
        let running = tokio::spawn(run(all));
        tokio::time::sleep(Duration::from_secs(2)).await;
        postgres.kill();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let postgres = tokio::task::spawn_blocking(move || {
            postgres.up();
            postgres
        });
        let postgres = postgres.await.expect("the server to come back");
        let result = running.await.expect("the run to end");
        assert_eq!(exit_code(&result), 0, "{result:?}");
        let summary = result.expect("a summary");
        let found = summary.verified.as_ref().expect("a verified run");
        assert_eq!((found.lost, found.present), (0, summary.acknowledged));
        assert!(summary.acknowledged > 100, "{summary}");
        let gap = summary.longest_write_gap.as_ref().expect("a gap");
        assert!(gap.seconds >= 0.5 && !gap.open, "{summary}");
        assert!(gap.causes.contains_key("08001"), "refused connections belong to the gap: {summary}");
        let rows = postgres.sql("SELECT count(*) FROM bank.ledger");
        assert_eq!(rows, (summary.acknowledged + found.unknown_found).to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_deleted_behind_its_back_is_lost() {
    let Some(postgres) = Postgres::start("loss", "") else { return };
    let all = args(&postgres.url("sslmode=disable"), &["--init", "--duration", "3s", "--json"]);
    let running = tokio::spawn(run(all));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // The balances are put right as well: nothing but the missing row can give it away.
    postgres.sql(
        "WITH gone AS (DELETE FROM bank.ledger WHERE id = (SELECT id FROM bank.ledger \
             WHERE at < clock_timestamp() - interval '200 ms' ORDER BY at DESC LIMIT 1) RETURNING *), \
         moved AS (SELECT debited AS id, amount AS change FROM gone UNION ALL SELECT credited, -amount FROM gone) \
         UPDATE bank.account SET balance = balance + change FROM moved WHERE moved.id = account.id",
    );
    let result = running.await.expect("the run to end");
    assert_eq!(exit_code(&result), 1, "{result:?}");
    let summary = result.expect("a summary");
    let found = summary.verified.as_ref().expect("a verified run");
    assert_eq!((found.lost, found.accounts_off, found.total_after), (1, 0, found.total_before), "{summary}");
    assert!(matches!(&summary.verdict, Verdict::Broken(reasons) if reasons.len() == 1), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn terminated_sessions_are_named_and_survived() {
    let Some(postgres) = Postgres::start("terminate", "") else { return };
    let running = tokio::spawn(run(args(&postgres.url("sslmode=disable"), &["--init", "--duration", "3s"])));
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stylobate-bank'");
    }
    let result = running.await.expect("the run to end");
    assert_eq!(exit_code(&result), 0, "{result:?}");
    let summary = result.expect("a summary");
    assert!(codes(&summary).contains(&"57P01"), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_gave_up_its_replica_is_no_promise() {
    let Some(postgres) = Postgres::start("replica", "") else { return };
    let running = tokio::spawn(run(args(&postgres.url("sslmode=disable"), &["--init", "--duration", "4s"])));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let wait_for = |standbys: &str| {
        postgres.sql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{standbys}'"));
        postgres.sql("SELECT pg_reload_conf()");
    };
    wait_for("nowhere");
    tokio::time::sleep(Duration::from_secs(1)).await;
    // A cancelled wait is answered like any commit, but for a warning.
    postgres.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    tokio::time::sleep(Duration::from_millis(500)).await;
    // A terminated one is not answered at all.
    postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    wait_for("");
    let result = running.await.expect("the run to end");
    assert_eq!(exit_code(&result), 0, "{result:?}");
    let summary = result.expect("a summary");
    let found = summary.verified.as_ref().expect("a verified run").unknown_found;
    assert!(summary.unknown >= 4 && found == summary.unknown, "all of them were written here: {summary}");
    assert!(codes(&summary).contains(&"01000") && codes(&summary).contains(&"57P01"), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stays_down_is_code_two() {
    let Some(mut postgres) = Postgres::start("down", "") else { return };
    let url = postgres.url("sslmode=disable");
    let running = tokio::spawn(run(args(&url, &["--init", "--duration", "2s", "--verify-timeout", "1s"])));
    tokio::time::sleep(Duration::from_secs(1)).await;
    postgres.kill();
    let result = running.await.expect("the run to end");
    assert_eq!(exit_code(&result), 2, "{result:?}");
    let summary = result.expect("a summary");
    assert!(
        summary.verified.is_none() && summary.to_string().contains("failed to verify the run"),
        "{summary}"
    );
    assert!(summary.longest_write_gap.as_ref().is_some_and(|gap| gap.open), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said() {
    let Some(postgres) = Postgres::start("missing", "") else { return };
    let url = postgres.url("sslmode=disable");
    let refused = run(args(&url, &["--duration", "1s"])).await;
    assert_eq!(exit_code(&refused), 2);
    let said = refused.expect_err("no tables yet");
    assert!(matches!(said, Error::NotInitialised(_)) && said.to_string().contains("--init"), "{said}");

    let kept = "CREATE SCHEMA bank; CREATE TABLE bank.theirs (id integer)";
    postgres.sql(kept);
    run(args(&url, &["--init", "--accounts", "5", "--duration", "500ms"])).await.expect("a first run");
    run(args(&url, &["--init", "--accounts", "7", "--duration", "500ms"])).await.expect("made anew");
    assert_eq!(postgres.sql("SELECT count(*) FROM bank.theirs"), "0", "a table that is not ours was dropped");
    let again = run(args(&url, &["--duration", "500ms"])).await.expect("a run on what is there");
    assert_eq!((again.accounts, again.exit_code()), (7, 0));
    let said = run(args(&url, &["--accounts", "9"])).await.expect_err("9 are not 7").to_string();
    assert!(said.contains("--accounts is 9, but it has 7"), "{said}");
    let said = run(args(&url.replace("bank@", "nobody@"), &[])).await.expect_err("no such role").to_string();
    assert!(said.contains("28000") && said.contains("user"), "{said}");
}
