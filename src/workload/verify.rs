//! The end of a run: everything is read back from the primary and held against what was promised.
//!
//! All in one transaction of isolation REPEATABLE READ, so that the sums and the rows are of the same moment.
//! It starts with a write and ends with a commit that must succeed. The write fails on a replica, and keeps
//! Pgpool-II from sending the reads that follow to one (it balances SELECTs outside of transactions, and inside
//! until the first write). The comment before each SELECT asks for the same once more, for a Pgpool-II that is
//! set to forget writes. With synchronous replication the commit also shows that what was read is not the
//! memory of a primary that was deposed.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::backoff::Backoff;
use super::journal::{Comparison, Fates};
use super::outcome::{CONNECTION_LOST, Cause};
use super::session::{Session, bounded};
use super::target::Target;

/// The comment that keeps a SELECT off Pgpool-II's load balancing.
const PRIMARY: &str = "/*NO LOAD BALANCE*/";
/// Each account's balance against its initial one and everything the ledger says was moved.
const REPLAY: &str = "SELECT account.id FROM bank.account \
    LEFT JOIN (SELECT id, sum(change) AS change FROM \
        (SELECT debited AS id, -amount AS change FROM bank.ledger \
         UNION ALL SELECT credited, amount FROM bank.ledger) AS changes GROUP BY id) AS moved \
    ON moved.id = account.id \
    WHERE account.balance <> account.initial + coalesce(moved.change, 0)";

/// What the database holds in the end, compared with the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Acknowledged transfers that are in the ledger.
    pub present: u64,
    /// Acknowledged transfers that are not: broken promises.
    pub lost: u64,
    /// The first ten lost ones, as "worker/sequence".
    pub lost_examples: Vec<String>,
    /// Transfers of unknown outcome that turned out to be in the ledger.
    pub unknown_found: u64,
    /// Ledger rows with an id that came before.
    pub duplicates: u64,
    /// Ledger rows of this run that never were committed, as far as this client knows.
    pub unexpected: u64,
    /// The sum of all balances before the run.
    pub total_before: i128,
    /// The sum of all balances after it.
    pub total_after: i128,
    /// Accounts whose balance is not their initial one plus what the ledger says.
    pub accounts_off: u64,
}

/// Reads and compares, again and again until it worked or `patience` is over.
///
/// # Errors
/// The last cause.
pub(super) async fn verify(
    target: &Target,
    run: i64,
    journal: &[Fates],
    total_before: i128,
    patience: Duration,
) -> Result<Verified, Cause> {
    // An attempt that hangs must leave time for another.
    let attempt_limit = patience / 2;
    let end = Instant::now() + patience;
    let mut backoff = Backoff::new();
    loop {
        let at = end.min(Instant::now() + attempt_limit);
        match attempt(target, run, journal, total_before, at).await {
            Ok(verified) => return Ok(verified),
            Err(cause) if Instant::now() >= end || !cause.may_pass() => return Err(cause),
            Err(_) => sleep(backoff.step()).await,
        }
    }
}

async fn attempt(
    target: &Target,
    run: i64,
    journal: &[Fates],
    total_before: i128,
    at: Instant,
) -> Result<Verified, Cause> {
    let mut session = Session::open(target, at.saturating_duration_since(Instant::now())).await?;
    let (total, off) = bounded(&mut session, at, async |session| {
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
        let write = format!(
            "INSERT INTO bank.run (id, verified) VALUES ({run}, clock_timestamp()) \
             ON CONFLICT (id) DO UPDATE SET verified = excluded.verified"
        );
        session.execute(&write).await?;
        let total = session.rows(&format!("{PRIMARY} SELECT sum(balance) FROM bank.account")).await?;
        let off = session.rows(&format!("{PRIMARY} {REPLAY}")).await?;
        Ok((total, off))
    })
    .await?;
    let total_after = number(total.first(), 0)?;
    let mut comparison = Comparison::new(journal);
    let reading = timeout_at(at, read_ledger(&session, run, &mut comparison));
    reading
        .await
        .unwrap_or_else(|_| Err(Cause::new(CONNECTION_LOST, "the ledger could not be read in time")))?;
    bounded(&mut session, at, async |session| session.execute("COMMIT").await).await?;
    session.close().await;

    let findings = comparison.finish();
    let name = |(worker, sequence): &(usize, usize)| format!("{worker}/{sequence}");
    Ok(Verified {
        present: findings.present,
        lost: findings.lost,
        lost_examples: findings.lost_examples.iter().map(name).collect(),
        unknown_found: findings.found,
        duplicates: findings.duplicates,
        unexpected: findings.unexpected,
        total_before,
        total_after,
        accounts_off: off.len() as u64,
    })
}

/// Streams the rows of this run: there may be millions, and none is kept.
async fn read_ledger(session: &Session, run: i64, comparison: &mut Comparison<'_>) -> Result<(), Cause> {
    let sql = format!("{PRIMARY} SELECT worker, seq FROM bank.ledger WHERE run = {run}");
    let lost = |error| Cause::of(&error, CONNECTION_LOST);
    let mut stream = pin!(session.client.simple_query_raw(&sql).await.map_err(lost)?);
    while let Some(message) = stream.next().await {
        if let SimpleQueryMessage::Row(row) = message.map_err(lost)? {
            comparison.row(number(Some(&row), 0)?, number(Some(&row), 1)?);
        }
    }
    Ok(())
}

/// A number in a text column. Anything else means tables that are not ours, which the class 42 says.
fn number<T: std::str::FromStr>(row: Option<&SimpleQueryRow>, column: usize) -> Result<T, Cause> {
    row.and_then(|row| row.get(column))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Cause::new("42804", "a column of the schema bank is no number; use --init"))
}
