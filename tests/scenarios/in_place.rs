//! A restore in place that is cut anywhere: the same end, and the volumes of before are there.

use super::sim::World;
use super::{every_crash_ends_alike, ledger, rest};

/// A healthy cluster with a backup of its own.
fn with_a_backup() -> World {
    let (mut world, _) = rest(ledger(), |_| {}, None);
    world.give_backup("nightly", "{spec: {cluster: ledger}}");
    world
}

/// Both words, as a person writes them.
fn go_back(world: &mut World) {
    let notes = world.cluster.metadata.annotations.get_or_insert_default();
    notes.insert("stylobate.dev/restore-in-place".into(), "nightly".into());
    notes.insert("stylobate.dev/confirm-restore".into(), "ledger".into());
}

#[test]
fn a_crash_between_any_two_steps_of_a_restore_in_place_ends_in_the_same_cluster_with_the_old_volumes_kept() {
    let world = with_a_backup();
    every_crash_ends_alike(&world, go_back);
    let (restored, steps) = rest(world.clone(), go_back, None);
    for cut in 0..steps {
        let (got, _) = rest(world.clone(), go_back, Some(cut));
        for (claim, volume) in &world.volumes {
            assert_eq!(got.volumes[claim].uid, volume.uid, "a crash after {cut} steps");
            assert!(got.volumes[claim].retired, "a crash after {cut} steps");
        }
        assert_eq!(got.volumes.len(), restored.volumes.len());
    }
}

#[test]
fn a_crash_between_any_two_steps_of_forgetting_old_volumes_leaves_those_in_service_alone() {
    let (restored, _) = rest(with_a_backup(), go_back, None);
    let forget = |world: &mut World| {
        let notes = world.cluster.metadata.annotations.get_or_insert_default();
        notes.insert("stylobate.dev/forget-old-volumes".into(), "ledger".into());
    };
    every_crash_ends_alike(&restored, forget);
    let (left, _) = rest(restored, forget, None);
    let claims: Vec<&str> = left.volumes.keys().map(String::as_str).collect();
    assert_eq!(claims, ["data2-ledger-0", "data2-ledger-1", "data2-ledger-2"]);
}

#[test]
fn a_restore_in_place_goes_on_when_its_words_are_taken_back_and_is_not_done_twice() {
    let mut world = with_a_backup();
    go_back(&mut world);
    world.round(None);
    world.round(None);
    let words = world.cluster.metadata.annotations.take();
    let (mut done, _) = rest(world, |_| {}, None);
    assert!(done.volumes.contains_key("data2-ledger-0"));
    let before = done.volumes.clone();
    done.cluster.metadata.annotations = words;
    let (again, steps) = rest(done, |_| {}, None);
    assert_eq!((steps, again.volumes), (0, before), "the words came back, as by a tool that keeps objects");
}

#[test]
fn a_cluster_that_began_with_a_chosen_backup_goes_back_in_place_as_any_other() {
    let mut world = ledger();
    world.give_backup("old", "");
    world.edit("spec.bootstrap", "{fromCluster: {name: books}}");
    let (mut world, _) = rest(world, |_| {}, None);
    assert!(chosen(&world).is_some(), "the operator chose");
    world.give_backup("nightly", "{spec: {cluster: ledger}}");
    // A cluster that has served looks at none of it, also not for the files that lead to an archive.
    world.archive_until("2026-11-21T11:50:00Z".parse().expect("a time"));
    let later = "{fromCluster: {name: books}, pointInTime: {targetTime: \"2026-11-21T11:30:00Z\"}}";
    world.edit("spec.bootstrap", later);
    every_crash_ends_alike(&world, go_back);
    let (restored, _) = rest(world, go_back, None);
    assert_eq!(restored.claim_of("ledger-0").as_deref(), Some("data2-ledger-0"));
    assert_eq!(chosen(&restored), None, "a person named this one");
    assert!(restored.volumes["data-ledger-0"].retired);
}

/// Why the operator chose the backup that the status tells.
fn chosen(world: &World) -> Option<String> {
    world.cluster.status.as_ref()?.restore.as_ref()?.chosen.clone()
}

#[test]
fn a_cluster_deleted_in_mid_restore_takes_up_its_volumes_of_before_when_it_is_applied_again() {
    let world = with_a_backup();
    for rounds in 1..8 {
        let mut world = world.clone();
        world.snapshot.error = Some("the snapshot is gone".into());
        go_back(&mut world);
        for _ in 0..rounds {
            world.round(None);
        }
        world.cluster.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(world.now));
        for _ in 0..10 {
            if world.exists {
                world.round(None);
            }
        }
        assert!(!world.exists, "deleted after {rounds} rounds");
        let mut made_again = ledger();
        (made_again.volumes, made_again.children) = (world.volumes.clone(), world.children.clone());
        let (made_again, _) = rest(made_again, |_| {}, None);
        let claim = made_again.claim_of("ledger-0").expect("it has a set");
        assert_eq!(claim, "data-ledger-0", "deleted after {rounds} rounds");
    }
}

#[test]
fn a_member_that_is_added_after_a_restore_in_place_gets_a_volume_beside_those_in_service() {
    let (restored, _) = rest(with_a_backup(), go_back, None);
    let (grown, _) = rest(
        restored,
        |world| {
            world.edit("spec.instances", "4");
            world.edit("spec.storage.size", "3Gi");
        },
        None,
    );
    let size = |claim: &str| grown.volumes[claim].requested >> 30;
    assert_eq!((size("data2-ledger-0"), size("data2-ledger-3"), size("data-ledger-0")), (3, 3, 2));
    assert!(!grown.volumes.contains_key("data-ledger-3"));
}

#[test]
fn a_catalog_that_vanishes_at_any_moment_of_a_restore_in_place_leaves_no_member_down() {
    let mut start = with_a_backup();
    go_back(&mut start);
    for at in 0..20 {
        let mut world = start.clone();
        for _ in 0..at {
            world.round(None);
        }
        let (restored, _) = rest(world, |world| world.change_catalog(&["vanishes"]), None);
        let status = restored.cluster.status.as_ref().expect("it was told");
        assert_eq!(status.ready, "3/3", "gone in round {at}: {:?}", status.conditions);
        assert_eq!(restored.claim_of("ledger-0").as_deref(), Some("data2-ledger-0"), "gone in round {at}");
    }
}
