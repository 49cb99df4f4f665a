//! Pure builders: from the target to the children, one file per concern. Nothing here reads or writes.

mod archive;
#[cfg(test)]
mod asks_tests;
mod backup;
mod budget;
mod config;
mod marks;
mod member;
mod meta;
mod monitor;
mod needs;
mod network;
pub mod pod;
mod pooler;
mod rbac;
pub mod restore;
mod revision;
mod secrets;
mod service;
mod upgrade;

use crate::child::Child;
use crate::observe::Observed;
use crate::target::Target;

pub use archive::PLACE as ARCHIVE_VOLUME;
pub use backup::backup;
pub use config::{ORDERS, members as member_files};
pub use marks::{marks, patch as marks_patch};
pub use member::{CONTAINER, GRACE_SECONDS, rendered, revision, stateful_sets};
pub use meta::{RENDERED_DIGEST_LENGTH, stamp};
pub use needs::needs;
pub use revision::Revision;
pub use secrets::{pooler_password, user_password};
pub use upgrade::UPGRADE_CONTAINER;

/// Names that certificates must carry.
pub mod certificate_names {
    pub use super::member::certificate_names as member;
    pub use super::pooler::certificate_names as pooler;
}

/// Every child that the target needs and that can be rendered now. What needs a Secret that is not minted yet comes in a
/// later round, which follows at once.
pub fn children(target: &Target, seen: &Observed) -> Vec<Child> {
    let mut children = Vec::new();
    children.extend(secrets::pool_users(target, seen));
    children.extend(archive::secret(target, seen));
    children.extend(config::config_maps(target, seen));
    children.extend(rbac::accounts(target));
    children.extend(service::services(target));
    children.extend(budget::budgets(target));
    children.extend(network::policies(target));
    children.extend(member::stateful_sets(target, seen));
    children.extend(pooler::deployments(target, seen));
    if target.pod_monitor {
        children.extend(monitor::pod_monitors(target, seen));
    }
    children.into_iter().map(stamp).collect()
}
