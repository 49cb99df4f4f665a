//! What `stylobate plan` prints: `tests/plan/*.txt`, from the simulated world at rest and an edit.
//!
//! `UPDATE_GOLDENS=1 cargo test --test plan` writes the texts anew; the difference is then read by a person.

// Each test program uses a part of the shared simulator.
#[allow(dead_code)]
mod sim;

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use sim::World;
use stylobate::child::Kind;
use stylobate::cli::plan::{FleetReport, Report, report, row};
use stylobate::name::ClusterName;
use stylobate::observe::Offline;

/// The example at rest: made once, since its certificates take a while.
static REST: LazyLock<World> = LazyLock::new(|| {
    let mut world =
        World::new(&fs::read_to_string("docs/examples/ledger.yaml").expect("the example is there"));
    for _ in 0..30 {
        let before = world.cluster.status.clone();
        if world.round(None).steps.is_empty() && before == world.cluster.status {
            return world;
        }
    }
    panic!("no rest")
});

const UPGRADE: (&str, &str) = ("spec.engine.version", "\"17.90\"");
const NIGHTS: (&str, &str) =
    ("spec.maintenance", "{windows: [{schedule: 0 2 * * *, durationMinutes: 60, timeZone: Europe/Berlin}]}");

fn edited(edits: &[(&str, &str)]) -> World {
    let mut world = REST.clone();
    edits.iter().for_each(|(path, value)| world.edit(path, value));
    world
}

fn planned(world: &World, blind: &[Kind]) -> Report {
    report(offline(world, blind), "as it stands".into(), world.now)
}

fn offline(world: &World, blind: &[Kind]) -> Offline {
    let mut seen = world.observe();
    seen.database = None;
    for kind in blind {
        seen.children.0.retain(|reference, _| reference.kind != *kind);
    }
    let unknown = vec!["SQL steps: the catalogs are not read".to_owned()];
    let blind = BTreeSet::from_iter(blind.iter().copied());
    Offline { seen, blind, unknown }
}

/// Compares with the golden text and gives the exit code.
fn golden(name: &str, report: &Report) -> u8 {
    compare(name, &report.text());
    report.exit_code()
}

fn compare(name: &str, text: &str) {
    let path = format!("tests/plan/{name}.txt");
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        fs::write(&path, text).expect("write the golden file");
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == wanted, "{path} differs; UPDATE_GOLDENS=1 accepts it\n{text}");
}

#[test]
fn a_cluster_as_wanted_has_no_plan_and_the_code_0() {
    assert_eq!(golden("nothing", &planned(&REST, &[])), 0);
}

#[test]
fn an_upgrade_shows_each_member_with_its_cost_and_the_code_2() {
    assert_eq!(golden("upgrade", &planned(&edited(&[UPGRADE]), &[])), 2);
}

#[test]
fn more_memory_shows_the_settings_that_follow_it_and_a_restart_of_every_server_the_primary_last() {
    let report = planned(&edited(&[("spec.resources.memory", "2Gi")]), &[]);
    assert_eq!(golden("memory", &report), 2);
    let json = report.json();
    let of = |list: &str, action: &str| -> Vec<String> {
        let all = json[list].as_array().expect("a list");
        let these = all.iter().filter(|step| step["action"] == action);
        these.map(|step| step["step"].as_str().expect("a text").to_owned()).collect()
    };
    let sizes = [of("steps", "ResizePod"), of("later", "ResizePod")].concat();
    assert_eq!(sizes.len(), 3, "{json:#}");
    let settings = of("later", "Configure");
    assert!(settings.len() == 1 && settings[0].contains("shared_buffers"), "{json:#}");
    let restarts = of("later", "RestartServer");
    let begins: Vec<&str> = restarts.iter().filter_map(|step| step.split(':').next()).collect();
    let pods = ["ledger-2", "ledger-1", "ledger-0"].map(|pod| format!("restart Postgres in {pod}"));
    assert_eq!(begins, pods, "the primary is ledger-0");
    let last = json["later"].as_array().and_then(|all| all.last()).expect("a step");
    assert!(last["disrupts"].as_str().is_some_and(|who| who.contains("Service") && who.contains("ledger-0")));
    assert_eq!(json["sum"]["restarts"], serde_json::json!({"ledger-0": 1, "ledger-1": 1, "ledger-2": 1}));
    assert_eq!((&json["sum"]["primaryLast"], &json["sum"]["writesStop"]), (&true.into(), &1.into()));
}

#[test]
fn what_cannot_be_foreseen_is_named_step_by_step() {
    let json = planned(&edited(&[UPGRADE]), &[]).json();
    let all: Vec<&serde_json::Value> =
        ["steps", "later"].into_iter().flat_map(|list| json[list].as_array().expect("a list")).collect();
    for step in all {
        let named = step["notForeseen"].is_string();
        let uncertain = ["ReplacePod", "Switchover"].map(Into::into).contains(&step["action"]);
        assert_eq!(named, uncertain, "{step:#}");
    }
}

#[test]
fn what_a_person_has_to_let_go_on_ends_the_plan_and_what_follows_is_told_apart() {
    let mut world = edited(&[UPGRADE]);
    world.round(None);
    world.edit("spec.paused", "true");
    let report = planned(&world, &[]);
    assert_eq!(golden("paused", &report), 2);
    let json = report.json();
    let later = json["later"].as_array().expect("a list");
    assert!(!later.is_empty() && later.iter().all(|step| step["foreseen"] == false), "{json:#}");
    assert!(json["steps"].as_array().is_some_and(Vec::is_empty), "{json:#}");
    assert_eq!((&json["sum"]["primaryLast"], &json["sum"]["writesStop"]), (&true.into(), &1.into()));
}

#[test]
fn what_waits_for_a_window_is_shown_with_its_opening_and_the_way_to_run_now() {
    let report = planned(&edited(&[UPGRADE, NIGHTS]), &[]);
    assert_eq!(golden("window", &report), 2);
    let json = report.json();
    assert_eq!(json["later"][0]["waits"]["policy"], "maintenance-window");
    assert_eq!(json["later"][0]["action"], "ReplacePod");
    assert!(json["later"][0]["atMostSeconds"].is_u64());
}

#[test]
fn what_is_next_and_held_back_is_shown_as_held_back() {
    let mut world = edited(&[UPGRADE, NIGHTS]);
    world.round(None);
    let report = planned(&world, &[]);
    assert_eq!(golden("held-back", &report), 2);
    assert_eq!(report.json()["heldBack"][0]["waits"]["policy"], "maintenance-window");
}

#[test]
fn what_waits_for_another_cluster_names_it() {
    let mut world = edited(&[UPGRADE]);
    world.disrupted.insert(ClusterName::new("shop", "orders"));
    let text = planned(&world, &[]).text();
    assert!(text.contains("will wait (one-disruption-at-a-time): waits for shop/orders"), "{text}");
}

#[test]
fn a_bad_edit_shows_every_problem_and_the_code_1() {
    let report = planned(&edited(&[("spec.instances", "0"), ("spec.pooler.clients", "900")]), &[]);
    assert_eq!(golden("invalid", &report), 1);
    assert!(report.json()["problems"].as_array().is_some_and(|problems| !problems.is_empty()));
}

#[test]
fn a_new_cluster_tells_which_backup_it_would_begin_with_and_why() {
    let mut world =
        World::new(&fs::read_to_string("docs/examples/ledger.yaml").expect("the example is there"));
    world.give_backup("nightly", "");
    world.edit("spec.bootstrap", "{fromCluster: {name: books}}");
    let report = planned(&world, &[]);
    let told = "RESTORE\n  from backup ledger/nightly, cut at 2026-11-21T11:00:00Z\n  it is the newest of cluster ledger/books\n";
    assert!(report.text().contains(told), "{}", report.text());
    assert_eq!(report.json()["restore"]["backup"], "ledger/nightly");
    assert!(planned(&REST, &[]).json()["restore"].is_null());
}

#[test]
fn who_may_read_no_secrets_is_told_so_and_sees_no_false_steps() {
    let blind = [Kind::Secret, Kind::Role, Kind::RoleBinding];
    assert_eq!(golden("no-secrets", &planned(&REST, &blind)), 0);
    let (without, with) =
        (planned(&edited(&[UPGRADE]), &blind).json(), planned(&edited(&[UPGRADE]), &[]).json());
    assert_eq!(without["steps"], with["steps"]);
    let told = |json: &serde_json::Value| -> Vec<String> {
        let all = json["later"].as_array().expect("a list").iter();
        let known = all.filter(|step| step["action"] != "RefreshFiles");
        known.map(|step| step["step"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(told(&without), told(&with));
}

#[test]
fn the_document_has_one_shape_whatever_is_in_it() {
    let keys = |report: Report| Vec::from_iter(report.json().as_object().expect("an object").keys().cloned());
    let all = keys(planned(&REST, &[]));
    assert_eq!(all, keys(planned(&edited(&[UPGRADE, NIGHTS]), &[])));
    for key in [
        "cluster",
        "heldBack",
        "later",
        "maintenance",
        "of",
        "problems",
        "refused",
        "restore",
        "stands",
        "steps",
        "sum",
        "unknown",
    ] {
        assert!(all.iter().any(|found| found == key), "{key}");
    }
}

/// A fleet at rest under the catalog of the simulator, one cluster for each way to name a version.
fn fleet() -> Vec<World> {
    let edits: [(&str, &[(&str, &str)]); 7] = [
        ("follows", &[]),
        ("window", &[NIGHTS]),
        ("paused", &[("spec.paused", "true")]),
        ("pinned", &[("spec.engine.version", "\"17.91\"")]),
        ("own-image", &[("spec.engine.image", "own/postgres:17.91")]),
        ("older", &[("spec.engine.version", "\"17.90\"")]),
        ("broken", &[("spec.instances", "0")]),
    ];
    let named = |(name, edits): (&str, &[(&str, &str)])| {
        let mut world =
            World::new(&fs::read_to_string("docs/examples/ledger.yaml").expect("the example is there"));
        world.cluster.metadata.name = Some(name.to_owned());
        let last = ["spec.paused", "spec.instances"];
        let (late, early): (Vec<_>, Vec<_>) = edits.iter().partition(|(path, _)| last.contains(path));
        early.iter().for_each(|(path, value)| world.edit(path, value));
        for _ in 0..20 {
            world.round(None);
        }
        late.iter().for_each(|(path, value)| world.edit(path, value));
        world.round(None);
        world
    };
    edits.map(named).into()
}

/// What an edited catalog would roll.
fn edited_catalog(worlds: &[World], changes: &[&[&str]]) -> FleetReport {
    let mut edited = REST.clone();
    changes.iter().for_each(|change| edited.change_catalog(change));
    let catalog = edited.images.good().expect("the edit is good").clone();
    let rows = worlds.iter().map(|world| row(offline(world, &[]), &catalog, world.now)).collect();
    FleetReport::new("catalog.yaml".into(), catalog, rows)
}

#[test]
fn an_edit_of_the_catalog_shows_who_would_roll_when_and_who_stays_and_why() {
    let worlds = fleet();
    let report =
        edited_catalog(&worlds, &[&["adds", "17.92"], &["withdraws", "17.90", "it", "loses", "WAL"]]);
    compare("catalog", &report.text());
    assert_eq!(report.exit_code(), 2);
    let json = report.json();
    let of = |name: &str| {
        let all = json["clusters"].as_array().expect("a list");
        all.iter().find(|row| row["cluster"] == format!("ledger/{name}")).expect("it is there").clone()
    };
    assert_eq!((&of("follows")["change"], &of("follows")["members"]), (&"Rolls".into(), &3.into()));
    assert_eq!(of("window")["waits"]["policy"], "maintenance-window");
    assert_eq!((&of("older")["change"], &of("older")["source"]), (&"Stays".into(), &"Kept".into()));
    assert_eq!(of("broken")["change"], "Refused");
}

#[test]
fn an_edit_that_changes_nothing_has_the_code_0_and_one_that_breaks_a_spec_the_code_1() {
    let mut world = REST.clone();
    assert_eq!(edited_catalog(std::slice::from_ref(&world), &[]).exit_code(), 0);
    let rebuilt = edited_catalog(std::slice::from_ref(&world), &[&["rebuilds", "17.91"]]);
    assert_eq!(rebuilt.exit_code(), 2);
    assert!(
        rebuilt.text().contains("ledger/ledger: another image of 17.91, 3 members, at once"),
        "{}",
        rebuilt.text()
    );
    // It is on its way to a minor that the edit takes away again.
    world.edit("spec.engine.version", "\"17.90\"");
    world.round(None);
    let dropped = edited_catalog(std::slice::from_ref(&world), &[&["drops", "17.90"]]);
    assert_eq!(dropped.exit_code(), 1);
    assert!(dropped.text().contains("!! spec.engine.version is '17.90'"), "{}", dropped.text());
}
