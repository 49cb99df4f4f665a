//! Nodes, reduced to two facts: whether somebody is emptying the node, and by what sign; and whether Kubernetes still hears of it.

use k8s_openapi::api::core::v1::{Node, NodeCondition};

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

/// True when the kubelet has not told of the node for long, or says that it is not ready. A node without a word is not lost.
pub fn lost(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == READY && condition.status != "True")
}

/// The condition that tells whether a node takes part.
const READY: &str = "Ready";

/// Leaves what [`draining`] and [`lost`] read: nodes are large, and their status changes all the time.
pub fn prune(node: &mut Node) {
    if let Some(status) = node.status.take() {
        let ready = status.conditions.into_iter().flatten().find(|condition| condition.type_ == READY);
        let status = ready.map(|ready| ready.status).unwrap_or_default();
        let ready = NodeCondition { type_: READY.into(), status, ..NodeCondition::default() };
        let told = !ready.status.is_empty();
        node.status.get_or_insert_default().conditions = told.then(|| vec![ready]);
    }
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
    fn a_node_of_which_nobody_hears_is_lost_also_once_it_is_cut_down_to_what_counts() {
        let node = |status: &str| {
            let conditions =
                json!([{"type": "MemoryPressure", "status": "Unknown"}, {"type": "Ready", "status": status}]);
            let mut node: Node = serde_json::from_value(
                json!({"metadata": {"name": "n"}, "status": {"conditions": conditions, "images": []}}),
            )
            .unwrap();
            prune(&mut node);
            assert_eq!(node.status.as_ref().unwrap().conditions.as_ref().unwrap().len(), 1);
            lost(&node)
        };
        assert!(node("Unknown") && node("False") && !node("True"));
        assert!(!lost(&self::node(json!({}))));
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
