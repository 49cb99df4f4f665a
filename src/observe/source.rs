//! The archive of the cluster that a backup is of: what reads it, and how far it goes. Read only for a point in time and for a copy.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};

use crate::api::{BackupMethod, PostgresBackup, PostgresCluster};
use crate::archive::{PASSPHRASE, SOURCE};
use crate::name::ClusterName;
use crate::restore::Course;
use crate::restore::nearest::{Candidates, may_have};
use crate::status::{kind, reason};

use super::facts::{Children, OriginSeen, SecretData, secret_data};
use super::tenancy;

/// What is known of the archive of a backup's cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceSeen {
    /// What reads it: `archive-passphrase`, `key.json`, `ca.crt`, as far as they are there.
    pub secrets: SecretData,
    /// Up to when WAL is archived, to ten minutes: at least, by the cluster's own word; at most, when another one has taken its
    /// name since, or it went back to a backup in place. None when nobody tells.
    pub archived_until: Option<Timestamp>,
    /// When the cluster went back to another backup in place, where that was after this one: what it archives since does not follow on this one.
    pub left_at: Option<Timestamp>,
    /// When WAL of it was lost, where that was after this backup: no replay that begins with it goes beyond.
    pub lost_at: Option<Timestamp>,
    /// Who removes WAL from it; none when the cluster is gone, or writes to another part of its archive by now.
    pub pruner: Option<Pruner>,
}

/// A cluster that removes WAL from its archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruner {
    /// Its UID.
    pub cluster_uid: String,
    /// Days back to which it keeps every moment; none for as far as backups are kept.
    pub days: Option<i32>,
}

/// True while a restore that has begun reads the archive, and the files that lead to it are not there or do not open it.
pub fn lacks_files(cluster: &PostgresCluster, children: &Children) -> bool {
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let files = children.secret(&name.archive()).unwrap_or_default();
    let reads = Course::recorded(children, &name.group(0)).is_some_and(|course| course.reads_archive());
    let of_no_use = cluster.status.as_ref().is_some_and(|status| {
        let told = status.conditions.iter().find(|condition| condition.type_ == kind::RESTORED);
        told.is_some_and(|told| told.reason == reason::RESTORE_KEY_WRONG)
    });
    reads && (of_no_use || !files.keys().any(|key| key.starts_with(SOURCE)))
}

/// Reads it. Nothing of a backup that is not shared with this namespace: who may not have the backup may not read its WAL.
///
/// # Errors
/// Those of the API server; an absent object is no error.
pub async fn source(
    client: &Client,
    cluster: &PostgresCluster,
    backup: &OriginSeen,
) -> Result<SourceSeen, kube::Error> {
    let own = cluster.namespace().unwrap_or_default();
    let bootstrap = &cluster.spec.bootstrap;
    let needs = |backup: &&PostgresBackup| {
        bootstrap.point_in_time.is_some() || backup.spec.method == BackupMethod::Archive
    };
    let Some(backup) = base(cluster, backup, &own).filter(needs) else { return Ok(SourceSeen::default()) };
    let namespace = backup.namespace().unwrap_or_default();
    let mut secrets = SecretData::new();
    match bootstrap.archive_secret().1 {
        Some(name) => secrets = read(client, &own, name).await?,
        // A namespace of the same name that was made since is somebody else's, and so are its Secrets.
        None if !is_same(client, backup, &namespace).await? => {}
        None => {
            for (secret, key) in named(backup) {
                let text = read(client, &namespace, &secret).await?.remove(key);
                // The older place of a passphrase counts where the newer one has none.
                text.map(|text| secrets.entry(key.to_owned()).or_insert(text));
            }
        }
    }
    let clusters: Api<PostgresCluster> = Api::namespaced(client.clone(), &namespace);
    let live = clusters.get_opt(&backup.spec.cluster).await?;
    let told = live.map(|live| told(&live, backup)).unwrap_or_default();
    Ok(SourceSeen { secrets, ..told })
}

/// True while the namespace that a backup was made in is there.
async fn is_same(client: &Client, backup: &PostgresBackup, namespace: &str) -> Result<bool, kube::Error> {
    let today = tenancy::today(client, namespace, true).await?;
    Ok(today.is_some_and(|today| tenancy::same(backup, &today)))
}

/// What the cluster that has the name tells of the archive that goes with a backup: up to when, and who removes from it.
fn told(live: &PostgresCluster, backup: &PostgresBackup) -> SourceSeen {
    let made = backup.status.as_ref();
    let uid = made.and_then(|status| Some(status.source.as_ref()?.cluster_uid.clone()));
    let Some(uid) = uid.filter(|uid| live.uid().as_ref() == Some(uid)) else {
        // Another one took the name, and the backup's cluster archived nothing any more.
        let archived_until = live.metadata.creation_timestamp.as_ref().map(|time| time.0);
        return SourceSeen { archived_until, ..SourceSeen::default() };
    };
    let status = live.status.as_ref();
    let in_place = status.and_then(|status| status.restore.as_ref()).filter(|restore| restore.in_place);
    let began = in_place.and_then(|restore| Some(restore.started_at.as_ref()?.0));
    let cut = made.and_then(|status| Some(status.cut_at.as_ref()?.0));
    if let (Some(began), Some(cut)) = (began, cut)
        && cut < began
    {
        // What it archived since is of other volumes, in a part of its own; nobody prunes this one any more.
        return SourceSeen { archived_until: Some(began), left_at: Some(began), ..SourceSeen::default() };
    }
    let days = live.spec.backup.archive.as_ref().and_then(|archive| archive.retention_days);
    let archive = status.and_then(|status| status.archive.as_ref());
    let archived_until = archive.and_then(|archive| Some(archive.archived_until.as_ref()?.0));
    let lost_at =
        archive.and_then(|archive| Some(archive.lost_at.as_ref()?.0)).filter(|lost| cut <= Some(*lost));
    SourceSeen {
        archived_until,
        lost_at,
        pruner: Some(Pruner { cluster_uid: uid, days }),
        ..SourceSeen::default()
    }
}

/// The backup whose archive is looked at: the one to begin with; when none reaches the point, the newest, whose archive tells what can
/// be reached. None that this namespace may not have.
fn base<'a>(cluster: &PostgresCluster, seen: &'a OriginSeen, own: &str) -> Option<&'a PostgresBackup> {
    match seen {
        OriginSeen::Found(backup) => Some(backup.as_ref()).filter(|backup| may_have(backup, own)),
        OriginSeen::Several { backups, clusters: _ } => {
            let candidates = Candidates::of(backups, own);
            let from = cluster.spec.bootstrap.from_cluster.as_ref()?;
            let chosen = candidates.choice(cluster, from, own).base;
            chosen.or(candidates.newest().copied()).map(|one| one.backup)
        }
        OriginSeen::NotRead | OriginSeen::Missing { available: _ } => None,
    }
}

/// Secrets beside the backup, and the entry that is needed of each.
fn named(backup: &PostgresBackup) -> Vec<(String, &'static str)> {
    let name = ClusterName::new(backup.namespace().unwrap_or_default(), &backup.spec.cluster);
    let source = backup.status.as_ref().and_then(|status| status.source.as_ref());
    let gcs = source.and_then(|source| source.spec().ok()?.backup.archive?.gcs);
    let mut named = vec![(name.archive_key(), PASSPHRASE), (name.credentials(), PASSPHRASE)];
    if let Some(gcs) = gcs {
        named.extend(gcs.service_account_secret.map(|secret| (secret, "key.json")));
        named.extend(gcs.ca_secret.map(|secret| (secret, "ca.crt")));
    }
    named
}

async fn read(client: &Client, namespace: &str, name: &str) -> Result<SecretData, kube::Error> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let found = secrets.get_opt(name).await?;
    Ok(found.map(|found| secret_data(&serde_json::to_value(found).unwrap_or_default())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What is told of a backup of cluster `u-1` that was cut at 10:00, when this cluster has the name.
    fn of(uid: &str, restore: Value) -> (Option<String>, Option<Option<i32>>, bool) {
        let live: PostgresCluster = serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
            "metadata": {"name": "c", "namespace": "shop", "uid": uid, "creationTimestamp": "2026-11-21T09:00:00Z"},
            "spec": {
                "engine": {"version": "17.91"}, "storage": {"size": "2Gi"},
                "backup": {"archive": {"gcs": {"bucket": "wal"}, "retentionDays": 7}},
            },
            "status": {
                "state": "Healthy", "ready": "3/3", "restore": restore,
                "archive": {"place": "gs://wal", "stanza": "s", "archivedUntil": "2026-11-21T12:00:00Z"},
            },
        }))
        .unwrap();
        let source = json!({
            "clusterUid": "u-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
            "clusterSpec": "{}",
        });
        let backup: PostgresBackup = serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": "b", "namespace": "shop"}, "spec": {"cluster": "c"},
            "status": {"phase": "Succeeded", "cutAt": "2026-11-21T10:00:00Z", "source": source},
        }))
        .unwrap();
        let told = told(&live, &backup);
        let until = told.archived_until.map(|until| until.to_string());
        (until, told.pruner.map(|pruner| pruner.days), told.left_at.is_some())
    }

    fn restored(at: &str, in_place: bool) -> Value {
        json!({"backup": "shop/b", "backupUid": "b-1", "phase": "Done", "startedAt": at, "inPlace": in_place})
    }

    #[test]
    fn a_cluster_tells_itself_how_far_it_archived_and_another_one_of_its_name_ends_it() {
        assert_eq!(of("u-1", Value::Null), (Some("2026-11-21T12:00:00Z".into()), Some(Some(7)), false));
        assert_eq!(of("u-2", Value::Null), (Some("2026-11-21T09:00:00Z".into()), None, false));
    }

    #[test]
    fn the_archive_of_a_backup_from_before_a_restore_in_place_ends_where_that_began() {
        let ended = of("u-1", restored("2026-11-21T11:00:00Z", true));
        assert_eq!(ended, (Some("2026-11-21T11:00:00Z".into()), None, true));
        let goes_on = (Some("2026-11-21T12:00:00Z".to_owned()), Some(Some(7)), false);
        assert_eq!(
            of("u-1", restored("2026-11-21T09:30:00Z", true)),
            goes_on,
            "it is of the volumes of today"
        );
        assert_eq!(of("u-1", restored("2026-11-21T11:00:00Z", false)), goes_on);
    }
}
