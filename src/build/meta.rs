//! Metadata that all children share: labels, owner, and the digest of what was rendered.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::Value;

use crate::api::GROUP;
use crate::child::Child;
use crate::name::{ANNOTATION_RENDERED, digest};
use crate::target::Target;

/// Characters of the digest that are kept: 64 bits tell two renderings apart.
pub const RENDERED_DIGEST_LENGTH: usize = 16;

/// Metadata of a child.
pub fn metadata(target: &Target, name: impl Into<String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.into()),
        namespace: Some(target.name.namespace.clone()),
        labels: Some(target.name.labels()),
        owner_references: Some(vec![owner(target)]),
        ..ObjectMeta::default()
    }
}

/// Annotations of a child; none where there are none.
pub fn annotations(all: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    (!all.is_empty()).then(|| all.clone())
}

/// The owner of every child: the garbage collector removes them with it.
pub fn owner(target: &Target) -> OwnerReference {
    OwnerReference {
        api_version: format!("{GROUP}/v1alpha1"),
        kind: "PostgresCluster".into(),
        name: target.name.name.clone(),
        uid: target.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Writes the digest of the body into its annotations. A field that is no longer rendered is noticed by it, which a
/// comparison with the live object could not do. A digest that is there already does not count, so that a body which was
/// changed and changed back has its first digest again.
pub fn stamp(mut child: Child) -> Child {
    if let Some(metadata) = child.body["metadata"].as_object_mut() {
        let rest = metadata.get_mut("annotations").and_then(Value::as_object_mut).map(|annotations| {
            annotations.remove(ANNOTATION_RENDERED);
            annotations.len()
        });
        if rest == Some(0) {
            metadata.remove("annotations");
        }
    }
    let digest = digest(child.body.to_string().as_bytes());
    child.body["metadata"]["annotations"][ANNOTATION_RENDERED] =
        Value::String(digest[..RENDERED_DIGEST_LENGTH].to_owned());
    child
}
