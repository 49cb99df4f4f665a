//! What the provider makes of every way in which the Compute API does not do what it is asked.

use std::time::Duration;

use stylobate::snapshot::{Error, Provider, Stage};

use super::cloud::Trouble;
use super::server::Server;
use super::{NAME, ZONAL, look, order, order_of};

/// Seconds of a [`Error::Busy`].
fn busy(result: Result<(), Error>) -> u32 {
    match result.unwrap_err() {
        Error::Busy { again_seconds, .. } => again_seconds,
        other => panic!("expected Busy, not {other:?}"),
    }
}

/// Words of a [`Error::Refused`].
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result.unwrap_err() {
        error @ Error::Refused { .. } => error.to_string(),
        other => panic!("expected Refused, not {other:?}"),
    }
}

fn is_unreachable<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Unreachable { .. }))
}

/// Orders until the operation was seen to its end.
async fn order_to_the_end(provider: &impl Provider) -> Result<(), Error> {
    for _ in 0..5 {
        provider.order(&order()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_quota_that_is_found_exceeded_after_the_call_was_accepted_is_told_and_tried_again_later() {
    let server = Server::start().await;
    let provider = server.provider();
    server.trouble(Trouble::Failure("QUOTA_EXCEEDED"));
    assert_eq!(busy(order_to_the_end(&provider).await), 300);
    server.cloud().pass(100);
    // Also an operator that knows nothing of before does not ask anew while the pause goes on.
    assert_eq!(busy(server.provider().order(&order()).await), 200);
    assert_eq!(server.cloud().operations.len(), 1);
    server.cloud().pass(200);
    server.provider().order(&order()).await.unwrap();
    assert_eq!(server.cloud().operations.len(), 2);
    assert_eq!(look(&provider).await.unwrap().stage, Stage::Ordered);
}

#[tokio::test]
async fn an_attempt_that_can_not_succeed_is_refused() {
    let server = Server::start().await;
    let provider = server.provider();
    server.trouble(Trouble::Failure("RESOURCE_NOT_FOUND"));
    assert!(refused(order_to_the_end(&provider).await).contains("RESOURCE_NOT_FOUND"));
    let said = refused(provider.order(&order_of(NAME, "projects/p/zones/z-a/disks/none")).await);
    assert!(said.contains("disks/none' was not found"), "{said}");
    let policy = "Constraint constraints/gcp.resourceLocations violated for projects/p";
    server.trouble(Trouble::Refusal(412, "conditionNotMet", policy));
    assert!(refused(provider.order(&order()).await).contains(policy));
    assert!(server.cloud().snapshots.is_empty());
}

#[tokio::test]
async fn a_disk_has_one_snapshot_in_ten_minutes_and_the_next_one_waits() {
    let server = Server::start().await;
    let provider = server.provider();
    provider.order(&order_of("stylobate-before-0", ZONAL)).await.unwrap();
    server.cloud().pass(60);
    let mut tries = 0;
    let waited = loop {
        match order_to_the_end(&provider).await {
            Ok(()) => break server.cloud().now,
            Err(Error::Busy { again_seconds, cause, .. }) => {
                assert!(cause.contains("every 10 minutes"), "{cause}");
                tries += 1;
                assert!(tries < 20, "it never ends");
                server.cloud().pass(i64::from(again_seconds));
            }
            Err(other) => panic!("{other}"),
        }
    };
    let first = server.cloud().cuts[ZONAL][0];
    let waited = waited.duration_since(first).as_secs();
    assert!((600..=720).contains(&waited), "{waited} s");
    assert_eq!(server.cloud().snapshots.len(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_no_second_snapshot() {
    let server = Server::start().await;
    let provider = server.provider();
    server.trouble(Trouble::LostAnswer);
    assert!(is_unreachable(provider.order(&order()).await));
    assert_eq!(server.cloud().snapshots.len(), 1, "it took effect");
    provider.order(&order()).await.unwrap();
    assert_eq!(server.counts(), (1, 1));
    server.trouble(Trouble::LostAnswer);
    assert!(is_unreachable(provider.delete("shop", NAME).await));
    provider.delete("shop", NAME).await.unwrap();
    assert_eq!(server.counts(), (2, 0));
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let server = Server::start().await;
    let provider = server.provider();
    provider.order(&order()).await.unwrap();
    for permission in [
        "compute.disks.createSnapshot",
        "compute.snapshots.create",
        "compute.snapshots.setLabels",
        "compute.snapshots.get",
        "compute.snapshots.list",
        "compute.snapshots.delete",
    ] {
        server.cloud().denied = [permission].into();
        let said = match permission {
            "compute.snapshots.get" => refused(provider.look("shop", NAME).await),
            "compute.snapshots.list" => refused(provider.made().await),
            "compute.snapshots.delete" => refused(provider.delete("shop", NAME).await),
            _ => refused(provider.order(&order_of("stylobate-other-0", ZONAL)).await),
        };
        assert!(said.contains(&format!("grant {permission} to")), "{said}");
    }
    assert_eq!(server.cloud().snapshots.len(), 1);
}

#[tokio::test]
async fn too_many_calls_and_quotas_wait_and_a_bad_token_is_refused() {
    let server = Server::start().await;
    let provider = server.provider();
    server.trouble(Trouble::Refusal(403, "rateLimitExceeded", "Rate Limit Exceeded"));
    assert_eq!(busy(provider.order(&order()).await), 60);
    server.trouble(Trouble::Refusal(403, "quotaExceeded", "Quota 'SNAPSHOTS' exceeded. Limit: 1000.0"));
    assert_eq!(busy(provider.order(&order()).await), 300);
    server.trouble(Trouble::Refusal(400, "resourceNotReady", "The resource is not ready"));
    assert_eq!(busy(provider.order(&order()).await), 15);
    let stranger = server.provider_with("uid-1", "bad", Duration::from_secs(20));
    assert!(refused(stranger.order(&order()).await).contains("invalid authentication"));
    assert!(server.cloud().snapshots.is_empty());
}

#[tokio::test]
async fn a_snapshot_that_fails_after_its_upload_began_is_shown_as_failed() {
    let server = Server::start().await;
    let provider = server.provider();
    server.trouble(Trouble::Rotten);
    provider.order(&order()).await.unwrap();
    look(&provider).await;
    assert_eq!(look(&provider).await.unwrap().stage, Stage::Cut);
    assert!(matches!(look(&provider).await.unwrap().stage, Stage::Failed(_)));
    provider.delete("shop", NAME).await.unwrap();
    assert!(server.cloud().snapshots.is_empty());
}

#[tokio::test]
async fn faults_of_the_server_and_slow_answers_are_tried_again() {
    let server = Server::start().await;
    let provider = server.provider_with("uid-1", "good", Duration::from_secs(3));
    for _ in 0..5 {
        server.trouble(Trouble::Refusal(503, "backendError", "Service Unavailable"));
        assert!(is_unreachable(provider.order(&order()).await));
    }
    server.trouble(Trouble::Slow(20_000));
    let said = provider.order(&order()).await.unwrap_err();
    assert!(matches!(said, Error::Unreachable { .. }) && said.to_string().contains("3 s"), "{said}");
    provider.order(&order()).await.unwrap();
    server.trouble(Trouble::Refusal(503, "backendError", "Service Unavailable"));
    assert!(is_unreachable(provider.look("shop", NAME).await));
    assert!(look(&provider).await.is_some());
    assert_eq!(server.cloud().snapshots.len(), 1);
}

#[tokio::test]
async fn a_deletion_that_fails_is_told_and_done_later() {
    let server = Server::start().await;
    let provider = server.provider();
    provider.order(&order()).await.unwrap();
    server.trouble(Trouble::Failure("INTERNAL_ERROR"));
    assert_eq!(busy(provider.delete("shop", NAME).await), 15);
    assert_eq!(server.cloud().snapshots.len(), 1);
    server.cloud().pass(15);
    provider.delete("shop", NAME).await.unwrap();
    assert!(server.cloud().snapshots.is_empty());
}
