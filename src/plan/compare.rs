//! Whether a live object is as rendered. The API server adds defaults, and others add what is theirs, so the rendered body has to be
//! *contained* in the live one, and of what opens doors it has to be all there is (`doors`); a field that is no longer rendered shows by the digest in the annotation.
//!
//! Elements of a list are found as server-side apply finds them (`docs/decisions/0028-what-others-change.md`): by their key where the
//! list has one, so that a container that a mesh injects, at whatever place, is no difference; by their place where it is one value.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::child::Child;
use crate::name::{ANNOTATION_RENDERED, digest};
use crate::quantity;

use super::doors;

/// Parts that are not as rendered: the path of each, and a digest of what stands there, which may be a secret.
pub type Parts = BTreeMap<String, String>;

/// What differs, in words; none when nothing does.
pub fn differs(child: &Child, live: Option<&Value>) -> Option<String> {
    let Some(live) = live else { return Some("it did not exist".into()) };
    if !same_rendering(&child.body, live) {
        return Some("what is wanted changed".into());
    }
    parts(&child.body, live).into_keys().next().map(|path| format!("somebody changed {path}"))
}

/// True when both have the digest of one rendering.
pub fn same_rendering(one: &Value, other: &Value) -> bool {
    rendering(one).is_some() && rendering(one) == rendering(other)
}

/// The digest of what was rendered.
pub fn rendering(body: &Value) -> Option<&str> {
    body["metadata"]["annotations"][ANNOTATION_RENDERED].as_str()
}

/// True when every part of `wanted` is in `live`.
pub fn contains(wanted: &Value, live: &Value) -> bool {
    parts(wanted, live).is_empty()
}

/// Every part of `wanted` that is not in `live`, and what others added to an object that opens doors.
pub fn parts(wanted: &Value, live: &Value) -> Parts {
    let mut found = Parts::new();
    compare(&Place { path: String::new(), field: "", above: "" }, wanted, live, &mut found);
    doors::added(wanted, live, &mut found);
    found
}

/// Where in an object a value stands.
struct Place<'a> {
    path: String,
    /// The field.
    field: &'a str,
    /// The field that it is in.
    above: &'a str,
}

fn compare(place: &Place, wanted: &Value, live: &Value, found: &mut Parts) {
    let path = &place.path;
    let same = match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            for (key, value) in wanted {
                let inner = Place { path: format!("{path}.{key}"), field: key, above: place.field };
                match live.get(key) {
                    Some(live) => compare(&inner, value, live, found),
                    None if is_empty(value) => {}
                    None => note(inner.path, &Value::Null, found),
                }
            }
            return;
        }
        (Value::Array(wanted), Value::Array(live)) => {
            let inner = |name: String| Place { path: format!("{path}[{name}]"), ..*place };
            match keys(place) {
                Some(keys) => {
                    for value in wanted {
                        let inner = inner(named(keys, value));
                        match live.iter().find(|live| is_same_element(keys, value, live)) {
                            Some(live) => compare(&inner, value, live, found),
                            None => note(inner.path, &Value::Null, found),
                        }
                    }
                    return;
                }
                None if wanted.len() == live.len() => {
                    for (index, (value, live)) in wanted.iter().zip(live).enumerate() {
                        compare(&inner(index.to_string()), value, live, found);
                    }
                    return;
                }
                None => false,
            }
        }
        (Value::String(wanted), Value::String(live)) if matches!(place.above, "limits" | "requests") => {
            quantity::same_resource(wanted, live)
        }
        (Value::String(wanted), Value::String(live)) if place.field == "sizeLimit" => {
            quantity::same(wanted, live)
        }
        _ => wanted == live,
    };
    if !same {
        note(path.clone(), live, found);
    }
}

pub(super) fn note(path: String, live: &Value, found: &mut Parts) {
    found.insert(path, digest(live.to_string().as_bytes()));
}

/// Fields by which the elements of a list are told apart, as the API server's schema says (`x-kubernetes-list-map-keys`); of an element
/// that is no object, the element itself. None for a list that is one value: whoever adds to it changes it.
fn keys(place: &Place) -> Option<&'static [&'static str]> {
    Some(match (place.field, place.above) {
        ("ownerReferences", "metadata") => &["uid"],
        ("finalizers", "metadata") => &[],
        ("containers" | "initContainers" | "volumes" | "imagePullSecrets", "spec") => &["name"],
        ("env", "containers" | "initContainers") => &["name"],
        ("volumeMounts", "containers" | "initContainers") => &["mountPath"],
        ("ports", "containers" | "initContainers") => &["containerPort", "protocol"],
        ("topologySpreadConstraints", "spec") => &["topologyKey", "whenUnsatisfiable"],
        // Of a Service: rules of a NetworkPolicy have lists of this name that are values.
        ("ports", "spec") => &["port", "protocol"],
        _ => return None,
    })
}

fn is_same_element(keys: &[&str], one: &Value, other: &Value) -> bool {
    if keys.is_empty() { one == other } else { keys.iter().all(|key| one[*key] == other[*key]) }
}

/// An element in a path.
fn named(keys: &[&str], element: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    keys.first().map_or_else(|| text(element), |key| text(&element[*key]))
}

/// The API server drops empty lists and objects.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(wanted: Value, live: Value) -> Vec<String> {
        parts(&wanted, &live).into_keys().collect()
    }

    #[test]
    fn defaults_that_the_server_adds_are_no_difference() {
        assert!(contains(&json!({"a": {"b": 1}}), &json!({"a": {"b": 1, "c": 2}, "d": 3})));
        assert!(contains(&json!({"from": [{"podSelector": {}}]}), &json!({"from": [{"podSelector": {}}]})));
    }

    #[test]
    fn a_quantity_in_the_servers_spelling_is_no_difference() {
        let memory =
            |text: &str| json!({"resources": {"limits": {"memory": text}}, "emptyDir": {"sizeLimit": text}});
        assert!(contains(&memory("2048Mi"), &memory("2Gi")));
        assert!(contains(&memory("0.7Gi"), &memory("751619276800m")));
        let cpu = |text: &str| json!({"resources": {"requests": {"cpu": text}}});
        assert!(contains(&cpu("0.3333"), &cpu("334m")), "it rounds up to thousandths");
        assert!(!contains(&memory("2Gi"), &memory("2G")));
        assert!(!contains(&json!({"name": "1024Mi"}), &json!({"name": "1Gi"})), "a name is no quantity");
    }

    #[test]
    fn a_changed_removed_or_added_element_is_a_difference_with_its_path() {
        let wanted = json!({"spec": {"args": ["-a"], "ports": [{"port": 5432, "name": "p"}]}});
        let with = |args: Value, ports: Value| json!({"spec": {"args": args, "ports": ports}});
        let port = json!([{"port": 5432, "name": "p"}]);
        let path = |live| paths(wanted.clone(), live);
        assert_eq!(path(with(json!(["-b"]), port.clone())), [".spec.args[0]"]);
        assert_eq!(path(with(json!(["-a", "-b"]), port.clone())), [".spec.args"]);
        assert_eq!(
            path(with(json!(["-a"]), json!([{"port": 5432, "name": "q"}]))),
            [".spec.ports[5432].name"]
        );
        assert_eq!(path(with(json!(["-a"]), json!([{"port": 5433, "name": "p"}]))), [".spec.ports[5432]"]);
        assert_eq!(path(json!({"spec": {}})), [".spec.args", ".spec.ports"]);
    }

    #[test]
    fn what_others_add_to_a_list_with_keys_is_theirs_wherever_it_stands() {
        let container = |name: &str, env: Value| json!({"name": name, "env": env});
        let pod = |containers: Value| json!({"template": {"spec": {"containers": containers}}});
        let ours = container("postgres", json!([{"name": "A", "value": "1"}]));
        let more = container("postgres", json!([{"name": "X", "value": "0"}, {"name": "A", "value": "1"}]));
        let mesh = container("mesh", json!([]));
        assert!(contains(&pod(json!([ours])), &pod(json!([mesh, more]))));
        let changed =
            container("postgres", json!([{"name": "X", "value": "0"}, {"name": "A", "value": "2"}]));
        assert_eq!(
            paths(pod(json!([ours])), pod(json!([mesh, changed]))),
            [".template.spec.containers[postgres].env[A].value"]
        );
        assert_eq!(
            paths(pod(json!([ours])), pod(json!([mesh]))),
            [".template.spec.containers[postgres]"],
            "ours is gone"
        );
        let meta = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
        assert!(contains(&meta(json!(["ours"])), &meta(json!(["theirs", "ours"]))));
        assert!(!contains(&meta(json!(["ours"])), &meta(json!(["theirs"]))));
    }

    #[test]
    fn what_others_add_to_a_list_that_is_one_value_gives_rights_and_is_a_difference() {
        let role = |rules: Value| json!({"rules": rules});
        let one = json!({"verbs": ["get"]});
        assert!(!contains(&role(json!([one])), &role(json!([one, {"verbs": ["*"]}]))));
        let policy = |ports: Value| json!({"spec": {"ingress": [{"ports": ports}]}});
        assert!(!contains(&policy(json!([{"port": 1}])), &policy(json!([{"port": 1}, {"port": 2}]))));
    }

    #[test]
    fn what_stands_in_a_part_is_told_by_a_digest_alone() {
        let secret = |text: &str| json!({"data": {"password": text}});
        let (one, other) = (parts(&secret("a"), &secret("b")), parts(&secret("a"), &secret("c")));
        assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        assert_ne!(one, other);
        assert_eq!(one[".data.password"].len(), 64);
    }
}
