//! What promises are written in: the typed cluster, its pods and clients, backups, the operator, and waiting for facts.

pub mod archive;
pub mod asks;
pub mod backup;
pub mod bank;
pub mod catalog;
pub mod child;
pub mod client;
pub mod cluster;
pub mod objects;
pub mod operator;
pub mod pods;
pub mod postmortem;
pub mod room;
pub mod stage;
pub mod versions;
pub mod wire;

use std::path::PathBuf;

use kube::Client;

/// The cluster, and what all suites share.
pub struct World {
    /// The way to the API server.
    pub client: Client,
    /// The repository.
    pub root: PathBuf,
    /// Versions of PostgreSQL that there are images of.
    pub versions: versions::Versions,
    /// What lanes owe each other.
    pub room: room::Room,
    /// The port that answers shell suites ([`asks`]).
    pub asks: u16,
    /// The operators.
    pub operator: operator::Operator,
}
