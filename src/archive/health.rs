//! How the archive does, from what the primary says. Trouble has to be told long before the primary's volume is full, since
//! Postgres keeps all WAL that is not archived.

use jiff::{SignedDuration, Timestamp};

use crate::observe::{ArchiveFault, ArchiveSeen};

use super::SEGMENT_BYTES;

/// How long WAL may wait. A push takes a second, a restart of the archiver one minute (Postgres' own pause after three failures),
/// so five minutes are no hiccup; and with the default of one segment a minute at least, they cost 80 MiB.
const MOST_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// Part of the volume that may wait: a tenth is told while nine tenths are left for people to act in.
const MOST_PART: u64 = 10;
/// Segments that may wait in any case: on a volume of 1 GiB a tenth is 6, as many as a short burst makes.
const LEAST_SEGMENTS: u64 = 16;

/// How the archive does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// WAL is archived as it comes, or waits for a moment.
    Good,
    /// It is not archived, for this cause.
    Failing(String),
    /// It is not archived, since another server writes to the same place: one with this system identifier, or a copy of this one.
    Another(Option<String>),
    /// It is archived, but slower than it is written.
    Slow,
    /// Some was given up, at this moment: what came after it till the next backup can't be brought back.
    Gap(Timestamp),
}

/// Judges what is seen, on a volume of this size; `backup` is the cut of the newest backup, which ends a gap.
pub fn health(seen: &ArchiveSeen, volume_bytes: u64, backup: Option<Timestamp>, now: Timestamp) -> Health {
    let waits = seen.oldest_waiting.is_some_and(|since| now.duration_since(since) >= MOST_WAIT);
    let most = (volume_bytes / MOST_PART).max(LEAST_SEGMENTS * SEGMENT_BYTES);
    let many = backlog(seen) >= most;
    // No waiting heals these, so nobody has to wait for them to be told.
    match &seen.fault {
        Some(ArchiveFault::Key) => return Health::Failing(WRONG_KEY.into()),
        Some(ArchiveFault::Other(identifier)) => return Health::Another(Some(identifier.clone())),
        Some(ArchiveFault::Duplicate) => return Health::Another(None),
        None => {}
    }
    match &seen.trouble {
        Some(trouble) if waits || many => return Health::Failing(explain(trouble)),
        None if waits && !pushed_lately(seen, now) => {
            return Health::Failing("PostgreSQL's archiver says nothing: look at the primary's log".into());
        }
        _ => {}
    }
    if waits || many {
        return Health::Slow;
    }
    match seen.given_up_at.filter(|at| backup.is_none_or(|cut| cut <= *at)) {
        Some(at) => Health::Gap(at),
        None => Health::Good,
    }
}

/// Bytes of WAL that wait for the archive.
pub fn backlog(seen: &ArchiveSeen) -> u64 {
    seen.waiting.max(0).unsigned_abs().saturating_mul(SEGMENT_BYTES)
}

fn pushed_lately(seen: &ArchiveSeen, now: Timestamp) -> bool {
    seen.last_archived_at.is_some_and(|at| now.duration_since(at) < MOST_WAIT)
}

/// Most characters of a cause that is not known.
const MOST_TEXT: usize = 300;

/// What is wrong with a passphrase, and what to do.
const WRONG_KEY: &str = "what is in the archive can't be read with the passphrase of Secret <cluster>-archive-key: put back the Secret that \
     it was made with";

/// What pgBackRest says, in words that tell what to do. Its own words are many lines with the same cause thrice.
pub fn explain(trouble: &str) -> String {
    let says = |part: &str| trouble.contains(part);
    let known = if says("404 (Not Found)") {
        Some(
            "the bucket does not exist, or is another project's: make it, or correct spec.backup.archive.gcs.bucket",
        )
    } else if says("401 (Unauthorized)") || says("403 (Forbidden)") {
        Some(
            "the bucket lets the members not in: grant their ServiceAccount (<cluster>-member, by Workload Identity) or the \
             service account of the key roles/storage.objectAdmin on it",
        )
    } else if says("FormatError") || says("CryptoError") || says("unable to flush") {
        Some(WRONG_KEY)
    } else if says("unable to get address") || says("HostConnectError") || says("unable to connect") {
        Some(
            "the archive is not reached: check spec.backup.archive.gcs.endpoint, DNS, and egress of the namespace",
        )
    } else if says("asynchronously after") {
        Some(
            "the archive does not answer, or answers slowly: check the network to it, and the provider's status page",
        )
    } else if says("certificate") {
        Some(
            "the certificate of the archive's endpoint is not trusted: check spec.backup.archive.gcs.caSecret",
        )
    } else if says("No space left") || says("Disk quota") {
        Some("the archive's volume is full: grow it, or keep less (spec.backup.archive.retentionDays)")
    } else if says("PathCreateError") || says("Permission denied") || says("Read-only file system") {
        Some("the archive's volume can't be written: it has to be writable for group 999 (fsGroup)")
    } else {
        None
    };
    let words = trouble.split_whitespace().collect::<Vec<_>>().join(" ");
    let words: String = words.chars().filter(|c| !c.is_control()).take(MOST_TEXT).collect();
    match known {
        Some(known) => format!("{known} ({})", words.chars().take(MOST_TEXT / 2).collect::<String>()),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOLUME: u64 = 100 << 30;

    fn at(time: &str) -> Timestamp {
        format!("2026-11-21T{time}Z").parse().unwrap()
    }

    fn seen(waiting: i64, since: &str, trouble: Option<&str>) -> ArchiveSeen {
        ArchiveSeen {
            waiting,
            oldest_waiting: (waiting > 0).then(|| at(since)),
            trouble: trouble.map(str::to_owned),
            ..ArchiveSeen::default()
        }
    }

    #[test]
    fn a_hiccup_is_not_told_and_five_minutes_are() {
        let down = |since| seen(3, since, Some("ERROR: [082]: asynchronously after 5 second(s)"));
        assert_eq!(health(&down("11:56:00"), VOLUME, None, at("12:00:00")), Health::Good);
        let told = health(&down("11:55:00"), VOLUME, None, at("12:00:00"));
        assert!(matches!(&told, Health::Failing(why) if why.contains("does not answer")), "{told:?}");
    }

    #[test]
    fn a_tenth_of_the_volume_is_told_at_once() {
        let burst = |count| seen(count, "11:59:00", None);
        assert_eq!(health(&burst(639), VOLUME, None, at("12:00:00")), Health::Good);
        assert_eq!(health(&burst(640), VOLUME, None, at("12:00:00")), Health::Slow);
        assert_eq!(health(&burst(15), 1 << 30, None, at("12:00:00")), Health::Good, "a small volume");
    }

    #[test]
    fn an_archiver_that_falls_behind_is_told_apart_from_one_that_is_stuck() {
        let mut behind = seen(9, "11:50:00", None);
        assert!(matches!(health(&behind, VOLUME, None, at("12:00:00")), Health::Failing(_)));
        behind.last_archived_at = Some(at("11:59:59"));
        assert_eq!(health(&behind, VOLUME, None, at("12:00:00")), Health::Slow);
    }

    #[test]
    fn a_gap_is_told_until_a_backup_is_newer() {
        let gap = ArchiveSeen { given_up_at: Some(at("11:00:00")), ..ArchiveSeen::default() };
        let of = |backup: Option<&str>| health(&gap, VOLUME, backup.map(at), at("12:00:00"));
        assert_eq!(of(None), Health::Gap(at("11:00:00")));
        assert_eq!(of(Some("10:00:00")), Health::Gap(at("11:00:00")));
        assert_eq!(of(Some("11:30:00")), Health::Good);
    }

    #[test]
    fn what_no_waiting_heals_is_told_at_once() {
        let of = |fault| {
            let seen = ArchiveSeen { fault: Some(fault), ..seen(1, "11:59:59", Some("ERROR: [103]")) };
            health(&seen, VOLUME, None, at("12:00:00"))
        };
        assert!(
            matches!(of(ArchiveFault::Key), Health::Failing(why) if why.contains("<cluster>-archive-key"))
        );
        assert_eq!(of(ArchiveFault::Other("77".into())), Health::Another(Some("77".into())));
        assert_eq!(of(ArchiveFault::Duplicate), Health::Another(None));
    }

    #[test]
    fn every_cause_that_was_seen_says_what_to_do() {
        for (words, todo) in [
            ("ERROR: [039]: HTTP request failed with 404 (Not Found):", "make it"),
            ("ERROR: [039]: HTTP request failed with 403 (Forbidden):", "roles/storage.objectAdmin"),
            ("[FormatError] unable to load info file", "put back the Secret"),
            ("unable to get address for 'x': [-2] Name or service not known", "DNS"),
            ("ERROR: [082]: unable to push WAL file asynchronously after 5 second(s)", "network"),
        ] {
            assert!(explain(words).contains(todo), "{words}: {}", explain(words));
        }
        assert_eq!(explain("ERROR:  [099]:\n   odd\u{7}"), "ERROR: [099]: odd");
    }
}
