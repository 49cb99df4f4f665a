//! What is known when a drill is decided on, as plain data.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::api::{ArchiveCheck, PostgresBackup, PostgresCluster};
use crate::images::CatalogSeen;
use crate::text::one_line;

use super::class::DrillClass;

/// Everything that is known of the drill of one backup.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The backup.
    pub backup: Arc<PostgresBackup>,
    /// Fewer drills than may run at once do so, or come before this one's.
    pub turn: bool,
    /// How long a drill may take.
    pub limit: SignedDuration,
    /// The class of the drill's volumes.
    pub class: DrillClass,
    /// Volumes behind the claims of the drill's cluster.
    pub volumes: Vec<String>,
    /// Those of the volumes that the drill had which are there still.
    pub left: Vec<String>,
    /// Which version is which image.
    pub images: CatalogSeen,
    /// UID of the object that owns all that the drill makes; none while it does not exist.
    pub anchor: Option<String>,
    /// The cluster that the backup is restored to.
    pub cluster: Option<PostgresCluster>,
    /// What the backup's cluster says of its archive, while nothing is restored yet.
    pub source: Source,
    /// Minutes in which the archive may be read through; none where it is not.
    pub verify_archive: Option<i32>,
    /// An object of somebody else under the drill's name: its kind.
    pub foreign: Option<&'static str>,
    /// What its server says; none while it does not answer.
    pub findings: Option<Findings>,
}

/// Whether WAL of the archive can be replayed after the backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// There is none, or none is wanted.
    #[default]
    Silent,
    /// There is an archive, and this stands in the way for good.
    Unfit(String),
    /// This stands in the way, and may pass.
    Waits(String),
    /// It can, up to the mark that was written for this drill; none while it is not written.
    Fit(Option<SourceMark>),
}

/// What was written on the cluster of the backup, for a drill to bring back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceMark {
    /// When.
    pub at: Timestamp,
    /// Position just after it.
    pub lsn: String,
    /// Segment with that position.
    pub wal: String,
    /// That segment is archived.
    pub archived: bool,
}

/// What the restored server says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// When the mark of this backup was written; none when it did not come back.
    pub marked_at: Option<Timestamp>,
    /// When the mark of this drill was written, up to which WAL was replayed; none when it is not there.
    pub replayed_to: Option<Timestamp>,
    /// Bytes of all databases.
    pub bytes: Option<i64>,
    /// What the look through the data found.
    pub report: Option<Report>,
}

/// Lines of a report: those that `verify-member` tells one by one, and how many there are besides.
const MOST_LINES: usize = 21;
/// Bytes of each: `verify-member` writes 300 characters.
const LONGEST: usize = 300;

/// What `verify-member` wrote on the volume.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Report {
    /// Drill that it is of: a report on another one is no answer.
    pub key: String,
    /// `running` or `done`.
    pub state: String,
    /// Each check in a line.
    pub checks: Vec<String>,
    /// What is wrong, and where; empty when all is well.
    pub faults: Vec<String>,
    /// What pgBackRest found in the archive; none where it was not asked.
    #[serde(default)]
    pub archive: Option<ArchiveCheck>,
}

impl Report {
    /// Reads one. It is a file on a tenant's volume: what is longer than `verify-member` writes it is cut, since it comes into a status.
    pub fn read(text: &str) -> Option<Self> {
        let mut report: Self = serde_json::from_str(text).ok()?;
        let cut = |lines: &mut Vec<String>| {
            lines.truncate(MOST_LINES);
            lines.iter_mut().for_each(|line| *line = one_line(line, LONGEST));
        };
        cut(&mut report.checks);
        cut(&mut report.faults);
        if let Some(said) = report.archive.as_mut().and_then(|archive| archive.said.as_mut()) {
            *said = one_line(said, LONGEST);
        }
        Some(report)
    }
}
