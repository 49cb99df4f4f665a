//! Children that do not exist, changed, or drifted.

use serde_json::{Value, json};

use crate::build;
use crate::child::{Child, Kind};
use crate::name::{ANNOTATION_ASKED, ANNOTATION_RENDERED, ANNOTATION_TEMPLATE};
use crate::observe::Observed;
use crate::target::Target;

use super::compare::{contains, differs};
use super::immutable::{Way, way};
use super::restore::may_start;
use super::scale::Scaling;
use super::step::{Cause, Step};

/// Applies for all children that are not as rendered.
pub fn applies(target: &Target, seen: &Observed, scaling: &Scaling) -> Vec<Step> {
    build::children(target, seen)
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
            let reason = differs(&child, live)?;
            let cause = restarts(&child, live);
            Some(Step::Apply { child: Box::new(child), reason, cause })
        })
        .collect()
}

/// Why the pods of a Deployment would be made anew by applying it; none when they would not. Sets restart nothing.
fn restarts(child: &Child, live: Option<&Value>) -> Option<Cause> {
    let live = live.filter(|_| child.reference.kind == Kind::Deployment)?;
    let template = |body: &Value| body["spec"]["template"].clone();
    let (wanted, found) = (template(&child.body), template(live));
    if contains(&wanted, &found) {
        return None;
    }
    let rendered = |body: &Value| body["metadata"]["annotations"][ANNOTATION_RENDERED].clone();
    if rendered(&child.body) == rendered(live) {
        return Some(Cause::Repair);
    }
    let own = |template: &Value| {
        let image = template["spec"]["containers"][0]["image"].clone();
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

    fn cause(change: impl Fn(&mut Value)) -> Option<Cause> {
        let mut seen = fixture::observed(json!({}));
        fixture::settle(&mut seen, fixture::start());
        let reference = ChildRef::new(Kind::Deployment, seen.name().pooler());
        change(seen.children.0.get_mut(&reference).expect("it was applied"));
        let scaling = Scaling::default();
        applies(&fixture::target(&seen), &seen, &scaling).into_iter().find_map(|step| match step {
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
        let drifted =
            |live: &mut Value| live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("else");
        assert_eq!(cause(drifted), Some(Cause::Repair));
    }
}
