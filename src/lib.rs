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
pub mod archive;
pub mod background;
pub mod backup;
pub mod build;
pub mod child;
pub mod cli;
pub mod contest;
pub mod control;
pub mod cron;
pub mod decide;
pub mod drill;
pub mod driver;
pub mod engine;
#[cfg(test)]
mod fixture;
pub mod fleet;
pub mod foresee;
pub mod images;
pub mod lease;
mod locks;
pub mod maintenance;
pub mod metrics;
pub mod name;
pub mod observe;
pub mod own;
pub mod pace;
pub mod patroni;
pub mod pki;
pub mod plan;
pub mod policy;
pub mod pooler;
pub mod quantity;
pub mod record;
mod repeat;
pub mod restore;
pub mod schedule;
pub mod secret;
pub mod serve;
pub mod slots;
pub mod snapshot;
pub mod sql;
pub mod status;
pub mod target;
pub mod telemetry;
mod text;
pub mod tuning;
pub mod upgrade;
pub mod workload;
