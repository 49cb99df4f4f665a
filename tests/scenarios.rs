//! Scenarios: `decide` driven to rest in a simulated world. `tests/scenarios/NAME.txt` is the script, `NAME.golden` what
//! it must print. `UPDATE_GOLDENS=1` writes the golden files anew: read the difference before you commit it.

// Each test program uses a part of the shared simulator.
#[allow(dead_code)]
mod sim;

#[path = "scenarios/base.rs"]
mod base;
#[path = "scenarios/carried.rs"]
mod carried;
#[path = "scenarios/catalog.rs"]
mod catalog;
#[path = "scenarios/disruption.rs"]
mod disruption;
#[path = "scenarios/foresight.rs"]
mod foresight;
#[path = "scenarios/in_place.rs"]
mod in_place;
#[path = "scenarios/made_again.rs"]
mod made_again;
#[path = "scenarios/others.rs"]
mod others;
#[path = "scenarios/settings.rs"]
mod settings;
#[path = "scenarios/sizes.rs"]
mod sizes;

use std::fs;

use sim::World;
use stylobate::api::{BackupPhase, ClusterState};

/// Runs one script and compares.
fn scenario(name: &str) {
    let path = |suffix: &str| format!("tests/scenarios/{name}.{suffix}");
    let script = fs::read_to_string(path("txt")).expect("the script is there");
    let got = sim::script::run(&script);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        fs::write(path("golden"), &got).expect("write the golden file");
        return;
    }
    let wanted = fs::read_to_string(path("golden")).unwrap_or_default();
    assert!(
        got == wanted,
        "{} differs; UPDATE_GOLDENS=1 accepts it\n{}",
        path("golden"),
        difference(&wanted, &got)
    );
}

/// The lines that differ, with the lines around them.
fn difference(wanted: &str, got: &str) -> String {
    const AROUND: usize = 3;
    let (wanted, got): (Vec<&str>, Vec<&str>) = (wanted.lines().collect(), got.lines().collect());
    let head = wanted.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let longest = wanted.len().min(got.len()) - head;
    let tail = wanted.iter().rev().zip(got.iter().rev()).take(longest).take_while(|(a, b)| a == b).count();
    let lines = |mark: &str, all: &[&str], from: usize, to: usize| -> String {
        all[from..to].iter().map(|line| format!("{mark} {line}\n")).collect()
    };
    let end = got.len() - tail;
    [
        lines(" ", &wanted, head.saturating_sub(AROUND), head),
        lines("-", &wanted, head, wanted.len() - tail),
        lines("+", &got, head, end),
        lines(" ", &got, end, (end + AROUND).min(got.len())),
    ]
    .concat()
}

#[test]
fn a_cluster_is_made_and_then_nothing_is_left_to_do() {
    scenario("create");
}

#[test]
fn every_kind_of_child_comes_back_when_it_is_deleted_or_changed() {
    scenario("drift");
}

#[test]
fn a_primary_that_has_to_go_hands_over_before_its_set_becomes_smaller() {
    scenario("scale");
}

#[test]
fn an_upgrade_takes_the_replicas_first_and_proves_that_the_data_stayed() {
    scenario("upgrade");
}

#[test]
fn an_upgrade_together_with_less_memory_comes_to_its_end() {
    scenario("upgrade-and-shrink");
}

#[test]
fn an_image_that_does_not_start_costs_one_replica_until_the_spec_is_corrected() {
    scenario("broken-image");
}

#[test]
fn a_larger_size_reaches_old_and_new_volumes_and_a_smaller_one_is_refused() {
    scenario("storage");
}

#[test]
fn a_deleted_cluster_leaves_its_volumes_and_says_how_to_remove_them() {
    scenario("delete");
}

#[test]
fn a_claim_of_a_dead_container_is_released_and_a_member_takes_over() {
    scenario("kill");
}

#[test]
fn the_label_of_a_pod_whose_node_is_lost_leads_no_plan() {
    scenario("lost-node");
}

#[test]
fn pods_that_a_quota_refuses_are_told_with_what_to_do() {
    scenario("refused-pods");
}

#[test]
fn odd_names_and_passwords_are_quoted_everywhere() {
    scenario("quoting");
}

#[test]
fn a_bad_edit_is_told_and_touches_nothing() {
    scenario("bad-edit");
}

#[test]
fn a_round_that_was_cut_is_finished_by_the_next() {
    scenario("crash");
}

#[test]
fn a_major_upgrade_stops_nothing_before_it_is_checked_and_allowed() {
    scenario("major");
}

#[test]
fn a_major_upgrade_that_fails_leaves_the_old_server_serving() {
    scenario("major-fails");
}

#[test]
fn a_refused_set_of_settings_leaves_the_last_good_one_in_force_and_holds_nothing_else_back() {
    scenario("tuning");
}

#[test]
fn a_cluster_is_made_with_computed_settings_while_its_own_are_refused() {
    scenario("tuning-first");
}

#[test]
fn a_cluster_made_from_a_backup_has_clones_alone_and_new_passwords() {
    scenario("restore");
}

#[test]
fn a_backup_that_does_not_fit_is_told_with_what_would_and_nothing_is_made() {
    scenario("restore-refused");
}

#[test]
fn a_backup_that_nobody_names_is_chosen_once_and_stays_whatever_comes_and_goes() {
    scenario("restore-nearest");
}

#[test]
fn a_moment_that_no_backup_leads_to_is_told_with_those_that_can_be_reached_and_nothing_is_made() {
    scenario("restore-nearest-refused");
}

#[test]
fn a_copy_in_the_archive_is_a_base_as_a_snapshot_is_and_the_nearer_one_is_taken() {
    scenario("base");
}

#[test]
fn a_restore_in_place_keeps_the_volumes_of_before_until_a_person_lets_them_go() {
    scenario("in-place");
}

#[test]
fn a_restore_in_place_that_is_half_asked_for_or_does_not_fit_stops_nothing() {
    scenario("in-place-refused");
}

#[test]
fn backups_follow_their_schedule_and_what_does_not_come_about_is_told() {
    scenario("backup");
}

#[test]
fn drills_follow_their_schedule_and_what_does_not_come_about_is_told() {
    scenario("drill");
}

#[test]
fn every_script_has_its_test() {
    let source = concat!(
        include_str!("scenarios.rs"),
        include_str!("scenarios/base.rs"),
        include_str!("scenarios/carried.rs"),
        include_str!("scenarios/catalog.rs"),
        include_str!("scenarios/disruption.rs"),
        include_str!("scenarios/settings.rs"),
        include_str!("scenarios/others.rs"),
        include_str!("scenarios/sizes.rs")
    );
    for entry in fs::read_dir("tests/scenarios").expect("the folder is there") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        if let Some(name) = name.strip_suffix(".txt") {
            assert!(source.contains(&format!("scenario(\"{name}\")")), "nothing runs {name}.txt");
        }
    }
}

/// A world at rest, reached with one crash after `cut` steps in all; none when fewer were taken.
fn rest(mut world: World, change: impl Fn(&mut World), cut: Option<usize>) -> (World, usize) {
    change(&mut world);
    let mut taken = 0;
    let mut cut = cut;
    for _ in 0..40 {
        let before = world.cluster.status.clone();
        let planned = world.decide().steps.len();
        let here = cut.filter(|cut| *cut <= taken + planned).map(|cut| cut - taken);
        let decision = world.round(here);
        taken += here.unwrap_or(planned);
        if here.is_some() {
            cut = None;
        } else if decision.steps.is_empty() && before.as_ref() == Some(&decision.status) {
            return (world, taken);
        }
    }
    panic!("no rest: {:#?}", world.decide());
}

/// All that counts of a world: what is wanted, kept and served, without times and numbers of objects.
fn essence(world: &World) -> String {
    let mut text =
        ["children", "volumes", "pods", "machines", "cluster"].map(|part| world.show(part)).concat();
    text.push_str(&world.show("database"));
    for (reference, body) in &world.children {
        let mut spec = body["spec"].clone();
        // A digest of a certificate, whose dates follow from the time at which it was made.
        if let Some(notes) = spec.pointer_mut("/template/metadata/annotations") {
            notes["stylobate.dev/pooler-restart"] = Default::default();
        }
        text.push_str(&format!("{reference} {spec}\n"));
    }
    text.push_str(&format!("{:?}\n", world.config));
    let status = world.cluster.status.as_ref().expect("it was told");
    text.push_str(&format!("{:?} {} {:?}\n", status.state, status.ready, status.primary));
    text
}

fn ledger() -> World {
    World::new(&fs::read_to_string("docs/examples/ledger.yaml").expect("the example is there"))
}

/// Crashes after each number of steps that an undisturbed run takes.
fn every_crash_ends_alike(start: &World, change: impl Fn(&mut World) + Copy) {
    let (wanted, steps) = rest(start.clone(), change, None);
    assert!(steps > 0, "there is nothing to cut");
    for cut in 0..steps {
        let (got, _) = rest(start.clone(), change, Some(cut));
        let (wanted, got) = (essence(&wanted), essence(&got));
        assert!(wanted == got, "a crash after {cut} steps\n{}", difference(&wanted, &got));
    }
}

#[test]
fn a_crash_between_any_two_steps_of_creation_ends_in_the_same_cluster() {
    every_crash_ends_alike(&ledger(), |_| {});
}

#[test]
fn a_crash_between_any_two_steps_of_scaling_down_ends_in_the_same_cluster() {
    let (mut healthy, _) = rest(ledger(), |_| {}, None);
    healthy.lead("ledger-2");
    let (healthy, _) = rest(healthy, |_| {}, None);
    every_crash_ends_alike(&healthy, |world| world.edit("spec.instances", "2"));
}

#[test]
fn a_crash_between_any_two_steps_of_retuning_ends_in_the_same_settings() {
    let (healthy, _) = rest(ledger(), |_| {}, None);
    every_crash_ends_alike(&healthy, |world| {
        world.give_tuning("mine", "work_mem", "16MB");
        world.give_tuning("pgpool", "child_life_time", "1h");
        world.edit("spec.tuning", r#"[{"configMap": "mine"}]"#);
        world.edit("spec.pooler.tuning", r#"[{"configMap": "pgpool"}]"#);
    });
}

#[test]
fn a_crash_between_any_two_steps_of_an_upgrade_ends_in_the_same_cluster() {
    let (healthy, _) = rest(ledger(), |_| {}, None);
    every_crash_ends_alike(&healthy, |world| world.edit("spec.engine.version", "\"17.90\""));
}

#[test]
fn a_crash_between_any_two_steps_of_a_resize_ends_in_the_same_cluster() {
    let (healthy, _) = rest(ledger(), |_| {}, None);
    every_crash_ends_alike(&healthy, |world| world.edit("spec.resources.memory", "2Gi"));
}

#[test]
fn a_crash_between_any_two_steps_of_growth_ends_in_the_same_cluster_with_the_same_pods() {
    let (healthy, _) = rest(ledger(), |_| {}, None);
    let uids = |world: &World| -> Vec<String> { world.pods.values().map(|pod| pod.uid.clone()).collect() };
    let grow = |world: &mut World| world.edit("spec.storage.size", "3Gi");
    every_crash_ends_alike(&healthy, grow);
    for cut in 0..5 {
        let (grown, _) = rest(healthy.clone(), grow, Some(cut));
        assert_eq!(uids(&grown), uids(&healthy), "a crash after {cut} steps: no pod was made anew");
    }
}

#[test]
fn a_set_that_is_made_anew_keeps_a_primary_that_has_to_go_until_it_handed_over() {
    let (mut healthy, _) = rest(ledger(), |_| {}, None);
    healthy.lead("ledger-2");
    let (mut world, _) = rest(healthy, |_| {}, None);
    world.edit("spec.storage.size", "3Gi");
    world.round(None);
    assert!(world.pods["ledger-2"].orphan, "the set is gone");
    world.edit("spec.instances", "2");
    let decision = world.round(None);
    assert!(decision.steps.iter().any(|step| matches!(step, stylobate::plan::Step::Switchover { .. })));
    assert!(world.pods.contains_key("ledger-2"), "it was stopped before it handed over");
    let (world, _) = rest(world, |_| {}, None);
    assert_eq!(world.pods.keys().filter(|name| !name.contains("pooler")).count(), 2);
}

#[test]
fn a_cluster_that_is_deleted_while_its_set_is_made_anew_leaves_no_pod() {
    let (mut world, _) = rest(ledger(), |_| {}, None);
    world.edit("spec.storage.size", "3Gi");
    world.round(None);
    assert!(world.pods["ledger-0"].orphan, "the set is gone");
    world.cluster.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(world.now));
    for _ in 0..10 {
        if world.exists {
            world.round(None);
        }
    }
    assert!(!world.exists && world.pods.is_empty());
}

#[test]
fn a_crash_between_any_two_steps_of_deletion_ends_with_all_volumes_kept() {
    let (healthy, _) = rest(ledger(), |_| {}, None);
    let delete = |world: &mut World| {
        world.cluster.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(world.now));
    };
    let volumes = healthy.volumes.clone();
    for cut in 0..10 {
        let mut world = healthy.clone();
        delete(&mut world);
        world.round(Some(cut));
        for _ in 0..10 {
            if world.exists {
                world.round(None);
            }
        }
        assert!(!world.exists, "the object is gone after a crash after {cut} steps");
        assert!(world.config.is_none());
        assert_eq!(world.show("children"), "  Secret ledger-credentials\n");
        assert_eq!(world.volumes, volumes);
    }
}

#[test]
fn a_crash_between_any_two_steps_of_a_restore_ends_in_the_same_cluster() {
    let mut world = ledger();
    world.give_backup("nightly", "");
    every_crash_ends_alike(&world, |world| {
        world.edit("spec.bootstrap", "{fromBackup: {name: nightly}}");
    });
}

#[test]
fn a_crash_before_the_choice_of_a_backup_is_recorded_does_not_change_it() {
    let mut start = ledger();
    start.give_backup("nightly", "");
    start.edit("spec.bootstrap", "{fromCluster: {name: books}}");
    let first_round = start.decide().steps.len();
    for cut in 0..=first_round {
        let mut world = start.clone();
        world.round(Some(cut));
        world.give_backup("newer", r#"{status: {cutAt: "2026-11-21T11:59:00Z"}}"#);
        for _ in 0..3 {
            world.round(None);
        }
        let restore = world.cluster.status.as_ref().and_then(|status| status.restore.as_ref());
        let begun = restore.map(|restore| restore.backup.as_str());
        assert_eq!(begun, Some("ledger/nightly"), "a crash after {cut} steps");
        let origin = |name: &str| world.volumes[name].restored_from.as_deref();
        for claim in ["data-ledger-0", "data-ledger-1", "data-ledger-2"] {
            assert_eq!(origin(claim), Some("uid-of-nightly"), "a crash after {cut} steps: {claim}");
        }
    }
}

#[test]
fn a_crash_between_any_two_steps_after_an_outage_begins_no_run_twice_and_forgets_none() {
    let (mut world, _) = rest(ledger(), |_| {}, None);
    world.edit(
        "spec.backup",
        r#"{"schedules": [{"name": "hourly", "schedule": "0 * * * *"}], "retention": {"last": 1}}"#,
    );
    let (world, _) = rest(world, |_| {}, None);
    let outage = |world: &mut World| world.now += jiff::SignedDuration::from_mins(6 * 60 + 10);
    let phases = |world: &World| -> Vec<(String, BackupPhase)> {
        world.backups.iter().map(|(name, backup)| (name.clone(), backup.status.phase)).collect()
    };
    let (wanted, steps) = rest(world.clone(), outage, None);
    assert_eq!(wanted.backups.len(), 6, "{:?}", phases(&wanted));
    for cut in 0..steps {
        let (got, _) = rest(world.clone(), outage, Some(cut));
        assert_eq!(phases(&got), phases(&wanted), "a crash after {cut} steps");
    }
}

#[test]
fn a_crash_between_any_two_steps_around_the_moment_of_a_drill_makes_it_once() {
    let (mut world, _) = rest(ledger(), |_| {}, None);
    world.backup_by_hand("one");
    world.edit("spec.backup", r#"{"drill": {"schedule": "0 * * * *"}, "retention": {"last": 1}}"#);
    let (world, _) = rest(world, |_| {}, None);
    let moment = |world: &mut World| world.now += jiff::SignedDuration::from_mins(61);
    let (wanted, steps) = rest(world.clone(), moment, None);
    assert_eq!(wanted.drilled.len(), 1);
    for cut in 0..steps {
        let (got, _) = rest(world.clone(), moment, Some(cut));
        assert_eq!(got.drilled, wanted.drilled, "a crash after {cut} steps");
        assert_eq!(got.show("drills").lines().count(), 3, "passed, nothing missed: {}", got.show("drills"));
    }
}

/// A cluster of the older major, at rest, with a person's word that no backup is needed.
fn older() -> World {
    let mut world = ledger();
    world.edit("spec.engine.version", "\"15.90\"");
    let notes = world.cluster.metadata.annotations.get_or_insert_default();
    notes.insert("stylobate.dev/upgrade-without-backup".into(), "17".into());
    rest(world, |_| {}, None).0
}

#[test]
fn a_crash_between_any_two_steps_of_a_major_upgrade_ends_in_the_same_cluster() {
    every_crash_ends_alike(&older(), |world| world.edit("spec.engine.version", "\"17.91\""));
}

#[test]
fn a_crash_between_any_two_steps_of_a_major_upgrade_that_fails_ends_with_the_old_server() {
    every_crash_ends_alike(&older(), |world| {
        world.upgrade_fails = Some("no space left on device".into());
        world.edit("spec.engine.version", "\"17.91\"");
    });
}

#[test]
fn a_primary_that_dies_while_replicas_stop_is_never_upgraded_from_older_data() {
    let mut world = older();
    world.edit("spec.engine.version", "\"17.91\"");
    for at in 0..30 {
        let mut world = world.clone();
        for round in 0..120 {
            if round == at
                && let Some(leader) = world.claim.clone()
            {
                world.end(&leader); // its node is drained: whoever still runs takes over
            }
            let decision = world.round(None);
            if round > at && decision.steps.is_empty() && decision.status.state == ClusterState::Healthy {
                break;
            }
        }
        assert!(world.data.values().all(|major| *major == 17), "a stop in round {at}: {:?}", world.data);
        assert_eq!(
            world.cluster.status.as_ref().map(|status| status.ready.as_str()),
            Some("3/3"),
            "round {at}"
        );
    }
}
