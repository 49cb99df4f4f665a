//! The false Compute API behind HTTP: addresses, tokens, permissions, and the troubles that belong to the line.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use stylobate::secret::SecretText;
use stylobate::snapshot::gce::tokens::Tokens;
use stylobate::snapshot::gce::{Gce, Options, Patience};

use super::cloud::{Cloud, Said, Trouble, refusal};
use super::wire::Tls;

/// The token that the server takes.
const TOKEN: &str = "good";

/// A server that runs until its test ends.
#[derive(Clone)]
pub struct Server {
    cloud: Arc<Mutex<Cloud>>,
    cut: Arc<AtomicBool>,
    endpoint: String,
    http: reqwest::Client,
}

/// Always the same token.
struct Fixed(&'static str);

impl Tokens for Fixed {
    fn token(&self) -> BoxFuture<'_, Result<SecretText, String>> {
        Box::pin(async { Ok(SecretText::new(self.0)) })
    }
}

impl Server {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (listener, port, pem, cut) = Tls::bind().await;
        let root = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
        let http =
            reqwest::Client::builder().tls_certs_only([root]).no_proxy().https_only(true).build().unwrap();
        let endpoint = format!("https://localhost:{port}/compute/v1");
        let server = Self { cloud: Arc::new(Mutex::new(Cloud::new())), cut, endpoint, http };
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// What there is, to look at or to change.
    pub fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap()
    }

    /// How many operations were begun and how many snapshots there are.
    pub fn counts(&self) -> (usize, usize) {
        let cloud = self.cloud();
        (cloud.operations.len(), cloud.snapshots.len())
    }

    /// What goes wrong next, in this order for each kind.
    pub fn trouble(&self, trouble: Trouble) {
        self.cloud().trouble.push_back(trouble);
    }

    /// A provider of Kubernetes cluster `uid-1` that waits long for answers and not for operations.
    pub fn provider(&self) -> Gce {
        self.provider_with("uid-1", TOKEN, Duration::from_secs(20))
    }

    pub fn provider_with(&self, installation: &str, token: &'static str, answer: Duration) -> Gce {
        let options = Options { gce_project: Some("p".into()), gce_endpoint: Some(self.endpoint.clone()) };
        let patience = Patience { answer, poll_milliseconds: 1, looks: 10 };
        Gce::new(options, installation, self.http.clone(), Arc::new(Fixed(token)), patience)
    }
}

async fn answer(
    State(server): State<Server>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let trouble = {
        let mut cloud = server.cloud();
        let path = uri.path().trim_start_matches("/compute/v1/").to_owned();
        cloud.calls.push(format!("{method} {path}"));
        let line = |t: &Trouble| matches!(t, Trouble::Refusal(..) | Trouble::Slow(_));
        let at = cloud.trouble.iter().position(line);
        at.and_then(|at| cloud.trouble.remove(at))
    };
    let (status, said) = match trouble {
        Some(Trouble::Refusal(status, reason, message)) => refusal(status, reason, message),
        Some(Trouble::Slow(milliseconds)) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            route(&server, &method, &uri, &headers, &body)
        }
        _ => route(&server, &method, &uri, &headers, &body),
    };
    let mut cloud = server.cloud();
    if method != Method::GET && status == 200 {
        let lost = cloud.trouble.iter().position(|t| matches!(t, Trouble::LostAnswer));
        if let Some(lost) = lost {
            cloud.trouble.remove(lost);
            server.cut.store(true, Ordering::SeqCst);
        }
    }
    let date = cloud.now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = [(header::CONTENT_TYPE, "application/json".to_owned()), (header::DATE, date)];
    (StatusCode::from_u16(status).unwrap(), headers, said.to_string()).into_response()
}

fn route(server: &Server, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Said {
    let url = reqwest::Url::parse(&format!("https://localhost{uri}")).unwrap();
    let query = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    if headers.get(header::AUTHORIZATION).is_none_or(|token| token != &format!("Bearer {TOKEN}")[..]) {
        return refusal(401, "authError", "Request had invalid authentication credentials.");
    }
    let path = url.path().trim_start_matches("/compute/v1/").to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    let mut cloud = server.cloud();
    // By the section "IAM Permissions" of each method's page.
    let needed: &[&'static str] = match (method.as_str(), parts.last().copied(), parts.len()) {
        ("POST", Some("createSnapshot"), _) => {
            &["compute.disks.createSnapshot", "compute.snapshots.create", "compute.snapshots.setLabels"]
        }
        ("GET", Some("snapshots"), _) => &["compute.snapshots.list"],
        ("GET", _, _) if path.contains("/snapshots/") => &["compute.snapshots.get"],
        ("DELETE", _, _) => &["compute.snapshots.delete"],
        _ => &[],
    };
    if let Some(missing) = needed.iter().find(|needed| cloud.denied.contains(*needed)) {
        return refusal(403, "forbidden", &format!("Required '{missing}' permission for 'projects/p'"));
    }
    match (method.as_str(), &parts[..]) {
        ("POST", [.., "createSnapshot"]) => {
            let disk = path.trim_end_matches("/createSnapshot");
            cloud.create(disk, &query("requestId"), serde_json::from_slice(body).unwrap())
        }
        ("GET", ["projects", "p", "global", "snapshots"]) => {
            cloud.list(&labels(&query("filter")), &query("pageToken"))
        }
        ("GET", ["projects", "p", "global", "snapshots", name]) => cloud.look_at_snapshot(name),
        ("DELETE", ["projects", "p", "global", "snapshots", name]) => cloud.delete(name, &query("requestId")),
        ("GET", [place @ .., "operations", name]) => cloud.look_at_operation(&place.join("/"), name),
        _ => refusal(404, "notFound", "no such method"),
    }
}

/// The labels of a filter as `(labels.a="x") (labels.b="y")`.
fn labels(filter: &str) -> Vec<(String, String)> {
    let terms = filter.split(' ').filter(|term| !term.is_empty());
    terms
        .map(|term| {
            let inner = term
                .strip_prefix("(labels.")
                .and_then(|term| term.strip_suffix("\")"))
                .expect("a term in parentheses");
            let (key, value) = inner.split_once("=\"").expect("key and value");
            (key.to_owned(), value.to_owned())
        })
        .collect()
}
