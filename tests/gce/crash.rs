//! An operator that is killed at any moment, on a bad day of the cloud: in the end there is one snapshot, and then none.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use proptest::prelude::*;
use stylobate::snapshot::{Error, Provider};

use super::cloud::Trouble;
use super::server::Server;
use super::{NAME, look, order};

/// Most calls until all is well again: each trouble costs one or two, with room for pauses of the disk.
const CALLS: usize = 60;

/// Runs a future for so many polls and then drops it, as a crash would.
struct Killed<F> {
    run: Pin<Box<F>>,
    polls: u32,
}

impl<F: Future> Future for Killed<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.run.as_mut().poll(cx).map(Some)
    }
}

async fn killed_after<F: Future>(polls: u32, run: F) -> Option<F::Output> {
    Killed { run: Box::pin(run), polls }.await
}

/// Calls until it works; time passes as the answers say.
async fn until_done(server: &Server, mut call: impl AsyncFnMut() -> Result<(), Error>) {
    for _ in 0..CALLS {
        match call().await {
            Ok(()) => return,
            Err(Error::Busy { again_seconds, .. }) => server.cloud().pass(i64::from(again_seconds)),
            Err(Error::Unreachable { .. }) => server.cloud().pass(5),
            Err(refused) => panic!("{refused}"),
        }
    }
    panic!("it is not done after {CALLS} calls: {:#?}", server.cloud());
}

/// Orders until the snapshot is seen.
async fn until_there(server: &Server) {
    let provider = server.provider();
    for _ in 0..CALLS {
        until_done(server, async || provider.order(&order()).await).await;
        if look(&provider).await.is_some() {
            return;
        }
    }
    panic!("there is no snapshot after {CALLS} orders: {:#?}", server.cloud());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_await_an_order_given_again_makes_one_snapshot_and_a_deletion_leaves_none() {
    for polls in 0.. {
        let server = Server::start().await;
        let provider = server.provider();
        let ended = killed_after(polls, async { provider.order(&order()).await }).await;
        until_there(&server).await;
        assert_eq!(server.cloud().snapshots.keys().collect::<Vec<_>>(), [NAME], "killed after {polls} polls");
        assert_eq!(
            server.cloud().cuts.values().map(Vec::len).sum::<usize>(),
            1,
            "killed after {polls} polls"
        );
        let deleted = killed_after(polls, async { provider.delete("shop", NAME).await }).await;
        until_done(&server, async || server.provider().delete("shop", NAME).await).await;
        assert!(server.cloud().snapshots.is_empty(), "killed after {polls} polls");
        if ended.is_some() && deleted.is_some() {
            assert!(polls > 2, "nothing was killed");
            return;
        }
    }
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Trouble::LostAnswer),
        Just(Trouble::Refusal(503, "backendError", "Service Unavailable")),
        Just(Trouble::Refusal(403, "rateLimitExceeded", "Rate Limit Exceeded")),
        Just(Trouble::Slow(20)),
        Just(Trouble::Failure("QUOTA_EXCEEDED")),
        Just(Trouble::Failure("INTERNAL_ERROR")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_any_bad_day_there_is_one_snapshot_in_the_end_and_then_none(
        troubles in prop::collection::vec(trouble(), 0..5),
        kills in prop::collection::vec(0u32..12, 0..5),
        later in prop::collection::vec(trouble(), 0..3),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start().await;
            server.cloud().trouble.extend(troubles);
            for polls in &kills {
                let provider = server.provider();
                let _ = killed_after(*polls, async { provider.order(&order()).await }).await;
            }
            // Looks come between troubles too, so they have to be over before the end is judged.
            while !server.cloud().trouble.is_empty() {
                let trouble_free = server.provider().order(&order()).await;
                server.cloud().pass(if trouble_free.is_ok() { 0 } else { 300 });
                if trouble_free.is_ok() {
                    server.cloud().trouble.clear();
                }
            }
            until_there(&server).await;
            assert_eq!(server.cloud().snapshots.len(), 1);
            assert_eq!(server.cloud().cuts.values().map(Vec::len).sum::<usize>(), 1, "cut once");
            server.cloud().trouble.extend(later);
            for polls in &kills {
                let provider = server.provider();
                let _ = killed_after(*polls, async { provider.delete("shop", NAME).await }).await;
            }
            until_done(&server, async || server.provider().delete("shop", NAME).await).await;
            assert!(server.cloud().snapshots.is_empty());
        });
    }
}
