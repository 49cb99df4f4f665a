//! `spec.paused` holds back everything but a deletion that a person asked for.

use crate::plan::Step;

use super::{Case, Objection, Policy};

/// The rule `paused`.
pub struct Paused;

impl Policy for Paused {
    fn id(&self) -> &'static str {
        "paused"
    }

    fn foresees(&self) -> bool {
        true
    }

    fn judge(&self, _step: &Step, case: &Case) -> Option<Objection> {
        let deleting = case.seen.cluster.metadata.deletion_timestamp.is_some();
        (case.seen.cluster.spec.paused && !deleting).then(|| Objection {
            reason: "spec.paused is true".into(),
            remedy: "set spec.paused to false".into(),
        })
    }
}
