//! A small API server for one Lease, over real HTTP: versions, conflicts, and connections that can be cut.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, Config};

/// The object and its version, shared by all doors.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<Mutex<(u64, Option<Lease>)>>);

impl Shelf {
    pub(super) fn lease(&self) -> Option<Lease> {
        self.0.lock().unwrap().1.clone()
    }

    pub(super) fn remove(&self) {
        self.0.lock().unwrap().1 = None;
    }

    /// Stores `lease` if its version is the newest, as the API server does.
    pub(super) fn put(&self, mut lease: Lease) -> Result<Lease, StatusCode> {
        let mut shelf = self.0.lock().unwrap();
        let newest = shelf.1.as_ref().and_then(|l| l.metadata.resource_version.clone());
        if lease.metadata.resource_version != newest {
            return Err(if newest.is_none() { StatusCode::NOT_FOUND } else { StatusCode::CONFLICT });
        }
        shelf.0 += 1;
        lease.metadata.resource_version = Some(shelf.0.to_string());
        shelf.1 = Some(lease.clone());
        Ok(lease)
    }

    /// A client that reaches this shelf, and the switch that cuts it off (its calls then hang).
    pub(super) async fn door(&self) -> (Api<Lease>, Arc<AtomicBool>) {
        let door = Door { shelf: self.clone(), cut: Arc::default() };
        let cut = door.cut.clone();
        let leases = "/apis/coordination.k8s.io/v1/namespaces/ops/leases";
        let app = Router::new()
            .route(leases, routing::post(put))
            .route(&format!("{leases}/stylobate"), routing::get(get).put(put))
            .with_state(door);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
        (Api::namespaced(client, "ops"), cut)
    }
}

#[derive(Clone)]
struct Door {
    shelf: Shelf,
    cut: Arc<AtomicBool>,
}

impl Door {
    async fn pass(&self) {
        if self.cut.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
    }
}

async fn get(State(door): State<Door>) -> impl IntoResponse {
    door.pass().await;
    match door.shelf.lease() {
        Some(lease) => (StatusCode::OK, serde_json::to_string(&lease).unwrap()),
        None => refusal(StatusCode::NOT_FOUND),
    }
}

async fn put(State(door): State<Door>, body: Bytes) -> impl IntoResponse {
    door.pass().await;
    match door.shelf.put(serde_json::from_slice(&body).unwrap()) {
        Ok(lease) => (StatusCode::OK, serde_json::to_string(&lease).unwrap()),
        Err(code) => refusal(code),
    }
}

fn refusal(code: StatusCode) -> (StatusCode, String) {
    // kube tells errors apart by the reason, not by the code.
    let reason = if code == StatusCode::NOT_FOUND { "NotFound" } else { "Conflict" };
    let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code.as_u16(),
        "message": code.to_string(), "reason": reason});
    (code, status.to_string())
}
