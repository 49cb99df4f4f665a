//! Events of the operator, for people who read and do not run anything.

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
        reason: "BackupNotRun",
        of: BACKUP,
        means: "the object came back without its status, as tools that keep objects bring it: the backup is not made again",
    },
    Told {
        reason: "CopyKept",
        of: BACKUP,
        means: "a copy in the archive stays although its backup goes; the note says why",
    },
    Told {
        reason: "DrillLeft",
        of: BACKUP,
        means: "a drill is over and a volume of it is there still, with the data that was looked through; the note names it",
    },
    Told { reason: "DrillStarted", of: BACKUP, means: "the backup is restored aside" },
    Told {
        reason: "DrillPassed",
        of: BACKUP,
        means: "the backup was restored and looked through, and all is well",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::meanings::REASONS;

    /// The words that follow this text in the source and stand in quotes.
    fn quoted<'a>(source: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
        source.split(before).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
    }

    #[test]
    fn each_event_is_explained_or_has_a_condition_s_reason() {
        let sources = [
            include_str!("../../record.rs"),
            include_str!("../../control.rs"),
            include_str!("../../backup/control.rs"),
            include_str!("../../drill/control.rs"),
        ];
        let before = ["EventType::Normal,", "EventType::Warning,", "record.note(&cluster,"];
        let said: Vec<&str> = sources
            .iter()
            .flat_map(|source| before.iter().flat_map(|before| quoted(source, before)))
            .collect();
        assert!(said.len() >= 20, "{said:?}");
        let known = |reason: &&&str| {
            EVENTS.iter().any(|row| row.reason == **reason)
                || REASONS.iter().any(|row| row.reason == **reason)
        };
        let unknown: Vec<_> = said.iter().filter(|reason| !known(reason)).collect();
        assert!(unknown.is_empty(), "{unknown:?} have no row in EVENTS");
        let stale: Vec<_> =
            EVENTS.iter().filter(|row| !said.contains(&row.reason)).map(|row| row.reason).collect();
        assert!(stale.is_empty(), "nobody says {stale:?}");
    }
}
