//! Cases of logins and of statements.

use std::time::{Duration, SystemTime};

use futures::future::try_join_all;
use futures::{SinkExt, StreamExt, pin_mut};
use tokio_postgres::config::{ChannelBinding, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Config};

use crate::harness::{Case, Ended, connect, connect_as, fails, goes_on, run, same, table, value, variable};

const MIB: usize = 1 << 20;
/// The driver counts them with 16 bits.
const MOST: usize = 65535;

async fn login(name: &'static str) -> Ended {
    let password = variable(&format!("PASSWORD_{}", name.to_uppercase()));
    let session = connect_as(|config| config.user(name).password(password)).await?;
    same("user", value::<String>(&session, "SELECT current_user::text", &[]).await?, name)
}

async fn refused(code: &'static str, edit: fn(&mut Config) -> &mut Config) -> Ended {
    fails(code, connect_as(edit).await)
}

async fn let_in(edit: fn(&mut Config) -> &mut Config) -> Ended {
    goes_on(&connect_as(edit).await?).await
}

/// Who is let in and who is not.
pub fn logins() -> Vec<(&'static str, Case)> {
    vec![
        (
            "login",
            Box::pin(async {
                let user = value::<String>(&connect().await?, "SELECT current_user::text", &[]).await?;
                same("user", user, variable("PGUSER"))
            }),
        ),
        ("login-nbsp", Box::pin(login("nbsp"))),
        ("login-nfd", Box::pin(login("nfd"))),
        ("login-ligature", Box::pin(login("ligature"))),
        ("login-soft", Box::pin(login("soft"))),
        ("login-warning", Box::pin(let_in(|config| config.dbname("warned")))),
        ("refused-password", Box::pin(refused("28P01", |config| config.password("wrong")))),
        ("refused-database", Box::pin(refused("3D000", |config| config.dbname("nosuch")))),
        ("refused-right", Box::pin(refused("42501", |config| config.dbname("other")))),
        ("refused-limit", Box::pin(refused("53300", |config| config.dbname("limited")))),
        ("refused-setting", Box::pin(refused("42704", |config| config.options("-c nosuch=1")))),
        ("direct-tls", Box::pin(let_in(|config| config.ssl_negotiation(SslNegotiation::Direct)))),
        ("channel-binding", Box::pin(let_in(|config| config.channel_binding(ChannelBinding::Require)))),
        ("startup-settings", Box::pin(startup_settings())),
        (
            "primary",
            Box::pin(async {
                let session =
                    connect_as(|config| config.target_session_attrs(TargetSessionAttrs::ReadWrite)).await?;
                same("in recovery", value::<bool>(&session, "SELECT pg_is_in_recovery()", &[]).await?, false)
            }),
        ),
    ]
}

async fn startup_settings() -> Ended {
    let session = connect_as(|config| {
        config.application_name("drivers").options("-c TimeZone=Asia/Kathmandu -c work_mem=5MB")
    })
    .await?;
    for (name, wanted) in
        [("application_name", "drivers"), ("TimeZone", "Asia/Kathmandu"), ("work_mem", "5MB")]
    {
        same(name, value::<String>(&session, &format!("SHOW {name}"), &[]).await?, wanted)?;
    }
    Ok(())
}

/// What single statements do.
pub fn statements() -> Vec<(&'static str, Case)> {
    vec![
        ("types", Box::pin(types())),
        (
            "multi-statement",
            Box::pin(async {
                same("answers", connect().await?.client.simple_query("SELECT 1; SELECT 2").await?.len(), 6)
            }),
        ),
        ("prepared", Box::pin(prepared())),
        ("unknown-statement", Box::pin(unknown_statement())),
        ("unknown-portal", Box::pin(unknown_portal())),
        (
            "parameters-most",
            Box::pin(async {
                let marks = (1..=MOST).map(|n| format!("${n}::int")).collect::<Vec<_>>().join(",");
                let given = vec![&1_i32 as &(dyn ToSql + Sync); MOST];
                let asked = format!("SELECT cardinality(ARRAY[{marks}])");
                same("count", value::<i32>(&connect().await?, &asked, &given).await?, MOST as i32)
            }),
        ),
        (
            "parameter-20-mb",
            Box::pin(async {
                let given = "x".repeat(20 * MIB);
                let length = value::<i32>(&connect().await?, "SELECT length($1::text)", &[&given]).await?;
                same("length", length, (20 * MIB) as i32)
            }),
        ),
        (
            "result-60-mb",
            Box::pin(async {
                let asked = format!("SELECT repeat('x', {})", 60 * MIB);
                same("length", value::<String>(&connect().await?, &asked, &[]).await?.len(), 60 * MIB)
            }),
        ),
        ("copy-in", Box::pin(copy_in())),
        ("copy-out", Box::pin(copy_out())),
        ("copy-fail", Box::pin(copy_fail())),
        ("cursor", Box::pin(cursor())),
        ("pipeline", Box::pin(pipeline())),
        ("notice", Box::pin(notice())),
    ]
}

async fn types() -> Ended {
    let session = connect().await?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_208_000);
    same("timestamptz", value::<SystemTime>(&session, "SELECT $1::timestamptz", &[&now]).await?, now)?;
    same("int[]", value::<Vec<i32>>(&session, "SELECT $1::int[]", &[&[1, 2].as_slice()]).await?, [1, 2])?;
    same(
        "bytea",
        value::<Vec<u8>>(&session, "SELECT $1::bytea", &[&[0_u8, 255].as_slice()]).await?,
        [0, 255],
    )?;
    same("text", value::<String>(&session, "SELECT $1::text", &[&"ÿ 😀"]).await?, "ÿ 😀")?;
    same("float8", value::<f64>(&session, "SELECT $1::float8", &[&0.1]).await?, 0.1)?;
    same("null", value::<Option<i32>>(&session, "SELECT $1::int", &[&None::<i32>]).await?, None)
}

async fn prepared() -> Ended {
    let mut sessions = [connect().await?, connect().await?, connect().await?];
    let mut statements = Vec::new();
    for session in &sessions {
        statements.push(session.client.prepare("SELECT $1::int + 1").await?);
    }
    for turn in 0..20_i32 {
        for (session, statement) in sessions.iter_mut().zip(&statements) {
            let transaction = session.client.transaction().await?;
            same("value", transaction.query_one(statement, &[&turn]).await?.get::<_, i32>(0), turn + 1)?;
            transaction.commit().await?;
        }
    }
    Ok(())
}

/// The driver still knows its statement, the server no longer does.
async fn unknown_statement() -> Ended {
    let session = connect().await?;
    let statement = session.client.prepare("SELECT 1").await?;
    run(&session, "DEALLOCATE ALL").await?;
    fails("26000", session.client.query(&statement, &[]).await)?;
    goes_on(&session).await
}

/// A portal ends with its transaction.
async fn unknown_portal() -> Ended {
    let mut session = connect().await?;
    let before = session.client.transaction().await?;
    let portal = before.bind("SELECT generate_series(1, 10)", &[]).await?;
    before.commit().await?;
    let after = session.client.transaction().await?;
    fails("34000", after.query_portal(&portal, 1).await)?;
    after.rollback().await?;
    goes_on(&session).await
}

async fn copy_in() -> Ended {
    let session = connect().await?;
    let name = table(&session, "copy_in", "x int, y text").await?;
    let sink = session.client.copy_in::<_, &'static [u8]>(&format!("COPY {name} FROM STDIN")).await?;
    pin_mut!(sink);
    for _ in 0..10_000 {
        sink.send(b"1\ty\n").await?;
    }
    same("rows", sink.finish().await?, 10_000)
}

async fn copy_out() -> Ended {
    let session = connect().await?;
    let rows = session.client.copy_out("COPY (SELECT generate_series(1, 10000)) TO STDOUT").await?;
    pin_mut!(rows);
    let mut count = 0;
    while let Some(bytes) = rows.next().await {
        count += bytes?.iter().filter(|byte| **byte == b'\n').count();
    }
    same("rows", count, 10_000)?;
    goes_on(&session).await
}

async fn copy_fail() -> Ended {
    let session = connect().await?;
    let name = table(&session, "copy_fail", "x int").await?;
    let sink = session.client.copy_in::<_, &'static [u8]>(&format!("COPY {name} FROM STDIN")).await?;
    pin_mut!(sink);
    sink.send(b"1\nno number\n").await?;
    fails("22P02", sink.finish().await)?;
    goes_on(&session).await
}

async fn cursor() -> Ended {
    let mut session = connect().await?;
    let transaction = session.client.transaction().await?;
    let portal = transaction.bind("SELECT generate_series(1, 1000)", &[]).await?;
    for wanted in [400, 400, 200] {
        same("rows", transaction.query_portal(&portal, 400).await?.len(), wanted)?;
    }
    Ok(())
}

/// Statements that are polled together are sent without waiting for answers.
async fn pipeline() -> Ended {
    let session = connect().await?;
    let name = table(&session, "pipeline", "x int, y text").await?;
    let statement =
        session.client.prepare(&format!("INSERT INTO {name} VALUES ($1, repeat('y', 100))")).await?;
    let (client, statement) = (&session.client, &statement);
    try_join_all((0..5000_i32).map(|x| async move { client.execute(statement, &[&x]).await })).await?;
    same("rows", value::<i64>(&session, &format!("SELECT count(*) FROM {name}"), &[]).await?, 5000)
}

async fn notice() -> Ended {
    let mut session = connect().await?;
    run(&session, "DO $$ BEGIN RAISE WARNING 'mind'; RAISE NOTICE 'look'; END $$").await?;
    for wanted in ["mind", "look"] {
        let Some(AsyncMessage::Notice(told)) = session.heard.recv().await else {
            return same("notice", "none", wanted);
        };
        same("notice", told.message(), wanted)?;
    }
    Ok(())
}
