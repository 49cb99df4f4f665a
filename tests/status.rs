//! The table of `stylobate status`, as a person sees it: `tests/status/*.yaml` in, `*.txt` out.
//!
//! `UPDATE_GOLDEN=1 cargo test --test status` writes the tables anew; the difference is then read by a person.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use stylobate::api::PostgresCluster;
use stylobate::cli::status::{document, overview, table};

fn now() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

fn path(name: &str) -> PathBuf {
    Path::new("tests/status").join(name)
}

fn cluster(name: &str) -> PostgresCluster {
    let file = path(&format!("{name}.yaml"));
    let text = fs::read_to_string(&file).unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|cause| panic!("{}: {cause}", file.display()))
}

fn compare(name: &str, text: &str) {
    let file = path(&format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, text).unwrap();
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    assert!(golden == text, "{} differs from:\n{text}", file.display());
}

fn golden(name: &str) -> String {
    let text = table(&cluster(name), now());
    compare(name, &text);
    text
}

/// Place of a text in another, for order.
fn place(text: &str, part: &str) -> usize {
    text.find(part).unwrap_or_else(|| panic!("no '{part}' in\n{text}"))
}

#[test]
fn a_healthy_cluster_has_no_warning_and_says_how_to_connect() {
    let text = golden("healthy");
    assert!(!text.contains("!!"));
    assert!(text.contains("stylobate psql ledger -n shop"));
}

#[test]
fn a_member_that_is_down_is_warned_of_before_the_tables() {
    let text = golden("member-down");
    assert!(place(&text, "!! not Redundant") < place(&text, "MEMBER"));
    assert!(text.contains("next: kubectl -n shop describe pod ledger-2"));
}

#[test]
fn an_image_that_cannot_be_pulled_is_told_once_with_the_remedy() {
    let text = golden("image");
    assert_eq!(text.matches("!!").count(), 1, "{text}");
}

#[test]
fn an_invalid_spec_leads_to_the_edit() {
    assert!(golden("invalid").contains("next: kubectl -n shop edit pgc ledger"));
}

#[test]
fn a_paused_cluster_says_so_and_how_to_go_on() {
    assert_eq!(golden("paused").matches("!!").count(), 1, "the pause alone, not what it holds back");
}

#[test]
fn a_cluster_that_nobody_has_seen_leads_to_the_operator() {
    assert!(golden("unseen").contains("is it running?"));
}

#[test]
fn a_cluster_that_lags_behind_the_catalog_says_what_is_available_and_what_it_waits_for() {
    assert!(golden("behind").contains("PostgreSQL 17.90 (17.91 available: waits for window)"));
}

#[test]
fn a_withdrawn_version_is_warned_of_with_the_way_out() {
    let text = golden("withdrawn");
    assert!(text.contains("PostgreSQL 17.90, WITHDRAWN (17.91 available: pinned)"));
    assert!(text.contains("next: kubectl -n shop edit pgc books"));
}

#[test]
fn a_catalog_that_is_gone_leads_to_the_operators_namespace() {
    assert!(golden("no-catalog").contains("next: kubectl -n ops get configmap stylobate-engine-images"));
}

#[test]
fn who_lags_behind_shows_in_the_overview() {
    let all = ["healthy", "behind", "withdrawn", "no-catalog"].map(cluster);
    let text = overview(&all, now());
    compare("fleet", &text);
    assert_eq!(text.matches(" available: ").count(), 2, "in their rows");
}

#[test]
fn many_clusters_are_one_line_each_and_the_worst_of_each() {
    let all = ["healthy", "member-down", "paused", "unseen"].map(cluster);
    compare("overview", &overview(&all, now()));
}

#[test]
fn the_document_has_one_shape_for_one_cluster_and_for_many() {
    let keys = |value: &serde_json::Value| {
        let one = value["clusters"][0].as_object().unwrap();
        one.keys().cloned().collect::<Vec<_>>()
    };
    let one = document(&[cluster("healthy")]);
    assert_eq!(keys(&one), ["generation", "name", "namespace", "paused", "status"]);
    assert_eq!(one["clusters"][0]["status"]["members"][1]["lagBytes"], 0);
    let many = document(&[cluster("unseen"), cluster("healthy")]);
    assert_eq!(keys(&many), keys(&one));
    assert_eq!(document(&[])["clusters"], serde_json::json!([]));
}
