//! Fields of a StatefulSet that can't be changed, as the size in its claim template: the set alone is deleted and made
//! anew, and takes up its pods again by their labels. Pods and volumes do not notice.
//!
//! Two rounds do it: one deletes the set, a later one finds none and makes it. A crash in between changes nothing.

use serde_json::Value;

use crate::child::{Child, Kind};
use crate::name::COMPONENT_MEMBER;
use crate::observe::Observed;

use super::compare::{contains, parts, same_rendering};
use super::step::Step;

/// Fields of `spec` that the API server never changes, of those that are rendered.
const IMMUTABLE: [&str; 4] = ["volumeClaimTemplates", "serviceName", "podManagementPolicy", "selector"];

/// What is to be done about a set before it can be applied.
pub enum Way {
    /// Nothing: apply it.
    Open,
    /// It is on its way out: wait for that.
    Wait,
    /// Delete it alone.
    Remake(Step),
}

/// True while members are without a set: a pod that stopped now would not come back at once.
pub fn remaking(steps: &[Step], seen: &Observed) -> bool {
    steps.iter().any(|step| matches!(step, Step::ReleasePods { .. }))
        || seen.pods.values().any(|pod| pod.component == COMPONENT_MEMBER && pod.orphan)
}

/// Takes over what was made of a rendering in fields that can't be changed, since the API server refuses all of a write that would
/// change one of them. Paths of what is not as rendered.
pub fn settle(child: &mut Child, live: &Value) -> Vec<String> {
    if child.reference.kind != Kind::StatefulSet || !same_rendering(&child.body, live) {
        return Vec::new();
    }
    let mut lost = Vec::new();
    for field in IMMUTABLE {
        let (wanted, found) = (&mut child.body["spec"][field], &live["spec"][field]);
        let differs = parts(wanted, found);
        if !differs.is_empty() {
            lost.extend(differs.into_keys().map(|path| format!(".spec.{field}{path}")));
            *wanted = found.clone();
        }
    }
    lost
}

/// Looks at a rendered child and the live one.
pub fn way(child: &Child, live: Option<&Value>) -> Way {
    let Some(live) = live.filter(|_| child.reference.kind == Kind::StatefulSet) else { return Way::Open };
    if !live["metadata"]["deletionTimestamp"].is_null() {
        return Way::Wait;
    }
    // Nobody can have changed it since: the API server, or a webhook, made this of the very same rendering, and would once more.
    if same_rendering(&child.body, live) {
        return Way::Open;
    }
    let differs = |field: &&str| !contains(&child.body["spec"][*field], &live["spec"][*field]);
    match (IMMUTABLE.into_iter().find(|field| differs(field)), live["metadata"]["uid"].as_str()) {
        (Some(field), Some(uid)) => {
            Way::Remake(Step::ReleasePods { set: child.reference.name.clone(), uid: uid.to_owned(), field })
        }
        _ => Way::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, settle as settled, start};
    use serde_json::json;

    #[test]
    fn a_claim_template_that_a_webhook_rewrites_is_no_reason_to_make_the_set_anew() {
        let mut seen = observed(json!({}));
        settled(&mut seen, start());
        let reference = crate::child::ChildRef::new(Kind::StatefulSet, "c");
        let wanted = Child { reference: reference.clone(), body: seen.children.0[&reference].clone() };
        let mut live = wanted.body.clone();
        live["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = json!("theirs");
        live["spec"]["volumeClaimTemplates"][0]["spec"]["accessModes"] = json!(["ReadWriteOncePod"]);
        assert!(matches!(way(&wanted, Some(&live)), Way::Open));
        let mut child = wanted.clone();
        let lost = settle(&mut child, &live);
        assert_eq!(lost, [".spec.volumeClaimTemplates[0].spec.accessModes[0]"]);
        assert_eq!(child.body["spec"]["volumeClaimTemplates"], live["spec"]["volumeClaimTemplates"]);
        live["metadata"]["annotations"]["stylobate.dev/rendered"] = json!("older");
        assert!(matches!(way(&wanted, Some(&live)), Way::Remake(_)), "another rendering wants another one");
    }
}
