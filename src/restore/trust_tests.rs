//! What a restore is made from is never believed because somebody wrote it, and live data is never taken for a clone.

use serde_json::{Value, json};

use crate::api::PostgresBackup;
use crate::child::{ChildRef, Kind};
use crate::decide::{Input, decide};
use crate::fixture::{observed, start};
use crate::observe::{Observed, OriginSeen, VolumeSeen};
use crate::plan::Step;
use crate::policy::CATALOG;
use crate::target::validate;

/// A good backup of cluster `old` in this namespace.
pub(super) fn backup(namespace: &str) -> PostgresBackup {
    let source = json!({
        "clusterUid": "0b5a4f4e-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
        "clusterSpec": "{}",
    });
    let group = json!({
        "group": 0, "member": "old-0", "claim": "data-old-0", "volume": "v", "systemIdentifier": "1", "timeline": 1,
        "snapshot": {"name": "s", "handle": "h", "driver": "d", "ready": true},
    });
    serde_json::from_value(json!({
        "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
        "metadata": {"name": "b", "namespace": namespace, "uid": "b-1"}, "spec": {"cluster": "old"},
        "status": {"phase": "Succeeded", "cutAt": "2026-11-21T10:00:00Z", "provider": "Csi", "source": source, "groups": [group]},
    }))
    .unwrap()
}

/// A new cluster `shop/c` whose spec begins with the backup `b`.
pub(super) fn from_backup() -> Observed {
    let mut seen = observed(json!({"bootstrap": {"fromBackup": {"name": "b"}}}));
    seen.given.provisioner = Some("d".into());
    seen.restore.backup = OriginSeen::Found(Box::new(backup("shop")));
    seen
}

/// This text is the record in the ConfigMap that members mount.
pub(super) fn record(seen: &mut Observed, course: &Value) {
    let map =
        json!({"metadata": {"name": "c-patroni", "uid": "m"}, "data": {"restore.json": course.to_string()}});
    seen.children.0.insert(ChildRef::new(Kind::ConfigMap, "c-patroni"), map);
}

pub(super) fn clone_of(key: &str) -> VolumeSeen {
    VolumeSeen {
        restored_from: Some(key.into()),
        volume: Some("pv".into()),
        requested: 2 << 30,
        ..VolumeSeen::default()
    }
}

/// Words of the steps that are taken now.
fn steps(seen: &Observed) -> Vec<Step> {
    decide(&Input { seen, catalog: CATALOG, now: start() }).steps
}

/// The record that members would be given, by the ConfigMap that is rendered.
fn told(steps: &[Step]) -> Option<String> {
    steps.iter().find_map(|step| match step {
        Step::Apply { child, .. } if child.reference.name == "c-patroni" => {
            child.body["data"]["restore.json"].as_str().map(str::to_owned)
        }
        _ => None,
    })
}

#[test]
fn a_cluster_applied_again_over_volumes_that_were_restored_once_begins_no_restore() {
    let mut seen = from_backup();
    seen.volumes.insert("data-c-0".into(), clone_of("b-1"));
    let begins = validate(&seen, start()).is_ok_and(|target| target.restore.is_some());
    assert!(!begins, "another cluster of this name was made from that backup, and has taken writes since");
}

#[test]
fn a_record_that_somebody_wrote_clones_nothing_and_goes() {
    let forged = json!({
        "key": "b-9", "backup": "others/b", "handle": "snapshot-of-others", "driver": "d", "started_at": start(),
    });
    let mut seen = observed(json!({}));
    record(&mut seen, &forged);
    for backup in [OriginSeen::NotRead, OriginSeen::Missing { available: Vec::new() }] {
        seen.restore.backup = backup;
        let steps = steps(&seen);
        let imports =
            steps.iter().any(|step| matches!(step, Step::ImportSnapshot { .. } | Step::CloneVolume { .. }));
        assert!(!imports, "{steps:?}");
        assert_eq!(told(&steps), None, "no member is told to take its data for a clone");
    }
}

#[test]
fn a_backup_that_is_being_deleted_is_not_begun_with_and_one_under_hold_is() {
    let refused = |hold: bool| {
        let mut seen = from_backup();
        let OriginSeen::Found(backup) = &mut seen.restore.backup else { panic!("it is there") };
        backup.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(start()));
        backup.spec.hold = hold;
        validate(&seen, start()).err().map(|problems| problems[0].to_string())
    };
    let why = refused(false).expect("it may be gone any moment");
    assert!(why.starts_with("spec.bootstrap.fromBackup.name is 'b': the backup is being deleted"), "{why}");
    assert_eq!(refused(true), None);
}
