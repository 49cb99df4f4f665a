//! One worker: connect, make transfers one after the other, connect again when that breaks, until told to stop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep;

use super::args::Protocol;
use super::backoff::Backoff;
use super::journal::{Fate, Fates};
use super::meter::Meter;
use super::outcome::{CONNECTION_LOST, Cause, Outcome};
use super::session::Session;
use super::target::Target;
use super::transfer::{Prepared, Transfer};

/// What all workers of a run share.
pub(super) struct Shared {
    pub target: Target,
    pub run: i64,
    pub accounts: i32,
    pub protocol: Protocol,
    pub deadline: Duration,
    pub connect_timeout: Duration,
    /// When the run began: the zero of every time given to the meter.
    pub began: Instant,
    pub meter: Mutex<Meter>,
}

impl Shared {
    /// Runs `note` on the meter with the present time, taken under the lock: so times never go backwards.
    pub fn note<T>(&self, note: impl FnOnce(&mut Meter, Duration) -> T) -> T {
        // The meter holds plain counts: whoever panicked with the lock left nothing half done that matters.
        let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.began.elapsed();
        note(&mut meter, now)
    }
}

/// Works until `stop` turns true; a transfer under way is brought to its end first. Returns what became of each
/// transfer.
pub(super) async fn work(shared: Arc<Shared>, worker: u16, mut stop: watch::Receiver<bool>) -> Fates {
    let mut fates = Fates::new();
    let mut backoff = Backoff::new();
    while !*stop.borrow() {
        let opened = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            opened = open(&shared) => opened,
        };
        let broke = match opened {
            Ok((session, prepared)) => {
                keep_moving(&shared, worker, session, prepared.as_ref(), &stop, &mut fates, &mut backoff)
                    .await
            }
            Err(cause) => {
                shared.note(|meter, _| meter.error(&cause));
                true
            }
        };
        if broke {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = sleep(backoff.step()) => {}
            }
        }
    }
    fates
}

async fn open(shared: &Shared) -> Result<(Session, Option<Prepared>), Cause> {
    let session = Session::open(&shared.target, shared.connect_timeout).await?;
    let prepared = match shared.protocol {
        Protocol::Simple => None,
        Protocol::Extended => {
            let preparing = tokio::time::timeout(shared.connect_timeout, Prepared::on(&session));
            match preparing.await {
                Ok(Ok(prepared)) => Some(prepared),
                Ok(Err(error)) => return Err(Cause::of(&error, CONNECTION_LOST)),
                Err(_) => return Err(Cause::new(CONNECTION_LOST, "no answer to PREPARE")),
            }
        }
    };
    Ok((session, prepared))
}

/// Makes transfers on one session; true if it broke, false if it was time to stop.
async fn keep_moving(
    shared: &Shared,
    worker: u16,
    mut session: Session,
    prepared: Option<&Prepared>,
    stop: &watch::Receiver<bool>,
    fates: &mut Fates,
    backoff: &mut Backoff,
) -> bool {
    while !*stop.borrow() {
        let transfer = Transfer::pick(shared.run, worker, fates.len(), shared.accounts);
        let began = Instant::now();
        let (fate, cause) = match transfer.make(&mut session, prepared, shared.deadline).await {
            Outcome::Acknowledged => {
                shared.note(|meter, now| meter.acknowledged(now, began.elapsed()));
                backoff.reset();
                fates.push(Fate::Acknowledged);
                continue;
            }
            Outcome::Failed(cause) => (Fate::Failed, cause),
            Outcome::Unknown(cause) => (Fate::Unknown, cause),
        };
        fates.push(fate);
        shared.note(|meter, _| meter.error(&cause));
        // Only a deadlock or a serialization failure is worth keeping the session for. After anything else a
        // new connection may lead to the new primary, where this one would stay with the old.
        let mends = cause.only_the_transaction() && rolled_back(&session, shared.deadline).await;
        if !mends {
            return true;
        }
    }
    session.close().await;
    false
}

async fn rolled_back(session: &Session, within: Duration) -> bool {
    matches!(tokio::time::timeout(within, session.execute("ROLLBACK")).await, Ok(Ok(_)))
}
