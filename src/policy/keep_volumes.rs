//! Nothing is deleted while its cluster stands: only a cluster whose deletion was asked for loses anything, and never its
//! volumes, for which there is no step at all.

use crate::plan::{Hazard, Step};

use super::{Case, Objection, Policy};

/// The rule `keep-what-stands`.
pub struct KeepVolumes;

impl Policy for KeepVolumes {
    fn id(&self) -> &'static str {
        "keep-what-stands"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let standing = case.seen.cluster.metadata.deletion_timestamp.is_none();
        (step.hazard() == Hazard::Destroy && standing).then(|| Objection {
            reason: "the cluster is not being deleted".into(),
            remedy: "delete the PostgresCluster if that is meant".into(),
        })
    }
}
