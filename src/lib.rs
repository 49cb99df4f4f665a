//! Stylobate: a policy-driven Postgres and Citus platform controller.
//!
//! One flow, one direction; only the ends touch the network:
//!
//! ```text
//!  watch ──> observe ──> validate ──> plan ──> judge ──> apply ──> record
//!            (reads)     └────── pure: decide() ─────┘   (writes)  (event, log, status, metric)
//! ```

pub mod lease;
pub mod metrics;
pub mod pki;
pub mod secret;
pub mod serve;
pub mod telemetry;
pub mod workload;
