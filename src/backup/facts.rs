//! What is known when a backup is decided on, as plain data.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::{BackupMethod, BackupPolicy, BackupSource, PostgresBackup, SharedWith};
use crate::snapshot;

use super::copy::Answer;

/// Everything that is known of one backup.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The object.
    pub backup: Arc<PostgresBackup>,
    /// Its namespace is being deleted as a whole.
    pub namespace_ends: bool,
    /// Namespaces of `spec.shareWith` that are there and not recorded yet.
    pub shares: Vec<SharedWith>,
    /// The restore that reads it; looked for while it is being deleted.
    pub reader: Option<String>,
    /// Another backup of the same cluster that comes first: it was made earlier and is not over.
    pub ahead: Option<String>,
    /// Fewer clusters than may be backed up at once are at work, or come before it.
    pub turn: bool,
    /// As many snapshots as this one's are on their way, or there, in all of the fleet.
    pub crowd: usize,
    /// The cluster; looked at only until the cut.
    pub source: Source,
    /// Snapshots of the set that exist, by name.
    pub snapshots: BTreeMap<String, snapshot::Seen>,
    /// The copy in the archive; looked at when the backup is over or being deleted.
    pub copy: CopySeen,
    /// Digest of the manifest that is stored; none when there is none.
    pub manifest: Option<String>,
    /// The way to the manifest in the archive; looked for when that is not as it should be.
    pub shelf: Shelf,
}

impl Seen {
    /// UID of the object.
    pub fn uid(&self) -> &str {
        self.backup.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Somebody deleted the object itself; not its namespace as a whole, with which it goes whatever speaks against it.
    pub fn is_deleted(&self) -> bool {
        self.backup.metadata.deletion_timestamp.is_some() && !self.namespace_ends
    }

    /// True for a copy in the archive, in place of snapshots.
    pub fn is_copy(&self) -> bool {
        self.backup.spec.method == BackupMethod::Archive
    }
}

/// What is known of a copy in the archive.
#[derive(Clone, Debug, PartialEq)]
pub enum CopySeen {
    /// Nobody looked: there is none, or it does not matter now.
    Unasked,
    /// Nobody could tell at the moment.
    Silent(String),
    /// Nobody can tell while the cluster is as it is: it is there, and archives elsewhere or not at all. It may again.
    Elsewhere(String),
    /// Nobody will ever tell: no member has the way to that archive any more.
    OutOfReach(String),
    /// By the member that takes writes.
    Told {
        /// That member.
        member: String,
        /// Its answer.
        answer: Answer,
    },
}

/// The way to the place of manifests in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Nobody looked: there is nothing to do there.
    Unasked,
    /// No member leads there at the moment.
    Silent(String),
    /// No member leads there any more, or none does while the cluster is as it is.
    OutOfReach,
    /// By this member, which takes writes.
    Reached(String),
}

/// The cluster that is backed up.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Nobody looked: it does not matter any more.
    Unasked,
    /// There is no such cluster.
    Missing,
    /// It can't be backed up as it is; a person has to change something.
    Unfit(String),
    /// It can't be backed up at the moment.
    Silent(String),
    /// It can.
    Ready(Box<SourceFacts>),
}

/// What has to be known before a backup begins.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFacts {
    /// What runs.
    pub source: BackupSource,
    /// `spec.backup`.
    pub policy: BackupPolicy,
    /// VolumeSnapshotClass to order by; none for a provider without classes, and for a copy.
    pub class: Option<String>,
    /// Each group, in order.
    pub groups: Vec<GroupFacts>,
}

/// The member of a group that takes writes.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupFacts {
    /// Group.
    pub group: i32,
    /// Pod.
    pub member: String,
    /// Its volume.
    pub volume: snapshot::Volume,
    /// Timeline.
    pub timeline: i64,
    /// System identifier.
    pub system_identifier: String,
}
