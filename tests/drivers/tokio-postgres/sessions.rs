//! Cases of transactions, of what a session keeps, and of how it ends.

use std::time::Duration;

use tokio_postgres::{AsyncMessage, Error};

use crate::harness::{Case, Ended, Session, connect, fails, goes_on, run, same, table, tls, value};

const SLEEP: &str = "SELECT pg_sleep(20)";

/// The cases.
pub fn all() -> Vec<(&'static str, Case)> {
    vec![
        ("transactions", Box::pin(transactions())),
        ("savepoints", Box::pin(savepoints())),
        ("commit-fails", Box::pin(commit_fails())),
        ("serializable", Box::pin(serializable())),
        ("write-read", Box::pin(write_read())),
        ("advisory", Box::pin(advisory())),
        ("advisory-transaction", Box::pin(advisory_transaction())),
        ("notify", Box::pin(notify())),
        ("cancel", Box::pin(cancel())),
        ("timeout", Box::pin(timeout())),
        ("dead-client", Box::pin(dead_client())),
        ("terminated", Box::pin(terminated())),
    ]
}

async fn count(session: &Session, name: &str) -> Ended<i64> {
    value(session, &format!("SELECT count(*) FROM {name}"), &[]).await
}

async fn transactions() -> Ended {
    let mut session = connect().await?;
    let name = table(&session, "transactions", "x int").await?;
    let insert = format!("INSERT INTO {name} VALUES (1)");
    let kept = session.client.transaction().await?;
    kept.execute(&insert, &[]).await?;
    kept.commit().await?;
    let failed = session.client.transaction().await?;
    failed.execute(&insert, &[]).await?;
    fails("22012", failed.query("SELECT 1/0", &[]).await)?;
    fails("25P02", failed.query("SELECT 1", &[]).await)?;
    failed.rollback().await?;
    same("rows", count(&session, &name).await?, 1)
}

async fn savepoints() -> Ended {
    let mut session = connect().await?;
    let name = table(&session, "savepoints", "x int").await?;
    let insert = format!("INSERT INTO {name} VALUES (1)");
    let mut outer = session.client.transaction().await?;
    outer.execute(&insert, &[]).await?;
    let inner = outer.transaction().await?;
    inner.execute(&insert, &[]).await?;
    fails("22012", inner.query("SELECT 1/0", &[]).await)?;
    inner.rollback().await?;
    outer.commit().await?;
    same("rows", count(&session, &name).await?, 1)
}

/// Who tries again begins the next transaction at once: the one that failed to commit has ended.
async fn commit_fails() -> Ended {
    let mut session = connect().await?;
    let name = table(&session, "commit_fails", "x int UNIQUE DEFERRABLE INITIALLY DEFERRED").await?;
    let failed = session.client.transaction().await?;
    failed.batch_execute(&format!("INSERT INTO {name} VALUES (1), (1)")).await?;
    fails("23505", failed.commit().await)?;
    let next = session.client.transaction().await?;
    same("answer", next.query_one("SELECT 1", &[]).await?.get::<_, i32>(0), 1)
}

async fn serializable() -> Ended {
    let both = [connect().await?, connect().await?];
    let name = table(&both[0], "serializable", "x int").await?;
    for session in &both {
        run(session, "BEGIN ISOLATION LEVEL SERIALIZABLE").await?;
        count(session, &name).await?;
    }
    for session in &both {
        run(session, &format!("INSERT INTO {name} VALUES (1)")).await?;
    }
    run(&both[0], "COMMIT").await?;
    fails("40001", both[1].client.batch_execute("COMMIT").await)
}

async fn write_read() -> Ended {
    let both = [connect().await?, connect().await?];
    let name = table(&both[0], "write_read", "x int").await?;
    for x in 0..100_i32 {
        both[0].client.execute(&format!("INSERT INTO {name} VALUES ($1)"), &[&x]).await?;
        for session in &both {
            same("newest", value::<i32>(session, &format!("SELECT max(x) FROM {name}"), &[]).await?, x)?;
        }
    }
    Ok(())
}

async fn advisory() -> Ended {
    let (one, two) = (connect().await?, connect().await?);
    run(&one, "SELECT pg_advisory_lock(1)").await?;
    same("second", value::<bool>(&two, "SELECT pg_try_advisory_lock(1)", &[]).await?, false)?;
    same("unlocked", value::<bool>(&one, "SELECT pg_advisory_unlock(1)", &[]).await?, true)
}

async fn advisory_transaction() -> Ended {
    let (one, two) = (connect().await?, connect().await?);
    run(&one, "BEGIN; SELECT pg_advisory_xact_lock(2)").await?;
    same("second", value::<bool>(&two, "SELECT pg_try_advisory_xact_lock(2)", &[]).await?, false)?;
    run(&one, "COMMIT").await?;
    same("afterwards", value::<bool>(&two, "SELECT pg_try_advisory_xact_lock(2)", &[]).await?, true)
}

async fn notify() -> Ended {
    let (mut session, other) = (connect().await?, connect().await?);
    run(&session, "LISTEN drivers").await?;
    run(&other, "NOTIFY drivers, 'word'").await?;
    match tokio::time::timeout(Duration::from_secs(3), session.heard.recv()).await {
        Ok(Some(AsyncMessage::Notification(told))) => same("heard", told.payload(), "word"),
        _ => same("heard", "nothing", "word"),
    }
}

/// A statement at work, and what is done to it meanwhile.
async fn aside(session: &Session, what: impl Future<Output = Ended>) -> Ended<Result<(), Error>> {
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        what.await
    };
    let (ended, done) = tokio::join!(session.client.batch_execute(SLEEP), meanwhile);
    done.map(|()| ended)
}

async fn cancel() -> Ended {
    for _ in 0..10 {
        let session = connect().await?;
        let token = session.client.cancel_token();
        let ended = aside(&session, async { Ok(token.cancel_query(tls()).await?) }).await?;
        fails("57014", ended)?;
        goes_on(&session).await?;
    }
    Ok(())
}

/// A future that is dropped leaves its statement at work: who has a limit cancels as well.
async fn timeout() -> Ended {
    let session = connect().await?;
    let limited = tokio::time::timeout(Duration::from_secs(1), session.client.batch_execute(SLEEP)).await;
    same("in time", limited.is_ok(), false)?;
    session.client.cancel_token().cancel_query(tls()).await?;
    tokio::time::timeout(Duration::from_secs(5), goes_on(&session))
        .await
        .unwrap_or_else(|_| same("answer", "none", "1"))
}

async fn dead_client() -> Ended {
    let (session, other) = (connect().await?, connect().await?);
    let name = table(&other, "dead", "x int").await?;
    run(&session, &format!("BEGIN; LOCK TABLE {name}")).await?;
    let begun = tokio::time::timeout(Duration::from_millis(500), session.client.batch_execute(SLEEP)).await;
    same("ended", begun.is_ok(), false)?;
    drop(session);
    run(&other, &format!("BEGIN; SET LOCAL lock_timeout = '10s'; DROP TABLE {name}; COMMIT")).await
}

async fn terminated() -> Ended {
    let (session, other) = (connect().await?, connect().await?);
    run(&session, "BEGIN").await?;
    let served = value::<i32>(&session, "SELECT pg_backend_pid()", &[]).await?;
    let end = async { value::<bool>(&other, "SELECT pg_terminate_backend($1)", &[&served]).await.map(drop) };
    fails("57P01", aside(&session, end).await?)
}
