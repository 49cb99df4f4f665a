//! A loopback port that leads to the pooler by the Kubernetes API.

use std::net::Ipv4Addr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::name::{COMPONENT_POOLER, ClusterName, LABEL_CLUSTER, LABEL_COMPONENT};
use crate::pooler::PORT;

use super::super::connect::Cluster;
use super::super::explain::Error;

/// A listener on the loopback address; it ends when it is dropped.
pub struct Forward {
    port: u16,
    task: JoinHandle<()>,
}

/// Where connections lead to.
struct Way {
    cluster: Cluster,
    name: ClusterName,
    pods: Api<Pod>,
    /// The pod of the last connection. All go to one pod as long as it is ready: a request to cancel a statement is a
    /// connection of its own and only that pod's Pgpool knows the statement.
    pod: Mutex<Option<String>>,
}

impl Forward {
    /// Listens, once a pooler pod is ready.
    ///
    /// # Errors
    /// When none is, or the API server refuses.
    pub async fn open(cluster: &Cluster, name: &ClusterName) -> Result<Self, Error> {
        let pods = Api::namespaced(cluster.client.clone(), &name.namespace);
        let way = Way { cluster: cluster.clone(), name: name.clone(), pods, pod: Mutex::new(None) };
        // Asked once here, so that a missing right or pod is told in plain words and not by psql.
        drop(way.connect().await?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(local)?;
        let port = listener.local_addr().map_err(local)?.port();
        Ok(Self { port, task: tokio::spawn(serve(listener, Arc::new(way))) })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn local(cause: std::io::Error) -> Error {
    Error::Plain(format!("failed to listen on the loopback address: {cause}"))
}

async fn serve(listener: TcpListener, way: Arc<Way>) {
    while let Ok((client, _)) = listener.accept().await {
        let way = way.clone();
        tokio::spawn(async move {
            if let Err(error) = way.join(client).await {
                eprintln!("{error}");
            }
        });
    }
}

impl Way {
    async fn join(&self, mut client: TcpStream) -> Result<(), Error> {
        let mut forwarder = self.connect().await?;
        if let Some(mut stream) = forwarder.take_stream(PORT as u16) {
            // Either side may just go away at the end of a session.
            copy_bidirectional(&mut client, &mut stream).await.ok();
        }
        Ok(())
    }

    async fn connect(&self) -> Result<kube::api::Portforwarder, Error> {
        let mut pod = self.pod.lock().await;
        let ready = self.ready().await?;
        if pod.as_ref().is_none_or(|pod| !ready.contains(pod)) {
            *pod = ready.first().cloned();
        }
        let Some(chosen) = pod.as_deref() else {
            return Err(Error::Plain(format!(
                "failed to open a session: no pooler pod of {} is ready; see 'stylobate status {} -n {}'",
                self.name.name, self.name.name, self.name.namespace
            )));
        };
        let what = || format!("forward a port to pod {chosen} (rights: get and create on pods/portforward)");
        self.pods
            .portforward(chosen, &[PORT as u16])
            .await
            .map_err(|error| Error::of(what(), &self.cluster, error))
    }

    async fn ready(&self) -> Result<Vec<String>, Error> {
        let selector = format!("{LABEL_CLUSTER}={},{LABEL_COMPONENT}={COMPONENT_POOLER}", self.name.name);
        let found = self.pods.list(&ListParams::default().labels(&selector)).await;
        let found = found.map_err(|error| Error::of("list pods of the pooler", &self.cluster, error))?;
        Ok(found.iter().filter(|pod| is_ready(pod)).map(ResourceExt::name_any).collect())
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}
