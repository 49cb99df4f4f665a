//! New pods of the pooler come before new pods of members: a Pgpool that starts while the primary's role is handed over finds
//! servers that are on their way, and its clients wait for its next look at them.

use serde_json::Value;

use crate::child::Kind;
use crate::observe::Observed;
use crate::pooler::Way;

use super::step::Step;

/// True while the pooler's pods are made anew, or are about to be by one of these steps. It ends: a Deployment that does not come to an end
/// says so after its `progressDeadlineSeconds` (10 min), and members do not wait for it any longer.
pub fn moves(steps: &[Step], seen: &Observed) -> bool {
    let name = seen.name();
    let live = Way::ALL.iter().filter_map(|way| seen.children.get(Kind::Deployment, &way.name(&name)));
    let live: Vec<&Value> = live.collect();
    if live.is_empty() {
        return false;
    }
    steps.iter().any(|step| matches!(step, Step::Apply { cause: Some(_), .. })) || live.into_iter().any(rolls)
}

/// By the `Progressing` condition of a Deployment: an update that is over has the reason `NewReplicaSetAvailable`, also when pods
/// of it fail later, and one that was given up is `False`.
fn rolls(live: &Value) -> bool {
    let conditions = live["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .filter(|condition| condition["type"] == "Progressing" && condition["status"] == "True")
        .any(|condition| condition["reason"] != "NewReplicaSetAvailable")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(status: &str, reason: &str) -> bool {
        let available =
            json!({"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"});
        let progressing = json!({"type": "Progressing", "status": status, "reason": reason});
        rolls(&json!({"status": {"conditions": [available, progressing]}}))
    }

    #[test]
    fn an_update_rolls_until_its_last_pod_is_available_or_it_is_given_up() {
        assert!(with("True", "NewReplicaSetCreated") && with("True", "ReplicaSetUpdated"));
        assert!(!with("True", "NewReplicaSetAvailable"));
        assert!(!with("False", "ProgressDeadlineExceeded"));
        assert!(!rolls(&json!({"status": {"readyReplicas": 2}})));
    }
}
