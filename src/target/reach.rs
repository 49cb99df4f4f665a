//! From when to when moments can be brought back: by the backups that there are, the WAL that is kept, and how far it was archived.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::api::{PostgresBackup, PostgresClusterSpec};
use crate::archive::{Base, Keep, keep};
use crate::observe::SourceSeen;
use crate::restore::nearest::{Candidates, Part, part};

use super::Problem;

/// What the source's status may be behind what is archived: it is told in steps of ten minutes.
const BEHIND: SignedDuration = SignedDuration::from_mins(10);

/// The moments that can be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Of what, as a message begins.
    who: String,
    /// The first, in words; none when there is none.
    first: Option<String>,
    /// The last, to ten minutes; none when nobody tells.
    until: Option<Timestamp>,
    /// What else a person can do than name one of them.
    or: &'static str,
}

impl Reach {
    /// Of one backup that a person named.
    pub fn of_backup(backup: &PostgresBackup, source: &SourceSeen) -> Self {
        let cut = backup.status.as_ref().and_then(|status| status.cut_at.as_ref());
        let first = cut.map_or_else(|| "its cut".to_owned(), |at| at.0.to_string());
        let until = source.archived_until;
        Self { who: "this backup".into(), first: Some(first), until, or: ", or another backup" }
    }

    /// Of all backups of a cluster.
    pub fn of_cluster(name: &str, candidates: &Candidates, source: &SourceSeen, now: Timestamp) -> Self {
        let kept = kept(candidates, source, now);
        let usable = candidates.iter().filter(|one| archived(one.backup) && covered(&kept, one.backup));
        let first = usable.map(|one| one.cut_at).min().map(|at| at.to_string());
        Self { who: format!("cluster '{name}'"), first, until: source.archived_until, or: "" }
    }

    /// True for a moment after the last one.
    pub fn ends_before(&self, moment: Timestamp, now: Timestamp) -> bool {
        let late = |until: Timestamp| until.checked_add(BEHIND).is_ok_and(|until| moment > until);
        moment > now || self.until.is_some_and(late)
    }

    /// The answer to a point outside.
    pub fn outside(&self, field: &str, value: &str) -> Problem {
        let Self { who, first, until, or } = self;
        let remedy = match (first, until) {
            (None, _) => format!(
                "no backup of {who} that is left was made while it had an archive in a bucket, so that backups' own moments alone can be \
                 brought back: remove spec.bootstrap.pointInTime"
            ),
            (Some(first), Some(until)) => {
                format!("{who} can be brought to moments from {first} to about {until}: name one of them{or}")
            }
            (Some(first), None) => format!(
                "{who} can be brought to moments from {first} on, as far as WAL was archived: name one of them{or}"
            ),
        };
        Problem::new(format!("spec.bootstrap.pointInTime.{field}"), value, remedy)
    }
}

/// True when the WAL after this backup is still there, as far as the rule tells by which it is removed.
pub fn reaches(
    candidates: &Candidates,
    backup: &PostgresBackup,
    source: &SourceSeen,
    now: Timestamp,
) -> bool {
    covered(&kept(candidates, source, now), backup)
}

/// What each part of the archive keeps. A cluster that is there removes WAL today; one that is gone did so no later than it made its
/// last backup, as far as is known here.
fn kept<'a>(candidates: &Candidates<'a>, source: &SourceSeen, now: Timestamp) -> BTreeMap<Part<'a>, Keep> {
    let mut parts: BTreeMap<Part, Vec<&PostgresBackup>> = BTreeMap::new();
    for one in candidates.iter() {
        if let Some(part) = part(one.backup) {
            parts.entry(part).or_default().push(one.backup);
        }
    }
    let newest = candidates.newest().and_then(|one| part(one.backup));
    let keeps = |(part, backups): (Part<'a>, Vec<&PostgresBackup>)| {
        let bases: Vec<Base> =
            backups.iter().filter_map(|backup| Base::of(backup.status.as_ref()?)).collect();
        let pruner = source.pruner.as_ref();
        let pruner = pruner.filter(|pruner| pruner.cluster_uid == part.cluster_uid && newest == Some(part));
        let (days, clock) = match pruner {
            Some(pruner) => (pruner.days, now),
            None => (
                backups.first().and_then(|backup| spec(backup)?.backup.archive?.retention_days),
                bases.iter().map(|base| base.cut_at).max()?,
            ),
        };
        let major = bases.iter().map(|base| base.major).max()?;
        Some((part, keep(&bases, days, major, clock)?))
    };
    parts.into_iter().filter_map(keeps).collect()
}

/// True as well for a backup that does not tell what WAL it needs: then recovery finds out.
fn covered(kept: &BTreeMap<Part, Keep>, backup: &PostgresBackup) -> bool {
    let base = backup.status.as_ref().and_then(Base::of);
    let keep = part(backup).and_then(|part| kept.get(&part));
    base.zip(keep).is_none_or(|(base, keep)| keep.covers(&base))
}

fn archived(backup: &PostgresBackup) -> bool {
    spec(backup).and_then(|spec| spec.backup.archive?.gcs).is_some()
}

/// The spec that its cluster had.
fn spec(backup: &PostgresBackup) -> Option<PostgresClusterSpec> {
    backup.status.as_ref()?.source.as_ref()?.spec().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::PASSPHRASE;
    use crate::fixture::{entries, observed, start};
    use crate::observe::{Observed, OriginSeen, Pruner};
    use crate::target::validate;
    use serde_json::{Value, json};

    /// A backup of `shop/old` that was cut on this day at 10:00 and needs WAL from this folder on.
    fn backup(day: u32, log: u32, archive: &Value) -> PostgresBackup {
        let spec = json!({"engine": {"version": "17.91"}, "storage": {"size": "2Gi"}, "backup": {"archive": archive}});
        let source = json!({
            "clusterUid": "0b5a4f4e-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
            "clusterSpec": spec.to_string(),
        });
        let group = json!({
            "group": 0, "member": "old-0", "claim": "data-old-0", "volume": "v", "systemIdentifier": "1", "timeline": 1,
            "checkpointLsn": format!("{log:X}/28"), "cutLsn": format!("{log:X}/100"),
            "snapshot": {"name": "s", "handle": "h", "driver": "d", "ready": true},
        });
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": format!("day-{day}"), "namespace": "shop", "uid": format!("b-{day}")},
            "spec": {"cluster": "old"},
            "status": {
                "phase": "Succeeded", "cutAt": format!("2026-11-{day:02}T10:00:00Z"), "provider": "Csi", "source": source,
                "groups": [group],
            },
        }))
        .unwrap()
    }

    /// Backups of the 1st, 10th and 20th of November, today being the 21st.
    fn world(point: Value, archive: &Value, days: Option<i32>) -> Observed {
        let mut seen = observed(json!({"bootstrap": {"fromCluster": {"name": "old"}, "pointInTime": point}}));
        seen.given.provisioner = Some("d".into());
        let backups = vec![backup(10, 2, archive), backup(20, 3, archive), backup(1, 1, archive)];
        seen.restore.backup = OriginSeen::Several { backups, clusters: vec!["old".into()] };
        seen.restore.source.secrets = entries(&[(PASSPHRASE, "p")]);
        seen.restore.source.archived_until = Some("2026-11-21T11:00:00Z".parse().unwrap());
        seen.restore.source.pruner = Some(Pruner { cluster_uid: "0b5a4f4e-1".into(), days });
        seen
    }

    fn told(seen: &Observed) -> Result<String, String> {
        let texts =
            |problems: Vec<Problem>| problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ");
        validate(seen, start())
            .map(|target| target.restore.map(|restore| restore.course.backup).unwrap_or_default())
            .map_err(texts)
    }

    fn bucket() -> Value {
        json!({"gcs": {"bucket": "wal"}, "retentionDays": 7})
    }

    fn at(day: u32) -> Value {
        json!({"targetTime": format!("2026-11-{day:02}T12:00:00Z")})
    }

    #[test]
    fn the_last_backup_before_the_moment_is_begun_with() {
        let begun = |point: Value| told(&world(point, &bucket(), Some(7)));
        assert_eq!(begun(at(15)).as_deref(), Ok("shop/day-10"));
        assert_eq!(begun(at(20)).as_deref(), Ok("shop/day-20"));
        assert_eq!(begun(json!({"targetLsn": "3/50"})).as_deref(), Ok("shop/day-10"));
        assert_eq!(begun(json!({"targetName": "before-release"})).as_deref(), Ok("shop/day-20"));
        assert_eq!(begun(json!({"targetLatest": true})).as_deref(), Ok("shop/day-20"));
    }

    #[test]
    fn the_newest_data_is_not_reached_of_a_cluster_that_went_back_in_place_since() {
        let mut seen = world(json!({"targetLatest": true}), &bucket(), Some(7));
        seen.restore.source.left_at = Some("2026-11-20T18:00:00.5Z".parse().unwrap());
        let refused = told(&seen).unwrap_err();
        assert!(
            refused.starts_with(
                "spec.bootstrap.pointInTime.targetLatest is 'true': cluster 'old' went back to a backup in place at 2026-11-20T18:00:00Z"
            ),
            "{refused}"
        );
        assert!(refused.contains("stylobate backup old -n shop"), "{refused}");
        let mut moment = world(at(20), &bucket(), Some(7));
        moment.restore.source.left_at = seen.restore.source.left_at;
        assert_eq!(told(&moment).as_deref(), Ok("shop/day-20"), "a moment of before is what it says");
    }

    #[test]
    fn the_newest_data_is_not_reached_over_a_gap_that_is_known() {
        let mut seen = world(json!({"targetLatest": true}), &bucket(), Some(7));
        seen.restore.source.lost_at = Some("2026-11-21T05:00:00.5Z".parse().unwrap());
        let refused = told(&seen).unwrap_err();
        assert!(refused.contains("was lost for its archive at 2026-11-21T05:00:00Z"), "{refused}");
        assert!(
            refused.contains("stylobate backup old -n shop") && refused.contains("targetTime"),
            "{refused}"
        );
        let mut moment = world(at(20), &bucket(), Some(7));
        moment.restore.source.lost_at = seen.restore.source.lost_at;
        assert_eq!(told(&moment).as_deref(), Ok("shop/day-20"), "a moment of before is what it says");
    }

    #[test]
    fn a_moment_whose_wal_is_removed_is_answered_with_those_that_are_left() {
        let left =
            "cluster 'old' can be brought to moments from 2026-11-10T10:00:00Z to about 2026-11-21T11:00:00Z";
        let removed = told(&world(at(5), &bucket(), Some(7))).unwrap_err();
        assert!(
            removed.starts_with("spec.bootstrap.pointInTime.targetTime is '2026-11-05T12:00:00Z'"),
            "{removed}"
        );
        assert!(removed.contains(left), "{removed}");
        assert_eq!(told(&world(at(5), &bucket(), None)).as_deref(), Ok("shop/day-1"), "all is kept by now");
        let early =
            told(&world(json!({"targetTime": "2026-10-05T12:00:00Z"}), &bucket(), Some(7))).unwrap_err();
        assert!(early.contains(left), "{early}");
        let late =
            told(&world(json!({"targetTime": "2026-11-21T11:30:00Z"}), &bucket(), Some(7))).unwrap_err();
        assert!(late.contains(left), "{late}");
    }

    #[test]
    fn a_cluster_that_is_gone_removed_wal_no_later_than_by_its_last_backup() {
        let gone = |archive: &Value| {
            let mut seen = world(at(5), archive, None);
            (seen.restore.source.pruner, seen.restore.source.archived_until) = (None, None);
            told(&seen)
        };
        let removed = gone(&bucket()).unwrap_err();
        assert!(removed.contains("from 2026-11-10T10:00:00Z on, as far as WAL was archived"), "{removed}");
        assert_eq!(gone(&json!({"gcs": {"bucket": "wal"}})).as_deref(), Ok("shop/day-1"));
    }

    #[test]
    fn without_an_archive_a_backups_own_moment_alone_comes_back() {
        let none = told(&world(at(15), &Value::Null, None)).unwrap_err();
        assert!(
            none.starts_with("spec.bootstrap.fromCluster.name is 'old': of its backups day-10 fits"),
            "{none}"
        );
        assert!(none.contains("had no archive when it was made"), "{none}");
        let early =
            told(&world(json!({"targetTime": "2026-10-05T12:00:00Z"}), &Value::Null, None)).unwrap_err();
        assert!(early.contains("was made while it had an archive in a bucket"), "{early}");
    }
}
