//! What volumes are cloned from, and the claims that clone them. None of it is a child: the claims outlive the cluster, and
//! the pair of snapshot objects is removed as soon as all members run.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use crate::child::{Child, Kind};
use crate::name::{
    ANNOTATION_RESTORE_REQUEST, ANNOTATION_RESTORED_BY, ANNOTATION_RESTORED_FOR, ANNOTATION_RESTORED_FROM,
    restore_content,
};
use crate::restore::Course;
use crate::target::{GroupTarget, Target};

use super::meta::{metadata, owner, stamp};

/// Group and version of snapshots.
const SNAPSHOTS: &str = "snapshot.storage.k8s.io/v1";

/// Generation of the volumes that are cloned.
fn generation(target: &Target) -> u32 {
    target.groups.first().map_or(1, |group| group.generation)
}

/// `VolumeSnapshotContent` by which Kubernetes knows the snapshot in this cluster's namespace. `Retain`: it goes without the
/// snapshot, which belongs to the backup.
pub fn content(target: &Target, course: &Course) -> Value {
    json!({
        "apiVersion": SNAPSHOTS,
        "kind": "VolumeSnapshotContent",
        "metadata": {"name": restore_content(&target.uid, generation(target)), "labels": target.name.labels()},
        "spec": {
            "deletionPolicy": "Retain",
            "driver": course.driver,
            "source": {"snapshotHandle": course.handle},
            "volumeSnapshotRef": {"namespace": target.name.namespace, "name": target.name.restore_snapshot(generation(target))},
        },
    })
}

/// `VolumeSnapshot` that the claims name.
pub fn snapshot(target: &Target) -> Value {
    json!({
        "apiVersion": SNAPSHOTS,
        "kind": "VolumeSnapshot",
        "metadata": metadata(target, target.name.restore_snapshot(generation(target))),
        "spec": {"source": {"volumeSnapshotContentName": restore_content(&target.uid, generation(target))}},
    })
}

/// The claim of a member, as its StatefulSet would make it but for the source: the set takes it up by its name. For a copy, which the
/// member fetches, it is an empty one. That of a drill goes with its cluster.
pub fn claim(target: &Target, group: &GroupTarget, course: &Course, ordinal: i32) -> Value {
    let mut labels = target.name.labels();
    labels.extend(group.name.selector());
    let mut claim = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": group.volume(ordinal),
            "namespace": target.name.namespace,
            "labels": labels,
            "annotations": {ANNOTATION_RESTORED_FROM: course.key, ANNOTATION_RESTORED_FOR: target.uid},
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": target.storage}},
        },
    });
    if course.copy.is_none() {
        claim["spec"]["dataSource"] = json!({
            "apiGroup": "snapshot.storage.k8s.io",
            "kind": "VolumeSnapshot",
            "name": target.name.restore_snapshot(generation(target)),
        });
    }
    if let Some(wish) = &course.wish {
        claim["metadata"]["annotations"][ANNOTATION_RESTORED_BY] = json!(wish);
    }
    if let Some(in_place) = &course.in_place {
        claim["metadata"]["annotations"][ANNOTATION_RESTORE_REQUEST] = json!(in_place.request);
    }
    if target.drill {
        // Not as its controller: to the set that would be somebody else's claim.
        let owner = OwnerReference { controller: None, block_owner_deletion: None, ..owner(target) };
        claim["metadata"]["ownerReferences"] = json!([owner]);
    }
    if let Some(class) = &target.storage_class {
        claim["spec"]["storageClassName"] = json!(class);
    }
    claim
}

/// What owns the claims of old volumes while they are let go. The operator may not delete a claim, and shall not: Kubernetes
/// removes them with this ConfigMap.
pub fn old_volumes(target: &Target) -> Child {
    let name = target.name.old_volumes();
    let object = ConfigMap {
        metadata: metadata(target, &name),
        data: Some(BTreeMap::from([(
            "what".to_owned(),
            "owns the volume claims that a restore in place took out of service and a person lets go; they go with it".to_owned(),
        )])),
        ..ConfigMap::default()
    };
    stamp(Child::new(Kind::ConfigMap, name, &object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::name::ANNOTATION_DRILL;
    use std::sync::Arc;

    fn course() -> Course {
        let course = json!({"key": "b-1", "backup": "shop/b", "handle": "h", "driver": "d", "started_at": fixture::start()});
        serde_json::from_value(course).unwrap()
    }

    #[test]
    fn a_volume_of_a_drill_goes_with_its_cluster_and_that_of_no_other() {
        let mut seen = fixture::observed(json!({}));
        let owner = |seen: &crate::observe::Observed| {
            let target = fixture::target(seen);
            claim(&target, &target.groups[0], &course(), 0)["metadata"]["ownerReferences"][0].clone()
        };
        assert!(owner(&seen).is_null());
        let notes = BTreeMap::from([(ANNOTATION_DRILL.to_owned(), "b-1".to_owned())]);
        Arc::make_mut(&mut seen.cluster).metadata.annotations = Some(notes);
        assert_eq!(owner(&seen)["uid"], "u-1");
        assert!(owner(&seen)["controller"].is_null(), "its set would take it for somebody else's");
    }

    #[test]
    fn a_claim_is_the_one_that_its_set_would_look_for() {
        let target =
            fixture::target(&fixture::observed(json!({"storage": {"size": "3Gi", "storageClass": "fast"}})));
        let claim = claim(&target, &target.groups[0], &course(), 2);
        assert_eq!(claim["metadata"]["name"], "data-c-2");
        assert_eq!(claim["metadata"]["labels"]["stylobate.dev/scope"], "c");
        assert_eq!(claim["spec"]["storageClassName"], "fast");
        assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "3Gi");
    }
}
