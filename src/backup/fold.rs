//! What was found out, written into the status. Pure.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BackupMethod, BackupPhase, BackupStatus, Consistency};

use super::step::Fact;

/// Providers tell a moment to the second, rounded down; and clocks that are kept by NTP differ by less than another one.
const ROUNDED: SignedDuration = SignedDuration::from_secs(2);

/// The status of a backup by this method after a fact.
pub fn fold(method: BackupMethod, status: &BackupStatus, fact: &Fact, now: Timestamp) -> BackupStatus {
    let copies = method == BackupMethod::Archive;
    let mut next = status.clone();
    match fact {
        Fact::Nothing | Fact::UnderWay { again_seconds: _ } => {}
        Fact::Checkpointed { at, lsn } => {
            next.checkpoint_at = Some(Time(*at));
            next.phase = if copies { BackupPhase::Copying } else { BackupPhase::Cutting };
            next.reason = None;
            for group in &mut next.groups {
                group.checkpoint_lsn = Some(lsn.clone());
            }
        }
        Fact::Marked { restore_point, lsn, checkpoint_lsn, stall } => {
            next.reason = None;
            next.write_stall_milliseconds = Some(*stall);
            for group in &mut next.groups {
                group.restore_point = Some(restore_point.clone());
                group.cut_lsn = Some(lsn.clone());
                group.checkpoint_lsn = Some(checkpoint_lsn.clone());
            }
        }
        Fact::Cut { snapshots, stall } => {
            next.phase = BackupPhase::Finishing;
            next.reason = None;
            next.consistency = Some(Consistency::CrashConsistentDisk);
            let longest = |stall: &i64| (*stall).max(status.write_stall_milliseconds.unwrap_or(0));
            next.write_stall_milliseconds = stall.as_ref().map(longest);
            for (number, record) in snapshots {
                if let Some(group) = next.groups.iter_mut().find(|group| group.group == *number) {
                    group.snapshot = Some(record.clone());
                }
            }
            let cuts = snapshots.iter().filter_map(|(_, record)| record.cut_at.as_ref());
            next.cut_at = cuts.max_by_key(|at| at.0).map(|at| Time(believed(at.0, status, now)));
        }
        Fact::Copied(copy) => {
            next.phase = BackupPhase::Succeeded;
            next.reason = None;
            next.consistency = Some(Consistency::CopyWithWal);
            next.cut_at = Some(Time(believed(copy.stopped_at.0, status, now)));
            next.completed_at = Some(Time(now));
            next.restore_bytes = Some(copy.database_bytes);
            // One group; a copy of several has to find its place here.
            for group in &mut next.groups {
                // It lies before the end of the copy, where no recovery can stop.
                group.restore_point = None;
                group.checkpoint_lsn = Some(copy.start_lsn.clone());
                group.cut_lsn = Some(copy.stop_lsn.clone());
                group.archived = Some(copy.as_ref().clone());
            }
        }
        Fact::Shelved(digest) => next.archive_manifest.clone_from(digest),
        Fact::Spoiled { reason } => fail(&mut next, reason.clone(), now),
        Fact::Delayed { reason, again_seconds: _ } => next.reason = Some(reason.clone()),
    }
    next
}

/// The moment of the cut, which others tell by clocks of their own. It lies between the first checkpoint and now; one that does not was told
/// by a clock that is wrong, and now takes its place: that is a little late, so that a point in time before it begins with an older backup,
/// and a backup from the future does not stay the newest for as long as that clock was ahead.
fn believed(told: Timestamp, status: &BackupStatus, now: Timestamp) -> Timestamp {
    let early = status.checkpoint_at.as_ref().is_some_and(|at| told.duration_since(at.0) < -ROUNDED);
    if early || told > now { now } else { told }
}

/// It can't be restored, and why.
pub fn fail(status: &mut BackupStatus, reason: String, now: Timestamp) {
    status.phase = BackupPhase::Failed;
    status.reason = Some(reason);
    status.completed_at = Some(Time(now));
    status.silent_since = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SnapshotRecord;

    fn at(time: &str) -> Timestamp {
        format!("2026-11-21T{time}Z").parse().unwrap()
    }

    /// The moment that is recorded for a cut that a provider tells of, after a checkpoint at 12:00:00.5 and at 12:01:00.
    fn recorded(told: Timestamp) -> String {
        let status = BackupStatus { checkpoint_at: Some(Time(at("12:00:00.5"))), ..BackupStatus::default() };
        let record = SnapshotRecord { cut_at: Some(Time(told)), ..SnapshotRecord::default() };
        let fact = Fact::Cut { snapshots: vec![(0, record)], stall: None };
        let next = fold(BackupMethod::Snapshot, &status, &fact, at("12:01:00"));
        next.cut_at.unwrap().0.to_string()
    }

    #[test]
    fn a_cut_that_a_wrong_clock_tells_of_is_taken_for_now() {
        assert_eq!(recorded(at("12:00:30")), "2026-11-21T12:00:30Z");
        assert_eq!(recorded(at("12:00:00")), "2026-11-21T12:00:00Z", "rounded down to a second");
        assert_eq!(recorded("2031-01-01T00:00:00Z".parse().unwrap()), "2026-11-21T12:01:00Z", "ahead");
        assert_eq!(recorded(at("11:55:00")), "2026-11-21T12:01:00Z", "behind");
    }
}
