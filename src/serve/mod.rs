//! The operator's plain HTTP server: metrics for Prometheus, probes for the kubelet.
//!
//! It serves no secret and takes no input. The admission webhook, which needs TLS, is a server of its own.

mod health;

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::oneshot};

pub use self::health::{BEAT_EVERY, Health, STUCK_AFTER};
use crate::metrics::{self, Metrics};

/// How long open connections may finish after the shutdown began: answers take milliseconds, so who needs longer is gone.
const DRAIN: Duration = Duration::from_secs(5);

/// Why the server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be bound.
    #[error(
        "failed to listen on {address} for metrics and probes: {source}; choose another address or end what holds it"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// Serving ended early.
    #[error("failed to serve metrics and probes: {0}")]
    Serve(#[source] io::Error),
}

/// A server that has its address but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

#[derive(Clone)]
struct Shown {
    metrics: Metrics,
    health: Health,
}

impl Server {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ServeError::Listen`] when the address is taken or not this machine's.
    pub async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// The address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` is ready; then open connections get a few seconds to finish.
    ///
    /// # Errors
    /// [`ServeError::Serve`] when the listener fails.
    pub async fn run(
        self,
        metrics: Metrics,
        health: Health,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let app = Router::new()
            .route("/metrics", get(show_metrics))
            .route("/healthz", get(show_health))
            .route("/readyz", get(show_readiness))
            .with_state(Shown { metrics, health });
        let (begun, drain) = oneshot::channel();
        let serving = axum::serve(self.listener, app).with_graceful_shutdown(async move {
            shutdown.await;
            // Nobody listens only when the server has ended already.
            let _ = begun.send(());
        });
        let overdue = async {
            // An error means that the sender is gone, with the server; that branch answers then.
            let _ = drain.await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            ended = serving.into_future() => ended.map_err(ServeError::Serve),
            () = overdue => Ok(()),
        }
    }
}

async fn show_metrics(State(shown): State<Shown>) -> Response {
    match shown.metrics.encode() {
        Ok(page) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        Err(cause) => (StatusCode::INTERNAL_SERVER_ERROR, format!("failed to format metrics: {cause}\n"))
            .into_response(),
    }
}

async fn show_health(State(shown): State<Shown>) -> (StatusCode, String) {
    match shown.health.stuck(Instant::now()) {
        None => (StatusCode::OK, "alive\n".into()),
        Some(silence) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("stuck: the reconcile loop has not moved for {} s\n", silence.as_secs()),
        ),
    }
}

async fn show_readiness(State(shown): State<Shown>) -> (StatusCode, String) {
    let missing = shown.health.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ready\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready; missing: {}\n", missing.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        task::JoinHandle,
    };

    use super::*;

    struct Running {
        address: SocketAddr,
        health: Health,
        stop: oneshot::Sender<()>,
        task: JoinHandle<Result<(), ServeError>>,
    }

    async fn start() -> Running {
        let server = Server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (address, health) = (server.address(), Health::new(["crd", "stores"]));
        let (stop, stopped) = oneshot::channel();
        let serving = server.run(Metrics::new("0.1.0"), health.clone(), async { stopped.await.unwrap() });
        Running { address, health, stop, task: tokio::spawn(serving) }
    }

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn probes_say_what_is_missing() {
        let running = start().await;
        assert!(ask(running.address, "/healthz").await.starts_with("HTTP/1.1 200"));
        let answer = ask(running.address, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.ends_with("not ready; missing: crd, stores\n"), "{answer}");
        running.health.set_ready("crd", true);
        running.health.set_ready("stores", true);
        assert!(ask(running.address, "/readyz").await.ends_with("\r\n\r\nready\n"));
        assert!(ask(running.address, "/other").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn metrics_have_their_content_type() {
        let running = start().await;
        let answer = ask(running.address, "/metrics").await;
        assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0"), "{answer}");
        assert!(
            answer.contains("stylobate_build_info{version=\"0.1.0\"} 1") && answer.ends_with("# EOF\n"),
            "{answer}"
        );
    }

    #[tokio::test]
    async fn shutdown_ends_the_server_and_frees_the_port() {
        let running = start().await;
        assert!(ask(running.address, "/healthz").await.ends_with("alive\n"));
        running.stop.send(()).unwrap();
        tokio::time::timeout(DRAIN * 2, running.task).await.unwrap().unwrap().unwrap();
        assert!(TcpStream::connect(running.address).await.is_err());
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let first = Server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let error = Server::bind(first.address()).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("failed to listen on {}", first.address())), "{error}");
    }
}
