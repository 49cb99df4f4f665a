//! The image catalog: what clusters run follows it, is kept without it, and takes turns over the fleet.

use super::{every_crash_ends_alike, ledger, older, rest, scenario};

#[test]
fn a_newer_minor_is_followed_and_nothing_goes_back_by_itself() {
    scenario("catalog");
}

#[test]
fn who_names_a_minor_or_an_image_stays_on_it() {
    scenario("catalog-pinned");
}

#[test]
fn a_digest_that_does_not_exist_costs_one_replica_until_it_is_withdrawn() {
    scenario("catalog-broken");
}

#[test]
fn a_minor_that_is_withdrawn_in_mid_rollout_does_not_reach_the_primary() {
    scenario("catalog-halted");
}

#[test]
fn a_new_cluster_waits_for_a_catalog_that_offers_what_it_asks_for() {
    scenario("catalog-new");
}

#[test]
fn a_major_upgrade_needs_an_image_with_both_servers_and_ends_with_what_it_began_with() {
    scenario("catalog-major");
}

#[test]
fn two_clusters_that_follow_a_newer_minor_take_turns() {
    scenario("fleet");
}

#[test]
fn a_digest_that_does_not_exist_costs_one_cluster_of_the_fleet_a_replica_and_no_other() {
    scenario("fleet-broken");
}

#[test]
fn a_crash_between_any_two_steps_of_following_the_catalog_ends_in_the_same_cluster() {
    let (healthy, _) = rest(ledger(), |_| {}, None);
    every_crash_ends_alike(&healthy, |world| world.change_catalog(&["adds", "17.92"]));
}

#[test]
fn a_catalog_that_vanishes_at_any_moment_of_a_major_upgrade_leaves_a_cluster_that_serves() {
    let mut start = older();
    start.edit("spec.engine.version", "\"17\"");
    for at in 0..40 {
        let mut world = start.clone();
        for _ in 0..at {
            world.round(None);
        }
        let (gone, _) = rest(world, |world| world.change_catalog(&["vanishes"]), None);
        let status = gone.cluster.status.as_ref().expect("it was told");
        assert_eq!(status.ready, "3/3", "gone in round {at}");
        let majors: Vec<i64> = gone.data.values().copied().collect();
        assert!(majors.windows(2).all(|pair| pair[0] == pair[1]), "gone in round {at}: {majors:?}");
        let (back, _) = rest(gone, |world| world.change_catalog(&["is", "back"]), None);
        assert!(back.data.values().all(|major| *major == 17), "back after round {at}: {:?}", back.data);
        assert_eq!(back.cluster.status.as_ref().map(|status| status.ready.as_str()), Some("3/3"));
    }
}

#[test]
fn a_set_that_is_lost_while_the_catalog_is_gone_is_made_anew_with_what_runs() {
    let (mut world, _) = rest(ledger(), |_| {}, None);
    let images = |world: &super::World| -> Vec<String> {
        world.pods.values().map(|pod| pod.main.image.clone()).collect()
    };
    let before = images(&world);
    world.change_catalog(&["vanishes"]);
    let set = stylobate::child::ChildRef::new(stylobate::child::Kind::StatefulSet, "ledger");
    world.children.remove(&set).expect("there is a set");
    let (world, _) = rest(world, |_| {}, None);
    assert_eq!(images(&world), before);
    assert_eq!(world.cluster.status.as_ref().map(|status| status.ready.as_str()), Some("3/3"));
}
