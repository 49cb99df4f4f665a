//! Which runs begin, which are missed, and what clocks, edits and crashes do to them.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::api::BackupPhase::{Finishing, Missed, Succeeded};
use crate::name::ClusterName;
use crate::schedule::{Hindrance, MOST_TOLD, crowded, longest_pause, read};

use super::world::{World, at, minutes, seen};

/// One schedule at two in the night.
fn nightly() -> Value {
    json!([{"name": "nightly", "schedule": "0 2 * * *", "timeZone": "UTC"}])
}

fn hourly() -> Value {
    json!([{"name": "hourly", "schedule": "0 * * * *", "timeZone": "UTC", "startDeadlineMinutes": 20}])
}

#[test]
fn a_new_schedule_begins_at_its_next_moment_and_runs_once_at_each() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    assert!(world.backups.is_empty(), "what lies before is not expected of it");
    assert_eq!(world.rows[0].next.as_ref().unwrap().0, at("2026-11-22T02:00:00Z"));
    world.run_until("2026-11-24T12:00:00Z", minutes(7));
    assert_eq!(world.moments(Succeeded), ["11-22 02:00", "11-23 02:00", "11-24 02:00"]);
    assert_eq!(world.begun[0], "c-nightly-202611220200");
    assert_eq!(world.rows[0].last.as_ref().unwrap().backup, "c-nightly-202611240200");
}

#[test]
fn between_two_moments_the_status_is_still() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    world.run_until("2026-11-22T03:00:00Z", minutes(7));
    let rows = world.rows.clone();
    world.run_until("2026-11-23T01:50:00Z", minutes(7));
    assert_eq!(world.rows, rows);
}

#[test]
fn an_operator_that_comes_back_within_the_deadline_begins_the_run_late() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    world.now = at("2026-11-22T02:59:00Z");
    world.settle();
    assert_eq!(world.moments(Succeeded), ["11-22 02:00"]);
}

#[test]
fn after_an_outage_each_run_that_was_due_is_recorded_with_the_reason() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    world.now = at("2026-11-23T12:00:00Z");
    world.settle();
    assert_eq!(world.moments(Missed), ["11-22 02:00", "11-23 02:00"]);
    assert!(world.begun.is_empty());
    let reason = &world.reasons()[0];
    assert!(
        reason.starts_with(
            "due 2026-11-22T02:00:00Z: no operator was at work until its deadline at 2026-11-22T03:00:00Z"
        ),
        "{reason}"
    );
    assert!(reason.contains("kubectl -n stylobate-system get pods"), "{reason}");
}

#[test]
fn an_outage_of_months_leaves_the_newest_runs_and_a_count_of_the_others() {
    let mut world = World::new(hourly(), "2026-01-01T00:30:00Z");
    world.now = at("2026-03-02T00:30:00Z");
    world.settle();
    assert_eq!(world.moments(Missed).len(), MOST_TOLD);
    assert_eq!(world.moments(Missed).last().unwrap(), "03-02 00:00");
    let told = world.reasons();
    assert!(
        told[0].ends_with("; 1416 runs before it, from 2026-01-01T01:00:00Z on, were missed too and have no object of their own"),
        "{}", told[0]
    );
    assert!(told[1..].iter().all(|reason| !reason.contains("before it")), "{told:#?}");
    world.run_until("2026-03-02T02:30:00Z", minutes(5));
    assert_eq!(world.begun, ["c-hourly-202603020100", "c-hourly-202603020200"], "and then it goes on");
}

#[test]
fn years_of_minutes_are_told_as_more_than_can_be_counted() {
    let each_minute =
        json!([{"name": "each", "schedule": "* * * * *", "timeZone": "UTC", "startDeadlineMinutes": 1}]);
    let mut world = World::new(each_minute, "2020-01-01T00:00:00Z");
    world.now = at("2026-01-01T00:00:30Z");
    let due = world.round();
    assert_eq!(due.begin.unwrap().moment, at("2026-01-01T00:00:00Z"));
    assert_eq!(due.missed.len(), MOST_TOLD - 1);
    assert!(
        due.missed[0].reason.contains("more than 10000 runs before it, from 2020-01-01T00:01:00Z on"),
        "{}",
        due.missed[0].reason
    );
}

#[test]
fn of_runs_that_pile_up_the_newest_begins_and_the_others_are_missed() {
    let quarters =
        json!([{"name": "often", "schedule": "*/15 * * * *", "timeZone": "UTC", "startDeadlineMinutes": 60}]);
    let mut world = World::new(quarters, "2026-11-21T12:01:00Z");
    world.now = at("2026-11-21T12:46:00Z");
    world.settle();
    assert_eq!(world.moments(Succeeded), ["11-21 12:45"]);
    assert_eq!(world.moments(Missed), ["11-21 12:15", "11-21 12:30"]);
    assert!(
        world.reasons()[0].contains("until the next run was due at 2026-11-21T12:30:00Z"),
        "{:?}",
        world.reasons()
    );
}

#[test]
fn what_hinders_a_run_until_its_deadline_is_the_reason() {
    for (hindrance, told) in [
        (
            Hindrance::Paused,
            "spec.paused was true until its deadline at 2026-11-21T13:20:00Z (startDeadlineMinutes); set it to false",
        ),
        (Hindrance::NoPrimary, "no member took writes until its deadline"),
        (Hindrance::Busy("c-x".into()), "backup c-x was under way until its deadline"),
    ] {
        let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
        world.hindrance = Some(hindrance.clone());
        world.now = at("2026-11-21T13:05:00Z");
        let due = world.round();
        assert_eq!(due.waiting[0].1, hindrance);
        assert!(due.begin.is_none() && due.missed.is_empty());
        world.run_until("2026-11-21T13:30:00Z", minutes(1));
        assert_eq!(world.moments(Missed), ["11-21 13:00"], "{hindrance:?}");
        assert!(world.reasons()[0].contains(told), "{:?}", world.reasons());
    }
}

#[test]
fn what_ceases_to_hinder_within_the_deadline_only_delays_the_run() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.hindrance = Some(Hindrance::Paused);
    world.run_until("2026-11-21T13:10:00Z", minutes(1));
    world.hindrance = None;
    world.settle();
    assert_eq!(world.moments(Succeeded), ["11-21 13:00"]);
}

#[test]
fn a_backup_that_ended_just_after_the_deadline_is_the_reason_too() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    let mut long = seen(Finishing, at("2026-11-21T12:40:00Z"));
    long.status.completed_at =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at("2026-11-21T13:20:10Z")));
    long.status.phase = Succeeded;
    world.backups.insert("c-long".into(), long);
    world.now = at("2026-11-21T13:20:20Z");
    world.settle();
    assert!(world.reasons()[0].contains("backup c-long was under way"), "{:?}", world.reasons());
}

#[test]
fn two_schedules_of_one_moment_run_one_after_the_other() {
    let mut both = hourly();
    both.as_array_mut().unwrap().push(nightly()[0].clone());
    let mut world = World::new(both, "2026-11-22T01:30:00Z");
    world.now = at("2026-11-22T02:00:05Z");
    let first = world.round();
    assert_eq!(first.begin.unwrap().backup, "c-hourly-202611220200");
    world.hindrance = Some(Hindrance::Busy("c-hourly-202611220200".into()));
    assert_eq!(world.round().begin, None);
    world.hindrance = None;
    assert_eq!(world.round().begin.unwrap().backup, "c-nightly-202611220200");
}

#[test]
fn a_clock_that_goes_back_an_hour_begins_no_run_twice() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.run_until("2026-11-21T14:02:00Z", minutes(1));
    world.now = at("2026-11-21T12:58:00Z");
    world.run_until("2026-11-21T16:01:00Z", minutes(1));
    assert_eq!(world.moments(Succeeded), ["11-21 13:00", "11-21 14:00", "11-21 15:00", "11-21 16:00"]);
    assert!(world.moments(Missed).is_empty());
}

#[test]
fn a_clock_that_was_years_ahead_does_not_silence_a_schedule_when_it_is_put_right() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    world.now = at("2031-01-01T12:00:00Z");
    world.settle();
    world.now = at("2026-11-21T13:00:00Z");
    world.run_until("2026-11-22T02:30:00Z", minutes(1));
    assert!(world.moments(Succeeded).contains(&"11-22 02:00".to_owned()), "{:?}", world.begun);
}

#[test]
fn a_clock_that_jumps_ahead_and_back_by_seconds_writes_nothing() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.run_until("2026-11-21T13:00:30Z", minutes(1));
    let rows = world.rows.clone();
    world.now = at("2026-11-21T12:59:58Z");
    let due = world.round();
    assert_eq!((due.begin, due.missed.len(), &world.rows), (None, 0, &rows));
}

#[test]
fn where_clocks_go_back_the_hour_that_comes_twice_has_one_run() {
    let berlin = json!([{"name": "nightly", "schedule": "30 2 * * *", "timeZone": "Europe/Berlin"}]);
    let mut world = World::new(berlin, "2026-10-24T12:00:00Z");
    world.run_until("2026-10-26T12:00:00Z", minutes(1));
    // 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC.
    assert_eq!(world.moments(Succeeded), ["10-25 00:30", "10-26 01:30"]);
}

#[test]
fn where_clocks_go_forward_the_hour_that_is_left_out_has_its_run_all_the_same() {
    let berlin = json!([{"name": "nightly", "schedule": "30 2 * * *", "timeZone": "Europe/Berlin"}]);
    let mut world = World::new(berlin, "2026-03-28T12:00:00Z");
    world.run_until("2026-03-30T12:00:00Z", minutes(1));
    assert_eq!(world.moments(Succeeded), ["03-29 01:00", "03-30 00:30"]);
    assert!(world.moments(Missed).is_empty());
}

#[test]
fn an_edit_of_text_or_zone_counts_from_then_on() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    world.policy.schedules[0].schedule = "0 1 * * *".into();
    world.policy.schedules[0].time_zone = "Asia/Tokyo".into();
    world.now = at("2026-11-21T18:00:00Z");
    world.settle();
    assert!(world.backups.is_empty(), "16:00 UTC was before the edit");
    assert_eq!(world.rows[0].since.0, at("2026-11-21T18:00:00Z"));
    world.run_until("2026-11-22T18:00:00Z", minutes(10));
    assert_eq!(world.moments(Succeeded), ["11-22 16:00"]);
}

#[test]
fn what_a_schedule_named_before_it_was_edited_or_removed_is_recorded_first() {
    for remove in [false, true] {
        let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
        world.now = at("2026-11-22T12:00:00Z");
        if remove {
            world.policy.schedules.clear();
        } else {
            world.policy.schedules[0].schedule = "0 3 * * *".into();
        }
        world.settle();
        assert_eq!(world.moments(Missed), ["11-22 02:00"], "remove {remove}");
        assert!(world.reasons()[0].contains("the schedule was changed or removed"), "{:?}", world.reasons());
        assert_eq!(world.rows.len(), usize::from(!remove));
    }
}

#[test]
fn a_slip_of_the_pen_leaves_the_schedule_as_it_was_last() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    world.policy.schedules[0].schedule = "0 25 * * *".into();
    assert_eq!(read(&ClusterName::new("n", "c"), &world.policy, &world.rows).1.len(), 1, "it is told");
    world.run_until("2026-11-22T12:00:00Z", minutes(5));
    assert_eq!(world.moments(Succeeded), ["11-22 02:00"]);
}

#[test]
fn two_schedules_of_one_name_are_refused() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    let again = world.policy.schedules[0].clone();
    world.policy.schedules.push(again);
    let problem = read(&ClusterName::new("n", "c"), &world.policy, &[]).1[0].to_string();
    assert!(
        problem.starts_with("spec.backup.schedules[1].name is 'nightly': another schedule has this name"),
        "{problem}"
    );
}

fn spaced(texts: &[&str]) -> Option<(String, String)> {
    let schedules: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"name": format!("s{index}"), "schedule": text, "timeZone": "UTC"}))
        .collect();
    let policy = serde_json::from_value(json!({"schedules": schedules})).unwrap();
    crowded(&read(&ClusterName::new("n", "c"), &policy, &[]).0, minutes(10))
        .map(|(one, other, _)| (one, other))
}

#[test]
fn schedules_closer_than_ten_minutes_are_found_also_when_they_meet_once_a_month() {
    let pair = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
    assert_eq!(spaced(&["*/9 * * * *"]), pair("s0", "s0"));
    assert_eq!(spaced(&["*/10 * * * *"]), None);
    assert_eq!(spaced(&["0 2 * * *", "9 2 1 * *"]), pair("s1", "s0"));
    assert_eq!(spaced(&["0 2 * * *", "51 1 1 * *"]), pair("s1", "s0"));
    assert_eq!(spaced(&["0 2 * * *", "10 2 1 * *"]), None);
    assert_eq!(spaced(&["0 2 * * *", "0 2 1 * *"]), pair("s1", "s0"), "the same moment");
}

#[test]
fn the_longest_pause_is_that_of_the_schedule_that_runs_most_often() {
    let policy = serde_json::from_value(json!({"schedules": [
        {"name": "weekly", "schedule": "0 2 * * SUN", "timeZone": "UTC"},
        {"name": "workdays", "schedule": "0 2 * * MON-FRI", "timeZone": "UTC"},
    ]}))
    .unwrap();
    let (name, pause) = longest_pause(&read(&ClusterName::new("n", "c"), &policy, &[]).0).unwrap();
    assert_eq!((name.as_str(), pause.as_hours()), ("workdays", 72));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever clock, crashes and hindrances do: no run begins twice (the world panics), and no moment of real time
    /// stays without its object.
    #[test]
    fn every_moment_has_one_object_whatever_happens(
        text in prop::sample::select(vec!["0 * * * *", "*/20 * * * *", "7 2 * * *"]),
        steps in prop::collection::vec((-90..400i64, 0..4usize, 0..4u8), 1..25),
    ) {
        let schedules = json!([{"name": "s", "schedule": text, "timeZone": "Europe/Berlin", "startDeadlineMinutes": 30}]);
        let mut world = World::new(schedules, "2026-10-24T12:00:00Z");
        let (start, mut latest) = (world.now, world.now);
        for (jump, cut, hindrance) in steps {
            world.now = (world.now + minutes(jump)).max(start);
            latest = latest.max(world.now);
            world.hindrance = [None, Some(Hindrance::Paused), Some(Hindrance::NoPrimary), None][usize::from(hindrance)].clone();
            world.cut_round(cut);
        }
        world.hindrance = None;
        world.now = latest + minutes(5);
        world.settle();
        let (schedules, _) = read(&ClusterName::new("n", "c"), &world.policy, &world.rows);
        let moments: Vec<_> = schedules[0].cron.after(start).take_while(|at| *at <= world.now).collect();
        let folded = world.reasons().iter().any(|reason| reason.contains("before it"));
        for moment in &moments {
            let name = ClusterName::new("n", "c").run("s", *moment);
            prop_assert!(folded || world.backups.contains_key(&name), "{moment} has no object");
        }
        prop_assert!(world.backups.len() <= moments.len());
    }
}
