//! The backup that a new cluster begins with: the one that its spec names, or the one that fits its moment of those of the cluster
//! that its spec names.

use jiff::Timestamp;

use crate::api::{BackupPhase, Bootstrap, FromCluster, PointInTime, PostgresBackup};
use crate::observe::{Observed, OriginSeen};
use crate::restore::nearest::{Candidates, Choice, Wanted};

use super::Problem;
use super::reach::Reach;
use super::restore::{NAME as FROM_BACKUP, usable};

const FROM_CLUSTER: &str = "spec.bootstrap.fromCluster.name";
const NAMESPACE: &str = "spec.bootstrap.fromCluster.namespace";
/// Backups that can't be restored are named up to this number: more do not help who looks for the reason.
const MOST_NAMED: usize = 5;

/// A backup to begin with.
#[derive(Debug)]
pub struct Origin<'a> {
    /// The backup.
    pub backup: &'a PostgresBackup,
    /// What it was chosen from; empty when the spec names it.
    pub candidates: Candidates<'a>,
    /// Why it was chosen; none when the spec names it.
    pub chosen: Option<String>,
    /// Field of the spec that leads to it, and its value.
    field: (&'static str, &'a str),
}

impl<'a> Origin<'a> {
    /// A backup that a person names in this field.
    pub fn named(backup: &'a PostgresBackup, field: &'static str, name: &'a str) -> Self {
        Self { backup, candidates: Candidates::default(), chosen: None, field: (field, name) }
    }

    /// A problem with this backup.
    pub fn problem(&self, remedy: impl Into<String>) -> Problem {
        let (field, value) = self.field;
        match self.chosen {
            None => Problem::new(field, value, remedy),
            Some(_) => {
                let backup = self.backup.metadata.name.as_deref().unwrap_or_default();
                Problem::new(field, value, format!("of its backups {backup} fits: {}", remedy.into()))
            }
        }
    }

    /// A problem with beginning at all.
    pub fn refusal(&self, remedy: impl Into<String>) -> Problem {
        let (field, value) = self.field;
        Problem::new(field, value, remedy)
    }
}

/// The backup to begin with; none when nothing is named, or when none can be had.
pub fn origin<'a>(seen: &'a Observed, now: Timestamp, problems: &mut Vec<Problem>) -> Option<Origin<'a>> {
    let Bootstrap { from_backup, from_cluster, point_in_time, archive_secret: _ } =
        &seen.cluster.spec.bootstrap;
    match (from_backup, from_cluster) {
        (None, None) => {
            problems.extend(point_in_time.as_ref().map(|_| {
                let remedy = "it needs something to begin with: give fromCluster, whose last good backup before the point is found, or \
                              fromBackup, which names it";
                Problem::new("spec.bootstrap", "pointInTime alone", remedy)
            }));
            None
        }
        (Some(_), Some(_)) => {
            let remedy =
                "a cluster begins with one thing: give either fromBackup or fromCluster, and not both";
            problems.push(Problem::new("spec.bootstrap", "fromBackup and fromCluster", remedy));
            None
        }
        (Some(from), None) => {
            let backup = usable(seen, from, FROM_BACKUP, problems)?;
            Some(Origin::named(backup, FROM_BACKUP, &from.name))
        }
        (None, Some(from)) => chosen(seen, from, now, problems),
    }
}

fn chosen<'a>(
    seen: &'a Observed,
    from: &'a FromCluster,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Option<Origin<'a>> {
    let own = seen.name().namespace;
    let namespace = from.namespace.as_ref().unwrap_or(&own);
    let OriginSeen::Several { backups, clusters } = &seen.restore.backup else {
        let remedy = "its backups can't be read: you may lack the right to them";
        problems.push(Problem::new(FROM_CLUSTER, &from.name, remedy));
        return None;
    };
    let candidates = Candidates::of(backups, &own);
    if candidates.newest().is_none() {
        problems.push(match &from.namespace {
            Some(foreign) if *foreign != own => unshared(&from.name, foreign, &own),
            _ => nothing(&from.name, namespace, backups, clusters),
        });
        return None;
    }
    // A point that can't be read is told where it is read; all else is looked at all the same.
    let Choice { wanted, why, base } = candidates.choice(&seen.cluster, from, &own);
    let Some(base) = base else {
        let point = seen.cluster.spec.bootstrap.point_in_time.as_ref();
        let reach = Reach::of_cluster(&from.name, &candidates, &seen.restore.source, now);
        problems.extend(wanted.map(|wanted| unreached(&wanted, from, &candidates, &reach, point)));
        return None;
    };
    Some(Origin { backup: base.backup, chosen: Some(why), candidates, field: (FROM_CLUSTER, &from.name) })
}

/// Who may not have a backup does not learn whether there is one, nor whether the cluster is there.
fn unshared(cluster: &str, namespace: &str, own: &str) -> Problem {
    let remedy = format!(
        "it has no good backup of cluster '{cluster}' that is shared with namespace '{own}': somebody with rights there adds \
         '{own}' to spec.shareWith of the PostgresBackups, or correct the names"
    );
    Problem::new(NAMESPACE, namespace, remedy)
}

fn nothing(cluster: &str, namespace: &str, backups: &[PostgresBackup], clusters: &[String]) -> Problem {
    let mut remedy =
        format!("namespace '{namespace}' has no backup of a cluster of this name that can be restored");
    if backups.is_empty() {
        remedy.push_str(&match clusters {
            [] => "; none of any cluster is there: correct the namespace, or make a backup first".to_owned(),
            names => format!("; clusters with backups there: {}: name one of them", names.join(", ")),
        });
    } else {
        let told: Vec<String> = backups.iter().take(MOST_NAMED).map(state).collect();
        let more = backups.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        remedy.push_str(&format!(
            "; there are: {}{more}: the restore begins when one has succeeded",
            told.join(", ")
        ));
    }
    Problem::new(FROM_CLUSTER, cluster, remedy)
}

fn state(backup: &PostgresBackup) -> String {
    let name = backup.metadata.name.as_deref().unwrap_or_default();
    let phase = backup.status.as_ref().map_or(BackupPhase::Pending, |status| status.phase);
    match backup.metadata.deletion_timestamp {
        Some(_) => format!("{name} (it is being deleted)"),
        None => format!("{name} ({phase:?})"),
    }
}

/// No backup is early enough.
fn unreached(
    wanted: &Wanted,
    from: &FromCluster,
    candidates: &Candidates,
    reach: &Reach,
    point: Option<&PointInTime>,
) -> Problem {
    let text = |field: fn(&PointInTime) -> &Option<String>| {
        point.and_then(|point| field(point).clone()).unwrap_or_default()
    };
    match wanted {
        Wanted::Time(_) => reach.outside("targetTime", &text(|point| &point.target_time)),
        Wanted::Lsn(_) => {
            let line = candidates.line();
            let of_line = candidates
                .iter()
                .filter(|one| one.cut.map(|cut| cut.line) == line && candidates.leads_on(one));
            let first = of_line.min_by_key(|one| one.cut.map(|cut| cut.lsn));
            let first = first.and_then(|one| one.backup.status.as_ref()?.groups.first()?.cut_lsn.clone());
            let first = first.unwrap_or_else(|| "no position that is told".to_owned());
            let remedy = format!(
                "the backups of the newest data of cluster '{}' begin at {first}, and a position of older data can mean two \
                 moments: name a later position, or a time, or the backup to begin with by spec.bootstrap.fromBackup",
                from.name
            );
            Problem::new("spec.bootstrap.pointInTime.targetLsn", text(|point| &point.target_lsn), remedy)
        }
        Wanted::Newest | Wanted::Name | Wanted::Latest => {
            let remedy =
                "none of its backups leads to its newest data: name the backup by spec.bootstrap.fromBackup";
            Problem::new(FROM_CLUSTER, &from.name, remedy)
        }
    }
}
