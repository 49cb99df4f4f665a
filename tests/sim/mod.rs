//! A cluster that lives in memory: what the API server, the kubelet, Patroni and Postgres would do with the steps that
//! are decided. Pure and deterministic, so that a scenario reads the same on every machine.
//!
//! It knows just enough of each to be wrong when a decision is wrong: a pod whose Secret does not exist stays unready,
//! SQL is read word by word, a claim is held by a dead pod until it is released.

mod apply;
mod backups;
mod broken;
mod drills;
mod fleet;
pub mod images;
mod life;
mod material;
mod others;
mod restore;
pub mod script;
mod show;
mod spelling;
mod sql;
mod upgrade;
pub mod watch;
mod world;

pub use world::World;
