//! A cluster that was restored once, deleted and applied again from the same file; and records that somebody else wrote.

use serde_json::json;
use stylobate::child::{ChildRef, Kind};

use super::sim::World;
use super::{every_crash_ends_alike, ledger, rest};

const FROM: &str = "{fromBackup: {name: nightly}}";

/// The cluster, restored from a backup of another one.
fn restored() -> World {
    let mut world = ledger();
    world.give_backup("nightly", "");
    rest(world, |world| world.edit("spec.bootstrap", FROM), None).0
}

/// The cluster is deleted, and applied again from the same file. Its volumes and passwords were kept.
fn made_again(mut world: World, uid: &str) -> World {
    world.cluster.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(world.now));
    for _ in 0..10 {
        if world.exists {
            world.round(None);
        }
    }
    assert!(!world.exists);
    let mut again = ledger();
    again.cluster.metadata.uid = Some(uid.into());
    (again.volumes, again.children, again.origins) = (world.volumes, world.children, world.origins);
    again.edit("spec.bootstrap", FROM);
    again
}

/// The record that members would go by, in any round up to rest.
fn ever_recorded(world: &mut World) -> bool {
    (0..15).any(|_| {
        world.round(None);
        !world.show_base().starts_with("  no record")
    })
}

#[test]
fn a_restored_cluster_that_is_applied_again_takes_up_its_data_and_is_not_restored() {
    let world = restored();
    assert!(world.volumes.values().all(|volume| volume.settled), "{:?}", world.volumes);
    let before = world.volumes.clone();
    let mut again = made_again(world, "uid-of-another");
    assert!(!ever_recorded(&mut again), "{}", again.show_base());
    let (again, _) = rest(again, |_| {}, None);
    let status = again.cluster.status.as_ref().expect("it was told");
    assert_eq!((status.ready.as_str(), &again.volumes), ("3/3", &before), "{:?}", status.conditions);
}

#[test]
fn a_restored_cluster_that_is_applied_again_needs_no_backup_any_more() {
    let mut again = made_again(restored(), "uid-of-another");
    again.delete_origin("nightly");
    let (again, _) = rest(again, |_| {}, None);
    assert_eq!(again.cluster.status.as_ref().expect("it was told").ready, "3/3");
}

#[test]
fn volumes_of_a_restore_that_never_served_are_not_taken_by_another_cluster_of_the_name() {
    let mut world = ledger();
    world.give_backup("nightly", "");
    world.edit("spec.bootstrap", FROM);
    for _ in 0..4 {
        world.round(None);
    }
    assert!(!world.volumes.is_empty() && world.volumes.values().all(|volume| !volume.settled));
    let before = world.volumes.clone();
    let mut again = made_again(world, "uid-of-another");
    assert!(!ever_recorded(&mut again), "{}", again.show_base());
    assert_eq!(again.volumes, before);
    let status = again.cluster.status.as_ref().expect("it was told");
    let refused = format!("{:?}", status.conditions);
    assert!(refused.contains("volume claim data-ledger-0 has the data of an earlier cluster"), "{refused}");
}

#[test]
fn a_crash_between_any_two_steps_of_a_restore_leaves_no_volume_unsettled() {
    let mut world = ledger();
    world.give_backup("nightly", "");
    every_crash_ends_alike(&world, |world| world.edit("spec.bootstrap", FROM));
    let (_, steps) = rest(world.clone(), |world| world.edit("spec.bootstrap", FROM), None);
    for cut in 0..steps {
        let (got, _) = rest(world.clone(), |world| world.edit("spec.bootstrap", FROM), Some(cut));
        assert!(got.volumes.values().all(|volume| volume.settled), "a crash after {cut} steps");
    }
}

/// Somebody writes a record into the ConfigMap that members mount.
fn forge(world: &mut World, entry: &str, course: &serde_json::Value) {
    let name = world.name().group(0).patroni();
    let map = world.children.get_mut(&ChildRef::new(Kind::ConfigMap, name)).expect("it is there");
    map["data"][entry] = json!(course.to_string());
}

#[test]
fn a_forged_record_stops_nothing_clones_nothing_and_goes() {
    let (world, _) = rest(ledger(), |_| {}, None);
    let course = |backup: &str, uid: &str| {
        json!({
            "key": uid, "backup": backup, "handle": "snapshot-of-others", "driver": "local.csi.stylobate.dev",
            "started_at": world.now, "in_place": {"generation": 2, "request": "x"},
        })
    };
    for (backup, uid) in
        [("shop/nightly", "uid-of-nightly"), ("shop/no-such", "u"), ("shop/../../x", "../../x")]
    {
        for entry in ["restore.json", "stop-for-restore.json"] {
            let mut world = world.clone();
            // It is there, and not shared with this namespace.
            world.give_backup("nightly", "{metadata: {namespace: shop}}");
            forge(&mut world, entry, &course(backup, uid));
            let decision = world.round(None);
            let told: Vec<String> = decision.steps.iter().map(ToString::to_string).collect();
            assert!(told.iter().all(|step| step.contains("ledger-patroni")), "{entry} {backup}: {told:?}");
            let (rested, _) = rest(world.clone(), |_| {}, None);
            assert!(rested.show_base().starts_with("  no record"), "{entry} {backup}");
            assert_eq!(rested.cluster.status.as_ref().expect("it was told").ready, "3/3");
            assert_eq!(rested.volumes.len(), 3);
        }
    }
}

#[test]
fn a_record_that_somebody_changes_still_clones_what_the_backup_says() {
    let mut world = ledger();
    world.give_backup("nightly", "");
    world.edit("spec.bootstrap", FROM);
    while world.show_base().starts_with("  no record") {
        world.round(None);
    }
    let name = world.name().group(0).patroni();
    let text = world.children[&ChildRef::new(Kind::ConfigMap, name)]["data"]["restore.json"].clone();
    let mut course: serde_json::Value = serde_json::from_str(text.as_str().expect("a text")).expect("JSON");
    course["handle"] = json!("snapshot-of-others");
    forge(&mut world, "restore.json", &course);
    // The simulated API server compares the handle with the content that is sent; here with the backup's own.
    for _ in 0..3 {
        let steps = world.round(None).steps;
        assert!(!format!("{steps:?}").contains("snapshot-of-others"), "{steps:?}");
    }
    assert_eq!(rest(world, |_| {}, None).0.cluster.status.expect("it was told").ready, "3/3");
}

#[test]
fn a_share_that_is_withdrawn_ends_what_is_made_from_the_backup() {
    let mut world = ledger();
    world.give_backup("nightly", "{metadata: {namespace: shop}, spec: {shareWith: [ledger]}}");
    world.edit("spec.bootstrap", "{fromBackup: {name: nightly, namespace: shop}}");
    while world.show_base().starts_with("  no record") {
        world.round(None);
    }
    world.give_backup("nightly", "{metadata: {namespace: shop}}");
    for _ in 0..6 {
        world.round(None);
    }
    assert!(world.volumes.is_empty() && world.snapshot.content.is_none(), "{:?}", world.volumes);
}
