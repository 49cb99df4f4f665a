//! Who the operator is to the Compute API: access tokens, and the project that it works in.
//!
//! Tokens come from Google's own library, by Application Default Credentials: on GKE the metadata server, with the identity that
//! Workload Identity Federation gives the operator's pod. No key is stored anywhere.

use std::time::Duration;

use futures::future::BoxFuture;
use google_cloud_auth::credentials::{AccessTokenCredentials, Builder};

use crate::secret::SecretText;

/// What the token may be used for. IAM says what of it is allowed, so this one scope is as Google advises.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The metadata server, and the variable that Google's libraries read for another one.
const METADATA: (&str, &str) = ("metadata.google.internal", "GCE_METADATA_HOST");
/// Longest wait for the metadata server, which is on the same node.
const METADATA_WAIT: Duration = Duration::from_secs(5);

/// Gives access tokens.
pub trait Tokens: Send + Sync {
    /// A token that is valid now; why there is none, in words.
    fn token(&self) -> BoxFuture<'_, Result<SecretText, String>>;
}

/// Tokens by Application Default Credentials.
#[derive(Debug)]
pub struct Google(AccessTokenCredentials);

impl Google {
    /// Looks for credentials: a file that GOOGLE_APPLICATION_CREDENTIALS names, else the metadata server. Nothing is asked yet.
    ///
    /// # Errors
    /// The file can't be used; in words.
    pub fn new() -> Result<Self, String> {
        // Google's library uses the process's provider of cryptography. One that is there already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let built = Builder::default().with_scopes([SCOPE]).build_access_token_credentials();
        built.map(Self).map_err(|cause| format!("failed to read Google's credentials: {cause}"))
    }
}

impl Tokens for Google {
    fn token(&self) -> BoxFuture<'_, Result<SecretText, String>> {
        Box::pin(async {
            let token = self.0.access_token().await.map_err(|cause| {
                format!(
                    "failed to get a token for the Compute API: {cause}; check that Workload Identity Federation is on for the node \
                     pool and that the operator's ServiceAccount may use it"
                )
            })?;
            Ok(token.token.into())
        })
    }
}

/// The project that this pod runs in, as the metadata server says.
///
/// # Errors
/// There is no metadata server, or it does not say; in words, with what to set.
pub async fn own_project(http: &reqwest::Client) -> Result<String, String> {
    let host = std::env::var(METADATA.1).unwrap_or_else(|_| METADATA.0.to_owned());
    project_of(http, &host).await
}

async fn project_of(http: &reqwest::Client, host: &str) -> Result<String, String> {
    let failed = |cause: &dyn std::fmt::Display| {
        format!(
            "failed to ask the metadata server {host} for the project: {cause}; name it with --gce-project"
        )
    };
    let request = http
        .get(format!("http://{host}/computeMetadata/v1/project/project-id"))
        .header("Metadata-Flavor", "Google")
        .timeout(METADATA_WAIT);
    let answer =
        request.send().await.and_then(reqwest::Response::error_for_status).map_err(|e| failed(&e))?;
    let project = answer.text().await.map_err(|e| failed(&e))?.trim().to_owned();
    if project.is_empty() {
        return Err(failed(&"it is empty"));
    }
    Ok(project)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::get;

    use super::*;

    async fn ask(answer: &'static str) -> Result<String, String> {
        let asked = move |headers: HeaderMap| async move {
            let flavored = headers.get("Metadata-Flavor").is_some_and(|flavor| flavor == "Google");
            if flavored { Ok(answer) } else { Err(StatusCode::FORBIDDEN) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let app = Router::new().route("/computeMetadata/v1/project/project-id", get(asked));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let _ = rustls::crypto::ring::default_provider().install_default();
        project_of(&reqwest::Client::builder().no_proxy().build().unwrap(), &host).await
    }

    #[tokio::test]
    async fn the_project_is_that_of_the_pod() {
        assert_eq!(ask("shop-1\n").await.unwrap(), "shop-1");
    }

    #[tokio::test]
    async fn without_an_answer_it_says_what_to_set() {
        assert!(ask("").await.unwrap_err().contains("--gce-project"));
    }
}
