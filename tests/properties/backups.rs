//! Backups and policies for them as the types can hold them, whatever the schema says.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use stylobate::observe::BackupSeen;

use super::{HEALTHY, typed};

/// Names that runs have, and others.
pub fn backup_name() -> impl Strategy<Value = String> {
    prop_oneof![Just("ledger-s-202611211200".to_owned()), Just("by-hand".to_owned()), any::<String>()]
}

prop_compose! {
    /// A backup in any state, at any time that can be.
    pub fn backup()(
        phase in proptest::sample::select(vec!["Pending", "Cutting", "Succeeded", "Failed", "Missed", "Lost"]),
        hours in -20_000..2_000_000i64, hold in any::<bool>(), deleting in any::<bool>(), missed in option::of(any::<String>()),
        used_by in option::of(any::<String>()), schedule in option::of(typed()), verify in option::of(any::<String>()),
        drill in option::of((proptest::sample::select(vec!["Running", "Passed", "Failed"]), any::<String>())),
    ) -> BackupSeen {
        let at = HEALTHY.now.checked_sub(jiff::SignedDuration::from_hours(hours)).unwrap_or(jiff::Timestamp::MIN);
        let time = schedule.as_ref().map(|_| at);
        let drill = drill.map(|(outcome, cluster)| json!({"cluster": cluster, "outcome": outcome, "startedAt": at, "at": at}));
        BackupSeen {
            uid: "u".into(),
            resource_version: "1".into(),
            created: Some(at),
            spec: serde_json::from_value(json!({"cluster": "ledger", "hold": hold, "schedule": schedule, "scheduledFor": time}))
                .expect("the types hold it"),
            status: serde_json::from_value(json!({"phase": phase, "cutAt": at, "drill": drill, "verified": drill})).expect("the types hold it"),
            deleting,
            missed,
            verify,
            used_by,
        }
    }
}

/// A policy for backups that the types can hold.
pub fn backup_policy() -> impl Strategy<Value = Value> {
    let schedule = proptest::sample::select(vec![
        "0 * * * *",
        "*/7 * * * *",
        "0 2 30 2 *",
        "",
        "nonsense",
        "59 23 29 2 *",
    ]);
    let zone = proptest::sample::select(vec!["UTC", "Europe/Berlin", "Mars/Base", ""]);
    let schedules = vec((typed(), schedule, zone, any::<i32>()), 0..3);
    let text = proptest::sample::select(vec!["0 * * * *", "", "nonsense", "59 23 29 2 *"]);
    let drill = (text, proptest::sample::select(vec!["UTC", "Mars/Base"]), any::<i32>(), any::<i32>()).prop_map(
        |(text, zone, start, most)| {
            json!({"schedule": text, "timeZone": zone, "startDeadlineMinutes": start, "deadlineMinutes": most})
        },
    );
    let rules = (option::of(any::<i32>()), option::of(-2..40i32), option::of(any::<i32>()));
    (schedules, rules, option::of(drill), any::<bool>()).prop_map(
        |(schedules, (days, last, weekly), drill, gce)| {
            let schedules: Vec<Value> = schedules
                .into_iter()
                .map(|(name, text, zone, minutes)| {
                    json!({"name": name, "schedule": text, "timeZone": zone, "startDeadlineMinutes": minutes})
                })
                .collect();
            let retention =
                json!({"days": days, "last": last, "weekly": weekly, "daily": last, "monthly": weekly});
            let provider = if gce { "Gce" } else { "Csi" };
            json!({"schedules": schedules, "retention": retention, "drill": drill, "provider": provider})
        },
    )
}
