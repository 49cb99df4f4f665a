//! Clients of one pod, by a real driver: the API server forwards a port of the pod, so that a test says to which pod a client comes, where a
//! Service would choose.

use kube::api::Portforwarder;
use stylobate::sql::tls::{Verify, connector};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
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

impl Stage {
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
