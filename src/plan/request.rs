//! A person's request for a switchover: the annotation `stylobate.dev/switchover: <member or any>@<unique id>`.
//!
//! It needs no password and no way to the members, only the right to patch the object. The answer stands in
//! `status.switchover`. A request is served at most once, also when the operator crashes: it is answered with `InProgress`
//! before anything is done, and from then on judged by which member is primary.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::api::{SwitchoverOutcome as Outcome, SwitchoverStatus, Synchronous};
use crate::name::{ANNOTATION_SWITCHOVER, GroupName};
use crate::observe::{Leadership, Observed};

use super::handover::{successor, switchover};
use super::step::{Cause, Step};

/// The word for "whichever is best fit" in place of a member.
pub const ANY: &str = "any";

/// A request that is older, by the time in its id, is refused: nobody waits for it any more, and an operator that comes back
/// after an hour must not stop writes by surprise.
pub const REQUEST_VALID: SignedDuration = SignedDuration::from_mins(5);

/// A handover that has not shown by then has failed. Longer than Patroni tries (about 60 s) and the checkpoint before it.
const HANDOVER_LIMIT: SignedDuration = SignedDuration::from_secs(120);

/// What a request asks of this round.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// There is no request, or it is answered.
    Nothing,
    /// The answer is known, there is nothing to do.
    Answer(SwitchoverStatus),
    /// To be marked as in progress and then done.
    Start {
        /// The mark.
        answer: SwitchoverStatus,
        /// What to do.
        steps: Vec<Step>,
    },
}

/// Looks at the request, if any.
pub fn asked(seen: &Observed, now: Timestamp) -> Asked {
    let answer = seen.cluster.status.as_ref().and_then(|status| status.switchover.as_ref());
    // What was begun is judged first, also when its annotation is gone or another request waits.
    if let Some(answer) = answer
        && answer.outcome == Outcome::InProgress
    {
        return judge(answer, seen, now).map_or(Asked::Nothing, Asked::Answer);
    }
    let Some(request) = seen.cluster.annotations().get(ANNOTATION_SWITCHOVER) else { return Asked::Nothing };
    if answer.is_some_and(|answer| answer.request == *request) {
        return Asked::Nothing;
    }
    let group = seen.name().group(0);
    match members(request, &group, seen, now) {
        Err(why) => Asked::Answer(SwitchoverStatus {
            request: request.clone(),
            outcome: Outcome::Refused,
            from: seen.primary_of(&group).map(str::to_owned),
            message: why,
            at: Some(Time(now)),
            ..SwitchoverStatus::default()
        }),
        Ok((from, to)) => Asked::Start {
            answer: SwitchoverStatus {
                request: request.clone(),
                outcome: Outcome::InProgress,
                from: Some(from.clone()),
                to: Some(to.clone()),
                message: format!("{from} hands the primary's role to {to}"),
                at: Some(Time(now)),
            },
            steps: vec![switchover(&group, from, to, "a person asked for it".into(), Cause::Asked)],
        },
    }
}

/// The same request with another outcome.
pub fn answered(
    answer: &SwitchoverStatus,
    outcome: Outcome,
    message: String,
    now: Timestamp,
) -> SwitchoverStatus {
    SwitchoverStatus { outcome, message, at: Some(Time(now)), ..answer.clone() }
}

/// From whom to whom, or why not and what to do.
fn members(
    request: &str,
    group: &GroupName,
    seen: &Observed,
    now: Timestamp,
) -> Result<(String, String), String> {
    let Some((wanted, id)) = request.split_once('@').filter(|(to, id)| !to.is_empty() && !id.is_empty())
    else {
        return Err(format!(
            "annotation {ANNOTATION_SWITCHOVER} is '{request}': write it as <member or {ANY}>@<unique id>"
        ));
    };
    if let Some(age) = age(id, now).filter(|age| *age > REQUEST_VALID) {
        return Err(format!(
            "the request is {} s old, more than {} s: ask again (if you just did, compare the clocks)",
            age.as_secs(),
            REQUEST_VALID.as_secs()
        ));
    }
    if seen.cluster.metadata.deletion_timestamp.is_some() {
        return Err("the cluster is being deleted".into());
    }
    let from = leader(group, seen)?;
    if wanted == ANY {
        return match successor(group, seen, |_| true) {
            Some(to) => fit(&to, &from, seen).map(|()| (from, to)),
            None => Err(format!("no other member streams from {from}: wait until one does")),
        };
    }
    if wanted == from {
        return Err(format!("{from} is the primary already"));
    }
    let known = seen.pods.keys().filter(|name| group.ordinal(name).is_some());
    let known: Vec<&str> = known.map(String::as_str).collect();
    if !known.contains(&wanted) {
        return Err(format!("there is no member {wanted}; members are {}", known.join(", ")));
    }
    fit(wanted, &from, seen).map(|()| (from, wanted.to_owned()))
}

/// Who hands over, or why nobody can.
fn leader(group: &GroupName, seen: &Observed) -> Result<String, String> {
    let silent = |pod: &str| {
        format!(
            "{pod} holds the primary's role but does not answer, so it can't hand over; Patroni fails over by itself when it \
             is gone"
        )
    };
    match seen.leadership(group) {
        Leadership::Confirmed { pod } if seen.members.contains_key(pod) => Ok(pod.to_owned()),
        Leadership::Confirmed { pod } => Err(silent(pod)),
        Leadership::Unknown { claimants } => Err(match claimants.as_slice() {
            [one] => silent(one),
            more => format!(
                "it is not known who takes writes, {} may: ask again once one does (stylobate status {})",
                more.join(" or "),
                seen.cluster_name()
            ),
        }),
        Leadership::None => Err(match seen.claimants(group).as_slice() {
            [] => "no member takes writes now; Patroni elects one by itself as soon as it can".into(),
            [pod, ..] => format!(
                "{pod} holds the primary's role but does not serve, so it can't hand over; Patroni elects another member by \
                 itself when it is gone"
            ),
        }),
    }
}

/// Whether a member can take over without losing a commit.
fn fit(to: &str, from: &str, seen: &Observed) -> Result<(), String> {
    let Some(member) = seen.members.get(to) else {
        return Err(format!("{to} does not answer: kubectl logs {to} -c postgres tells why"));
    };
    if member.replication.as_deref() != Some("streaming") {
        let state = member.replication.as_ref().unwrap_or(&member.state);
        return Err(format!("{to} does not stream from {from}, it is {state}: wait until it streams"));
    }
    if seen.cluster.spec.high_availability.synchronous != Synchronous::Off && !member.synchronous {
        return Err(format!(
            "{to} is not in the synchronous quorum yet, so it may lack commits: wait until it is, or name another member"
        ));
    }
    Ok(())
}

/// The outcome of a handover that was begun; none while it can still succeed.
fn judge(answer: &SwitchoverStatus, seen: &Observed, now: Timestamp) -> Option<SwitchoverStatus> {
    let (from, to) = (answer.from.as_deref().unwrap_or_default(), answer.to.as_deref().unwrap_or_default());
    let leads = seen.primary_of(&seen.name().group(0));
    let late = answer.at.as_ref().is_none_or(|at| now.duration_since(at.0) > HANDOVER_LIMIT);
    let (outcome, message) = match leads {
        Some(leads) if leads == to => (Outcome::Done, format!("{to} took over from {from}")),
        Some(leads) if leads != from => (Outcome::Failed, format!("{leads} took over instead of {to}")),
        _ if !late => return None,
        Some(_) => (
            Outcome::Failed,
            format!("{from} is still the primary: kubectl logs {from} -c postgres tells why; then ask again"),
        ),
        None => (
            Outcome::Failed,
            format!("no member takes writes: kubectl logs {to} -c postgres tells what Patroni waits for"),
        ),
    };
    Some(answered(answer, outcome, message, now))
}

/// Age by the time that an id of the command line begins with, as `2026-11-21T15:22:00Z-1f2e3d4c`; none for other ids.
fn age(id: &str, now: Timestamp) -> Option<SignedDuration> {
    let (at, _) = id.rsplit_once('-')?;
    Some(now.duration_since(at.parse::<Timestamp>().ok()?))
}
