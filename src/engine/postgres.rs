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
        format!("/usr/lib/postgresql/{}/bin", target.version.major)
    }
}
