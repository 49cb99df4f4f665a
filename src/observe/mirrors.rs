//! Mirrors of images: what a pod says of itself against what is known of its image.
//!
//! A pod says in an annotation what image it was made for (`crate::name::ANNOTATION_IMAGE`), and a member's own token may write that. Code
//! in a member could say that its old image is a mirror of the new one, and a rollout that mends a fault would pass it by. What somebody
//! decided that servers are made from is a server's image itself, never a mirror of another: there the word does not count.

use std::collections::BTreeMap;

use crate::api::PostgresCluster;
use crate::child::Kind;
use crate::images::CatalogSeen;
use crate::name::image_noted;

use super::facts::{Children, PodSeen};

/// Drops the word of pods whose image is known: the image catalog has it, the status or a template names it as what members are brought
/// to. What ran before and is in none of them can't be told from a mirror.
pub(super) fn weigh(
    pods: &mut BTreeMap<String, PodSeen>,
    cluster: &PostgresCluster,
    children: &Children,
    images: &CatalogSeen,
) {
    let listed = images.good().into_iter().flat_map(|catalog| catalog.entries());
    let status = cluster.status.as_ref().and_then(|status| status.engine.as_ref()?.image.as_deref());
    let sets = children.0.iter().filter(|(reference, _)| reference.kind == Kind::StatefulSet);
    // By its annotation alone: the image in it may be the mirror.
    let noted = sets.filter_map(|(_, set)| image_noted(set));
    let known: Vec<&str> = listed.map(|entry| entry.image.as_str()).chain(status).chain(noted).collect();
    for pod in pods.values_mut().filter(|pod| known.contains(&pod.main.image.as_str())) {
        pod.made_for = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::ChildRef;
    use crate::fixture::{catalog, observed};
    use crate::name::ANNOTATION_IMAGE;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn a_known_image_is_no_mirror_whatever_its_pod_says() {
        let mut seen = observed(json!({}));
        seen.images = catalog(&["17.90", "17.91"]);
        let old = seen.images.good().unwrap().entries()[0].image.clone();
        let new = seen.images.good().unwrap().entries()[1].image.clone();
        let engine = &mut Arc::make_mut(&mut seen.cluster).status.get_or_insert_default().engine;
        engine.get_or_insert_default().image = Some("by-status:1".into());
        let template = json!({"metadata": {"annotations": {ANNOTATION_IMAGE: "by-template:1"}},
            "spec": {"containers": [{"name": "postgres", "image": "mirror/by-template:1"}]}});
        let set = json!({"spec": {"template": template}});
        let children = Children([(ChildRef::new(Kind::StatefulSet, "c"), set)].into());
        let word = |runs: &str| {
            let mut pod = PodSeen { made_for: Some(new.clone()), ..PodSeen::default() };
            pod.main.image = runs.into();
            let mut pods = BTreeMap::from([("c-0".to_owned(), pod)]);
            weigh(&mut pods, &seen.cluster, &children, &seen.images);
            pods["c-0"].image().to_owned()
        };
        for known in [&old, "by-status:1", "by-template:1"] {
            assert_eq!(word(known), known, "it is no mirror");
        }
        for mirror in ["mirror/postgres:17.91", "mirror/by-template:1"] {
            assert_eq!(word(mirror), new);
        }
    }
}
