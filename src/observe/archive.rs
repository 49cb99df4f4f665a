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
    /// What is wrong with the archive itself, as `archive-wal` found out; none while nothing is known to be.
    pub fault: Option<ArchiveFault>,
    /// When WAL was given up last, since more waited than may.
    pub given_up_at: Option<Timestamp>,
    /// What was pruned by last, in the words of [`crate::archive::Keep`]; none when nobody did on this member.
    pub pruned: Option<String>,
}

/// What no waiting heals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveFault {
    /// It can't be read with the passphrase.
    Key,
    /// A server with this system identifier writes to it.
    Other(String),
    /// A segment is there already, with other contents: another server with the same system identifier writes to it.
    Duplicate,
}

impl ArchiveFault {
    /// Reads a word of `images/postgres/archive-wal`.
    fn read(word: &str) -> Option<Self> {
        match word.split_once(' ') {
            None if word == "key" => Some(Self::Key),
            None if word == "duplicate" => Some(Self::Duplicate),
            Some(("other", identifier)) if identifier.bytes().all(|digit| digit.is_ascii_digit()) => {
                Some(Self::Other(identifier.to_owned()))
            }
            _ => None,
        }
    }
}

/// One row. Times are seconds since 1970; files that are not there give null. Notes are read as bytes: what pgBackRest prints of a
/// file that it can't decrypt is no text.
const STATE: &str = "SELECT extract(epoch FROM a.last_archived_time)::float8, a.failed_count, w.count, w.oldest, \
    pg_catalog.pg_read_binary_file('/tmp/archive/trouble', 0, 2000, true), \
    (SELECT extract(epoch FROM s.modification)::float8 FROM pg_catalog.pg_stat_file('/data/archive-given-up', true) s), \
    pg_catalog.pg_read_binary_file('/tmp/archive/pruned', 0, 100000, true), \
    pg_catalog.pg_read_binary_file('/tmp/archive/state', 0, 100, true) \
    FROM pg_catalog.pg_stat_archiver a, (SELECT pg_catalog.count(*), extract(epoch FROM pg_catalog.min(modification))::float8 AS oldest \
    FROM pg_catalog.pg_ls_archive_statusdir() WHERE name LIKE '%.ready') w";

/// Reads it on the primary.
///
/// # Errors
/// Those of the session.
pub async fn archive(session: &Session) -> Result<Option<ArchiveSeen>, Error> {
    session.query(STATE).await?.first().map(|row| seen(session, row)).transpose()
}

fn seen(session: &Session, row: &Row) -> Result<ArchiveSeen, Error> {
    let time = |column: usize| Ok::<_, Error>(session.column::<Option<f64>>(row, column)?.and_then(moment));
    let text = |column: usize| {
        let bytes: Option<Vec<u8>> = session.column(row, column)?;
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        Ok::<_, Error>(text.filter(|text| !text.is_empty()))
    };
    Ok(ArchiveSeen {
        last_archived_at: time(0)?,
        failures: session.column(row, 1)?,
        waiting: session.column(row, 2)?,
        oldest_waiting: time(3)?,
        trouble: text(4)?,
        given_up_at: time(5)?,
        pruned: text(6)?,
        fault: text(7)?.and_then(|word| ArchiveFault::read(&word)),
    })
}

/// A moment to the second: finer ones are of no use to anybody.
fn moment(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_second(seconds as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_program_are_faults() {
        assert_eq!(ArchiveFault::read("key"), Some(ArchiveFault::Key));
        assert_eq!(ArchiveFault::read("duplicate"), Some(ArchiveFault::Duplicate));
        assert_eq!(ArchiveFault::read("other 77"), Some(ArchiveFault::Other("77".into())));
        for none in ["none", "ours", "older", "unread 39", "other x", "other", ""] {
            assert_eq!(ArchiveFault::read(none), None, "{none}");
        }
    }
}
