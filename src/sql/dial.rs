//! A connection to a pod, by TLS: how it is opened, and why it was not.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::session::Error;
use super::ways::Door;

/// A connection that runs: it ends when the client is dropped.
pub struct Dialed {
    /// To ask by.
    pub client: Client,
    /// What runs it.
    pub connection: JoinHandle<()>,
    /// What the far side says its version is; empty where it says none.
    pub version: String,
}

/// Where to connect to; who, and to what, is the caller's.
pub fn config(door: &Door) -> Config {
    let mut config = Config::new();
    config.host(&door.host).hostaddr(door.address.ip()).port(door.address.port()).ssl_mode(SslMode::Require);
    config
}

/// Connects, within `limit`.
///
/// # Errors
/// [`Error::Connect`], with the server's words and SQLSTATE where it was the server that said no.
pub async fn dial(
    door: &Door,
    config: &Config,
    connector: MakeRustlsConnect,
    limit: Duration,
) -> Result<Dialed, Error> {
    let failed = |cause: String, code| Error::Connect { host: door.host.clone(), cause, code };
    let (client, connection) = timeout(limit, config.connect(connector))
        .await
        .map_err(|_| failed(format!("no answer within {limit:?}"), None))?
        .map_err(|error| failed(explain(&error), error.code().cloned()))?;
    let version = connection.parameter("server_version").unwrap_or_default().to_owned();
    // Its error, once the client is dropped, is of no interest.
    let connection = tokio::spawn(async move { connection.await.unwrap_or_default() });
    Ok(Dialed { client, connection, version })
}

/// What the server said, or what kept it from saying anything.
pub fn explain(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} (SQLSTATE {})", db.message(), db.code().code()),
        None => {
            use std::error::Error as _;
            error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
        }
    }
}
