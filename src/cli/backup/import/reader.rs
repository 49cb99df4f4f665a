//! The pod that reads an archive: with the image of members, which have pgBackRest, in the namespace that the backups are imported for, whose
//! Secret opens the archive and whose ServiceAccount the bucket lets in. It has no right on the API server, and goes when it is done.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, LogParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::build::pod::{container_security, mount, pod_security, resources, scratch, secret_volume};
use crate::engine::paths;

use super::super::super::CLI_MANAGER;
use super::super::super::connect::Cluster;
use super::super::super::explain::Error;
use super::super::super::progress::Progress;
use super::place::{Place, Way};

/// Folder of the Secret: `FILES` of images/postgres/archive-import.
const FILES: &str = "/etc/stylobate/import";
/// Its container.
const CONTAINER: &str = "import";
/// How often the end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Seconds after which Kubernetes ends a pod that nobody waits for any more.
const MOST_SECONDS: i64 = 1800;

/// The pod.
pub fn pod(name: &str, namespace: &str, image: &str, account: &str, way: &Way, which: Option<&str>) -> Pod {
    let mut volumes = vec![secret_volume("archive", &way.secret), scratch("scratch", Some("64Mi"))];
    let mut mounts = vec![mount("archive", FILES, true), mount("scratch", "/tmp", false)];
    if let Place::Volume { claim } = &way.place {
        let volume =
            json!({"name": "place", "persistentVolumeClaim": {"claimName": claim, "readOnly": true}});
        volumes.push(serde_json::from_value(volume).expect("a volume"));
        mounts.push(mount("place", paths::ARCHIVE_VOLUME, true));
    }
    serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/name": "stylobate-import"}},
        "spec": {
            "serviceAccountName": account,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": MOST_SECONDS,
            "terminationGracePeriodSeconds": 1,
            "securityContext": pod_security(),
            "volumes": volumes,
            "containers": [{
                "name": CONTAINER,
                "image": image,
                "args": way.arguments(which),
                "resources": resources("100m", "256Mi"),
                "securityContext": container_security(),
                "volumeMounts": mounts,
            }],
        },
    }))
    .expect("a pod")
}

/// Runs it and gives its log; it is removed whatever comes of it.
///
/// # Errors
/// Why it did not come to its end, and those of the API server.
pub async fn run(cluster: &Cluster, pod: &Pod, wait: Duration) -> Result<String, Error> {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = PostParams { field_manager: Some(CLI_MANAGER.into()), ..PostParams::default() };
    let made = pods.create(&params, pod).await;
    let made = made.map_err(|error| {
        Error::of(format!("make pod {name} in namespace {}", cluster.namespace), cluster, error)
    })?;
    let mut progress = Progress::new();
    let read = tokio::select! {
        read = end(cluster, &pods, &made, wait, &mut progress) => read,
        _ = tokio::signal::ctrl_c() => Err(Error::Plain("stopped; nothing was imported".into())),
    };
    progress.clear();
    // One that can't be removed now is ended by its deadline.
    let only = Preconditions { uid: made.uid(), resource_version: None };
    let _ = pods.delete(&name, &DeleteParams::default().preconditions(only)).await;
    read
}

async fn end(
    cluster: &Cluster,
    pods: &Api<Pod>,
    made: &Pod,
    wait: Duration,
    progress: &mut Progress,
) -> Result<String, Error> {
    let name = &made.name_any();
    let read = || async {
        let pod = pods.get(name).await;
        let pod = pod.map_err(|error| Error::of(format!("read pod {name}"), cluster, error))?;
        another(made, &pod).map_or(Ok(pod), |why| Err(Error::Plain(why)))
    };
    let started = Instant::now();
    let mut waits = None;
    progress.say(&format!("{name}: reads the archive"));
    while started.elapsed() < wait {
        match read().await {
            Ok(pod) => {
                let phase = pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
                if phase == "Succeeded" || phase == "Failed" {
                    let which = LogParams { container: Some(CONTAINER.into()), ..LogParams::default() };
                    let log = pods.logs(name, &which).await;
                    let what = || format!("read the log of pod {name}");
                    let log = log.map_err(|error| Error::of(what(), cluster, error))?;
                    // Logs are had by name: that pod before and after is the one in between.
                    read().await?;
                    return Ok(log);
                }
                waits = hindrance(&pod);
                progress.show(&format!("{name}: reads the archive"), waits.as_deref());
            }
            Err(Error::Unreachable { .. }) => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let why = waits.unwrap_or_else(|| "it runs still: the archive is slow, or large; give --wait a larger number, or --cluster one of them".into());
    Err(Error::Plain(format!(
        "failed to read the archive in {} s: {why}; nothing was imported",
        wait.as_secs()
    )))
}

/// Why a pod is not the one that was made, whose answer alone counts: who may write pods in the namespace may put another in its place.
fn another(made: &Pod, seen: &Pod) -> Option<String> {
    let image = |pod: &Pod| {
        let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        containers.find(|one| one.name == CONTAINER).and_then(|one| one.image.clone()).unwrap_or_default()
    };
    let name = made.name_any();
    let why = if seen.uid() != made.uid() {
        let uid = |pod: &Pod| pod.uid().unwrap_or_default();
        format!("pod {name} has UID {}, and the one that was made had {}", uid(seen), uid(made))
    } else if image(seen) != image(made) {
        format!("pod {name} runs image {}, and it was made with {}", image(seen), image(made))
    } else {
        return None;
    };
    Some(format!(
        "{why}: somebody changed it, so nothing that it says is believed, and nothing was imported; look who may write pods in the namespace, and try again"
    ))
}

/// Why it does not run, in Kubernetes' own words.
fn hindrance(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let waiting =
        status.container_statuses.iter().flatten().find_map(|one| one.state.as_ref()?.waiting.clone());
    let words = |reason: Option<String>, message: Option<String>| {
        let message = message.map(|message| format!(": {message}")).unwrap_or_default();
        reason.map(|reason| format!("{reason}{message}"))
    };
    if let Some(waiting) = waiting.filter(|waiting| waiting.message.is_some()) {
        return words(waiting.reason, waiting.message);
    }
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|one| one.type_ == "PodScheduled" && one.status == "False")?;
    words(unscheduled.reason.clone(), unscheduled.message.clone())
}

#[cfg(test)]
mod tests {
    use super::super::place::tests::way;
    use super::*;
    use serde_json::Value;

    fn made(from: &str) -> Value {
        serde_json::to_value(pod("p", "shop", "i", "reader", &way(from), Some("c"))).unwrap()
    }

    #[test]
    fn the_pod_is_restricted_and_has_no_way_to_the_api_server() {
        let pod = made("gs://wal/shop/c");
        let (spec, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
        assert_eq!(
            (&spec["automountServiceAccountToken"], &spec["securityContext"]["runAsNonRoot"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        let security = &container["securityContext"];
        assert_eq!(
            (&security["allowPrivilegeEscalation"], &security["readOnlyRootFilesystem"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
        assert_eq!(spec["serviceAccountName"], "reader");
        assert_eq!(
            container["args"],
            json!(["archive-import", "gcs", "wal", "shop/c", "-", "workload", "c"])
        );
        assert_eq!(spec["volumes"][0]["secret"]["secretName"], "old");
        assert!(
            pod["metadata"]["labels"]["app.kubernetes.io/managed-by"].is_null(),
            "the operator looks after no such pod"
        );
    }

    #[test]
    fn the_volume_of_an_archive_is_read_and_never_written() {
        let pod = made("volume:wal");
        assert_eq!(
            pod["spec"]["volumes"][2]["persistentVolumeClaim"],
            json!({"claimName": "wal", "readOnly": true})
        );
        assert_eq!(
            pod["spec"]["containers"][0]["volumeMounts"][2],
            json!({"name": "place", "mountPath": "/archive", "readOnly": true})
        );
    }

    #[test]
    fn only_the_pod_that_was_made_is_heard() {
        let mut made = pod("p", "shop", "i", "reader", &way("gs://wal/shop/c"), None);
        made.metadata.uid = Some("p-1".into());
        assert_eq!(another(&made, &made), None);
        let mut seen = made.clone();
        seen.metadata.uid = Some("p-2".into());
        let told = another(&made, &seen).unwrap();
        assert!(told.contains("has UID p-2, and the one that was made had p-1"), "{told}");
        let mut seen = made.clone();
        seen.spec.as_mut().unwrap().containers[0].image = Some("evil".into());
        let told = another(&made, &seen).unwrap();
        assert!(told.contains("runs image evil") && told.contains("nothing was imported"), "{told}");
    }

    #[test]
    fn what_a_pod_waits_for_is_told_in_kubernetes_words() {
        let of = |status: Value| {
            let pod: Pod =
                serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap();
            hindrance(&pod)
        };
        let pull = json!({"containerStatuses": [{"name": "import", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}]});
        assert_eq!(of(pull).as_deref(), Some("ErrImagePull: not found"));
        let room = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]});
        assert_eq!(of(room).as_deref(), Some("Unschedulable: 0/1 nodes"));
        assert_eq!(of(json!({"phase": "Running"})), None);
    }
}
