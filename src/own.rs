//! Whose an object is. Nothing that a cluster did not make is ever written or deleted, so everything that reads or writes asks here.
//!
//! A label says what somebody means; what counts is the controller reference with the UID of the very `PostgresCluster`, which the API
//! server allows once for an object. Three things outlive a cluster, or are made by others for it, and have a proof of their own:
//! volume claims, the passwords that are kept with them, and Patroni's ConfigMaps. Why: `docs/decisions/0027-objects-of-others.md`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::api::GROUP;
use crate::child::Kind;
use crate::name::{ClusterName, GroupName, LABEL_CLUSTER, LABEL_MANAGED_BY, LABEL_SCOPE, MANAGER};

/// True when this very `PostgresCluster` controls the object.
pub fn controlled(meta: &ObjectMeta, cluster_uid: &str) -> bool {
    !cluster_uid.is_empty() && controllers(meta).any(|owner| is_cluster(owner) && owner.uid == cluster_uid)
}

/// True of a child: the cluster controls it, or it is the passwords of the system roles or the passphrase of the archive, which have no
/// owner (`docs/decisions/0006-kept-passwords.md`, `docs/decisions/0034-archive-key.md`).
pub fn child(kind: Kind, meta: &ObjectMeta, cluster: &ClusterName, cluster_uid: &str) -> bool {
    let stays = || [cluster.credentials(), cluster.archive_key()].iter().any(|name| is_named(meta, name));
    let kept = || kind == Kind::Secret && stays() && ownerless(meta);
    controlled(meta, cluster_uid) || (kept() && labelled(meta, cluster))
}

/// True of a member's volume claim. It outlives its cluster, so only labels can tell: its set gave it those.
pub fn claim(meta: &ObjectMeta, cluster: &ClusterName) -> bool {
    labelled(meta, cluster)
}

/// True of what Patroni made for this group: it sets both labels on all that it makes, and never an owner. What is older than the cluster
/// was made for another one.
pub fn patroni(meta: &ObjectMeta, group: &GroupName, cluster: &ObjectMeta) -> bool {
    let made = |meta: &ObjectMeta| meta.creation_timestamp.as_ref().map(|time| time.0);
    ownerless(meta)
        && has_label(meta, LABEL_SCOPE, &group.scope())
        && has_label(meta, LABEL_CLUSTER, &group.cluster.name)
        && made(meta) >= made(cluster)
}

/// Whose an object seems to be, in words that go on after 'it is not this cluster's'.
pub fn whose(meta: &ObjectMeta) -> String {
    if let Some(owner) = controllers(meta).chain(meta.owner_references.iter().flatten()).next() {
        return match is_cluster(owner) {
            true => format!(
                "it is of an earlier or another PostgresCluster {}, with which Kubernetes removes it",
                owner.name
            ),
            false => format!("{} {} owns it", owner.kind, owner.name),
        };
    }
    match meta.labels.as_ref().and_then(|labels| labels.get(LABEL_MANAGED_BY)) {
        Some(manager) if manager != MANAGER => format!("it is managed by {manager}"),
        Some(_) => "it has this operator's label, and is older or was made by somebody else".into(),
        None => "no owner and no label say whose it is".into(),
    }
}

fn controllers(meta: &ObjectMeta) -> impl Iterator<Item = &OwnerReference> {
    meta.owner_references.iter().flatten().filter(|owner| owner.controller == Some(true))
}

fn is_cluster(owner: &OwnerReference) -> bool {
    owner.kind == "PostgresCluster" && owner.api_version.split('/').next() == Some(GROUP)
}

fn ownerless(meta: &ObjectMeta) -> bool {
    meta.owner_references.as_ref().is_none_or(Vec::is_empty)
}

fn is_named(meta: &ObjectMeta, name: &str) -> bool {
    meta.name.as_deref() == Some(name)
}

fn labelled(meta: &ObjectMeta, cluster: &ClusterName) -> bool {
    has_label(meta, LABEL_MANAGED_BY, MANAGER) && has_label(meta, LABEL_CLUSTER, &cluster.name)
}

fn has_label(meta: &ObjectMeta, key: &str, value: &str) -> bool {
    meta.labels.as_ref().and_then(|labels| labels.get(key)).is_some_and(|found| found == value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn meta(name: &str, owners: Value, labels: Value) -> ObjectMeta {
        let made = "2026-11-21T12:00:00Z";
        let body =
            json!({"name": name, "ownerReferences": owners, "labels": labels, "creationTimestamp": made});
        serde_json::from_value(body).unwrap()
    }

    fn by(uid: &str) -> Value {
        json!([{"apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster", "name": "c", "uid": uid, "controller": true}])
    }

    fn ours() -> Value {
        json!({"app.kubernetes.io/managed-by": "stylobate", "stylobate.dev/cluster": "c"})
    }

    fn cluster() -> ClusterName {
        ClusterName::new("shop", "c")
    }

    #[test]
    fn only_the_controller_with_the_very_uid_makes_an_object_ours_and_no_label_does() {
        assert!(controlled(&meta("c-primary", by("u-1"), json!({})), "u-1"));
        assert!(!controlled(&meta("c-primary", by("u-2"), ours()), "u-1"), "another cluster's");
        assert!(!controlled(&meta("c-primary", json!([]), ours()), "u-1"), "a label is anybody's");
        assert!(!controlled(&meta("c-primary", by(""), ours()), ""), "no UID is no proof");
        let mut goes_with_it = by("u-1");
        goes_with_it[0]["controller"] = json!(null);
        assert!(
            !controlled(&meta("c-primary", goes_with_it, json!({})), "u-1"),
            "it only goes with the cluster"
        );
        let mut foreign = by("u-1");
        foreign[0]["kind"] = json!("Deployment");
        assert!(!controlled(&meta("c-primary", foreign, json!({})), "u-1"));
    }

    #[test]
    fn a_cluster_made_again_takes_up_the_kept_passwords_and_nothing_else_that_it_does_not_own() {
        let is_child =
            |kind, name: &str, owners, labels| child(kind, &meta(name, owners, labels), &cluster(), "u-2");
        assert!(is_child(Kind::Secret, "c-credentials", json!([]), ours()));
        assert!(is_child(Kind::Secret, "c-credentials", by("u-2"), ours()));
        assert!(is_child(Kind::Secret, "c-archive-key", json!([]), ours()));
        assert!(
            !is_child(Kind::Secret, "c-credentials", by("u-1"), ours()),
            "a cluster that is going has it"
        );
        assert!(!is_child(Kind::Secret, "c-credentials", json!([]), json!({})), "an application's own");
        assert!(!is_child(Kind::Secret, "c-user-app", json!([]), ours()));
        assert!(!is_child(Kind::ConfigMap, "c-credentials", json!([]), ours()));
    }

    #[test]
    fn what_patroni_made_is_told_from_what_an_application_has_under_the_same_name() {
        let group = cluster().group(0);
        let born = |at: &str| ObjectMeta {
            creation_timestamp: Some(serde_json::from_value(json!(at)).unwrap()),
            ..ObjectMeta::default()
        };
        let labels = json!({"stylobate.dev/cluster": "c", "stylobate.dev/scope": "c"});
        let map = meta("c-config", json!([]), labels.clone());
        assert!(patroni(&map, &group, &born("2026-11-21T12:00:00Z")));
        assert!(!patroni(&map, &group, &born("2026-11-21T12:00:01Z")), "older than the cluster");
        let without = meta("c-config", json!([]), json!({}));
        assert!(!patroni(&without, &group, &born("2026-11-21T11:00:00Z")), "an application's own");
        let owned = meta("c-config", by("u-1"), labels);
        assert!(!patroni(&owned, &group, &born("2026-11-21T11:00:00Z")), "Patroni sets no owner");
    }

    #[test]
    fn whose_an_object_seems_to_be_is_told() {
        assert_eq!(whose(&meta("x", json!([]), json!({}))), "no owner and no label say whose it is");
        let helm = json!({"app.kubernetes.io/managed-by": "Helm"});
        assert_eq!(whose(&meta("x", json!([]), helm)), "it is managed by Helm");
        let owner = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d"}]);
        assert_eq!(whose(&meta("x", owner, json!({}))), "Deployment web owns it");
        assert!(whose(&meta("x", by("u-0"), ours())).contains("earlier or another PostgresCluster c"));
    }
}
