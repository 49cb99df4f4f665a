//! What each condition, each reason and each event (in `meanings/events.rs`) means and what to do about it: the one place that says so
//! to people who read and do not run anything. `stylobate reference conditions` prints it, and `docs/reference/conditions.md` is that text.
//!
//! A condition with a reason that has no row here ends every test that comes by it: see `conditions` beside it.

mod events;

use super::conditions::{kind, reason};

pub use events::{EVENTS, Told};

/// A condition, and what it means that it is true.
pub struct Meaning {
    /// Type.
    pub kind: &'static str,
    /// What is so while it is `True`.
    pub good: &'static str,
    /// When it is there.
    pub there: &'static str,
}

/// A reason why a condition is `False`.
pub struct Reason {
    /// Conditions that may have it.
    pub kinds: &'static [&'static str],
    /// The word.
    pub reason: &'static str,
    /// What is the case.
    pub means: &'static str,
    /// What a person does about it.
    pub remedy: &'static str,
}

/// All conditions.
pub const KINDS: &[Meaning] = &[
    Meaning { kind: kind::ACCEPTED, good: "the spec can be carried out", there: ALWAYS },
    Meaning {
        kind: kind::TUNING_ACCEPTED,
        good: "all that the tuning ConfigMaps ask for can be done",
        there: ALWAYS,
    },
    Meaning { kind: kind::CONVERGED, good: "everything is as the spec says", there: ALWAYS },
    Meaning { kind: kind::READY, good: "a member takes writes and the pooler is up", there: ALWAYS },
    Meaning { kind: kind::REDUNDANT, good: "all members are up and follow", there: ALWAYS },
    Meaning { kind: kind::STORAGE, good: "volumes have room, and their size", there: ALWAYS },
    Meaning {
        kind: kind::DRAIN,
        good: "no node that is being emptied waits for this cluster",
        there: ALWAYS,
    },
    Meaning {
        kind: kind::RIGHTS,
        good: "no role has, or had in the last three days, rights that the spec can't give",
        there: ALWAYS,
    },
    Meaning {
        kind: kind::DATABASES,
        good: "nothing keeps users, databases and extensions from being as the spec says",
        there: "while the spec can be carried out",
    },
    Meaning {
        kind: kind::SLOTS,
        good: "logical slots have their WAL, and would outlive a failover",
        there: "with `spec.replication.walLevel: Logical`",
    },
    Meaning {
        kind: kind::ENGINE,
        good: "the image catalog offers what runs, or a newer minor of it",
        there: "while the spec can be carried out",
    },
    Meaning {
        kind: kind::ARCHIVING,
        good: "WAL is archived as it comes",
        there: "with `spec.backup.archive`",
    },
    Meaning {
        kind: kind::BACKUPS,
        good: "backups are as fresh as their schedules promise",
        there: "with `spec.backup.schedules`",
    },
    Meaning {
        kind: kind::DRILLS,
        good: "backups are proved as the schedule of drills promises",
        there: "with `spec.backup.drill`",
    },
    Meaning {
        kind: kind::UPGRADE_CHECKED,
        good: "the data can be upgraded to the new major",
        there: "while a major upgrade is under way",
    },
    Meaning {
        kind: kind::RESTORED,
        good: "the data is that of the backup",
        there: "for a cluster made from a backup, and while a restore in place is asked for",
    },
];

const ALWAYS: &str = "always";
const ROOM: &[&str] = &[kind::STORAGE, kind::READY, kind::REDUNDANT];
const SQL: &[&str] = &[kind::CONVERGED, kind::DATABASES];
const LOOKS: &[&str] = &[kind::CONVERGED, kind::DATABASES, kind::SLOTS];
const PODS: &[&str] = &[kind::READY, kind::REDUNDANT];
const REFUSED: &[&str] = &[kind::CONVERGED, kind::READY, kind::REDUNDANT];

/// All reasons for which a condition is `False`.
pub const REASONS: &[Reason] = &[
    Reason {
        kinds: &[kind::ACCEPTED],
        reason: reason::INVALID_SPEC,
        means: "the spec names something that can't be; the message has field, value and remedy of each problem. What runs was not touched",
        remedy: "correct the spec, the ConfigMap or the Secret that is named: `docs/operations.md`, *Problems of a spec*",
    },
    Reason {
        kinds: &[kind::ACCEPTED],
        reason: reason::SOURCE_ARCHIVE_REFUSED,
        means: "what opens the archive that the cluster is to be made from is missing (passphrase, key, authority), or the backup does not tell \
                of that archive; the message has field, value and remedy",
        remedy: "put what is missing into the Secret that is named, or name another backup: `docs/restore.md`",
    },
    Reason {
        kinds: &[kind::ACCEPTED],
        reason: reason::OBJECT_IN_THE_WAY,
        means: "an object that the cluster did not make has a name that it needs; the message has its kind and name, and whose it seems to \
                be. It is neither changed nor removed, nothing is made beside it, and what runs goes on",
        remedy: "make the cluster under another name, or remove that object: `docs/operations.md`, *Objects in the way*",
    },
    Reason {
        kinds: &[kind::CONVERGED],
        reason: reason::INVALID_SPEC,
        means: "the same; nothing is changed until it is solved",
        remedy: "see `Accepted`",
    },
    Reason {
        kinds: &[kind::TUNING_ACCEPTED],
        reason: reason::TUNING_REFUSED,
        means: "a setting of a ConfigMap can't be; the message names ConfigMap, key, value and what is allowed",
        remedy: "correct the ConfigMap; the last good settings stay in force meanwhile (`docs/tuning.md`)",
    },
    Reason {
        kinds: &[kind::CONVERGED],
        reason: reason::TUNING_REFUSED,
        means: "all is done but the settings that were refused",
        remedy: "see `TuningAccepted`",
    },
    Reason {
        kinds: &[kind::CONVERGED],
        reason: reason::HELD_BACK,
        means: "a policy objects to a step; the message says which, and what lets it go on",
        remedy: "`paused`: set `spec.paused` to false. `healthy-before-disrupt`: wait until the successor streams. `known-primary`: wait until one member surely takes writes, see `Ready`. \
                 `maintenance-window`, `one-disruption-at-a-time`: `docs/operations.md`, *Windows and pace*. `image-offered`, `image-can-be-pulled`: \
                 `docs/operations.md`, *Images*. `backup-before-major`: \
                 `stylobate backup NAME -n NS`. `legal-hold`, `backup-in-use`, `keep-last-good-backup`, `keep-what-stands`, \
                 `keep-passwords`: nothing; it is kept on purpose, and the message says what it would take",
    },
    Reason {
        kinds: &[kind::CONVERGED],
        reason: reason::IN_PROGRESS,
        means: "steps are being taken; the first is named",
        remedy: "wait; if it stays, look for `StepFailed` events and in the operator's log",
    },
    Reason {
        kinds: &[kind::CONVERGED],
        reason: reason::BLOCKED,
        means: "a member did not come back from a restart, so no further one is touched; or a major upgrade failed and was taken back. \
                The others serve",
        remedy: "the message has the cause: correct the spec, or mend the cause, and it goes on by itself; `docs/operations.md`, \
                 *A change has no effect*, *Major upgrade*",
    },
    Reason {
        kinds: &[kind::CONVERGED, kind::READY, kind::REDUNDANT],
        reason: reason::DELETING,
        means: "the cluster is being deleted; its volumes are kept",
        remedy: "nothing; the message has the command that removes the volumes afterwards",
    },
    Reason {
        kinds: LOOKS,
        reason: reason::NOT_LOOKED_AT,
        means: "users, databases and slots could not be looked at, so nobody knows whether they are as the spec says; the server's words follow",
        remedy: "what they say; where the server does not answer: `kubectl -n NS logs NAME-0 -c postgres`",
    },
    Reason {
        kinds: SQL,
        reason: reason::DATABASE_TROUBLE,
        means: "a database can't be looked into, or something in it can't be done; each is named with its cause. All other is done",
        remedy: "what the message says; `docs/operations.md`, *A database is in the way*",
    },
    Reason {
        kinds: &[kind::DATABASES],
        reason: reason::IN_PROGRESS,
        means: "no member takes writes yet, so users and databases can't be looked at",
        remedy: "wait; if it stays, see `Ready`",
    },
    Reason {
        kinds: &[kind::RIGHTS],
        reason: reason::RIGHTS_TAKEN_BACK,
        means: "a role was superuser, may replicate, or was a member of a role that reads what others own, without the spec's word; it was \
                taken back and is told for three days",
        remedy: "find out how it came about, and what was done with it: `docs/security.md`, *Rights that nobody asked for*",
    },
    Reason {
        kinds: &[kind::READY, kind::ARCHIVING],
        reason: reason::NO_PRIMARY,
        means: "no member takes writes, so nobody can tell whether WAL is archived either",
        remedy: "`docs/operations.md`, *No member takes writes*",
    },
    Reason {
        kinds: &[kind::READY],
        reason: reason::POOLER_DOWN,
        means: "members serve, and no pooler pod is ready",
        remedy: "`docs/operations.md`, *Clients can't connect*",
    },
    Reason {
        kinds: PODS,
        reason: reason::IMAGE_PULL,
        means: "a pod can't pull its image; image and the kubelet's word are named",
        remedy: "correct the image catalog (`engineImages` of the operator's chart) or `spec.engine.image` for members, `pooler.image` of \
                 the chart for the pooler, or make the image reachable",
    },
    Reason {
        kinds: &[kind::ENGINE],
        reason: reason::CATALOG_MISSING,
        means: "there is no image catalog; what runs is kept",
        remedy: "install the operator's chart again: `engineImages` of its values becomes the ConfigMap that the message names",
    },
    Reason {
        kinds: &[kind::ENGINE],
        reason: reason::CATALOG_INVALID,
        means: "the image catalog is refused; the message says where and why, and what runs is kept",
        remedy: "correct the ConfigMap, or `engineImages` of the operator's chart",
    },
    Reason {
        kinds: &[kind::ENGINE],
        reason: reason::NOT_IN_CATALOG,
        means: "the image catalog does not have what runs, which is kept",
        remedy: "put it back into the catalog, or choose in `spec.engine.version` what the catalog has; the message names it",
    },
    Reason {
        kinds: &[kind::ENGINE],
        reason: reason::IMAGE_WITHDRAWN,
        means: "what runs is withdrawn from the image catalog; the message has the reason",
        remedy: "name the major, or a minor that is not withdrawn, in `spec.engine.version`",
    },
    Reason {
        kinds: PODS,
        reason: reason::UNSCHEDULABLE,
        means: "no node takes a pod; the scheduler's words follow",
        remedy: "add nodes, or lower `spec.resources` or `spec.scheduling`; a volume ties its pod to a zone",
    },
    Reason {
        kinds: REFUSED,
        reason: reason::FAILED_CREATE,
        means: "a pod of members or pooler can't be made: a ResourceQuota, a LimitRange, a Pod Security level or a webhook of the namespace \
                refuses it; Kubernetes' words name which, and what it lacks",
        remedy: "let it: `docs/operations.md`, *Pods that are refused*",
    },
    Reason {
        kinds: &[kind::CONVERGED],
        reason: reason::CONTESTED,
        means: "somebody else, as an admission webhook or an autoscaler, changes parts of the named objects back each time that they are \
                written; they are left as they are and tried again ever more seldom, or put right every 15 s where they decide who may \
                come in or do what or how many pods there are; all else goes on",
        remedy: "find out who, and exempt the objects: `docs/operations.md`, *Somebody changes it back*",
    },
    Reason {
        kinds: &[kind::READY, kind::DRAIN],
        reason: reason::PRIMARY_UNKNOWN,
        means: "more than one member may take writes, or the only one can't be asked and Patroni's leader record does not name it; the \
                members are named, and nothing that disrupts is done meanwhile",
        remedy: "wait half a minute; if it stays: `docs/operations.md`, *Two claim to take writes*",
    },
    Reason {
        kinds: &[kind::REDUNDANT],
        reason: reason::MEMBERS_MISSING,
        means: "a member is not ready; each is named with its state",
        remedy: "`docs/operations.md`, *A member does not come back*",
    },
    Reason {
        kinds: &[kind::STORAGE],
        reason: reason::DISK_FILLING,
        means: "a volume is used to 85 % or more; the members are named",
        remedy: "raise `spec.storage.size`: `docs/operations.md`, *Volumes*",
    },
    Reason {
        kinds: &[kind::STORAGE],
        reason: reason::DISK_ALMOST_FULL,
        means: "a volume is used to 95 % or more; the members are named",
        remedy: "raise `spec.storage.size` now",
    },
    Reason {
        kinds: ROOM,
        reason: reason::DISK_FULL,
        means: "less than 16 MiB of a volume is free: Postgres stops, or can't start",
        remedy: "raise `spec.storage.size`; nothing else helps, and nothing else is needed",
    },
    Reason {
        kinds: &[kind::STORAGE],
        reason: reason::GROWING,
        means: "a volume is on its way to its new size",
        remedy: "wait; Kubernetes' own word follows, if it says one",
    },
    Reason {
        kinds: &[kind::STORAGE],
        reason: reason::GROWTH_FAILED,
        means: "Kubernetes can't grow a volume; its words follow",
        remedy: "quota or room of the storage: `kubectl -n NS describe pvc data-NAME-0`",
    },
    Reason {
        kinds: &[kind::DRAIN],
        reason: reason::IN_PROGRESS,
        means: "a node is being emptied, and the primary on it hands over",
        remedy: "wait; the drain goes on by itself",
    },
    Reason {
        kinds: &[kind::DRAIN],
        reason: reason::NO_SUCCESSOR,
        means: "a node is being emptied, and no other member can take over, or all are on nodes that are being emptied too",
        remedy: "bring a replica back, or let another node stay: `kubectl uncordon NODE`",
    },
    Reason {
        kinds: &[kind::DRAIN],
        reason: reason::SINGLE_MEMBER,
        means: "a node is being emptied, and the only member is on it",
        remedy: "it may be stopped; `spec.instances: 2` avoids the pause",
    },
    Reason {
        kinds: &[kind::ARCHIVING],
        reason: reason::ARCHIVE_FAILING,
        means: "WAL waits for 5 minutes, or a tenth of the volume waits, and tries fail; the message has the cause",
        remedy: "what the message says: bucket, rights, network, passphrase; `docs/backups.md`, *Archive trouble*",
    },
    Reason {
        kinds: &[kind::ARCHIVING],
        reason: reason::ARCHIVE_SLOW,
        means: "WAL is archived, but slower than it is written",
        remedy: "raise `spec.resources.cpu`, or look at the network to the bucket",
    },
    Reason {
        kinds: &[kind::ARCHIVING],
        reason: reason::ARCHIVE_GAP,
        means: "WAL was given up (`maxBacklog`), or lost with a primary",
        remedy: "make a backup now: moments from then to that backup can't be brought back",
    },
    Reason {
        kinds: &[kind::ARCHIVING],
        reason: reason::ARCHIVE_OF_ANOTHER,
        means: "another cluster, or a copy of this one, writes to the same part of the archive; nothing is overwritten",
        remedy: "give `spec.backup.archive` another place and make a backup, or take it back by the command in the message",
    },
    Reason {
        kinds: &[kind::ARCHIVING],
        reason: reason::ARCHIVE_KEY_LOST,
        means: "Secret `<cluster>-archive-key` is gone, and something was archived with the passphrase in it; none is made anew",
        remedy: "put your copy of it back by the command in the message",
    },
    Reason {
        kinds: &[kind::ARCHIVING],
        reason: reason::ARCHIVE_KEY_CHANGED,
        means: "Secret `<cluster>-archive-key` has another passphrase than the one that is archived with; it is not taken",
        remedy: "put the old one back: the message says where it is",
    },
    Reason {
        kinds: &[kind::SLOTS],
        reason: reason::SLOT_LOST,
        means: "a logical slot is gone, or the WAL that its subscriber still needs; it is named, and not made anew by itself",
        remedy: "copy the subscriber's tables anew: `docs/operations.md`, *Logical replication*",
    },
    Reason {
        kinds: &[kind::SLOTS],
        reason: reason::SLOT_BEHIND,
        means: "a logical slot keeps more than half of the WAL that may be kept for it (`max_slot_wal_keep_size`); beyond that it is lost",
        remedy: "let its subscriber catch up, or remove a slot that nobody needs: `docs/operations.md`, *Logical replication*",
    },
    Reason {
        kinds: &[kind::SLOTS],
        reason: reason::SLOT_NOT_KEPT,
        means: "a member that may take over does not have a logical slot yet; slot and members are named",
        remedy: "let the subscriber connect, or bring the member back; a switchover waits for neither",
    },
    Reason {
        kinds: &[kind::SLOTS],
        reason: reason::IN_PROGRESS,
        means: "members are restarted for `wal_level`, a slot is not made yet, or no member takes writes",
        remedy: "wait; if it stays, see `Converged`, `DatabasesOk` and `Ready`",
    },
    Reason {
        kinds: &[kind::BACKUPS],
        reason: reason::BACKUP_MISSED,
        means: "the last run of a schedule did not begin, and nothing good was made since; run and reason are named",
        remedy: "do what the reason says; `stylobate backup NAME -n NS` makes one now",
    },
    Reason {
        kinds: &[kind::BACKUPS],
        reason: reason::BACKUP_FAILED,
        means: "the last run of a schedule failed, or a drill of it did, and nothing good was made since; run and reason are named",
        remedy: "do what the reason says; `stylobate backup NAME -n NS` makes one now",
    },
    Reason {
        kinds: &[kind::BACKUPS],
        reason: reason::BACKUP_LOST,
        means: "snapshots or copy of the last run are gone, and nothing good was made since",
        remedy: "`stylobate backup NAME -n NS` makes one now; find out who removed them",
    },
    Reason {
        kinds: &[kind::BACKUPS],
        reason: reason::BACKUP_OVERDUE,
        means: "a promised backup is not there: it takes too long, or was deleted",
        remedy: "`stylobate backup list NAME -n NS`; `kubectl -n NS describe pgb`",
    },
    Reason {
        kinds: &[kind::DRILLS],
        reason: reason::DRILL_FAILED,
        means: "the last drill by schedule failed, and nothing as new was proved since; backup and fault are named",
        remedy: "do not rely on that backup: `stylobate backup NAME -n NS`, then `stylobate backup verify` of it; `docs/backups.md`, *Drills*",
    },
    Reason {
        kinds: &[kind::DRILLS],
        reason: reason::DRILL_MISSED,
        means: "a moment of the schedule had no drill, and none passed since; the reason is named",
        remedy: "do what the reason says; `stylobate backup verify BACKUP -n NS` makes one now",
    },
    Reason {
        kinds: &[kind::DRILLS],
        reason: reason::DRILL_GONE,
        means: "the last drill by schedule came to no end that anybody saw, and none passed since",
        remedy: "`stylobate backup verify BACKUP -n NS` makes one now",
    },
    Reason {
        kinds: &[kind::DRILLS],
        reason: reason::DRILL_OVERDUE,
        means: "a drill by schedule was asked for, and its time is over",
        remedy: "does an operator run? `kubectl -n stylobate-system get pods`",
    },
    Reason {
        kinds: &[kind::UPGRADE_CHECKED],
        reason: reason::CHECK_FAILED,
        means: "what keeps the data from being upgraded, each with what mends it; nothing was stopped",
        remedy: "mend it in the database or the spec; it is checked again every two minutes",
    },
    Reason {
        kinds: &[kind::RESTORED],
        reason: reason::IN_PROGRESS,
        means: "the cluster is being made from a backup; the message says how far",
        remedy: "wait; a volume that stays unbound: `kubectl -n NS describe pvc data-NAME-0`",
    },
    Reason {
        kinds: &[kind::RESTORED],
        reason: reason::RESTORE_KEY_WRONG,
        means: "the passphrase that was given does not open the archive of the backup's cluster; nothing was restored yet",
        remedy: "put the right one into the Secret that the message names: it is read again and the restore goes on",
    },
    Reason {
        kinds: &[kind::RESTORED],
        reason: reason::RESTORE_UNREAD,
        means: "the archive of the backup's cluster can't be asked: no right to it, or no way there; it says nothing of the backup",
        remedy: "rights of `<cluster>-member` on that bucket, and the network to it: `docs/restore.md`; it is tried again",
    },
    Reason {
        kinds: &[kind::RESTORED],
        reason: reason::RESTORE_FAILED,
        means: "volumes can't be cloned, or no member starts on its clone; Kubernetes' words, or the member to look at, follow",
        remedy: "`docs/restore.md`",
    },
    Reason {
        kinds: &[kind::RESTORED],
        reason: reason::RESTORE_REFUSED,
        means: "a restore in place is asked for by one word of two, or its backup does not fit; nothing was stopped",
        remedy: "the message has the remedy; `docs/restore.md`",
    },
];

/// True when a condition of this type may have this reason.
pub(super) fn explains(kind: &str, reason: &str) -> bool {
    reason == reason::AS_WANTED || REASONS.iter().any(|row| row.reason == reason && row.kinds.contains(&kind))
}

#[cfg(test)]
mod tests;
