//! Passwords of users are compared with what the server has where nobody waits for it: hashing one takes a millisecond, and there are
//! as many as the spec has users. The answer is remembered, and the decision asks again.

use kube::ResourceExt;
use tokio::task::spawn_blocking;

use crate::build::user_password;
use crate::name::ClusterName;
use crate::plan::scram;
use crate::target::password_source;

use super::catalogs::DatabaseSeen;
use super::facts::Observed;

/// Compares all that have to be compared.
pub async fn compare(seen: &Observed, found: &DatabaseSeen) {
    let cluster = &seen.cluster;
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let users = cluster.spec.users.iter().filter_map(|user| {
        let verifier = found.roles.get(&user.name)?.verifier.clone()?;
        Some((verifier, user_password(&password_source(seen, &name, user), seen)?))
    });
    let pairs: Vec<_> = users.collect();
    let all = move || pairs.iter().filter(|(verifier, password)| scram::matches(verifier, password)).count();
    spawn_blocking(all).await.expect("hashing does not panic");
}
