//! How clients reach the cluster: address, authority, users with their Secrets, databases.

use kube::ResourceExt;

use crate::api::PostgresCluster;
use crate::name::ClusterName;
use crate::pooler;

use super::super::human::columns;

/// The lines that answer "how do I connect?".
pub fn connect(cluster: &PostgresCluster) -> String {
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let spec = &cluster.spec;
    let authority = match &spec.access.tls {
        Some(tls) => format!("Secret {}", tls.secret),
        None => format!("ConfigMap {}", name.authority()),
    };
    let users: Vec<String> = spec
        .users
        .iter()
        .map(|user| {
            let secret = match &user.password {
                Some(password) => format!("{} key {}", password.secret, password.key),
                None => name.user_secret(&user.name),
            };
            format!("{} (Secret {secret})", user.name)
        })
        .collect();
    let databases: Vec<String> =
        spec.databases.iter().map(|database| format!("{} (of {})", database.name, database.owner)).collect();
    let or_none = |list: Vec<String>| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let row = |what: &str, text: String| vec![what.to_owned(), text];
    columns(&[
        row("connect", format!("stylobate psql {} -n {}", name.name, name.namespace)),
        row(
            "address",
            format!(
                "{}.{}.svc:{} sslmode=verify-full, ca.crt in {authority}",
                name.pooler(),
                name.namespace,
                pooler::PORT
            ),
        ),
        row("users", or_none(users)),
        row("databases", or_none(databases)),
    ])
}
