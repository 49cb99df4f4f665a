//! Clients of one pod, by a real driver: the API server forwards a port of the pod, so that a test says to which pod a client comes, where a
//! Service would choose.

use std::time::Duration;

use kube::api::Portforwarder;
use stylobate::sql::tls::{Verify, connector};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{CancelToken, Client, Config, NoTls};

use crate::broken::{Broken, Kept};

use super::stage::Stage;

/// Where clients come in.
const PORT: u16 = 5432;

/// A way to a pod, which ends when it is dropped.
pub struct Way {
    forwarder: Portforwarder,
}

impl Way {
    /// The bytes of it.
    fn stream(&mut self) -> Kept<impl AsyncRead + AsyncWrite + Unpin + Send + 'static + use<>> {
        self.forwarder.take_stream(PORT).ok_or_else(|| Broken::new("the forwarded port has no stream"))
    }
}

/// SSLRequest and GSSENCRequest: length and code (PostgreSQL's manual, "Message Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const GSSENC_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];
/// How often somebody who only wants to hold a place says something.
const DRIP: Duration = Duration::from_secs(1);

/// How somebody without a password holds a place.
#[derive(Clone, Copy, Debug)]
pub enum Holding {
    /// By saying nothing.
    Silent,
    /// By a TLS handshake of one byte a second.
    Handshake,
    /// By asking for another encryption, again and again.
    Questions,
    /// By a login that stops before its proof.
    Login,
}

/// A connection of somebody who only wants to hold a place; it ends when it is dropped.
pub struct Held {
    talking: tokio::task::JoinHandle<()>,
    _way: Way,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.talking.abort();
    }
}

/// A session over TLS. Its client is gone when it is dropped, without a word.
pub struct Wire {
    /// To ask by.
    pub client: Client,
    connection: tokio::task::JoinHandle<()>,
    _way: Way,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// TLS as a client that only wants encryption has it: who answers was chosen by the test.
fn tls<S>(_stream: &S) -> Kept<<tokio_postgres_rustls::MakeRustlsConnect as MakeTlsConnect<S>>::TlsConnect>
where
    tokio_postgres_rustls::MakeRustlsConnect: MakeTlsConnect<S>,
    <tokio_postgres_rustls::MakeRustlsConnect as MakeTlsConnect<S>>::Error: std::fmt::Display,
{
    let mut made = connector(Verify::None, None).map_err(|error| Broken::new(error.to_string()))?;
    MakeTlsConnect::<S>::make_tls_connect(&mut made, "pooler").map_err(|error| Broken::new(error.to_string()))
}

/// Says what keeps a place, until the far side ends it.
async fn hold<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut stream: S, how: Holding) -> Kept {
    let drip: &[u8] = match how {
        Holding::Silent => return std::future::pending().await,
        Holding::Handshake => {
            stream.write_all(&SSL_REQUEST).await?;
            stream.read_u8().await?;
            // A record of 16 KiB begins.
            stream.write_all(&[22, 3, 1, 64, 0]).await?;
            &[0]
        }
        Holding::Questions => &GSSENC_REQUEST,
        Holding::Login => {
            stream.write_all(&SSL_REQUEST).await?;
            stream.read_u8().await?;
            let tls = tls(&stream)?;
            let mut stream = tls.connect(stream).await.map_err(|error| Broken::new(error.to_string()))?;
            stream.write_all(b"\0\0\0\x20\0\x03\0\0user\0app\0database\0bank\0\0").await?;
            stream.flush().await?;
            return std::future::pending().await;
        }
    };
    loop {
        stream.write_all(drip).await?;
        tokio::time::sleep(DRIP).await;
    }
}

impl Stage {
    /// Holds a place at a pod.
    ///
    /// # Errors
    /// When the pod can't be reached.
    pub async fn hold(&self, pod: &str, how: Holding) -> Kept<Held> {
        let mut way = self.way(pod).await?;
        let stream = way.stream()?;
        let talking = tokio::spawn(async move {
            // The far side ends it: that is what is proved.
            let _ = hold(stream, how).await;
        });
        Ok(Held { talking, _way: way })
    }

    /// A way to the port for clients of a pod; nothing is said on it yet.
    ///
    /// # Errors
    /// When the pod can't be reached.
    pub async fn way(&self, pod: &str) -> Kept<Way> {
        Ok(Way { forwarder: self.pods().portforward(pod, &[PORT]).await? })
    }

    /// A session of the user `app` in the database `bank` of a cluster, by this pod.
    ///
    /// # Errors
    /// When the login is refused, with what was said.
    pub async fn wire(&self, pod: &str, cluster: &str) -> Kept<Wire> {
        let password = self.secret(&format!("{cluster}-user-app"), "password").await?;
        let mut config = Config::new();
        config.user("app").password(password).dbname("bank").ssl_mode(SslMode::Prefer);
        // Prefer, since the token of a cancel has the same mode, and one without TLS is tried as well; the pooler takes no login without.
        let mut way = self.way(pod).await?;
        let stream = way.stream()?;
        let tls = tls(&stream)?;
        let (client, connection) = config.connect_raw(stream, tls).await?;
        let connection = tokio::spawn(async move {
            // Its end is seen by the client.
            let _ = connection.await;
        });
        Ok(Wire { client, connection, _way: way })
    }

    /// Asks this pod to cancel what a session does; returns when the pod has closed.
    ///
    /// # Errors
    /// When the pod can't be reached, or ended the connection otherwise than clients know it.
    pub async fn cancel(&self, pod: &str, session: &CancelToken, encrypted: bool) -> Kept {
        let mut way = self.way(pod).await?;
        let stream = way.stream()?;
        if encrypted {
            let tls = tls(&stream)?;
            session.cancel_query_raw(stream, tls).await?;
        } else {
            session.cancel_query_raw(stream, NoTls).await?;
        }
        Ok(())
    }
}
