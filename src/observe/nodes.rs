//! Nodes, reduced to the one fact that decisions need: whether somebody is emptying the node, and by what sign.

use k8s_openapi::api::core::v1::Node;

/// Taints of those who are about to remove a node, and will evict its pods next. A taint that only asks to avoid the node,
/// as `DeletionCandidateOfClusterAutoscaler`, is none of them.
const REMOVAL_TAINTS: [&str; 4] = [
    // Cluster Autoscaler, also GKE's: set just before it evicts.
    "ToBeDeletedByClusterAutoscaler",
    // GKE: a preemptible or upgraded machine goes within seconds to minutes.
    "cloud.google.com/impending-node-termination",
    // Karpenter 1.0 and later, and its word before.
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
];

/// The sign that a node is being emptied; none for a node that stays.
pub fn draining(node: &Node) -> Option<String> {
    let spec = node.spec.as_ref()?;
    if spec.unschedulable == Some(true) {
        return Some("it is cordoned".into());
    }
    let taint = spec.taints.iter().flatten().find(|taint| REMOVAL_TAINTS.contains(&taint.key.as_str()))?;
    Some(format!("it has the taint {}", taint.key))
}

/// Leaves what [`draining`] reads: nodes are large, and their status changes all the time.
pub fn prune(node: &mut Node) {
    node.status = None;
    node.metadata.managed_fields = None;
    node.metadata.annotations = None;
    node.metadata.labels = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(spec: serde_json::Value) -> Node {
        serde_json::from_value(json!({"metadata": {"name": "n"}, "spec": spec})).unwrap()
    }

    #[test]
    fn a_node_that_is_about_to_go_is_told_from_one_that_is_only_avoided() {
        let taint = |key: &str| json!({"taints": [{"key": key, "effect": "NoSchedule"}]});
        assert_eq!(draining(&node(json!({}))), None);
        assert_eq!(draining(&node(json!({"unschedulable": true}))).unwrap(), "it is cordoned");
        let told = draining(&node(taint("ToBeDeletedByClusterAutoscaler"))).unwrap();
        assert_eq!(told, "it has the taint ToBeDeletedByClusterAutoscaler");
        assert_eq!(draining(&node(taint("DeletionCandidateOfClusterAutoscaler"))), None);
    }
}
