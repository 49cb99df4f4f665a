//! What everything that speaks SQL to a Postgres server shares.

pub mod session;
pub mod tls;
