//! Writes beside objects of others, against an API server that keeps its rules: a version and a UID in a write are preconditions, what is
//! created must not be there, and a deletion with a UID leaves its namesake alone.

#[path = "others_written/server.rs"]
mod server;

use std::sync::Arc;

use serde_json::{Value, json};
use stylobate::apply::{Error, Writer};
use stylobate::child::{Child, ChildRef, Kind};
use stylobate::lease::Claim;
use stylobate::name::ClusterName;
use stylobate::observe::{Children, Observed, PatroniMap, Platform};
use stylobate::plan::Step;

use server::Server;

/// What the operator saw of cluster `shop/shop` with these children.
fn seen(children: &[(Kind, &Value)]) -> Observed {
    let cluster = json!({
        "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
        "metadata": {"name": "shop", "namespace": "shop", "uid": "u-1"},
        "spec": {"engine": {"version": "17"}, "storage": {"size": "1Gi"}},
    });
    let children = children.iter().map(|(kind, body)| {
        let name = body["metadata"]["name"].as_str().expect("a name");
        (ChildRef::new(*kind, name), (*body).clone())
    });
    Observed {
        children: Children(children.collect()),
        ..Observed::new(
            Arc::new(serde_json::from_value(cluster).expect("a cluster")),
            Platform {
                pooler_image: "p".into(),
                pgbouncer_image: String::new(),
                domain: "cluster.local".into(),
                namespace: "stylobate-system".into(),
            },
        )
    }
}

/// The Service that the cluster wants.
fn wanted() -> Value {
    let owner = json!({"apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster", "name": "shop", "uid": "u-1",
        "controller": true, "blockOwnerDeletion": true});
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "shop-primary", "namespace": "shop", "ownerReferences": [owner]},
        "spec": {"selector": {"stylobate.dev/cluster": "shop"}}})
}

fn apply(body: Value) -> Step {
    let child = Child { reference: ChildRef::new(Kind::Service, "shop-primary"), body };
    Step::Apply { child: Box::new(child), reason: "it did not exist".into(), cause: None }
}

async fn take(server: &Server, step: &Step, seen: &Observed) -> Result<(), Error> {
    let (client, claim) = (server.client(), Claim::unchallenged());
    let (name, uid) = (ClusterName::new("shop", "shop"), Some("u-1".to_owned()));
    let writer = Writer { client: &client, claim: &claim, links: None, name, uid };
    writer.take(step, seen).await.map(drop)
}

const SERVICE: &str = "/api/v1/namespaces/shop/services/shop-primary";

#[tokio::test]
async fn what_is_not_there_is_made_and_what_was_seen_is_changed() {
    let server = Server::start().await;
    take(&server, &apply(wanted()), &seen(&[])).await.expect("nothing is in the way");
    let live = server.get(SERVICE).expect("it was made");
    assert_eq!(live["spec"]["selector"]["stylobate.dev/cluster"], "shop");
    let mut other = wanted();
    other["spec"]["selector"] = json!({"stylobate.dev/cluster": "shop", "more": "x"});
    take(&server, &apply(other), &seen(&[(Kind::Service, &live)])).await.expect("it is the cluster's own");
    assert_eq!(server.get(SERVICE).expect("it stays")["spec"]["selector"]["more"], "x");
}

#[tokio::test]
async fn an_object_of_others_is_not_written_over_and_the_error_names_it() {
    let server = Server::start().await;
    let theirs = json!({"metadata": {"name": "shop-primary"}, "spec": {"selector": {"app": "shop"}}});
    server.put(SERVICE, theirs);
    let before = server.get(SERVICE);
    let error = take(&server, &apply(wanted()), &seen(&[])).await.expect_err("it is somebody else's");
    assert!(matches!(&error, Error::Taken { object, .. } if object == "Service shop-primary"), "{error}");
    assert_eq!(server.get(SERVICE), before, "not one field of it changed");
}

#[tokio::test]
async fn what_the_cluster_made_a_moment_ago_and_a_watch_has_not_told_is_its_own() {
    let server = Server::start().await;
    take(&server, &apply(wanted()), &seen(&[])).await.expect("nothing is in the way");
    let mut newer = wanted();
    newer["spec"]["selector"]["more"] = json!("x");
    take(&server, &apply(newer), &seen(&[])).await.expect("it controls the object");
    assert_eq!(server.get(SERVICE).expect("it stays")["spec"]["selector"]["more"], "x");
}

#[tokio::test]
async fn what_others_made_anew_under_a_name_of_ours_is_neither_changed_nor_deleted() {
    let server = Server::start().await;
    take(&server, &apply(wanted()), &seen(&[])).await.expect("nothing is in the way");
    let ours = server.get(SERVICE).expect("it was made");
    let looked = seen(&[(Kind::Service, &ours)]);
    server.remove(SERVICE);
    server.put(SERVICE, json!({"metadata": {"name": "shop-primary"}, "spec": {"selector": {"app": "shop"}}}));
    let before = server.get(SERVICE);
    take(&server, &apply(wanted()), &looked).await.expect_err("it has another UID");
    assert_eq!(server.get(SERVICE), before);
    let uid = ours["metadata"]["uid"].as_str().expect("a UID").to_owned();
    let delete = Step::Delete { reference: ChildRef::new(Kind::Service, "shop-primary"), uid };
    take(&server, &delete, &looked).await.expect("the cluster's own is gone");
    assert_eq!(server.get(SERVICE), before);
}

#[tokio::test]
async fn a_change_of_what_is_gone_makes_nothing() {
    let server = Server::start().await;
    take(&server, &apply(wanted()), &seen(&[])).await.expect("nothing is in the way");
    let looked = seen(&[(Kind::Service, &server.get(SERVICE).expect("it was made"))]);
    server.remove(SERVICE);
    take(&server, &apply(wanted()), &looked).await.expect_err("the next look makes it");
    assert_eq!(server.get(SERVICE), None);
}

#[tokio::test]
async fn patroni_s_state_goes_by_its_uid_and_a_namesake_stays() {
    let server = Server::start().await;
    let path = |name: &str| format!("/api/v1/namespaces/shop/configmaps/{name}");
    for name in ["shop-config", "shop-leader"] {
        server.put(&path(name), json!({"metadata": {"name": name}}));
    }
    let uid = server.get(&path("shop-config")).expect("it is there")["metadata"]["uid"].clone();
    let map = |name: &str, uid: &str| PatroniMap { name: name.into(), uid: uid.into() };
    let maps = vec![map("shop-config", uid.as_str().expect("a UID")), map("shop-leader", "another")];
    take(&server, &Step::ClearPatroni { maps }, &seen(&[])).await.expect("a namesake is no error");
    assert_eq!(server.get(&path("shop-config")), None);
    assert!(server.get(&path("shop-leader")).is_some());
}

#[tokio::test]
async fn a_clone_is_not_taken_from_a_snapshot_or_a_claim_of_others() {
    let server = Server::start().await;
    let path = "/apis/snapshot.storage.k8s.io/v1/namespaces/shop/volumesnapshots/shop-restore";
    server.put(path, json!({"metadata": {"name": "shop-restore"}}));
    let kind = |kind: &str| json!({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": kind, "metadata": {"name": "shop-restore"}});
    let import = Step::ImportSnapshot {
        name: "shop-restore".into(),
        handle: "h".into(),
        content: Box::new(kind("VolumeSnapshotContent")),
        snapshot: Box::new(kind("VolumeSnapshot")),
    };
    let error = take(&server, &import, &seen(&[])).await.expect_err("it is somebody else's");
    assert!(error.to_string().contains("VolumeSnapshot shop-restore is there"), "{error}");
    server.put(
        "/api/v1/namespaces/shop/persistentvolumeclaims/data-shop-0",
        json!({"metadata": {"name": "data-shop-0"}}),
    );
    let body =
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-shop-0"}});
    let clone =
        Step::CloneVolume { claim: "data-shop-0".into(), backup: "shop/b".into(), body: Box::new(body) };
    let error = take(&server, &clone, &seen(&[])).await.expect_err("it is somebody else's");
    assert!(error.to_string().contains("PersistentVolumeClaim data-shop-0 is there"), "{error}");
}
