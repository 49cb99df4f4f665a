//! An admission webhook on this machine: it puts a container before ours, as a mesh does, and a mirror in the place of our image.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A webhook that runs.
pub struct Webhook {
    configuration: Value,
    calls: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Webhook {
    /// Serves the workloads of one namespace.
    ///
    /// `address` is one of this machine, by which the API server finds it.
    pub async fn start(namespace: &str, address: IpAddr) -> Self {
        let key = KeyPair::generate().expect("a key");
        let names = vec![address.to_string()];
        let certificate = CertificateParams::new(names).and_then(|params| params.self_signed(&key));
        let certificate = certificate.expect("a certificate");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("the key is the certificate's");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((address, 0)).await.expect("a port");
        let url = format!("https://{}/", listener.local_addr().expect("an address"));
        let calls = Arc::new(AtomicU32::new(0));
        let count = calls.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, count) = (acceptor.clone(), count.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        answer(&mut BufReader::new(stream), &count).await;
                    }
                });
            }
        });
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": {"name": namespace},
            "webhooks": [{
                "name": "rewrite.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 5,
                // Nobody else's namespace is concerned, and this one is not held up once the test is over.
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}, "failurePolicy": "Ignore",
                "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                    "resources": ["statefulsets", "deployments"], "scope": "Namespaced"}],
                "clientConfig": {"url": url, "caBundle": STANDARD.encode(certificate.pem())},
            }],
        });
        Self { configuration, calls, task }
    }

    /// What tells the API server of it.
    pub fn configuration(&self) -> &Value {
        &self.configuration
    }

    /// How often it was asked.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.task.abort();
    }
}

/// Answers one request; none where it can't be read. The answer ends the connection: what was read ahead of it would be lost.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    count: &AtomicU32,
) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let review: Value = serde_json::from_slice(&body).ok()?;
    count.fetch_add(1, Ordering::Relaxed);
    let patch = STANDARD.encode(json!(patch(&review["request"]["object"])).to_string());
    let text = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {
        "uid": review["request"]["uid"], "allowed": true, "patchType": "JSONPatch", "patch": patch,
    }})
    .to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(format!("{head}{text}").as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

fn patch(object: &Value) -> Vec<Value> {
    let none = Vec::new();
    let containers = object["spec"]["template"]["spec"]["containers"].as_array().unwrap_or(&none);
    let mirrored =
        containers.iter().enumerate().filter(|(_, one)| one["name"] == "postgres" || one["name"] == "pgpool");
    let mut patch: Vec<Value> = mirrored
        .map(|(index, one)| {
            let image = one["image"].as_str().unwrap_or_default().replacen("localhost/", "mirror.example/", 1);
            json!({"op": "replace", "path": format!("/spec/template/spec/containers/{index}/image"), "value": image})
        })
        .collect();
    if containers.first().is_some_and(|first| first["name"] != "mesh") {
        let mesh = json!({"name": "mesh", "image": "mesh.example/mesh:1"});
        patch.push(json!({"op": "add", "path": "/spec/template/spec/containers/0", "value": mesh}));
    }
    patch
}
