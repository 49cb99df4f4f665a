//! What the operator counts and measures, for Prometheus.
//!
//! Names follow Prometheus' practice: the prefix `stylobate_`, base units in the name, `_total` on counters. The controller
//! runtime does not show its queue, so there is no gauge of its depth; [`Metrics::reconciling`] shows how many objects are worked
//! on, and a value that stays at the concurrency limit means that others wait.

mod cluster;
mod report;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

pub use self::{
    cluster::{ArchiveFigures, BackupFigures, ClusterFigures, ClusterKey, ConditionFigure, MemberFigures},
    report::{archive, figures, write_of},
};

/// Content type of [`Metrics::encode`]: OpenMetrics text, which Prometheus reads since 2.5.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds: from 5 ms for a converged object that is only compared, to a minute for one that waits for a
/// checkpoint or a switchover.
const BUCKETS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabel {
    step: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CategoryLabel {
    category: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    kind: String,
    verb: &'static str,
}

/// The metrics of this process; cheap to clone, all clones share the same values.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    reconciles: Histogram,
    steps: Family<StepLabel, Histogram, fn() -> Histogram>,
    errors: Family<CategoryLabel, Counter<u64, AtomicU64>>,
    in_flight: Gauge,
    writes: Family<WriteLabels, Counter<u64, AtomicU64>>,
    leader: Gauge,
    catalog_usable: Gauge,
    catalog_entries: Gauge,
    orphaned_snapshots: Gauge,
    clusters: Arc<cluster::Clusters>,
}

impl Metrics {
    /// All metrics at zero; `version` becomes the label of `stylobate_build_info`.
    pub fn new(version: &'static str) -> Self {
        let reconciles = Histogram::new(BUCKETS);
        let steps = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let errors = Family::default();
        let in_flight = Gauge::default();
        let writes = Family::default();
        let leader = Gauge::default();
        let (catalog_usable, catalog_entries) = (Gauge::default(), Gauge::default());
        let orphaned_snapshots = Gauge::default();
        let clusters = Arc::new(cluster::Clusters::default());

        let mut all = Registry::with_prefix("stylobate");
        all.register("build", "Version of the operator", Info::new([("version", version)]));
        all.register_with_unit(
            "reconcile_duration",
            "Time of one reconcile of one object",
            Unit::Seconds,
            reconciles.clone(),
        );
        all.register_with_unit(
            "reconcile_step_duration",
            "Time of one step of a reconcile",
            Unit::Seconds,
            steps.clone(),
        );
        all.register("reconcile_errors", "Reconciles that ended with an error, by category", errors.clone());
        all.register("reconcile_in_flight", "Objects that are reconciled right now", in_flight.clone());
        all.register("writes", "Writes that the operator made, by kind of object and verb", writes.clone());
        all.register("leader", "1 while this process leads, else 0", leader.clone());
        all.register(
            "image_catalog_usable",
            "1 while the image catalog counts, 0 while it is missing or refused; of the process that leads",
            catalog_usable.clone(),
        );
        all.register(
            "image_catalog_entries",
            "Images in the image catalog; of the process that leads",
            catalog_entries.clone(),
        );
        all.register(
            "orphaned_snapshots",
            "Snapshots of backups that neither a PostgresBackup nor a manifest knows; looked for once an hour by the process that leads",
            orphaned_snapshots.clone(),
        );
        all.register_collector(Box::new(clusters.clone()));
        let registry = Arc::new(all);
        Self {
            registry,
            reconciles,
            steps,
            errors,
            in_flight,
            writes,
            leader,
            catalog_usable,
            catalog_entries,
            orphaned_snapshots,
            clusters,
        }
    }

    /// So many snapshots are there that no backup knows.
    pub fn orphaned_snapshots(&self, count: usize) {
        self.orphaned_snapshots.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts one object as in work until the guard is dropped, then records how long it took: also when the reconcile fails, is
    /// cancelled or panics.
    pub fn reconciling(&self) -> Reconciling {
        self.in_flight.inc();
        Reconciling { metrics: self.clone(), started: Instant::now() }
    }

    /// Records how long a step (`observe`, `decide`, `apply`, `record`) took.
    pub fn step_took(&self, step: &'static str, time: Duration) {
        self.steps.get_or_create(&StepLabel { step }).observe(time.as_secs_f64());
    }

    /// Counts a failed reconcile. `category` is the name of an error variant, never its text: each value is a time series.
    pub fn failed(&self, category: &'static str) {
        self.errors.get_or_create(&CategoryLabel { category }).inc();
    }

    /// Counts a write, as in `wrote("StatefulSet", "apply")`.
    pub fn wrote(&self, kind: impl Into<String>, verb: &'static str) {
        self.writes.get_or_create(&WriteLabels { kind: kind.into(), verb }).inc();
    }

    /// Says whether this process leads.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// Tells how many images the catalog has; none while it is missing or refused.
    pub fn set_image_catalog(&self, entries: Option<usize>) {
        self.catalog_usable.set(entries.is_some().into());
        self.catalog_entries.set(entries.map_or(0, |entries| i64::try_from(entries).unwrap_or(i64::MAX)));
    }

    /// Replaces all series of one cluster: members and conditions that `figures` does not name have no series any more.
    pub fn set_cluster(&self, key: ClusterKey, figures: ClusterFigures) {
        self.clusters.set(key, figures);
    }

    /// Removes all series of a cluster that was deleted.
    pub fn forget_cluster(&self, key: &ClusterKey) {
        self.clusters.forget(key);
    }

    /// Everything as text of the type [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// When a metric cannot be formatted.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

/// One reconcile in work; see [`Metrics::reconciling`].
#[derive(Debug)]
pub struct Reconciling {
    metrics: Metrics,
    started: Instant,
}

impl Drop for Reconciling {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        self.metrics.reconciles.observe(self.started.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_metric_is_on_the_page_under_its_name() {
        let metrics = Metrics::new("0.1.0");
        metrics.step_took("apply", Duration::from_millis(20));
        metrics.failed("Observe");
        metrics.wrote("StatefulSet", "apply");
        metrics.wrote("StatefulSet", "apply");
        metrics.set_leader(true);
        metrics.set_image_catalog(Some(4));
        let busy = metrics.reconciling();
        let page = metrics.encode().unwrap();
        for line in [
            "# TYPE stylobate_build info",
            "stylobate_build_info{version=\"0.1.0\"} 1",
            "# UNIT stylobate_reconcile_duration_seconds seconds",
            "stylobate_reconcile_duration_seconds_count 0",
            "stylobate_reconcile_step_duration_seconds_bucket{le=\"0.025\",step=\"apply\"} 1",
            "stylobate_reconcile_errors_total{category=\"Observe\"} 1",
            "stylobate_reconcile_in_flight 1",
            "stylobate_writes_total{kind=\"StatefulSet\",verb=\"apply\"} 2",
            "stylobate_leader 1",
            "stylobate_image_catalog_usable 1",
            "stylobate_image_catalog_entries 4",
            "# EOF",
        ] {
            assert!(page.lines().any(|l| l == line), "missing: {line}\n{page}");
        }
        drop(busy);
        metrics.set_image_catalog(None);
        let page = metrics.encode().unwrap();
        assert!(page.contains("stylobate_reconcile_in_flight 0\n"), "{page}");
        assert!(page.contains("stylobate_reconcile_duration_seconds_count 1\n"), "{page}");
        assert!(page.contains("stylobate_image_catalog_usable 0\n"), "{page}");
    }
}
