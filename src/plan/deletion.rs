//! Deletion in order: members stop, then what Patroni made is removed, then the finalizer. Volumes are kept, and with them
//! the passwords that their data knows. Nothing goes that this cluster did not make: each step has the UID of what was seen to be its
//! own.
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
        .chain([cluster.pooler(), cluster.pooler_ro()].map(|name| ChildRef::new(Kind::Deployment, name)));
    for reference in workloads {
        let live = seen.children.get(reference.kind, &reference.name);
        let standing = live.is_some_and(|live| live["metadata"]["deletionTimestamp"].is_null());
        if let Some(uid) = uid(reference.kind, &reference.name).filter(|_| standing) {
            steps.push(Step::Delete { reference, uid });
        }
    }
    // A set that was deleted alone (`plan::immutable`) left pods that nobody would stop.
    let left = seen.pods.iter().filter(|(_, pod)| pod.orphan && !pod.deleting);
    steps.extend(left.map(|(pod, seen)| Step::StopPod { pod: pod.clone(), uid: seen.uid.clone() }));
    if !steps.is_empty() || !seen.pods.is_empty() {
        return steps;
    }
    // What nobody looked at may be there: the finalizer waits for the look.
    let Some(maps) = &seen.patroni else { return Vec::new() };
    if let Some(step) = super::passphrase::moves(seen) {
        // What tells how to remove the passwords comes after the passphrase is out of their Secret.
        return vec![step];
    }
    steps.extend(super::restore::forget(seen));
    steps.extend(maps.iter().map(|map| Step::Delete {
        reference: ChildRef::new(Kind::ConfigMap, &map.name),
        uid: map.uid.clone(),
    }));
    steps.push(Step::Unguard);
    steps
}

/// The command that removes what a deleted cluster leaves behind: volumes, and the passwords of the system roles in them.
pub fn volumes_command(cluster: &ClusterName) -> String {
    let ClusterName { namespace, name } = cluster;
    let (label, secret) = (crate::name::LABEL_CLUSTER, cluster.credentials());
    format!(
        "kubectl -n {namespace} delete pvc -l {label}={name} && kubectl -n {namespace} delete secret {secret}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, settle, start};
    use std::sync::Arc;

    #[test]
    fn a_deletion_takes_no_step_against_the_kept_passwords_and_says_how_to_remove_them() {
        let mut seen = observed(serde_json::json!({}));
        settle(&mut seen, start());
        assert!(seen.children.secret("c-credentials").is_some());
        Arc::make_mut(&mut seen.cluster).metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(start()));
        let mut deleted = Vec::new();
        loop {
            let before = deleted.len();
            let mut steps = deletion(&seen, 1);
            steps.retain(|step| matches!(step, Step::Delete { .. }));
            for step in steps {
                let Step::Delete { reference, .. } = step else { continue };
                if seen.children.0.remove(&reference).is_some() {
                    deleted.push(reference.to_string());
                }
            }
            if deleted.len() == before {
                break;
            }
        }
        assert_eq!(deleted, ["StatefulSet c", "Deployment c-pooler"]);
        assert_eq!(
            volumes_command(&seen.name()),
            "kubectl -n shop delete pvc -l stylobate.dev/cluster=c && kubectl -n shop delete secret c-credentials"
        );
    }
}
