//! The leader claim of a primary that died without giving it up.
//!
//! Patroni waits for the claim to run out (`ttl`, 20 s), or for the kubelet to start the container again after its
//! growing back-off. The claim is released at once when the kubelet itself says that the container has ended, or when the
//! pod is gone: then no process is left that could write. The proof is in `docs/decisions/0005-leader-claim.md`. Anything
//! less, such as a pod that does not answer or a node that is not ready, proves nothing and waits.

use crate::name::{ClusterName, ROLE_PRIMARY};
use crate::observe::{Observed, PodSeen};
use kube::ResourceExt;

use super::step::Step;

/// Claims that are held by a pod whose container has ended.
pub fn releases(seen: &Observed) -> Vec<Step> {
    let cluster = ClusterName::new(seen.cluster.namespace().unwrap_or_default(), seen.cluster.name_any());
    seen.leaders
        .iter()
        .filter_map(|(number, leader)| {
            let group = cluster.group(*number);
            let successor = seen.members.iter().any(|(name, member)| {
                *name != leader.holder && group.ordinal(name).is_some() && member.state == "running"
            });
            let proof = ended(seen.pods.get(&leader.holder)?)?;
            successor.then(|| Step::ReleaseClaim {
                group,
                holder: leader.holder.clone(),
                resource_version: leader.resource_version.clone(),
                proof,
            })
        })
        .collect()
}

/// Pods that hold a claim although the kubelet says that they ended: only for these is the claim looked up at all.
pub fn suspects(pods: &std::collections::BTreeMap<String, PodSeen>) -> bool {
    pods.values().any(|pod| pod.role.as_deref() == Some(ROLE_PRIMARY) && ended(pod).is_some())
}

/// The kubelet's word that the container does not run.
fn ended(pod: &PodSeen) -> Option<String> {
    if pod.main.running {
        return None;
    }
    let run = pod.main.ended.as_ref()?;
    Some(format!("the kubelet says that its container ended ({run})"))
}
