//! The `PostgresBackup` of a run. It has no owner: a backup outlives its cluster.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::api::{BackupPolicy, PostgresBackup, PostgresBackupSpec};
use crate::name::{ANNOTATION_MISSED, ClusterName};
use crate::schedule::Run;

/// The object of a run; with `missed` that of a run that nobody shall begin.
pub fn backup(
    cluster: &ClusterName,
    policy: &BackupPolicy,
    run: &Run,
    missed: Option<&str>,
) -> PostgresBackup {
    let annotations = missed.map(|why| BTreeMap::from([(ANNOTATION_MISSED.to_owned(), why.to_owned())]));
    PostgresBackup {
        metadata: ObjectMeta {
            name: Some(run.backup.clone()),
            namespace: Some(cluster.namespace.clone()),
            labels: Some(cluster.labels()),
            annotations,
            ..ObjectMeta::default()
        },
        spec: PostgresBackupSpec {
            cluster: cluster.name.clone(),
            schedule: Some(run.schedule.clone()),
            scheduled_for: Some(Time(run.moment)),
            hold: false,
            deletion_policy: policy.deletion_policy,
            share_with: policy.share_with.clone(),
        },
        status: None,
    }
}
