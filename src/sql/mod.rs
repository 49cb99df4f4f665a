//! What everything that speaks SQL to a Postgres server shares.

pub mod console;
mod dial;
mod majors;
mod pins;
pub mod session;
pub mod tls;
mod ways;

pub use pins::options as pinned_options;
pub use ways::{Door, Ways};
