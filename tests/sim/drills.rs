//! Drills: their own controller, which begins one that is asked for and ends it in the next round.

use std::fmt::Write as _;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use stylobate::api::{DrillOutcome, DrillReport};
use stylobate::name::{drill, scheduled_drill};
use stylobate::schedule::retention::is_good;

use super::World;

/// What becomes of drills that begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DrillsEnd {
    /// They pass.
    Well,
    /// They fail for this cause.
    Badly(String),
    /// They go on and on.
    Never,
}

impl World {
    /// The request of the operator, onto the object that it saw.
    pub fn ask_for_drill(&mut self, backup: &str, uid: &str, moment: Timestamp) {
        let live = self.backups.get_mut(backup).expect("only backups that exist are drilled");
        assert!(live.uid == uid && is_good(live), "{backup} can't be restored");
        assert!(!self.cluster.spec.paused, "a paused cluster asks for nothing");
        live.verify = Some(scheduled_drill(moment));
    }

    /// The request of a person.
    pub fn verify_by_hand(&mut self, backup: &str) {
        let request = format!("by-hand-{}", self.next());
        self.backups.get_mut(backup).expect("the backup exists").verify = Some(request);
    }

    /// Takes each drill one step further.
    pub fn make_drills(&mut self) {
        let mut running = 0;
        for backup in self.backups.values_mut() {
            let going = backup.status.drill.clone().filter(|drill| drill.outcome == DrillOutcome::Running);
            if let Some(report) = going {
                let ended = match &self.drills_end {
                    DrillsEnd::Never => report,
                    DrillsEnd::Well => {
                        DrillReport { outcome: DrillOutcome::Passed, at: Some(Time(self.now)), ..report }
                    }
                    DrillsEnd::Badly(cause) => DrillReport {
                        outcome: DrillOutcome::Failed,
                        at: Some(Time(self.now)),
                        cause: Some(cause.clone()),
                        ..report
                    },
                };
                match ended.outcome {
                    DrillOutcome::Running => {}
                    DrillOutcome::Failed => backup.status.failed_drill = Some(ended.clone()),
                    DrillOutcome::Passed => {
                        (backup.status.verified, backup.status.failed_drill) = (Some(ended.clone()), None);
                    }
                }
                backup.status.drill = Some(ended);
            } else if let Some(request) = &backup.verify {
                let cluster = drill(&backup.spec.cluster, &backup.uid, request);
                if backup.status.drill.as_ref().is_none_or(|last| last.cluster != cluster) {
                    self.drilled.push(cluster.clone());
                    backup.status.drill = Some(DrillReport::begins(cluster, Time(self.now)));
                }
            }
            backup.used_by = backup.drilled_by();
            running += usize::from(backup.used_by.is_some());
        }
        assert!(running <= 1, "{running} drills of a cluster at a time");
    }

    /// The schedule of drills and what it did, as text.
    pub fn show_drills(&self) -> String {
        let mut text = String::new();
        let status =
            self.cluster.status.as_ref().and_then(|status| status.backup.clone()).unwrap_or_default();
        for row in status.drill.iter() {
            let _ = writeln!(text, "  {} {}", row.schedule, row.time_zone);
            for run in row.running.iter().chain(&row.last) {
                let cause = run.cause.as_ref().map(|cause| format!(", {cause}")).unwrap_or_default();
                let _ = writeln!(
                    text,
                    "  {:.0} of {}: {:?}{cause}",
                    run.scheduled_for.0, run.backup, run.outcome
                );
            }
            for missed in row.missed.iter() {
                let _ = writeln!(text, "  {:.0} missed: {}", missed.scheduled_for.0, missed.reason);
            }
        }
        let proved = status.last_verified.map(|last| format!("{} at {:.0}", last.name, last.at.0));
        let _ = writeln!(
            text,
            "  {} drills so far, proved: {}",
            self.drilled.len(),
            proved.unwrap_or("none".into())
        );
        text
    }
}
