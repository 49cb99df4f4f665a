//! The election's decisions, pure: what to do with what was seen, and which record to write.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};

use super::Terms;

/// What a candidate knows when it decides. All instants are of its own monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The lease as last read or written; `None` when there is no such object.
    pub lease: Option<&'a Lease>,
    /// Identity of this process, never used before.
    pub me: &'a str,
    /// Now.
    pub now: Instant,
    /// When the record was last seen to differ from before (for an object that is gone: before it went).
    pub changed_at: Option<Instant>,
    /// When the last renewal that succeeded was *sent*; `None` when this process does not lead.
    pub renewed_at: Option<Instant>,
    /// The times to go by.
    pub terms: Terms,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write the record with this process as a new holder.
    Acquire,
    /// Write a new renew time.
    Renew,
    /// Somebody else holds it; look again after this long.
    Wait(Duration),
    /// This process led and must stop.
    Lost(Loss),
}

/// Why leadership ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// No renewal succeeded in time.
    #[error(
        "no renewal succeeded for {0:?}, so another may hold it soon; check the connection to the API server"
    )]
    Deadline(Duration),
    /// Another process holds it.
    #[error("'{0}' holds it now")]
    Taken(String),
    /// The object is gone.
    #[error("the object was deleted; leave it alone, it is made anew")]
    Deleted,
}

/// Decides the next step.
pub fn step(view: &View<'_>) -> Step {
    let holder = view.lease.and_then(holder);
    if let Some(renewed_at) = view.renewed_at {
        let idle = view.now.saturating_duration_since(renewed_at);
        return match holder {
            _ if idle >= view.terms.renew_deadline => Step::Lost(Loss::Deadline(idle)),
            _ if view.lease.is_none() => Step::Lost(Loss::Deleted),
            Some(holder) if holder == view.me => Step::Renew,
            other => Step::Lost(Loss::Taken(other.unwrap_or("nobody").to_owned())),
        };
    }
    match (view.lease, holder) {
        // An identity is never reused: the record is ours from a write whose answer was lost.
        (Some(_), Some(holder)) if holder == view.me => Step::Acquire,
        (Some(_), None) => Step::Acquire,
        // A record that somebody deleted may have a holder who has not noticed yet: wait as if it were still there.
        (lease, _) => match view.changed_at.map(|at| at + held_for(lease, view.terms)) {
            Some(free_at) if view.now < free_at => {
                Step::Wait(view.terms.retry.min(free_at.duration_since(view.now)))
            }
            _ => Step::Acquire,
        },
    }
}

/// Who holds the lease; a released one has an empty holder.
pub(super) fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// How long an unchanged record keeps others away: what the holder wrote, but never less than our own terms.
fn held_for(lease: Option<&Lease>, terms: Terms) -> Duration {
    let written =
        lease.and_then(|l| l.spec.as_ref()?.lease_duration_seconds).and_then(|s| u64::try_from(s).ok());
    terms.duration.max(Duration::from_secs(written.unwrap_or(0)))
}

/// The record to write for [`Step::Acquire`]: based on `found`, so that it carries the resourceVersion that was read.
pub(super) fn acquired(found: Option<&Lease>, name: &str, me: &str, terms: Terms, wall: Timestamp) -> Lease {
    let mut lease = found.cloned().unwrap_or_default();
    lease.metadata.name = Some(name.to_owned());
    let before = lease.spec.take().unwrap_or_default();
    // Counts changes of holder, as client-go does: 0 for the first.
    let transitions = found.map(|_| before.lease_transitions.unwrap_or(0).saturating_add(1));
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(me.to_owned()),
        acquire_time: Some(MicroTime(wall)),
        renew_time: Some(MicroTime(wall)),
        lease_duration_seconds: i32::try_from(terms.duration.as_secs()).ok(),
        lease_transitions: Some(transitions.unwrap_or(0)),
        ..before
    });
    lease
}

/// The record to write for [`Step::Renew`].
pub(super) fn renewed(found: &Lease, wall: Timestamp) -> Lease {
    let mut lease = found.clone();
    lease.spec.get_or_insert_default().renew_time = Some(MicroTime(wall));
    lease
}

/// The record that lets the next candidate start at once.
pub(super) fn released(found: &Lease, wall: Timestamp) -> Lease {
    let mut lease = renewed(found, wall);
    lease.spec.get_or_insert_default().holder_identity = Some(String::new());
    lease
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms::DEFAULT;

    fn held_by(holder: &str) -> Lease {
        acquired(None, "stylobate", holder, TERMS, Timestamp::UNIX_EPOCH)
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn view<'a>(lease: Option<&'a Lease>, now: Instant, start: Instant) -> View<'a> {
        View { lease, me: "a", now, changed_at: Some(start), renewed_at: None, terms: TERMS }
    }

    #[test]
    fn a_free_or_absent_lease_is_acquired() {
        let now = Instant::now();
        let free = released(&held_by("b"), Timestamp::UNIX_EPOCH);
        assert_eq!(step(&view(Some(&free), now, now)), Step::Acquire);
        assert_eq!(step(&View { changed_at: None, ..view(None, now, now) }), Step::Acquire);
    }

    #[test]
    fn another_holder_is_waited_out_on_the_own_clock_whatever_times_the_record_says() {
        let start = Instant::now();
        let held = held_by("b");
        assert_eq!(step(&view(Some(&held), start, start)), Step::Wait(secs(2)));
        assert_eq!(step(&view(Some(&held), start + secs(14), start)), Step::Wait(secs(1)));
        assert_eq!(step(&view(Some(&held), start + secs(15), start)), Step::Acquire);
    }

    #[test]
    fn a_holder_with_longer_terms_is_respected() {
        let start = Instant::now();
        let mut held = held_by("b");
        held.spec.as_mut().unwrap().lease_duration_seconds = Some(60);
        assert_eq!(step(&view(Some(&held), start + secs(59), start)), Step::Wait(secs(1)));
        held.spec.as_mut().unwrap().lease_duration_seconds = Some(-1);
        assert_eq!(step(&view(Some(&held), start + secs(14), start)), Step::Wait(secs(1)));
    }

    #[test]
    fn a_deleted_record_is_waited_out_by_those_who_saw_it() {
        let start = Instant::now();
        assert_eq!(step(&view(None, start + secs(14), start)), Step::Wait(secs(1)));
        assert_eq!(step(&view(None, start + secs(15), start)), Step::Acquire);
    }

    #[test]
    fn a_leader_renews_until_its_deadline_and_is_lost_before_a_second_may_acquire() {
        let start = Instant::now();
        let held = held_by("a");
        let leader = |now| step(&View { renewed_at: Some(start), ..view(Some(&held), now, start) });
        // The other one saw the record change at the earliest when it was written.
        let other = |now| step(&View { me: "b", ..view(Some(&held), now, start) });
        let mut lost_at = None;
        for tick in 0..=20 {
            let now = start + secs(tick);
            if matches!(leader(now), Step::Lost(Loss::Deadline(_))) {
                lost_at.get_or_insert(tick);
            }
            if other(now) == Step::Acquire {
                assert_eq!((lost_at, tick), (Some(10), 15));
                return;
            }
        }
        panic!("the second never acquired");
    }

    #[test]
    fn a_leader_stops_at_once_when_another_holds_it_or_it_is_gone() {
        let now = Instant::now();
        let leader = |lease| step(&View { renewed_at: Some(now), ..view(lease, now, now) });
        let taken = held_by("b");
        assert_eq!(leader(Some(&taken)), Step::Lost(Loss::Taken("b".into())));
        assert_eq!(leader(None), Step::Lost(Loss::Deleted));
    }

    #[test]
    fn an_own_write_whose_answer_was_lost_is_taken_up() {
        let now = Instant::now();
        assert_eq!(step(&view(Some(&held_by("a")), now, now)), Step::Acquire);
    }

    #[test]
    fn records_count_holders_and_keep_the_version_read() {
        let mut first = held_by("a");
        first.metadata.resource_version = Some("7".into());
        let second = acquired(Some(&first), "stylobate", "b", TERMS, Timestamp::UNIX_EPOCH);
        assert_eq!(second.metadata.resource_version.as_deref(), Some("7"));
        assert_eq!(first.spec.unwrap().lease_transitions, Some(0));
        let spec = second.spec.as_ref().unwrap();
        assert_eq!((spec.lease_transitions, spec.lease_duration_seconds), (Some(1), Some(15)));
        assert_eq!(holder(&released(&second, Timestamp::UNIX_EPOCH)), None);
    }
}
