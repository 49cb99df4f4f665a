//! What a server says of its settings, and the bundled list that stands in for it: a newer minor may know more than the list.

use std::sync::Arc;

use super::{World, ledger, rest};
use stylobate::observe::ServerSettings;
use stylobate::tuning::Catalog;

/// A setting that no list of ours has.
const NEW: &str = "brand_new_setting";

/// What a newer minor says: all that the list has, and one more.
fn newer() -> Option<Arc<ServerSettings>> {
    let known = include_str!("../../src/tuning/catalog/17.tsv");
    let row = format!("{NEW}\tinteger\t\t0\t100\t\tsighup\t7\n");
    let catalog = Arc::new(Catalog::of_lines(&format!("{known}{row}")));
    Some(Arc::new(ServerSettings { major: 17, catalog, untaken: Default::default() }))
}

fn in_force(world: &World) -> Option<&str> {
    let config = world.config.as_ref().expect("Patroni runs");
    config["postgresql"]["parameters"][NEW].as_str()
}

fn refused(world: &World) -> Option<String> {
    let status = world.cluster.status.as_ref().expect("it was told");
    let told = status.conditions.iter().find(|condition| condition.type_ == "TuningAccepted");
    told.filter(|condition| condition.status == "False").map(|condition| condition.message.clone())
}

fn with_new_setting(server: Option<Arc<ServerSettings>>) -> World {
    let (mut world, _) = rest(ledger(), |_| {}, None);
    world.server = server;
    world.give_tuning("mine", NEW, "42");
    world.edit("spec.tuning", r#"[{"configMap": "mine"}]"#);
    rest(world, |_| {}, None).0
}

#[test]
fn what_the_server_knows_counts_before_the_bundled_list() {
    let world = with_new_setting(newer());
    assert_eq!((in_force(&world), refused(&world)), (Some("42"), None));
    let listed = with_new_setting(None);
    assert_eq!(in_force(&listed), None);
    assert!(refused(&listed).is_some_and(|told| told.contains(NEW)), "no server has said that it knows it");
}

#[test]
fn a_setting_that_a_newer_minor_took_stays_while_the_server_cannot_be_asked() {
    let mut world = with_new_setting(newer());
    // An operator that was started anew has asked no server yet.
    world.server = None;
    let (mut world, steps) = rest(world, |_| {}, None);
    assert_eq!((steps, in_force(&world), refused(&world)), (0, Some("42"), None));
    // Nor is a change of another setting a reason to take it back.
    world.give_tuning("mine", "work_mem", "16MB");
    let (mut world, _) = rest(world, |_| {}, None);
    assert_eq!((in_force(&world), refused(&world)), (Some("42"), None));
    world.server = newer();
    let (world, steps) = rest(world, |_| {}, None);
    assert_eq!((steps, in_force(&world)), (0, Some("42")));
}

#[test]
fn a_setting_that_nobody_ever_took_is_not_taken_for_lack_of_a_server() {
    let mut world = with_new_setting(newer());
    world.server = None;
    world.give_tuning("mine", "another_new_setting", "1");
    let (world, _) = rest(world, |_| {}, None);
    assert!(refused(&world).is_some_and(|told| told.contains("another_new_setting")));
    assert_eq!(in_force(&world), Some("42"), "the last good set stays");
}

#[test]
fn what_a_bad_setting_broke_a_good_one_mends_though_no_server_runs() {
    super::scenario("mend");
}

#[test]
fn a_standby_that_takes_up_nothing_gets_a_new_pod() {
    super::scenario("mend-deaf");
}

#[test]
fn an_edit_that_needs_other_pods_is_no_release_of_the_operator() {
    super::scenario("asked");
}
