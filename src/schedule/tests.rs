//! Runs and retention, each promise by its name.

mod drill_world;
mod drills;
mod keep;
mod runs;
mod world;
