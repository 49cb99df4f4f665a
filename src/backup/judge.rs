//! What the policies say of a backup's step. Pure.

use crate::policy::{self, CATALOG};

use super::decide::{Again, Decision, News, rest};
use super::facts::Seen;
use super::step::Step;

/// The decision, or what is told in its place.
pub(super) fn judged(decision: Decision, seen: &Seen) -> Decision {
    decision.step.as_ref().and_then(|step| held_back(step, seen)).unwrap_or(decision)
}

/// The status as it was, with what speaks against the step: what a step has written down beforehand is part of that step.
pub(super) fn held_back(step: &Step, seen: &Seen) -> Option<Decision> {
    let verdict = policy::first(CATALOG, step, |policy| policy.judge_backup(step, seen))?;
    let mut status = seen.backup.status.clone().unwrap_or_default();
    status.reason = Some(verdict.to_string());
    // The end of a restore wakes nobody here.
    let again = if seen.reader.is_some() { Again::Soon } else { Again::Later };
    Some(Decision { news: Some(News::HeldBack), ..rest(status, again) })
}
