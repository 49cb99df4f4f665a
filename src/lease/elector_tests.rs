//! Candidates against a small API server, with short terms: races, a cut-off leader, hand-over.

use std::sync::atomic::Ordering;

use super::*;
use crate::lease::{Loss, fake::Shelf};

/// One whole second is the shortest duration that a Lease can express.
const TERMS: Terms = Terms {
    duration: Duration::from_secs(2),
    renew_deadline: Duration::from_millis(1000),
    retry: Duration::from_millis(50),
    request_timeout: Duration::from_millis(200),
};

fn candidate(api: &Api<Lease>, me: &str) -> (Elector, Claim) {
    Elector::new(api.clone(), "stylobate", me, TERMS)
}

/// Waits until `claim` leads; a bug must fail the test, not hang it.
async fn wins(claim: &mut Claim) {
    assert!(tokio::time::timeout(TERMS.duration * 3, claim.acquired()).await.expect("nobody leads"));
}

#[tokio::test]
async fn of_two_candidates_with_the_same_version_one_wins_and_the_other_waits() {
    let shelf = Shelf::default();
    let (api, _) = shelf.door().await;
    let ((a, claim_a), (b, claim_b)) = (candidate(&api, "a"), candidate(&api, "b"));
    let abandoned = acquired(None, "stylobate", "old", TERMS, Timestamp::UNIX_EPOCH);
    let found = shelf.put(abandoned).unwrap();
    // Both have read the same version, and the wait is over for both.
    let expired = || Memory {
        lease: Some(found.clone()),
        record: Some((found.spec.clone().unwrap(), Instant::now() - TERMS.duration)),
        renewed_at: None,
        fresh: true,
    };
    let (mut memory_a, mut memory_b) = (expired(), expired());
    a.turn(&mut memory_a).await.unwrap();
    b.turn(&mut memory_b).await.unwrap();
    assert_eq!((claim_a.is_current(), claim_b.is_current()), (true, false));
    // The loser reads again and sees a live holder.
    b.turn(&mut memory_b).await.unwrap();
    assert!(!claim_b.is_current());
    assert_eq!(holder(&shelf.lease().unwrap()), Some("a"));
}

#[tokio::test]
async fn of_two_creators_one_wins() {
    let shelf = Shelf::default();
    let (api, _) = shelf.door().await;
    let ((a, claim_a), (b, claim_b)) = (candidate(&api, "a"), candidate(&api, "b"));
    let nothing = || Memory { fresh: true, ..Memory::default() };
    a.turn(&mut nothing()).await.unwrap();
    b.turn(&mut nothing()).await.unwrap();
    assert_eq!((claim_a.is_current(), claim_b.is_current()), (true, false));
}

#[tokio::test]
async fn a_cut_off_leader_stops_before_the_next_starts() {
    let shelf = Shelf::default();
    let ((api_a, cut), (api_b, _)) = (shelf.door().await, shelf.door().await);
    let (a, mut claim_a) = candidate(&api_a, "a");
    let a = tokio::spawn(a.run(std::future::pending()));
    wins(&mut claim_a).await;
    let (b, claim_b) = candidate(&api_b, "b");
    let b = tokio::spawn(b.run(std::future::pending()));
    tokio::time::sleep(TERMS.duration + TERMS.retry).await;
    assert!(claim_a.is_current() && !claim_b.is_current(), "a leader that renews stays");

    cut.store(true, Ordering::SeqCst);
    let started = Instant::now();
    let mut gap = None;
    while !claim_b.is_current() {
        if !claim_a.is_current() {
            gap.get_or_insert_with(Instant::now);
        }
        assert!(started.elapsed() < TERMS.duration * 3, "nobody took over");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(gap.is_some_and(|since| since.elapsed() > Duration::from_millis(500)), "{gap:?}");
    assert!(!claim_a.is_current());
    let error = a.await.unwrap().unwrap_err();
    assert!(matches!(error, LeaseError::Lost { loss: Loss::Deadline(_), .. }), "{error}");
    b.abort();
}

#[tokio::test]
async fn a_stopped_leader_hands_over_at_once() {
    let shelf = Shelf::default();
    let (api, _) = shelf.door().await;
    let (a, mut claim_a) = candidate(&api, "a");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let a = tokio::spawn(a.run(async { stopped.await.unwrap() }));
    wins(&mut claim_a).await;
    let (b, mut claim_b) = candidate(&api, "b");
    let b = tokio::spawn(b.run(std::future::pending()));
    stop.send(()).unwrap();
    a.await.unwrap().unwrap();
    assert!(!claim_a.is_current());
    let started = Instant::now();
    wins(&mut claim_b).await;
    assert!(started.elapsed() < TERMS.duration / 2, "{:?}", started.elapsed());
    assert_eq!(shelf.lease().unwrap().spec.unwrap().lease_transitions, Some(1));
    b.abort();
}

#[tokio::test]
async fn a_lost_answer_does_not_cost_the_leadership() {
    let shelf = Shelf::default();
    let (api, _) = shelf.door().await;
    let (a, claim) = candidate(&api, "a");
    let mut memory = Memory::default();
    a.turn(&mut memory).await.unwrap();
    // The renewal landed, the answer did not: the version on the server is newer than the one remembered.
    shelf.put(renewed(&shelf.lease().unwrap(), Timestamp::now())).unwrap();
    a.turn(&mut memory).await.unwrap();
    assert!(!memory.fresh);
    a.turn(&mut memory).await.unwrap();
    assert!(memory.fresh && claim.is_current());
}

#[tokio::test]
async fn a_deleted_lease_ends_the_leader() {
    let shelf = Shelf::default();
    let (api, _) = shelf.door().await;
    let (a, mut claim) = candidate(&api, "a");
    let a = tokio::spawn(a.run(std::future::pending()));
    wins(&mut claim).await;
    shelf.remove();
    let error = a.await.unwrap().unwrap_err();
    assert!(matches!(error, LeaseError::Lost { loss: Loss::Deleted, .. }), "{error}");
    assert!(!claim.is_current());
}

#[test]
fn an_identity_is_new_each_time() {
    assert_ne!(identity("pod-0"), identity("pod-0"));
    assert!(identity("pod-0").starts_with("pod-0_"));
}

#[tokio::test]
async fn a_candidate_that_has_not_read_everything_does_not_contend() {
    let shelf = Shelf::default();
    let (api, _) = shelf.door().await;
    let (a, mut claim_a) = candidate(&api, "a");
    let (read, all_read) = tokio::sync::oneshot::channel::<()>();
    let a = tokio::spawn(a.run_when(async { all_read.await.is_ok() }, std::future::pending()));
    tokio::time::sleep(TERMS.retry * 4).await;
    assert!(shelf.lease().is_none(), "the lease was free all the time");
    read.send(()).unwrap();
    wins(&mut claim_a).await;
    a.abort();

    let (b, mut claim_b) = candidate(&api, "b");
    b.run_when(std::future::pending(), std::future::ready(())).await.unwrap();
    assert!(!claim_b.acquired().await, "it was told to stop before");
}
