//! Stylobate: a policy-driven Postgres and Citus platform controller.
//!
//! One flow, one direction; only the ends touch the network:
//!
//! ```text
//!  watch ──> observe ──> validate ──> plan ──> judge ──> apply ──> record
//!            (reads)     └────── pure: decide() ─────┘   (writes)  (event, log, status, metric)
//! ```

pub mod api;
pub mod apply;
pub mod build;
pub mod child;
pub mod cli;
pub mod control;
pub mod decide;
pub mod engine;
#[cfg(test)]
mod fixture;
pub mod lease;
pub mod maintenance;
pub mod metrics;
pub mod name;
pub mod observe;
pub mod pace;
pub mod patroni;
pub mod pki;
pub mod plan;
pub mod policy;
pub mod pooler;
pub mod record;
pub mod secret;
pub mod serve;
pub mod slots;
pub mod sql;
pub mod status;
pub mod target;
pub mod telemetry;
pub mod tuning;
pub mod upgrade;
pub mod workload;
