//! What all controllers have in common: one round of one object at a time, with a time-out, only while this operator leads, counted,
//! and tried again later and later after errors. A controller says what a round is, and nothing of this.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use kube::runtime::Controller;
use kube::runtime::controller::{Action, Config};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tracing::Instrument;

use crate::lease::Claim;
use crate::metrics::Metrics;

/// Pauses after errors, the first and the longest: an API server that is away for a moment costs three seconds, one that refuses for
/// good is asked once a minute.
const PAUSES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(60)];
/// How soon to ask again whether this operator leads: what ends its claim ends the process too.
const NOT_LEADING: Duration = Duration::from_secs(2);

/// One kind of controller.
pub trait Rounds: Send + Sync + 'static {
    /// What it looks at.
    type Object: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static;
    /// Why a round ends early.
    type Error: std::error::Error + Send + 'static;
    /// Its name, in the log and in metrics.
    const NAME: &'static str;
    /// Longest time for a round. What takes longer goes on beside it (`crate::background`).
    const LIMIT: Duration;
    /// Objects that are looked at side by side.
    const SIDE_BY_SIDE: u16;

    /// Looks at one object, and does what there is to do.
    fn round(&self, object: Arc<Self::Object>) -> impl Future<Output = Result<Action, Self::Error>> + Send;

    /// The kind of an error in a word, for the metric.
    fn category(error: &Self::Error) -> &'static str;

    /// Whether somebody else wrote meanwhile, so that the object only has to be looked at anew.
    fn is_stale(_error: &Self::Error) -> bool {
        false
    }
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum Error<E: std::error::Error + 'static> {
    #[error(transparent)]
    Round(E),
    #[error("failed to finish a round within {limit:?}; it is tried again", limit = .0)]
    Late(Duration),
    #[error(
        "failed to finish a round: the operator has a fault ({cause}); this object stands, all others go on: please report it with these lines",
        cause = .0
    )]
    Panicked(String),
}

struct Driven<R> {
    rounds: Arc<R>,
    claim: Claim,
    metrics: Metrics,
    failures: Failures,
}

/// Runs until the controller ends.
pub async fn drive<R: Rounds>(
    controller: Controller<R::Object>,
    rounds: Arc<R>,
    claim: Claim,
    metrics: Metrics,
) {
    let driven = Arc::new(Driven { rounds, claim, metrics, failures: Failures::default() });
    controller
        .with_config(Config::default().concurrency(R::SIDE_BY_SIDE).debounce(Duration::from_millis(50)))
        .run(
            |object, driven: Arc<Driven<R>>| async move {
                Ok::<_, std::convert::Infallible>(once(object, &driven).await)
            },
            |_, never: &std::convert::Infallible, _| match *never {},
            driven,
        )
        .for_each(|_| futures::future::ready(()))
        .await;
}

/// Looks at all objects of a kind until `stop`.
pub async fn drive_all<R: Rounds>(
    client: Client,
    rounds: Arc<R>,
    claim: Claim,
    metrics: Metrics,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let all: Api<R::Object> = Api::all(client);
    let controller =
        Controller::new(all, watcher::Config::default().any_semantic()).graceful_shutdown_on(stop);
    drive(controller, rounds, claim, metrics).await;
}

async fn once<R: Rounds>(object: Arc<R::Object>, driven: &Driven<R>) -> Action {
    if !driven.claim.is_current() {
        return Action::requeue(NOT_LEADING);
    }
    let key = (object.namespace().unwrap_or_default(), object.name_any());
    let span = tracing::info_span!("round", of = R::NAME, namespace = key.0, name = key.1);
    let _busy = driven.metrics.reconciling();
    let round = timeout(R::LIMIT, driven.rounds.round(object).instrument(span.clone()));
    // A panic would end the process, and what one object brought about would end every operator that leads after it. What rounds share is
    // whole between two changes of it.
    let error = match AssertUnwindSafe(round).catch_unwind().await {
        Ok(Ok(Ok(action))) => {
            driven.failures.forget(&key);
            return action;
        }
        Ok(Ok(Err(error))) if R::is_stale(&error) => return Action::requeue(Duration::ZERO),
        Ok(Ok(Err(error))) => Error::Round(error),
        Ok(Err(_)) => Error::Late(R::LIMIT),
        Err(panic) => Error::Panicked(words(panic.as_ref())),
    };
    let category = match &error {
        Error::Round(error) => R::category(error),
        Error::Late(_) => "Late",
        Error::Panicked(_) => "Panicked",
    };
    driven.metrics.failed(category);
    let pause = driven.failures.pause(&key);
    span.in_scope(
        || tracing::warn!(%error, "a round ended early and is tried again in {:.0} s", pause.as_secs_f64()),
    );
    Action::requeue(pause)
}

/// What a panic says; where it came from is in the log, by the process's own hook.
fn words(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no words".to_owned())
}

/// How often each object failed in a row.
#[derive(Debug, Default)]
struct Failures(Mutex<HashMap<(String, String), u32>>);

impl Failures {
    fn forget(&self, key: &(String, String)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Counts a failure; tells how long to wait: twice as long each time, and up to a fifth more or less by object and count, so that those
    /// that failed together don't come back together.
    fn pause(&self, key: &(String, String)) -> Duration {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(key.clone()).or_default();
        let [first, longest] = PAUSES;
        let pause = first.saturating_mul(1 << (*count).min(16)).min(longest);
        *count += 1;
        let mut hasher = DefaultHasher::new();
        (key, *count).hash(&mut hasher);
        // 0.8 to 1.2 in steps of a thousandth.
        pause.mul_f64(0.8 + (hasher.finish() % 401) as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use k8s_openapi::api::core::v1::ConfigMap;

    struct Faulty;

    impl Rounds for Faulty {
        type Object = ConfigMap;
        type Error = std::fmt::Error;
        const NAME: &'static str = "test";
        const LIMIT: Duration = Duration::from_secs(1);
        const SIDE_BY_SIDE: u16 = 1;

        async fn round(&self, object: Arc<ConfigMap>) -> Result<Action, std::fmt::Error> {
            assert!(object.name_any() == "sound", "an object that nobody thought of");
            Ok(Action::await_change())
        }

        fn category(_: &std::fmt::Error) -> &'static str {
            "Test"
        }
    }

    #[tokio::test]
    async fn a_panic_of_one_object_is_an_error_of_its_round_and_ends_nothing_else() {
        let driven = Driven {
            rounds: Arc::new(Faulty),
            claim: Claim::unchallenged(),
            metrics: Metrics::new("test"),
            failures: Failures::default(),
        };
        let object = |name: &str| {
            let mut map = ConfigMap::default();
            map.metadata.name = Some(name.to_owned());
            Arc::new(map)
        };
        let odd = once(object("odd"), &driven).await;
        assert_ne!(odd, Action::await_change(), "it is tried again");
        assert_eq!(once(object("sound"), &driven).await, Action::await_change());
        assert_eq!(driven.failures.0.lock().unwrap().len(), 1);
    }

    fn key(name: &str) -> (String, String) {
        ("shop".into(), name.into())
    }

    #[test]
    fn who_fails_again_and_again_waits_longer_up_to_a_limit_and_begins_anew_after_a_good_round() {
        let failures = Failures::default();
        let pauses: Vec<f64> = (0..20).map(|_| failures.pause(&key("c")).as_secs_f64()).collect();
        assert!((2.4..=3.6).contains(&pauses[0]), "{pauses:?}");
        assert!((19.2..=28.8).contains(&pauses[3]), "{pauses:?}");
        assert!(pauses[8..].iter().all(|pause| (48.0..=72.0).contains(pause)), "{pauses:?}");
        failures.forget(&key("c"));
        assert!(failures.pause(&key("c")).as_secs_f64() <= 3.6);
    }

    #[test]
    fn those_that_failed_together_do_not_come_back_together() {
        let failures = Failures::default();
        let mut pauses: Vec<u128> =
            (0..50).map(|number| failures.pause(&key(&format!("c{number}"))).as_millis()).collect();
        pauses.sort_unstable();
        pauses.dedup();
        assert!(pauses.len() > 40, "{pauses:?}");
    }
}
