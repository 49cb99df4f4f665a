//! Sessions, and what a case is made of.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use stylobate::sql::tls::{Verify, client_config};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{AsyncMessage, Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Of a case; the longest takes 10 s.
const LIMIT: Duration = Duration::from_secs(45);

/// What was seen in place of what was expected, in one line.
pub struct Seen(pub String);

/// How a case ends.
pub type Ended<T = ()> = Result<T, Seen>;

/// A case that has not begun.
pub type Case = Pin<Box<dyn Future<Output = Ended>>>;

impl From<Error> for Seen {
    fn from(error: Error) -> Self {
        let told = match error.as_db_error() {
            Some(told) => format!("{} {}", told.code().code(), told.message()),
            None => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                format!("Error {error}{}", cause.unwrap_or_default())
            }
        };
        Self(told.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect())
    }
}

/// `ok`, or what was seen.
pub async fn outcome(run: Case) -> String {
    match tokio::time::timeout(LIMIT, run).await {
        Ok(Ok(())) => "ok".to_owned(),
        Ok(Err(Seen(seen))) => seen,
        Err(_) => format!("no answer in {} s", LIMIT.as_secs()),
    }
}

/// Two values are the same.
pub fn same<T: PartialEq<W> + Debug, W: Debug>(what: &str, seen: T, wanted: W) -> Ended {
    if seen == wanted { Ok(()) } else { Err(Seen(format!("{what}: {seen:?}, not {wanted:?}"))) }
}

/// A statement failed with this SQLSTATE.
pub fn fails<T>(code: &str, ended: Result<T, Error>) -> Ended {
    match ended {
        Ok(_) => Err(Seen(format!("no error, not {code}"))),
        Err(error) if error.code().is_some_and(|found| found.code() == code) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The value of a variable.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// The authority's certificate, and the protocol by which direct TLS is told.
pub fn tls() -> MakeRustlsConnect {
    let roots = std::fs::read(variable("PGSSLROOTCERT")).expect("PGSSLROOTCERT names a file");
    let mut config = client_config(Verify::Full(&roots), None).expect("PGSSLROOTCERT has certificates");
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    MakeRustlsConnect::new(config)
}

/// A session, whose client is gone without a word when it is dropped.
pub struct Session {
    /// To ask by.
    pub client: Client,
    /// Notices and notifications.
    pub heard: UnboundedReceiver<AsyncMessage>,
    connection: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A session of the user of the environment.
pub async fn connect() -> Ended<Session> {
    Ok(connect_as(|config| config).await?)
}

/// A session that differs from those of others.
pub async fn connect_as(edit: impl FnOnce(&mut Config) -> &mut Config) -> Result<Session, Error> {
    let mut config = Config::new();
    let port = std::env::var("PGPORT").ok().and_then(|port| port.parse().ok()).unwrap_or(5432);
    config.host(variable("PGHOST")).port(port).user(variable("PGUSER")).password(variable("PGPASSWORD"));
    config.dbname(variable("PGDATABASE")).ssl_mode(SslMode::Require);
    edit(&mut config);
    let (client, mut connection) = config.connect(tls()).await?;
    let (tell, heard) = unbounded_channel();
    let connection = tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            // Most cases do not listen.
            let _ = tell.send(message);
        }
    });
    Ok(Session { client, heard, connection })
}

/// The first value of the only row.
pub async fn value<T: FromSqlOwned>(
    session: &Session,
    statement: &str,
    given: &[&(dyn ToSql + Sync)],
) -> Ended<T> {
    Ok(session.client.query_one(statement, given).await?.try_get(0)?)
}

/// Statements by the simple protocol.
pub async fn run(session: &Session, statements: &str) -> Ended {
    Ok(session.client.batch_execute(statements).await?)
}

/// A new table for a case.
pub async fn table(session: &Session, case: &str, columns: &str) -> Ended<String> {
    let name = format!("tokio_{case}");
    run(session, &format!("DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({columns})")).await?;
    Ok(name)
}

/// The session still answers.
pub async fn goes_on(session: &Session) -> Ended {
    same("answer", value::<i32>(session, "SELECT 1", &[]).await?, 1)
}
