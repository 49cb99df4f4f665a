//! The condition `Archiving`, and what the status tells of the archive. They are there while the spec asks for one.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::ArchiveStatus;
use crate::archive::{ArchiveTarget, CONF, Health, PASSPHRASE, Place, backlog, health};
use crate::name::{LABEL_CLUSTER, LABEL_MANAGED_BY, MANAGER};
use crate::observe::{ArchiveSeen, Observed};
use crate::plan::{Passphrase, bases, passphrase};
use crate::target::{Target, archive_mounted};

use super::conditions::{Finding, good, reason};
use super::window::window;

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
pub fn archiving(
    seen: &Observed,
    target: Option<&Target>,
    told: Option<&ArchiveStatus>,
    now: Timestamp,
) -> Option<Finding> {
    let (archive, found) = parts(seen, target)?;
    let place = archive.place.human();
    if let Some(finding) = keyless(seen) {
        return Some(finding);
    }
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
    let cuts = cuts(target?, seen);
    let (newest, given_up_at) = (cuts.iter().max().copied(), lost(told, Some(found), &cuts));
    let window = told.and_then(|told| told.window.as_ref()?.reason.as_ref());
    Some(match health(&ArchiveSeen { given_up_at, ..found.clone() }, volume, newest, now) {
        Health::Good => {
            let short = window.map(|why| format!("; fewer moments than promised can be brought back: {why}"));
            good(format!("WAL is archived to {place} as {}{}", archive.stanza, short.unwrap_or_default()))
        }
        Health::Failing(why) => {
            let kept = match archive.max_backlog {
                None => "Until it works again all WAL is kept, and the volume fills",
                Some(_) => "WAL beyond spec.backup.archive.maxBacklog is given up",
            };
            let message = format!("WAL is not archived to {place}: {why}. {kept}. More: {log}");
            (false, reason::ARCHIVE_FAILING, message)
        }
        Health::Another(writer) => {
            let (what, back) = match writer {
                Some(identifier) => (
                    format!(
                        "a server with the system identifier {identifier} writes there, which is not this cluster's"
                    ),
                    format!(
                        "; or stop the other one and take the place back: kubectl -n {namespace} exec {} -c postgres -- pgbackrest \
                         --config=/etc/stylobate/archive/{CONF} --stanza={} --no-online stanza-upgrade",
                        seen.primary().unwrap_or_default(),
                        archive.stanza
                    ),
                ),
                None => (
                    "a segment is there already with other contents, so a copy of this server writes there"
                        .to_owned(),
                    String::new(),
                ),
            };
            let message = format!(
                "WAL is not archived to {place} as {}: {what}. Nothing there is overwritten; all WAL is kept, and the volume fills. Give \
                 spec.backup.archive another place (gcs.prefix or gcs.bucket) and make a backup{back}. More: {log}",
                archive.stanza
            );
            (false, reason::ARCHIVE_OF_ANOTHER, message)
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

/// What is wrong with the passphrase.
fn keyless(seen: &Observed) -> Option<Finding> {
    let (name, namespace) = (seen.name(), &seen.name().namespace);
    let (secret, conf) = (name.archive_key(), name.archive());
    match passphrase(seen) {
        Passphrase::Lost => Some((
            false,
            reason::ARCHIVE_KEY_LOST,
            format!(
                "Secret {secret} with the passphrase of what this cluster has archived is gone, and no other one is made: with another \
                 one that could never be read again. Put back your copy: kubectl -n {namespace} create secret generic {secret} \
                 --from-file={PASSPHRASE}=FILE && kubectl -n {namespace} label secret {secret} {LABEL_MANAGED_BY}={MANAGER} \
                 {LABEL_CLUSTER}={}. If there is none, what was archived is lost: give spec.backup.archive another place (prefix or \
                 bucket), put a new passphrase there in the same way, and make a backup",
                name.name
            ),
        )),
        Passphrase::Changed(_) => Some((
            false,
            reason::ARCHIVE_KEY_CHANGED,
            format!(
                "Secret {secret} has another passphrase than the one that this cluster archives with, and is not taken: what was archived \
                 could not be read with it. Members go on with the old one. Put that back into the Secret: it is in Secret {conf}, entry \
                 {CONF}, line repo1-cipher-pass"
            ),
        )),
        Passphrase::Kept(_) | Passphrase::Elsewhere(..) | Passphrase::Never => None,
    }
}

/// The Secret with the passphrase. Once there was one, no other passphrase is made: so this stays, whatever becomes of Secret and archive.
pub fn key(before: Option<String>, seen: &Observed, target: Option<&Target>) -> Option<String> {
    let secret = seen.name().archive_key();
    let there = seen.children.secret(&secret).is_some_and(|data| data.contains_key(PASSPHRASE));
    before.or_else(|| (parts(seen, target).is_some() && there).then_some(secret))
}

/// What the status tells; none without an archive.
pub fn status(
    before: Option<&ArchiveStatus>,
    seen: &Observed,
    target: Option<&Target>,
    now: Timestamp,
) -> Option<ArchiveStatus> {
    let (Some((archive, found)), Some(target)) = (parts(seen, target), target) else {
        // A spec that can't be carried out leaves all as it was.
        return if target.is_none() { before.cloned() } else { None };
    };
    let before = before.filter(|before| before.stanza == archive.stanza);
    let lost = lost(before, found, &cuts(target, seen));
    let until = found.and_then(|found| found.last_archived_at).and_then(step).map(Time);
    Some(ArchiveStatus {
        place: archive.place.human(),
        stanza: archive.stanza.clone(),
        archived_until: until.or_else(|| before.and_then(|before| before.archived_until.clone())),
        backlog_bytes: found.map(backlog).map(coarse),
        window: window(before, (archive, target, seen), lost, now),
        lost_at: lost.map(Time),
    })
}

/// Cuts of the backups that a point in time can begin with.
fn cuts(target: &Target, seen: &Observed) -> Vec<Timestamp> {
    bases(target, seen).iter().filter(|(_, base)| !base.refuted).map(|(_, base)| base.cut_at).collect()
}

/// When WAL was lost last, for as long as a backup is there from which one might want to go over that moment. The note of it is on the
/// volume of the member that found out: another one that takes writes knows nothing of it.
fn lost(told: Option<&ArchiveStatus>, found: Option<&ArchiveSeen>, cuts: &[Timestamp]) -> Option<Timestamp> {
    let told = told.and_then(|told| told.lost_at.as_ref()).map(|at| at.0);
    let noted = found.and_then(|found| found.given_up_at);
    told.max(noted).filter(|lost| cuts.iter().min().is_none_or(|oldest| oldest <= lost))
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
    use crate::observe::{ArchiveFault, DatabaseSeen};
    use serde_json::json;

    fn told(archive: Option<ArchiveSeen>) -> Finding {
        let mut seen = observed(json!({"backup": {"archive": {"gcs": {"bucket": "wal"}}}}));
        put_pods(&mut seen);
        seen.database =
            archive.map(|archive| DatabaseSeen { archive: Some(archive), ..DatabaseSeen::default() });
        let target = target(&seen);
        archiving(&seen, Some(&target), None, start()).unwrap()
    }

    #[test]
    fn a_cluster_without_an_archive_has_no_such_condition() {
        let seen = observed(json!({}));
        assert_eq!(archiving(&seen, Some(&target(&seen)), None, start()), None);
        assert_eq!(status(None, &seen, Some(&target(&seen)), start()), None);
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
        let another = ArchiveSeen { fault: Some(ArchiveFault::Other("77".into())), ..ArchiveSeen::default() };
        let (_, why, message) = told(Some(another));
        assert_eq!(why, reason::ARCHIVE_OF_ANOTHER);
        assert!(message.contains("system identifier 77") && message.contains("gcs.prefix"), "{message}");
        assert!(message.contains("exec c-0 -c postgres -- pgbackrest"), "{message}");
        let copy = ArchiveSeen { fault: Some(ArchiveFault::Duplicate), ..ArchiveSeen::default() };
        let (_, why, message) = told(Some(copy));
        assert!(why == reason::ARCHIVE_OF_ANOTHER && !message.contains("stanza-upgrade"), "{message}");
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
            status(None, &seen, Some(&target(&seen)), start()).unwrap()
        };
        assert_eq!(at(0, 0), at(9, 3));
        assert_ne!(at(0, 0), at(10, 0));
        assert_eq!(at(0, 100).backlog_bytes, Some(2 << 30));
    }
}
