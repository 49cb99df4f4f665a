//! Backups of a cluster, and what reads them now.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::Store;

use crate::api::{
    BackupStatus, ClusterState, DrillOutcome, DrillReport, PostgresBackup, PostgresCluster, RestorePhase,
};
use crate::backup::begun_as_another;
use crate::name::{self, ANNOTATION_IN_USE, ANNOTATION_MISSED, ANNOTATION_VERIFY, ClusterName};

use super::facts::BackupSeen;

/// Leaves out what is large and tells nothing here.
pub fn prune(backup: &mut PostgresBackup) {
    backup.metadata.managed_fields = None;
    if let Some(source) = backup.status.as_mut().and_then(|status| status.source.as_mut()) {
        source.cluster_spec.clear();
    }
}

/// Backups of this very cluster. Those of an earlier cluster of the same name are another's: nothing here counts or deletes
/// them. Nor does one count that came back without its status: it is no run of a schedule, and what it was nobody here knows.
pub fn of_cluster<'a>(
    all: impl Iterator<Item = &'a PostgresBackup>,
    cluster: &PostgresCluster,
) -> BTreeMap<String, BackupSeen> {
    all.filter(|backup| belongs(backup, cluster)).map(|backup| (backup.name_any(), seen(backup))).collect()
}

fn belongs(backup: &PostgresBackup, cluster: &PostgresCluster) -> bool {
    if backup.namespace() != cluster.namespace() || backup.spec.cluster != cluster.name_any() {
        return false;
    }
    if begun_as_another(backup).is_some() {
        return false;
    }
    match backup.status.as_ref().and_then(|status| status.source.as_ref()) {
        Some(source) => Some(&source.cluster_uid) == cluster.uid().as_ref(),
        // It has not looked at its cluster yet, or never came so far: then it is of the cluster that was there.
        None => match (&backup.metadata.creation_timestamp, &cluster.metadata.creation_timestamp) {
            (Some(made), Some(cluster)) => made.0 >= cluster.0,
            _ => true,
        },
    }
}

fn seen(backup: &PostgresBackup) -> BackupSeen {
    let note = |key: &str| backup.annotations().get(key).filter(|text| !text.is_empty()).cloned();
    let status: BackupStatus = backup.status.clone().unwrap_or_default();
    let mut seen = BackupSeen {
        uid: backup.uid().unwrap_or_default(),
        resource_version: backup.resource_version().unwrap_or_default(),
        created: backup.metadata.creation_timestamp.as_ref().map(|time| time.0),
        spec: backup.spec.clone(),
        deleting: backup.metadata.deletion_timestamp.is_some(),
        missed: note(ANNOTATION_MISSED),
        verify: note(ANNOTATION_VERIFY),
        used_by: note(ANNOTATION_IN_USE),
        status,
    };
    if seen.used_by.is_none() {
        seen.used_by = seen.drilled_by();
    }
    seen
}

/// Notes which backups a new cluster is being made from, or one goes back to: they count until all its members are up.
pub fn note_restores(
    backups: &mut BTreeMap<String, BackupSeen>,
    of: &ClusterName,
    clusters: &Store<PostgresCluster>,
) {
    let clusters = clusters.state();
    note(backups, of, clusters.iter().map(AsRef::as_ref));
}

fn note<'a>(
    backups: &mut BTreeMap<String, BackupSeen>,
    of: &ClusterName,
    clusters: impl Iterator<Item = &'a PostgresCluster>,
) {
    for cluster in clusters {
        let Some(used) = in_use(cluster).filter(|used| used.namespace == of.namespace) else { continue };
        if let Some(backup) = backups.get_mut(&used.name)
            && used.uid.as_ref().is_none_or(|uid| *uid == backup.uid)
        {
            backup.used_by = Some(words(cluster, used.in_place));
        }
    }
}

/// Who reads a backup now: a restore that has begun with it, or is about to.
pub fn reader(clusters: &[PostgresCluster], backup: &PostgresBackup) -> Option<String> {
    clusters.iter().find_map(|cluster| {
        let used = in_use(cluster)?;
        let named = backup.namespace().as_ref() == Some(&used.namespace) && backup.name_any() == used.name;
        let same = used.uid.is_none_or(|uid| backup.uid().as_ref() == Some(&uid));
        (named && same).then(|| words(cluster, used.in_place))
    })
}

fn words(cluster: &PostgresCluster, in_place: bool) -> String {
    let what = if in_place { "restore in place of" } else { "restore to" };
    format!("{what} {}/{}", cluster.namespace().unwrap_or_default(), cluster.name_any())
}

/// A backup that is read.
struct Used {
    namespace: String,
    name: String,
    /// None while it is only named.
    uid: Option<String>,
    /// A cluster that was served goes back to it.
    in_place: bool,
}

/// The backup that a cluster is being made from, or goes back to: the one that was begun with, also one that the operator chose and
/// while the spec has a problem; before that the one that the spec names.
fn in_use(cluster: &PostgresCluster) -> Option<Used> {
    if cluster.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = cluster.status.as_ref();
    if let Some(restore) = status.and_then(|status| status.restore.as_ref()) {
        let (namespace, name) = restore.backup.split_once('/')?;
        let uid = Some(restore.backup_uid.clone());
        return (restore.phase != RestorePhase::Done).then(|| Used {
            namespace: namespace.into(),
            name: name.into(),
            uid,
            in_place: restore.in_place,
        });
    }
    let from = cluster.spec.bootstrap.from_backup.as_ref()?;
    let new = status.is_none_or(|status| status.state == ClusterState::Creating);
    let namespace = from.namespace.clone().or(cluster.namespace())?;
    new.then(|| Used { namespace, name: from.name.clone(), uid: None, in_place: false })
}

impl BackupSeen {
    /// What the drill that answers a request says of itself; none when it has not begun, or is no longer told.
    pub fn drill_of(&self, request: &str) -> Option<&DrillReport> {
        let cluster = name::drill(&self.spec.cluster, &self.uid, request);
        [&self.status.drill, &self.status.verified].into_iter().flatten().find(|told| told.cluster == cluster)
    }

    /// The drill of it that runs, or that was asked for and has not begun, in words. It counts from the request on: between that
    /// and its beginning the backup must not go, and no other drill may begin.
    pub fn drilled_by(&self) -> Option<String> {
        let last = self.status.drill.as_ref();
        if let Some(running) = last.filter(|last| last.outcome == DrillOutcome::Running) {
            return Some(format!("drill {}", running.cluster));
        }
        let asked = name::drill(&self.spec.cluster, &self.uid, self.verify.as_ref()?);
        last.is_none_or(|last| last.cluster != asked).then(|| format!("drill {asked}"))
    }

    /// The moment that it stands for: that of the cut, else that of its schedule, else when it ended or was made.
    pub fn moment(&self) -> Timestamp {
        let status = &self.status;
        let known = [&status.cut_at, &self.spec.scheduled_for, &status.completed_at];
        let known = known.into_iter().flatten().next().map(|time| time.0);
        known.or(self.created).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{backup, start};
    use serde_json::{Value, json};

    /// What the backup `nightly` of `shop/c` is used by, when this cluster is there.
    fn user(bootstrap: Value, status: Value) -> Option<String> {
        let cluster: PostgresCluster = serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
            "metadata": {"name": "copy", "namespace": "test", "uid": "u-9"},
            "spec": {"engine": {"version": "17.91"}, "storage": {"size": "2Gi"}, "bootstrap": bootstrap},
            "status": status,
        }))
        .unwrap();
        let mut backups = BTreeMap::from([("nightly".to_owned(), backup(start()))]);
        note(&mut backups, &ClusterName::new("shop", "c"), [&cluster].into_iter());
        backups["nightly"].used_by.clone()
    }

    #[test]
    fn a_backup_that_came_back_without_its_status_is_no_backup_of_this_cluster() {
        let cluster: PostgresCluster = serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
            "metadata": {"name": "c", "namespace": "shop", "uid": "u-9", "creationTimestamp": "2026-11-21T10:00:00Z"},
            "spec": {"engine": {"version": "17.91"}, "storage": {"size": "2Gi"}},
        }))
        .unwrap();
        let counts = |was: &str, status: Value| {
            let backup: PostgresBackup = serde_json::from_value(json!({
                "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
                "metadata": {
                    "name": "nightly", "namespace": "shop", "uid": "b-2", "creationTimestamp": "2026-11-21T11:00:00Z",
                    "annotations": {name::ANNOTATION_BEGUN_AS: was},
                },
                "spec": {"cluster": "c", "schedule": "nightly", "scheduledFor": "2026-11-20T02:00:00Z"}, "status": status,
            }))
            .unwrap();
            !of_cluster([&backup].into_iter(), &cluster).is_empty()
        };
        assert!(counts("b-2", Value::Null), "it was begun as itself");
        assert!(!counts("b-1", Value::Null) && !counts("b-1", json!({"phase": "NotRun"})));
    }

    #[test]
    fn a_backup_that_the_operator_chose_is_in_use_until_all_members_run() {
        let from = json!({"fromCluster": {"name": "c", "namespace": "shop"}});
        let status = |uid: &str, state: &str, phase: &str| json!({"state": state, "ready": "0/3", "restore": {"backup": "shop/nightly", "backupUid": uid, "phase": phase}});
        let used = Some("restore to test/copy".to_owned());
        assert_eq!(user(from.clone(), status("u", "Creating", "Cloning")), used);
        assert_eq!(
            user(from.clone(), status("u", "Invalid", "Recovering")),
            used,
            "a bad edit changes nothing"
        );
        assert_eq!(user(from.clone(), status("u", "Healthy", "Done")), None);
        assert_eq!(
            user(from.clone(), status("u-other", "Creating", "Cloning")),
            None,
            "an older one had its name"
        );
        assert_eq!(user(from, Value::Null), None, "none is chosen yet");
    }

    #[test]
    fn a_backup_that_a_served_cluster_goes_back_to_is_in_use_until_all_members_run() {
        let status = |phase: &str| json!({"state": "Down", "ready": "0/3", "systemIdentifier": "7", "restore": {"backup": "shop/nightly", "backupUid": "u", "phase": phase, "inPlace": true}});
        let used = Some("restore in place of test/copy".to_owned());
        for phase in ["Stopping", "Cloning", "Recovering", "Following"] {
            assert_eq!(user(json!({}), status(phase)), used, "{phase}");
        }
        assert_eq!(user(json!({}), status("Done")), None);
        let other = json!({"fromBackup": {"name": "nightly", "namespace": "shop"}});
        assert_eq!(user(other, status("Done")), None, "it began with it long ago");
    }

    #[test]
    fn a_backup_that_is_named_is_in_use_from_the_start() {
        let from = json!({"fromBackup": {"name": "nightly", "namespace": "shop"}});
        assert_eq!(user(from.clone(), Value::Null).as_deref(), Some("restore to test/copy"));
        assert_eq!(
            user(json!({"fromBackup": {"name": "nightly"}}), Value::Null),
            None,
            "that is another namespace's"
        );
        assert_eq!(user(from, json!({"state": "Healthy", "ready": "3/3"})), None);
    }
}
