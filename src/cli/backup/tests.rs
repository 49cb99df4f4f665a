//! The list: what was promised beside what was.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use crate::api::{BackupPhase, PostgresCluster};
use crate::fixture::{backup, observed};
use crate::observe::BackupSeen;

use super::{document, runs, table};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A nightly schedule since the 15th, looked at up to the 20th; the operator is away since.
fn cluster() -> Arc<PostgresCluster> {
    let policy = json!({"backup": {"schedules": [{"name": "nightly", "schedule": "0 2 * * *", "startDeadlineMinutes": 60}]}});
    let mut cluster = observed(policy).cluster;
    let status = json!({"backup": {
        "schedules": [{
            "name": "nightly", "schedule": "0 2 * * *", "timeZone": "UTC", "since": "2026-11-15T12:00:00Z",
            "considered": "2026-11-20T02:00:00Z", "next": "2026-11-21T02:00:00Z",
        }],
        "lastGood": {"name": "c-nightly-202611200200", "cutAt": "2026-11-20T02:00:09Z"},
    }});
    Arc::make_mut(&mut cluster).status = Some(serde_json::from_value(status).unwrap());
    cluster
}

fn run(day: &str, phase: BackupPhase) -> (String, BackupSeen) {
    let moment = at(&format!("2026-11-{day}T02:00:00Z"));
    let mut seen = backup(at(&format!("2026-11-{day}T02:00:09Z")));
    (seen.spec.schedule, seen.spec.scheduled_for) = (Some("nightly".into()), Some(Time(moment)));
    seen.status.phase = phase;
    if phase == BackupPhase::Succeeded {
        seen.status.restore_bytes = Some(2 << 30);
        seen.status.write_stall_milliseconds = Some(12);
        seen.status.kept_by = vec!["last 7".into()];
    } else {
        (seen.status.cut_at, seen.status.reason) = (None, Some("spec.paused was true".into()));
    }
    (format!("c-nightly-202611{day}0200"), seen)
}

fn backups() -> BTreeMap<String, BackupSeen> {
    let mut all: BTreeMap<_, _> = [
        run("17", BackupPhase::Succeeded),
        run("18", BackupPhase::Missed),
        run("20", BackupPhase::Succeeded),
    ]
    .into();
    all.insert("by-hand".into(), backup(at("2026-11-19T15:00:00Z")));
    all
}

#[test]
fn each_promised_run_has_a_row_whether_it_has_an_object_or_not() {
    let rows = runs(&cluster(), &backups(), at("2026-11-07T00:00:00Z"), at("2026-11-22T02:10:00Z"));
    let told: Vec<String> =
        rows.iter().map(|row| format!("{} {}", row.at.strftime("%d %H:%M"), row.outcome.word())).collect();
    assert_eq!(
        told,
        [
            "16 02:00 gone",
            "17 02:00 Succeeded",
            "18 02:00 Missed",
            "19 02:00 gone",
            "19 15:00 Succeeded",
            "20 02:00 Succeeded",
            "21 02:00 ABSENT",
            "22 02:00 due",
        ]
    );
}

#[test]
fn the_list_shows_what_a_person_asks_and_why_a_run_is_not_there() {
    let text = table(&cluster(), &backups(), at("2026-11-17T00:00:00Z"), at("2026-11-22T02:10:00Z"));
    let line = |part: &str| {
        text.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("no {part} in\n{text}"))
    };
    let cells: Vec<&str> = line("c-nightly-202611200200").split_whitespace().collect();
    assert_eq!(
        cells,
        [
            "2026-11-20T02:00:00Z",
            "nightly",
            "Succeeded",
            "c-nightly-202611200200",
            "Snapshot",
            "2026-11-20T02:00:09Z",
            "2Gi",
            "12",
            "ms",
            "no",
            "by",
            "last",
            "7",
        ]
    );
    assert!(line("by-hand").contains("on demand"), "{text}");
    assert!(text.contains("\n!! c-nightly-202611180200: spec.paused was true\n"), "{text}");
    assert!(
        text.contains("6 runs were due: 2 succeeded, 0 failed, 1 missed, 0 lost, 1 gone, 1 absent"),
        "{text}"
    );
    assert!(text.contains("is the operator running?"), "{text}");
    assert!(text.contains("last good backup: c-nightly-202611200200, cut 2026-11-20T02:00:09Z"), "{text}");
    assert!(text.contains("next nightly: 2026-11-21T02:00:00Z (0 2 * * * UTC)"), "{text}");
}

#[test]
fn a_cluster_without_schedules_says_so() {
    let none = observed(json!({})).cluster;
    let text = table(&none, &BTreeMap::new(), at("2026-11-17T00:00:00Z"), at("2026-11-22T02:10:00Z"));
    assert!(text.starts_with("no backup of c and no run that was due since 2026-11-17T00:00:00Z"), "{text}");
    assert!(text.ends_with("spec.backup names no schedule: there are backups on demand alone\n"), "{text}");
}

#[test]
fn the_document_has_a_row_for_a_run_without_an_object_too() {
    let all = document(&cluster(), &backups(), at("2026-11-21T00:00:00Z"), at("2026-11-21T12:00:00Z"));
    assert_eq!(
        all["runs"],
        json!([{
            "at": "2026-11-21T02:00:00Z", "schedule": "nightly", "outcome": "absent", "backup": null, "method": null, "hold": null, "status": null,
        }])
    );
    assert_eq!(all["summary"]["lastGood"]["name"], "c-nightly-202611200200");
}

#[test]
fn the_list_ends_with_what_is_proved_and_when_the_next_proof_is_due() {
    let mut cluster = cluster();
    let status = Arc::make_mut(&mut cluster).status.as_mut().unwrap().backup.as_mut().unwrap();
    let row = json!({
        "schedule": "0 5 * * SUN", "timeZone": "Europe/Berlin", "since": "2026-11-01T00:00:00Z",
        "considered": "2026-11-15T04:00:00Z", "next": "2026-11-22T04:00:00Z",
        "last": {"backup": "by-hand", "scheduledFor": "2026-11-08T04:00:00Z", "outcome": "Failed", "cause": "block 5 of t"},
        "missed": {"scheduledFor": "2026-11-15T04:00:00Z", "reason": "due 2026-11-15T04:00:00Z: spec.paused was true"},
    });
    status.drill = Some(serde_json::from_value(row).unwrap());
    let show = |cluster: &PostgresCluster| {
        table(cluster, &backups(), at("2026-11-17T00:00:00Z"), at("2026-11-22T02:10:00Z"))
    };
    let text = show(&cluster);
    for line in [
        "last drill that passed: none\n",
        "last drill by schedule: by-hand, due 2026-11-08T04:00:00Z, Failed: block 5 of t\n",
        "last drill that was missed: due 2026-11-15T04:00:00Z: spec.paused was true\n",
        "next drill: 2026-11-22T04:00:00Z (0 5 * * SUN Europe/Berlin)\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let status = Arc::make_mut(&mut cluster).status.as_mut().unwrap().backup.as_mut().unwrap();
    let passed = json!({"name": "by-hand", "cutAt": "2026-11-19T15:00:00Z", "at": "2026-11-20T05:10:00Z"});
    (status.drill, status.last_verified) = (None, serde_json::from_value(passed).unwrap());
    let text = show(&cluster);
    assert!(text.contains("last drill that passed: by-hand, at 2026-11-20T05:10:00Z\n"), "{text}");
    assert!(!text.contains("next drill"), "{text}");
}

#[test]
fn the_list_tells_how_long_restores_took_beside_their_size_the_newest_first() {
    let mut cluster = cluster();
    let status = Arc::make_mut(&mut cluster).status.as_mut().unwrap().backup.as_mut().unwrap();
    let one = |day: u32, seconds: i64| {
        let recovery = json!({"backup": format!("day-{day}"), "at": format!("2026-11-{day}T05:00:00Z"), "method": "Snapshot",
            "seconds": seconds, "bytes": 27 << 20, "replayedBytes": 16 << 20});
        serde_json::from_value(recovery).unwrap()
    };
    (status.recoveries, status.drill_volumes) = (vec![one(14, 40), one(21, 44)], 2);
    let text = table(&cluster, &backups(), at("2026-11-17T00:00:00Z"), at("2026-11-22T02:10:00Z"));
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let head = rows
        .iter()
        .position(|row| row[..] == ["RESTORED", "TOOK", "DATABASES", "WAL", "BACKUP"])
        .expect(&text);
    assert_eq!(rows[head + 1], ["2026-11-21T05:00:00Z", "44", "s", "27Mi", "16Mi", "day-21"], "{text}");
    assert_eq!(rows[head + 2][1], "40");
    assert!(text.contains("volumes that drills left behind: 2; "), "{text}");
}
