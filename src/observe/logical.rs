//! Slots of replication, as the members' servers tell: logical ones on the primary and on those that follow, and which of these follow.
//!
//! All is read in the database `postgres`. Names of slots are `a-z0-9_` by the server's own rule; those of databases and plugins are
//! other people's, and read as bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio_postgres::Row;

use crate::sql::Ways;
use crate::sql::session::{Error, Session};

/// Longest time for the looks at all standbys: who holds up one of them must not hold up what else there is to do.
const ROUND: Duration = Duration::from_secs(10);

/// Settings have room for 28 slots (`src/target/replication.rs`), and a ConfigMap may give more: more than a hundred are not told.
/// What a major does not know is null. A standby that went less than 30 s ago, as for a restart, still counts as one that follows.
pub const SLOTS: &str = "SELECT s.slot_name::text, s.slot_type::text = 'logical', pg_catalog.textsend(COALESCE(s.plugin::text, '')), \
    pg_catalog.textsend(COALESCE(s.database::text, '')), s.temporary, s.active, \
    COALESCE((j.j ->> 'failover')::bool, false), COALESCE((j.j ->> 'synced')::bool, false), \
    COALESCE(j.j ->> 'invalidation_reason', CASE WHEN s.wal_status = 'lost' THEN 'wal_removed' END), \
    pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
        ELSE pg_catalog.pg_current_wal_lsn() END, s.restart_lsn)::int8, s.safe_wal_size, \
    s.active OR COALESCE((j.j ->> 'inactive_since')::timestamptz > pg_catalog.now() - interval '30s', false) \
    FROM pg_catalog.pg_replication_slots s, LATERAL (SELECT pg_catalog.to_jsonb(s) AS j) j ORDER BY 1 LIMIT 100";
/// Whether the server writes WAL that can be decoded.
const RUNNING: &str = "SELECT pg_catalog.current_setting('wal_level') = 'logical'";

/// Slots of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogicalSeen {
    /// The primary runs with `wal_level = logical`.
    pub running: bool,
    /// Logical slots of the primary, by name.
    pub slots: BTreeMap<String, SlotSeen>,
    /// Physical slots of the primary whose standby follows, or did half a minute ago.
    pub following: BTreeSet<String>,
    /// Logical slots of each standby, by pod, or why they are not known; looked at while the primary runs so.
    pub standbys: BTreeMap<String, Result<BTreeMap<String, SlotSeen>, String>>,
}

/// A logical slot on one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotSeen {
    /// Output plugin.
    pub plugin: String,
    /// Database.
    pub database: String,
    /// It goes with its session.
    pub temporary: bool,
    /// Somebody reads from it now.
    pub active: bool,
    /// Standbys copy it.
    pub failover: bool,
    /// On a standby: it is such a copy. On a server that takes writes it means nothing.
    pub synced: bool,
    /// Why it can't be read from any more, in the server's word, as `wal_removed`.
    pub lost: Option<String>,
    /// Bytes of WAL that are kept for it.
    pub kept: Option<i64>,
    /// Bytes of WAL that may still be written before what it needs goes; none where nothing bounds it.
    pub left: Option<i64>,
}

/// Reads the primary's.
///
/// # Errors
/// Those of the session.
pub(super) async fn logical(session: &Session) -> Result<LogicalSeen, Error> {
    let mut seen = LogicalSeen::default();
    if let Some(row) = session.query(RUNNING).await?.first() {
        seen.running = session.column(row, 0)?;
    }
    for row in session.query(SLOTS).await? {
        let name: String = session.column(&row, 0)?;
        if session.column(&row, 1)? {
            seen.slots.insert(name, slot(session, &row)?);
        } else if session.column(&row, 11)? {
            seen.following.insert(name);
        }
    }
    Ok(seen)
}

/// Looks at these standbys, one after the other.
pub async fn standbys(ways: &Ways, names: impl Iterator<Item = String>, seen: &mut LogicalSeen) {
    let began = Instant::now();
    for pod in names {
        let found = if began.elapsed() < ROUND {
            of_standby(ways, &pod).await.map_err(|error| error.to_string())
        } else {
            Err("other members took all the time of this round".into())
        };
        seen.standbys.insert(pod, found);
    }
}

async fn of_standby(ways: &Ways, pod: &str) -> Result<BTreeMap<String, SlotSeen>, Error> {
    let session = ways.session(pod, "postgres").await?;
    let mut found = BTreeMap::new();
    for row in session.query(SLOTS).await? {
        if session.column(&row, 1)? {
            found.insert(session.column(&row, 0)?, slot(&session, &row)?);
        }
    }
    Ok(found)
}

fn slot(session: &Session, row: &Row) -> Result<SlotSeen, Error> {
    let text = |column| -> Result<String, Error> {
        Ok(String::from_utf8_lossy(session.column::<&[u8]>(row, column)?).into_owned())
    };
    Ok(SlotSeen {
        plugin: text(2)?,
        database: text(3)?,
        temporary: session.column(row, 4)?,
        active: session.column(row, 5)?,
        failover: session.column(row, 6)?,
        synced: session.column(row, 7)?,
        lost: session.column(row, 8)?,
        kept: session.column(row, 9)?,
        left: session.column(row, 10)?,
    })
}
