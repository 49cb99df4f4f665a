//! What the status tells of a restore: from which backup, how far, how long, and what stands in its way.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{ReachedPoint, RestorePhase, RestoreStatus};
use crate::archive::PASSPHRASE;
use crate::name::{ANNOTATION_FORGET_OLD_VOLUMES, ANNOTATION_RESTORE_IN_PLACE};
use crate::observe::{Observed, SourceFault};
use crate::restore::in_place::others;
use crate::restore::{Course, Restore, Stage};
use crate::target::{GroupTarget, Request, Target};

use super::conditions::{Finding, good, reason};

/// The restore as it stands; one that is over stays to be read.
pub fn restore(
    before: Option<&RestoreStatus>,
    seen: &Observed,
    target: Option<&Target>,
    now: Timestamp,
) -> Option<RestoreStatus> {
    // Without a target it stands still where it is.
    let Some(target) = target else { return before.cloned() };
    let old_claims = old_claims(seen, target);
    let Some(Restore { course, stage, unproven: _ }) = &target.restore else {
        return before.map(|before| RestoreStatus { old_claims, ..before.clone() });
    };
    let started_at = Some(Time(course.started_at));
    let before = before.filter(|before| before.backup_uid == course.key && before.started_at == started_at);
    let stops = *stage == Stage::Stopping;
    let serves = !stops && seen.primary().is_some();
    let over = matches!(stage, Stage::Over | Stage::Ended);
    let phase = if stops {
        RestorePhase::Stopping
    } else if over {
        RestorePhase::Done
    } else if serves {
        RestorePhase::Following
    } else if target.groups.iter().all(|group| unbound(seen, group).is_empty()) {
        RestorePhase::Recovering
    } else {
        RestorePhase::Cloning
    };
    let since = |time: Option<&Time>, there: bool| time.cloned().or_else(|| there.then_some(Time(now)));
    Some(RestoreStatus {
        backup: course.backup.clone(),
        backup_uid: course.key.clone(),
        chosen: course.chosen.clone(),
        cut_at: course.cut_at.map(Time),
        reached: reached(before, seen, course),
        phase,
        started_at,
        serving_at: since(before.and_then(|before| before.serving_at.as_ref()), serves),
        ended_at: since(before.and_then(|before| before.ended_at.as_ref()), over),
        in_place: course.in_place.is_some(),
        old_claims,
    })
}

/// How far WAL of an archive was replayed. It is asked of the first member as soon as that takes writes, and stays as it was told.
fn reached(before: Option<&RestoreStatus>, seen: &Observed, course: &Course) -> Option<ReachedPoint> {
    let told = before.and_then(|before| before.reached.clone());
    let ended = || seen.database.as_ref().filter(|_| course.reads_archive())?.ended.clone();
    told.or_else(ended)
}

/// Claims that a restore in place took out of service.
fn old_claims(seen: &Observed, target: &Target) -> Vec<String> {
    let of_group = |group: &GroupTarget| -> Vec<String> {
        let old = others(seen, &group.name, group.generation).filter(|(_, _, volume)| volume.retired);
        old.map(|(claim, _, _)| claim.clone()).collect()
    };
    target.groups.iter().flat_map(of_group).collect()
}

/// Claims that have no volume yet.
fn unbound(seen: &Observed, group: &GroupTarget) -> Vec<String> {
    let claims = (0..group.instances).map(|ordinal| group.volume(ordinal));
    claims.filter(|claim| seen.volumes.get(claim).is_none_or(|volume| volume.volume.is_none())).collect()
}

/// The condition, for a cluster that was made from a backup, went back to one, or is asked to.
pub fn restored(seen: &Observed, target: Option<&Target>, status: Option<&RestoreStatus>) -> Option<Finding> {
    if let Some(Request::Refused(why)) = target.map(|target| &target.request) {
        return Some((false, reason::RESTORE_REFUSED, why.clone()));
    }
    let status = status?;
    let from = from(status);
    let course = target.and_then(|target| target.restore.as_ref()).map(|restore| &restore.course);
    let copy = course.is_some_and(|course| course.copy.is_some());
    let unproven = target.and_then(|target| target.restore.as_ref()?.unproven.as_deref());
    let under_way = |message: String| (false, reason::IN_PROGRESS, message);
    let failed = |message: String| (false, reason::RESTORE_FAILED, message);
    // Whoever may write a pod may write what it says: it counts only where an archive is read, and until it was.
    let unfinished = matches!(status.phase, RestorePhase::Cloning | RestorePhase::Recovering)
        && course.is_some_and(Course::reads_archive);
    if let Some((fault, pod)) = source_fault(seen, target).filter(|_| unfinished) {
        return Some(unreadable(seen, status, fault, pod));
    }
    Some(match status.phase {
        RestorePhase::Done => good(format!(
            "restored {from}{}: it took writes after {}, and all members ran after {}{}",
            end(status),
            took(status, status.serving_at.as_ref()),
            took(status, status.ended_at.as_ref()),
            kept(seen, status)
        )),
        RestorePhase::Stopping => under_way(format!(
            "members stop, to be restored in place {from}; their volumes are kept as they are"
        )),
        RestorePhase::Cloning if unproven.is_some() => failed(format!(
            "failed to clone volumes {from}: {}. Nothing more is made from it: delete this cluster and restore another backup; or, where \
             it is only not shared, share it again (spec.shareWith of the backup)",
            unproven.unwrap_or_default()
        )),
        RestorePhase::Cloning => match &seen.restore.snapshot.error {
            Some(error) if status.in_place => failed(format!(
                "failed to clone volumes {from}: {error}. It is tried again. If the snapshot is gone: remove \
                 {ANNOTATION_RESTORE_IN_PLACE}, delete this cluster and apply it again: it takes up its volumes of before"
            )),
            Some(error) => failed(format!(
                "failed to clone volumes {from}: {error}. If the snapshot is gone, delete this cluster and restore another \
                 backup; else it is tried again"
            )),
            None => {
                let waiting: Vec<String> = target
                    .iter()
                    .flat_map(|target| &target.groups)
                    .flat_map(|group| unbound(seen, group))
                    .collect();
                let how = if copy { "made, to be restored" } else { "cloned" };
                under_way(format!(
                    "volumes are {how} {from}; not there yet: {}. If one stays, see kubectl -n {} describe pvc {}",
                    waiting.join(", "),
                    seen.name().namespace,
                    waiting.first().map(String::as_str).unwrap_or_default()
                ))
            }
        },
        RestorePhase::Recovering => match crashed(seen, target) {
            Some((pod, times)) => failed(format!(
                "no member could start on its clone {from}: {pod} ended {times} times. Its words: kubectl -n {} logs {pod} -c \
                 postgres --previous. It is tried again; if the clone is damaged, restore another backup",
                seen.name().namespace
            )),
            None if copy => under_way(format!(
                "the first member fetches the copy in the archive, to be restored {from}, and replays the WAL that it needs"
            )),
            None => under_way(format!(
                "all volumes are cloned {from}; the first member replays the WAL that they have"
            )),
        },
        RestorePhase::Following if copy => under_way(format!(
            "restored {from}{}: it took writes after {}; the other members copy it",
            end(status),
            took(status, status.serving_at.as_ref())
        )),
        RestorePhase::Following => under_way(format!(
            "restored {from}{}: it took writes after {}; the other members start on their clones",
            end(status),
            took(status, status.serving_at.as_ref())
        )),
    })
}

/// Where the data of before is, and how it is let go.
fn kept(seen: &Observed, status: &RestoreStatus) -> String {
    if status.old_claims.is_empty() {
        return String::new();
    }
    let name = seen.name();
    format!(
        ". The data of before is kept in volume claims {}; once it is not needed: kubectl -n {} annotate pgc {} \
         {ANNOTATION_FORGET_OLD_VOLUMES}={}",
        status.old_claims.join(", "),
        name.namespace,
        name.name,
        name.name
    )
}

fn from(status: &RestoreStatus) -> String {
    let chosen = status.chosen.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("from backup {}{chosen}{}", status.backup, cut(status))
}

/// When the backup was cut, in words that follow its name; nothing while that is not known.
pub fn cut(status: &RestoreStatus) -> String {
    status.cut_at.as_ref().map(|cut| format!(", cut at {}", cut.0)).unwrap_or_default()
}

/// Where replay ended, in words that follow; nothing while that is not told.
fn end(status: &RestoreStatus) -> String {
    let Some(ReachedPoint { at, lsn, wal: _ }) = &status.reached else { return String::new() };
    let at = at.as_ref().map(|at| format!(", whose last transaction is of {}", at.0)).unwrap_or_default();
    format!(", with archived WAL up to {lsn}{at}")
}

fn took(status: &RestoreStatus, end: Option<&Time>) -> String {
    let seconds =
        status.started_at.as_ref().zip(end).map(|(start, end)| end.0.duration_since(start.0).as_secs());
    seconds.map_or_else(|| "an unknown time".into(), |seconds| format!("{seconds} s"))
}

/// What a member says of the archive that it is to be restored from, before it touches anything.
fn source_fault<'a>(seen: &'a Observed, target: Option<&Target>) -> Option<(SourceFault, &'a String)> {
    let groups = &target?.groups;
    let members =
        seen.pods.iter().filter(|(pod, _)| groups.iter().any(|group| group.name.ordinal(pod).is_some()));
    members.filter_map(|(pod, member)| Some((member.source_fault?, pod))).next()
}

fn unreadable(seen: &Observed, status: &RestoreStatus, fault: SourceFault, pod: &str) -> Finding {
    let from = from(status);
    let namespace = seen.name().namespace;
    let (field, secret) = seen.cluster.spec.bootstrap.archive_secret();
    match fault {
        SourceFault::Key => {
            let which = match secret {
                Some(secret) => format!("Secret {secret} ({field})"),
                None => "Secret <cluster>-archive-key of the backup's cluster".to_owned(),
            };
            let message = format!(
                "not restored {from}: the passphrase in {which}, entry {PASSPHRASE}, does not open the archive of the backup's cluster. Put \
                 the one there that it was written with: it is read again within two minutes, and the restore goes on. Nothing was changed"
            );
            (false, reason::RESTORE_KEY_WRONG, message)
        }
        SourceFault::Absent => {
            let message = format!(
                "not restored {from}: there is no archive of the backup's cluster where it had one. Look whether the bucket and the folder that \
                 status.source.clusterSpec of the backup names are the right ones and were not emptied; or restore a snapshot without a point in \
                 time. It is tried again"
            );
            (false, reason::RESTORE_FAILED, message)
        }
        SourceFault::Unread(code) => {
            let message = format!(
                "not restored {from}: the archive of the backup's cluster can't be read (pgBackRest's code {code}). Give the ServiceAccount \
                 {}-member, or the account of the key, the right to read it; look at the network to it; and that it is this customer's \
                 bucket. It is tried again. pgBackRest's words: kubectl -n {namespace} logs {pod} -c postgres",
                seen.name().name
            );
            (false, reason::RESTORE_UNREAD, message)
        }
    }
}

/// The member whose container ended most often. Once may be anything; a start that fails fails again.
fn crashed<'a>(seen: &'a Observed, target: Option<&Target>) -> Option<(&'a String, i32)> {
    let groups = &target?.groups;
    let members =
        seen.pods.iter().filter(|(pod, _)| groups.iter().any(|group| group.name.ordinal(pod).is_some()));
    members
        .map(|(pod, seen)| (pod, seen.main.restarts))
        .filter(|(_, times)| *times > 1)
        .max_by_key(|(_, times)| *times)
}
