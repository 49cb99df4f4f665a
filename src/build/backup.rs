//! The `PostgresBackup` of a run. It has no owner: a backup outlives its cluster.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::api::{BackupMethod, BackupPolicy, PostgresBackup, PostgresBackupSpec};
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
            method: method(policy, run),
            schedule: Some(run.schedule.clone()),
            scheduled_for: Some(Time(run.moment)),
            hold: false,
            deletion_policy: policy.deletion_policy,
            share_with: policy.share_with.clone(),
        },
        status: None,
    }
}

/// How the schedule has its backups made; of a run whose schedule is gone it does not matter any more.
fn method(policy: &BackupPolicy, run: &Run) -> BackupMethod {
    let schedule = policy.schedules.iter().find(|schedule| schedule.name == run.schedule);
    schedule.map(|schedule| schedule.method).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::BackupMethod;
    use serde_json::json;

    #[test]
    fn a_run_is_made_as_its_own_schedule_says() {
        let policy: BackupPolicy = serde_json::from_value(json!({"schedules": [
            {"name": "nightly", "schedule": "0 2 * * *"}, {"name": "weekly", "schedule": "0 3 * * SUN", "method": "Archive"},
        ]}))
        .unwrap();
        let method = |schedule: &str| {
            let moment = "2026-11-22T03:00:00Z".parse().unwrap();
            let run = Run { backup: "b".into(), schedule: schedule.into(), moment };
            backup(&ClusterName::new("shop", "c"), &policy, &run, None).spec.method
        };
        assert_eq!(method("nightly"), BackupMethod::Snapshot);
        assert_eq!(method("weekly"), BackupMethod::Archive);
        assert_eq!(method("gone"), BackupMethod::Snapshot);
    }
}
