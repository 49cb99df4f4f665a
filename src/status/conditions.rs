//! Conditions: type, status, reason in one word, and a message that names cause and next step.

use std::fmt::Write as _;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::ClusterStatus;
use crate::child::Kind;
use crate::fleet::PULL_FAULTS;
use crate::images::place;
use crate::observe::{Leadership, Misread, Observed, PodSeen};
use crate::plan::{Halt, Step, volumes_command};
use crate::target::{Problem, Target, Tunings, archive_refused, in_the_way, tuned};
use crate::text::one_line;

use super::contested::{contested, corrects};
use super::{Work, backup, databases, drain, drills, meanings, refused, slots, starved, storage};

/// Bytes of a message: Kubernetes' own conditions hold 32768, and an object 1.5 MB.
const MOST_BYTES: usize = 30_000;

/// Types of conditions.
pub mod kind {
    /// The spec can be carried out.
    pub const ACCEPTED: &str = "Accepted";
    /// What the tuning ConfigMaps ask for can be done.
    pub const TUNING_ACCEPTED: &str = "TuningAccepted";
    /// Clients are served: a member takes writes and the pooler is up.
    pub const READY: &str = "Ready";
    /// Everything is as the spec says.
    pub const CONVERGED: &str = "Converged";
    /// All members are up and follow.
    pub const REDUNDANT: &str = "Redundant";
    /// The image catalog offers what runs, or a newer minor of it.
    pub const ENGINE: &str = "EngineCurrent";
    /// What the check before a major upgrade found; there while an upgrade is under way.
    pub const UPGRADE_CHECKED: &str = "UpgradeChecked";
    /// The data is that of the backup which the cluster was made from or went back to; there for such a cluster alone, and while a
    /// restore in place is asked for.
    pub const RESTORED: &str = "Restored";
    /// Volumes have room and their size.
    pub const STORAGE: &str = "StorageOk";
    /// WAL is archived as it comes; there while the spec asks for an archive.
    pub const ARCHIVING: &str = "Archiving";
    /// No node that is being emptied waits for this cluster.
    pub const DRAIN: &str = "DrainOk";
    /// Nothing keeps users, databases and extensions from being as the spec says; there while the spec can be carried out.
    pub const DATABASES: &str = "DatabasesOk";
    /// No role has rights that the spec can't give.
    pub const RIGHTS: &str = "RightsOk";
    /// Logical slots have their WAL, and would outlive a failover; there while the spec asks for logical replication.
    pub const SLOTS: &str = "LogicalSlotsOk";
    /// Backups are as fresh as their schedules promise; there while there are schedules.
    pub const BACKUPS: &str = "BackupsCurrent";
    /// Backups are proved as their schedule of drills promises; there while there is one.
    pub const DRILLS: &str = "DrillsCurrent";
}

/// Reasons of conditions.
pub mod reason {
    /// As it should be.
    pub const AS_WANTED: &str = "AsWanted";
    /// The spec names something that can't be.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// What the archive is read with that the cluster is to be made from is missing, or that archive is not known.
    pub const SOURCE_ARCHIVE_REFUSED: &str = "SourceArchiveRefused";
    /// An object of others has a name that the cluster needs.
    pub const OBJECT_IN_THE_WAY: &str = "ObjectInTheWay";
    /// A tuning ConfigMap asks for something that can't be.
    pub const TUNING_REFUSED: &str = "TuningRefused";
    /// A policy holds back a step.
    pub const HELD_BACK: &str = "HeldBack";
    /// Steps are being taken.
    pub const IN_PROGRESS: &str = "InProgress";
    /// No member takes writes.
    pub const NO_PRIMARY: &str = "NoPrimary";
    /// The pooler has no pod that is ready.
    pub const POOLER_DOWN: &str = "PoolerDown";
    /// An image can't be pulled.
    pub const IMAGE_PULL: &str = "ImageCannotBePulled";
    /// There is no image catalog.
    pub const CATALOG_MISSING: &str = "CatalogMissing";
    /// The image catalog is refused.
    pub const CATALOG_INVALID: &str = "CatalogInvalid";
    /// The image catalog does not have what runs.
    pub const NOT_IN_CATALOG: &str = "NotInCatalog";
    /// What runs is withdrawn from the image catalog.
    pub const IMAGE_WITHDRAWN: &str = "ImageWithdrawn";
    /// A pod finds no node.
    pub const UNSCHEDULABLE: &str = "Unschedulable";
    /// A pod can't be made, since the API server refuses it.
    pub const FAILED_CREATE: &str = "FailedCreate";
    /// Somebody else changes objects of the cluster back each time.
    pub const CONTESTED: &str = "Contested";
    /// More than one member may take writes, or one that can't be asked.
    pub const PRIMARY_UNKNOWN: &str = "PrimaryUnknown";
    /// Users and databases could not be looked at.
    pub const NOT_LOOKED_AT: &str = "NotLookedAt";
    /// A database can't be looked at, or something in it can't be done.
    pub const DATABASE_TROUBLE: &str = "DatabaseTrouble";
    /// A role had rights that the spec can't give.
    pub const RIGHTS_TAKEN_BACK: &str = "RightsTakenBack";
    /// Fewer members than wanted are up.
    pub const MEMBERS_MISSING: &str = "MembersMissing";
    /// A member did not come back from a restart; no further one is touched.
    pub const BLOCKED: &str = "Blocked";
    /// The data can't be upgraded as it is.
    pub const CHECK_FAILED: &str = "CheckFailed";
    /// Volumes can't be cloned, or no member starts on its clone.
    pub const RESTORE_FAILED: &str = "RestoreFailed";
    /// The archive that is restored from can't be asked: no right, or no way to it.
    pub const RESTORE_UNREAD: &str = "RestoreArchiveUnread";
    /// The passphrase that was given does not open the archive that is restored from.
    pub const RESTORE_KEY_WRONG: &str = "RestoreKeyWrong";
    /// A restore in place is asked for and can't begin.
    pub const RESTORE_REFUSED: &str = "RestoreRefused";
    /// A volume is used to 85 % or more.
    pub const DISK_FILLING: &str = "DiskFilling";
    /// A volume is used to 95 % or more.
    pub const DISK_ALMOST_FULL: &str = "DiskAlmostFull";
    /// A volume is full: Postgres stops or can't start.
    pub const DISK_FULL: &str = "DiskFull";
    /// A volume is on its way to its new size.
    pub const GROWING: &str = "Growing";
    /// A volume can't get its new size.
    pub const GROWTH_FAILED: &str = "GrowthFailed";
    /// A node is being emptied, and no member can take over from the one on it.
    pub const NO_SUCCESSOR: &str = "NoSuccessor";
    /// A node is being emptied, and the only member is on it.
    pub const SINGLE_MEMBER: &str = "SingleMember";
    /// WAL is not archived.
    pub const ARCHIVE_FAILING: &str = "ArchiveFailing";
    /// WAL is archived slower than it is written.
    pub const ARCHIVE_SLOW: &str = "ArchiveSlow";
    /// WAL was given up, so that some moments can't be brought back.
    pub const ARCHIVE_GAP: &str = "ArchiveGap";
    /// Another cluster writes to the archive.
    pub const ARCHIVE_OF_ANOTHER: &str = "ArchiveOfAnother";
    /// The passphrase of the archive is gone.
    pub const ARCHIVE_KEY_LOST: &str = "ArchiveKeyLost";
    /// The passphrase of the archive was changed.
    pub const ARCHIVE_KEY_CHANGED: &str = "ArchiveKeyChanged";
    /// A logical slot is gone or has lost WAL: its subscriber misses changes.
    pub const SLOT_LOST: &str = "SlotLost";
    /// A logical slot keeps more than half of the WAL that may be kept.
    pub const SLOT_BEHIND: &str = "SlotBehind";
    /// A failover would lose a logical slot.
    pub const SLOT_NOT_KEPT: &str = "SlotNotKept";
    /// The last run of a schedule did not begin, and nothing good was made since.
    pub const BACKUP_MISSED: &str = "BackupMissed";
    /// The last run of a schedule failed, and nothing good was made since.
    pub const BACKUP_FAILED: &str = "BackupFailed";
    /// The snapshots of the last run are gone, and nothing good was made since.
    pub const BACKUP_LOST: &str = "BackupLost";
    /// A schedule promised a backup, and there is none.
    pub const BACKUP_OVERDUE: &str = "BackupOverdue";
    /// The last drill by schedule failed, and nothing that is as new was proved since.
    pub const DRILL_FAILED: &str = "DrillFailed";
    /// A moment of the schedule of drills had none, and none passed since.
    pub const DRILL_MISSED: &str = "DrillMissed";
    /// The last drill by schedule came to no end that anybody saw, and none passed since.
    pub const DRILL_GONE: &str = "DrillGone";
    /// A drill by schedule was asked for, and its time is over.
    pub const DRILL_OVERDUE: &str = "DrillOverdue";
    /// The cluster is being deleted.
    pub const DELETING: &str = "Deleting";
}

/// All conditions; a time of change is kept where the status did not change.
pub fn conditions(
    seen: &Observed,
    target: Option<&Target>,
    status: &ClusterStatus,
    work: Work,
    problems: &[Problem],
    before: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    let generation = seen.cluster.metadata.generation;
    [
        (kind::ACCEPTED, accepted(seen, target, problems)),
        (kind::TUNING_ACCEPTED, tuning_accepted(seen, target)),
        (kind::CONVERGED, converged(seen, target, work, now)),
        (kind::READY, ready(seen, status)),
        (kind::REDUNDANT, redundant(seen, status)),
        (kind::STORAGE, storage::storage(seen)),
        (kind::DRAIN, drain::drain(seen, status.primary.as_deref(), work.steps)),
        (kind::RIGHTS, databases::rights(seen, before, status.rights_seen_at.is_some())),
    ]
    .into_iter()
    .chain(super::engine::current(target).map(|finding| (kind::ENGINE, finding)))
    .chain(target.map(|target| (kind::DATABASES, databases::databases(seen, target, now))))
    .chain(slots::slots(seen, target, status.replication.as_ref()).map(|finding| (kind::SLOTS, finding)))
    .chain(
        super::archive::archiving(seen, target, status.archive.as_ref(), now)
            .map(|finding| (kind::ARCHIVING, finding)),
    )
    .chain(backup::current(seen, status.backup.as_ref(), now).map(|finding| (kind::BACKUPS, finding)))
    .chain(drills::current(seen, status.backup.as_ref(), now).map(|finding| (kind::DRILLS, finding)))
    .chain(super::upgrade::checked(seen, target).map(|finding| (kind::UPGRADE_CHECKED, finding)))
    .chain(
        super::restore::restored(seen, target, status.restore.as_ref())
            .map(|finding| (kind::RESTORED, finding)),
    )
    .map(|(kind, (good, reason, message))| {
        debug_assert!(
            meanings::explains(kind, reason),
            "{kind} {reason} has no row in src/status/meanings.rs"
        );
        let state = if good { "True" } else { "False" };
        let since = before
            .iter()
            .find(|condition| condition.type_ == kind && condition.status == state)
            .map_or(Time(now), |condition| condition.last_transition_time.clone());
        Condition {
            type_: kind.into(),
            status: state.into(),
            reason: reason.into(),
            message: one_line(&message, MOST_BYTES),
            observed_generation: generation,
            last_transition_time: since,
        }
    })
    .collect()
}

/// Whether it is as it should be, the reason in a word, and the message.
pub type Finding = (bool, &'static str, String);

/// A condition that is as it should be.
pub fn good(message: impl Into<String>) -> Finding {
    (true, reason::AS_WANTED, message.into())
}

fn accepted(seen: &Observed, target: Option<&Target>, problems: &[Problem]) -> Finding {
    if problems.is_empty() {
        let reminders = target.map(|target| target.reminders.join("; ")).unwrap_or_default();
        return good(match reminders.as_str() {
            "" => "the spec can be carried out".to_owned(),
            soon => format!("the spec can be carried out, but soon to do: {soon}"),
        });
    }
    let text: Vec<String> = problems.iter().map(Problem::to_string).collect();
    let taken = in_the_way(seen).next().is_some();
    let of_source = archive_refused(seen, problems);
    let refused = if of_source { reason::SOURCE_ARCHIVE_REFUSED } else { reason::INVALID_SPEC };
    let reason = if taken { reason::OBJECT_IN_THE_WAY } else { refused };
    (false, reason, format!("{}. What runs was not touched", text.join("; ")))
}

/// Most refused settings that are told one by one: a message has its limits.
const MOST_TOLD: usize = 20;

fn tuning_accepted(seen: &Observed, target: Option<&Target>) -> Finding {
    let spec = &seen.cluster.spec;
    let (postgres, pooler) = match target {
        Some(target) => (target.tuning.clone(), target.pooler_tuning.clone()),
        None => {
            let Tunings { postgres, pooler, sizes: _ } = tuned(seen);
            (postgres, pooler)
        }
    };
    let refused: Vec<String> =
        postgres.refused.iter().chain(&pooler.refused).take(MOST_TOLD).map(Problem::to_string).collect();
    // What is in force by the spec, and the server does not take all the same: only a server can know of it.
    let misread: Vec<String> = seen.database.iter().flat_map(|found| &found.misread).map(misread).collect();
    if refused.is_empty() && !misread.is_empty() {
        return (false, reason::TUNING_REFUSED, misread.join("; "));
    }
    if refused.is_empty() {
        return good(match spec.tuning.len() + spec.pooler.tuning.len() {
            0 => "no ConfigMap is named: computed settings alone are in force",
            _ => "all settings of the ConfigMaps can be taken",
        });
    }
    let mut text = refused.join("; ");
    let more = (postgres.refused.len() + pooler.refused.len()).saturating_sub(MOST_TOLD);
    if more > 0 {
        let _ = write!(text, "; and {more} more");
    }
    for (part, tuned, without) in [
        ("Postgres", &postgres, "computed settings alone are"),
        ("the pooler", &pooler, "the operator's own parameters alone are"),
    ] {
        if !tuned.refused.is_empty() {
            let force = if tuned.overlay.is_empty() { without } else { "the last good set stays" };
            let _ = write!(text, ". Of {part}, {force} in force");
        }
    }
    (false, reason::TUNING_REFUSED, text)
}

/// A line of its configuration that a server does not take, for a person.
fn misread(line: &Misread) -> String {
    let Misread { name, value, error } = line;
    let what = if name.is_empty() {
        "a line of its configuration".to_owned()
    } else {
        format!("setting {name} '{value}'")
    };
    format!(
        "Postgres does not take {what}: {error}. It goes on with the value before and may not start with this one: correct the \
         ConfigMap that sets it"
    )
}

fn deleting(seen: &Observed) -> Option<Finding> {
    seen.cluster.metadata.deletion_timestamp.as_ref()?;
    let message = format!(
        "the cluster is being deleted, its volumes are kept; to remove them afterwards: {}",
        volumes_command(&seen.name())
    );
    Some((false, reason::DELETING, message))
}

fn converged(seen: &Observed, target: Option<&Target>, work: Work, now: Timestamp) -> Finding {
    if let Some(deleting) = deleting(seen) {
        return deleting;
    }
    let Some(target) = target else {
        return (false, reason::INVALID_SPEC, "nothing is changed: see Accepted".into());
    };
    if let Some(Halt::Blocked(why)) = work.halt {
        return (false, reason::BLOCKED, why.clone());
    }
    if let Some(verdict) = work.verdicts.first() {
        return (false, reason::HELD_BACK, verdict.to_string());
    }
    let pending: Vec<&Step> =
        work.steps.iter().filter(|step| !aside(step) && !corrects(step, work.contested)).collect();
    match pending.as_slice() {
        [] => match work.halt {
            Some(Halt::Waits(why)) => (false, reason::IN_PROGRESS, format!("{}{why}", left(work.later))),
            _ => refused::refused(seen, |_| true)
                .or_else(|| growing(seen))
                .or_else(|| contested(seen, work.contested))
                .or_else(|| refused_tuning(target))
                .or_else(|| Some(databases::databases(seen, target, now)).filter(|(good, ..)| !good))
                .unwrap_or_else(|| good("everything is as the spec says")),
        },
        [step] => (false, reason::IN_PROGRESS, format!("one step to take: {step}")),
        [step, ..] => (false, reason::IN_PROGRESS, format!("{} steps to take, first: {step}", pending.len())),
    }
}

/// What nobody waits for who waits for the spec to be carried out: files that are brought up to date, backups and drills.
fn aside(step: &Step) -> bool {
    matches!(
        step,
        Step::RefreshFiles { .. }
            | Step::CreateBackup { .. }
            | Step::RecordMissed { .. }
            | Step::DeleteBackup { .. }
            | Step::NoteKept { .. }
            | Step::RequestDrill { .. }
    )
}

/// A volume that has not the size of the spec yet.
fn growing(seen: &Observed) -> Option<Finding> {
    let (claim, _, wants, _) = storage::growing(seen).next()?;
    Some((false, reason::IN_PROGRESS, format!("volume claim {claim} is growing to {wants}: see StorageOk")))
}

/// All else is as it should be, but settings are not.
fn refused_tuning(target: &Target) -> Option<Finding> {
    let refused = !target.tuning.refused.is_empty() || !target.pooler_tuning.refused.is_empty();
    let message = "settings of the ConfigMaps are not in force: see TuningAccepted";
    refused.then(|| (false, reason::TUNING_REFUSED, message.to_owned()))
}

fn left(later: &[Step]) -> String {
    match later.len() {
        0 => String::new(),
        1 => "one step left; now ".into(),
        more => format!("{more} steps left; now "),
    }
}

fn ready(seen: &Observed, status: &ClusterStatus) -> Finding {
    if seen.primary().is_none() {
        if let Some(deleting) = deleting(seen) {
            return deleting;
        }
        if let Some(unknown) = unknown(seen) {
            return unknown;
        }
        if let Some(trouble) = trouble(seen, |_| true).or_else(|| refused::refused(seen, |_| true)) {
            return trouble;
        }
        if let Some(full) = storage::full(seen) {
            return full;
        }
        let message = match seen.claimants(&seen.name().group(0)).first() {
            Some(name) => {
                let namespace = seen.name().namespace;
                let lack = match &seen.pods[*name] {
                    PodSeen { deleting: true, .. } => "ends",
                    PodSeen { ready: true, .. } => "was not promoted yet",
                    _ => "is not ready",
                };
                format!(
                    "{name} holds the primary's role but {lack}: kubectl -n {namespace} logs {name} -c postgres"
                )
            }
            None => "no member takes writes yet: Patroni elects one as soon as a member with all data is up"
                .into(),
        };
        return (false, reason::NO_PRIMARY, format!("{message}{}", last_words(seen)));
    }
    if status.pooler.ready == 0 {
        let trouble = trouble(seen, |pod| pod.component == crate::name::COMPONENT_POOLER);
        if let Some(trouble) = trouble.or_else(|| refused::refused(seen, |kind| kind == Kind::Deployment)) {
            return trouble;
        }
        let name = seen.name();
        let message = format!(
            "no pooler pod is ready: kubectl -n {} describe deployment {}",
            name.namespace,
            name.pooler()
        );
        return (false, reason::POOLER_DOWN, message);
    }
    good(starved::beside(seen, "clients are served"))
}

/// Who takes writes is not known.
fn unknown(seen: &Observed) -> Option<Finding> {
    let Leadership::Unknown { claimants } = seen.leadership(&seen.name().group(0)) else { return None };
    let claim = match claimants.as_slice() {
        [one] => {
            format!("{one} has the primary's role, and neither it nor Patroni's leader record confirms it")
        }
        more => format!("more than one member may take writes: {}", more.join(", ")),
    };
    let (name, namespace) = (seen.cluster_name(), seen.name().namespace);
    let message = format!(
        "{claim}. Nothing that disrupts is done until one surely does; Patroni settles it within half a minute. If it stays: kubectl \
         -n {namespace} get pods -l stylobate.dev/cluster={name} -L stylobate.dev/role -o wide, and the logs of those members"
    );
    Some((false, reason::PRIMARY_UNKNOWN, message))
}

fn redundant(seen: &Observed, status: &ClusterStatus) -> Finding {
    let wanted = seen.cluster.spec.instances;
    let missing: Vec<String> = status
        .members
        .iter()
        .filter(|member| !member.ready)
        .map(|member| format!("{} is {}", member.name, member.state))
        .collect();
    let up = status.members.len() - missing.len();
    if up as i32 >= wanted && missing.is_empty() {
        return good(format!("all {up} members are ready"));
    }
    if let Some(deleting) = deleting(seen) {
        return deleting;
    }
    let refused = || refused::refused(seen, |kind| kind == Kind::StatefulSet);
    trouble(seen, |_| true).or_else(refused).or_else(|| storage::full(seen)).unwrap_or_else(|| {
        let detail = if missing.is_empty() { String::new() } else { format!(": {}", missing.join(", ")) };
        let words = last_words(seen);
        (false, reason::MEMBERS_MISSING, format!("{up} of {wanted} members are ready{detail}{words}"))
    })
}

/// Why servers do not start, in their own words: a person's way to the setting or the file that is at fault.
fn last_words(seen: &Observed) -> String {
    let silent = seen.pods.iter().filter(|(_, pod)| !pod.ready && !pod.deleting);
    silent.filter_map(|(name, pod)| Some(format!(". {name}: {}", pod.last_words()?))).collect()
}

/// What keeps a pod from starting, if Kubernetes says so.
fn trouble(seen: &Observed, which: impl Fn(&PodSeen) -> bool) -> Option<Finding> {
    seen.pods.iter().filter(|(_, pod)| which(pod)).find_map(|(name, pod)| {
        if let Some(why) = &pod.unscheduled {
            let message = format!(
                "pod {name} finds no node: {}. Add nodes, or lower spec.resources or spec.scheduling",
                why.trim_end_matches('.')
            );
            return Some((false, reason::UNSCHEDULABLE, message));
        }
        let (why, _) = pod.main.waiting.as_ref()?;
        PULL_FAULTS.contains(&why.as_str()).then(|| {
            let field = match (crate::pooler::is_pooler(&pod.component), &seen.cluster.spec.engine.image) {
                (true, _) => format!("{} of the operator's chart", crate::pooler::program(seen.cluster.spec.pooler.kind).image_value()),
                (false, Some(_)) => "spec.engine.image".to_owned(),
                (false, None) => place(&seen.platform.namespace),
            };
            let message = format!(
                "pod {name} can't pull image '{}' ({why}): correct {field}, or make the image available to the nodes",
                pod.main.image
            );
            (false, reason::IMAGE_PULL, message)
        })
    })
}
