//! How the archive does, by the primary's own word: the server's counters, what waits, and the notes of
//! `images/postgres/archive-wal`.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::sql::session::{Error, Session};

/// What the primary says of its archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveSeen {
    /// When a file was archived last, in the life of this server.
    pub last_archived_at: Option<Timestamp>,
    /// Times that archiving a file failed, in the life of this server.
    pub failures: i64,
    /// Files of WAL that wait.
    pub waiting: i64,
    /// Since when the oldest of them waits.
    pub oldest_waiting: Option<Timestamp>,
    /// Why the last try failed, in pgBackRest's words; none when it did not.
    pub trouble: Option<String>,
    /// When WAL was given up last, since more waited than may.
    pub given_up_at: Option<Timestamp>,
    /// What was pruned by last, in the words of [`crate::archive::Keep`]; none when nobody did on this member.
    pub pruned: Option<String>,
}

/// One row. Times are seconds since 1970; files that are not there give null. Notes are read as bytes: what pgBackRest prints of a
/// file that it can't decrypt is no text.
const STATE: &str = "SELECT extract(epoch FROM a.last_archived_time)::float8, a.failed_count, w.count, w.oldest, \
    pg_catalog.pg_read_binary_file('/tmp/archive/trouble', 0, 2000, true), \
    (SELECT extract(epoch FROM s.modification)::float8 FROM pg_catalog.pg_stat_file('/data/archive-given-up', true) s), \
    pg_catalog.pg_read_binary_file('/tmp/archive/pruned', 0, 100000, true) \
    FROM pg_catalog.pg_stat_archiver a, (SELECT pg_catalog.count(*), extract(epoch FROM pg_catalog.min(modification))::float8 AS oldest \
    FROM pg_catalog.pg_ls_archive_statusdir() WHERE name LIKE '%.ready') w";

/// Reads it on the primary.
///
/// # Errors
/// Those of the session.
pub async fn archive(session: &Session) -> Result<Option<ArchiveSeen>, Error> {
    Ok(session.query(STATE).await?.first().map(seen))
}

fn seen(row: &Row) -> ArchiveSeen {
    let time = |column: usize| row.get::<_, Option<f64>>(column).and_then(moment);
    let text = |column: usize| {
        let bytes = row.get::<_, Option<Vec<u8>>>(column)?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned()).filter(|text| !text.is_empty())
    };
    ArchiveSeen {
        last_archived_at: time(0),
        failures: row.get(1),
        waiting: row.get(2),
        oldest_waiting: time(3),
        trouble: text(4),
        given_up_at: time(5),
        pruned: text(6),
    }
}

/// A moment to the second: finer ones are of no use to anybody.
fn moment(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_second(seconds as i64).ok()
}
