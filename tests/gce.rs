//! Provider Gce against a false Compute API that behaves as badly as the real one can.

#[path = "gce/cloud.rs"]
mod cloud;
#[path = "gce/crash.rs"]
mod crash;
#[path = "gce/refusals.rs"]
mod refusals;
#[path = "gce/server.rs"]
mod server;
#[path = "gce/wire.rs"]
mod wire;

use std::collections::BTreeMap;

use server::Server;
use stylobate::snapshot::gce::disk::DRIVER;
use stylobate::snapshot::{Error, Order, Provider, Seen, Stage, Volume};

/// The name of every order here.
const NAME: &str = "stylobate-1b4e28ba-0";
/// A zonal and a regional disk of the false cloud.
const ZONAL: &str = "projects/p/zones/z-a/disks/data-0";
const REGIONAL: &str = "projects/p/regions/r/disks/data-1";

fn order_of(name: &str, disk: &str) -> Order {
    let labels = [("stylobate.dev/backup-uid", "1b4e28ba"), ("app.kubernetes.io/managed-by", "stylobate")];
    Order {
        namespace: "shop".into(),
        name: name.into(),
        volume: Volume {
            claim: "data-ledger-0".into(),
            name: "pv-1".into(),
            driver: DRIVER.into(),
            handle: disk.into(),
        },
        labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        class: None,
        location: Some("eu".into()),
    }
}

fn order() -> Order {
    order_of(NAME, ZONAL)
}

async fn look(provider: &impl Provider) -> Option<Seen> {
    provider.look("shop", NAME).await.unwrap()
}

#[tokio::test]
async fn a_snapshot_is_ordered_cut_and_ready_of_zonal_and_regional_disks() {
    for disk in [ZONAL, REGIONAL] {
        let server = Server::start().await;
        let provider = server.provider();
        assert_eq!(look(&provider).await, None);
        provider.order(&order_of(NAME, disk)).await.unwrap();
        let stages =
            [look(&provider).await, look(&provider).await, look(&provider).await].map(|seen| seen.unwrap());
        assert_eq!(
            stages.each_ref().map(|seen| seen.stage.clone()),
            [Stage::Ordered, Stage::Cut, Stage::Ready]
        );
        let ready = &stages[2];
        assert_eq!(ready.cut_at, Some(server.cloud().now));
        assert_eq!(ready.handle.as_deref(), Some("projects/p/global/snapshots/stylobate-1b4e28ba-0"));
        let mut labels = order().labels;
        labels.insert("stylobate.dev/namespace".into(), "shop".into());
        labels.insert("stylobate.dev/installation".into(), "uid-1".into());
        assert_eq!(ready.labels, labels);
        let cloud = server.cloud();
        let body = &cloud.snapshots[NAME].body;
        assert_eq!(body["snapshotType"], "STANDARD");
        assert_eq!(body["storageLocations"], serde_json::json!(["eu"]));
        assert_eq!(cloud.snapshots[NAME].disk, disk);
    }
}

#[tokio::test]
async fn an_order_given_again_is_the_same_snapshot() {
    let server = Server::start().await;
    let provider = server.provider();
    for _ in 0..3 {
        provider.order(&order()).await.unwrap();
    }
    server.provider().order(&order()).await.unwrap();
    assert_eq!(server.counts(), (1, 1));
    // Google forgets request ids after a while; the name is still there.
    server.cloud().requests.clear();
    provider.order(&order()).await.unwrap();
    assert_eq!(server.counts(), (1, 1));
}

#[tokio::test]
async fn a_snapshot_that_was_deleted_since_is_made_anew() {
    let server = Server::start().await;
    let provider = server.provider();
    provider.order(&order()).await.unwrap();
    for _ in 0..3 {
        look(&provider).await;
    }
    // The operation is seen to its end, then somebody deletes what it made.
    provider.order(&order()).await.unwrap();
    server.cloud().snapshots.clear();
    server.cloud().pass(600);
    provider.order(&order()).await.unwrap();
    assert_eq!(look(&provider).await.unwrap().stage, Stage::Ordered);
}

#[tokio::test]
async fn a_list_has_all_pages_and_only_our_own() {
    let server = Server::start().await;
    let provider = server.provider();
    let name = |n: i32| stylobate::name::snapshot("0b1c2d3e-0000-4000-8000-000000000001", n);
    for n in 0..5 {
        provider.order(&order_of(&name(n), ZONAL)).await.unwrap();
        server.cloud().pass(600);
    }
    let theirs = [("stylobate-backup-uid", "1b4e28ba"), ("stylobate-namespace", "shop")];
    server.cloud().foreign(&name(8), &theirs);
    server.cloud().foreign("theirs", &[]);
    let made = provider.made().await.unwrap();
    let names: Vec<String> = made.iter().map(|made| made.name.clone()).collect();
    assert_eq!(names, (0..5).map(name).collect::<Vec<_>>(), "that of another installation is not ours");
    assert!(
        made.iter()
            .all(|made| made.backup_uid.ends_with("0001") && made.namespace == "shop" && made.made_at > 0)
    );
}

#[tokio::test]
async fn a_deleted_snapshot_is_gone_and_deleting_it_again_is_fine() {
    let server = Server::start().await;
    let provider = server.provider();
    provider.order(&order()).await.unwrap();
    provider.delete("shop", NAME).await.unwrap();
    assert_eq!(look(&provider).await, None);
    provider.delete("shop", NAME).await.unwrap();
}

#[tokio::test]
async fn a_snapshot_without_our_labels_is_neither_shown_nor_taken_nor_deleted() {
    let server = Server::start().await;
    server.cloud().foreign(NAME, &[("team", "billing")]);
    let provider = server.provider();
    let labels: BTreeMap<_, _> = server.cloud().snapshots[NAME].labels.clone();
    for said in [
        provider.delete("shop", NAME).await.unwrap_err(),
        provider.look("shop", NAME).await.unwrap_err(),
        provider.order(&order()).await.unwrap_err(),
    ] {
        assert!(matches!(said, Error::Refused { .. }) && said.to_string().contains(NAME), "{said}");
    }
    assert_eq!(server.cloud().snapshots[NAME].labels, labels);
    let calls = server.cloud().calls.clone();
    assert!(calls.iter().all(|call| !call.starts_with("DELETE")), "{calls:?}");
}

#[tokio::test]
async fn another_kubernetes_clusters_snapshot_can_be_looked_at_but_not_deleted() {
    let server = Server::start().await;
    server.provider().order(&order()).await.unwrap();
    let other = server.provider_with("uid-2", "good", std::time::Duration::from_secs(20));
    assert!(look(&other).await.is_some());
    let said = other.delete("shop", NAME).await.unwrap_err().to_string();
    assert!(said.contains("uid-1") && said.contains("not ours"), "{said}");
}
