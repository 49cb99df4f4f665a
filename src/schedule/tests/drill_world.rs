//! A cluster's backups in memory, the operator that asks for drills, and the controller that makes them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use crate::api::{BackupPhase, BackupPolicy, DrillOutcome, DrillReport, DrillsStatus};
use crate::name::ClusterName;
use crate::name::{drill, scheduled_drill};
use crate::observe::BackupSeen;
use crate::schedule::drills::{Due, Facts, due, read};

use super::world::{at, minutes, seen};

#[derive(Clone)]
pub struct World {
    pub policy: BackupPolicy,
    pub row: Option<DrillsStatus>,
    pub backups: BTreeMap<String, BackupSeen>,
    pub paused: bool,
    pub now: Timestamp,
    /// How long a drill takes, and what comes of it.
    pub takes: SignedDuration,
    pub ends: DrillOutcome,
    /// The moments of drills that began by schedule, and their backups.
    pub begun: Vec<(String, String)>,
    /// Names of all drills that began. Where the clock goes back, one may begin again.
    pub names: BTreeSet<String>,
    pub clock_goes_back: bool,
}

impl World {
    /// With this schedule, first seen at `now`, and one good backup `b`.
    pub fn new(drill: Value, now: &str) -> Self {
        let mut world = Self {
            policy: serde_json::from_value(json!({"drill": drill})).unwrap(),
            row: None,
            backups: BTreeMap::new(),
            paused: false,
            now: at(now),
            takes: minutes(3),
            ends: DrillOutcome::Passed,
            begun: vec![],
            names: BTreeSet::new(),
            clock_goes_back: false,
        };
        world.add("b", at("2019-11-01T02:00:00Z"));
        world.round(2);
        world
    }

    pub fn add(&mut self, name: &str, cut: Timestamp) {
        let uid = format!("{name} cut {cut} added {}", self.now);
        let backup = BackupSeen { uid, ..seen(BackupPhase::Succeeded, cut) };
        self.backups.insert(name.into(), backup);
    }

    pub fn due(&self) -> Due {
        let (schedule, _) = read(&ClusterName::new("n", "c"), &self.policy, self.row.as_ref());
        due(&Facts {
            schedule: schedule.as_ref(),
            row: self.row.as_ref(),
            backups: &self.backups,
            paused: self.paused,
            now: self.now,
        })
    }

    /// One round of an operator, of which `writes` come through: the status first, then the request.
    pub fn round(&mut self, writes: usize) -> Due {
        let due = self.due();
        if writes > 0 {
            self.row = due.row.clone();
        }
        if let Some((backup, moment)) = due.ask.as_ref().filter(|_| writes > 1) {
            self.backups.get_mut(backup).unwrap().verify = Some(scheduled_drill(*moment));
        }
        self.live();
        due
    }

    /// The controller of drills.
    pub fn live(&mut self) {
        let now = self.now;
        let going = |backup: &BackupSeen| {
            backup.status.drill.as_ref().is_some_and(|drill| drill.outcome == DrillOutcome::Running)
        };
        for backup in self.backups.values_mut().filter(|backup| going(backup)) {
            let mut report = backup.status.drill.clone().unwrap();
            if now.duration_since(report.started_at.0) < self.takes {
                continue;
            }
            (report.outcome, report.at) = (self.ends, Some(Time(now)));
            if self.ends == DrillOutcome::Failed {
                report.cause = Some("block 5 of t ".repeat(200));
                backup.status.failed_drill = Some(report.clone());
            } else {
                (backup.status.verified, backup.status.failed_drill) = (Some(report.clone()), None);
            }
            backup.status.drill = Some(report);
        }
        for (name, backup) in &mut self.backups {
            let Some(request) = backup.verify.clone().filter(|_| !going(backup)) else { continue };
            let cluster = drill(&backup.spec.cluster, &backup.uid, &request);
            if backup.status.drill.as_ref().is_some_and(|last| last.cluster == cluster) {
                continue;
            }
            assert!(self.names.insert(cluster.clone()) || self.clock_goes_back, "{cluster} began twice");
            if let Some(moment) = request.strip_prefix("schedule-") {
                self.begun.push((at(moment).strftime("%m-%d %H:%M").to_string(), name.clone()));
            }
            let report = json!({"cluster": cluster, "outcome": "Running", "startedAt": now.to_string()});
            backup.status.drill = Some(serde_json::from_value::<DrillReport>(report).unwrap());
        }
        let running = self.backups.values().filter(|backup| going(backup)).count();
        assert!(running <= 1, "{running} drills at a time");
    }

    /// Rounds every `step` until `end`.
    pub fn run_until(&mut self, end: &str, step: SignedDuration) {
        while self.now < at(end) {
            self.round(2);
            self.now += step;
        }
        self.settle();
    }

    /// Rounds at one moment until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..10 {
            let before = self.row.clone();
            if self.round(2).ask.is_none() && self.row == before {
                return;
            }
        }
        panic!("no rest: {:#?}", self.due());
    }

    pub fn row(&self) -> &DrillsStatus {
        self.row.as_ref().unwrap()
    }

    pub fn moments(&self) -> Vec<&str> {
        self.begun.iter().map(|(moment, _)| moment.as_str()).collect()
    }

    pub fn missed(&self) -> &str {
        &self.row().missed.as_ref().expect("one was missed").reason
    }
}
