//! What the policies say of a backup's step. Pure.

use crate::policy::{Policy, objection_to_backup};

use super::decide::{Again, Decision, News, rest};
use super::facts::Seen;

/// The decision; or the status as it was, with what speaks against the step: what a step has written down beforehand is part of that step.
pub(super) fn judged(decision: Decision, seen: &Seen, catalog: &[&dyn Policy]) -> Decision {
    let objection = decision.step.as_ref().and_then(|step| objection_to_backup(step, seen, catalog));
    let Some(verdict) = objection else { return decision };
    let mut status = seen.backup.status.clone().unwrap_or_default();
    status.reason = Some(verdict.to_string());
    // The end of a restore wakes nobody here.
    let again = if seen.reader.is_some() { Again::Soon } else { Again::Later };
    Decision { news: Some(News::HeldBack), ..rest(status, again) }
}
