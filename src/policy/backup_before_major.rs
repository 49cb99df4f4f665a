//! A major upgrade can't be undone once the new server has taken writes, so there has to be a way back that does not need
//! the old data: a fresh backup, or a person's word that none is needed.

use kube::ResourceExt;

use crate::name::ANNOTATION_WITHOUT_BACKUP;
use crate::plan::Step;

use super::{Case, Objection, Policy};

/// The rule `backup-before-major`.
pub struct BackupBeforeMajor;

impl Policy for BackupBeforeMajor {
    fn id(&self) -> &'static str {
        "backup-before-major"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let Step::BeginUpgrade { from, to, .. } = step else { return None };
        let cluster = &case.seen.cluster;
        let major = to.major.to_string();
        if cluster.annotations().get(ANNOTATION_WITHOUT_BACKUP) == Some(&major) {
            return None;
        }
        Some(Objection {
            reason: format!(
                "there is no backup of the data of PostgreSQL {from}, and once {to} has taken writes there is no other way back"
            ),
            remedy: format!(
                "take a backup of your own, then say that none of the operator's is needed: kubectl -n {} annotate pgc {} \
                 {ANNOTATION_WITHOUT_BACKUP}={major}",
                cluster.namespace().unwrap_or_default(),
                cluster.name_any()
            ),
        })
    }
}
