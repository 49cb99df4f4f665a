//! Which WAL is kept. pgBackRest's own `expire` counts its own backups, and snapshots are none: without one it removes nothing (tried
//! with 2.55.1), and with one it would remove what a snapshot leads to. So whole folders of the archive are removed, each of 256
//! segments (4 GiB before compression), by pgBackRest's `repo-rm`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::api::{BackupPhase, BackupStatus};
use crate::target::Version;

/// A backup that a restore to a point in time can begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Moment of its cut.
    pub cut_at: Timestamp,
    /// Major of the server that made it.
    pub major: i32,
    /// Position in bytes from which its recovery needs WAL.
    pub redo: u64,
    /// Positions between which a copy needs WAL for its own moment, in bytes; none for a snapshot, which has all that it needs.
    pub span: Option<(u64, u64)>,
    /// A restore reads it and the WAL after it now.
    pub in_use: bool,
    /// A drill of it failed: its WAL is kept as that of others, and no promise rests on it.
    pub refuted: bool,
}

impl Base {
    /// Of a backup that can be restored; none of any other.
    pub fn of(backup: &BackupStatus) -> Option<Self> {
        if backup.phase != BackupPhase::Succeeded {
            return None;
        }
        let group = backup.groups.first()?;
        Some(Self {
            cut_at: backup.cut_at.as_ref()?.0,
            major: Version::read(&backup.source.as_ref()?.version)?.major,
            redo: position(group.checkpoint_lsn.as_ref()?)?,
            span: match &group.archived {
                None => None,
                Some(copy) => Some((position(&copy.start_lsn)?, position(&copy.stop_lsn)?)),
            },
            in_use: false,
            refuted: backup.refuted().is_some(),
        })
    }
}

/// A position as PostgreSQL writes it, `0/3000028`, in bytes.
pub fn position(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    Some(
        (u64::from(u32::from_str_radix(high, 16).ok()?) << 32)
            + u64::from(u32::from_str_radix(low, 16).ok()?),
    )
}

/// Bytes of a segment: initdb's default, which the operator never changes.
const SEGMENT: u64 = 16 << 20;

/// Name of the segment that ends at this position of a timeline, or has it in it.
pub fn segment_before(timeline: u32, position: u64) -> String {
    let number = position.saturating_sub(1) / SEGMENT;
    let in_log = (1 << 32) / SEGMENT;
    format!("{timeline:08X}{:08X}{:08X}", number / in_log, number % in_log)
}

/// Folders that are kept, by major. A major that is not named is not needed any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Those from this number on.
    from: BTreeMap<i32, u32>,
    /// Those of copies that are older than these: major, first and last number. They lead to no other moment than the copy's own.
    spans: BTreeSet<(i32, u32, u32)>,
}

impl Keep {
    /// True when nothing is removed of the WAL that a restore from this backup needs.
    pub fn covers(&self, base: &Base) -> bool {
        self.from.get(&base.major).is_some_and(|first| log(base.redo) >= *first)
    }

    /// As `archive-prune` takes it: `17:0000002A`, and `17:00000003-00000004` for a span; the numbers in hexadecimal as in the folders'
    /// names.
    pub fn words(&self) -> String {
        let from = self.from.iter().map(|(major, log)| format!("{major}:{log:08X}"));
        let spans = self.spans.iter().map(|(major, first, last)| format!("{major}:{first:08X}-{last:08X}"));
        from.chain(spans).collect::<Vec<_>>().join(" ")
    }
}

/// What is kept so that every moment of the last `days` can be brought back, or every one since the oldest backup, and what a
/// restore reads now; none when nothing may be removed: without a backup nobody knows what will be needed.
pub fn keep(bases: &[Base], days: Option<i32>, serving: i32, now: Timestamp) -> Option<Keep> {
    let oldest = bases.iter().min_by_key(|base| base.cut_at)?;
    let by_days = match days {
        None => oldest,
        Some(days) => {
            let since = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).ok()?;
            let reach = bases.iter().filter(|base| base.cut_at <= since && !base.refuted);
            reach.max_by_key(|base| base.cut_at).unwrap_or(oldest)
        }
    };
    let in_use = bases.iter().filter(|base| base.in_use);
    let first = in_use.chain([by_days]).min_by_key(|base| base.cut_at)?;
    let mut kept = BTreeMap::from([(first.major, log(first.redo))]);
    // Positions go on in a major upgrade, but all that a newer major ever wrote is newer than `first`.
    for newer in bases.iter().map(|base| base.major).chain([serving]).filter(|major| *major > first.major) {
        kept.insert(newer, 0);
    }
    let span = |base: &Base| base.span.map(|(start, stop)| (base.major, log(start), log(stop)));
    let before = |(major, first, _): &(i32, u32, u32)| kept.get(major).is_none_or(|from| first < from);
    let spans = bases.iter().filter_map(span).filter(before).collect();
    Some(Keep { from: kept, spans })
}

/// Number of the folder that a position is in: the upper half of the position, as PostgreSQL names its segments.
fn log(position: u64) -> u32 {
    (position >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(day: u32, major: i32, high: u64) -> Base {
        let cut_at = format!("2026-11-{day:02}T02:00:00Z").parse().unwrap();
        Base { cut_at, major, redo: (high << 32) + 0x28, span: None, in_use: false, refuted: false }
    }

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn words(bases: &[Base], days: Option<i32>) -> Option<String> {
        keep(bases, days, 17, now()).map(|keep| keep.words())
    }

    #[test]
    fn without_a_backup_nothing_is_removed() {
        assert_eq!(words(&[], Some(1)), None);
    }

    #[test]
    fn without_days_the_oldest_kept_backup_decides() {
        assert_eq!(words(&[base(20, 17, 9), base(1, 17, 2)], None).unwrap(), "17:00000002");
    }

    #[test]
    fn with_days_every_moment_of_them_can_be_brought_back() {
        let bases = [base(1, 17, 2), base(13, 17, 5), base(16, 17, 7), base(20, 17, 9)];
        assert_eq!(words(&bases, Some(7)).unwrap(), "17:00000005", "the newest backup before the 14th");
        assert_eq!(words(&bases, Some(30)).unwrap(), "17:00000002", "no backup is that old");
    }

    #[test]
    fn no_window_begins_with_what_failed_its_drill() {
        let mut bases = [base(1, 17, 2), base(13, 17, 5), base(20, 17, 9)];
        bases[1].refuted = true;
        assert_eq!(
            words(&bases, Some(7)).unwrap(),
            "17:00000002",
            "the one before it leads to the same moments"
        );
        assert_eq!(words(&bases[1..], Some(7)).unwrap(), "17:00000005", "where no other does, its WAL stays");
    }

    #[test]
    fn what_a_restore_reads_is_kept_however_old_it_is() {
        let mut bases = [base(1, 17, 2), base(13, 17, 5), base(20, 17, 9)];
        let kept = keep(&bases, Some(7), 17, now()).unwrap();
        assert_eq!(bases.each_ref().map(|base| kept.covers(base)), [false, true, true]);
        bases[0].in_use = true;
        assert_eq!(words(&bases, Some(7)).unwrap(), "17:00000002");
        bases[2].in_use = true;
        assert_eq!(words(&bases, Some(7)).unwrap(), "17:00000002", "the oldest of them decides");
    }

    #[test]
    fn a_copy_keeps_what_it_needs_for_its_own_moment_and_no_more() {
        let copy = |day, major, high: u64, last: u64| Base {
            span: Some((high << 32, last << 32)),
            ..base(day, major, high)
        };
        let bases = [copy(1, 15, 1, 1), copy(2, 17, 2, 3), copy(13, 17, 5, 6), copy(20, 17, 9, 9)];
        assert_eq!(words(&bases, Some(7)).unwrap(), "17:00000005 15:00000001-00000001 17:00000002-00000003");
        let kept = keep(&bases, Some(7), 17, now()).unwrap();
        assert!(!kept.covers(&bases[1]), "no later moment can be brought back from it");
        assert_eq!(words(&bases[2..], None).unwrap(), "17:00000005", "all that is later is kept anyway");
    }

    #[test]
    fn the_wal_of_an_older_major_goes_with_its_last_backup() {
        assert_eq!(words(&[base(1, 15, 3), base(20, 17, 9)], None).unwrap(), "15:00000003 17:00000000");
        assert_eq!(
            words(&[base(1, 15, 3), base(2, 17, 4), base(20, 17, 9)], Some(7)).unwrap(),
            "17:00000004"
        );
        assert_eq!(
            words(&[base(20, 15, 3)], None).unwrap(),
            "15:00000003 17:00000000",
            "upgraded a moment ago"
        );
    }
}
