//! Fields of a StatefulSet that can't be changed, as the size in its claim template: the set alone is deleted and made
//! anew, and takes up its pods again by their labels. Pods and volumes do not notice.
//!
//! Two rounds do it: one deletes the set, a later one finds none and makes it. A crash in between changes nothing.

use serde_json::Value;

use crate::child::{Child, Kind};
use crate::name::COMPONENT_MEMBER;
use crate::observe::Observed;

use super::compare::contains;
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

/// Looks at a rendered child and the live one.
pub fn way(child: &Child, live: Option<&Value>) -> Way {
    let Some(live) = live.filter(|_| child.reference.kind == Kind::StatefulSet) else { return Way::Open };
    if !live["metadata"]["deletionTimestamp"].is_null() {
        return Way::Wait;
    }
    let differs = |field: &&str| !contains(&child.body["spec"][*field], &live["spec"][*field]);
    match (IMMUTABLE.into_iter().find(|field| differs(field)), live["metadata"]["uid"].as_str()) {
        (Some(field), Some(uid)) => {
            Way::Remake(Step::ReleasePods { set: child.reference.name.clone(), uid: uid.to_owned(), field })
        }
        _ => Way::Open,
    }
}
