//! What is known when a drill is decided on, as plain data.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::api::{PostgresBackup, PostgresCluster};
use crate::images::CatalogSeen;

/// Everything that is known of the drill of one backup.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The backup.
    pub backup: Arc<PostgresBackup>,
    /// How long a drill may take.
    pub limit: SignedDuration,
    /// Which version is which image.
    pub images: CatalogSeen,
    /// UID of the object that owns all that the drill makes; none while it does not exist.
    pub anchor: Option<String>,
    /// The cluster that the backup is restored to.
    pub cluster: Option<PostgresCluster>,
    /// An object of somebody else under the drill's name: its kind.
    pub foreign: Option<&'static str>,
    /// What its server says; none while it does not answer.
    pub findings: Option<Findings>,
}

/// What the restored server says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// When the mark of this backup was written; none when it did not come back.
    pub marked_at: Option<Timestamp>,
    /// What the look through the data found.
    pub report: Option<Report>,
}

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
}

impl Report {
    /// Reads one.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
