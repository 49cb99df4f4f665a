//! What each event tells.

/// An event: its reason, on which object, and what it tells.
pub struct Told {
    /// The word.
    pub reason: &'static str,
    /// Kind of the object that it is about.
    pub of: &'static str,
    /// What it tells.
    pub means: &'static str,
}

const CLUSTER: &str = "PostgresCluster";
const BACKUP: &str = "PostgresBackup";

/// All events but those that carry a condition's reason: these tell of the same.
pub const EVENTS: &[Told] = &[
    Told { reason: "StepDone", of: CLUSTER, means: "a step was taken; the note names it" },
    Told {
        reason: "StepFailed",
        of: "PostgresCluster, PostgresBackup",
        means: "a step failed; the note has the cause, and it is tried again",
    },
    Told {
        reason: "RolloutRunning",
        of: CLUSTER,
        means: "members are changed one at a time; the note says why",
    },
    Told {
        reason: "RolloutBlocked",
        of: CLUSTER,
        means: "a member did not come back: see `Converged` `Blocked`",
    },
    Told { reason: "RolloutDone", of: CLUSTER, means: "all members are as the spec says" },
    Told { reason: "SwitchoverDone", of: CLUSTER, means: "another member takes writes, as a person asked" },
    Told { reason: "SwitchoverRefused", of: CLUSTER, means: "a switchover was not begun; the note says why" },
    Told {
        reason: "SwitchoverFailed",
        of: CLUSTER,
        means: "a switchover was begun and did not come about; the note says why",
    },
    Told {
        reason: "VolumesKept",
        of: CLUSTER,
        means: "the cluster is deleted and its volumes stay; the note has the command that removes them",
    },
    Told { reason: "BackupStarted", of: BACKUP, means: "a backup began" },
    Told {
        reason: "BackupSucceeded",
        of: BACKUP,
        means: "a backup can be restored; the longest write meanwhile follows",
    },
    Told {
        reason: "CopyKept",
        of: BACKUP,
        means: "a copy in the archive stays although its backup goes; the note says why",
    },
    Told { reason: "DrillStarted", of: BACKUP, means: "the backup is restored aside" },
    Told {
        reason: "DrillPassed",
        of: BACKUP,
        means: "the backup was restored and looked through, and all is well",
    },
];
