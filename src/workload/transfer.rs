//! One transfer: two balances and one row of the ledger, in one transaction.
//!
//! Each statement is a message of its own. Through Pgpool-II that matters: it routes by statement, and opens and
//! ends transactions on its backends by the BEGIN and COMMIT it sees; several statements in one message would
//! be judged by the first alone. No statement here is a SELECT, so nothing can go to a replica.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::{Error, Statement};

use super::outcome::{CONNECTION_LOST, Cause, NO_DATA, Outcome, of_commit};
use super::session::{Session, bounded};

/// The largest amount moved: small beside the initial balance, large enough that mix-ups show in the sums.
const LARGEST_AMOUNT: i64 = 100;

/// What is to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transfer {
    pub run: i64,
    pub worker: u16,
    pub sequence: usize,
    pub debited: i32,
    pub credited: i32,
    pub amount: i64,
}

/// The statements of a transfer, prepared on one connection.
pub(super) struct Prepared {
    change: Statement,
    enter: Statement,
}

const CHANGE: &str = "UPDATE bank.account SET balance = balance + $2 WHERE id = $1";
const ENTER: &str = "INSERT INTO bank.ledger (id, run, worker, seq, debited, credited, amount) \
                     VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7)";

impl Prepared {
    pub async fn on(session: &Session) -> Result<Self, Error> {
        let client = &session.client;
        Ok(Self { change: client.prepare(CHANGE).await?, enter: client.prepare(ENTER).await? })
    }
}

impl Transfer {
    /// Two different accounts of `0..accounts` and an amount, by chance.
    pub fn pick(run: i64, worker: u16, sequence: usize, accounts: i32) -> Self {
        let debited = rand::random_range(0..accounts);
        let credited = (debited + rand::random_range(1..accounts)) % accounts;
        Self { run, worker, sequence, debited, credited, amount: rand::random_range(1..=LARGEST_AMOUNT) }
    }

    /// The id in the ledger: run, worker and sequence number in the 32 digits of a UUID, so that it is unique
    /// without asking anybody and can be read back by eye.
    pub fn id(&self) -> String {
        format!("{:016x}{:04x}{:012x}", self.run, self.worker, self.sequence)
    }

    /// Both changes, the lower account first: everybody locks rows in the same order, so nobody deadlocks.
    fn changes(&self) -> [(i32, i64); 2] {
        let (debit, credit) = ((self.debited, -self.amount), (self.credited, self.amount));
        if self.debited < self.credited { [debit, credit] } else { [credit, debit] }
    }

    /// Makes the transfer and tells what became of it. After anything but an acknowledgement or an error of
    /// the transaction alone, the session must be dropped.
    pub async fn make(
        &self,
        session: &mut Session,
        prepared: Option<&Prepared>,
        within: Duration,
    ) -> Outcome {
        let deadline = Instant::now() + within;
        let touched =
            match bounded(session, deadline, async |session| self.write(session, prepared).await).await {
                Ok(touched) => touched,
                Err(cause) => return Outcome::Failed(cause),
            };
        if !touched {
            return Outcome::Failed(Cause::new(NO_DATA, "an account is missing from bank.account"));
        }
        // A warning about an earlier statement is not about the commit.
        session.take_warning();
        match bounded(session, deadline, async |session| session.execute("COMMIT").await).await {
            // A server that is told to end while it waits for a replica only warns, then closes the connection.
            Err(cause) if cause.code == CONNECTION_LOST => {
                Outcome::Unknown(session.take_warning().unwrap_or(cause))
            }
            Err(cause) => of_commit(cause),
            // Postgres answers COMMIT like this when its wait for a replica was cancelled: written here, maybe
            // nowhere else. That is no promise that a failover must keep.
            Ok(_) => session.take_warning().map_or(Outcome::Acknowledged, Outcome::Unknown),
        }
    }

    /// All but the COMMIT; whether each statement touched its one row.
    async fn write(&self, session: &Session, prepared: Option<&Prepared>) -> Result<bool, Error> {
        session.execute("BEGIN").await?;
        let mut touched = true;
        for (account, delta) in self.changes() {
            let count = match prepared {
                Some(prepared) => session.client.execute(&prepared.change, &[&account, &delta]).await?,
                None => {
                    let sql =
                        format!("UPDATE bank.account SET balance = balance + {delta} WHERE id = {account}");
                    session.execute(&sql).await?
                }
            };
            touched &= count == 1;
        }
        let count = match prepared {
            Some(prepared) => self.enter(session, prepared).await?,
            None => session.execute(&self.enter_sql()).await?,
        };
        Ok(touched && count == 1)
    }

    async fn enter(&self, session: &Session, prepared: &Prepared) -> Result<u64, Error> {
        let (worker, sequence) = (i32::from(self.worker), i64::try_from(self.sequence).unwrap_or(i64::MAX));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [&self.id(), &self.run, &worker, &sequence, &self.debited, &self.credited, &self.amount];
        session.client.execute(&prepared.enter, &values).await
    }

    fn enter_sql(&self) -> String {
        format!(
            "INSERT INTO bank.ledger (id, run, worker, seq, debited, credited, amount) \
             VALUES ('{}', {}, {}, {}, {}, {}, {})",
            self.id(),
            self.run,
            self.worker,
            self.sequence,
            self.debited,
            self.credited,
            self.amount
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_differ_and_locks_have_one_order() {
        for sequence in 0..1000 {
            let transfer = Transfer::pick(1, 0, sequence, 2);
            assert_ne!(transfer.debited, transfer.credited);
            let [first, second] = transfer.changes();
            assert!(first.0 < second.0 && first.1 + second.1 == 0);
            assert!((1..=LARGEST_AMOUNT).contains(&transfer.amount));
        }
    }

    #[test]
    fn ids_are_as_long_as_a_uuid_and_tell_where_they_are_from() {
        let transfer =
            Transfer { run: i64::MAX, worker: 999, sequence: 77, debited: 0, credited: 1, amount: 1 };
        assert_eq!(transfer.id(), "7fffffffffffffff03e700000000004d");
    }
}
