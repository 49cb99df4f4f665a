//! How a copy goes from the archive, and what stands in the way. Pure.

use crate::api::{BackupPhase, BackupStatus, DeletionPolicy};

use super::copy::{Answer, Errand};
use super::decide::{Again, Decision, act, rest};
use super::facts::{CopySeen, Seen};
use super::step::Step;

/// Why a copy is in the archive still.
pub(super) enum Still {
    /// This removes it.
    Step(Box<Step>),
    /// Nobody can remove it now.
    Waits(String),
    /// Nobody can until a person changes something.
    Elsewhere(String),
    /// Nobody ever will.
    Stays(String),
}

impl Still {
    /// What is done, or waited for.
    pub fn decision(self, mut status: BackupStatus) -> Decision {
        let (why, again) = match self {
            Still::Step(step) => return act(status, *step),
            Still::Stays(_) => return rest(status, Again::Never),
            // What it failed of is worth more than what its remains wait for.
            Still::Waits(_) | Still::Elsewhere(_) if status.phase == BackupPhase::Failed => {
                return rest(status, Again::Later);
            }
            Still::Waits(why) => (why, Again::Soon),
            Still::Elsewhere(why) => (why, Again::Later),
        };
        status.reason = Some(format!("its copy in the archive waits to be removed: {why}"));
        rest(status, again)
    }
}

/// Nothing of the copy is left, or why there is.
pub(super) fn removed(seen: &Seen, reason: &str) -> Result<(), Still> {
    let (Some(errand), CopySeen::Told { member, answer }) = (Errand::of(&seen.backup), &seen.copy) else {
        return match &seen.copy {
            CopySeen::Silent(why) => Err(Still::Waits(why.clone())),
            // An archive that is off for an hour must not leave a copy that nobody knows of any more.
            CopySeen::Elsewhere(why) if seen.backup.spec.deletion_policy == DeletionPolicy::Delete => {
                Err(Still::Elsewhere(format!(
                    "{why}: give it that archive again, or let go of the copy where it is: set spec.deletionPolicy to Retain"
                )))
            }
            CopySeen::Elsewhere(why) | CopySeen::OutOfReach(why) => Err(Still::Stays(why.clone())),
            CopySeen::Unasked | CopySeen::Told { .. } => Ok(()),
        };
    };
    match answer {
        Answer::Absent { left: false } => Ok(()),
        Answer::Unknown { cause } => Err(Still::Waits(cause.clone())),
        _ => Err(Still::Step(Box::new(Step::RemoveCopy {
            member: member.clone(),
            errand,
            reason: reason.into(),
        }))),
    }
}
