//! What the API server itself must refuse and take: the tables of `tests/admission/`, by `kubectl apply
//! --dry-run=server`. It needs a cluster with the CRD of `crds/`, so it runs on request:
//! `cargo test --test admission -- --ignored`. `STYLOBATE_ADMISSION_GROUP` names another API group, to try a changed CRD
//! beside the one that is in use.

#[path = "admission/children.rs"]
mod children;
#[path = "admission/webhook.rs"]
mod webhook;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Namespace of the objects that have to stand before they are changed.
const NAMESPACE: &str = "stylobate-admission";

fn table(name: &str) -> Value {
    let path = format!("tests/admission/{name}.yaml");
    let text =
        std::fs::read_to_string(&path).unwrap_or_else(|cause| panic!("failed to read {path}: {cause}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|cause| panic!("failed to parse {path}: {cause}"))
}

fn rows(name: &str) -> Vec<Value> {
    table(name).as_array().expect("a list of rows").clone()
}

fn text(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap_or_else(|| panic!("no text {key} in {row}")).to_owned()
}

/// The base with `patch` laid over it (RFC 7386).
fn object(patch: &Value) -> Value {
    fn merge(live: &mut Value, patch: &Value) {
        match (live.as_object_mut(), patch.as_object()) {
            (Some(live), Some(patch)) => {
                for (key, value) in patch {
                    if value.is_null() {
                        live.remove(key);
                    } else {
                        merge(live.entry(key.clone()).or_insert_with(|| json!({})), value);
                    }
                }
            }
            _ => *live = patch.clone(),
        }
    }
    let group = std::env::var("STYLOBATE_ADMISSION_GROUP").unwrap_or(stylobate::api::GROUP.into());
    let mut object = table("base");
    merge(&mut object, patch);
    object["apiVersion"] = json!(format!("{group}/v1alpha1"));
    object["kind"] = json!("PostgresCluster");
    object["metadata"]["namespace"] = json!(NAMESPACE);
    object
}

fn kubectl(arguments: &[&str], input: Option<&Value>) -> Output {
    let mut child = Command::new("kubectl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("failed to run kubectl: put it on the PATH and name the cluster in KUBECONFIG");
    let mut stdin = child.stdin.take().expect("it is piped");
    if let Some(input) = input {
        stdin.write_all(input.to_string().as_bytes()).expect("kubectl reads its input");
    }
    drop(stdin);
    child.wait_with_output().expect("kubectl ends")
}

fn done(arguments: &[&str], input: Option<&Value>) {
    let output = kubectl(arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What the API server says of a row, and whether it takes it. What stood before is removed again.
fn answer(row: &Value) -> (bool, String) {
    let before = row.get("before").map(object);
    if let Some(before) = &before {
        done(&["apply", "-f", "-"], Some(before));
    }
    let output = kubectl(&["apply", "--dry-run=server", "-f", "-"], Some(&object(&row["object"])));
    if let Some(before) = &before {
        done(&["delete", "-f", "-", "--timeout=60s"], Some(before));
    }
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_row_has_a_promise_of_its_own_and_a_message_to_look_for() {
    let mut promises = BTreeSet::new();
    for row in rows("refused").iter().chain(&rows("taken")) {
        assert!(promises.insert(text(row, "promise")), "twice: {}", row["promise"]);
        assert!(row["object"].is_object(), "{}", row["promise"]);
    }
    for row in rows("refused") {
        let says = row["says"].as_array().unwrap_or_else(|| panic!("nothing to look for: {row}"));
        assert!(
            !says.is_empty() && says.iter().all(|part| part.as_str().is_some_and(|part| !part.is_empty()))
        );
    }
}

#[test]
#[ignore = "needs an API server with the CRD"]
fn the_api_server_refuses_and_takes_what_the_tables_say() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    done(&["apply", "-f", "-"], Some(&namespace));
    let mut broken = Vec::new();
    for row in rows("refused") {
        let (taken, message) = answer(&row);
        let missing: Vec<&Value> = row["says"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|part| !message.contains(part.as_str().unwrap_or_default()))
            .collect();
        if taken || !missing.is_empty() {
            broken
                .push(format!("{}: taken: {taken}, not said: {missing:?}, said: {message}", row["promise"]));
        }
    }
    for row in rows("taken") {
        let (taken, message) = answer(&row);
        if !taken {
            broken.push(format!("{}: {message}", row["promise"]));
        }
    }
    done(&["delete", "namespace", NAMESPACE, "--wait=false"], None);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
