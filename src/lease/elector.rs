//! Runs the election against the API server.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{
    Claim, LeaseError, Step, Terms, View, step,
    step::{acquired, holder, released, renewed},
};

/// An identity that no process had before: `host` says where it runs, the random part makes a restart somebody new.
pub fn identity(host: &str) -> String {
    format!("{host}_{:08x}", rand::random::<u32>())
}

/// A candidate for one lease.
#[derive(Debug)]
pub struct Elector {
    api: Api<Lease>,
    name: String,
    me: String,
    terms: Terms,
    claim: watch::Sender<Option<Instant>>,
}

/// What the candidate remembers between turns.
#[derive(Debug, Default)]
struct Memory {
    lease: Option<Lease>,
    /// The last record seen and when it was first seen, kept when the object is deleted.
    record: Option<(LeaseSpec, Instant)>,
    renewed_at: Option<Instant>,
    /// `lease` is known to be the newest, so a leader renews without reading first.
    fresh: bool,
}

impl Memory {
    fn saw(&mut self, lease: Option<Lease>, now: Instant) {
        if let Some(spec) = lease.as_ref().map(|l| l.spec.clone().unwrap_or_default())
            && self.record.as_ref().is_none_or(|(known, _)| *known != spec)
        {
            self.record = Some((spec, now));
        }
        self.lease = lease;
        self.fresh = true;
    }
}

/// Why one API call did not do what it should.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("another one was faster")]
    Conflict,
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("{0}; grant get, create and update on leases.coordination.k8s.io in the operator's namespace")]
    Forbidden(Box<kube::Error>),
    #[error("{0}")]
    Api(Box<kube::Error>),
}

impl Elector {
    /// A candidate `me` (see [`identity`]) for the lease `name` in the namespace of `api`, and the claim to hand to all who
    /// write.
    pub fn new(api: Api<Lease>, name: &str, me: &str, terms: Terms) -> (Self, Claim) {
        let (claim, until) = watch::channel(None);
        (Self { api, name: name.to_owned(), me: me.to_owned(), terms, claim }, Claim { until })
    }

    /// Contends, then leads, until `stop` is ready; then releases the lease, so that the next one starts at once. Let `stop` be
    /// ready only after everybody who writes has finished.
    ///
    /// # Errors
    /// [`LeaseError::Lost`] when this process led and may not any more: end the process.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), LeaseError> {
        tokio::pin!(stop);
        let mut memory = Memory::default();
        loop {
            let pause = self.turn(&mut memory).await?;
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.claim.send_replace(None);
        self.release(memory).await;
        Ok(())
    }

    /// Like [`Elector::run`], but contends only once `ready` says so: who leads with half of what there is takes the other half
    /// for missing, and makes it anew. When it says `false`, or at `stop`, this candidate never contends.
    ///
    /// # Errors
    /// As those of [`Elector::run`].
    pub async fn run_when(
        self,
        ready: impl Future<Output = bool>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), LeaseError> {
        tokio::pin!(stop);
        let ready = tokio::select! {
            ready = ready => ready,
            () = &mut stop => false,
        };
        if ready { self.run(stop).await } else { Ok(()) }
    }

    /// One look and at most one write; returns how long to pause.
    async fn turn(&self, memory: &mut Memory) -> Result<Duration, LeaseError> {
        if !memory.fresh {
            match self.read().await {
                Ok(lease) => memory.saw(lease, Instant::now()),
                Err(cause) => {
                    warn!(lease = self.name, "failed to read the lease: {cause}");
                    if memory.renewed_at.is_none() {
                        return Ok(self.terms.retry);
                    }
                }
            }
        }
        let sent = Instant::now();
        let view = View {
            lease: memory.lease.as_ref(),
            me: &self.me,
            now: sent,
            changed_at: memory.record.as_ref().map(|(_, at)| *at),
            renewed_at: memory.renewed_at,
            terms: self.terms,
        };
        // The wall clock is written for people to read; no decision uses it.
        let wall = Timestamp::now();
        let wanted = match (step(&view), &memory.lease) {
            (Step::Wait(pause), _) => {
                memory.fresh = false;
                return Ok(pause);
            }
            (Step::Lost(loss), _) => {
                self.claim.send_replace(None);
                return Err(LeaseError::Lost { name: self.name.clone(), loss });
            }
            (Step::Renew, Some(lease)) => renewed(lease, wall),
            (_, found) => acquired(found.as_ref(), &self.name, &self.me, self.terms, wall),
        };
        match self.write(&wanted).await {
            Ok(lease) => {
                if memory.renewed_at.is_none() {
                    info!(lease = self.name, identity = self.me, "leading from now on");
                }
                memory.saw(Some(lease), Instant::now());
                memory.renewed_at = Some(sent);
                self.claim.send_replace(Some(sent + self.terms.renew_deadline));
            }
            Err(cause) => {
                // After a timeout the write may have landed, so the version is unknown either way.
                memory.fresh = false;
                warn!(lease = self.name, "failed to write the lease: {cause}");
            }
        }
        Ok(self.pause(memory.renewed_at))
    }

    /// The retry period, cut short so that a leader notices its deadline in time.
    fn pause(&self, renewed_at: Option<Instant>) -> Duration {
        let left = renewed_at.map(|at| self.terms.renew_deadline.saturating_sub(at.elapsed()));
        self.terms.retry.min(left.unwrap_or(Duration::MAX))
    }

    /// Gives the lease back, if it is held. A failure costs the next one only the wait, so it is not an error.
    async fn release(&self, memory: Memory) {
        if memory.renewed_at.is_none() {
            return;
        }
        let mut known = memory.lease.filter(|_| memory.fresh);
        // Twice: a renewal whose answer was lost makes the known version stale.
        for _ in 0..2 {
            let found = match known.take() {
                Some(lease) => Some(lease),
                None => self.read().await.ok().flatten(),
            };
            let Some(found) = found.filter(|lease| holder(lease) == Some(&self.me)) else { return };
            match self.write(&released(&found, Timestamp::now())).await {
                Ok(_) => return info!(lease = self.name, "released the lease"),
                Err(cause) => warn!(lease = self.name, "failed to release the lease: {cause}"),
            }
        }
    }

    async fn read(&self) -> Result<Option<Lease>, CallError> {
        self.limited(self.api.get_opt(&self.name)).await
    }

    /// Creates or replaces, both compare-and-swap: a record with a version is refused if that is not the newest, one without if
    /// the object exists.
    async fn write(&self, lease: &Lease) -> Result<Lease, CallError> {
        let params = PostParams::default();
        if lease.metadata.resource_version.is_some() {
            self.limited(self.api.replace(&self.name, &params, lease)).await
        } else {
            self.limited(self.api.create(&params, lease)).await
        }
    }

    async fn limited<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
        let limit = self.terms.request_timeout;
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(found)) => Ok(found),
            // 409 is both: a replaced version that is not the newest, and an object that exists already.
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(CallError::Conflict),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                Err(CallError::Forbidden(Box::new(kube::Error::Api(status))))
            }
            Ok(Err(cause)) => Err(CallError::Api(Box::new(cause))),
            Err(_) => Err(CallError::Timeout(limit)),
        }
    }
}

#[cfg(test)]
#[path = "elector_tests.rs"]
mod tests;
