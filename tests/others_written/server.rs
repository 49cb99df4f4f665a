//! An API server in memory with the rules that keep objects apart: `registry.Store.Update` and `Delete` of Kubernetes 1.34. Fields are
//! merged as by a JSON merge patch, which is enough where nobody else writes the same object.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A server that runs until its test ends.
#[derive(Clone)]
pub struct Server {
    objects: Arc<Mutex<Objects>>,
    url: String,
}

#[derive(Default)]
struct Objects {
    by_path: BTreeMap<String, Value>,
    count: u64,
}

impl Server {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Self { objects: Arc::default(), url };
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// A client of this server.
    pub fn client(&self) -> kube::Client {
        let config = kube::Config::new(self.url.parse().expect("a URL"));
        kube::Client::try_from(config).expect("a client")
    }

    /// The object at this path.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.objects.lock().unwrap().by_path.get(path).cloned()
    }

    /// Somebody makes an object.
    pub fn put(&self, path: &str, body: Value) {
        self.objects.lock().unwrap().store(path, body, None);
    }

    /// Somebody removes one.
    pub fn remove(&self, path: &str) {
        self.objects.lock().unwrap().by_path.remove(path).expect("it is there");
    }
}

impl Objects {
    /// Stores a body with a new version, and with the UID of what was there.
    fn store(&mut self, path: &str, mut body: Value, live: Option<&Value>) -> Value {
        // Etcd counts from 1, and no object has that version.
        self.count += 1;
        let uid = live.map_or(json!(format!("uid-{}", self.count)), |live| live["metadata"]["uid"].clone());
        body["metadata"]["uid"] = uid;
        body["metadata"]["resourceVersion"] = json!((self.count + 1).to_string());
        self.by_path.insert(path.to_owned(), body.clone());
        body
    }
}

async fn answer(
    State(server): State<Server>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut objects = server.objects.lock().unwrap();
    let live = objects.by_path.get(path).cloned();
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match (method, live) {
        (Method::GET | Method::DELETE, None) => status(404, "NotFound", "not found"),
        (Method::GET, Some(live)) => said(200, &live),
        (Method::POST, _) => {
            let path = format!("{path}/{}", body["metadata"]["name"].as_str().expect("a name"));
            if objects.by_path.contains_key(&path) {
                return status(409, "AlreadyExists", "already exists");
            }
            said(201, &objects.store(&path, body, None))
        }
        (Method::PATCH, None) if !kind.contains("apply") => status(404, "NotFound", "not found"),
        // A version does not keep server-side apply from making what is not there; a UID does.
        (Method::PATCH, None) if body["metadata"]["uid"].is_string() => {
            status(409, "Conflict", "uid mismatch: no existing object was found")
        }
        (Method::PATCH, live) => {
            let differs = |field: &str, live: &Value| {
                body["metadata"][field].is_string() && body["metadata"][field] != live["metadata"][field]
            };
            if let Some(live) = &live
                && (differs("uid", live) || differs("resourceVersion", live))
            {
                return status(409, "Conflict", "the object has been modified");
            }
            let mut merged = live.clone().unwrap_or_else(|| json!({}));
            merge(&mut merged, &body);
            said(200, &objects.store(path, merged, live.as_ref()))
        }
        (Method::DELETE, Some(live)) => {
            let wanted = &body["preconditions"]["uid"];
            if wanted.is_string() && *wanted != live["metadata"]["uid"] {
                return status(409, "Conflict", "Precondition failed: UID");
            }
            objects.by_path.remove(path);
            said(200, &live)
        }
        (method, _) => panic!("no such request: {method} {path}"),
    }
}

fn status(code: u16, reason: &str, message: &str) -> Response {
    let body = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason,
        "message": message, "metadata": {}});
    said(code, &body)
}

fn said(code: u16, body: &Value) -> Response {
    let code = StatusCode::from_u16(code).expect("a code");
    (code, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn merge(live: &mut Value, patch: &Value) {
    match (live.as_object_mut(), patch.as_object()) {
        (Some(live), Some(patch)) => {
            for (key, value) in patch {
                match value.is_null() {
                    true => drop(live.remove(key)),
                    false => merge(live.entry(key.clone()).or_insert_with(|| json!({})), value),
                }
            }
        }
        _ => *live = patch.clone(),
    }
}
