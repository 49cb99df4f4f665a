//! Bad image catalogs: each is told by entry, field and value with what is allowed; what runs goes on, and nothing new is made of it.

use super::{ledger, message};
use crate::sim::World;
use crate::sim::images::{offers, text};
use stylobate::api::ClusterState;
use stylobate::images::CatalogSeen;

/// A bad catalog: what it is, its text, and what has to be told.
type Case = (&'static str, fn() -> String, &'static [&'static str]);

/// The text of a good catalog, with a change.
fn changed(from: &str, to: &str) -> String {
    let good = text(&offers());
    assert!(good.contains(from), "no {from} in {good}");
    good.replacen(from, to, 1)
}

const CASES: &[Case] = &[
    (
        "two images for one version",
        || text(&offers()) + &text(&offers()[1..2]),
        &["images.yaml[4].version is '17.91'", "entry 1 is an image for Postgres 17.91 as well: leave one"],
    ),
    (
        "one image for two versions",
        || {
            let good = text(&offers());
            let (first, second) =
                (good.find("sha256:").expect("a digest"), good.rfind("postgres:15.90@sha256:").expect("15"));
            let digest = good[first..first + 71].to_owned();
            let at = second + "postgres:15.90@".len();
            format!("{}{digest}{}", &good[..at], &good[at + 71..])
        },
        &["images.yaml[2].image is", "entry 0 names the same digest for 17.90"],
    ),
    (
        "a version that is none",
        || changed("\"17.91\"", "\"17.x\""),
        &["images.yaml[1].version is '17.x'", "write major and minor in quotes, as \"17.91\""],
    ),
    (
        "a version that YAML takes for a number",
        || changed("\"17.90\"", "17.90"),
        &["images.yaml[0].version is '17.9'", "in quotes"],
    ),
    (
        "a major that this release does not run",
        || changed("\"15.90\"", "\"14.90\"").replacen("15.90@", "14.90@", 1),
        &["images.yaml[2].version is '14.90'", "this release of the operator runs the majors 17 and 15"],
    ),
    (
        "an image without a digest",
        || {
            let good = text(&offers());
            let at = good.find("@sha256:").expect("a digest");
            format!("{}{}", &good[..at], &good[at + 72..])
        },
        &["images.yaml[0].image is 'localhost/stylobate/postgres:17.90'", "it has no digest"],
    ),
    (
        "a digest that is cut short",
        || changed("sha256:0", "sha256:"),
        &["images.yaml[0].image is", "its digest is not 'sha256:' and 64 hexadecimal digits"],
    ),
    (
        "an image whose tag is of another version",
        || changed("postgres:17.91@", "postgres:17.90@"),
        &["images.yaml[1].image is", "its tag is of another version than 17.91"],
    ),
    (
        "a day that is none",
        || changed("2026-11-20", "2026-11-31"),
        &["images.yaml[0].since is '2026-11-31'", "as \"2026-11-29\""],
    ),
    (
        "a field that is misspelt",
        || changed("since:", "sinc:"),
        &["images.yaml[0].sinc is '2026-11-20'", "there is no such field"],
    ),
    (
        "a withdrawal without a reason",
        || changed("since:", "withdrawn: \"\", since:"),
        &["images.yaml[0].withdrawn is ''", "write why it must not run any more"],
    ),
    (
        "an upgrade to what nobody can go on with",
        || {
            changed("flavor: Postgres, version: \"17.91\"", "flavor: Postgres, version: \"17.92\"")
                .replacen("17.91@", "17.92@", 1)
        },
        &["images.yaml[3].upgradesFrom is '15'", "add an entry of 17.91 without upgradesFrom"],
    ),
    (
        "a key twice in one entry",
        || changed("since:", "flavor: Postgres, since:"),
        &["images.yaml is '", "it is no YAML"],
    ),
    ("no list", || "17.91: postgres".into(), &["images.yaml is 'a mapping'", "write a list of images"]),
    ("too many entries", || "- {}\n".repeat(201), &["images.yaml is '201 entries'", "at most 200"]),
    (
        "a text without end",
        || "#".repeat(200_000),
        &["images.yaml is '200000 bytes'", "at most 131072 bytes"],
    ),
];

fn engine_current(world: &World) -> String {
    let status = world.cluster.status.as_ref().expect("it was told");
    let told =
        status.conditions.iter().find(|condition| condition.type_ == "EngineCurrent").expect("it is told");
    assert_eq!((told.status.as_str(), told.reason.as_str()), ("False", "CatalogInvalid"));
    told.message.clone()
}

#[test]
fn every_bad_catalog_is_told_with_what_is_allowed_and_what_runs_goes_on() {
    let (running, new) = (ledger(true), ledger(false));
    for (what, bad, parts) in CASES {
        let images = CatalogSeen::of(Some(&bad()));
        assert!(images.good().is_none(), "{what}: it is taken");
        let mut world = running.clone();
        world.images = images.clone();
        let decision = world.round(None);
        assert!(decision.steps.is_empty(), "{what}: takes {:?}", decision.steps);
        assert_eq!(decision.status.state, ClusterState::Healthy, "{what}");
        let mut fresh = new.clone();
        fresh.images = images;
        let refused = fresh.decide();
        assert!(refused.steps.is_empty(), "{what}: takes {:?}", refused.steps);
        for told in [engine_current(&world), message(&refused)] {
            for part in *parts {
                assert!(told.contains(part), "{what}: no \"{part}\" in \"{told}\"");
            }
        }
    }
}

#[test]
fn a_config_map_without_its_entry_is_told_as_such() {
    let mut world = ledger(true);
    world.images = CatalogSeen::of(None);
    world.round(None);
    let told = engine_current(&world);
    assert!(told.contains("images.yaml is '': the ConfigMap needs this entry, a list of images"), "{told}");
}

#[test]
fn a_major_that_nobody_offers_is_told_with_what_is_offered() {
    let mut world = ledger(false);
    world.edit("spec.engine.version", "\"15\"");
    world.change_catalog(&["drops", "15.90"]);
    let told = message(&world.decide());
    assert!(told.contains("spec.engine.version is '15': the image catalog"), "{told}");
    assert!(
        told.contains("offers no minor of PostgreSQL 15: write a version that it offers (17.91, 17.90)"),
        "{told}"
    );
}
