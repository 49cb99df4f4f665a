//! One session with a member, by TLS, SCRAM and client certificate. The operator never goes through the pooler: Pgpool
//! takes some administrative statements for failures of a backend.
//!
//! A session is as `pins` says whatever its database says, and leaves nothing behind: the server ends a statement that takes
//! too long, and one that nobody waits for any more is cancelled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::TryStreamExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{CancelToken, Client, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::dial::{self, Dialed, explain};
use super::pins::{self, STATEMENT_TIMEOUT, SWEEP, TRANSACTION_TIMEOUT_SINCE};
use super::tls::{self, Identity, Verify};
use super::{majors, ways::Door};
use crate::engine::hba;
use crate::secret::SecretText;

/// Longest wait for a session, with TLS and password: longer than a loaded node needs, shorter than a reconcile may last.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for the connection that it goes over: a member within one Kubernetes takes it within milliseconds, and one of a lost node
/// never does.
const REACH_TIMEOUT: Duration = Duration::from_secs(2);
/// How much longer than the server we wait for a statement: its own word about a time-out comes first, where it can say one.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);
/// Longest answer that is kept, in bytes. What is asked for most are users and databases that a spec names, hundreds of lines of a few hundred
/// bytes; what a tenant's server answers, a view in the place of a table say, must not fill the operator's memory.
const ANSWER_BYTES: usize = 8 << 20;

/// How the operator shows itself to members.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Authority of the cluster, PEM.
    pub authority: String,
    /// Client certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: SecretText,
    /// Password of the superuser.
    pub password: SecretText,
}

impl Credentials {
    /// The client certificate and its key.
    pub fn identity(&self) -> Identity<'_> {
        Identity { certificates: self.certificate.as_bytes(), key: self.key.expose().as_bytes() }
    }
}

/// Why SQL could not be run on a member.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The TLS material can't be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The server was not reached or refused.
    #[error("failed to connect to {host}: {cause}")]
    Connect {
        /// Name of the member.
        host: String,
        /// What went wrong.
        cause: String,
        /// The server's SQLSTATE, where it said one.
        code: Option<SqlState>,
    },
    /// A statement failed.
    #[error("failed to run SQL in database {database}: {cause}")]
    Statement {
        /// Database of the session.
        database: String,
        /// The server's words and SQLSTATE; never the statement.
        cause: String,
        /// The same SQLSTATE, where it was the server that said no.
        code: Option<SqlState>,
    },
}

/// An open session.
pub struct Session {
    client: Client,
    database: String,
    connection: JoinHandle<()>,
    cancel: CancelToken,
    connector: MakeRustlsConnect,
    /// A statement was sent and its end is not known.
    busy: AtomicBool,
}

impl Session {
    /// Opens a session as superuser.
    ///
    /// # Errors
    /// [`Error::Tls`], [`Error::Connect`], and [`Error::Statement`] when the settings of the database can't be put aside.
    pub async fn open(door: &Door, database: &str, credentials: &Credentials) -> Result<Self, Error> {
        let known = majors::of(door);
        let (session, major) = match Self::connect(door, database, credentials, known).await {
            // The server is older than the one that was met here, or than the newest.
            Err(Error::Connect { code: Some(SqlState::UNDEFINED_OBJECT), .. }) => {
                let oldest = Some(TRANSACTION_TIMEOUT_SINCE - 1);
                Self::connect(door, database, credentials, oldest).await?
            }
            Ok((_, major)) if known.is_some_and(|known| known < major) => {
                Self::connect(door, database, credentials, Some(major)).await?
            }
            other => other?,
        };
        majors::note(door, major);
        session.bounded(CONNECT_TIMEOUT, session.client.batch_execute(SWEEP)).await?;
        Ok(session)
    }

    /// A session, and the server's major.
    async fn connect(
        door: &Door,
        database: &str,
        credentials: &Credentials,
        major: Option<i32>,
    ) -> Result<(Self, i32), Error> {
        let connector =
            tls::connector(Verify::Full(credentials.authority.as_bytes()), Some(credentials.identity()))?;
        let mut config = dial::config(door);
        config
            .user(hba::SUPERUSER)
            .password(credentials.password.expose())
            .dbname(database)
            .application_name("stylobate")
            .options(pins::options(major))
            .connect_timeout(REACH_TIMEOUT);
        let Dialed { client, connection, version } =
            dial::dial(door, &config, connector.clone(), CONNECT_TIMEOUT).await?;
        let digits = version.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
        let major = digits.parse().unwrap_or_default();
        let cancel = client.cancel_token();
        let busy = AtomicBool::new(false);
        let database = database.to_owned();
        Ok((Self { client, database, connection, cancel, connector, busy }, major))
    }

    /// Rows of a query.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn query(&self, statement: &str) -> Result<Vec<Row>, Error> {
        self.query_with(statement, &[]).await
    }

    /// Rows of a query with parameters.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn query_with(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let rows = async {
            let stream = self.client.query_raw(statement, parameters.iter().copied()).await?;
            let mut stream = std::pin::pin!(stream);
            let (mut rows, mut room) = (Vec::new(), ANSWER_BYTES);
            while let Some(row) = stream.try_next().await? {
                match room.checked_sub(row.raw_size_bytes()) {
                    Some(left) => room = left,
                    None => return Ok(None),
                }
                rows.push(row);
            }
            Ok(Some(rows))
        };
        let rows = self.bounded(STATEMENT_TIMEOUT, rows).await?;
        rows.ok_or_else(|| {
            // What is still under way is cancelled with the session.
            self.busy.store(true, Ordering::Relaxed);
            self.failed(format!("the answer is of more than {ANSWER_BYTES} bytes"))
        })
    }

    /// Runs a statement outside of a transaction block.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn execute(&self, statement: &str) -> Result<(), Error> {
        self.bounded(STATEMENT_TIMEOUT, self.client.batch_execute(statement)).await
    }

    /// Runs a statement that may take longer than others, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn execute_within(&self, statement: &str, limit: Duration) -> Result<(), Error> {
        self.limit(limit).await?;
        self.bounded(limit, self.client.batch_execute(statement)).await?;
        self.limit(STATEMENT_TIMEOUT).await
    }

    /// Tells the server how long the statements that follow may take.
    async fn limit(&self, limit: Duration) -> Result<(), Error> {
        self.execute(&format!("SET statement_timeout = {}", limit.as_millis())).await
    }

    /// A column of a row. A text that is no UTF-8 (a name that was given in a database of another encoding) is an error and no panic.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub fn column<'a, T: FromSql<'a>>(&self, row: &'a Row, column: usize) -> Result<T, Error> {
        row.try_get(column).map_err(|error| self.failed(explain(&error)))
    }

    /// The first column of the first row; none where there is no row, or where it is NULL.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub fn first<T: for<'a> FromSql<'a>>(&self, rows: &[Row]) -> Result<Option<T>, Error> {
        let first: Option<Option<T>> = rows.first().map(|row| self.column(row, 0)).transpose()?;
        Ok(first.flatten())
    }

    fn failed(&self, cause: String) -> Error {
        Error::Statement { database: self.database.clone(), cause, code: None }
    }

    async fn bounded<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        let limit = limit + ANSWER_MARGIN;
        self.busy.store(true, Ordering::Relaxed);
        let done =
            timeout(limit, work).await.map_err(|_| self.failed(format!("no answer within {limit:?}")))?;
        self.busy.store(false, Ordering::Relaxed);
        done.map_err(|error| Error::Statement {
            database: self.database.clone(),
            cause: explain(&error),
            code: error.code().cloned(),
        })
    }
}

/// A session that goes while a statement runs takes the statement with it: tokio-postgres would wait for its end, and the server too.
impl Drop for Session {
    fn drop(&mut self) {
        if !self.busy.load(Ordering::Relaxed) {
            return;
        }
        let (cancel, connector) = (self.cancel.clone(), self.connector.clone());
        let connection = self.connection.abort_handle();
        let Ok(runtime) = Handle::try_current() else { return connection.abort() };
        runtime.spawn(async move {
            // One that can't be cancelled ends all the same: the server looks whether anybody still waits (GONE_SECONDS).
            timeout(CONNECT_TIMEOUT, cancel.cancel_query(connector)).await.ok();
            connection.abort();
        });
    }
}
