//! One backup, from the order to a set of snapshots (`docs/decisions/0012-backups.md`) or a copy in the archive
//! (`docs/decisions/0021-base-backups.md`) that can be restored.
//!
//! The flow is the cluster's: observe, decide, apply, record. A step that does something gives back a [`Fact`]; the fact is
//! written into the status before the next step is decided on, so that an operator can be killed anywhere.

mod act;
mod begun;
mod control;
mod copy;
mod decide;
mod facts;
mod fold;
mod held;
mod judge;
mod manifest;
mod mounted;
mod observe;
mod poll;
mod probe;
pub mod queue;
mod removal;
mod shelf;
mod shelved;
mod step;
mod sweep;

#[cfg(test)]
mod copy_tests;
#[cfg(test)]
mod decide_tests;
#[cfg(test)]
mod held_tests;
#[cfg(test)]
mod night_tests;
#[cfg(test)]
mod shelf_tests;
#[cfg(test)]
mod test_world;

pub use begun::begun_as_another;
pub use control::{Context, run};
pub use decide::{Again, Decision, decide};
pub use facts::{GroupFacts, Seen, Source, SourceFacts};
pub use fold::fold;
pub use manifest::{KEY as MANIFEST_KEY, build as build_manifest, read as read_manifest};
pub use step::{Fact, Step};
