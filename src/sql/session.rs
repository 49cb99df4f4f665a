//! One session with a member, by TLS, SCRAM and client certificate. The operator never goes through the pooler: Pgpool
//! takes some administrative statements for failures of a backend.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Config, Row};

use super::tls::{self, Identity, Verify};
use crate::engine::{hba, ports};
use crate::secret::SecretText;

/// Longest wait for a connection: longer than a loaded node needs, shorter than a reconcile may last.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time for one statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

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
    },
    /// A statement failed.
    #[error("failed to run SQL in database {database}: {cause}")]
    Statement {
        /// Database of the session.
        database: String,
        /// The server's words and SQLSTATE; never the statement.
        cause: String,
    },
}

/// An open session.
pub struct Session {
    client: Client,
    database: String,
}

impl Session {
    /// Opens a session as superuser. `host` is the name in the member's certificate, `address` where it is now.
    ///
    /// # Errors
    /// [`Error::Tls`] and [`Error::Connect`].
    pub async fn open(
        host: &str,
        address: IpAddr,
        database: &str,
        credentials: &Credentials,
    ) -> Result<Self, Error> {
        let connector =
            tls::connector(Verify::Full(credentials.authority.as_bytes()), Some(credentials.identity()))?;
        let mut config = Config::new();
        config
            .host(host)
            .hostaddr(address)
            .port(ports::POSTGRES as u16)
            .user(hba::SUPERUSER)
            .password(credentials.password.expose())
            .dbname(database)
            .application_name("stylobate")
            .ssl_mode(tokio_postgres::config::SslMode::Require)
            .options("-c log_statement=none -c log_min_error_statement=panic")
            .connect_timeout(CONNECT_TIMEOUT);
        let failed = |cause: String| Error::Connect { host: host.to_owned(), cause };
        let (client, connection) = timeout(CONNECT_TIMEOUT, config.connect(connector))
            .await
            .map_err(|_| failed(format!("no answer within {CONNECT_TIMEOUT:?}")))?
            .map_err(|error| failed(explain(&error)))?;
        // The connection ends when the client is dropped; its error then is of no interest.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self { client, database: database.to_owned() })
    }

    /// Rows of a query.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn query(&self, statement: &str) -> Result<Vec<Row>, Error> {
        self.bounded(STATEMENT_TIMEOUT, self.client.query(statement, &[])).await
    }

    /// Runs a statement outside of a transaction block.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn execute(&self, statement: &str) -> Result<(), Error> {
        self.execute_within(statement, STATEMENT_TIMEOUT).await
    }

    /// Runs a statement that may take longer than others, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn execute_within(&self, statement: &str, limit: Duration) -> Result<(), Error> {
        self.bounded(limit, self.client.batch_execute(statement)).await
    }

    async fn bounded<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        let failed = |cause| Error::Statement { database: self.database.clone(), cause };
        timeout(limit, work)
            .await
            .map_err(|_| failed(format!("no answer within {limit:?}")))?
            .map_err(|error| failed(explain(&error)))
    }
}

/// The server's own message where there is one.
fn explain(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} (SQLSTATE {})", db.message(), db.code().code()),
        None => {
            use std::error::Error as _;
            error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        }
    }
}
