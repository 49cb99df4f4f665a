//! A drill: a backup is restored aside, looked through, measured, and removed again (`docs/decisions/0017-drills.md`).
//!
//! Observe, decide (pure), act, record, as everywhere. `status.drill` of the backup is the record: a drill that runs stands there
//! before anything is made for it, so an operator that is killed goes on with it, or removes what it made.

mod act;
mod class;
mod cluster;
mod control;
mod decide;
mod facts;
mod queue;
mod replay;
mod source;

#[cfg(test)]
mod replay_tests;
#[cfg(test)]
mod tests;

pub use control::{Context, run};
pub use decide::{Decision, Step, decide};
pub use facts::{Findings, Report, Seen, Source, SourceMark};
