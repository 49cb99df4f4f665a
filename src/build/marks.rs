//! Labels and annotations of `spec.pods`: in the templates for pods that are made, and in place on members that run.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::name::{ANNOTATION_MARKS, digest};
use crate::target::{Target, reserved_key};

use super::meta::RENDERED_DIGEST_LENGTH;

/// Adds them to those that a template needs. None of them has a key of the operator's: the spec is checked for that.
pub fn add(
    target: &Target,
    labels: &mut BTreeMap<String, String>,
    annotations: &mut BTreeMap<String, String>,
) {
    let own = |all: &BTreeMap<String, String>| all.clone().into_iter().filter(|(key, _)| is_free(key));
    labels.extend(own(&target.pods.labels));
    annotations.extend(own(&target.pods.annotations));
    annotations.extend(marks(target).map(|marks| (ANNOTATION_MARKS.to_owned(), marks)));
}

/// What a pod notes of them: their keys, so that one that is no longer wanted can be taken away, and a digest. None while there are none.
pub fn marks(target: &Target) -> Option<String> {
    let (labels, annotations) = (&target.pods.labels, &target.pods.annotations);
    if labels.is_empty() && annotations.is_empty() {
        return None;
    }
    let all = json!([labels, annotations]).to_string();
    let marks = json!({
        "labels": labels.keys().collect::<Vec<_>>(),
        "annotations": annotations.keys().collect::<Vec<_>>(),
        "digest": &digest(all.as_bytes())[..RENDERED_DIGEST_LENGTH],
    });
    Some(marks.to_string())
}

/// Metadata to merge into a pod that noted `before`: what is wanted, and null for what no longer is. The note is the pod's own word, which a
/// member may write: by it nothing goes that somebody decides by.
pub fn patch(target: &Target, before: Option<&str>) -> Value {
    let noted: Value = before.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let merged = |field: &str, wanted: &BTreeMap<String, String>| -> Map<String, Value> {
        let old = noted[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        let gone = old.filter(|key| is_free(key)).map(|key| (key.to_owned(), Value::Null));
        gone.chain(wanted.iter().map(|(key, value)| (key.clone(), json!(value)))).collect()
    };
    let mut annotations = merged("annotations", &target.pods.annotations);
    annotations.insert(ANNOTATION_MARKS.to_owned(), json!(marks(target)));
    json!({"labels": merged("labels", &target.pods.labels), "annotations": annotations})
}

fn is_free(key: &str) -> bool {
    reserved_key(key, false).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, target};

    #[test]
    fn what_is_no_longer_wanted_goes_and_nothing_that_somebody_decides_by() {
        let of = |spec: Value| target(&observed(spec));
        let before =
            marks(&of(json!({"pods": {"labels": {"team": "a", "old": "x"}, "annotations": {"note": "n"}}})));
        let wanted = of(json!({"pods": {"labels": {"team": "b"}}}));
        let patch_of = |before: Option<&str>| patch(&wanted, before);
        let patch = patch_of(before.as_deref());
        assert_eq!(patch["labels"], json!({"team": "b", "old": null}));
        assert_eq!(patch["annotations"], json!({"note": null, ANNOTATION_MARKS: marks(&wanted)}));
        let forged =
            json!({"labels": ["stylobate.dev/scope", "app.kubernetes.io/component", "mine"]}).to_string();
        assert_eq!(patch_of(Some(&forged))["labels"], json!({"team": "b", "mine": null}));
        assert_eq!(patch_of(Some("no JSON"))["labels"], json!({"team": "b"}));
        assert_eq!(marks(&of(json!({}))), None);
        assert_eq!(
            super::patch(&of(json!({})), before.as_deref())["annotations"][ANNOTATION_MARKS],
            Value::Null
        );
    }
}
