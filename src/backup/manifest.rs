//! The copy of a backup's object that outlives its namespace: a ConfigMap beside the operator.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use crate::api::PostgresBackup;
use crate::name::{
    ANNOTATION_RENDERED, LABEL_BACKUP_NAMESPACE, LABEL_BACKUP_UID, LABEL_MANAGED_BY, MANAGER, digest,
    manifest,
};

/// Key of the ConfigMap: the object as JSON.
pub const KEY: &str = "backup.json";

/// The copy, for this namespace of the operator.
pub fn build(backup: &PostgresBackup, namespace: &str) -> ConfigMap {
    let uid = backup.uid().unwrap_or_default();
    let copy = bare(backup);
    let text = serde_json::to_string_pretty(&copy).expect("an object serializes");
    let labels = [
        (LABEL_MANAGED_BY, MANAGER.to_owned()),
        (LABEL_BACKUP_UID, uid.clone()),
        (LABEL_BACKUP_NAMESPACE, backup.namespace().unwrap_or_default()),
    ];
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(manifest(&uid)),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value)).into()),
            annotations: Some(BTreeMap::from([(ANNOTATION_RENDERED.to_owned(), digest(text.as_bytes()))])),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(KEY.to_owned(), text)])),
        ..ConfigMap::default()
    }
}

/// The object with what makes it this one, and no more. Whether the archive has a manifest of it is no part of one.
fn bare(backup: &PostgresBackup) -> PostgresBackup {
    let mut copy = backup.clone();
    copy.metadata = ObjectMeta {
        name: backup.metadata.name.clone(),
        namespace: backup.metadata.namespace.clone(),
        uid: backup.metadata.uid.clone(),
        creation_timestamp: backup.metadata.creation_timestamp.clone(),
        ..ObjectMeta::default()
    };
    if let Some(status) = &mut copy.status {
        status.archive_manifest = None;
    }
    copy
}

/// The manifest for the archive, where each change is a call over the network: without what tells of today alone.
pub fn for_archive(backup: &PostgresBackup) -> String {
    let mut copy = bare(backup);
    if let Some(status) = &mut copy.status {
        (status.kept_until, status.drill, status.reason) = (None, None, None);
        (status.silent_since, status.queued_since) = (None, None);
        status.kept_by.clear();
        status.conditions.clear();
        status.shared_with.clear();
        for snapshot in status.groups.iter_mut().filter_map(|group| group.snapshot.as_mut()) {
            (snapshot.imported_at, snapshot.released) = (None, false);
        }
    }
    serde_json::to_string(&copy).expect("an object serializes")
}

/// Digest of what is stored.
pub fn stored(map: &ConfigMap) -> Option<String> {
    map.annotations().get(ANNOTATION_RENDERED).cloned()
}

/// Digest of what should be stored.
pub fn wanted(backup: &PostgresBackup) -> Option<String> {
    stored(&build(backup, ""))
}

/// The object that a manifest holds; none when it holds no such thing.
pub fn read(map: &ConfigMap) -> Option<PostgresBackup> {
    serde_json::from_str(map.data.as_ref()?.get(KEY)?).ok()
}
