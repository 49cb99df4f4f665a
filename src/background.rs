//! Work that takes longer than a round may: it goes on beside it, and the rounds that follow ask for its outcome. Work that is under way
//! when the operator ends is lost with it, so it must be such that it can be begun again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use tokio::task::JoinHandle;

/// Work under way: one piece for each object.
#[derive(Debug)]
pub struct Background<T>(Mutex<HashMap<String, Piece<T>>>);

#[derive(Debug)]
struct Piece<T> {
    what: String,
    handle: JoinHandle<T>,
}

impl<T> Default for Background<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Send + 'static> Background<T> {
    /// Begins work for an object, unless it is under way; tells its outcome once it has one, and none before. Work for the same object that was
    /// something else (`what`) is ended first: nobody waits for it any more. Work that panicked is begun again by the next call.
    pub async fn outcome(
        &self,
        object: &str,
        what: &str,
        work: impl FnOnce() -> BoxFuture<'static, T>,
    ) -> Option<T> {
        let ended = {
            let mut all = self.pieces();
            match all.remove(object) {
                Some(piece) if piece.what == what && piece.handle.is_finished() => Some(piece.handle),
                Some(piece) if piece.what == what => {
                    all.insert(object.to_owned(), piece);
                    None
                }
                other => {
                    if let Some(other) = other {
                        other.handle.abort();
                    }
                    let handle = tokio::spawn(work());
                    all.insert(object.to_owned(), Piece { what: what.to_owned(), handle });
                    None
                }
            }
        };
        ended?.await.ok()
    }

    /// Ends what is under way for an object that nobody waits for any more.
    pub fn end(&self, object: &str) {
        if let Some(piece) = self.pieces().remove(object) {
            piece.handle.abort();
        }
    }

    fn pieces(&self) -> MutexGuard<'_, HashMap<String, Piece<T>>> {
        // A panic elsewhere left a map that is whole: each change of it is one insert or remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;
    use tokio::sync::Notify;
    use tokio::task::yield_now;

    async fn outcome(
        work: &Background<u8>,
        what: &str,
        begun: &Arc<AtomicUsize>,
        go: &Arc<Notify>,
    ) -> Option<u8> {
        let (begun, go) = (begun.clone(), go.clone());
        work.outcome("backup", what, move || {
            begun.fetch_add(1, Ordering::SeqCst);
            async move {
                go.notified().await;
                7
            }
            .boxed()
        })
        .await
    }

    #[tokio::test]
    async fn work_is_begun_once_and_its_outcome_is_told_once() {
        let (work, begun, go) = (Background::default(), Arc::default(), Arc::new(Notify::new()));
        for _ in 0..3 {
            assert_eq!(outcome(&work, "checkpoint", &begun, &go).await, None);
            yield_now().await;
        }
        go.notify_one();
        let mut told = None;
        while told.is_none() {
            yield_now().await;
            told = outcome(&work, "checkpoint", &begun, &go).await;
        }
        assert_eq!((told, begun.load(Ordering::SeqCst)), (Some(7), 1));
        assert_eq!(outcome(&work, "checkpoint", &begun, &go).await, None, "another one begins");
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_ended() {
        let (work, begun, go) = (Background::default(), Arc::default(), Arc::new(Notify::new()));
        outcome(&work, "checkpoint of c-0", &begun, &go).await;
        outcome(&work, "checkpoint of c-1", &begun, &go).await;
        assert_eq!(begun.load(Ordering::SeqCst), 2);
        while Arc::strong_count(&go) > 2 {
            yield_now().await;
        }
        work.end("backup");
        while Arc::strong_count(&go) > 1 {
            yield_now().await;
        }
    }
}
