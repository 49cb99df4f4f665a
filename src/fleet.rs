//! What one cluster has to know of the others: images of the catalog that could not be pulled. An edit of the catalog reaches all
//! clusters, so a digest that no registry has would cost each of them a replica, one after the other.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{ClusterState, EngineSource, PostgresCluster};
use crate::name::ClusterName;
use crate::status::{kind, since};

/// The kubelet's words for an image that it can't have.
pub const PULL_FAULTS: [&str; 4] =
    ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"];

/// An image of the catalog that a cluster can't pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullFailure {
    /// The cluster.
    pub cluster: ClusterName,
    /// The image.
    pub image: String,
    /// Since when a member is away for it.
    pub since: Timestamp,
}

/// Images that clusters but this one can't pull and that none of them runs. One that runs somewhere can be had: then the fault is that
/// cluster's own, and must hold up nobody else.
pub fn pull_failures<'a>(
    of: &ClusterName,
    clusters: impl Iterator<Item = &'a PostgresCluster> + Clone,
) -> Vec<PullFailure> {
    let others = clusters.clone().filter_map(failure).filter(|failure| failure.cluster != *of);
    let mut failures: Vec<PullFailure> = others.collect();
    // Asked in every round of every cluster, and nearly always there is none: then nobody's image is looked up.
    if !failures.is_empty() {
        let runs: BTreeSet<&str> = clusters.filter_map(running).collect();
        failures.retain(|failure| !runs.contains(failure.image.as_str()));
    }
    failures
}

/// The image that all members of a cluster run.
fn running(cluster: &PostgresCluster) -> Option<&str> {
    let status = cluster.status.as_ref().filter(|status| status.state == ClusterState::Healthy)?;
    let engine = status.engine.as_ref().filter(|engine| engine.behind.is_none())?;
    engine.image.as_deref()
}

fn failure(cluster: &PostgresCluster) -> Option<PullFailure> {
    let status = cluster.status.as_ref()?;
    let engine = status.engine.as_ref().filter(|engine| engine.source == Some(EngineSource::Catalog))?;
    status.members.iter().find(|member| PULL_FAULTS.contains(&member.state.as_str()))?;
    let away = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind::REDUNDANT && condition.status == "False")?;
    Some(PullFailure {
        cluster: ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any()),
        image: engine.image.clone()?,
        since: since(status, away),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    fn cluster(name: &str, state: &str, source: &str, member: &str) -> PostgresCluster {
        let behind = (state != "Healthy").then_some("Rolling");
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"engine": {"version": "17"}, "storage": {"size": "2Gi"}},
            "status": {
                "state": state, "ready": "2/3", "members": [{"name": format!("{name}-0"), "state": member}],
                "engine": {"image": "r/postgres:17.92@sha256:0", "source": source, "behind": behind},
                "conditions": [{"type": "Redundant", "status": "False", "reason": "ImageCannotBePulled", "message": "",
                    "lastTransitionTime": "2026-11-21T12:00:00Z"}],
            },
        }))
        .unwrap()
    }

    fn failing(clusters: &[PostgresCluster]) -> Vec<String> {
        let of = ClusterName::new("shop", "c");
        pull_failures(&of, clusters.iter()).into_iter().map(|failure| failure.cluster.name).collect()
    }

    #[test]
    fn an_image_that_another_cluster_cannot_pull_is_known_until_one_runs_it() {
        let broken = cluster("a", "Degraded", "Catalog", "ImagePullBackOff");
        assert_eq!(failing(std::slice::from_ref(&broken)), ["a"]);
        assert_eq!(failing(&[broken, cluster("b", "Healthy", "Catalog", "running")]), [""; 0]);
    }

    #[test]
    fn an_image_counts_from_when_it_could_not_be_pulled_and_not_from_when_a_member_was_first_away() {
        let mut broken = cluster("a", "Degraded", "Catalog", "ImagePullBackOff");
        let later: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let since = |broken: &PostgresCluster| failure(broken).unwrap().since;
        assert!(since(&broken) < later);
        broken.status.as_mut().unwrap().reason_since = [("Redundant".to_owned(), Time(later))].into();
        assert_eq!(since(&broken), later);
    }

    #[test]
    fn what_is_its_own_a_persons_own_or_another_fault_counts_for_nobody() {
        for other in [
            cluster("c", "Degraded", "Catalog", "ImagePullBackOff"),
            cluster("a", "Degraded", "Spec", "ImagePullBackOff"),
            cluster("a", "Degraded", "Catalog", "CrashLoopBackOff"),
        ] {
            assert_eq!(failing(&[other]), [""; 0]);
        }
    }
}
