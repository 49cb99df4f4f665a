//! What tells one rendering of a member's pod from another, apart from what can be compared by itself (image, CPU, memory).
//!
//! The digests stand as annotations in the template, so a pod carries those that it was made by. Who asked for a difference decides when
//! a pod may be made anew: a person moves pods by `spec.scheduling`, and mounts a volume or another certificate by other fields, but a new
//! release of the operator that renders pods in another way has been asked for by nobody. A digest can't tell these apart, so the status
//! keeps what was rendered last and from which generation of the spec: a rendering that changes with the generation was asked for.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use serde_json::{Value, json};

use crate::api::{RenderedPod, RenderedStatus};
use crate::name::{ANNOTATION_ASKED, ANNOTATION_PLACEMENT, ANNOTATION_TEMPLATE, digest};

use super::meta::RENDERED_DIGEST_LENGTH;

/// Digests of a pod's rendering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Of where it may run.
    pub placement: String,
    /// Of all else but image, CPU and memory.
    pub template: String,
    /// Of the last rendering that an edit asked for; empty while none did.
    pub asked: String,
}

/// What is rendered now, to be kept in the status. Nothing but the spec's generation and what was kept before is looked at, so a round
/// that is cut off anywhere comes to the same again.
pub fn rendered(
    before: Option<&RenderedStatus>,
    generation: Option<i64>,
    members: &PodSpec,
    poolers: &[PodSpec],
) -> RenderedStatus {
    let edited = before.is_some_and(|before| before.generation != generation);
    let next = |specs: &[PodSpec], before: Option<&RenderedPod>| {
        let templates: Vec<String> = specs.iter().map(|spec| Revision::of(spec).template).collect();
        let template = match templates.as_slice() {
            [one] => one.clone(),
            more => short(&json!(more)),
        };
        let asked = match before {
            Some(before) if edited && before.template != template => template.clone(),
            Some(before) => before.asked.clone(),
            None => String::new(),
        };
        RenderedPod { template, asked }
    };
    RenderedStatus {
        generation,
        members: next(std::slice::from_ref(members), before.map(|before| &before.members)),
        pooler: next(poolers, before.map(|before| &before.pooler)),
    }
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
        for list in ["initContainers", "containers"] {
            for container in items(&mut body[list]) {
                blank(container, &["image", "resources"]);
            }
        }
        // The limit of a folder in memory follows the member's memory, and a resize in place can't change it.
        for volume in items(&mut body["volumes"]) {
            blank(&mut volume["emptyDir"], &["sizeLimit"]);
        }
        Self { placement, template: short(&body), asked: String::new() }
    }

    /// The same, with the last rendering that an edit asked for.
    pub fn with(self, kept: &RenderedPod) -> Self {
        Self { asked: kept.asked.clone(), ..self }
    }

    /// As the annotations of a template.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let asked = (ANNOTATION_ASKED.to_owned(), self.asked.clone());
        [
            (ANNOTATION_PLACEMENT.to_owned(), self.placement.clone()),
            (ANNOTATION_TEMPLATE.to_owned(), self.template.clone()),
        ]
        .into_iter()
        .chain((!self.asked.is_empty()).then_some(asked))
        .collect()
    }

    /// From the annotations of a pod; empty where it has none.
    pub fn read(annotations: &BTreeMap<String, String>) -> Self {
        let text = |key: &str| annotations.get(key).cloned().unwrap_or_default();
        let (placement, template) = (text(ANNOTATION_PLACEMENT), text(ANNOTATION_TEMPLATE));
        Self { placement, template, asked: text(ANNOTATION_ASKED) }
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

    #[test]
    fn a_rendering_was_asked_for_when_it_changes_with_the_specs_generation() {
        let pod = |command: &str| {
            serde_json::from_value(json!({"containers": [{"name": "a", "command": [command]}]})).unwrap()
        };
        let (one, two, three) = (pod("1"), pod("2"), pod("3"));
        let digest = |pod: &PodSpec| Revision::of(pod).template;
        let made = rendered(None, Some(1), &one, std::slice::from_ref(&one));
        assert_eq!((made.members.asked.as_str(), &made.members.template), ("", &digest(&one)));
        let released = rendered(Some(&made), Some(1), &two, std::slice::from_ref(&one));
        assert_eq!(released.members.asked, "", "another release, the same spec");
        let elsewhere = rendered(Some(&released), Some(2), &two, std::slice::from_ref(&one));
        assert_eq!(elsewhere.members.asked, "", "an edit of something else");
        let edited = rendered(Some(&elsewhere), Some(3), &three, std::slice::from_ref(&one));
        assert_eq!((&edited.members.asked, edited.pooler.asked.as_str()), (&digest(&three), ""));
        let later = rendered(Some(&edited), Some(3), &two, std::slice::from_ref(&one));
        assert_eq!(later.members.asked, digest(&three), "a release after it takes nothing back");
        assert_eq!(
            Revision::read(&Revision::of(&two).with(&later.members).annotations()).asked,
            digest(&three)
        );
    }
}
