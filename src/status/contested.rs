//! What the status tells of objects that somebody else changes each time.

use crate::name::{LABEL_MANAGED_BY, MANAGER};
use crate::observe::Observed;
use crate::plan::{Contested, Step};

use super::conditions::{Finding, reason};

/// Most objects that are named.
const MOST_TOLD: usize = 20;

/// What is not as the spec says, since somebody else wants it otherwise.
pub(super) fn contested(seen: &Observed, contested: &[Contested]) -> Option<Finding> {
    if contested.is_empty() {
        return None;
    }
    let one = |one: &Contested| match one.parts.as_slice() {
        [] => one.object.clone(),
        parts => format!("{}: {}", one.object, parts.join(", ")),
    };
    let (guarded, left): (Vec<_>, Vec<_>) = contested.iter().partition(|one| one.guarded);
    let told = |all: &[&Contested], then: &str| {
        let all: Vec<String> = all.iter().take(MOST_TOLD).map(|contest| one(contest)).collect();
        (!all.is_empty()).then(|| format!("{then}: {}", all.join("; ")))
    };
    let all = [
        told(&left, "somebody else changes these back each time, and they are left so"),
        told(&guarded, "somebody else changes these each time, and they are put right every 15 s"),
    ];
    let retried = if left.is_empty() { "" } else { "; what is left is tried again every hour at least" };
    let message = format!(
        "{}. Find out who (an admission webhook or policy, an autoscaler, a GitOps controller; kubectl -n {} get KIND NAME -o yaml \
         --show-managed-fields) and exempt objects with the label {LABEL_MANAGED_BY}={MANAGER}{retried}",
        all.into_iter().flatten().collect::<Vec<_>>().join(". Also, "),
        seen.name().namespace,
    );
    Some((false, reason::CONTESTED, message))
}

/// It puts right what somebody else changes each time: who waits for the spec to be carried out would wait for ever.
pub(super) fn corrects(step: &Step, contested: &[Contested]) -> bool {
    let Step::Apply { child, .. } = step else { return false };
    let object = child.reference.to_string();
    contested.iter().any(|one| one.guarded && one.object == object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::{Child, ChildRef, Kind};
    use crate::fixture::observed;
    use serde_json::json;

    #[test]
    fn what_is_left_and_what_is_put_right_are_told_apart_and_neither_is_waited_for() {
        let of = |object: &str, guarded: bool| Contested {
            object: object.into(),
            parts: vec![".spec.x".into()],
            guarded,
        };
        let seen = observed(json!({}));
        let both = [of("Deployment c-pooler", false), of("NetworkPolicy c-members", true)];
        let (good, _, told) = contested(&seen, &both).unwrap();
        assert!(
            !good && told.contains("they are left so: Deployment c-pooler: .spec.x. Also, somebody else"),
            "{told}"
        );
        assert!(
            told.contains("put right every 15 s: NetworkPolicy c-members: .spec.x. Find out who"),
            "{told}"
        );
        assert!(told.ends_with("what is left is tried again every hour at least"), "{told}");
        let (.., told) = contested(&seen, &both[1..]).unwrap();
        assert!(
            told.starts_with("somebody else changes these each time") && !told.contains("left"),
            "{told}"
        );
        assert_eq!(contested(&seen, &[]), None);
        let apply = |kind: Kind, name: &str| Step::Apply {
            child: Box::new(Child { reference: ChildRef::new(kind, name), body: json!({}) }),
            reason: "a test".into(),
            cause: None,
        };
        assert!(corrects(&apply(Kind::NetworkPolicy, "c-members"), &both));
        assert!(!corrects(&apply(Kind::Deployment, "c-pooler"), &both), "it is tried again");
        assert!(!corrects(&apply(Kind::Role, "c-member"), &both));
    }
}
