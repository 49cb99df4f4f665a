//! The leader claim of a primary that died without giving it up.
//!
//! Patroni waits for the claim to run out (`ttl`, 20 s), or for the kubelet to start the container again after its
//! growing back-off. The claim is released at once when the kubelet itself says that the container has ended, or when the
//! pod is gone: then no process is left that could write. The proof is in `docs/decisions/0005-leader-claim.md`. Anything
//! less, such as a pod that does not answer or a node that is not ready, proves nothing and waits. So does an end from before the
//! record was written last: then a later run of the container holds the claim, and what is seen of the pod is old.

use crate::name::{ClusterName, ROLE_PRIMARY};
use crate::observe::{LeaderSeen, Observed, PodSeen};
use jiff::SignedDuration;
use kube::ResourceExt;

use super::step::Step;

/// The kubelet tells the end of a container to the second, cut off.
const END_IS_KNOWN_TO: SignedDuration = SignedDuration::from_secs(1);

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
            let pod = seen.pods.get(&leader.holder)?;
            let proof = ended(pod).filter(|_| is_newer(pod, leader))?;
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

/// True when the container ended after its claim was written last. Both times are of the clock of one node: Patroni writes the one
/// in this container, the kubelet the other.
fn is_newer(pod: &PodSeen, leader: &LeaderSeen) -> bool {
    match (pod.main.ended_at, leader.renewed) {
        (Some(ended), Some(renewed)) => renewed < ended + END_IS_KNOWN_TO,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::observed;
    use crate::observe::MemberSeen;

    /// Whether the claim of a container that ended then is released, where it was written last at this time.
    fn released(ended_at: Option<&str>, renewed: Option<&str>) -> bool {
        let time = |text: Option<&str>| text.map(|text| format!("2026-11-21T12:00:{text}Z").parse().unwrap());
        let mut seen = observed(serde_json::json!({}));
        let mut pod = PodSeen { role: Some(ROLE_PRIMARY.into()), ..PodSeen::default() };
        pod.main.ended = Some("run 1 exit code 137".into());
        pod.main.ended_at = time(ended_at);
        seen.pods.insert("c-0".into(), pod);
        let member = MemberSeen { state: "running".into(), role: "replica".into(), ..MemberSeen::default() };
        seen.members.insert("c-1".into(), member);
        let leader =
            LeaderSeen { holder: "c-0".into(), resource_version: "1".into(), renewed: time(renewed) };
        seen.leaders.insert(0, leader);
        !releases(&seen).is_empty()
    }

    #[test]
    fn an_end_from_before_the_record_proves_nothing() {
        assert!(released(Some("10"), Some("06.5")));
        assert!(released(Some("10"), Some("10.9")), "the end is known to the second");
        assert!(!released(Some("10"), Some("11")), "a later run wrote it");
        assert!(!released(None, Some("06.5")) && !released(Some("10"), None));
    }
}
