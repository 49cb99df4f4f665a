//! Children that do not exist, changed, or drifted.

use serde_json::json;

use crate::build;
use crate::child::Kind;
use crate::observe::Observed;
use crate::target::Target;

use super::compare::differs;
use super::immutable::{Way, way};
use super::scale::Scaling;
use super::step::Step;

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
            match way(&child, live) {
                Way::Open => {}
                Way::Wait => return None,
                Way::Remake(step) => return Some(step),
            }
            let reason = differs(&child, live)?;
            Some(Step::Apply { child: Box::new(child), reason })
        })
        .collect()
}
