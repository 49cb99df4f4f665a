//! `spec.paused` holds back everything but a deletion that a person asked for, and the record of backups that it kept from
//! beginning: that is no change of the cluster, and silence would look like success.

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

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let deleting = case.seen.cluster.metadata.deletion_timestamp.is_some();
        let record = matches!(step, Step::RecordMissed { .. });
        (case.seen.cluster.spec.paused && !deleting && !record).then(|| Objection {
            reason: "spec.paused is true".into(),
            remedy: "set spec.paused to false".into(),
        })
    }
}
