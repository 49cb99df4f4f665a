//! Whether a live object is as rendered. The API server adds defaults, so the rendered body has to be *contained* in the
//! live one; a field that is no longer rendered shows by the digest in the annotation.

use serde_json::Value;

use crate::child::Child;
use crate::name::ANNOTATION_RENDERED;
use crate::quantity;

/// What differs, in words; none when nothing does.
pub fn differs(child: &Child, live: Option<&Value>) -> Option<String> {
    let Some(live) = live else { return Some("it did not exist".into()) };
    let digest = |body: &Value| body["metadata"]["annotations"][ANNOTATION_RENDERED].clone();
    if digest(&child.body) != digest(live) {
        return Some("what is wanted changed".into());
    }
    first_difference("", &child.body, live).map(|path| format!("somebody changed {path}"))
}

/// True when every part of `wanted` is in `live`.
pub fn contains(wanted: &Value, live: &Value) -> bool {
    first_difference("", wanted, live).is_none()
}

/// Path of the first part of `wanted` that is not in `live`.
fn first_difference(path: &str, wanted: &Value, live: &Value) -> Option<String> {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => wanted.iter().find_map(|(key, value)| {
            let path = format!("{path}.{key}");
            match live.get(key) {
                Some(found) => first_difference(&path, value, found),
                None if is_empty(value) => None,
                None => Some(path),
            }
        }),
        (Value::Array(wanted), Value::Array(live)) => {
            if wanted.len() != live.len() {
                return Some(path.to_owned());
            }
            wanted.iter().zip(live).enumerate().find_map(|(index, (value, found))| {
                first_difference(&format!("{path}[{index}]"), value, found)
            })
        }
        (Value::String(wanted), Value::String(live)) if is_quantity(path) => {
            (!quantity::same(wanted, live)).then(|| path.to_owned())
        }
        _ => (wanted != live).then(|| path.to_owned()),
    }
}

/// True for a field that the API server reads as a quantity, and writes in a spelling of its own.
fn is_quantity(path: &str) -> bool {
    let mut fields = path.rsplit('.');
    let field = fields.next();
    field == Some("sizeLimit") || matches!(fields.next(), Some("limits" | "requests"))
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
        assert!(!contains(&memory("2Gi"), &memory("2G")));
        assert!(!contains(&json!({"name": "1024Mi"}), &json!({"name": "1Gi"})), "a name is no quantity");
    }

    #[test]
    fn a_changed_removed_or_added_element_is_a_difference_with_its_path() {
        let wanted = json!({"spec": {"ports": [{"port": 5432}]}});
        let path = |live| first_difference("", &wanted, &live);
        assert_eq!(path(json!({"spec": {"ports": [{"port": 5433}]}})).unwrap(), ".spec.ports[0].port");
        assert_eq!(path(json!({"spec": {"ports": []}})).unwrap(), ".spec.ports");
        assert_eq!(path(json!({})).unwrap(), ".spec");
    }
}
