//! Deletion in order: members stop, then what Patroni made is removed, then the finalizer. Volumes are kept.
//!
//! What the cluster owns is removed by Kubernetes' garbage collector once the finalizer is gone.

use kube::ResourceExt;

use crate::child::{ChildRef, Kind};
use crate::name::{ClusterName, FINALIZER};
use crate::observe::Observed;

use super::step::Step;

/// Puts the finalizer on a cluster that has none.
pub fn guard(seen: &Observed) -> Option<Step> {
    let guarded = seen.cluster.finalizers().iter().any(|name| name == FINALIZER);
    (!guarded).then_some(Step::Guard)
}

/// Steps for a cluster whose deletion was asked for; empty while it waits for pods to stop.
pub fn deletion(seen: &Observed, groups: i32) -> Vec<Step> {
    if !seen.cluster.finalizers().iter().any(|name| name == FINALIZER) {
        return Vec::new();
    }
    let cluster = ClusterName::new(seen.cluster.namespace().unwrap_or_default(), seen.cluster.name_any());
    let uid = |kind, name: &str| {
        seen.children.get(kind, name)?.pointer("/metadata/uid")?.as_str().map(str::to_owned)
    };
    let mut steps = Vec::new();
    let workloads = (0..groups)
        .map(|number| ChildRef::new(Kind::StatefulSet, cluster.group(number).scope()))
        .chain([ChildRef::new(Kind::Deployment, cluster.pooler())]);
    for reference in workloads {
        let live = seen.children.get(reference.kind, &reference.name);
        if live.is_some_and(|live| live["metadata"]["deletionTimestamp"].is_null()) {
            let uid = uid(reference.kind, &reference.name);
            steps.push(Step::Delete { reference, uid });
        }
    }
    if !steps.is_empty() || !seen.pods.is_empty() {
        return steps;
    }
    for number in 0..groups {
        for name in cluster.group(number).patroni_state() {
            steps.push(Step::Delete { reference: ChildRef::new(Kind::ConfigMap, name), uid: None });
        }
    }
    steps.push(Step::Unguard);
    steps
}

/// The command that removes the volumes which a deleted cluster leaves behind.
pub fn volumes_command(cluster: &ClusterName) -> String {
    format!("kubectl -n {} delete pvc -l {}={}", cluster.namespace, crate::name::LABEL_CLUSTER, cluster.name)
}
