//! The console of a PgBouncer, where it takes commands instead of SQL, and its other databases as a client sees them.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::dial::{self, Dialed, explain};
use super::session::Error;
use super::tls::{self, Verify};
use super::ways::Door;
use crate::engine::hba::POOLER_ROLE;
use crate::secret::SecretText;

/// The database that is the console.
pub const CONSOLE: &str = "pgbouncer";
/// Longest wait for a connection: a pod within one Kubernetes answers within milliseconds, and nothing may wait for one that is gone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What opens the console.
#[derive(Clone, Debug)]
pub struct Key {
    /// Authority by which clients verify the pooler, PEM.
    pub authority: String,
    /// Password of [`POOLER_ROLE`].
    pub password: SecretText,
}

/// An open connection to a pod of PgBouncer.
pub struct Console {
    client: Client,
    connection: JoinHandle<()>,
    host: String,
}

impl Console {
    /// Connects to a database of the pod behind `door`: [`CONSOLE`], or one that it leads to.
    ///
    /// # Errors
    /// [`Error::Tls`] and [`Error::Connect`].
    pub async fn open(door: &Door, database: &str, key: &Key) -> Result<Self, Error> {
        let connector = tls::connector(Verify::Full(key.authority.as_bytes()), None)?;
        let mut config = dial::config(door);
        config
            .user(POOLER_ROLE)
            .password(key.password.expose())
            .dbname(database)
            .connect_timeout(CONNECT_TIMEOUT);
        let Dialed { client, connection, version: _ } =
            dial::dial(door, &config, connector, CONNECT_TIMEOUT).await?;
        Ok(Self { client, connection, host: door.host.clone() })
    }

    /// Runs one command, and returns the first column of its rows.
    ///
    /// # Errors
    /// [`Error::Statement`] with the words of PgBouncer or of the server behind it, or when there is no answer within `limit`.
    pub async fn run(&self, command: &str, limit: Duration) -> Result<Vec<String>, Error> {
        let failed = |cause: String| Error::Statement { database: self.host.clone(), cause, code: None };
        let answer = timeout(limit, self.client.simple_query(command))
            .await
            .map_err(|_| failed(format!("no answer to {command} within {limit:?}")))?
            .map_err(|error| failed(explain(&error)))?;
        let first = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
            _ => None,
        };
        Ok(answer.iter().filter_map(first).collect())
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
