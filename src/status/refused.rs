//! Pods that nobody makes, since a quota or another rule of the namespace refuses them: told as a pod without a node is.

use crate::child::Kind;
use crate::observe::Observed;

use super::conditions::{Finding, reason};

/// A set or Deployment that is refused its pods; members come first.
pub fn refused(seen: &Observed, which: impl Fn(Kind) -> bool) -> Option<Finding> {
    let namespace = seen.name().namespace;
    let mut mine: Vec<_> = seen.refusals.iter().filter(|refusal| which(refusal.owner.kind)).collect();
    mine.sort_by_key(|refusal| refusal.owner.kind != Kind::StatefulSet);
    let told: Vec<String> = mine.iter().map(|refusal| refusal.told(&namespace)).collect();
    (!told.is_empty()).then(|| (false, reason::FAILED_CREATE, told.join("; ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::api::ClusterStatus;
    use crate::child::ChildRef;
    use crate::fixture::{observed, put_pods, settle, start};
    use crate::observe::Refusal;

    use super::super::kind;
    use super::*;

    fn told(status: &ClusterStatus, kind: &str) -> (String, String, String) {
        let found = status.conditions.iter().find(|condition| condition.type_ == kind).unwrap().clone();
        (found.status, found.reason, found.message)
    }

    #[test]
    fn a_quota_that_refuses_members_or_pooler_is_told_where_people_look() {
        let words =
            "pods \"c-0\" is forbidden: failed quota: compute: must specify limits.cpu for: metrics,postgres";
        let refusal = |kind, name: &str| Refusal { owner: ChildRef::new(kind, name), words: words.into() };
        let mut seen = observed(json!({}));
        seen.refusals = vec![refusal(Kind::Deployment, "c-pooler"), refusal(Kind::StatefulSet, "c")];
        let status = settle(&mut seen, start()).status;
        for kind in [kind::READY, kind::REDUNDANT, kind::CONVERGED] {
            let (status, reason, message) = told(&status, kind);
            assert_eq!((status.as_str(), reason.as_str()), ("False", "FailedCreate"), "{kind} {message}");
            assert!(message.starts_with("no pod of StatefulSet c can be made: pods"), "{message}");
            assert!(message.contains(words) && message.contains("LimitRange"), "{message}");
        }
        put_pods(&mut seen);
        seen.refusals.pop();
        let status = settle(&mut seen, start()).status;
        let (_, reason, message) = told(&status, kind::READY);
        assert_eq!(reason, "FailedCreate");
        assert!(message.starts_with("no pod of Deployment c-pooler can be made"), "{message}");
        assert_eq!(told(&status, kind::REDUNDANT).0, "True");
    }
}
