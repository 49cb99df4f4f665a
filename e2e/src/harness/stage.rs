//! What a suite is given: a namespace of its own, and the ways to promise, to wait for a fact and to ask the cluster.

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::FutureExt;

use crate::broken::{Broken, Kept};
use crate::ensure;
use crate::told::{self, Told};

use super::World;
use super::child::tail;
use super::room::Hold;

/// A promise that takes longer hangs: the longest wait in any of them is 500 s, and patience at most triples it.
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// How often a fact is asked for.
const AGAIN: Duration = Duration::from_millis(500);
/// A question that is not answered for so long beyond the patience is given up.
const ANSWER: Duration = Duration::from_secs(60);

/// One run of one suite.
pub struct Stage {
    /// The cluster, and what all suites share.
    pub world: Rc<World>,
    /// Name of the suite.
    pub suite: &'static str,
    /// The namespace of this run.
    pub namespace: String,
    /// Waits are so many times those of an idle machine.
    patience: u32,
    /// Names alone are wanted.
    listing: bool,
    /// The last promise to prove; the others behind it are skipped. All when none is given.
    last: Option<String>,
    over: Cell<bool>,
    storming: Cell<bool>,
    told: RefCell<Vec<Told>>,
}

impl Stage {
    /// A run that proves, up to this promise.
    pub fn proving(
        world: Rc<World>,
        suite: &'static str,
        namespace: String,
        patience: u32,
        last: Option<String>,
    ) -> Self {
        Self {
            world,
            suite,
            namespace,
            patience,
            listing: false,
            last,
            over: Cell::new(false),
            storming: Cell::new(false),
            told: RefCell::default(),
        }
    }

    /// A run that tells the names of promises and does nothing.
    pub fn listing(world: Rc<World>, suite: &'static str) -> Self {
        Self { listing: true, ..Self::proving(world, suite, String::new(), 1, None) }
    }

    /// What was told.
    pub fn told(self) -> Vec<Told> {
        self.told.into_inner()
    }

    /// A promise: one sentence, and what proves it. A broken one is shown with its circumstances, and the suite goes on.
    pub async fn promise(&self, what: impl Into<String>, prove: impl AsyncFnOnce() -> Kept) {
        let what = what.into();
        if self.over.get() {
            return;
        }
        let name = told::name(self.suite, &what);
        self.over.set(self.last.as_deref() == Some(name.as_str()));
        let began = Instant::now();
        let found = if self.listing { Ok(()) } else { prove_within_limit(prove).await };
        let why = found.as_ref().err().and_then(|why| why.to_string().lines().next().map(str::to_owned));
        let told =
            Told { suite: self.suite, what, kept: found.is_ok(), seconds: began.elapsed().as_secs(), why };
        if !self.listing {
            println!("{told}");
        }
        if let Err(why) = found {
            tail(&why.to_string(), 25).lines().for_each(|line| told::detail(self.suite, line));
            for line in super::postmortem::of(&self.world, &self.namespace).await {
                told::detail(self.suite, &line);
            }
        }
        self.told.borrow_mut().push(told);
    }

    /// As [`Self::promise`], with no storm of another suite meanwhile.
    pub async fn calmly(&self, what: impl Into<String>, prove: impl AsyncFnOnce() -> Kept) {
        let what = what.into();
        if self.listing || self.over.get() {
            return self.promise(what, prove).await;
        }
        match self.world.room.calm().await {
            Ok(_calm) => self.promise(what, prove).await,
            Err(error) => self.promise(what, async || Err(error.into())).await,
        }
    }

    /// Takes the fleet's disruption slot among suites, until the hold is dropped.
    pub async fn slot(&self) -> Option<Hold> {
        if self.listing || self.over.get() {
            return None;
        }
        // Without the lock a rollout may have to wait longer; what it promises stays the same.
        self.world.room.only("slot").await.ok()
    }

    /// For what disturbs all suites: it is done once nobody needs calm, and others' clocks stand still until operators lead again.
    ///
    /// # Errors
    /// What the disturbance found, or that no operator leads after it.
    pub async fn storm<T>(&self, disturb: impl AsyncFnOnce() -> Kept<T>) -> Kept<T> {
        let _storm = self.world.room.storm().await?;
        self.storming.set(true);
        let done = match disturb().await {
            Ok(done) => self.within(60, async || self.world.operator.leads().await).await.map(|()| done),
            broken => broken,
        };
        self.storming.set(false);
        done
    }

    /// Asks every half second until the fact holds. The seconds are those of an idle machine; one with other work gets more, and the
    /// clock stands still while another suite's storm goes on.
    ///
    /// # Errors
    /// What was found last.
    pub async fn within<T>(&self, seconds: u32, mut ask: impl AsyncFnMut() -> Kept<T>) -> Kept<T> {
        let limit = Duration::from_secs(u64::from(seconds * self.patience));
        let mut left = limit;
        loop {
            let asked = Instant::now();
            let found = match tokio::time::timeout(left + ANSWER, ask()).await {
                Ok(found) => found,
                Err(_) => Err(Broken::new("no answer came")),
            };
            let why = match found {
                Ok(fact) => return Ok(fact),
                Err(why) => why,
            };
            ensure!(!left.is_zero(), "not true within {} s: {why}", limit.as_secs());
            tokio::time::sleep(AGAIN).await;
            if self.storming.get() || !self.world.room.stormy() {
                left = left.saturating_sub(asked.elapsed());
            }
        }
    }
}

/// A panic in a proof is a broken promise, not the end of the ring.
async fn prove_within_limit(prove: impl AsyncFnOnce() -> Kept) -> Kept {
    match tokio::time::timeout(LIMIT, AssertUnwindSafe(prove()).catch_unwind()).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) => Err(Broken::new("the proof panicked; its message is above")),
        Err(_) => Err(Broken::new(format!("it took longer than {} s", LIMIT.as_secs()))),
    }
}
