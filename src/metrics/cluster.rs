//! The series of each cluster, rendered from what was last reported about it.
//!
//! They are a table, not families of gauges: replacing or removing a row takes all of its series along, so a member that was
//! scaled away or a deleted cluster can leave nothing behind.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector, encoding::DescriptorEncoder, metrics::MetricType, registry::Unit,
};

/// Which cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterKey {
    /// Namespace of the `PostgresCluster`.
    pub namespace: String,
    /// Its name.
    pub cluster: String,
}

/// What is reported about one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterFigures {
    /// Members that are ready.
    pub ready: u32,
    /// Members that should be.
    pub wanted: u32,
    /// The members, by pod name.
    pub members: BTreeMap<String, MemberFigures>,
    /// The conditions of its status.
    pub conditions: Vec<ConditionFigure>,
    /// Its archive of WAL; `None` without one, or while no primary tells.
    pub archive: Option<ArchiveFigures>,
    /// Its backups; `None` where it has neither schedule nor backup.
    pub backups: Option<BackupFigures>,
}

/// What is reported about an archive of WAL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveFigures {
    /// WAL bytes that wait.
    pub backlog_bytes: u64,
    /// Seconds that the oldest of them waits; 0 when none does.
    pub lag_seconds: u64,
    /// Tries that failed, in the life of the primary's server.
    pub failures: u64,
}

/// What is reported about the backups of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupFigures {
    /// Unix time in seconds of the cut of the last good one. It stands still while no operator runs, so that its age, which
    /// is `time()` less this, goes on.
    pub last_good: Option<i64>,
    /// Unix time in seconds at which the last drill passed; it stands still in the same way.
    pub last_verified: Option<i64>,
    /// Seconds that the restore of that drill took.
    pub recovery_seconds: Option<i64>,
    /// Bytes of the databases that it restored.
    pub recovery_bytes: Option<i64>,
    /// Volumes that drills left behind.
    pub drill_volumes: i64,
    /// How many there are, by outcome.
    pub outcomes: Vec<(&'static str, i64)>,
}

/// What is reported about one member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberFigures {
    /// WAL bytes behind the primary; `None` when unknown, which gives no sample rather than a false 0.
    pub lag_bytes: Option<u64>,
    /// Whether a changed setting waits for a restart.
    pub pending_restart: bool,
    /// Its timeline; `None` when unknown.
    pub timeline: Option<u32>,
}

/// One condition: `Ready` is `True`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionFigure {
    /// Its type.
    pub condition: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
}

/// The values that a condition's status may have; each is a series, 1 for the one that holds, as kube-state-metrics does.
const STATUSES: [&str; 3] = ["True", "False", "Unknown"];

/// The table.
#[derive(Debug, Default)]
pub(super) struct Clusters {
    rows: Mutex<BTreeMap<ClusterKey, ClusterFigures>>,
}

impl Clusters {
    pub(super) fn set(&self, key: ClusterKey, figures: ClusterFigures) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).insert(key, figures);
    }

    pub(super) fn forget(&self, key: &ClusterKey) {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// One sample: labels beyond namespace and cluster, and the value.
type Sample = (Vec<(&'static str, String)>, i64);

/// One metric: name, unit, help, and how to read its samples from a row.
type Column = (&'static str, Option<Unit>, &'static str, fn(&ClusterFigures) -> Vec<Sample>);

/// Every metric of a cluster. A new one is one line here.
const COLUMNS: [Column; 15] = [
    ("cluster_ready_instances", None, "Members that are ready", |c| vec![(vec![], c.ready.into())]),
    ("cluster_wanted_instances", None, "Members that should be", |c| vec![(vec![], c.wanted.into())]),
    ("cluster_member_lag", Some(Unit::Bytes), "WAL that a member has yet to apply", |c| {
        of_members(c, |m| m.lag_bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)))
    }),
    ("cluster_member_pending_restart", None, "1 while a changed setting waits for a restart", |c| {
        of_members(c, |m| Some(m.pending_restart.into()))
    }),
    ("cluster_member_timeline", None, "Timeline that a member is on", |c| {
        of_members(c, |m| m.timeline.map(i64::from))
    }),
    ("cluster_archive_backlog", Some(Unit::Bytes), "WAL that waits for the archive", |c| {
        of_archive(c, |a| a.backlog_bytes)
    }),
    ("cluster_archive_lag", Some(Unit::Seconds), "Time that the oldest WAL waits for the archive", |c| {
        of_archive(c, |a| a.lag_seconds)
    }),
    (
        "cluster_archive_failures",
        None,
        "Tries to archive that failed since the primary's server started",
        |c| of_archive(c, |a| a.failures),
    ),
    ("cluster_last_backup_timestamp", Some(Unit::Seconds), "Cut of the last good backup, Unix time", |c| {
        of_backups(c, |backups| backups.last_good)
    }),
    (
        "cluster_last_passed_drill_timestamp",
        Some(Unit::Seconds),
        "End of the last drill of a backup that passed, Unix time",
        |c| of_backups(c, |backups| backups.last_verified),
    ),
    (
        "cluster_last_drill_recovery",
        Some(Unit::Seconds),
        "Time from the order to the first query answered, in the last drill that passed",
        |c| of_backups(c, |backups| backups.recovery_seconds),
    ),
    (
        "cluster_last_drill_restored",
        Some(Unit::Bytes),
        "Size of the databases that the last drill that passed restored",
        |c| of_backups(c, |backups| backups.recovery_bytes),
    ),
    (
        "cluster_drill_volumes_left",
        None,
        "Volumes with restored data that drills left behind, since their class retains them",
        |c| of_backups(c, |backups| Some(backups.drill_volumes)),
    ),
    ("cluster_backups", None, "Backups that there are, by outcome", |c| {
        let outcomes = c.backups.iter().flat_map(|backups| &backups.outcomes);
        outcomes.map(|(outcome, count)| (vec![("outcome", (*outcome).to_owned())], *count)).collect()
    }),
    ("cluster_condition", None, "Condition of a cluster: 1 for the status that holds", conditions),
];

fn of_members(figures: &ClusterFigures, value: fn(&MemberFigures) -> Option<i64>) -> Vec<Sample> {
    let sample = |(name, member): (&String, &MemberFigures)| {
        value(member).map(|value| (vec![("member", name.clone())], value))
    };
    figures.members.iter().filter_map(sample).collect()
}

fn of_backups(figures: &ClusterFigures, value: fn(&BackupFigures) -> Option<i64>) -> Vec<Sample> {
    figures.backups.iter().filter_map(value).map(|value| (vec![], value)).collect()
}

fn of_archive(figures: &ClusterFigures, value: fn(&ArchiveFigures) -> u64) -> Vec<Sample> {
    figures
        .archive
        .iter()
        .map(|archive| (vec![], i64::try_from(value(archive)).unwrap_or(i64::MAX)))
        .collect()
}

fn conditions(figures: &ClusterFigures) -> Vec<Sample> {
    let series = |figure: &ConditionFigure| {
        STATUSES.map(|status| {
            let labels = vec![("type", figure.condition.clone()), ("status", status.to_owned())];
            (labels, i64::from(figure.status == status))
        })
    };
    figures.conditions.iter().flat_map(series).collect()
}

impl Collector for Clusters {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, unit, help, samples) in &COLUMNS {
            let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
            for (key, figures) in rows.iter() {
                for (mut labels, value) in samples(figures) {
                    labels.push(("namespace", key.namespace.clone()));
                    labels.push(("cluster", key.cluster.clone()));
                    metric.encode_family(&labels)?.encode_gauge(&value)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn key() -> ClusterKey {
        ClusterKey { namespace: "shop".into(), cluster: "db".into() }
    }

    fn figures(members: &[&str]) -> ClusterFigures {
        let member = MemberFigures { lag_bytes: Some(42), pending_restart: true, timeline: Some(3) };
        ClusterFigures {
            ready: 1,
            wanted: 2,
            members: members.iter().map(|name| ((*name).to_owned(), member.clone())).collect(),
            conditions: vec![ConditionFigure { condition: "Ready".into(), status: "False".into() }],
            archive: Some(ArchiveFigures { backlog_bytes: 7, lag_seconds: 8, failures: 9 }),
            backups: Some(BackupFigures {
                last_good: Some(1_795_000_000),
                last_verified: Some(1_795_000_600),
                recovery_seconds: Some(41),
                recovery_bytes: Some(27_000_000),
                drill_volumes: 1,
                outcomes: vec![("missed", 2)],
            }),
        }
    }

    #[test]
    fn a_row_gives_every_series() {
        let metrics = Metrics::new("0");
        metrics.set_cluster(key(), figures(&["db-0"]));
        let page = metrics.encode().unwrap();
        for line in [
            "stylobate_cluster_ready_instances{namespace=\"shop\",cluster=\"db\"} 1",
            "stylobate_cluster_wanted_instances{namespace=\"shop\",cluster=\"db\"} 2",
            "stylobate_cluster_member_lag_bytes{member=\"db-0\",namespace=\"shop\",cluster=\"db\"} 42",
            "stylobate_cluster_member_pending_restart{member=\"db-0\",namespace=\"shop\",cluster=\"db\"} 1",
            "stylobate_cluster_member_timeline{member=\"db-0\",namespace=\"shop\",cluster=\"db\"} 3",
            "stylobate_cluster_archive_backlog_bytes{namespace=\"shop\",cluster=\"db\"} 7",
            "stylobate_cluster_archive_lag_seconds{namespace=\"shop\",cluster=\"db\"} 8",
            "stylobate_cluster_archive_failures{namespace=\"shop\",cluster=\"db\"} 9",
            "stylobate_cluster_last_backup_timestamp_seconds{namespace=\"shop\",cluster=\"db\"} 1795000000",
            "stylobate_cluster_last_passed_drill_timestamp_seconds{namespace=\"shop\",cluster=\"db\"} 1795000600",
            "stylobate_cluster_last_drill_recovery_seconds{namespace=\"shop\",cluster=\"db\"} 41",
            "stylobate_cluster_last_drill_restored_bytes{namespace=\"shop\",cluster=\"db\"} 27000000",
            "stylobate_cluster_drill_volumes_left{namespace=\"shop\",cluster=\"db\"} 1",
            "stylobate_cluster_backups{outcome=\"missed\",namespace=\"shop\",cluster=\"db\"} 2",
            "stylobate_cluster_condition{type=\"Ready\",status=\"True\",namespace=\"shop\",cluster=\"db\"} 0",
            "stylobate_cluster_condition{type=\"Ready\",status=\"False\",namespace=\"shop\",cluster=\"db\"} 1",
        ] {
            assert!(page.lines().any(|l| l == line), "missing: {line}\n{page}");
        }
    }

    #[test]
    fn members_and_clusters_that_are_gone_leave_no_series() {
        let metrics = Metrics::new("0");
        metrics.set_cluster(key(), figures(&["db-0", "db-1"]));
        metrics.set_cluster(key(), figures(&["db-0"]));
        assert!(!metrics.encode().unwrap().contains("db-1"));
        metrics.forget_cluster(&key());
        assert!(!metrics.encode().unwrap().contains("cluster=\"db\""));
    }

    #[test]
    fn what_is_unknown_has_no_sample() {
        let metrics = Metrics::new("0");
        let mut unknown = ClusterFigures { archive: None, ..figures(&[]) };
        unknown.members.insert("db-0".into(), MemberFigures::default());
        metrics.set_cluster(key(), unknown);
        let page = metrics.encode().unwrap();
        assert!(
            !page.contains("lag_bytes{")
                && !page.contains("timeline{")
                && !page.contains("archive_backlog_bytes{"),
            "{page}"
        );
    }
}
