//! Which backups the promise of `retentionDays` rests on. Retention by count and age knows nothing of it: three backups of three nights are
//! no way to a moment of two weeks ago, however much WAL is kept.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::Base;

/// Parts of the window that have a base each. With one base alone the window could not go on: what is to be its next base would be gone when
/// it is old enough, and WAL from the first one on would be kept for ever. With four at most a quarter more WAL is kept than is promised,
/// and a restore replays at most a quarter of it.
const PARTS: i64 = 4;

/// Names of the backups without which not every moment of the last `days` could be brought back, now or later: the newest at or before the
/// window's start, and the oldest of each quarter of it. The oldest, since it stays that whatever comes later.
pub fn needed<'a>(bases: &[(&'a String, Base)], days: i32, now: Timestamp) -> BTreeSet<&'a String> {
    let whole = SignedDuration::from_hours(24 * i64::from(days.max(1)));
    let Ok(since) = now.checked_sub(whole) else { return bases.iter().map(|(name, _)| *name).collect() };
    let part = whole.as_secs() / PARTS;
    let of = |cut: Timestamp| cut.as_second().div_euclid(part);
    let mut good: Vec<&(&String, Base)> = bases.iter().filter(|(_, base)| !base.refuted).collect();
    good.sort_by_key(|(name, base)| (base.cut_at, *name));
    let begins = good.iter().rev().find(|(_, base)| base.cut_at <= since);
    let inside = good.iter().filter(|(_, base)| base.cut_at > since);
    let mut last = None;
    let first_of_part = inside.filter(|(_, base)| last.replace(of(base.cut_at)) != Some(of(base.cut_at)));
    first_of_part.chain(begins).map(|(name, _)| *name).collect()
}
