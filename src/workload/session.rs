//! One connection: opened within a time, listened to for warnings, and asked why it ended.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::Severity;
use tokio_postgres::{AsyncMessage, Client, Connection, Error, SimpleQueryMessage, SimpleQueryRow};

use super::outcome::{CONNECTION_LOST, Cause, DEADLINE, NO_CONNECTION};
use super::target::Target;

/// How long to wait for the last word of a connection that just broke: it is already on this machine or it
/// will not come.
const LAST_WORD: Duration = Duration::from_millis(50);
/// How long a polite good-bye may take.
const GOOD_BYE: Duration = Duration::from_millis(500);

/// An open connection. Dropping it closes the socket at once.
pub(super) struct Session {
    pub client: Client,
    driver: Driver,
    warning: Arc<Mutex<Option<Cause>>>,
}

/// The task that moves the bytes; it returns the reason if the connection broke.
struct Driver(JoinHandle<Option<Cause>>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    /// Connects, `within` covering name look-up, TCP, TLS and authentication together.
    pub async fn open(target: &Target, within: Duration) -> Result<Self, Cause> {
        let connecting = target.config.connect(target.tls.clone());
        let (client, connection) = match timeout(within, connecting).await {
            Ok(Ok(pair)) => pair,
            Ok(Err(error)) => return Err(Cause::of(&error, NO_CONNECTION)),
            Err(_) => return Err(Cause::new(NO_CONNECTION, format!("no connection within {within:?}"))),
        };
        let warning = Arc::default();
        let driver = Driver(tokio::spawn(drive(connection, Arc::clone(&warning))));
        Ok(Self { client, driver, warning })
    }

    /// Sends one statement by the simple protocol; how many rows it touched.
    pub async fn execute(&self, sql: &str) -> Result<u64, Error> {
        let messages = self.client.simple_query(sql).await?;
        Ok(messages.iter().fold(0, |count, message| match message {
            SimpleQueryMessage::CommandComplete(rows) => *rows,
            _ => count,
        }))
    }

    /// Sends one query by the simple protocol; its rows, as text.
    pub async fn rows(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
        let messages = self.client.simple_query(sql).await?;
        Ok(messages
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .collect())
    }

    /// The warning that came since this was last asked. The server sends it before the answer it belongs to,
    /// and both pass through the same task in that order.
    pub fn take_warning(&self) -> Option<Cause> {
        self.warning.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Names an error of this session. A server that ends a session between two statements says why only on
    /// the connection itself, while the statement just finds it closed.
    pub async fn cause(&mut self, error: &Error) -> Cause {
        if error.is_closed()
            && !self.driver.0.is_finished()
            && let Ok(Ok(Some(cause))) = timeout(LAST_WORD, &mut self.driver.0).await
        {
            return cause;
        }
        Cause::of(error, CONNECTION_LOST)
    }

    /// Says good-bye to the server, so that its log does not speak of a lost client.
    pub async fn close(mut self) {
        drop(self.client);
        // A server that does not take the good-bye loses the connection anyway, when the driver is dropped.
        let _ = timeout(GOOD_BYE, &mut self.driver.0).await;
    }
}

/// Bounds a statement by time; the session must not be used further after a `deadline`.
pub(super) async fn bounded<T>(
    session: &mut Session,
    at: tokio::time::Instant,
    work: impl AsyncFnOnce(&Session) -> Result<T, Error>,
) -> Result<T, Cause> {
    let result = tokio::time::timeout_at(at, work(session)).await;
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(session.cause(&error).await),
        Err(_) => Err(Cause::new(DEADLINE, "no answer before the deadline")),
    }
}

async fn drive<S, T>(mut connection: Connection<S, T>, warning: Arc<Mutex<Option<Cause>>>) -> Option<Cause>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await? {
            Ok(AsyncMessage::Notice(notice)) if notice.parsed_severity() == Some(Severity::Warning) => {
                let cause = Cause::new(notice.code().code(), notice.message());
                *warning.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause);
            }
            Ok(_) => {}
            Err(error) => return Some(Cause::of(&error, CONNECTION_LOST)),
        }
    }
}
