//! The way to the API server: kubectl's flags, kubectl's rules.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use super::explain::Error;

/// How long a person waits for an API server before a clear word beats more patience.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which cluster, and which namespace of it.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Kubernetes")]
pub struct Connection {
    /// Kubeconfig file; $KUBECONFIG, ~/.kube/config or the pod's own account when absent
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; its current one when absent
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// Namespace; that of the context when absent
    #[arg(short, long, global = true, value_name = "NAME")]
    namespace: Option<String>,
}

/// An API server to talk to.
#[derive(Clone)]
pub struct Cluster {
    /// The client.
    pub client: Client,
    /// Namespace that was asked for, or the context's.
    pub namespace: String,
    /// Where it is, for messages.
    pub url: String,
}

impl Connection {
    /// Reads the configuration and makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Config`] when no usable configuration is found.
    pub async fn open(&self) -> Result<Cluster, Error> {
        let mut config = self.config().await?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // A person sees the first refusal at once and repeats the command, where an operator would wait.
        config.default_retry = false;
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let url = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = Client::try_from(config).map_err(unusable)?;
        Ok(Cluster { client, namespace, url })
    }

    /// The client of the operator: it waits for an API server that restarts.
    ///
    /// # Errors
    /// [`Error::Config`] when no usable configuration is found.
    pub async fn patient(&self) -> Result<Client, Error> {
        Client::try_from(self.config().await?).map_err(unusable)
    }

    async fn config(&self) -> Result<Config, Error> {
        if self.kubeconfig.is_none() && self.context.is_none() {
            return Config::infer().await.map_err(|_| Error::Config {
                cause: "there is no usable kubeconfig ($KUBECONFIG, ~/.kube/config), and this is no pod"
                    .into(),
                remedy: "give --kubeconfig FILE".into(),
            });
        }
        let read = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let failed =
            |cause: KubeconfigError, remedy: String| Error::Config { cause: cause.to_string(), remedy };
        let kubeconfig = read.map_err(|cause| failed(cause, "give --kubeconfig FILE".into()))?;
        let contexts: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|cause| failed(cause, format!("--context names one of: {}", contexts.join(", "))))
    }
}

fn unusable(cause: kube::Error) -> Error {
    Error::Config { cause: cause.to_string(), remedy: "correct the kubeconfig".into() }
}
