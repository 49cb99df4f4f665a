//! Programs in pods, and pods by label.

use futures::future;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{AttachParams, DeleteParams, ListParams};
use kube::{Api, Client, ResourceExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::broken::{Broken, Kept};
use crate::ensure;

use super::stage::Stage;

/// What a program in a pod printed, and whether it ended well.
#[derive(Debug)]
pub struct Output {
    /// Whether its exit code was 0.
    pub well: bool,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub errors: String,
}

impl Output {
    /// Standard output of what ended well, without the last line break.
    ///
    /// # Errors
    /// What it printed, when it failed.
    pub fn ended_well(self) -> Kept<String> {
        ensure!(self.well, "{}{}", self.out, self.errors.trim_end());
        Ok(self.out.trim_end_matches('\n').to_owned())
    }

    /// All that it printed.
    pub fn all(&self) -> String {
        format!("{}{}", self.out, self.errors)
    }
}

/// Runs a program in a container, with this on its standard input.
///
/// # Errors
/// When the pod can't be reached.
pub async fn exec(
    pods: &Api<Pod>,
    pod: &str,
    container: &str,
    command: &[&str],
    input: Option<&str>,
) -> Kept<Output> {
    let how = AttachParams::default().container(container).stdin(input.is_some()).stderr(true);
    let mut process = pods.exec(pod, command.iter().copied(), &how).await?;
    let ended = process.take_status().ok_or_else(|| Broken::new("the program has no end"))?;
    if let (Some(mut stdin), Some(input)) = (process.stdin(), input) {
        stdin.write_all(input.as_bytes()).await?;
        stdin.shutdown().await?;
    }
    let (out, errors) = future::join(read(process.stdout()), read(process.stderr())).await;
    let status = ended.await.ok_or_else(|| Broken::new(format!("the way to {pod} was cut")))?;
    let well = status.status.as_deref() == Some("Success");
    let told = if well { String::new() } else { status.message.unwrap_or_default() };
    Ok(Output { well, out: out?, errors: errors? + &told })
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> Kept<String> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Stage {
    /// Pods of the suite's namespace.
    pub fn pods(&self) -> Api<Pod> {
        of(&self.world.client, &self.namespace)
    }

    /// Ends a pod at once; its identity.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn kill_pod(&self, pod: &str) -> Kept<String> {
        let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        let uid = self.pods().get(pod).await?.uid().unwrap_or_default();
        self.pods().delete(pod, &now).await?;
        Ok(uid)
    }

    /// The pod of that name is a new one, and it is ready.
    ///
    /// # Errors
    /// What it is instead.
    pub async fn another(&self, pod: &str, old: &str) -> Kept {
        let found = self.pods().get(pod).await?;
        ensure!(found.uid().as_deref() != Some(old), "{pod} is the one of before");
        ensure!(ready(&found), "{pod} is not ready");
        Ok(())
    }
}

/// Pods of a namespace.
pub fn of(client: &Client, namespace: &str) -> Api<Pod> {
    Api::namespaced(client.clone(), namespace)
}

/// Pods by label, sorted by name.
///
/// # Errors
/// When the API server does not answer.
pub async fn labelled(pods: &Api<Pod>, labels: &str) -> Kept<Vec<Pod>> {
    let mut found = pods.list(&ListParams::default().labels(labels)).await?.items;
    found.sort_by_key(ResourceExt::name_any);
    Ok(found)
}

/// Whether all containers of a pod are ready.
pub fn ready(pod: &Pod) -> bool {
    let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    containers.is_some_and(|all| !all.is_empty() && all.iter().all(|container| container.ready))
}

/// The image of a container; empty when there is none of the name.
pub fn image<'a>(pod: &'a Pod, container: &str) -> &'a str {
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let found = containers.iter().find(|found| found.name == container);
    found.and_then(|found| found.image.as_deref()).unwrap_or_default()
}

/// Identity of a pod and how often each of its containers was started again: the same as long as nobody restarted anything.
pub fn identity(pod: &Pod) -> (String, Vec<i32>) {
    let containers =
        pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let restarts = containers.iter().map(|container| container.restart_count).collect();
    (pod.uid().unwrap_or_default(), restarts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(ready: &[bool]) -> Pod {
        let statuses: Vec<_> = ready
            .iter()
            .map(|ready| serde_json::json!({"name": "c", "image": "", "imageID": "", "ready": ready, "restartCount": 2}))
            .collect();
        serde_json::from_value(
            serde_json::json!({"metadata": {"uid": "u"}, "status": {"containerStatuses": statuses}}),
        )
        .unwrap()
    }

    #[test]
    fn a_pod_is_ready_when_all_its_containers_are() {
        assert!(ready(&pod(&[true, true])));
        assert!(!ready(&pod(&[true, false])) && !ready(&pod(&[])) && !ready(&Pod::default()));
        assert_eq!(identity(&pod(&[true])), ("u".into(), vec![2]));
    }

    #[test]
    fn what_failed_tells_what_it_printed() {
        let output = |well| Output { well, out: "1\n".into(), errors: "oh\n".into() };
        assert_eq!(output(true).ended_well().unwrap(), "1");
        assert_eq!(output(false).ended_well().unwrap_err().to_string(), "1\noh");
        assert_eq!(output(true).all(), "1\noh\n");
    }
}
