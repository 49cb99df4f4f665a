//! Children that do not exist, changed, or drifted.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::build;
use crate::child::{Child, Kind, container};
use crate::name::{ANNOTATION_ASKED, ANNOTATION_MARKS, ANNOTATION_TEMPLATE};
use crate::observe::Observed;
use crate::pooler;
use crate::target::Target;

use super::compare::{contains, differs, parts, same_rendering};
use super::immutable::{Way, settle, way};
use super::restore::may_start;
use super::scale::Scaling;
use super::step::{Cause, Step};

/// An object that is not as rendered, since somebody else changes it back (`crate::contest`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contested {
    /// Its kind and name, or whose size it is.
    pub object: String,
    /// Parts of it by their paths.
    pub parts: Vec<String>,
    /// It is put right each time all the same: it decides who may come in or do what, or how many pods there are.
    pub guarded: bool,
}

/// Applies for all children that are not as rendered, and what is left as it is.
pub fn applies(
    target: &Target,
    seen: &Observed,
    scaling: &Scaling,
    now: Timestamp,
) -> (Vec<Step>, Vec<Contested>) {
    let mut contested = Vec::new();
    let steps = build::children(target, seen)
        .into_iter()
        .filter_map(|mut child| {
            let reference = child.reference.clone();
            // A set is not made smaller before the primary has left the members that go.
            if let (Kind::StatefulSet, Some(hold)) = (reference.kind, scaling.hold.get(&reference.name)) {
                child.body["spec"]["replicas"] = json!(hold);
                child = build::stamp(child);
            }
            let live = seen.children.0.get(&reference);
            let group = target.groups.iter().find(|group| group.name.scope() == reference.name);
            if let (Kind::StatefulSet, Some(group), None) = (reference.kind, group, live)
                && !may_start(target, seen, group)
            {
                return None;
            }
            match way(&child, live) {
                Way::Open => {}
                Way::Wait => return None,
                Way::Remake(step) => return Some(step),
            }
            let object = reference.to_string();
            let mut lost = live.map(|live| settle(&mut child, live)).unwrap_or_default();
            let contest = seen.contests.get(&object).zip(live);
            let left = contest.is_some_and(|(contest, live)| contest.leaves(&child, live, now));
            if let Some(parts) = contest.and_then(|(contest, _)| contest.guards(&child, now)) {
                contested.push(Contested { object: object.clone(), parts, guarded: true });
            } else if left && let Some(live) = live {
                lost.extend(parts(&child.body, live).into_keys());
            }
            if !lost.is_empty() {
                contested.push(Contested { object, parts: lost, guarded: false });
            }
            let reason = differs(&child, live).filter(|_| !left)?;
            let cause = restarts(&child, live);
            Some(Step::Apply { child: Box::new(child), reason, cause })
        })
        .collect();
    (steps, contested)
}

/// Why the pods of a Deployment would be made anew by applying it; none when they would not. Sets restart nothing.
fn restarts(child: &Child, live: Option<&Value>) -> Option<Cause> {
    let live = live.filter(|_| child.reference.kind == Kind::Deployment)?;
    let template = |body: &Value| body["spec"]["template"].clone();
    let (wanted, found) = (template(&child.body), template(live));
    // A label that is taken away makes pods anew as well, and what is no longer wanted is in no comparison.
    let marks = |template: &Value| template["metadata"]["annotations"][ANNOTATION_MARKS].clone();
    if contains(&wanted, &found) && marks(&wanted) == marks(&found) {
        return None;
    }
    if same_rendering(&child.body, live) {
        return Some(Cause::Repair);
    }
    let own = |template: &Value| {
        // By name: a mesh puts its own before it.
        let named = |name| container(&template["spec"], name).map(|pooler| pooler["image"].clone());
        let image = pooler::KINDS.into_iter().find_map(|kind| named(pooler::program(kind).container()));
        (template["metadata"]["annotations"][ANNOTATION_TEMPLATE].clone(), image)
    };
    let asked = |template: &Value| template["metadata"]["annotations"][ANNOTATION_ASKED].clone();
    let changed = asked(&wanted) != asked(&found) || own(&wanted) == own(&found);
    Some(if changed { Cause::Change } else { Cause::Upkeep })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::ChildRef;
    use crate::fixture;
    use crate::name::ANNOTATION_RENDERED;

    fn cause(change: impl Fn(&mut Value)) -> Option<Cause> {
        let mut seen = fixture::observed(json!({}));
        fixture::settle(&mut seen, fixture::start());
        let reference = ChildRef::new(Kind::Deployment, seen.name().pooler());
        change(seen.children.0.get_mut(&reference).expect("it was applied"));
        let scaling = Scaling::default();
        let (steps, _) = applies(&fixture::target(&seen), &seen, &scaling, fixture::start());
        steps.into_iter().find_map(|step| match step {
            Step::Apply { child, cause, .. } if child.reference == reference => cause,
            _ => None,
        })
    }

    #[test]
    fn more_pooler_pods_restart_nobody() {
        assert_eq!(cause(|live| live["spec"]["replicas"] = json!(1)), None);
    }

    #[test]
    fn what_a_person_changed_and_what_a_release_changed_are_told_apart() {
        let rendered =
            |live: &mut Value| live["metadata"]["annotations"][ANNOTATION_RENDERED] = json!("older");
        let asked = |live: &mut Value| {
            rendered(live);
            live["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = json!("1Mi");
        };
        assert_eq!(cause(asked), Some(Cause::Change));
        let released = |live: &mut Value| {
            rendered(live);
            live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("pgpool:older");
        };
        assert_eq!(cause(released), Some(Cause::Upkeep));
        let injected = |live: &mut Value| {
            released(live);
            let containers = live["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap();
            containers.insert(0, json!({"name": "mesh", "image": "mesh:1"}));
        };
        assert_eq!(cause(injected), Some(Cause::Upkeep), "a mesh puts its container first");
        let carried = |live: &mut Value| {
            rendered(live);
            live["spec"]["template"]["metadata"]["annotations"][ANNOTATION_MARKS] = json!("of a label");
        };
        assert_eq!(cause(carried), Some(Cause::Change), "a label is taken away");
        let drifted =
            |live: &mut Value| live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("else");
        assert_eq!(cause(drifted), Some(Cause::Repair));
    }
}
