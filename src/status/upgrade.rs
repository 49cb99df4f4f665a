//! What the status tells of a major upgrade: how far it is, whether there is a way back, and what its check found.

use crate::api::{UpgradePhase, UpgradeStatus};
use crate::observe::{Observed, PodSeen};
use crate::target::{Target, Version};
use crate::upgrade::{Course, Phase};

use super::conditions::reason;

/// Bytes of a check's findings in a condition: a status has to stay small, the whole report is on the member's volume.
const FINDINGS_BYTES: usize = 4000;

/// The upgrade as it stands; one that is over stays to be read until the next one begins.
pub fn upgrade(
    before: Option<&UpgradeStatus>,
    identifier: Option<&String>,
    seen: &Observed,
    target: Option<&Target>,
) -> Option<UpgradeStatus> {
    // Without a target it stands still where it is.
    let Some(target) = target else { return before.cloned() };
    let Some(course) = &target.upgrade else { return before.and_then(|before| over(before, target.version)) };
    let failed = course.failed.as_ref().filter(|failed| failed.key == target.upgrade_key);
    let phase = match course.phase {
        Phase::Prepare if failed.is_some() => UpgradePhase::Failed,
        Phase::Prepare => UpgradePhase::Preparing,
        Phase::Stop => UpgradePhase::Stopping,
        Phase::Upgrade => UpgradePhase::Upgrading,
        Phase::Rejoin => UpgradePhase::Rejoining,
    };
    let started = before.filter(|before| before.to == course.to.to_string());
    Some(UpgradeStatus {
        from: course.from.to_string(),
        to: course.to.to_string(),
        phase,
        point_of_no_return: course.phase == Phase::Rejoin || handed_over(course, seen),
        message: failed.map_or_else(|| message(course, seen), |failed| failed.cause.clone()),
        system_identifier_before: started
            .and_then(|before| before.system_identifier_before.clone())
            .or_else(|| identifier.cloned()),
    })
}

/// An upgrade that no course goes on with has ended, or the wanted version was taken back.
fn over(before: &UpgradeStatus, wanted: Version) -> Option<UpgradeStatus> {
    let reached = Version::read(&before.to).is_some_and(|to| to.major == wanted.major);
    reached.then(|| UpgradeStatus {
        phase: UpgradePhase::Done,
        message: format!("the data is of PostgreSQL {}", wanted.major),
        ..before.clone()
    })
}

/// True once the init container has said that the new server may start.
fn handed_over(course: &Course, seen: &Observed) -> bool {
    let leader = course.leader.as_ref().and_then(|leader| seen.pods.get(leader));
    let done = |pod: &PodSeen| {
        pod.upgrade.as_ref() == Some(&course.mark())
            && pod.init.ended.as_ref().is_some_and(|(code, _)| *code == 0)
    };
    course.phase == Phase::Upgrade && leader.is_some_and(done)
}

fn message(course: &Course, seen: &Observed) -> String {
    let leader = course.leader.as_deref().unwrap_or("the primary");
    match course.phase {
        Phase::Prepare => format!("{} serves; nothing was stopped", course.from),
        Phase::Stop => format!("{} serves; replicas stop", course.from),
        Phase::Upgrade if handed_over(course, seen) => format!("{leader} starts PostgreSQL {}", course.to),
        Phase::Upgrade => {
            format!("the data of {leader} is being upgraded; until it is done, the way back is open")
        }
        Phase::Rejoin => format!("{} serves; replicas are made anew from {leader}", course.to),
    }
}

/// The condition on the check, while there is something to tell.
pub fn checked(seen: &Observed, target: Option<&Target>) -> Option<(bool, &'static str, String)> {
    let target = target?;
    let course = target.upgrade.as_ref()?;
    let report = seen.database.as_ref()?.upgrade.check.as_ref()?;
    if report.key != target.upgrade_key || report.state != "done" {
        return None;
    }
    let (from, to) = (course.from, course.to);
    if report.problems.is_empty() {
        return Some((
            true,
            reason::AS_WANTED,
            format!("pg_upgrade --check: PostgreSQL {from} can become {to}"),
        ));
    }
    let mut findings = report.problems.join("; ");
    findings.truncate(findings.floor_char_boundary(FINDINGS_BYTES));
    let message = format!("PostgreSQL {from} can't become {to}, and goes on serving. To mend: {findings}");
    Some((false, reason::CHECK_FAILED, message))
}
