//! Where a backup goes next. Pure: equal input gives equal decisions.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BackupPhase, BackupStatus, DeletionPolicy, GroupBackup, SharedWith};
use crate::name::{ANNOTATION_MISSED, FINALIZER_BACKUP, snapshot};
use crate::snapshot::{Order, Stage};

use super::begun::{begun_as_another, is_marked, not_run};
use super::copy::{Answer, Errand};
use super::facts::{CopySeen, Seen, Source, SourceFacts};
use super::fold::fail;
use super::held::{labels, release, snapshots_held};
use super::judge::{held_back, judged};
use super::manifest;
use super::poll;
use super::removal::{Still, removed};
use super::shelved::{shelved, unshelved, unshelved_at_end};
use super::step::{CutPart, Step};

/// How long a cluster without a primary is waited for: a failover or a restart is over by then.
pub(super) const PATIENCE: SignedDuration = SignedDuration::from_mins(10);
/// How long after the checkpoint the snapshots may be cut. Google allows one snapshot of a disk in 10 minutes, so one
/// refusal for that reason has to fit.
const CUT_DEADLINE: SignedDuration = SignedDuration::from_mins(15);
/// How long after the cut the snapshots may become ready: the first snapshot of a disk of several TB takes hours.
const READY_DEADLINE: SignedDuration = SignedDuration::from_hours(24);

/// How long a copy may take: 8 TB at 100 MB/s.
const COPY_DEADLINE: SignedDuration = SignedDuration::from_hours(24);

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The status to write before anything is done.
    pub status: BackupStatus,
    /// What to do then. One step, whose fact decides about the next.
    pub step: Option<Step>,
    /// When to look again if there is no step.
    pub again: Again,
    /// What else than a new phase is news, once the status says it.
    pub news: Option<News>,
}

/// What is told by an event whose note is the status' reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A policy holds the step back.
    HeldBack,
    /// The backup goes without its copy.
    CopyKept,
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Something is on its way.
    Soon,
    /// It waits for its turn.
    Queued,
    /// After so long: a provider is asked.
    After(Duration),
    /// Nothing is, but what keeps it as it is may change.
    Later,
    /// Nothing will change by itself.
    Never,
}

/// What to do next, judged.
pub fn decide(seen: &Seen, now: Timestamp) -> Decision {
    judged(plan(seen, now), seen)
}

/// What would come next.
fn plan(seen: &Seen, now: Timestamp) -> Decision {
    let status = seen.backup.status.clone().unwrap_or_default();
    let shared = shared_with(seen, &status);
    if shared != status.shared_with {
        return rest(BackupStatus { shared_with: shared, ..status }, Again::Soon);
    }
    let guarded = seen.backup.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER_BACKUP);
    if seen.backup.metadata.deletion_timestamp.is_some() {
        return if guarded { end(seen, status, now) } else { rest(status, Again::Never) };
    }
    if status.phase == BackupPhase::Pending
        && seen.backup.metadata.annotations.iter().flatten().any(|(key, _)| key == ANNOTATION_MISSED)
    {
        // Whoever keeps the schedules writes its end.
        return rest(status, Again::Never);
    }
    if let (BackupPhase::Pending, Some(uid)) = (status.phase, begun_as_another(&seen.backup)) {
        return not_run(seen, status, uid, now);
    }
    let begins = !matches!(status.phase, BackupPhase::Missed | BackupPhase::NotRun);
    if begins && !(guarded && is_marked(&seen.backup)) {
        return act(status, Step::Guard);
    }
    match status.phase {
        BackupPhase::Pending => begin(seen, status, now),
        BackupPhase::Checkpointing => checkpoint(seen, status, now),
        BackupPhase::Cutting => cut(seen, status, now),
        BackupPhase::Finishing => finish(seen, status, now),
        BackupPhase::Copying => copy(seen, status, now),
        BackupPhase::Succeeded => watch(seen, status, now),
        BackupPhase::Failed if seen.is_copy() => removed(seen, "the backup failed, so it can't be restored")
            .map_or_else(|still| still.decision(status.clone()), |()| rest(status.clone(), Again::Never)),
        BackupPhase::Failed => release(seen, &status, "the backup failed, so it can't be restored", now)
            .unwrap_or_else(|| rest(status, Again::Never)),
        BackupPhase::Lost => unshelved(seen, &status).unwrap_or_else(|again| rest(status, again)),
        BackupPhase::Missed | BackupPhase::NotRun => rest(status, Again::Never),
    }
}

/// The namespaces that it is shared with, each by the UID that it had when it was named first. Who is taken out and put in again is
/// looked at anew.
fn shared_with(seen: &Seen, status: &BackupStatus) -> Vec<SharedWith> {
    let named = |one: &&SharedWith| seen.backup.spec.share_with.contains(&one.namespace);
    status.shared_with.iter().filter(named).chain(&seen.shares).cloned().collect()
}

pub(super) fn act(status: BackupStatus, step: Step) -> Decision {
    Decision { status, step: Some(step), again: Again::Soon, news: None }
}

pub(super) fn rest(status: BackupStatus, again: Again) -> Decision {
    Decision { status, step: None, again, news: None }
}

fn wait(mut status: BackupStatus, reason: String) -> Decision {
    status.reason = Some(reason);
    rest(status, Again::Soon)
}

fn failed(mut status: BackupStatus, reason: String, now: Timestamp) -> Decision {
    fail(&mut status, reason, now);
    rest(status, Again::Soon)
}

/// The object is being deleted.
fn end(seen: &Seen, mut status: BackupStatus, now: Timestamp) -> Decision {
    // What may not end at all waits for that, and not for an archive that is silent on the way there.
    if let Some(held) = held_back(&Step::Unguard, seen) {
        return held;
    }
    let whole = matches!(status.phase, BackupPhase::Succeeded | BackupPhase::Lost);
    let kept = seen.backup.spec.deletion_policy == DeletionPolicy::Retain && whole;
    if seen.namespace_ends || kept {
        return act(status, Step::Unguard);
    }
    if let Some(decision) = release(seen, &status, "the backup is deleted", now) {
        return decision;
    }
    match removed(seen, "the backup is deleted") {
        Ok(()) => leave(seen, status, now),
        Err(Still::Stays(why)) => {
            status.reason = Some(format!("the copy stays in the archive: {why}"));
            Decision { news: Some(News::CopyKept), ..leave(seen, status, now) }
        }
        Err(still) => still.decision(status),
    }
}

/// The data is gone, or stays: now its records go, and the object last.
fn leave(seen: &Seen, status: BackupStatus, now: Timestamp) -> Decision {
    if let Some(decision) = unshelved_at_end(seen, &status, now) {
        return decision;
    }
    if seen.manifest.is_some() {
        return act(status, Step::DropManifest);
    }
    act(status, Step::Unguard)
}

fn begin(seen: &Seen, mut status: BackupStatus, now: Timestamp) -> Decision {
    if let Some(other) = &seen.ahead {
        status.silent_since = None;
        return wait(status, format!("waits for backup {other} of the same cluster to end"));
    }
    if !seen.turn {
        status.silent_since = None;
        status.queued_since.get_or_insert(Time(now));
        let why = "waits for its turn: as many clusters as may be are being backed up, or come before it (chart value backupSlots)";
        status.reason = Some(why.into());
        return rest(status, Again::Queued);
    }
    let facts = match ready(seen, &status, now) {
        Ok(facts) => facts,
        Err(decision) => return *decision,
    };
    (status.silent_since, status.queued_since) = (None, None);
    status.phase = BackupPhase::Checkpointing;
    status.reason = None;
    status.started_at = Some(Time(now));
    status.provider = (!seen.is_copy()).then_some(facts.policy.provider);
    describe(&mut status, facts);
    // The next look, which finds this written down, orders the checkpoint.
    rest(status, Again::Soon)
}

/// What is backed up, as it is now.
fn describe(status: &mut BackupStatus, facts: &SourceFacts) {
    status.source = Some(facts.source.clone());
    let group = |facts: &super::facts::GroupFacts| GroupBackup {
        group: facts.group,
        member: facts.member.clone(),
        claim: facts.volume.claim.clone(),
        volume: facts.volume.name.clone(),
        system_identifier: facts.system_identifier.clone(),
        timeline: facts.timeline,
        ..GroupBackup::default()
    };
    status.groups = facts.groups.iter().map(group).collect();
}

/// The cluster's facts, or what to do without them. Patience counts from the first look that found nobody, not from when the object
/// was made or its phase began: a backup may have queued, or made its checkpoint, for longer than that.
fn ready<'a>(
    seen: &'a Seen,
    status: &BackupStatus,
    now: Timestamp,
) -> Result<&'a SourceFacts, Box<Decision>> {
    let cluster = &seen.backup.spec.cluster;
    let since = status.silent_since.as_ref().map_or(now, |at| at.0);
    let decision = match &seen.source {
        Source::Ready(facts) => return Ok(facts),
        Source::Unasked => rest(status.clone(), Again::Soon),
        Source::Missing => {
            let reason = format!(
                "there is no PostgresCluster {cluster} in this namespace: correct spec.cluster in a new object"
            );
            failed(status.clone(), reason, now)
        }
        Source::Unfit(why) => failed(status.clone(), why.clone(), now),
        Source::Silent(why) if now.duration_since(since) > PATIENCE => {
            let minutes = PATIENCE.as_secs() / 60;
            failed(
                status.clone(),
                format!("{why}, for more than {minutes} minutes: see 'stylobate status {cluster}'"),
                now,
            )
        }
        Source::Silent(why) => {
            // A clock that was ahead must not make it wait for ever.
            let status = BackupStatus { silent_since: Some(Time(since.min(now))), ..status.clone() };
            wait(status, format!("waits: {why}"))
        }
    };
    Err(Box::new(decision))
}

fn checkpoint(seen: &Seen, mut status: BackupStatus, now: Timestamp) -> Decision {
    let facts = match ready(seen, &status, now) {
        Ok(facts) => facts,
        Err(decision) => return *decision,
    };
    status.silent_since = None;
    // Nothing is cut yet: with another primary it just begins anew.
    describe(&mut status, facts);
    let Some(group) = facts.groups.first() else { return wait(status, "waits: no group is known".into()) };
    act(status, Step::Checkpoint { member: group.member.clone(), pace: facts.policy.checkpoint })
}

fn cut(seen: &Seen, mut status: BackupStatus, now: Timestamp) -> Decision {
    let since = status.checkpoint_at.as_ref().map_or(now, |at| at.0);
    if now.duration_since(since) > CUT_DEADLINE {
        let last = status.reason.clone().unwrap_or_else(|| "nothing more is known".into());
        let reason = format!(
            "the snapshots were not cut within {} minutes; the last word was: {last}",
            CUT_DEADLINE.as_secs() / 60
        );
        return failed(status, reason, now);
    }
    let facts = match ready(seen, &status, now) {
        Ok(facts) => facts,
        Err(decision) => return *decision,
    };
    status.silent_since = None;
    if let Some(change) = changed(&status, facts) {
        return failed(
            status,
            format!("{change}, so the set would not be of one moment: take another backup"),
            now,
        );
    }
    let Some(group) = status.groups.first() else {
        return failed(status, "the status was emptied by somebody: take another backup".into(), now);
    };
    if group.cut_lsn.is_none() {
        let step = mark(seen, group, now);
        return act(status, step);
    }
    let parts = facts.groups.iter().map(|group| CutPart {
        group: group.group,
        member: group.member.clone(),
        timeline: group.timeline,
        order: order(seen, facts, group.group, &group.volume),
    });
    let parts = parts.collect();
    act(status, Step::Cut { parts })
}

/// The mark that a drill looks for. A restore point that was written and not recorded stays in the WAL, so each has a name of its own.
fn mark(seen: &Seen, group: &GroupBackup, now: Timestamp) -> Step {
    let short = seen.uid().split('-').next().unwrap_or_default();
    let restore_point = format!("stylobate-{short}-{}", now.as_millisecond());
    Step::Mark { member: group.member.clone(), restore_point }
}

/// The copy is being made. It needs the server that it began on until its end; one that came to its end counts, whatever became of
/// that server afterwards.
fn copy(seen: &Seen, status: BackupStatus, now: Timestamp) -> Decision {
    let since = status.checkpoint_at.as_ref().map_or(now, |at| at.0);
    if now.duration_since(since) > COPY_DEADLINE {
        let last = status.reason.clone().unwrap_or_else(|| "nothing more is known".into());
        let hours = COPY_DEADLINE.as_hours();
        return failed(
            status,
            format!("the copy was not done within {hours} hours; the last word was: {last}"),
            now,
        );
    }
    let facts = match &seen.source {
        Source::Ready(facts) => facts,
        // It goes on by itself, and may be whole: it is waited for as long as a copy may take.
        Source::Silent(why) => return wait(status, format!("waits: {why}")),
        Source::Unasked | Source::Missing | Source::Unfit(_) => match ready(seen, &status, now) {
            Ok(facts) => facts,
            Err(decision) => return *decision,
        },
    };
    let (Some(group), Some(errand), Some(serving)) =
        (status.groups.first(), Errand::of(&seen.backup), facts.groups.first())
    else {
        return failed(status, "the status was emptied by somebody: take another backup".into(), now);
    };
    let too_late = changed(&status, facts).map(|change| {
        format!(
            "{change}, and a copy is made of one server from its beginning to its end: take another backup"
        )
    });
    if group.cut_lsn.is_none() && too_late.is_none() {
        let step = mark(seen, group, now);
        return act(status, step);
    }
    let member = serving.member.clone();
    act(status, Step::Copy { member, errand, too_late })
}

/// What is not as it was when the backup began, in words.
fn changed(status: &BackupStatus, facts: &SourceFacts) -> Option<String> {
    if status.groups.len() != facts.groups.len() {
        return Some(format!(
            "the cluster has {} groups now and had {}",
            facts.groups.len(),
            status.groups.len()
        ));
    }
    status.groups.iter().zip(&facts.groups).find_map(|(then, now)| {
        if then.member != now.member || then.timeline != now.timeline {
            return Some(format!(
                "writes moved from {} (timeline {}) to {} (timeline {})",
                then.member, then.timeline, now.member, now.timeline
            ));
        }
        (then.system_identifier != now.system_identifier || then.volume != now.volume.name)
            .then(|| format!("{} has another volume or other data than before", now.member))
    })
}

fn order(seen: &Seen, facts: &SourceFacts, group: i32, volume: &crate::snapshot::Volume) -> Order {
    Order {
        namespace: seen.backup.metadata.namespace.clone().unwrap_or_default(),
        name: snapshot(seen.uid(), group),
        volume: volume.clone(),
        labels: labels(&seen.backup.spec.cluster, &facts.source.cluster_uid, seen.uid()),
        class: facts.class.clone(),
        location: facts.policy.storage_location.clone(),
    }
}

fn finish(seen: &Seen, mut status: BackupStatus, now: Timestamp) -> Decision {
    let mut missing = Vec::new();
    for group in &mut status.groups {
        let Some(record) = &mut group.snapshot else { continue };
        match seen.snapshots.get(&record.name) {
            None => missing.push(record.name.clone()),
            Some(found) if matches!(found.stage, Stage::Adrift(_)) => missing.push(record.name.clone()),
            Some(found) => {
                if let Stage::Failed(cause) = &found.stage {
                    let reason = format!("snapshot {} can't be finished: {cause}", record.name);
                    return failed(status, reason, now);
                }
                record.ready = found.stage == Stage::Ready;
                record.restore_bytes = found.restore_bytes.or(record.restore_bytes);
            }
        }
    }
    if !missing.is_empty() {
        let reason = format!(
            "snapshot {} was deleted before it was ready: find out by whom, and take another backup",
            missing.join(", ")
        );
        return failed(status, reason, now);
    }
    if status.groups.iter().all(|group| group.snapshot.as_ref().is_some_and(|record| record.ready)) {
        let sizes = status.groups.iter().filter_map(|group| group.snapshot.as_ref()?.restore_bytes);
        status.restore_bytes = Some(sizes.sum());
        status.phase = BackupPhase::Succeeded;
        status.reason = None;
        status.completed_at = Some(Time(now));
        return rest(status, Again::Soon);
    }
    let since = status.cut_at.as_ref().map_or(now, |at| at.0);
    if now.duration_since(since) > READY_DEADLINE {
        let hours = READY_DEADLINE.as_hours();
        return failed(
            status,
            format!("the snapshots were not ready within {hours} hours: look at the provider's own messages"),
            now,
        );
    }
    rest(status, Again::After(poll::under_way(now.duration_since(since), seen.crowd)))
}

/// A good backup: the copy of its object is stored, and its snapshots or its copy are looked for now and then.
fn watch(seen: &Seen, mut status: BackupStatus, now: Timestamp) -> Decision {
    if let CopySeen::Told { answer: Answer::Absent { .. }, .. } = &seen.copy {
        let label = status.groups.first().and_then(|group| Some(group.archived.as_ref()?.label.clone()));
        status.phase = BackupPhase::Lost;
        status.reason = Some(format!(
            "copy {} is not in the archive any more, and the operator did not remove it: find out who did, and take another backup now",
            label.unwrap_or_default()
        ));
        return rest(status, Again::Soon);
    }
    if let Some(decision) = snapshots_held(seen, &mut status, now) {
        return decision;
    }
    if seen.manifest != manifest::wanted(&seen.backup) {
        return act(status, Step::StoreManifest);
    }
    if let Some(step) = shelved(seen, &status) {
        return act(status, step);
    }
    rest(status, Again::After(poll::at_rest(seen.crowd)))
}
