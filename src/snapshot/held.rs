//! A snapshot of a CSI driver by its handle. `VolumeSnapshot` and `VolumeSnapshotContent` are what Kubernetes knows of it, and both can be deleted
//! while the disk's snapshot stays, or the other way round. What a backup has is the handle: by it a restore clones, and by it what
//! holds it can be made anew.

use kube::core::DynamicObject;
use serde_json::json;

use super::csi::{GROUP, is_ours, seen, text};
use super::{Held, Seen, Stage};

/// Name of the content by which a snapshot is taken in: apart from what the snapshot controller makes, and from that of a restore.
pub(super) fn content_name(held: &Held) -> String {
    format!("kept-{}", held.name)
}

/// What the objects say of a snapshot whose handle is known.
pub(super) fn health(held: &Held, snapshot: Option<&DynamicObject>, content: Option<&DynamicObject>) -> Seen {
    let adrift = |why: String| Seen {
        name: held.name.clone(),
        handle: Some(held.handle.clone()),
        driver: Some(held.driver.clone()),
        stage: Stage::Adrift(why),
        cut_at: None,
        restore_bytes: None,
        trouble: None,
        labels: held.labels.clone(),
    };
    let Some(snapshot) = snapshot else {
        return adrift(format!("VolumeSnapshot {} was deleted", held.name));
    };
    let strange = |cause: String| Seen { stage: Stage::Failed(cause), ..adrift(String::new()) };
    if !is_ours(&snapshot.metadata, &held.name) {
        return strange(format!(
            "a VolumeSnapshot {} is there that this backup did not make: delete it, or rename it",
            held.name
        ));
    }
    let Some(content) = content else {
        return adrift(format!("the VolumeSnapshotContent of VolumeSnapshot {} is gone", held.name));
    };
    let handle = text(&content.data, "/status/snapshotHandle")
        .or_else(|| text(&content.data, "/spec/source/snapshotHandle"));
    match handle {
        Some(other) if other != held.handle => strange(format!(
            "VolumeSnapshot {} holds snapshot {other}, and the backup's is {}: delete it",
            held.name, held.handle
        )),
        _ => Seen {
            trouble: text(&content.data, "/status/error/message")
                .or_else(|| text(&snapshot.data, "/status/error/message")),
            ..seen(snapshot, Some(content))
        },
    }
}

/// The content by which Kubernetes knows it. `Retain`: it may go without the snapshot.
pub(super) fn content(held: &Held) -> DynamicObject {
    let body = json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": "VolumeSnapshotContent",
        "metadata": {"name": content_name(held), "labels": held.labels},
        "spec": {
            "deletionPolicy": "Retain",
            "driver": held.driver,
            "source": {"snapshotHandle": held.handle},
            "volumeSnapshotRef": {"namespace": held.namespace, "name": held.name},
        },
    });
    serde_json::from_value(body).expect("an object")
}

/// The snapshot that is bound to it, under the name and with the labels that it was ordered with.
pub(super) fn snapshot(held: &Held) -> DynamicObject {
    let body = json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": "VolumeSnapshot",
        "metadata": {"name": held.name, "namespace": held.namespace, "labels": held.labels},
        "spec": {"source": {"volumeSnapshotContentName": content_name(held)}},
    });
    serde_json::from_value(body).expect("an object")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::LABEL_BACKUP_UID;
    use kube::ResourceExt;
    use serde_json::Value;

    fn held() -> Held {
        Held {
            namespace: "shop".into(),
            name: "stylobate-u-1-0".into(),
            handle: "h-1".into(),
            driver: "d".into(),
            labels: [(LABEL_BACKUP_UID.to_owned(), "u-1".to_owned())].into(),
        }
    }

    fn object(body: Value) -> DynamicObject {
        serde_json::from_value(body).unwrap()
    }

    fn whole() -> (DynamicObject, DynamicObject) {
        let mut kept = (snapshot(&held()), content(&held()));
        kept.0.data["status"] = json!({"creationTime": "2026-11-21T12:00:00Z", "readyToUse": true});
        kept.1.data["status"] = json!({"snapshotHandle": "h-1"});
        kept
    }

    #[test]
    fn what_lost_an_object_is_adrift_and_not_gone() {
        let (snapshot, content) = whole();
        assert_eq!(health(&held(), Some(&snapshot), Some(&content)).stage, Stage::Ready);
        for (snapshot, content) in [(None, None), (None, Some(&content)), (Some(&snapshot), None)] {
            let found = health(&held(), snapshot, content);
            assert!(matches!(found.stage, Stage::Adrift(_)), "{found:?}");
            assert_eq!(found.handle.as_deref(), Some("h-1"));
        }
    }

    #[test]
    fn what_has_its_name_and_is_another_snapshot_is_not_it() {
        let (snapshot, mut content) = whole();
        content.data["status"]["snapshotHandle"] = json!("h-2");
        let other = health(&held(), Some(&snapshot), Some(&content)).stage;
        assert!(matches!(&other, Stage::Failed(why) if why.contains("holds snapshot h-2")), "{other:?}");
        let foreign = object(json!({"metadata": {"name": "stylobate-u-1-0"}}));
        let found = health(&held(), Some(&foreign), Some(&whole().1)).stage;
        assert!(matches!(&found, Stage::Failed(why) if why.contains("did not make")), "{found:?}");
    }

    #[test]
    fn what_is_taken_in_is_kept_and_found_under_its_old_name() {
        let (snapshot, content) = (snapshot(&held()), content(&held()));
        assert_eq!(content.data["spec"]["deletionPolicy"], "Retain");
        assert_eq!(content.data["spec"]["source"], json!({"snapshotHandle": "h-1"}));
        assert_eq!(
            content.data["spec"]["volumeSnapshotRef"],
            json!({"namespace": "shop", "name": "stylobate-u-1-0"})
        );
        assert_eq!(snapshot.data["spec"]["source"]["volumeSnapshotContentName"], json!(content.name_any()));
        assert!(is_ours(&snapshot.metadata, "stylobate-u-1-0"));
        // While its maker has not looked, nothing is promised.
        assert_eq!(health(&held(), Some(&snapshot), Some(&content)).stage, Stage::Ordered);
    }
}
