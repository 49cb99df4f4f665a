//! What went wrong between a person and the API server, in plain words with the next step.

use kube::core::Status;

use super::connect::Cluster;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No way to an API server is configured.
    #[error("failed to find the Kubernetes cluster: {cause}; {remedy}")]
    Config {
        /// What is missing or wrong.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// The API server does not answer.
    #[error(
        "failed to reach the Kubernetes API server at {url}: {cause}; check that the cluster is up, the network or VPN to \
         it, and --context ('kubectl cluster-info' asks the same server)"
    )]
    Unreachable {
        /// Its address.
        url: String,
        /// What went wrong, innermost cause.
        cause: String,
    },
    /// The API server does not know the person.
    #[error(
        "failed to {what}: the API server does not accept the credentials of the kubeconfig ({cause}); log in again or \
         choose another --context"
    )]
    Unauthorized {
        /// What was tried.
        what: String,
        /// The API server's words.
        cause: String,
    },
    /// The person has no right to it.
    #[error("failed to {what}: forbidden: {cause}; ask an administrator of the cluster for that right")]
    Forbidden {
        /// What was tried.
        what: String,
        /// The API server's words.
        cause: String,
    },
    /// The CustomResourceDefinition is not installed.
    #[error(
        "failed to {what}: this Kubernetes cluster does not know PostgresCluster; install Stylobate (helm install \
         stylobate charts/stylobate), or check --context"
    )]
    NoDefinition {
        /// What was tried.
        what: String,
    },
    /// No cluster of that name.
    #[error("failed to find PostgresCluster {name} in namespace {namespace}: {there}")]
    NotFound {
        /// Name that was asked for.
        name: String,
        /// Namespace that was looked in.
        namespace: String,
        /// What there is instead.
        there: String,
    },
    /// Anything else that the API server said.
    #[error("failed to {what}: {cause}")]
    Api {
        /// What was tried.
        what: String,
        /// Its words.
        cause: String,
    },
    /// A command's own reason, complete in itself.
    #[error("{0}")]
    Plain(String),
}

impl Error {
    /// The words for what the client reports.
    pub fn of(what: impl Into<String>, cluster: &Cluster, error: kube::Error) -> Self {
        let what = what.into();
        match error {
            kube::Error::Api(status) => Self::of_status(what, &status),
            kube::Error::Service(cause) => {
                Self::Unreachable { url: cluster.url.clone(), cause: innermost(cause.as_ref()) }
            }
            kube::Error::HyperError(cause) => {
                Self::Unreachable { url: cluster.url.clone(), cause: innermost(&cause) }
            }
            kube::Error::Auth(cause) => Self::Unauthorized { what, cause: innermost(&cause) },
            other => Self::Api { what, cause: innermost(&other) },
        }
    }

    fn of_status(what: String, status: &Status) -> Self {
        let cause = status.message.clone();
        // A missing object has details; a path that nobody serves is a bare 404.
        let served = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
        match status.code {
            401 => Self::Unauthorized { what, cause },
            403 => Self::Forbidden { what, cause },
            404 if !served => Self::NoDefinition { what },
            _ => Self::Api { what, cause },
        }
    }
}

/// The last cause of a chain: the outer ones only say that something failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn words(code: u16, name: &str, message: &str) -> String {
        let status = json!({"status": "Failure", "code": code, "message": message, "reason": "", "details": {"name": name}});
        Error::of_status("list PostgresClusters".into(), &serde_json::from_value(status).unwrap()).to_string()
    }

    #[test]
    fn every_refusal_of_the_api_server_names_the_next_step() {
        assert!(words(401, "", "Unauthorized").contains("log in again"));
        assert!(words(403, "", "User \"eve\" cannot list").contains("ask an administrator"));
        assert!(words(404, "", "404 page not found").contains("helm install"));
        assert_eq!(
            words(409, "x", "the object changed"),
            "failed to list PostgresClusters: the object changed"
        );
    }
}
