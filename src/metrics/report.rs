//! What the metrics say of a cluster and of a step, taken from the operator's own words for them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{ArchiveFigures, BackupFigures, ClusterFigures, ConditionFigure, MemberFigures};
use crate::api::{BackupCounts, BackupSummary, ClusterStatus, MemberRole, MemberStatus};
use crate::archive::backlog;
use crate::observe::{MemberSeen, Observed};
use crate::plan::Step;
use crate::status::lag::behind;

/// The figures of a cluster with `wanted` members, from its status and what its members said of themselves.
pub fn figures(wanted: i32, status: &ClusterStatus, seen: &BTreeMap<String, MemberSeen>) -> ClusterFigures {
    let lag = |member: &MemberStatus| {
        let primary =
            status.members.iter().find(|m| m.role == MemberRole::Primary && m.group == member.group)?;
        u64::try_from(behind(seen.get(&primary.name)?, seen.get(&member.name)?)?).ok()
    };
    let of_member = |member: &MemberStatus| MemberFigures {
        lag_bytes: lag(member),
        pending_restart: member.pending_restart,
        timeline: member.timeline.and_then(|timeline| u32::try_from(timeline).ok()),
    };
    ClusterFigures {
        ready: status.members.iter().filter(|member| member.ready).map(|_| 1).sum(),
        wanted: wanted.max(0).unsigned_abs(),
        members: status.members.iter().map(|member| (member.name.clone(), of_member(member))).collect(),
        conditions: status
            .conditions
            .iter()
            .map(|c| ConditionFigure { condition: c.type_.clone(), status: c.status.clone() })
            .collect(),
        archive: None,
        backups: status.backup.as_ref().map(backups),
    }
}

fn backups(summary: &BackupSummary) -> BackupFigures {
    let BackupCounts { running, succeeded, failed, missed, lost, held: _ } = summary.counts;
    let outcomes = [
        ("running", running),
        ("succeeded", succeeded),
        ("failed", failed),
        ("missed", missed),
        ("lost", lost),
    ];
    let last = summary.recoveries.last();
    BackupFigures {
        last_good: summary.last_good.as_ref().map(|good| good.cut_at.0.as_second()),
        last_verified: summary.last_verified.as_ref().map(|verified| verified.at.0.as_second()),
        recovery_seconds: last.map(|last| last.seconds),
        recovery_bytes: last.and_then(|last| last.bytes),
        drill_volumes: i64::from(summary.drill_volumes),
        outcomes: outcomes.map(|(outcome, count)| (outcome, i64::from(count))).to_vec(),
    }
}

/// The figures of the archive.
pub fn archive(seen: &Observed, now: Timestamp) -> Option<ArchiveFigures> {
    let archive = seen.database.as_ref()?.archive.as_ref()?;
    let waits = archive.oldest_waiting.map_or(0, |since| now.duration_since(since).as_secs());
    Some(ArchiveFigures {
        backlog_bytes: backlog(archive),
        lag_seconds: waits.max(0).unsigned_abs(),
        failures: archive.failures.max(0).unsigned_abs(),
    })
}

/// Kind and verb of the write that a step makes.
pub fn write_of(step: &Step) -> (String, &'static str) {
    match step {
        Step::Guard | Step::Unguard => ("PostgresCluster".into(), "apply"),
        Step::Mint(_) => ("Secret".into(), "apply"),
        Step::Apply { child, .. } | Step::BeginUpgrade { set: child, .. } => {
            (child.reference.kind.to_string(), "apply")
        }
        Step::Delete { reference, .. } | Step::Withdraw { reference, .. } => {
            (reference.kind.to_string(), "delete")
        }
        Step::ReleasePods { .. } => ("StatefulSet".into(), "delete"),
        Step::StopPod { .. } => ("Pod".into(), "delete"),
        Step::Expand { .. } => ("PersistentVolumeClaim".into(), "patch"),
        Step::ImportSnapshot { .. } => ("VolumeSnapshot".into(), "create"),
        Step::CloneVolume { .. } => ("PersistentVolumeClaim".into(), "create"),
        Step::ForgetSnapshot { .. } => ("VolumeSnapshot".into(), "delete"),
        Step::BeginRestore { .. } => ("ConfigMap".into(), "apply"),
        Step::ClearPatroni { .. } | Step::ForgetVolumes { .. } => ("ConfigMap".into(), "delete"),
        Step::DropOrders { .. } => ("ConfigMap".into(), "patch"),
        Step::SettleVolume { .. } | Step::RetireVolume { .. } | Step::HandOverVolume { .. } => {
            ("PersistentVolumeClaim".into(), "patch")
        }
        Step::RefreshFiles { .. } | Step::MarkPod { .. } => ("Pod".into(), "patch"),
        Step::ReplacePod { .. } => ("Pod".into(), "delete"),
        Step::ResizePod { .. } => ("Pod".into(), "resize"),
        Step::RestartServer { .. } => ("Patroni".into(), "restart"),
        Step::ReleaseClaim { .. } => ("ConfigMap".into(), "patch"),
        Step::StoreSettings { .. } => ("ConfigMap".into(), "patch"),
        Step::Configure { .. } => ("Patroni".into(), "configure"),
        Step::Switchover { .. } => ("Patroni".into(), "switchover"),
        Step::CreateBackup { .. } | Step::RecordMissed { .. } => ("PostgresBackup".into(), "create"),
        Step::DeleteBackup { .. } => ("PostgresBackup".into(), "delete"),
        Step::NoteKept { .. } | Step::RequestDrill { .. } => ("PostgresBackup".into(), "patch"),
        Step::Sql { .. } => ("Postgres".into(), "execute"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_measured_against_the_primary_of_the_same_group() {
        let member = |name: &str, role| MemberStatus {
            name: name.into(),
            role,
            ready: true,
            timeline: Some(2),
            ..MemberStatus::default()
        };
        let status = ClusterStatus {
            members: vec![
                member("db-0", MemberRole::Primary),
                member("db-1", MemberRole::Replica),
                member("db-2", MemberRole::Unknown),
                MemberStatus { group: 1, ..member("db-1-0", MemberRole::Replica) },
            ],
            ..ClusterStatus::default()
        };
        let at = |position| MemberSeen { position: Some(position), ..MemberSeen::default() };
        let seen = [("db-0", 1000), ("db-1", 900), ("db-1-0", 5)];
        let seen = seen.into_iter().map(|(name, position)| (name.to_owned(), at(position))).collect();
        let figures = figures(5, &status, &seen);
        let lag = |name: &str| figures.members[name].lag_bytes;
        assert_eq!((lag("db-0"), lag("db-1"), lag("db-2"), lag("db-1-0")), (Some(0), Some(100), None, None));
        assert_eq!((figures.ready, figures.wanted), (4, 5));
        assert_eq!(figures.members["db-1"].timeline, Some(2));
    }
}
