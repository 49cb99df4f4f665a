//! What was found out, written into the status. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BackupMethod, BackupPhase, BackupStatus, Consistency};

use super::step::Fact;

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
            next.cut_at = cuts.max_by_key(|at| at.0).cloned();
        }
        Fact::Copied(copy) => {
            next.phase = BackupPhase::Succeeded;
            next.reason = None;
            next.consistency = Some(Consistency::CopyWithWal);
            next.cut_at = Some(copy.stopped_at.clone());
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
        Fact::Spoiled { reason } => fail(&mut next, reason.clone(), now),
        Fact::Delayed { reason, again_seconds: _ } => next.reason = Some(reason.clone()),
    }
    next
}

/// It can't be restored, and why.
pub fn fail(status: &mut BackupStatus, reason: String, now: Timestamp) {
    status.phase = BackupPhase::Failed;
    status.reason = Some(reason);
    status.completed_at = Some(Time(now));
}
