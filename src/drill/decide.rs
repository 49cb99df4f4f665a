//! What is done next in a drill, and what is told of it. Pure.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt;

use crate::api::{BackupPhase, DrillOutcome, DrillReport, PostgresBackup, PostgresCluster};
use crate::name::ANNOTATION_VERIFY;
use crate::status::{kind, reason};

use super::cluster::{cluster, name};
use super::facts::{Findings, Report, Seen};

/// A restore that says it failed may yet heal, as when an image is pulled late; after this long it has not.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make the object that owns all that the drill makes.
    Anchor {
        /// Its name, and the cluster's.
        name: String,
    },
    /// Make the cluster.
    Make {
        /// As sent.
        cluster: Box<PostgresCluster>,
    },
    /// Have the data looked through. Asking while that goes on does nothing.
    Ask {
        /// Name of the drill.
        key: String,
    },
    /// Remove all that the drill made.
    Remove {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Anchor { name } => write!(f, "begin drill {name}"),
            Step::Make { cluster } => write!(f, "restore the backup aside as {}", cluster.name_any()),
            Step::Ask { key } => write!(f, "look through the data of {key}"),
            Step::Remove { name } => write!(f, "remove drill {name}"),
        }
    }
}

/// What to do and what to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// `status.drill` as it should stand. It is written before the step is taken.
    pub drill: Option<DrillReport>,
    /// `status.verified` as it should stand.
    pub verified: Option<DrillReport>,
    /// The step.
    pub step: Option<Step>,
    /// Something is on its way that no watch reports.
    pub soon: bool,
}

/// Decides on one backup.
pub fn decide(seen: &Seen, now: Timestamp) -> Decision {
    let status = seen.backup.status.clone().unwrap_or_default();
    let (drill, verified) = (status.drill, status.verified);
    if seen.backup.metadata.deletion_timestamp.is_some() {
        return Decision { drill, verified, ..Decision::default() };
    }
    match drill {
        Some(drill) if drill.outcome == DrillOutcome::Running => {
            let (drill, step) = go_on(seen, drill, now);
            let passed = drill.outcome == DrillOutcome::Passed;
            let verified = if passed { Some(drill.clone()) } else { verified };
            Decision { drill: Some(drill), verified, step, soon: true }
        }
        last => {
            let left = last.as_ref().filter(|_| seen.anchor.is_some() || seen.cluster.is_some());
            if let Some(last) = left {
                let step = Some(Step::Remove { name: last.cluster.clone() });
                return Decision { drill: Some(last.clone()), verified, step, soon: true };
            }
            match begin(&seen.backup, last.as_ref(), status.phase, now) {
                Some(drill) => Decision { drill: Some(drill), verified, step: None, soon: true },
                None => Decision { drill: last, verified, step: None, soon: false },
            }
        }
    }
}

/// The drill that was asked for, when it is not the last one.
fn begin(
    backup: &PostgresBackup,
    last: Option<&DrillReport>,
    phase: BackupPhase,
    now: Timestamp,
) -> Option<DrillReport> {
    let request = backup.annotations().get(ANNOTATION_VERIFY).filter(|request| !request.is_empty())?;
    let cluster = name(backup, request);
    if last.is_some_and(|last| last.cluster == cluster) || !phase.is_over() {
        return None;
    }
    let drill = DrillReport {
        cluster,
        outcome: DrillOutcome::Running,
        started_at: Time(now),
        at: None,
        recovery_seconds: None,
        lost_seconds: None,
        waiting: None,
        checks: Vec::new(),
        cause: None,
    };
    Some(match phase {
        BackupPhase::Succeeded => drill,
        other => failed(drill, format!("the backup is {other:?}: there is nothing to restore"), now),
    })
}

/// The next step of a drill that runs, or its end.
fn go_on(seen: &Seen, mut drill: DrillReport, now: Timestamp) -> (DrillReport, Option<Step>) {
    drill.waiting = None;
    if let Some(kind) = seen.foreign {
        let cause = format!(
            "{kind} {} is there, which this drill did not make: remove it, and ask for a drill again",
            drill.cluster
        );
        return (failed(drill, cause, now), None);
    }
    let Some(anchor) = &seen.anchor else {
        let step = Step::Anchor { name: drill.cluster.clone() };
        return (drill, Some(step));
    };
    if now.duration_since(drill.started_at.0) > seen.limit {
        let stood = match &seen.cluster {
            None => "nothing was made yet".to_owned(),
            Some(restored) => {
                standing(restored).unwrap_or_else(|| "it served, and was being looked through".into())
            }
        };
        let cause = format!(
            "it took longer than {} min (spec.backup.drill.deadlineMinutes of the cluster); at its end: {stood}",
            seen.limit.as_mins()
        );
        return (failed(drill, cause, now), None);
    }
    let Some(restored) = &seen.cluster else {
        return match cluster(&seen.backup, &drill.cluster, anchor, &seen.images) {
            Ok(cluster) => (drill, Some(Step::Make { cluster: Box::new(cluster) })),
            Err(cause) => (failed(drill, cause, now), None),
        };
    };
    if let Some(cause) = hopeless(restored, now) {
        return (failed(drill, cause, now), None);
    }
    let restore = restored.status.as_ref().and_then(|status| status.restore.as_ref());
    let Some(serving) = restore.and_then(|restore| restore.serving_at.as_ref()) else {
        drill.waiting = standing(restored);
        return (drill, None);
    };
    drill.recovery_seconds = Some(serving.0.duration_since(drill.started_at.0).as_secs());
    let Some(findings) = &seen.findings else { return (drill, None) };
    match &findings.report {
        Some(report) if report.key == drill.cluster && report.state == "done" => {
            (judge(&seen.backup, drill, findings, report, now), None)
        }
        _ => {
            let step = Step::Ask { key: drill.cluster.clone() };
            (drill, Some(step))
        }
    }
}

/// What all checks together say.
fn judge(
    backup: &PostgresBackup,
    mut drill: DrillReport,
    findings: &Findings,
    report: &Report,
    now: Timestamp,
) -> DrillReport {
    let mut faults = report.faults.clone();
    drill.checks.clone_from(&report.checks);
    let cut = backup.status.as_ref().and_then(|status| status.cut_at.as_ref());
    match (findings.marked_at, cut) {
        (Some(marked), Some(cut)) => {
            // Two clocks: the server's and the provider's. A mark is written before the cut, whatever they say.
            let lost = cut.0.duration_since(marked).as_secs().max(0);
            drill.lost_seconds = Some(lost);
            drill.checks.push(format!("mark: written {lost} s before the cut, and it came back"));
        }
        (Some(_), None) => drill.checks.push("mark: it came back".into()),
        (None, _) => {
            drill.checks.push("mark: missing".into());
            faults.push("the mark that was written before the cut did not come back: the snapshot is older than the backup says".into());
        }
    }
    if faults.is_empty() {
        return DrillReport { outcome: DrillOutcome::Passed, at: Some(Time(now)), ..drill };
    }
    failed(drill, faults.join("; "), now)
}

fn failed(drill: DrillReport, cause: String, now: Timestamp) -> DrillReport {
    DrillReport { outcome: DrillOutcome::Failed, at: Some(Time(now)), cause: Some(cause), ..drill }
}

/// Why the restored cluster will never serve.
fn hopeless(cluster: &PostgresCluster, now: Timestamp) -> Option<String> {
    let conditions = &cluster.status.as_ref()?.conditions;
    let refused = conditions.iter().find(|c| c.type_ == kind::ACCEPTED && c.status == "False");
    let stuck = conditions.iter().find(|c| {
        c.type_ == kind::RESTORED
            && c.reason == reason::RESTORE_FAILED
            && now.duration_since(c.last_transition_time.0) > PATIENCE
    });
    refused.or(stuck).map(|condition| condition.message.clone())
}

/// What a restored cluster waits for, in its own words; a pod that can't start says more than how far the restore is.
fn standing(cluster: &PostgresCluster) -> Option<String> {
    let conditions = &cluster.status.as_ref()?.conditions;
    let bad = |wanted: &str| conditions.iter().find(|c| c.type_ == wanted && c.status == "False");
    let pods = |c: &&Condition| {
        matches!(c.reason.as_str(), reason::UNSCHEDULABLE | reason::FAILED_CREATE | reason::IMAGE_PULL)
    };
    let told = bad(kind::READY).filter(pods).or_else(|| bad(kind::RESTORED)).or_else(|| bad(kind::READY));
    told.map(|condition| condition.message.clone())
}
