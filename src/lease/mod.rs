//! One leader among the operator's replicas, by a `Lease` object.
//!
//! Three rules make it safe, and no rule compares the clocks of two machines:
//! 1. Every write is a compare-and-swap: `replace` carries the `resourceVersion` that was read, so of two candidates one wins.
//! 2. A candidate counts the lease as abandoned only when the record has not changed for its whole duration on the candidate's
//!    own monotonic clock.
//! 3. A leader counts itself as leader only until the *send time* of its last good renewal plus the renew deadline, which is
//!    shorter than the duration. So it stops before any other may start, also when it is cut off and hears nothing.
//!
//! Whoever writes asks [`Claim::is_current`] first. A loss ends the process: nothing half-done can go on in the background.
//!
//! What this cannot see: a process or machine that is paused between the question and the write, or suspended (Linux stops the
//! monotonic clock then). What must never happen twice is therefore fenced again by its own compare-and-swap.

mod elector;
mod step;

#[cfg(test)]
mod fake;

use std::time::{Duration, Instant};

use tokio::sync::watch;

pub use self::{
    elector::{Elector, identity},
    step::{Loss, Step, View, step},
};

/// The times that leader election runs by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long an unchanged record keeps others away. Whole seconds: it stands in the object.
    pub(crate) duration: Duration,
    /// How long a leader goes on without a good renewal; shorter than `duration` by the margin for clocks that run unevenly.
    pub(crate) renew_deadline: Duration,
    /// Pause between attempts.
    pub(crate) retry: Duration,
    /// Limit of one API call. Short, because kube's client itself retries for many minutes; three fit into the deadline.
    pub(crate) request_timeout: Duration,
}

impl Terms {
    /// 15 s, 10 s, 2 s: the defaults of Kubernetes' own components (`LeaderElectionConfiguration` in k8s.io/component-base, run
    /// by client-go's `leaderelection`), so that the API server sees the load and an administrator the timing they know.
    pub const DEFAULT: Self = Self {
        duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry: Duration::from_secs(2),
        request_timeout: Duration::from_secs(3),
    };
}

/// Leadership as the rest of the program sees it: cheap to clone, safe to ask at any time.
#[derive(Debug, Clone)]
pub struct Claim {
    until: watch::Receiver<Option<Instant>>,
}

impl Claim {
    /// Whether this process leads now, by its own monotonic clock. Ask before every write.
    pub fn is_current(&self) -> bool {
        self.until.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until this process leads; `false` when the election has ended without that.
    pub async fn acquired(&mut self) -> bool {
        self.until.wait_for(|until| until.is_some_and(|until| Instant::now() < until)).await.is_ok()
    }

    /// A claim that is over.
    #[cfg(test)]
    pub(crate) fn lost() -> Self {
        Self { until: watch::channel(None).1 }
    }

    /// A claim that never ends, for a tool that a person runs once, where there is no election.
    pub fn unchallenged() -> Self {
        // A hundred years: longer than any process, and no overflow of the clock.
        let until = Instant::now() + Duration::from_secs(100 * 365 * 24 * 60 * 60);
        Self { until: watch::channel(Some(until)).1 }
    }
}

/// Why the election ended.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// This process led and may not any more; it must end.
    #[error("failed to keep the lease '{name}': {loss}; this process ends so that another can lead safely")]
    Lost {
        /// Name of the Lease.
        name: String,
        /// The cause.
        loss: Loss,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_stops_before_another_may_start() {
        let terms = Terms::DEFAULT;
        assert!(terms.renew_deadline < terms.duration);
        assert!(terms.retry + terms.request_timeout < terms.renew_deadline);
        assert_eq!(terms.duration.subsec_nanos(), 0);
    }

    #[test]
    fn a_claim_ends_by_itself() {
        let (sender, until) = watch::channel(None);
        let claim = Claim { until };
        assert!(!claim.is_current());
        sender.send_replace(Some(Instant::now() + Duration::from_secs(60)));
        assert!(claim.is_current());
        sender.send_replace(Some(Instant::now()));
        assert!(!claim.is_current(), "nobody has to revoke it");
        assert!(Claim::unchallenged().is_current());
    }
}
