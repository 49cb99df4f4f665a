//! PostgreSQL as its project releases it: one group, Patroni's configuration as it is.

use serde_json::Value;

use crate::target::{GroupTarget, Target};

use super::{Engine, patroni_yml};

/// The engine behind `flavor: Postgres`.
pub struct Postgres;

impl Engine for Postgres {
    fn patroni(&self, target: &Target, group: &GroupTarget) -> Value {
        patroni_yml::patroni_yml(target, group, &self.bin_dir(target))
    }

    fn dynamic(&self, target: &Target, group: &GroupTarget) -> Value {
        patroni_yml::dynamic(target, group)
    }

    fn bin_dir(&self, target: &Target) -> String {
        bin_dir(target.serving())
    }
}

/// Folder of the binaries of a major, where Debian's packages put them.
pub fn bin_dir(major: i32) -> String {
    format!("/usr/lib/postgresql/{major}/bin")
}
