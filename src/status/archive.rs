//! The condition `Archiving`, and what the status tells of the archive. They are there while the spec asks for one.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::ArchiveStatus;
use crate::archive::{ArchiveTarget, Base, Health, Place, backlog, health};
use crate::observe::{ArchiveSeen, Observed};
use crate::target::{Target, archive_mounted};

use super::conditions::{Finding, good, reason};

/// A moment of the status moves in steps of 10 minutes: each move is a write to the API server.
const STEP_SECONDS: i64 = 600;

fn parts<'a>(
    seen: &'a Observed,
    target: Option<&'a Target>,
) -> Option<(&'a ArchiveTarget, Option<&'a ArchiveSeen>)> {
    let archive = target?.archive.as_ref()?;
    Some((archive, seen.database.as_ref().and_then(|database| database.archive.as_ref())))
}

/// Whether WAL is archived; none without an archive.
pub fn archiving(seen: &Observed, target: Option<&Target>, now: Timestamp) -> Option<Finding> {
    let (archive, found) = parts(seen, target)?;
    let place = archive.place.human();
    if matches!(archive.place, Place::Volume { .. }) && !archive_mounted(seen) {
        let message = format!(
            "WAL is not archived to {place} yet: members are made anew one by one to mount it (see Converged), and it begins with the last"
        );
        return Some((false, reason::ARCHIVE_FAILING, message));
    }
    let Some(found) = found else {
        let message = "no primary answers, so nobody can tell what waits for the archive: see Ready";
        return Some((false, reason::NO_PRIMARY, message.into()));
    };
    let namespace = &seen.name().namespace;
    let log = seen
        .primary()
        .map(|pod| format!("kubectl -n {namespace} logs {pod} -c postgres"))
        .unwrap_or_default();
    let volume = target?.storage_bytes;
    let backups = seen.backups.iter().flat_map(|backups| backups.values());
    let newest = backups.filter_map(|backup| Base::of(&backup.status)).map(|base| base.cut_at).max();
    Some(match health(found, volume, newest, now) {
        Health::Good => good(format!("WAL is archived to {place} as {}", archive.stanza)),
        Health::Failing(why) => {
            let kept = match archive.max_backlog {
                None => "Until it works again all WAL is kept, and the volume fills",
                Some(_) => "WAL beyond spec.backup.archive.maxBacklog is given up",
            };
            let message = format!("WAL is not archived to {place}: {why}. {kept}. More: {log}");
            (false, reason::ARCHIVE_FAILING, message)
        }
        Health::Slow => {
            let message = format!(
                "WAL is archived to {place} slower than it is written: look for a slow network or a busy CPU (spec.resources.cpu), or \
                 write less at once. Until it has caught up all WAL is kept on the volume"
            );
            (false, reason::ARCHIVE_SLOW, message)
        }
        Health::Gap(at) => {
            let message = format!(
                "at {at} WAL was lost for the archive: more waited than spec.backup.archive.maxBacklog, or a primary died that had archived \
                 less than another member can make good. Moments from then to the next backup can't be brought back: make a backup \
                 now (stylobate backup {} -n {namespace}); with it this is over",
                seen.cluster_name()
            );
            (false, reason::ARCHIVE_GAP, message)
        }
    })
}

/// What the status tells; none without an archive.
pub fn status(
    before: Option<&ArchiveStatus>,
    seen: &Observed,
    target: Option<&Target>,
) -> Option<ArchiveStatus> {
    let Some((archive, found)) = parts(seen, target) else {
        // A spec that can't be carried out leaves all as it was.
        return if target.is_none() { before.cloned() } else { None };
    };
    let before = before.filter(|before| before.stanza == archive.stanza);
    let until = found.and_then(|found| found.last_archived_at).and_then(step).map(Time);
    Some(ArchiveStatus {
        place: archive.place.human(),
        stanza: archive.stanza.clone(),
        archived_until: until.or_else(|| before.and_then(|before| before.archived_until.clone())),
        backlog_bytes: found.map(backlog).map(coarse),
    })
}

fn step(at: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(at.as_second() / STEP_SECONDS * STEP_SECONDS).ok()
}

/// 0 for what waits at any moment, else rounded up to a power of two.
fn coarse(bytes: u64) -> i64 {
    const ORDINARY: u64 = 4 * crate::archive::SEGMENT_BYTES;
    if bytes <= ORDINARY {
        return 0;
    }
    bytes.checked_next_power_of_two().and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, put_pods, start, target};
    use crate::observe::DatabaseSeen;
    use serde_json::json;

    fn told(archive: Option<ArchiveSeen>) -> Finding {
        let mut seen = observed(json!({"backup": {"archive": {"gcs": {"bucket": "wal"}}}}));
        put_pods(&mut seen);
        seen.database =
            archive.map(|archive| DatabaseSeen { archive: Some(archive), ..DatabaseSeen::default() });
        let target = target(&seen);
        archiving(&seen, Some(&target), start()).unwrap()
    }

    #[test]
    fn a_cluster_without_an_archive_has_no_such_condition() {
        let seen = observed(json!({}));
        assert_eq!(archiving(&seen, Some(&target(&seen)), start()), None);
        assert_eq!(status(None, &seen, Some(&target(&seen))), None);
    }

    #[test]
    fn trouble_is_told_with_its_cause_and_what_it_leads_to() {
        let since = start() - jiff::SignedDuration::from_mins(6);
        let (fine, why, message) = told(Some(ArchiveSeen {
            waiting: 2,
            oldest_waiting: Some(since),
            trouble: Some("ERROR: [039]: HTTP request failed with 404 (Not Found)".into()),
            ..ArchiveSeen::default()
        }));
        assert_eq!((fine, why), (false, reason::ARCHIVE_FAILING));
        for part in
            ["gs://wal/stylobate", "the bucket does not exist", "the volume fills", "logs c-0 -c postgres"]
        {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(told(None).1, reason::NO_PRIMARY);
        assert!(told(Some(ArchiveSeen::default())).0);
    }

    #[test]
    fn the_status_is_still_while_wal_is_archived_every_minute() {
        let mut seen = observed(json!({"backup": {"archive": {"gcs": {"bucket": "wal"}}}}));
        let mut at = |minutes: i64, waiting: i64| {
            let archive = ArchiveSeen {
                last_archived_at: Some(start() + jiff::SignedDuration::from_mins(minutes)),
                waiting,
                ..ArchiveSeen::default()
            };
            seen.database = Some(DatabaseSeen { archive: Some(archive), ..DatabaseSeen::default() });
            status(None, &seen, Some(&target(&seen))).unwrap()
        };
        assert_eq!(at(0, 0), at(9, 3));
        assert_ne!(at(0, 0), at(10, 0));
        assert_eq!(at(0, 100).backlog_bytes, Some(2 << 30));
    }
}
