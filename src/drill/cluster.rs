//! What is made for a drill: an object that owns all, and the cluster.
//!
//! The operator may not delete a `PostgresCluster`, and shall not: Kubernetes removes the drill's cluster with the ConfigMap that
//! owns it, and that ConfigMap with the backup. So a drill that nobody ends leaves nothing either.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;

use crate::api::{
    Bootstrap, DrillReport, FromBackup, GROUP, HighAvailability, Pods, PointInTime, PostgresBackup,
    PostgresCluster, PostgresClusterSpec, Synchronous,
};
use crate::images::CatalogSeen;
use crate::name::{ANNOTATION_DRILL, LABEL_MANAGED_BY, MANAGER};
use crate::target::Version;

use super::class::DrillClass;

/// Clients of the pooler, which nobody may reach: the least that there can be.
const CLIENTS: i32 = 4;

/// Name of the drill that answers a request: the same whenever it is asked for.
pub fn name(backup: &PostgresBackup, request: &str) -> String {
    crate::name::drill(&backup.spec.cluster, &backup.uid().unwrap_or_default(), request)
}

/// Name of the cluster to which the backup is restored once more, without WAL of the archive.
pub fn name_alone(backup: &PostgresBackup, drill: &str) -> String {
    crate::name::drill(&backup.spec.cluster, &backup.uid().unwrap_or_default(), &format!("{drill} alone"))
}

/// The object that owns all that a drill makes.
pub fn anchor(backup: &PostgresBackup, name: &str) -> ConfigMap {
    let owner = OwnerReference {
        api_version: format!("{GROUP}/v1alpha1"),
        kind: "PostgresBackup".into(),
        name: backup.name_any(),
        uid: backup.uid().unwrap_or_default(),
        ..OwnerReference::default()
    };
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: backup.namespace(),
            labels: Some(BTreeMap::from([(LABEL_MANAGED_BY.to_owned(), MANAGER.to_owned())])),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(
            "what".to_owned(),
            format!(
                "owns the drill of backup {}; deleting it ends the drill and removes what it made",
                backup.name_any()
            ),
        )])),
        ..ConfigMap::default()
    }
}

/// True of an anchor that was made for this very backup.
pub fn is_anchor(map: &ConfigMap, backup: &PostgresBackup) -> bool {
    let of = |owner: &OwnerReference| {
        owner.kind == "PostgresBackup" && Some(&owner.uid) == backup.metadata.uid.as_ref()
    };
    map.owner_references().iter().any(of)
}

/// True of a cluster that a drill of this very backup made: it goes with the anchor of its name, with this UID where that is there.
pub fn is_restored(cluster: &PostgresCluster, backup: &PostgresBackup, anchor_uid: Option<&String>) -> bool {
    let of = |owner: &OwnerReference| {
        owner.kind == "ConfigMap"
            && Some(&owner.name) == cluster.metadata.name.as_ref()
            && anchor_uid.is_none_or(|uid| *uid == owner.uid)
    };
    cluster.annotations().get(ANNOTATION_DRILL) == backup.metadata.uid.as_ref()
        && cluster.owner_references().iter().any(of)
}

/// The cluster that the backup is restored to: as it was, but one member, and nobody to talk to.
///
/// Its server is of the backup's major, since no other reads the data: the newest minor that the catalog offers, which is what a
/// restore would run, else the image that made the backup.
///
/// # Errors
/// What of the backup's record can't be read.
pub fn cluster(
    backup: &PostgresBackup,
    drill: &DrillReport,
    anchor_uid: &str,
    images: &CatalogSeen,
    class: &DrillClass,
) -> Result<PostgresCluster, String> {
    let name = drill.stands();
    let source = backup.status.as_ref().and_then(|status| status.source.as_ref());
    let source = source.ok_or("its status has no source, so nothing tells what to restore")?;
    let spec = source.spec().map_err(|cause| format!("status.source.clusterSpec can't be read: {cause}"))?;
    let mut pooler = spec.pooler.clone();
    (pooler.instances, pooler.clients) = (1, Some(CLIENTS));
    (pooler.server_connections, pooler.read_only) = (None, None);
    pooler.tuning.clear();
    let mut spec = PostgresClusterSpec {
        instances: 1,
        pooler,
        high_availability: HighAvailability { synchronous: Synchronous::Off },
        // ConfigMaps and Secrets of the source may be gone, and the data is looked at as it is.
        tuning: Vec::new(),
        users: Vec::new(),
        databases: Vec::new(),
        access: Default::default(),
        monitoring: Default::default(),
        maintenance: Default::default(),
        backup: Default::default(),
        bootstrap: Bootstrap {
            from_backup: Some(FromBackup { name: backup.name_any(), namespace: None }),
            from_cluster: None,
            point_in_time: drill.replays().map(|replay| PointInTime {
                target_time: None,
                target_lsn: Some(replay.lsn.clone()),
                target_name: None,
                target_latest: None,
                archive_secret: None,
            }),
            archive_secret: None,
        },
        paused: false,
        engine: spec.engine,
        resources: spec.resources,
        storage: spec.storage,
        scheduling: spec.scheduling,
        // By no label may anybody's Service or NetworkPolicy take its pods for those of the source, and it comes before nobody.
        pods: Pods { labels: Default::default(), priority_class_name: None, ..spec.pods },
        services: Default::default(),
        // No slot is in a clone, and nobody subscribes to a drill.
        replication: Default::default(),
    };
    let version = Version::read(&source.version);
    let version = version
        .ok_or_else(|| format!("status.source.version is '{}', which is no version", source.version))?;
    let offered = images.good().and_then(|images| images.newest(source.flavor, version.major, None));
    (spec.engine.version, spec.engine.image) = match (&spec.engine.image, offered) {
        // An image of a person's own is the one that was meant.
        (Some(own), _) => (source.version.clone(), Some(own.clone())),
        (None, Some(_)) => (version.major.to_string(), None),
        (None, None) => (source.version.clone(), Some(source.image.clone())),
    };
    spec.storage.size.0.clone_from(&source.storage);
    if let DrillClass::Own(class) = class {
        spec.storage.storage_class = Some(class.clone());
    }
    let mut cluster = PostgresCluster::new(name, spec);
    cluster.metadata.namespace = backup.namespace();
    cluster.metadata.annotations =
        Some(BTreeMap::from([(ANNOTATION_DRILL.to_owned(), backup.uid().unwrap_or_default())]));
    cluster.metadata.owner_references = Some(vec![OwnerReference {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
        name: name.to_owned(),
        uid: anchor_uid.to_owned(),
        ..OwnerReference::default()
    }]);
    Ok(cluster)
}
