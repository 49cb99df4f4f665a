//! Which drills are asked for, which are missed, and what clocks, edits, people and crashes do to them.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::api::{DrillOutcome, DrillRunOutcome};
use crate::name::ClusterName;
use crate::name::scheduled_drill;
use crate::schedule::drills::{Due, Hindrance, read};

use super::drill_world::World;
use super::world::{at, minutes};

fn nightly() -> Value {
    json!({"schedule": "0 5 * * *", "timeZone": "UTC"})
}

fn hourly() -> Value {
    json!({"schedule": "0 * * * *", "timeZone": "UTC", "startDeadlineMinutes": 20})
}

#[test]
fn a_new_schedule_asks_at_its_next_moment_and_once_at_each_for_the_newest_backup() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    assert!(world.begun.is_empty(), "what lies before is not expected of it");
    assert_eq!(world.row().next.as_ref().unwrap().0, at("2026-11-22T05:00:00Z"));
    world.run_until("2026-11-23T04:00:00Z", minutes(7));
    world.add("newer", at("2026-11-23T02:00:00Z"));
    world.run_until("2026-11-23T12:00:00Z", minutes(7));
    let pair = |moment: &str, backup: &str| (moment.to_owned(), backup.to_owned());
    assert_eq!(world.begun, [pair("11-22 05:00", "b"), pair("11-23 05:00", "newer")]);
    let last = world.row().last.as_ref().unwrap();
    assert_eq!((last.backup.as_str(), last.outcome), ("newer", DrillRunOutcome::Passed));
    assert!(last.at.is_some() && world.row().running.is_none() && world.row().missed.is_none());
}

#[test]
fn between_two_moments_the_status_is_still() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    world.run_until("2026-11-22T06:00:00Z", minutes(7));
    let row = world.row.clone();
    world.run_until("2026-11-23T04:50:00Z", minutes(7));
    assert_eq!(world.row, row);
}

#[test]
fn an_operator_that_comes_back_within_the_deadline_asks_late_and_after_it_tells() {
    for (back, begun) in [("2026-11-22T05:59:00Z", vec!["11-22 05:00"]), ("2026-11-22T06:00:00Z", vec![])] {
        let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
        world.now = at(back);
        world.settle();
        assert_eq!(world.moments(), begun, "{back}");
        assert_eq!(world.row().missed.is_some(), begun.is_empty(), "{back}");
    }
}

#[test]
fn after_an_outage_only_the_newest_moment_is_made_up_for_and_the_others_are_counted() {
    let mut world = World::new(hourly(), "2026-01-01T00:30:00Z");
    world.now = at("2026-03-02T00:10:00Z");
    world.settle();
    assert_eq!(world.moments(), ["03-02 00:00"]);
    let told = world.missed().to_owned();
    assert!(
        told.starts_with("due 2026-03-01T23:00:00Z: no operator was at work until its deadline"),
        "{told}"
    );
    assert!(told.contains("kubectl -n stylobate-system get pods"), "{told}");
    assert!(told.ends_with("; 1438 runs before it, from 2026-01-01T01:00:00Z on, were missed too"), "{told}");
    world.run_until("2026-03-02T01:30:00Z", minutes(5));
    assert_eq!(world.moments(), ["03-02 00:00", "03-02 01:00"], "and then it goes on");
}

#[test]
fn what_hinders_a_drill_until_its_deadline_is_the_reason() {
    type Spoil = fn(&mut World);
    let cases: [(Spoil, Hindrance, &str); 3] = [
        (
            |world| world.paused = true,
            Hindrance::Paused,
            "spec.paused was true until its deadline at 2026-11-21T13:20:00Z (startDeadlineMinutes); set it",
        ),
        (
            |world| world.backups.clear(),
            Hindrance::NoBackup,
            "no backup could be restored until its deadline",
        ),
        (
            |world| {
                world.takes = minutes(600);
                world.backups.get_mut("b").unwrap().verify = Some("by a person".into());
            },
            Hindrance::Busy("b".into()),
            "a drill of backup b was under way until its deadline",
        ),
    ];
    for (spoil, hindrance, told) in cases {
        let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
        spoil(&mut world);
        world.now = at("2026-11-21T13:05:00Z");
        let due = world.round(2);
        assert_eq!(due.waiting, Some((at("2026-11-21T13:00:00Z"), hindrance)));
        assert!(due.ask.is_none() && world.row().missed.is_none());
        world.run_until("2026-11-21T13:30:00Z", minutes(1));
        assert!(world.begun.is_empty() && world.missed().contains(told), "{}", world.missed());
    }
}

#[test]
fn what_ceases_to_hinder_within_the_deadline_only_delays_the_drill() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.paused = true;
    world.run_until("2026-11-21T13:10:00Z", minutes(1));
    world.paused = false;
    world.settle();
    assert_eq!(world.moments(), ["11-21 13:00"]);
    assert!(world.row().missed.is_none());
}

#[test]
fn drills_that_take_longer_than_the_time_between_two_moments_never_pile_up() {
    let mut world = World::new(json!({"schedule": "* * * * *"}), "2026-11-21T12:00:30Z");
    world.takes = minutes(3);
    world.run_until("2026-11-21T12:12:00Z", SignedDuration::from_secs(15));
    assert_eq!(world.moments(), ["11-21 12:01", "11-21 12:04", "11-21 12:07", "11-21 12:10"]);
    assert!(
        world.missed().contains("a drill of backup b was under way until the next run was due"),
        "{}",
        world.missed()
    );
}

#[test]
fn a_request_of_a_person_that_has_no_answer_yet_is_not_written_over() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.now = at("2026-11-21T13:00:05Z");
    world.backups.get_mut("b").unwrap().verify = Some("by a person".into());
    let due = world.due();
    assert_eq!((due.ask, due.waiting.unwrap().1), (None, Hindrance::Busy("b".into())));
    world.run_until("2026-11-21T13:15:00Z", minutes(1));
    assert_eq!(world.moments(), ["11-21 13:00"], "it comes after it");
}

#[test]
fn a_drill_whose_end_can_no_longer_be_seen_is_told_so() {
    type Spoil = fn(&mut World);
    let cases: [(Spoil, &str); 2] = [
        (|world| drop(world.backups.remove("b")), "its backup was deleted"),
        (
            |world| {
                let backup = world.backups.get_mut("b").unwrap();
                (backup.verify, backup.status.drill) = (Some("by a person".into()), None);
            },
            "another drill of the same backup",
        ),
    ];
    for (spoil, told) in cases {
        let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
        world.run_until("2026-11-21T13:01:00Z", minutes(1));
        assert_eq!(world.row().running.as_ref().unwrap().outcome, DrillRunOutcome::Running);
        spoil(&mut world);
        world.settle();
        let last = world.row().last.clone().unwrap();
        assert_eq!((last.outcome, world.row().running.is_none()), (DrillRunOutcome::Gone, true));
        assert!(last.cause.unwrap().contains(told));
    }
}

#[test]
fn a_failed_drill_keeps_the_head_of_its_cause() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.ends = DrillOutcome::Failed;
    world.run_until("2026-11-21T13:30:00Z", minutes(1));
    let last = world.row().last.clone().unwrap();
    assert_eq!(last.outcome, DrillRunOutcome::Failed);
    let cause = last.cause.unwrap();
    assert!(cause.starts_with("block 5 of t") && cause.len() == 1000, "{}", cause.len());
}

#[test]
fn after_a_failure_the_next_drill_looks_for_what_a_restore_would_take_instead() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.ends = DrillOutcome::Failed;
    world.run_until("2026-11-21T13:30:00Z", minutes(1));
    let rotten = world.begun[0].1.clone();
    world.add("older", at("2019-10-01T02:00:00Z"));
    world.run_until("2026-11-21T14:30:00Z", minutes(1));
    assert_eq!(world.begun[1].1, "older", "{rotten} is known by now");
    world.run_until("2026-11-21T15:30:00Z", minutes(1));
    assert_eq!(world.begun[2].1, rotten, "where all failed, the newest is looked at once more");
}

#[test]
fn a_clock_that_goes_back_an_hour_brings_its_moment_again_and_loses_none() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.run_until("2026-11-21T14:30:00Z", minutes(1));
    (world.now, world.clock_goes_back) = (at("2026-11-21T13:30:00Z"), true);
    world.run_until("2026-11-21T15:30:00Z", minutes(1));
    assert_eq!(world.moments(), ["11-21 13:00", "11-21 14:00", "11-21 15:00"], "the last request is known");
    world.now = at("2026-11-21T13:30:00Z");
    world.run_until("2026-11-21T14:30:00Z", minutes(1));
    assert_eq!(world.moments()[3..], ["11-21 14:00"], "one before it is not");
    assert!(world.row().missed.is_none());
}

#[test]
fn a_clock_that_jumps_ahead_and_back_by_seconds_writes_nothing() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.run_until("2026-11-21T13:10:00Z", minutes(1));
    let row = world.row.clone();
    world.now = at("2026-11-21T12:59:58Z");
    let due = world.due();
    assert_eq!((due.ask, due.waiting, due.row.as_ref()), (None, None, row.as_ref()));
}

#[test]
fn a_clock_that_was_years_ahead_does_not_silence_the_schedule_when_it_is_put_right() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    world.now = at("2031-01-01T12:00:00Z");
    world.settle();
    assert!(world.row().missed.is_some());
    world.now = at("2026-11-21T13:00:00Z");
    world.run_until("2026-11-22T06:30:00Z", minutes(1));
    assert_eq!(world.moments(), ["11-22 05:00"]);
    assert!(world.row().missed.is_none(), "what a wrong clock named is not expected");
}

#[test]
fn where_clocks_go_back_or_forward_each_night_has_one_drill() {
    let berlin = json!({"schedule": "30 2 * * *", "timeZone": "Europe/Berlin"});
    // 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC. 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
    for (from, end, moments) in [
        ("2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", ["10-25 00:30", "10-26 01:30"]),
        ("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", ["03-29 01:00", "03-30 00:30"]),
    ] {
        let mut world = World::new(berlin.clone(), from);
        world.run_until(end, minutes(1));
        assert_eq!(world.moments(), moments);
        assert!(world.row().missed.is_none());
    }
}

#[test]
fn an_edit_counts_from_then_on_and_tells_what_the_old_text_still_owed() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.paused = true;
    world.run_until("2026-11-21T13:05:00Z", minutes(1));
    let drill = world.policy.drill.as_mut().unwrap();
    (drill.schedule, drill.time_zone) = ("0 1 * * *".into(), "Asia/Tokyo".into());
    world.paused = false;
    world.now = at("2026-11-21T18:00:00Z");
    world.settle();
    assert!(world.begun.is_empty(), "16:00 UTC was before the edit was seen");
    assert!(
        world.missed().contains("the schedule was changed before the drill could begin"),
        "{}",
        world.missed()
    );
    assert_eq!(world.row().since.0, at("2026-11-21T18:00:00Z"));
    world.run_until("2026-11-22T18:00:00Z", minutes(10));
    assert_eq!(world.moments(), ["11-22 16:00"]);
}

#[test]
fn a_drill_that_runs_while_its_schedule_is_edited_is_followed_to_its_end() {
    let mut world = World::new(hourly(), "2026-11-21T12:30:00Z");
    world.now = at("2026-11-21T13:00:05Z");
    world.round(2);
    world.policy.drill.as_mut().unwrap().schedule = "30 * * * *".into();
    world.settle();
    assert_eq!(world.row().running.as_ref().unwrap().outcome, DrillRunOutcome::Running);
    assert!(world.row().missed.is_none());
    world.run_until("2026-11-21T13:10:00Z", minutes(1));
    assert_eq!(world.row().last.as_ref().unwrap().outcome, DrillRunOutcome::Passed);
}

#[test]
fn a_slip_of_the_pen_leaves_the_schedule_as_it_was_last() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    let drill = world.policy.drill.as_mut().unwrap();
    (drill.schedule, drill.time_zone, drill.start_deadline_minutes) = ("0 25 * * *".into(), "Mars".into(), 0);
    let told: Vec<String> = read(&ClusterName::new("n", "c"), &world.policy, world.row.as_ref())
        .1
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(
        told.iter().any(|problem| problem.starts_with("spec.backup.drill.schedule is '0 25 * * *'")),
        "{told:#?}"
    );
    world.run_until("2026-11-22T12:00:00Z", minutes(1));
    assert_eq!(world.moments(), ["11-22 05:00"]);
    assert!(
        read(&ClusterName::new("n", "c"), &world.policy, None).0.is_none(),
        "nothing was in force before"
    );
}

#[test]
fn without_its_schedule_nothing_is_asked_for_nor_told() {
    let mut world = World::new(nightly(), "2026-11-21T12:00:00Z");
    world.policy.drill = None;
    world.now = at("2026-11-22T05:00:10Z");
    assert_eq!(world.due(), Due::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever clock, crashes, pauses and lost backups do: no drill begins twice and no two run at once (the world panics), and
    /// the newest moment was served or is told.
    #[test]
    fn whatever_happens_each_moment_has_one_drill_or_one_reason(
        text in prop::sample::select(vec!["0 * * * *", "*/20 * * * *", "7 2 * * *"]),
        steps in prop::collection::vec((-90..400i64, 0..3usize, 0..5u8, 1..90i64), 1..25),
    ) {
        let drill = json!({"schedule": text, "timeZone": "Europe/Berlin", "startDeadlineMinutes": 30});
        let mut world = World::new(drill, "2026-10-24T12:00:00Z");
        let (start, mut latest) = (world.now, world.now);
        for (jump, writes, what, takes) in steps {
            world.clock_goes_back |= jump < 0;
            world.now = (world.now + minutes(jump)).max(start);
            latest = latest.max(world.now);
            world.takes = minutes(takes);
            world.paused = what == 1;
            match what {
                2 => drop(world.backups.remove("b")),
                3 => world.add("b", world.now),
                _ => {}
            }
            world.round(writes);
        }
        world.paused = false;
        // Longer than a day: each of the schedules has a moment in it.
        world.now = latest + minutes(36 * 60);
        world.add("last", world.now);
        world.live();
        world.settle();
        let (schedule, _) = read(&ClusterName::new("n", "c"), &world.policy, world.row.as_ref());
        let newest = schedule.unwrap().cron.after(start).take_while(|at| *at <= world.now).last().unwrap();
        prop_assert_eq!(world.row().considered.0, newest, "nothing is left open");
        let told = world.row().missed.as_ref().is_some_and(|missed| missed.scheduled_for.0 == newest);
        let request = scheduled_drill(newest);
        let served = world.backups.values().any(|backup| backup.drill_of(&request).is_some());
        prop_assert!(told != served, "told {told}, served {served}");
    }
}
