//! Workloads that prove promises under load: they run against a Postgres URL, never against an internal interface.
//!
//! ```text
//!  args ──> target ──> schema ──> worker ×N ──> verify ──> summary
//!                                   │ session, transfer, backoff
//!                                   ├──> outcome ──> meter, gap ──> report (a line per second)
//!                                   └──> journal (what was promised) ──────┘
//! ```

pub mod bank;

mod args;
mod backoff;
mod error;
mod gap;
mod journal;
mod meter;
mod outcome;
mod report;
mod schema;
mod session;
mod summary;
mod target;
mod transfer;
mod verify;
mod worker;
