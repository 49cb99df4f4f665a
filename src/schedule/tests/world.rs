//! A cluster's backups in memory: what is due comes true at once, or not.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use crate::api::{BackupPhase, BackupPolicy, BackupStatus, ScheduleStatus};
use crate::name::ClusterName;
use crate::observe::BackupSeen;
use crate::schedule::{Due, Facts, Hindrance, Run, due, read};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

/// A backup as the store has it.
pub fn seen(phase: BackupPhase, moment: Timestamp) -> BackupSeen {
    BackupSeen {
        uid: "u".into(),
        resource_version: "1".into(),
        created: Some(moment),
        spec: serde_json::from_value(json!({"cluster": "c"})).unwrap(),
        status: BackupStatus { phase, cut_at: Some(Time(moment)), ..BackupStatus::default() },
        deleting: false,
        missed: None,
        verify: None,
        used_by: None,
    }
}

/// The backup of a run.
pub fn seen_run(run: &Run, phase: BackupPhase, now: Timestamp) -> BackupSeen {
    let spec = json!({"cluster": "c", "schedule": run.schedule, "scheduledFor": run.moment.to_string()});
    let mut backup = seen(phase, run.moment);
    backup.spec = serde_json::from_value(spec).unwrap();
    backup.created = Some(now);
    backup.status.started_at = Some(Time(now));
    backup
}

#[derive(Clone)]
pub struct World {
    pub policy: BackupPolicy,
    pub rows: Vec<ScheduleStatus>,
    pub backups: BTreeMap<String, BackupSeen>,
    pub hindrance: Option<Hindrance>,
    pub now: Timestamp,
    /// Names in the order in which runs began.
    pub begun: Vec<String>,
}

impl World {
    /// With these schedules, first seen at `now`.
    pub fn new(schedules: Value, now: &str) -> Self {
        let mut world = Self {
            policy: serde_json::from_value(json!({"schedules": schedules})).unwrap(),
            rows: vec![],
            backups: BTreeMap::new(),
            hindrance: None,
            now: at(now),
            begun: vec![],
        };
        world.round();
        world
    }

    pub fn due(&self) -> Due {
        let (schedules, _) = read(&ClusterName::new("n", "c"), &self.policy, &self.rows);
        due(&Facts {
            cluster: &ClusterName::new("n", "c"),
            schedules: &schedules,
            rows: &self.rows,
            backups: &self.backups,
            hindrance: self.hindrance.clone(),
            now: self.now,
        })
    }

    /// One round of an operator, of which at most `cut` writes come through; the status is written first. A run succeeds
    /// at once.
    pub fn cut_round(&mut self, cut: usize) -> Due {
        let due = self.due();
        self.rows = due.rows.clone();
        let mut left = cut;
        for missed in &due.missed {
            if left == 0 {
                return due;
            }
            left -= 1;
            let mut backup = seen_run(&missed.run, BackupPhase::Missed, self.now);
            backup.missed = Some(missed.reason.clone());
            backup.status.reason = Some(missed.reason.clone());
            backup.status.cut_at = None;
            self.backups.entry(missed.run.backup.clone()).or_insert(backup);
        }
        if let Some(run) = due.begin.as_ref().filter(|_| left > 0) {
            assert!(!self.begun.contains(&run.backup), "{} began twice", run.backup);
            self.begun.push(run.backup.clone());
            self.backups.insert(run.backup.clone(), seen_run(run, BackupPhase::Succeeded, self.now));
        }
        due
    }

    pub fn round(&mut self) -> Due {
        self.cut_round(usize::MAX)
    }

    /// Rounds every `step` until `end`, and until nothing is left to do.
    pub fn run_until(&mut self, end: &str, step: SignedDuration) {
        while self.now < at(end) {
            self.round();
            self.now += step;
        }
        self.settle();
    }

    /// Rounds at one moment until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..100 {
            let before = self.rows.clone();
            let due = self.round();
            if due.begin.is_none() && due.missed.is_empty() && self.rows == before {
                return;
            }
        }
        panic!("no rest: {:#?}", self.due());
    }

    /// Moments of runs in this phase, as text without seconds.
    pub fn moments(&self, phase: BackupPhase) -> Vec<String> {
        let of = self.backups.values().filter(|backup| backup.status.phase == phase);
        let mut all: Vec<Timestamp> = of.map(|b| b.spec.scheduled_for.clone().unwrap().0).collect();
        all.sort();
        all.iter().map(|at| at.strftime("%m-%d %H:%M").to_string()).collect()
    }

    /// Reasons of missed runs, oldest first.
    pub fn reasons(&self) -> Vec<String> {
        let mut missed: Vec<&BackupSeen> =
            self.backups.values().filter(|b| b.status.phase == BackupPhase::Missed).collect();
        missed.sort_by_key(|backup| backup.spec.scheduled_for.clone().unwrap().0);
        missed.iter().map(|backup| backup.status.reason.clone().unwrap()).collect()
    }
}
