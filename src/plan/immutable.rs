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

/// The one that admission is known to rewrite. Another one of the others is no work of admission's: somebody made the set by hand.
const CLAIMS: &str = IMMUTABLE[0];

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

/// Takes over what was made of a rendering's claim templates, which can't be changed, since the API server refuses all of a write that
/// would change them. Paths of what is not as rendered.
pub fn settle(child: &mut Child, live: &Value) -> Vec<String> {
    if child.reference.kind != Kind::StatefulSet || !same_rendering(&child.body, live) {
        return Vec::new();
    }
    let (wanted, found) = (&mut child.body["spec"][CLAIMS], &live["spec"][CLAIMS]);
    let differs = parts(wanted, found);
    if !differs.is_empty() {
        *wanted = found.clone();
    }
    differs.into_keys().map(|path| format!(".spec.{CLAIMS}{path}")).collect()
}

/// Looks at a rendered child and the live one.
pub fn way(child: &Child, live: Option<&Value>) -> Way {
    let Some(live) = live.filter(|_| child.reference.kind == Kind::StatefulSet) else { return Way::Open };
    if !live["metadata"]["deletionTimestamp"].is_null() {
        return Way::Wait;
    }
    // Nobody can have changed these since: the API server, or a webhook, made them of the very same rendering, and would once more. Who makes
    // the set by hand, with our digest and our owner, makes claim templates too; the selector and the Service's name are never admission's.
    let same = same_rendering(&child.body, live);
    let differs = |field: &&str| {
        let (wanted, found) = (&child.body["spec"][*field], &live["spec"][*field]);
        match *field {
            CLAIMS => !same && !contains(wanted, found),
            // One label more is another choice of pods.
            "selector" => wanted != found,
            _ => !contains(wanted, found),
        }
    };
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
        for (field, value) in [
            ("serviceName", json!("theirs")),
            ("podManagementPolicy", json!("theirs")),
            ("selector", json!({"matchLabels": {"theirs": "x"}})),
        ] {
            let mut made = live.clone();
            made["spec"][field] = value;
            let Way::Remake(Step::ReleasePods { field: told, .. }) = way(&wanted, Some(&made)) else {
                panic!("{field}: it was made by hand with our digest")
            };
            assert_eq!(told, field);
            let mut child = wanted.clone();
            settle(&mut child, &made);
            assert_eq!(child.body["spec"][field], wanted.body["spec"][field], "{field} is not taken over");
        }
        let mut made = live.clone();
        made["spec"]["selector"]["matchLabels"]["more"] = json!("x");
        assert!(matches!(way(&wanted, Some(&made)), Way::Remake(_)), "one label more");
        live["metadata"]["annotations"]["stylobate.dev/rendered"] = json!("older");
        assert!(matches!(way(&wanted, Some(&live)), Way::Remake(_)), "another rendering wants another one");
    }
}
