//! Where the recovery of a restored cluster ended, by its first member: what the server remembers of it until it is started anew, and the
//! history of its timeline, which stays.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::ReachedPoint;
use crate::archive::{position, segment_before};
use crate::sql::session::{Error, Session};

/// Milliseconds since 1970 of the last commit that was replayed, and the history of the timeline that was begun then. Nulls while a
/// server recovers, and of one that never did.
pub const ENDED: &str = "SELECT (extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp()) * 1000)::bigint, \
    pg_catalog.pg_read_file('pg_wal/' || pg_catalog.left(w.segment, 8) || '.history', 0, 65536, true) \
    FROM (SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) END \
        AS segment) w";

/// Asks the member that takes writes.
///
/// # Errors
/// Those of the session.
pub async fn ended(session: &Session) -> Result<Option<ReachedPoint>, Error> {
    let rows = session.query(ENDED).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (at, history): (Option<i64>, Option<&str>) = (session.column(row, 0)?, session.column(row, 1)?);
    Ok(history.and_then(|history| reached(at, history)))
}

/// The point, from what [`ENDED`] answers. The last line of a history is the timeline that was left, and where.
pub fn reached(at: Option<i64>, history: &str) -> Option<ReachedPoint> {
    let mut lines = history.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut words = lines.next_back()?.split_whitespace();
    let (timeline, lsn) = (words.next()?.parse().ok()?, words.next()?);
    Some(ReachedPoint {
        at: at.and_then(|at| Timestamp::from_millisecond(at).ok()).map(Time),
        lsn: lsn.to_owned(),
        wal: segment_before(timeline, position(lsn)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_last_line_of_the_history_of_the_timeline_that_was_begun_then() {
        let history =
            "1\t0/3000148\tno recovery target specified\n\n3\t2A/5000000\tno recovery target specified\n";
        let point = reached(Some(1_795_262_400_500), history).expect("it is told");
        assert_eq!(point.at.expect("it was asked in time").0.to_string(), "2026-11-21T12:00:00.5Z");
        assert_eq!(point.lsn, "2A/5000000");
        assert_eq!(point.wal, "000000030000002A00000004", "the next segment has nothing of it");
        let early = reached(None, "3\t2A/5000001\tx").expect("it is told");
        assert_eq!((early.at, early.wal.as_str()), (None, "000000030000002A00000005"));
        for none in ["", "\n", "# a comment\n", "x\t0/1\ty", "1 nowhere", "1"] {
            assert_eq!(reached(None, none), None, "{none}");
        }
    }
}
