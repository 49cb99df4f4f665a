//! What a backup's controller does, and what comes back.

use std::fmt;

use jiff::Timestamp;

use crate::api::{ArchivedCopy, CheckpointPace, SnapshotRecord};
use crate::snapshot::{Held, Order};

use super::copy::Errand;

/// One thing to do. Each can be taken again after a crash.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Put the finalizer on the object.
    Guard,
    /// Take it off: all that had to go is gone.
    Unguard,
    /// The first checkpoint, which takes the work from the second.
    Checkpoint {
        /// Pod that takes writes.
        member: String,
        /// How.
        pace: CheckpointPace,
    },
    /// Write the mark that a drill looks for, a short checkpoint, a restore point, and change the WAL segment.
    Mark {
        /// Pod that takes writes.
        member: String,
        /// Name of the restore point.
        restore_point: String,
    },
    /// Order all snapshots and wait until all are cut, on the same leaders as before.
    Cut {
        /// For each group: pod that takes writes, timeline that it must still be on, and what to order.
        parts: Vec<CutPart>,
    },
    /// Take snapshots in by their handles, since what held them in Kubernetes is gone.
    Import {
        /// Which.
        held: Vec<Held>,
        /// Why, in words.
        reason: String,
    },
    /// Delete the snapshots of these names.
    DeleteSnapshots {
        /// Names.
        names: Vec<String>,
        /// Why, in words.
        reason: String,
    },
    /// Have the data copied into the archive, and see how far that is.
    Copy {
        /// Pod that takes writes.
        member: String,
        /// Which copy.
        errand: Errand,
        /// Why no copy can be made any more; one that was finished before counts all the same.
        too_late: Option<String>,
    },
    /// Have the copy taken out of the archive, finished or not.
    RemoveCopy {
        /// Pod that takes writes.
        member: String,
        /// Which copy.
        errand: Errand,
        /// Why, in words.
        reason: String,
    },
    /// Store the copy of the object that outlives its namespace.
    StoreManifest,
    /// Remove that copy.
    DropManifest,
    /// Have the manifest put into the archive.
    Shelve {
        /// Pod that takes writes.
        member: String,
        /// Which backup, and which part of the archive.
        errand: Errand,
    },
    /// Have it taken out of the archive.
    Unshelve {
        /// Pod that takes writes.
        member: String,
        /// Which backup, and which part of the archive.
        errand: Errand,
    },
}

/// One group's part of the cut.
#[derive(Clone, Debug, PartialEq)]
pub struct CutPart {
    /// Group.
    pub group: i32,
    /// Pod that takes writes.
    pub member: String,
    /// Timeline that it must still be on.
    pub timeline: i64,
    /// What to order.
    pub order: Order,
}

/// What a step found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Nothing that has to be remembered.
    Nothing,
    /// The first checkpoint is done.
    Checkpointed {
        /// When.
        at: Timestamp,
        /// Position where recovery would begin.
        lsn: String,
    },
    /// The mark is written.
    Marked {
        /// Name of the restore point.
        restore_point: String,
        /// Its position.
        lsn: String,
        /// Position where recovery begins.
        checkpoint_lsn: String,
        /// Longest write meanwhile, in ms.
        stall: i64,
    },
    /// All snapshots are cut.
    Cut {
        /// Group and snapshot.
        snapshots: Vec<(i32, SnapshotRecord)>,
        /// Longest write meanwhile, in ms; none when nobody could measure.
        stall: Option<i64>,
    },
    /// The data is in the archive.
    Copied(Box<ArchivedCopy>),
    /// The archive has a manifest of this digest, or none.
    Shelved(Option<String>),
    /// It goes on by itself, and there is nothing to remember.
    UnderWay {
        /// Seconds until the next look.
        again_seconds: u32,
    },
    /// It can't come to a good end any more.
    Spoiled {
        /// Why, and what to do.
        reason: String,
    },
    /// Not yet: it is worth another try.
    Delayed {
        /// Why.
        reason: String,
        /// Seconds until the next try.
        again_seconds: u32,
    },
}

impl Step {
    /// One word for the event's action.
    pub fn action(&self) -> &'static str {
        match self {
            Step::Guard => "Guard",
            Step::Unguard => "Unguard",
            Step::Checkpoint { .. } => "Checkpoint",
            Step::Mark { .. } => "Mark",
            Step::Cut { .. } => "Cut",
            Step::Import { .. } => "ImportSnapshots",
            Step::DeleteSnapshots { .. } => "DeleteSnapshots",
            Step::Copy { .. } => "Copy",
            Step::RemoveCopy { .. } => "RemoveCopy",
            Step::StoreManifest => "StoreManifest",
            Step::DropManifest => "DropManifest",
            Step::Shelve { .. } => "ArchiveManifest",
            Step::Unshelve { .. } => "DropArchivedManifest",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Guard => write!(f, "put the finalizer on the backup"),
            Step::Unguard => write!(f, "take the finalizer off the backup"),
            Step::Checkpoint { member, pace: CheckpointPace::Fast } => {
                write!(f, "make a checkpoint on {member}")
            }
            Step::Checkpoint { member, pace: CheckpointPace::Spread } => {
                write!(f, "make a checkpoint on {member}, spread over time")
            }
            Step::Mark { member, restore_point } => {
                write!(
                    f,
                    "write the mark, a short checkpoint and the restore point {restore_point} on {member}"
                )
            }
            Step::Cut { parts } => {
                let claims: Vec<_> = parts.iter().map(|part| part.order.volume.claim.as_str()).collect();
                write!(f, "cut snapshots of {}", claims.join(", "))
            }
            Step::Import { held, reason } => {
                let handles: Vec<&str> = held.iter().map(|one| one.handle.as_str()).collect();
                write!(f, "take in snapshot {} by its handle: {reason}", handles.join(", "))
            }
            Step::DeleteSnapshots { names, reason } => {
                write!(f, "delete snapshot {}: {reason}", names.join(", "))
            }
            Step::Copy { member, errand, too_late: None } => {
                write!(f, "copy the data of {member} into the archive ({})", errand.stanza)
            }
            Step::Copy { errand, too_late: Some(why), .. } => {
                write!(f, "look whether the copy in the archive ({}) was finished: {why}", errand.stanza)
            }
            Step::RemoveCopy { errand, reason, .. } => {
                write!(f, "remove the copy from the archive ({}): {reason}", errand.stanza)
            }
            Step::StoreManifest => {
                write!(f, "store the copy of the backup's object that outlives its namespace")
            }
            Step::DropManifest => write!(f, "remove the copy of the backup's object"),
            Step::Shelve { errand, .. } => {
                write!(f, "put the manifest of the backup into the archive ({})", errand.stanza)
            }
            Step::Unshelve { errand, .. } => {
                write!(f, "take the manifest of the backup out of the archive ({})", errand.stanza)
            }
        }
    }
}
