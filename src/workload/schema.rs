//! The tables of the bank: made on request, and looked at before a run.
//!
//! Everything happens in a transaction that starts with a write. That is for Pgpool-II: it may send a SELECT to
//! a replica, which lags behind, but not within a transaction that has written.

use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use super::session::{Session, bounded};

/// What an account starts with. Balances may become negative: this bank tests atomicity, not credit.
const INITIAL_BALANCE: i64 = 1000;
/// Loading the largest allowed number of accounts takes about a minute on a small machine.
const INIT_LIMIT: Duration = Duration::from_secs(300);
/// Two statements on small tables; longer means that the database does not work.
const START_LIMIT: Duration = Duration::from_secs(15);

/// In the order of their making; the rest of the schema, if there is any, is not ours.
const TABLES: [&str; 3] = [
    "CREATE TABLE bank.account (id integer PRIMARY KEY, initial bigint NOT NULL, balance bigint NOT NULL)",
    "CREATE TABLE bank.ledger (id uuid PRIMARY KEY, run bigint NOT NULL, worker integer NOT NULL, \
     seq bigint NOT NULL, debited integer NOT NULL, credited integer NOT NULL, amount bigint NOT NULL, \
     at timestamptz NOT NULL DEFAULT clock_timestamp())",
    "CREATE TABLE bank.run (id bigint PRIMARY KEY, started timestamptz NOT NULL DEFAULT clock_timestamp(), \
     verified timestamptz)",
];

/// The state of the accounts before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    /// Accounts 0..accounts.
    pub accounts: i32,
    /// The sum of all balances.
    pub total: i128,
}

/// Drops and makes the three tables.
///
/// # Errors
/// [`Error::Start`] with what the database said.
pub(super) async fn init(session: &mut Session, accounts: u32) -> Result<(), Error> {
    let work = async |session: &Session| {
        session.execute("BEGIN").await?;
        session.execute("CREATE SCHEMA IF NOT EXISTS bank").await?;
        session.execute("DROP TABLE IF EXISTS bank.account, bank.ledger, bank.run").await?;
        for table in TABLES {
            session.execute(table).await?;
        }
        let fill = format!(
            "INSERT INTO bank.account (id, initial, balance) \
             SELECT id, {INITIAL_BALANCE}, {INITIAL_BALANCE} FROM generate_series(0, {}) AS id",
            accounts - 1
        );
        session.execute(&fill).await
    };
    let hint = "the user needs the right to create the schema bank, or to own it";
    let failed = |cause| Error::Start { doing: "make the tables of the schema bank", cause, hint };
    let at = Instant::now() + INIT_LIMIT;
    bounded(session, at, work).await.map_err(failed)?;
    bounded(session, at, async |session| session.execute("COMMIT").await).await.map_err(failed)?;
    Ok(())
}

/// Enters the run and reads what the accounts hold.
///
/// # Errors
/// [`Error::NotInitialised`] where tables are missing, [`Error::Accounts`] where the accounts are not those of
/// this workload or not as many as `expected`.
pub(super) async fn start(session: &mut Session, run: i64, expected: Option<u32>) -> Result<Opening, Error> {
    let at = Instant::now() + START_LIMIT;
    let work = async |session: &Session| {
        session.execute("BEGIN").await?;
        session.execute(&format!("INSERT INTO bank.run (id) VALUES ({run})")).await?;
        let sql = "/*NO LOAD BALANCE*/ SELECT count(*), coalesce(min(id), 0), coalesce(max(id), -1), \
                   coalesce(sum(balance), 0) FROM bank.account";
        let rows = session.rows(sql).await?;
        let column =
            |index| rows.first().and_then(|row| row.get(index)).and_then(|text| text.parse::<i128>().ok());
        let read = (column(0), column(1), column(2), column(3));
        session.execute("COMMIT").await?;
        Ok(read)
    };
    let read = bounded(session, at, work).await.map_err(|cause| {
        let hint = "see that the URL leads to a primary and that the user may write to the schema bank";
        match cause.code.as_str() {
            "42P01" | "3F000" => Error::NotInitialised(cause),
            _ => Error::Start { doing: "enter the run into bank.run", cause, hint },
        }
    })?;
    let (Some(count), Some(lowest), Some(highest), Some(total)) = read else {
        return Err(Error::Accounts("its count, bounds and sum are no numbers".to_owned()));
    };
    if count < 2 || lowest != 0 || highest != count - 1 {
        return Err(Error::Accounts(format!("{count} accounts from {lowest} to {highest}, not 0 to N-1")));
    }
    match expected {
        Some(expected) if i128::from(expected) != count => {
            Err(Error::Accounts(format!("--accounts is {expected}, but it has {count}")))
        }
        _ => {
            let accounts =
                i32::try_from(count).map_err(|_| Error::Accounts(format!("{count} are too many")))?;
            Ok(Opening { accounts, total })
        }
    }
}
