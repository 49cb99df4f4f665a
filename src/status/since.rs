//! Since when a condition has its reason. Kubernetes' own `lastTransitionTime` is the time of the status: a restore that was under way for an
//! hour and then fails is `False` all the time. Whoever gives a reason time to pass asks here. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::ClusterStatus;

/// `status.reasonSince` as it should stand with these conditions: the types alone whose reason came after their status.
pub fn reasons(
    before: Option<&ClusterStatus>,
    conditions: &[Condition],
    now: Timestamp,
) -> BTreeMap<String, Time> {
    let since = |condition: &Condition| {
        let before = before?;
        let last = before.conditions.iter().find(|last| last.type_ == condition.type_)?;
        if last.status != condition.status {
            None
        } else if last.reason == condition.reason {
            before.reason_since.get(&condition.type_).cloned()
        } else {
            Some(Time(now))
        }
    };
    conditions.iter().filter_map(|one| Some((one.type_.clone(), since(one)?))).collect()
}

/// Since when this condition of the status has its reason.
pub fn since(status: &ClusterStatus, condition: &Condition) -> Timestamp {
    status.reason_since.get(&condition.type_).unwrap_or(&condition.last_transition_time).0
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        crate::fixture::start() + SignedDuration::from_mins(minute)
    }

    /// What follows on `before` when the restore is told so at this minute.
    fn told(before: Option<&ClusterStatus>, state: &str, reason: &str, minute: i64) -> ClusterStatus {
        let last = before.and_then(|before| before.conditions.first()).filter(|last| last.status == state);
        let changed = last.map_or(Time(at(minute)), |last| last.last_transition_time.clone());
        let condition = json!({"type": "Restored", "status": state, "reason": reason, "message": "m", "lastTransitionTime": changed});
        let conditions: Vec<Condition> = vec![serde_json::from_value(condition).unwrap()];
        let reason_since = reasons(before, &conditions, at(minute));
        ClusterStatus { conditions, reason_since, ..ClusterStatus::default() }
    }

    #[test]
    fn a_reason_counts_from_when_it_came_and_not_from_when_the_status_did() {
        let since = |status: &ClusterStatus| since(status, &status.conditions[0]);
        let begun = told(None, "False", "InProgress", 0);
        assert_eq!((since(&begun), begun.reason_since.len()), (at(0), 0), "the transition tells it");
        let failed = told(Some(&begun), "False", "RestoreFailed", 9);
        assert_eq!(failed.conditions[0].last_transition_time.0, at(0));
        assert_eq!(since(&failed), at(9));
        let still = told(Some(&failed), "False", "RestoreFailed", 12);
        assert_eq!(since(&still), at(9));
        let again = told(Some(&still), "False", "InProgress", 13);
        assert_eq!(since(&again), at(13));
        let over = told(Some(&again), "True", "AsWanted", 14);
        assert_eq!((since(&over), over.reason_since.len()), (at(14), 0));
    }
}
