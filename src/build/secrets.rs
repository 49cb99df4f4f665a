//! Secrets that follow from others: the poolers' password file. Secrets with new material are minted, not built.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use crate::child::{Child, Kind};
use crate::engine::hba::{POOLER_MONITOR_ROLE, POOLER_ROLE};
use crate::observe::Observed;
use crate::pooler::{Users, program};
use crate::secret::SecretText;
use crate::target::{PasswordSource, Target};

use super::meta::metadata;
use super::pooler::leaving;

/// The password of a user, once its Secret exists.
pub fn user_password(source: &PasswordSource, seen: &Observed) -> Option<SecretText> {
    source.data(seen)?.get(&source.key).cloned()
}

/// The password of a role of the pooler's own, once it exists.
pub fn pooler_password(target: &Target, seen: &Observed, role: &str) -> Option<SecretText> {
    seen.children.secret(&target.name.credentials())?.get(role).cloned()
}

/// Who may log in by a pooler; none until every one of them has a password, so that no pooler ever runs with half of them.
pub fn users<'a>(target: &'a Target, seen: &Observed) -> Option<Users<'a>> {
    let credentials = seen.children.secret(&target.name.credentials())?;
    let own = |role: &'static str| Some((role, credentials.get(role)?.clone()));
    let users = target.users.iter();
    Some(Users {
        users: users
            .map(|user| Some((user.name.as_str(), user_password(&user.password, seen)?)))
            .collect::<Option<_>>()?,
        monitor: own(POOLER_MONITOR_ROLE)?,
        lookup: if target.looks_up() { Some(own(POOLER_ROLE)?) } else { None },
    })
}

/// The password file of all poolers; that of pods which are about to go stays as it is until they are gone.
pub fn pool_users(target: &Target, seen: &Observed) -> Option<Child> {
    let name = target.name.pooler_users();
    let own = target.pooler().program();
    let live = seen.children.secret(&name).unwrap_or_default();
    let kept = leaving(target, seen).into_iter().map(|kind| program(kind).entries().1);
    let kept = kept.filter_map(|entry| Some((entry, live.get(entry)?.clone())));
    let files = [(own.entries().1, own.users(&users(target, seen)?))].into_iter().chain(kept);
    let bytes = |text: SecretText| ByteString(text.expose().as_bytes().to_vec());
    let object = Secret {
        metadata: metadata(target, &name),
        type_: Some("Opaque".into()),
        data: Some(files.map(|(entry, text)| (entry.to_owned(), bytes(text))).collect()),
        ..Secret::default()
    };
    Some(Child::new(Kind::Secret, name, &object))
}
