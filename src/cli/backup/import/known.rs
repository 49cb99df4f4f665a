//! Backups that are known here already, by the UID that an archive tells of. A UID there is its owner's word: whether the one that is known is
//! the one that is told of is seen by what the operator itself noted of it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::api::PostgresBackup;
use crate::archive::{generation_of, stanza};
use crate::backup::read_manifest;
use crate::name::{ANNOTATION_ADOPTED_BY, ClusterName, LABEL_BACKUP_UID, manifest};

use super::super::super::connect::Cluster;
use super::super::super::explain::Error;
use super::answer::Told;

/// How a backup is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// By the manifest beside the operator.
    Manifest {
        /// What it holds; none where it can't be read.
        backup: Option<Box<PostgresBackup>>,
        /// UID of the namespace that it was given to.
        given: Option<String>,
    },
    /// By its object alone.
    Object {
        /// Namespace of it.
        namespace: String,
    },
}

impl Known {
    /// Why this is not the backup that this part of the archive tells of.
    pub fn other_than(&self, told: &PostgresBackup, part: &str) -> Option<String> {
        let namespace = told.namespace().unwrap_or_default();
        let other = |of: &str| {
            Some(format!(
                "its UID is that of another backup, of {of}, that is known here: one of the two is forged"
            ))
        };
        let backup = match self {
            Self::Object { namespace: of } if *of == namespace => return None,
            Self::Object { namespace: of } => return other(&format!("namespace {of}")),
            Self::Manifest { backup: None, .. } => {
                let name = manifest(&told.uid().unwrap_or_default());
                return Some(format!(
                    "ConfigMap {name} beside the operator has its UID, and what it holds can't be read: look at it, and delete it when it is no backup's"
                ));
            }
            Self::Manifest { backup: Some(backup), .. } => backup,
        };
        let name = ClusterName::new(backup.namespace().unwrap_or_default(), &backup.spec.cluster);
        let status = backup.status.clone().unwrap_or_default();
        let source = status.source.as_ref().map(|source| source.cluster_uid.clone());
        let said = told.status.as_ref().and_then(|status| Some(status.source.as_ref()?.cluster_uid.clone()));
        let place = source
            .as_ref()
            .map(|uid| stanza(&name.namespace, &name.name, uid, generation_of(&name.group(0), &status)));
        let copies = status.groups.iter().filter_map(|group| group.archived.as_ref());
        let agrees = name.namespace == namespace
            && name.name == told.spec.cluster
            && source.zip(said).is_none_or(|(known, said)| same_uid(&known, &said))
            && place.is_none_or(|place| place == part)
            && copies.into_iter().all(|copy| copy.stanza == part);
        if agrees { None } else { other(&name.to_string()) }
    }
}

/// Of a cluster that is known by a copy alone its UID's beginning is known.
fn same_uid(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Of the backups that an archive tells of, those that are known here.
///
/// # Errors
/// Those of the API server.
pub async fn known(
    cluster: &Cluster,
    namespace: &str,
    told: &Told,
) -> Result<BTreeMap<String, Known>, Error> {
    let asked = told.uids();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), namespace);
    let what = || format!("list manifests in namespace {namespace}");
    let list = maps.list_metadata(&ListParams::default().labels(LABEL_BACKUP_UID)).await;
    let list = list.map_err(|error| Error::of(what(), cluster, error))?;
    let mut known = BTreeMap::new();
    for map in list.items {
        let Some(uid) = map.labels().get(LABEL_BACKUP_UID).filter(|uid| asked.contains(uid.as_str())) else {
            continue;
        };
        let found = maps.get_opt(&map.name_any()).await;
        if let Some(found) = found.map_err(|error| Error::of(what(), cluster, error))? {
            let given = found.annotations().get(ANNOTATION_ADOPTED_BY).cloned();
            known.insert(uid.clone(), Known::Manifest { backup: read_manifest(&found).map(Box::new), given });
        }
    }
    let objects: Api<PostgresBackup> = Api::all(cluster.client.clone());
    let objects = objects.list_metadata(&ListParams::default()).await;
    let objects =
        objects.map_err(|error| Error::of("list PostgresBackups of all namespaces", cluster, error))?;
    for object in objects.items {
        if let Some(uid) = object.uid().filter(|uid| asked.contains(uid.as_str())) {
            let namespace = object.namespace().unwrap_or_default();
            known.entry(uid).or_insert(Known::Object { namespace });
        }
    }
    Ok(known)
}

impl Told {
    /// UIDs of all backups that are told of.
    fn uids(&self) -> BTreeSet<&str> {
        let copies = self.read.values().flatten().flat_map(|part| &part.copies);
        let manifests = self.manifests.iter().map(|one| one.backup.as_str());
        copies.filter_map(|copy| copy.owner().map(String::as_str)).chain(manifests).collect()
    }
}
