//! What pods carry beside the labels and annotations that all children have.

use serde_json::Value;

use crate::child::container;

/// Annotation on a member's pod: image that it was made for. What runs may be another, where admission puts a mirror in its place.
pub const ANNOTATION_IMAGE: &str = "stylobate.dev/image";
/// Annotation on a pod: which of its labels and annotations are those of `spec.pods`.
pub const ANNOTATION_MARKS: &str = "stylobate.dev/marks";

/// Image that a member's StatefulSet was made for. A release before this one wrote no annotation.
pub fn image_of(set: &Value) -> Option<&str> {
    image_noted(set).or_else(|| container(set.pointer("/spec/template/spec")?, "postgres")?["image"].as_str())
}

/// The same by the template's annotation alone: what stands in its container may be a mirror.
pub fn image_noted(set: &Value) -> Option<&str> {
    set["spec"]["template"]["metadata"]["annotations"][ANNOTATION_IMAGE].as_str()
}
