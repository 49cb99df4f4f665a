//! Health over HTTP: `/healthz` while the process lives, `/readyz` once the stores are filled.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

/// Whether the operator is ready; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<AtomicBool>);

impl Health {
    /// The stores are filled.
    pub fn set_ready(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Serves until the process ends.
///
/// # Errors
/// When the address can't be bound.
pub async fn serve(address: SocketAddr, health: Health) -> std::io::Result<()> {
    let ready = move || {
        let ready = health.0.load(Ordering::Relaxed);
        async move {
            match ready {
                true => (StatusCode::OK, "ready\n"),
                false => (StatusCode::SERVICE_UNAVAILABLE, "waiting for the first list of every watch\n"),
            }
        }
    };
    let router = Router::new().route("/healthz", get(|| async { "alive\n" })).route("/readyz", get(ready));
    axum::serve(tokio::net::TcpListener::bind(address).await?, router).await
}
