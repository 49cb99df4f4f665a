//! Secrets that follow from others: Pgpool's password file. Secrets with new material are minted, not built.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use std::collections::BTreeMap;

use crate::child::{Child, Kind};
use crate::engine::hba::POOLER_MONITOR_ROLE;
use crate::observe::Observed;
use crate::pooler::password_file;
use crate::secret::SecretText;
use crate::target::{PasswordSource, Target};

use super::meta::metadata;

/// The password of a user, once its Secret exists.
pub fn user_password(source: &PasswordSource, seen: &Observed) -> Option<SecretText> {
    source.data(seen)?.get(&source.key).cloned()
}

/// The password of the pooler's metrics exporter, once it exists.
pub fn pooler_monitor_password(target: &Target, seen: &Observed) -> Option<SecretText> {
    seen.children.secret(&target.name.credentials())?.get(POOLER_MONITOR_ROLE).cloned()
}

/// Pgpool's password file; none until every user has a password, so that Pgpool never runs with half of them.
pub fn pool_users(target: &Target, seen: &Observed) -> Option<Child> {
    let monitor = pooler_monitor_password(target, seen).map(|password| (POOLER_MONITOR_ROLE, password));
    let users = target.users.iter();
    let passwords: Vec<(&str, SecretText)> = users
        .map(|user| Some((user.name.as_str(), user_password(&user.password, seen)?)))
        .chain([monitor])
        .collect::<Option<_>>()?;
    let file = password_file(passwords.iter().map(|(name, password)| (*name, password)));
    let name = target.name.pooler_users();
    let object = Secret {
        metadata: metadata(target, &name),
        type_: Some("Opaque".into()),
        data: Some(BTreeMap::from([("pool_passwd".into(), ByteString(file.expose().as_bytes().to_vec()))])),
        ..Secret::default()
    };
    Some(Child::new(Kind::Secret, name, &object))
}
