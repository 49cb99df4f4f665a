//! From one phase to the next: each has one proof that it is over, and one way back while there is one.

use jiff::{SignedDuration, Timestamp};

use crate::name::{COMPONENT_MEMBER, GroupName};
use crate::observe::{MemberSeen, Observed, PodSeen};
use crate::target::{GroupTarget, Version};

use super::report::Stand;
use super::{Course, Failure, Phase, Report, recorded};

/// How long replicas may take to stop before the upgrade is given up and they go on with the old server: one that has to
/// write a last restartpoint takes seconds, so minutes mean that something else is wrong.
pub const STOP_LIMIT: SignedDuration = SignedDuration::from_mins(5);
/// Exit code by which `upgrade-member run` says that it has put the old data back, and why stands in its message.
const PUT_BACK: i32 = 3;
/// Times that the kubelet may start the work again after other ends (a node that died, a full disk) before it is given up.
const TRIES: i32 = 5;

/// The course towards the wanted version; none when the data is of its major. `key` is of what would be tried.
///
/// # Errors
/// Why the wanted version can't be reached, and what can be done.
pub fn course(
    seen: &Observed,
    group: &GroupTarget,
    wanted: Version,
    key: impl Fn(&Course) -> String,
    now: Timestamp,
) -> Result<Option<Course>, String> {
    let last = recorded(seen, &group.name);
    let Some(running) = data(seen, &group.name) else { return Ok(None) };
    let begin = |failed| Course {
        phase: Phase::Prepare,
        from: running,
        to: wanted,
        leader: None,
        since: None,
        failed,
    };
    let towards = |failed| match wanted.major.cmp(&running.major) {
        std::cmp::Ordering::Equal => Ok(None),
        std::cmp::Ordering::Greater => Ok(Some(begin(failed))),
        std::cmp::Ordering::Less => Err(downgrade(running)),
    };
    let Some(last) = last else { return towards(None) };
    match last.phase {
        Phase::Prepare => towards(last.failed),
        // Nothing is lost yet, so a change of mind is followed at once.
        Phase::Stop if wanted.major != last.to.major => towards(None),
        Phase::Stop => Ok(Some(stop(seen, group, last, key, now))),
        Phase::Upgrade => Ok(Some(upgrade(seen, last, key))),
        Phase::Rejoin if rejoined(seen, group, &last, &key(&last), now) => towards(None),
        Phase::Rejoin => Ok(Some(last)),
    }
}

/// Version of the data: what the primary says, else what was known last; none for a cluster that was never served.
pub fn data(seen: &Observed, group: &GroupName) -> Option<Version> {
    let last = recorded(seen, group);
    let says = |member: &MemberSeen| member.server_version.map(Version::from_number);
    let primary = seen.primary().and_then(|name| seen.members.get(name)).and_then(says);
    let status = || Version::read(seen.cluster.status.as_ref()?.version.as_deref()?);
    match last {
        Some(last) if last.phase != Phase::Rejoin => Some(last.from),
        Some(last) => Some(primary.filter(|version| version.major == last.to.major).unwrap_or(last.to)),
        None => primary.or_else(status),
    }
}

fn downgrade(running: Version) -> String {
    format!(
        "the data is of PostgreSQL {running}, which no older major can read: write {running} or a newer one. To go back, \
         restore a backup of before the upgrade into a new cluster"
    )
}

/// Replicas are stopping. Over once the primary is the only one that runs: nobody else can be promoted from then on, so its
/// data is the newest whatever happens.
fn stop(
    seen: &Observed,
    group: &GroupTarget,
    last: Course,
    key: impl Fn(&Course) -> String,
    now: Timestamp,
) -> Course {
    let mark = last.mark();
    let members = || seen.pods.iter().filter(|(_, pod)| pod.component == COMPONENT_MEMBER);
    let waits = |pod: &PodSeen| pod.upgrade.as_ref() == Some(&mark) && !pod.main.running && !pod.deleting;
    let serves = |name: &String, pod: &PodSeen| {
        seen.primary() == Some(name) && pod.ready && !pod.deleting && pod.upgrade.as_ref() != Some(&mark)
    };
    let complete = (0..group.instances).all(|ordinal| seen.pods.contains_key(&group.name.pod(ordinal)));
    let leaders: Vec<&String> =
        members().filter(|(name, pod)| serves(name, pod)).map(|(name, _)| name).collect();
    let waiting = members().filter(|(_, pod)| waits(pod)).count();
    if let [leader] = leaders.as_slice()
        && complete
        && waiting + 1 == members().count()
    {
        let leader = Some((*leader).clone());
        return Course { phase: Phase::Upgrade, leader, since: Some(now), ..last };
    }
    if complete && waiting == members().count() {
        // The primary went down by itself, as with its node: nobody serves, and none is known to have all data. Patroni finds
        // out with the old server; then it begins again.
        return Course { phase: Phase::Prepare, leader: None, since: None, failed: None, ..last };
    }
    if last.since.is_some_and(|since| now.duration_since(since) > STOP_LIMIT) {
        let cause = format!("replicas did not stop within {} s", STOP_LIMIT.as_secs());
        return back(last, key, cause);
    }
    last
}

/// The data is being upgraded. Over once the member runs as the new server; put back when the work says that it failed.
fn upgrade(seen: &Observed, last: Course, key: impl Fn(&Course) -> String) -> Course {
    let Some(leader) = last.leader.clone() else { return last };
    let serves = seen.members.get(&leader).is_some_and(|member| {
        member.state == "running"
            && member.server_version.map(|number| Version::from_number(number).major) == Some(last.to.major)
    });
    if serves && seen.primary() == Some(leader.as_str()) {
        return Course { phase: Phase::Rejoin, ..last };
    }
    let mark = last.mark();
    let work = seen.pods.get(&leader).filter(|pod| pod.upgrade.as_ref() == Some(&mark)).map(|pod| &pod.init);
    match work.and_then(|init| Some((init.ended.as_ref()?, init.restarts))) {
        Some(((code, cause), restarts)) if *code == PUT_BACK || (*code != 0 && restarts >= TRIES) => {
            let cause = format!("on {leader}: {}", cause.trim());
            back(last, key, cause)
        }
        _ => last,
    }
}

fn back(last: Course, key: impl Fn(&Course) -> String, cause: String) -> Course {
    let failed = Some(Failure { key: key(&last), cause });
    Course { phase: Phase::Prepare, leader: None, since: None, failed, ..last }
}

/// True once every member runs the new server and follows, and what follows an upgrade was done.
fn rejoined(seen: &Observed, group: &GroupTarget, last: &Course, key: &str, now: Timestamp) -> bool {
    let report = seen.database.as_ref().and_then(|database| database.upgrade.finish.as_ref());
    matches!(Report::stand(report, key, now), Stand::Done(_))
        && (0..group.instances).map(|ordinal| group.name.pod(ordinal)).all(|name| {
            let ready = seen.pods.get(&name).is_some_and(|pod| pod.ready && !pod.deleting);
            let new = |member: &MemberSeen| {
                member.server_version.map(|number| Version::from_number(number).major) == Some(last.to.major)
                    && (seen.primary() == Some(name.as_str())
                        || member.replication.as_deref() == Some("streaming"))
            };
            ready && seen.members.get(&name).is_some_and(new)
        })
}
