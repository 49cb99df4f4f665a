//! What tells one rendering of a member's pod from another, apart from what can be compared by itself (image, CPU, memory).
//!
//! The digests stand as annotations in the template, so a pod carries those that it was made by. There are two, because who
//! asked for a difference decides when a pod may be made anew: a person moves pods by `spec.scheduling`, but a new release
//! of the operator that renders pods in another way has been asked for by nobody.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use serde_json::{Value, json};

use crate::name::{ANNOTATION_PLACEMENT, ANNOTATION_TEMPLATE, digest};

use super::meta::RENDERED_DIGEST_LENGTH;

/// Digests of a pod's rendering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Of where it may run.
    pub placement: String,
    /// Of all else but image, CPU and memory.
    pub template: String,
}

impl Revision {
    /// Of a pod's spec as rendered.
    pub fn of(spec: &PodSpec) -> Self {
        let mut body = json!(spec);
        let fields = body.as_object_mut().expect("a pod's spec is an object");
        let placement: BTreeMap<&str, Option<Value>> =
            ["affinity", "topologySpreadConstraints", "nodeSelector", "tolerations"]
                .into_iter()
                .map(|field| (field, fields.remove(field)))
                .collect();
        let placement = short(&json!(placement));
        for container in items(&mut body["containers"]) {
            blank(container, &["image", "resources"]);
        }
        // The limit of a folder in memory follows the member's memory, and a resize in place can't change it.
        for volume in items(&mut body["volumes"]) {
            blank(&mut volume["emptyDir"], &["sizeLimit"]);
        }
        Self { placement, template: short(&body) }
    }

    /// As the annotations of a template.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (ANNOTATION_PLACEMENT.to_owned(), self.placement.clone()),
            (ANNOTATION_TEMPLATE.to_owned(), self.template.clone()),
        ])
    }

    /// From the annotations of a pod; empty where it has none.
    pub fn read(annotations: &BTreeMap<String, String>) -> Self {
        let text = |key: &str| annotations.get(key).cloned().unwrap_or_default();
        Self { placement: text(ANNOTATION_PLACEMENT), template: text(ANNOTATION_TEMPLATE) }
    }
}

fn items(list: &mut Value) -> impl Iterator<Item = &mut Value> {
    list.as_array_mut().into_iter().flatten()
}

fn blank(object: &mut Value, fields: &[&str]) {
    if let Some(object) = object.as_object_mut() {
        for field in fields {
            object.remove(*field);
        }
    }
}

fn short(value: &Value) -> String {
    digest(value.to_string().as_bytes())[..RENDERED_DIGEST_LENGTH].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(spec: Value) -> Revision {
        Revision::of(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn what_can_be_compared_or_resized_by_itself_is_left_out() {
        let with = |image: &str, memory: &str| {
            of(json!({
                "containers": [{"name": "postgres", "image": image, "resources": {"limits": {"memory": memory}}}],
                "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": memory}}],
            }))
        };
        assert_eq!(with("a:1", "1Gi"), with("a:2", "2Gi"));
    }

    #[test]
    fn a_move_and_another_rendering_are_told_apart() {
        let base = json!({"containers": [{"name": "postgres"}]});
        let moved = of(json!({"containers": [{"name": "postgres"}], "nodeSelector": {"disk": "fast"}}));
        let other = of(json!({"containers": [{"name": "postgres", "command": ["x"]}]}));
        assert_eq!(moved.template, of(base.clone()).template);
        assert_ne!(moved.placement, of(base.clone()).placement);
        assert_eq!(other.placement, of(base.clone()).placement);
        assert_ne!(other.template, of(base).template);
    }
}
