//! What retention keeps and deletes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::api::BackupPhase::{self, Failed, Lost, Missed, Pending, Succeeded};
use crate::api::DrillReport;
use crate::observe::BackupSeen;
use crate::schedule::retention::{EVIDENCE, Fate, MOST_EVIDENCE, Rules, fates, last_good, read};

use super::world::{at, seen};

fn rules(spec: Value) -> Rules {
    let mut spec = spec;
    spec["timeZone"] = spec.get("timeZone").cloned().unwrap_or_else(|| "UTC".into());
    read(&serde_json::from_value(spec).unwrap()).unwrap()
}

fn now() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

/// Backups of this phase, named by how many hours ago they were cut.
fn ago(phase: BackupPhase, all: impl IntoIterator<Item = i64>) -> BTreeMap<String, BackupSeen> {
    all.into_iter().map(|age| (format!("b{age:05}"), seen(phase, now() - hours(age)))).collect()
}

fn kept(backups: &BTreeMap<String, BackupSeen>, rules: &Rules) -> Vec<String> {
    let fates = fates(backups, rules, [], now());
    let kept = fates.into_iter().filter(|(_, fate)| matches!(fate, Fate::Kept { .. }));
    kept.map(|(name, _)| name.trim_start_matches(['b', '0']).to_owned()).collect()
}

fn why(backups: &BTreeMap<String, BackupSeen>, rules: &Rules, name: &str) -> String {
    match &fates(backups, rules, [], now())[name] {
        Fate::Kept { by, until } => {
            let by: Vec<String> = by.iter().map(ToString::to_string).collect();
            let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
            format!("{}{until}", by.join(", "))
        }
        Fate::Expired { why } => format!("expired: {why}"),
    }
}

#[test]
fn without_any_rule_all_are_kept() {
    let all = ago(Succeeded, [1, 1000, 90_000]);
    assert_eq!(kept(&all, &rules(json!({}))).len(), 3);
}

#[test]
fn a_backup_is_kept_while_any_rule_keeps_it() {
    let all = ago(Succeeded, [1, 25, 49, 73, 97]);
    assert_eq!(kept(&all, &rules(json!({"last": 2}))), ["1", "25"]);
    assert_eq!(kept(&all, &rules(json!({"days": 3}))), ["1", "25", "49"]);
    assert_eq!(kept(&all, &rules(json!({"last": 2, "days": 3}))), ["1", "25", "49"]);
}

#[test]
fn days_weeks_and_months_keep_the_newest_of_each_by_the_zone() {
    // Now is a Saturday, 12:00 UTC.
    let all = ago(Succeeded, [2, 10, 14, 30, 24 * 6, 24 * 20, 24 * 23, 24 * 45]);
    assert_eq!(kept(&all, &rules(json!({"daily": 2}))), ["2", "14"]);
    // In Tokyo it is 21:00, and 14 h ago is the same day.
    assert_eq!(kept(&all, &rules(json!({"daily": 2, "timeZone": "Asia/Tokyo"}))), ["2", "30"]);
    assert_eq!(kept(&all, &rules(json!({"weekly": 2}))), ["2", "144"]);
    assert_eq!(kept(&all, &rules(json!({"monthly": 2}))), ["2", "552"]);
}

#[test]
fn each_keeper_is_told_and_an_end_only_where_the_clock_alone_decides() {
    let mut all = ago(Succeeded, [1, 25]);
    let fortnight = rules(json!({"days": 14, "daily": 1}));
    assert_eq!(why(&all, &fortnight, "b00001"), "last good one, 14 days, daily 1");
    assert_eq!(why(&all, &fortnight, "b00025"), "14 days until 2026-12-04T11:00:00Z");
    all.get_mut("b00025").unwrap().spec.hold = true;
    assert_eq!(why(&all, &fortnight, "b00025"), "legal hold, 14 days");
}

#[test]
fn the_last_good_one_a_held_one_and_one_in_use_outlive_every_rule() {
    let mut all = ago(Succeeded, [1000, 2000, 3000, 4000]);
    all.get_mut("b02000").unwrap().spec.hold = true;
    all.get_mut("b03000").unwrap().used_by = Some("restore to shop/copy".into());
    let day = rules(json!({"days": 1}));
    assert_eq!(kept(&all, &day), ["1000", "2000", "3000"]);
    assert_eq!(why(&all, &day, "b03000"), "in use by restore to shop/copy");
    assert_eq!(why(&all, &day, "b04000"), "expired: cut 2026-06-07T20:00:00Z, and no rule keeps it");
}

#[test]
fn a_newer_failure_does_not_make_the_last_good_one_expire() {
    let mut all = ago(Succeeded, [1000]);
    all.extend(ago(Failed, [10]));
    all.extend(ago(Lost, [5]));
    assert_eq!(kept(&all, &rules(json!({"last": 1, "days": 1}))).len(), 3);
}

#[test]
fn what_is_being_deleted_does_not_count_as_the_last_good_one() {
    let mut all = ago(Succeeded, [1, 1000]);
    all.get_mut("b00001").unwrap().deleting = true;
    assert_eq!(kept(&all, &rules(json!({"days": 1}))), ["1000"]);
    assert_eq!(last_good(&all).unwrap().0, "b01000");
}

/// The last drill of a backup, as its status tells it.
fn drilled(backup: &mut BackupSeen, outcome: &str) {
    let at = backup.moment() + hours(1);
    let report = json!({"cluster": "c-drill-1", "outcome": outcome, "startedAt": at, "at": at});
    let report: DrillReport = serde_json::from_value(report).unwrap();
    if outcome == "Passed" {
        backup.status.verified = Some(report.clone());
    }
    backup.status.drill = Some(report);
}

#[test]
fn what_failed_its_drill_is_not_the_last_good_one_and_drives_none_that_is_out() {
    // The pages rot: each night's backup fails its drill, and only the oldest was ever proved.
    let mut all = ago(Succeeded, [1, 25, 49, 73, 97]);
    drilled(all.get_mut("b00097").unwrap(), "Passed");
    for rotten in ["b00001", "b00025", "b00049"] {
        drilled(all.get_mut(rotten).unwrap(), "Failed");
    }
    assert_eq!(last_good(&all).unwrap().0, "b00073");
    let two = rules(json!({"last": 2}));
    assert_eq!(kept(&all, &two), ["1", "25", "73", "97"], "a rule counts what can be relied on");
    assert_eq!(why(&all, &two, "b00073"), "last good one, last 2");
    assert_eq!(why(&all, &two, "b00097"), "last verified one, last 2");
    let day = rules(json!({"days": 1}));
    assert_eq!(kept(&all, &day), ["1", "73", "97"], "the last good and the last verified outlive every rule");
}

#[test]
fn where_all_failed_their_drills_the_newest_stays_all_the_same() {
    let mut all = ago(Succeeded, [100, 200]);
    all.values_mut().for_each(|backup| drilled(backup, "Failed"));
    assert_eq!(last_good(&all), None);
    let day = rules(json!({"days": 1}));
    assert_eq!(kept(&all, &day), ["100"]);
    assert_eq!(why(&all, &day, "b00100"), "newest one, though its drill failed");
}

#[test]
fn a_verified_one_that_fails_a_later_drill_is_verified_no_more() {
    let mut all = ago(Succeeded, [1, 100, 200, 300]);
    for name in ["b00100", "b00200"] {
        drilled(all.get_mut(name).unwrap(), "Passed");
    }
    let day = rules(json!({"days": 1}));
    assert_eq!(kept(&all, &day), ["1", "100"]);
    drilled(all.get_mut("b00100").unwrap(), "Failed");
    assert_eq!(kept(&all, &day), ["1", "200"]);
}

#[test]
fn evidence_is_kept_for_400_days_and_beside_an_older_good_backup_for_longer() {
    let (old, older) = (EVIDENCE.as_hours() + 1, EVIDENCE.as_hours() + 50);
    let mut all = ago(Missed, [10, old]);
    let all_rules = rules(json!({}));
    assert_eq!(kept(&all, &all_rules), ["10"]);
    assert_eq!(why(&all, &all_rules, &format!("b{old:05}")), "expired: Missed, and older than 400 days");
    all.extend(ago(Succeeded, [older]));
    assert_eq!(kept(&all, &all_rules).len(), 3);
    assert_eq!(why(&all, &all_rules, "b00010"), "evidence");
}

#[test]
fn evidence_never_fills_the_api_servers_store() {
    let all = ago(Missed, 1..=i64::try_from(MOST_EVIDENCE).unwrap() + 10);
    assert_eq!(kept(&all, &rules(json!({}))).len(), MOST_EVIDENCE);
}

#[test]
fn what_has_not_ended_is_never_deleted() {
    let all = ago(Pending, [90_000]);
    assert_eq!(why(&all, &rules(json!({"days": 1})), "b90000"), "not ended");
}

#[test]
fn every_number_out_of_range_is_told() {
    let spec =
        json!({"last": 0, "days": -1, "daily": 367, "weekly": 521, "monthly": i32::MAX, "timeZone": "Mars"});
    let problems = read(&serde_json::from_value(spec).unwrap()).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 6, "{told:#?}");
    assert_eq!(
        told[0],
        "spec.backup.retention.last is '0': from 1 to 1000; leave it out to have no such rule"
    );
}

fn phase() -> impl Strategy<Value = BackupPhase> {
    prop_oneof![6 => Just(Succeeded), 1 => Just(Failed), 1 => Just(Missed), 1 => Just(Lost), 1 => Just(Pending)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_the_rules_the_last_good_the_held_and_the_used_stay_and_deleting_the_rest_changes_no_fate(
        all in prop::collection::btree_map(0..20_000i64, (phase(), any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.1)), 0..40),
        last in prop::option::of(1..10i32), days in prop::option::of(1..3650i32), daily in prop::option::of(1..20i32),
        weekly in prop::option::of(1..20i32), monthly in prop::option::of(1..20i32),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Pacific/Apia"]),
    ) {
        let rules = rules(json!({"last": last, "days": days, "daily": daily, "weekly": weekly, "monthly": monthly, "timeZone": zone}));
        let mut backups: BTreeMap<String, BackupSeen> = BTreeMap::new();
        for (age, (phase, deleting, hold, used)) in all {
            let mut backup = seen(phase, now() - hours(age));
            (backup.deleting, backup.spec.hold) = (deleting && age % 3 == 0, hold);
            backup.used_by = used.then(|| "a drill".to_owned());
            backups.insert(format!("b{age:05}"), backup);
        }
        let first = fates(&backups, &rules, [], now());
        let stays = |name: &str| matches!(first.get(name), Some(Fate::Kept { .. }));
        if let Some((name, _)) = last_good(&backups) {
            prop_assert!(stays(name), "the last good one");
        }
        for (name, backup) in backups.iter().filter(|(_, backup)| !backup.deleting) {
            let must = backup.spec.hold || backup.used_by.is_some() || !backup.status.phase.is_over();
            prop_assert!(!must || stays(name), "{name}");
        }
        let good = |all: &BTreeMap<String, BackupSeen>| all.values().filter(|b| b.status.phase == Succeeded && !b.deleting).count();
        let before = good(&backups);
        backups.retain(|name, _| !matches!(first.get(name), Some(Fate::Expired { .. })));
        let wanted = last.unwrap_or(1).max(1).unsigned_abs() as usize;
        prop_assert!(good(&backups) >= before.min(wanted), "count rule");
        let second = fates(&backups, &rules, [], now());
        prop_assert!(second.values().all(|fate| matches!(fate, Fate::Kept { .. })), "it comes to rest in one round");
    }
}
