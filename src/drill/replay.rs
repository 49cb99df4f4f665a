//! WAL of the archive that a drill replays after its backup, and what a drill that failed has failed of. Pure.
//!
//! A mark is written on the cluster of the backup when the drill begins, and the segment of WAL with it has to come to the archive; the
//! backup is then restored up to that mark. Where that fails the backup is restored once more, alone: so it is known which of the two
//! is to blame, and nothing is told by the words of a message. `docs/decisions/0043-drills-of-the-archive.md`.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BackupMethod, DrillBlame, DrillReplay, DrillReport, PostgresBackup, PostgresCluster};
use crate::archive::position;
use crate::status::{kind, reason, since};

use super::decide::Step;
use super::facts::{Seen, Source};

/// How long a cluster may have no member that takes writes, or be asked in vain for the mark, before the drill goes on without its archive.
const SILENCE: SignedDuration = SignedDuration::from_mins(5);
/// How long the segment with the mark may take to the archive. `Archiving` is False after five minutes; an archive that is slower than
/// this is told there, and the backup is looked through all the same.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(10);
/// Whoever writes the mark may be killed before the segment with it is closed: once a minute, for so many seconds, that is asked for again. Two
/// rounds fit in.
const AGAIN: i64 = 10;

/// What comes before the restore.
pub enum Prepared {
    /// The restore.
    Ready,
    /// This step, or a while.
    First(Option<Step>),
}

/// Has the mark written and archived, or tells in the report why no WAL is replayed.
pub fn prepare(seen: &Seen, drill: &mut DrillReport, now: Timestamp) -> Prepared {
    let settled =
        drill.replay.as_ref().is_some_and(|replay| replay.archived_at.is_some() || replay.failed.is_some());
    if settled || drill.not_replayed.is_some() {
        return Prepared::Ready;
    }
    let since = now.duration_since(drill.started_at.0);
    match &seen.source {
        Source::Silent => Prepared::Ready,
        Source::Unfit(why) => without(drill, why.clone()),
        Source::Waits(why) if silent(drill, now) < SILENCE => {
            drill.waiting = Some(why.clone());
            Prepared::First(None)
        }
        Source::Waits(why) => without(drill, why.clone()),
        Source::Fit(None) if silent(drill, now) < SILENCE => {
            Prepared::First(Some(Step::Mark { key: drill.mark() }))
        }
        Source::Fit(None) => {
            let why = format!(
                "no mark could be written on cluster {} within {} min: its primary answers, and does not write",
                seen.backup.spec.cluster,
                SILENCE.as_mins()
            );
            without(drill, why)
        }
        Source::Fit(Some(mark)) => {
            drill.silent_since = None;
            drill.replay = Some(DrillReplay {
                to: Time(mark.at),
                lsn: mark.lsn.clone(),
                wal: mark.wal.clone(),
                archived_at: mark.archived.then_some(Time(now)),
                bytes: bytes(&seen.backup, &mark.lsn),
                reached: false,
                failed: None,
                failed_of: None,
            });
            if mark.archived {
                return Prepared::Ready;
            }
            if since < ON_ITS_WAY {
                drill.waiting =
                    Some(format!("WAL up to {} ({}) is on its way to the archive", mark.at, mark.wal));
                let again = since.as_secs() % 60 < AGAIN;
                return Prepared::First(again.then(|| Step::Mark { key: drill.mark() }));
            }
            let why = format!(
                "what was written at {:.0} ({}) did not come to the archive within {} min: see Archiving of the cluster",
                mark.at,
                mark.wal,
                ON_ITS_WAY.as_mins()
            );
            without(drill, why)
        }
    }
}

/// How long the cluster has been waited for without an answer; a clock that went back begins anew.
fn silent(drill: &mut DrillReport, now: Timestamp) -> SignedDuration {
    let since = drill.silent_since.as_ref().map_or(now, |since| since.0.min(now));
    drill.silent_since = Some(Time(since));
    now.duration_since(since)
}

fn without(drill: &mut DrillReport, why: String) -> Prepared {
    drill.silent_since = None;
    // A mark that is not known to be archived is no place to go to.
    (drill.replay, drill.not_replayed) = (None, Some(why));
    Prepared::Ready
}

/// Bytes of WAL from where the backup's recovery begins.
fn bytes(backup: &PostgresBackup, to: &str) -> Option<i64> {
    let group = backup.status.as_ref()?.groups.first()?;
    let from = group.archived.as_ref().map(|copy| &copy.start_lsn).or(group.checkpoint_lsn.as_ref())?;
    i64::try_from(position(to)?.checked_sub(position(from)?)?).ok()
}

/// A restored cluster that will never serve.
pub struct Hopeless {
    /// Why, in its own words.
    pub cause: String,
    /// What it failed of, if no WAL was replayed.
    pub blame: DrillBlame,
}

/// Why the restored cluster will never serve; none while it may. A restore that says it failed may yet heal for as long as `patience`,
/// from when it first says so.
pub fn hopeless(
    seen: &Seen,
    drill: &DrillReport,
    restored: &PostgresCluster,
    patience: SignedDuration,
    now: Timestamp,
) -> Option<Hopeless> {
    let status = restored.status.as_ref()?;
    let conditions = &status.conditions;
    let refused = conditions.iter().find(|c| c.type_ == kind::ACCEPTED && c.status == "False");
    let stuck = conditions.iter().find(|c| {
        c.type_ == kind::RESTORED
            && matches!(
                c.reason.as_str(),
                reason::RESTORE_FAILED | reason::RESTORE_KEY_WRONG | reason::RESTORE_UNREAD
            )
            && now.duration_since(since(status, c)) > patience
    });
    let reads = seen.backup.spec.method == BackupMethod::Archive || drill.replays().is_some();
    let (condition, backups) = match (refused, stuck) {
        // What a spec is refused for is a class, a version, a name: none of it is in a backup. The way into its archive is.
        (Some(refused), _) => (refused, reads && refused.reason == reason::SOURCE_ARCHIVE_REFUSED),
        (None, stuck) => stuck.map(|stuck| (stuck, stuck.reason != reason::RESTORE_UNREAD))?,
    };
    let blame = if backups { DrillBlame::Backup } else { DrillBlame::Surroundings };
    Some(Hopeless { cause: condition.message.clone(), blame })
}

/// What a drill failed of whose time is over.
pub fn late(backup: &PostgresBackup, restored: Option<&PostgresCluster>) -> DrillBlame {
    let Some(status) = restored.and_then(|restored| restored.status.as_ref()) else {
        return DrillBlame::Surroundings;
    };
    let served = status.restore.as_ref().is_some_and(|restore| restore.serving_at.is_some());
    let bad = |kind: &str, of: &[&str]| {
        let mut found = status.conditions.iter().filter(|c| c.type_ == kind && c.status == "False");
        found.any(|c| of.contains(&c.reason.as_str()))
    };
    // A pod that can't be made, placed, or have its image is no word on the data, and neither is an archive that can't be asked.
    let no_word = bad(kind::READY, &[reason::UNSCHEDULABLE, reason::FAILED_CREATE, reason::IMAGE_PULL])
        || bad(kind::RESTORED, &[reason::RESTORE_UNREAD]);
    // A volume that can't be cloned may be one. A copy that is fetched all the time is as large as it is.
    let fetches = backup.spec.method == BackupMethod::Archive
        && !bad(kind::RESTORED, &[reason::RESTORE_FAILED, reason::RESTORE_KEY_WRONG]);
    if served || no_word || fetches { DrillBlame::Surroundings } else { DrillBlame::Backup }
}

/// After a replay that failed: what it made goes, and then the backup is restored alone. None once that is so.
pub fn clear(seen: &Seen, drill: &mut DrillReport, alone: impl FnOnce() -> String) -> Option<Option<Step>> {
    let failed = drill.replay.as_ref().is_some_and(|replay| replay.failed.is_some());
    if !failed || drill.alone.is_some() {
        return None;
    }
    if seen.anchor.is_some() {
        return Some(Some(Step::Remove { name: drill.cluster.clone() }));
    }
    if seen.cluster.is_none() {
        drill.alone = Some(alone());
    }
    Some(None)
}
