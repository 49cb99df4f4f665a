//! What a cluster begins with that is made from a backup or goes back to one: the backup, by its object or its manifest, and the
//! snapshot that its volumes are cloned from. Nothing is read for all other clusters.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Api, Client, ResourceExt};

use crate::api::{FromBackup, FromCluster, PostgresBackup, PostgresCluster};
use crate::backup::begun_as_another;
use crate::child::Kind;
use crate::name::{ANNOTATION_BEGUN_AS, ClusterName, LABEL_BACKUP_NAMESPACE, manifest, restore_content};
use crate::own;
use crate::restore::in_place::{generation, ordered_to_stop};
use crate::restore::{Asked, Course, RECORD, STOP_RECORD, asked, believe};
use crate::snapshot::csi;

use super::facts::{Children, InTheWay, OriginSeen, RestoreSeen, SnapshotSeen, VolumeSeen};
use super::source;
use super::tenancy::{self, Today, admit_manifest, admit_object};

/// Reads what a restore needs, as long as there is one. `manifests`: the operator's namespace; none leaves out backups whose objects
/// are gone, for a person who may not look there.
///
/// # Errors
/// Those of the API server; an absent object is no error.
pub async fn restore(
    client: &Client,
    manifests: Option<&str>,
    cluster: &PostgresCluster,
    children: &Children,
    volumes: &BTreeMap<String, VolumeSeen>,
) -> Result<RestoreSeen, kube::Error> {
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let group = name.group(0);
    let mut seen = RestoreSeen::default();
    for (entry, course) in
        [(STOP_RECORD, ordered_to_stop(children, &group)), (RECORD, Course::recorded(children, &group))]
    {
        // What was begun with is begun with, whatever there is by now. A record that nothing bears out is as good as none.
        let Some(course) = course else { continue };
        let origin = begun(client, manifests, &own(client, manifests, cluster).await?, &course).await?;
        if believe(children, &group, entry, &origin, cluster, volumes).is_none() {
            continue;
        }
        seen.backup = origin;
        if entry == RECORD {
            let generation = generation(children, volumes, &group);
            seen.snapshot = snapshot(client, &name, &cluster.uid().unwrap_or_default(), generation).await?;
            // The record is written, and the Secret beside it may have failed.
            if source::lacks_files(cluster, children) {
                seen.source = source::source(client, cluster, &seen.backup).await?;
            }
        }
        return Ok(seen);
    }
    let status = cluster.status.as_ref();
    let served = children.get(Kind::StatefulSet, &group.scope()).is_some()
        || status.is_some_and(|status| status.system_identifier.is_some());
    if served {
        seen.backup = in_place(client, manifests, cluster, children, volumes).await?;
        return Ok(seen);
    }
    let bootstrap = &cluster.spec.bootstrap;
    seen.backup = match (&bootstrap.from_backup, &bootstrap.from_cluster) {
        (Some(from), None) => {
            backup(client, manifests, &own(client, manifests, cluster).await?, from).await?
        }
        (None, Some(from)) => {
            several(client, manifests, &own(client, manifests, cluster).await?, from).await?
        }
        _ => in_place(client, manifests, cluster, children, volumes).await?,
    };
    seen.source = source::source(client, cluster, &seen.backup).await?;
    Ok(seen)
}

/// The namespace of the cluster. One that is gone may have nothing.
async fn own(
    client: &Client,
    manifests: Option<&str>,
    cluster: &PostgresCluster,
) -> Result<Today, kube::Error> {
    let name = cluster.namespace().unwrap_or_default();
    let found = tenancy::today(client, &name, manifests.is_none()).await?;
    Ok(found.unwrap_or(Today { name, uid: Some(String::new()), made: None }))
}

/// The backup that a cluster is asked to go back to.
async fn in_place(
    client: &Client,
    manifests: Option<&str>,
    cluster: &PostgresCluster,
    children: &Children,
    volumes: &BTreeMap<String, VolumeSeen>,
) -> Result<OriginSeen, kube::Error> {
    match asked(cluster, children, volumes) {
        Asked::Backup { name, request: _ } => {
            let own = own(client, manifests, cluster).await?;
            backup(client, manifests, &own, &FromBackup { name, namespace: None }).await
        }
        Asked::Nothing | Asked::Served | Asked::Half(_) => Ok(OriginSeen::NotRead),
    }
}

/// The backup that a restore has begun with, by the UID that its record has.
async fn begun(
    client: &Client,
    manifests: Option<&str>,
    own: &Today,
    course: &Course,
) -> Result<OriginSeen, kube::Error> {
    let (namespace, name) = course.backup.split_once('/').unwrap_or_default();
    let objects: Api<PostgresBackup> = Api::namespaced(client.clone(), namespace);
    let same = |found: &PostgresBackup| found.metadata.uid.as_ref() == Some(&course.key);
    let mut found = objects.get_opt(name).await?.filter(same).map(|found| admit_object(found, own));
    if let (None, Some(manifests)) = (&found, manifests) {
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), manifests);
        let map = maps.get_opt(&manifest(&course.key)).await?;
        found = map.and_then(|map| admit_manifest(&map, own)).filter(same);
    }
    Ok(found
        .map_or(OriginSeen::Missing { available: Vec::new() }, |found| OriginSeen::Found(Box::new(found))))
}

impl OriginSeen {
    /// The backup of this UID, where it is among what was looked up.
    pub fn of_uid(&self, uid: &str) -> Option<&PostgresBackup> {
        let same = |backup: &&PostgresBackup| backup.metadata.uid.as_deref() == Some(uid);
        match self {
            Self::Found(backup) => Some(backup.as_ref()).filter(same),
            Self::Several { backups, clusters: _ } => backups.iter().find(same),
            Self::NotRead | Self::Missing { available: _ } => None,
        }
    }
}

/// All backups of a cluster.
async fn several(
    client: &Client,
    manifests: Option<&str>,
    own: &Today,
    from: &FromCluster,
) -> Result<OriginSeen, kube::Error> {
    let namespace = from.namespace.as_deref().unwrap_or(&own.name);
    let objects: Api<PostgresBackup> = Api::namespaced(client.clone(), namespace);
    let objects = objects.list(&ListParams::default()).await?.items;
    let objects = objects.into_iter().map(|object| admit_object(object, own)).collect();
    Ok(of_cluster(objects, copies(client, manifests, own, namespace).await?, &from.name))
}

/// Backups of the cluster of this name. An object tells more than its manifest.
fn of_cluster(objects: Vec<PostgresBackup>, copies: Vec<PostgresBackup>, cluster: &str) -> OriginSeen {
    let gone: Vec<PostgresBackup> =
        copies.into_iter().filter(|copy| !objects.iter().any(|object| object.uid() == copy.uid())).collect();
    let mut clusters: Vec<String> =
        objects.iter().chain(&gone).map(|backup| backup.spec.cluster.clone()).collect();
    clusters.sort();
    clusters.dedup();
    let backups = objects.into_iter().chain(gone).filter(|backup| backup.spec.cluster == cluster).collect();
    OriginSeen::Several { backups, clusters }
}

/// Copies of the backups of a namespace, of those whose objects are there too, as far as this namespace (`own`) may see them.
async fn copies(
    client: &Client,
    manifests: Option<&str>,
    own: &Today,
    namespace: &str,
) -> Result<Vec<PostgresBackup>, kube::Error> {
    let Some(manifests) = manifests else { return Ok(Vec::new()) };
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), manifests);
    let labelled = ListParams::default().labels(&format!("{LABEL_BACKUP_NAMESPACE}={namespace}"));
    Ok(maps.list(&labelled).await?.items.iter().filter_map(|map| admit_manifest(map, own)).collect())
}

/// The backup by its object; by its manifest when the object, or its whole namespace, is gone.
async fn backup(
    client: &Client,
    manifests: Option<&str>,
    own: &Today,
    from: &FromBackup,
) -> Result<OriginSeen, kube::Error> {
    let namespace = from.namespace.as_deref().unwrap_or(&own.name);
    let objects: Api<PostgresBackup> = Api::namespaced(client.clone(), namespace);
    let object = objects.get_opt(&from.name).await?;
    if let Some(found) = object.as_ref().filter(|found| begun_as_another(found).is_none()) {
        return Ok(OriginSeen::Found(Box::new(admit_object(found.clone(), own))));
    }
    let copies = copies(client, manifests, own, namespace).await?;
    let (same, others): (Vec<_>, Vec<_>) = copies.into_iter().partition(|copy| copy.name_any() == from.name);
    if let Some(found) = of_manifests(object.as_ref(), same) {
        return Ok(OriginSeen::Found(Box::new(found)));
    }
    if let Some(found) = object {
        return Ok(OriginSeen::Found(Box::new(admit_object(found, own))));
    }
    let mut available: Vec<String> =
        objects.list(&ListParams::default()).await?.items.iter().map(ResourceExt::name_any).collect();
    available.extend(others.iter().map(ResourceExt::name_any));
    available.sort();
    available.dedup();
    Ok(OriginSeen::Missing { available })
}

/// The backup by the manifests of its name: the very one that an object without its status was, else the one that was cut last.
fn of_manifests(object: Option<&PostgresBackup>, copies: Vec<PostgresBackup>) -> Option<PostgresBackup> {
    match object.map(|object| object.annotations().get(ANNOTATION_BEGUN_AS)) {
        Some(was) => copies.into_iter().find(|copy| was.is_some() && copy.metadata.uid.as_ref() == was),
        None => newest(copies),
    }
}

/// Of several that had the same name one after the other, the one that was cut last.
fn newest(backups: Vec<PostgresBackup>) -> Option<PostgresBackup> {
    backups.into_iter().max_by_key(|backup| {
        backup.status.as_ref().and_then(|status| status.cut_at.clone()).map(|time| time.0)
    })
}

/// The pair that is made for the restore.
async fn snapshot(
    client: &Client,
    name: &ClusterName,
    uid: &str,
    generation: u32,
) -> Result<SnapshotSeen, kube::Error> {
    let snapshots: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &name.namespace, &csi::snapshots());
    let contents: Api<DynamicObject> = Api::all_with(client.clone(), &csi::contents());
    let snapshot = snapshots.get_opt(&name.restore_snapshot(generation)).await?;
    let content = contents.get_opt(&restore_content(uid, generation)).await?;
    let error = |object: &DynamicObject| {
        object.data.pointer("/status/error/message").and_then(|text| text.as_str()).map(str::to_owned)
    };
    let (ours, foreign): (Vec<_>, Vec<_>) =
        snapshot.into_iter().partition(|found| own::controlled(&found.metadata, uid));
    let foreign = foreign
        .first()
        .map(|found| InTheWay::new("VolumeSnapshot", found.name_any(), own::whose(&found.metadata)));
    Ok(SnapshotSeen {
        error: ours.iter().chain(&content).find_map(error),
        snapshot: ours.first().and_then(ResourceExt::uid),
        // Its name has the cluster's UID, and who makes one may do all in the whole Kubernetes cluster.
        content: content.as_ref().and_then(ResourceExt::uid),
        foreign,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn copy(cut: &str) -> PostgresBackup {
        let body = json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": "b", "namespace": "shop", "uid": cut},
            "spec": {"cluster": "c"}, "status": {"phase": "Succeeded", "cutAt": cut},
        });
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn of_backups_that_had_one_name_the_last_one_is_taken() {
        let all = ["2026-11-20T02:00:00Z", "2026-11-21T02:00:00Z", "2026-11-19T02:00:00Z"];
        let found = newest(all.into_iter().map(copy).collect()).unwrap();
        assert_eq!(found.uid().as_deref(), Some("2026-11-21T02:00:00Z"));
    }

    #[test]
    fn an_object_that_came_back_without_its_status_leads_to_the_manifest_of_what_it_was_and_to_no_other() {
        let (was, later) = (copy("2026-11-20T02:00:00Z"), copy("2026-11-21T02:00:00Z"));
        let mut husk = PostgresBackup { status: None, ..copy("2026-11-22T02:00:00Z") };
        husk.annotations_mut().insert(ANNOTATION_BEGUN_AS.into(), was.uid().unwrap());
        let all = vec![was.clone(), later.clone()];
        assert_eq!(of_manifests(Some(&husk), all.clone()), Some(was));
        assert_eq!(of_manifests(Some(&husk), vec![later.clone()]), None, "it had the name at another time");
        assert_eq!(of_manifests(None, all), Some(later));
    }

    #[test]
    fn a_backup_counts_once_by_its_object_and_by_its_manifest_when_that_is_gone() {
        let (here, gone) = (copy("2026-11-20T02:00:00Z"), copy("2026-11-21T02:00:00Z"));
        let mut lost = here.clone();
        lost.status.as_mut().unwrap().phase = crate::api::BackupPhase::Lost;
        let other: PostgresBackup = PostgresBackup {
            spec: serde_json::from_value(json!({"cluster": "d"})).unwrap(),
            ..copy("2026-11-22T02:00:00Z")
        };
        let seen = of_cluster(vec![lost.clone(), other], vec![here, gone.clone()], "c");
        let clusters = vec!["c".to_owned(), "d".to_owned()];
        assert_eq!(seen, OriginSeen::Several { backups: vec![lost, gone], clusters });
    }
}
