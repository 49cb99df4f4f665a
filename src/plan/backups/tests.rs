//! Retention beside the archive: what of the promised point-in-time window is left after weeks of nights.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::retention;
use crate::archive::{Base, keep};
use crate::fixture::{backup, observed, put_pods, start, target};
use crate::observe::{BackupSeen, Observed};
use crate::plan::Step;

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

/// A backup of the cluster that was cut then; WAL goes on by one folder an hour.
fn base(cut: Timestamp) -> BackupSeen {
    let mut seen = backup(cut);
    let log = cut.duration_since(start()).as_hours() + 5000;
    seen.status.source = serde_json::from_value(json!({
        "clusterUid": "u-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
        "clusterSpec": "", "archived": true,
    }))
    .unwrap();
    seen.status.groups = serde_json::from_value(json!([{
        "group": 0, "member": "c-0", "claim": "data-c-0", "volume": "v", "systemIdentifier": "1", "timeline": 1,
        "checkpointLsn": format!("{log:X}/28"),
    }]))
    .unwrap();
    seen
}

fn world(retention: Value, archive: Value) -> Observed {
    let mut seen = observed(json!({"backup": {"retention": retention, "archive": archive}}));
    put_pods(&mut seen);
    seen
}

fn bucket(days: i32) -> Value {
    json!({"gcs": {"bucket": "wal"}, "retentionDays": days})
}

/// Retention as it is today, until nothing more goes.
fn settle(seen: &mut Observed, now: Timestamp) {
    loop {
        let steps = retention(&target(seen), seen, now);
        let backups = seen.backups.as_mut().unwrap();
        let before = backups.len();
        for step in steps {
            match step {
                Step::DeleteBackup { backup, .. } => drop(backups.remove(&backup)),
                Step::NoteKept { backup, until, by } => {
                    let status = &mut backups.get_mut(&backup).unwrap().status;
                    status.kept_by = by;
                    status.kept_until = until.map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time);
                }
                other => panic!("{other}"),
            }
        }
        if backups.len() == before {
            return;
        }
    }
}

/// Cut of the oldest backup from which every later moment can be brought back, by the rule that removes WAL.
fn window(seen: &Observed, days: i32, now: Timestamp) -> Timestamp {
    let bases: Vec<Base> = seen.backups.iter().flatten().filter_map(|(_, b)| Base::of(&b.status)).collect();
    let kept = keep(&bases, Some(days), 17, now).unwrap();
    bases.iter().filter(|base| kept.covers(base)).map(|base| base.cut_at).min().unwrap()
}

#[test]
fn a_count_of_backups_never_takes_the_base_of_the_promised_window() {
    for (days, every) in [(14, 24), (14, 7), (1, 24), (2, 6), (30, 24), (7, 24 * 7)] {
        let mut seen = world(json!({"last": 3}), bucket(days));
        let mut now = start();
        for run in 0..(24 * 100 / every) {
            seen.backups.as_mut().unwrap().insert(format!("b{run:04}"), base(now));
            for pass in [0, every / 2] {
                let at = now + hours(pass);
                settle(&mut seen, at);
                let wanted = (at - hours(24 * i64::from(days))).max(start());
                let from = window(&seen, days, at);
                assert!(from <= wanted, "{days} days, every {every} h: from {from} at {at}");
                // What is kept beyond the promise stays small: a quarter of it and the pause between two backups.
                let slack = hours(24 * i64::from(days) / 4 + 2 * every + 1);
                assert!(
                    from >= wanted.checked_sub(slack).unwrap(),
                    "{days} days: {from} at {at}, wanted {wanted}"
                );
                let count = seen.backups.as_ref().unwrap().len();
                assert!(count <= 3 + 6, "{count} backups are kept for {days} days, every {every} h");
            }
            now += hours(every);
        }
    }
}

#[test]
fn what_keeps_a_base_is_told_and_without_days_or_an_archive_nothing_more_is_kept() {
    let kept = |archive: Value| {
        let mut seen = world(json!({"last": 1}), archive);
        for (name, age) in [("a", 24 * 20), ("b", 24 * 15), ("c", 24 * 8), ("d", 2), ("e", 1)] {
            seen.backups.as_mut().unwrap().insert(name.into(), base(start() - hours(age)));
        }
        settle(&mut seen, start());
        let told =
            seen.backups.unwrap().into_iter().map(|(name, backup)| (name, backup.status.kept_by.join(", ")));
        told.collect::<BTreeMap<_, _>>()
    };
    let told = kept(bucket(14));
    assert_eq!(told["b"], "base of the last 14 days");
    assert_eq!(told["e"], "last good one, last 1");
    assert!(!told.contains_key("a"), "the newest at or before the window's start is enough: {told:?}");
    assert_eq!(kept(Value::Null).into_keys().collect::<String>(), "e");
    assert_eq!(kept(json!({"gcs": {"bucket": "wal"}})).into_keys().collect::<String>(), "e");
}

#[test]
fn what_can_be_no_base_is_kept_for_no_window() {
    let failed = |backup: &mut BackupSeen| {
        let report = json!({"cluster": "d", "outcome": "Failed", "startedAt": start()});
        backup.status.drill = serde_json::from_value(report).unwrap();
    };
    let unarchived = |backup: &mut BackupSeen| backup.status.source.as_mut().unwrap().archived = Some(false);
    let other_part = |backup: &mut BackupSeen| backup.status.groups[0].claim = "data2-c-0".into();
    let going = |backup: &mut BackupSeen| backup.deleting = true;
    for spoil in [&failed as &dyn Fn(&mut BackupSeen), &unarchived, &other_part, &going] {
        let mut seen = world(json!({"last": 1}), bucket(14));
        let backups = seen.backups.as_mut().unwrap();
        for (name, age) in [("a", 24 * 20), ("b", 24 * 15), ("e", 1)] {
            backups.insert(name.into(), base(start() - hours(age)));
        }
        spoil(backups.get_mut("b").unwrap());
        settle(&mut seen, start());
        assert!(seen.backups.unwrap().contains_key("a"), "the one before it is the base then");
    }
}
