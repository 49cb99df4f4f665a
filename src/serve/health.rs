//! Whether the process is alive and ready, as the parts of it report.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How often the reconcile loop should beat, whether there is work or not.
pub const BEAT_EVERY: Duration = Duration::from_secs(5);

/// A loop that has not beaten for this long is stuck: twelve beats, more than any pause that a busy node explains.
pub const STUCK_AFTER: Duration = Duration::from_secs(60);

/// The health of this process; cheap to clone, all clones share the same state.
#[derive(Debug, Clone)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    parts: BTreeMap<String, bool>,
    last_beat: Option<Instant>,
}

impl Health {
    /// Nothing is ready yet. `required` names what must be before the process is: a part that never reports keeps it unready,
    /// where a part that is merely unknown would not.
    pub fn new<S: Into<String>>(required: impl IntoIterator<Item = S>) -> Self {
        let parts = required.into_iter().map(|part| (part.into(), false)).collect();
        Self { state: Arc::new(Mutex::new(State { parts, last_beat: None })) }
    }

    /// Reports on one part, as in `set_ready("crd postgresclusters", true)`. It adds the part if it is new.
    pub fn set_ready(&self, what: &str, ready: bool) {
        self.lock().parts.insert(what.to_owned(), ready);
    }

    /// The reconcile loop is alive. Call it from the loop's own task every [`BEAT_EVERY`].
    pub fn beat(&self) {
        self.lock().last_beat = Some(Instant::now());
    }

    /// What is not ready, in order; empty when all is.
    pub fn missing(&self) -> Vec<String> {
        self.lock().parts.iter().filter(|(_, ready)| !**ready).map(|(part, _)| part.clone()).collect()
    }

    /// For how long the reconcile loop has been stuck at `now`; `None` while it beats. A loop that has not begun is not stuck: a
    /// replica that waits for the lease has none.
    pub fn stuck(&self, now: Instant) -> Option<Duration> {
        let silence = now.saturating_duration_since(self.lock().last_beat?);
        (silence > STUCK_AFTER).then_some(silence)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is valid after every statement, so a panic elsewhere must not take health reports down.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_what_is_missing() {
        let health = Health::new(["stores", "crd"]);
        assert_eq!(health.missing(), ["crd", "stores"]);
        health.set_ready("crd", true);
        assert_eq!(health.missing(), ["stores"]);
        health.set_ready("stores", true);
        assert!(health.missing().is_empty());
        health.set_ready("snapshots", false);
        assert_eq!(health.clone().missing(), ["snapshots"]);
    }

    #[test]
    fn only_a_loop_that_ran_can_be_stuck() {
        let health = Health::new(["crd"]);
        let later = Instant::now() + STUCK_AFTER * 2;
        assert_eq!(health.stuck(later), None);
        health.beat();
        assert_eq!(health.stuck(Instant::now()), None);
        assert!(health.stuck(later).is_some());
    }
}
