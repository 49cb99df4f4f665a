//! Backups of a cluster: runs that are due, runs that were missed, and what retention deletes. The backup itself is made by
//! its own controller (`src/backup/`).

use jiff::Timestamp;

use crate::archive::needed;
use crate::build;
use crate::name::ANNOTATION_MISSED;
use crate::observe::Observed;
use crate::schedule::retention::{Fate, Keeper, Rules, fates};
use crate::schedule::{Due, Facts, Hindrance, due, read};
use crate::target::Target;

use super::archive::bases;
use super::step::Step;

/// Backups that retention deletes in one round: an edit of it may bring many to their end at once, and each is a write.
const MOST_DELETED: usize = 20;

/// What is due; none while backups are not known.
pub fn runs_due(seen: &Observed, now: Timestamp) -> Option<Due> {
    let backups = seen.backups.as_ref()?;
    let rows = seen.cluster.status.as_ref().and_then(|status| status.backup.as_ref());
    let rows = rows.map(|backup| backup.schedules.as_slice()).unwrap_or_default();
    let (schedules, _) = read(&seen.name(), &seen.cluster.spec.backup, rows);
    let hindrance = hindrance(seen);
    Some(due(&Facts { cluster: &seen.name(), schedules: &schedules, rows, backups, hindrance, now }))
}

/// Why no backup can begin now.
fn hindrance(seen: &Observed) -> Option<Hindrance> {
    if seen.cluster.spec.paused {
        return Some(Hindrance::Paused);
    }
    if seen.primary().is_none() {
        return Some(Hindrance::NoPrimary);
    }
    let backups = seen.backups.iter().flatten();
    let under_way = |(name, backup): (&String, &crate::observe::BackupSeen)| {
        let under_way = backup.missed.is_none() && !backup.deleting && !backup.status.phase.is_over();
        under_way.then(|| Hindrance::Busy(name.clone()))
    };
    backups.filter_map(under_way).next()
}

/// Runs to begin, and runs to record as missed. They need no valid target: a bad edit must not stop the nightly backup.
pub fn runs(seen: &Observed, now: Timestamp) -> Vec<Step> {
    let Some(due) = runs_due(seen, now) else { return Vec::new() };
    let (cluster, policy) = (seen.name(), &seen.cluster.spec.backup);
    let object = |run, why: Option<&str>| Box::new(build::backup(&cluster, policy, run, why));
    let missed = due.missed.iter().map(|missed| Step::RecordMissed {
        backup: object(&missed.run, Some(&missed.reason)),
        reason: missed.reason.clone(),
        at: now,
    });
    let begin = due.begin.iter().map(|run| Step::CreateBackup { backup: object(run, None) });
    missed.chain(half_recorded(seen, &due, now)).chain(begin).collect()
}

/// Objects of missed runs whose phase does not say so yet: an operator was stopped between the two writes. Their moment may
/// lie behind what is looked at.
fn half_recorded<'a>(seen: &'a Observed, due: &'a Due, now: Timestamp) -> impl Iterator<Item = Step> + 'a {
    let known = |name: &String| due.missed.iter().any(|missed| missed.run.backup == *name);
    seen.backups.iter().flatten().filter(move |(name, _)| !known(name)).filter_map(move |(name, backup)| {
        let reason = backup.missed.clone().filter(|_| !backup.status.phase.is_over() && !backup.deleting)?;
        let mut object = crate::api::PostgresBackup::new(name, backup.spec.clone());
        object.metadata.namespace = Some(seen.name().namespace);
        object.metadata.annotations = Some([(ANNOTATION_MISSED.to_owned(), reason.clone())].into());
        Some(Step::RecordMissed { backup: Box::new(object), reason, at: now })
    })
}

/// Backups that nothing keeps, and what keeps the others where that is new. While the cluster is paused all are kept.
pub fn retention(target: &Target, seen: &Observed, now: Timestamp) -> Vec<Step> {
    let Some(backups) = seen.backups.as_ref().filter(|_| !seen.cluster.spec.paused) else {
        return Vec::new();
    };
    let rules: &Rules = &target.retention;
    let mut steps = Vec::new();
    let days = target.archive.as_ref().and_then(|archive| archive.retention_days);
    let bases = bases(target, seen);
    let promised =
        days.map(|days| needed(&bases, days, now).into_iter().map(move |name| (name, Keeper::Window(days))));
    for (name, fate) in fates(backups, rules, promised.into_iter().flatten(), now) {
        let backup = &backups[&name];
        match fate {
            Fate::Expired { why } => steps.push(Step::DeleteBackup {
                backup: name,
                uid: backup.uid.clone(),
                resource_version: backup.resource_version.clone(),
                retains: backup.spec.deletion_policy == crate::api::DeletionPolicy::Retain,
                why,
            }),
            Fate::Kept { by, until } => {
                let by: Vec<String> = by.iter().map(ToString::to_string).collect();
                let told = &backup.status;
                // What runs, or is about to be recorded as missed, is written to by others.
                let over = told.phase.is_over();
                if over && (told.kept_by != by || told.kept_until.as_ref().map(|time| time.0) != until) {
                    steps.push(Step::NoteKept { backup: name, until, by });
                }
            }
        }
    }
    steps.sort_by_key(|step| matches!(step, Step::DeleteBackup { .. }));
    let deletions = steps.iter().position(|step| matches!(step, Step::DeleteBackup { .. }));
    steps.truncate(deletions.map_or(steps.len(), |first| first + MOST_DELETED));
    steps
}

#[cfg(test)]
mod tests;
