//! The sentence that comes of pods, claims, sets and events: as they were recorded from a Kubernetes, and one by one, cut down to what counts.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Room, Seen, hindrance};

const UID: &str = "3f0c1c9e-5f0f-4a43-9d0c-6c1d0b7ce9a1";
const MADE: &str = "2026-11-29T14:00:00Z";

fn at(seconds: i64) -> Timestamp {
    MADE.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// A member's pod with this status.
fn pod(status: Value) -> Value {
    json!({
        "metadata": {"name": "books-0", "namespace": "shop", "uid": UID, "creationTimestamp": MADE,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "books", "uid": "set-1"}]},
        "spec": {
            "containers": [
                {"name": "postgres", "image": "localhost/stylobate/postgres:9.9",
                    "resources": {"requests": {"cpu": "200m", "memory": "1Gi"}}},
                {"name": "exporter", "image": "e", "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}},
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-books-0"}}],
        },
        "status": status,
    })
}

fn unscheduled(message: &str) -> Value {
    pod(json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]}))
}

/// A pod on a node whose main container waits.
fn waits(reason: &str, message: &str) -> Value {
    pod(
        json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
        "containerStatuses": [{"name": "postgres", "image": "", "imageID": "", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": reason, "message": message}}}]}),
    )
}

fn ready() -> Value {
    pod(json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}))
}

fn claim(phase: &str) -> Value {
    json!({"metadata": {"name": "data-books-0", "namespace": "shop", "uid": "claim-1", "creationTimestamp": MADE}, "status": {"phase": phase}})
}

fn set(made: i32) -> Value {
    json!({"metadata": {"name": "books", "namespace": "shop", "uid": "set-1"},
        "spec": {"replicas": 1, "selector": {}, "serviceName": "books", "template": {}}, "status": {"replicas": made}})
}

fn event(uid: &str, reason: &str, message: &str, seconds: i64) -> Value {
    json!({"metadata": {"name": "e"}, "type": "Warning", "reason": reason, "message": message, "lastTimestamp": at(seconds),
        "involvedObject": {"uid": uid}})
}

fn seen(pods: &[Value], claims: &[Value], sets: &[Value], events: &[Value]) -> Seen {
    fn read<T: serde::de::DeserializeOwned>(all: &[Value]) -> Vec<T> {
        all.iter().map(|one| serde_json::from_value(one.clone()).expect("an object")).collect()
    }
    Seen {
        pods: read(pods),
        claims: read(claims),
        sets: read(sets),
        deployments: Vec::new(),
        events: read(events),
    }
}

/// The sentence after this many seconds.
fn told(seen: &Seen, seconds: i64) -> Option<String> {
    hindrance(seen, Room::BySpec, at(seconds))
}

/// What a Kubernetes 1.34 had for five pods that could not run, a claim that nobody could make, and a set whose pod a quota refused;
/// fields that tell nothing of it are left out.
fn recorded() -> Value {
    serde_json::from_str(include_str!("recorded.json")).expect("JSON")
}

#[test]
fn each_cause_as_it_was_recorded_has_its_sentence() {
    let all = recorded();
    let list = |key: &str| all[key].as_array().unwrap().clone();
    let now: Timestamp = "2026-11-29T14:39:25Z".parse().unwrap();
    for (pod, sentence) in [
        (
            "big",
            "pod big is Pending: 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes \
             are available: 1 Preemption is not helpful for scheduling. It asks for 50000m CPU and 64 MiB of memory: free as much, \
             add a node, or lower spec.resources",
        ),
        (
            "gold",
            "volume claim data-gold is Pending: storageclass.storage.k8s.io \"gold\" not found; see kubectl -n shop \
             describe pvc data-gold",
        ),
        (
            "image",
            "pod image can't pull image 'localhost/stylobate/none:1': make it available to the nodes, or correct what names it; \
             see kubectl -n shop describe pod image",
        ),
        (
            "config",
            "container postgres of pod config can't be made: secret \"books-archive\" not found; see kubectl -n shop \
             describe pod config",
        ),
        (
            "mount",
            "pod mount can't start: MountVolume.SetUp failed for volume \"d\" : secret \"nowhere\" not found; see kubectl -n \
             shop describe pod mount",
        ),
    ] {
        let pods: Vec<Value> =
            list("pods").into_iter().filter(|one| one["metadata"]["name"] == pod).collect();
        let told = hindrance(&seen(&pods, &list("claims"), &[], &list("events")), Room::BySpec, now);
        assert_eq!(told.as_deref(), Some(sentence));
    }
    let quota = hindrance(&seen(&[], &[], &list("sets"), &list("events")), Room::BySpec, now);
    assert_eq!(
        quota.as_deref(),
        Some(
            "no pod of StatefulSet books can be made: create Pod books-0 in StatefulSet books failed error: pods \"books-0\" is \
             forbidden: exceeded quota: small, requested: requests.cpu=210m, used: requests.cpu=0, limited: requests.cpu=100m. \
             What refuses it has to let it: a ResourceQuota needs room, and where it counts what members do not set (limits.cpu), \
             a LimitRange with a default for that; a LimitRange, a Pod Security level or a webhook has to take the pod. See \
             kubectl -n shop describe resourcequotas,limitranges, and the labels of the namespace"
        )
    );
}

#[test]
fn a_pod_without_a_node_names_the_scheduler_s_reason_and_what_it_asks_for() {
    let words = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found.";
    let seen = seen(&[unscheduled(words)], &[claim("Pending")], &[], &[]);
    assert!(!seen.is_quiet());
    assert_eq!(
        told(&seen, 1).unwrap(),
        format!(
            "pod books-0 is Pending: {}. It asks for 210m CPU and 1056 MiB of memory: free as much, add a node, or lower \
             spec.resources",
            words.trim_end_matches('.')
        )
    );
    let drill = hindrance(&seen, Room::ByBackup, at(1)).unwrap();
    assert!(drill.ends_with("a drill asks for what the cluster had when its backup was made"), "{drill}");
}

#[test]
fn a_claim_that_is_refused_a_volume_is_the_cause_and_not_the_node() {
    let pods = [unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")];
    let failed = event("claim-1", "ProvisioningFailed", "storageclass.storage.k8s.io \"gold\" not found", 5);
    assert_eq!(
        told(&seen(&pods, &[claim("Pending")], &[], std::slice::from_ref(&failed)), 6).unwrap(),
        "volume claim data-books-0 is Pending: storageclass.storage.k8s.io \"gold\" not found; see kubectl -n shop describe pvc \
         data-books-0"
    );
    // Also while there is no pod yet, as in a restore; and what failed before the claim was bound is over.
    assert!(
        told(&seen(&[], &[claim("Pending")], &[], std::slice::from_ref(&failed)), 6)
            .unwrap()
            .contains("\"gold\"")
    );
    assert_eq!(told(&seen(&[], &[claim("Bound")], &[], &[failed]), 6), None);
}

#[test]
fn a_claim_that_nobody_binds_is_told_after_half_a_minute() {
    let seen = seen(&[], &[claim("Pending")], &[], &[]);
    assert_eq!(told(&seen, 30), None);
    assert!(told(&seen, 31).unwrap().contains("does the storage's driver run?"));
}

#[test]
fn an_image_that_can_not_be_pulled_is_one_sentence_whichever_word_the_kubelet_has() {
    let words: Vec<String> = ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"]
        .iter()
        .map(|reason| told(&seen(&[waits(reason, "it changes")], &[], &[], &[]), 1).unwrap())
        .collect();
    assert!(
        words[0].starts_with(
            "pod books-0 can't pull image 'localhost/stylobate/postgres:9.9': make it available"
        ),
        "{}",
        words[0]
    );
    assert!(words.iter().all(|each| *each == words[0]), "{words:?}");
}

#[test]
fn a_container_that_can_not_be_made_or_ends_again_says_where_to_look() {
    let missing = told(
        &seen(&[waits("CreateContainerConfigError", "secret \"books-archive\" not found")], &[], &[], &[]),
        1,
    );
    assert!(
        missing.unwrap().starts_with(
            "container postgres of pod books-0 can't be made: secret \"books-archive\" not found"
        )
    );
    let ends = told(
        &seen(&[waits("CrashLoopBackOff", "back-off 40s restarting failed container")], &[], &[], &[]),
        1,
    );
    assert!(ends.unwrap().ends_with("kubectl -n shop logs books-0 -c postgres --previous"));
    let coming = waits("ContainerCreating", "");
    assert_eq!(told(&seen(&[coming], &[], &[], &[]), 1), None, "what takes its time is no hindrance");
}

#[test]
fn a_volume_that_can_not_be_mounted_is_told_until_a_container_runs() {
    let mount = event(UID, "FailedMount", "MountVolume.SetUp failed: timed out", 5);
    let other = event("another", "FailedMount", "of somebody else", 6);
    let told_of = |pod: Value| told(&seen(&[pod], &[], &[], &[mount.clone(), other.clone()]), 7);
    assert!(
        told_of(waits("ContainerCreating", ""))
            .unwrap()
            .starts_with("pod books-0 can't start: MountVolume.SetUp failed")
    );
    let runs = pod(
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [
        {"name": "postgres", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"running": {}}}]}),
    );
    assert_eq!(told_of(runs), None);
}

#[test]
fn a_quota_that_refuses_a_pod_is_told_until_the_pod_is_there() {
    let words = "create Pod books-0 in StatefulSet books failed error: pods \"books-0\" is forbidden: exceeded quota: small, \
                 requested: requests.cpu=210m, used: requests.cpu=900m, limited: requests.cpu=1";
    let refusal = event("set-1", "FailedCreate", words, 5);
    let sentence = told(&seen(&[], &[], &[set(0)], std::slice::from_ref(&refusal)), 6).unwrap();
    assert!(
        sentence.starts_with("no pod of StatefulSet books can be made: create Pod books-0"),
        "{sentence}"
    );
    assert!(sentence.contains("exceeded quota: small") && sentence.contains("ResourceQuota"), "{sentence}");
    assert_eq!(told(&seen(&[ready()], &[], &[set(1)], std::slice::from_ref(&refusal)), 6), None);
    // The first pod was made after the refusal; that the next is not there yet is no fault.
    let early = event("set-1", "FailedCreate", words, -5);
    assert_eq!(told(&seen(&[ready()], &[], &[set(0)], &[early]), 6), None);
}

#[test]
fn a_pooler_whose_pods_a_quota_refuses_is_told_by_its_deployment_s_own_word() {
    let live = |status: &str| {
        let condition = json!({"type": "ReplicaFailure", "status": status, "reason": "FailedCreate",
            "message": "pods \"books-pooler-5d\" is forbidden: exceeded quota: small"});
        let body = json!({"metadata": {"name": "books-pooler", "namespace": "shop"}, "status": {"conditions": [condition]}});
        Seen { deployments: vec![serde_json::from_value(body).unwrap()], ..Seen::default() }
    };
    assert!(!live("True").is_quiet() && live("False").is_quiet());
    let sentence = told(&live("True"), 6).unwrap();
    assert!(
        sentence.starts_with("no pod of Deployment books-pooler can be made: pods")
            && sentence.contains("exceeded quota: small"),
        "{sentence}"
    );
    assert_eq!(told(&live("False"), 6), None);
}

#[test]
fn what_runs_or_goes_away_waits_for_nothing_and_asks_for_no_events() {
    let quiet = seen(&[ready()], &[claim("Bound")], &[set(1)], &[]);
    assert!(quiet.is_quiet());
    assert_eq!(told(&quiet, 99), None);
    let mut going = unscheduled("0/1 nodes are available");
    going["metadata"]["deletionTimestamp"] = json!(MADE);
    assert_eq!(told(&seen(&[going], &[], &[], &[]), 1), None);
}

#[test]
fn words_of_others_reach_no_terminal_as_orders_and_fill_no_screen() {
    let words = format!("0/1 nodes\u{1b}[2J\n\rare\u{7} available {}", "x".repeat(2000));
    let sentence = told(&seen(&[unscheduled(&words)], &[], &[], &[]), 1).unwrap();
    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
    assert!(sentence.starts_with("pod books-0 is Pending: 0/1 nodes [2J are available x"), "{sentence}");
    assert!(sentence.len() < 700, "{}", sentence.len());
}
