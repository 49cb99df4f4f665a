//! Who logs in, to which database, with which Secret. Pure.

use kube::ResourceExt;

use crate::api::PostgresCluster;
use crate::name::ClusterName;

/// All that a session needs to know of the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Role.
    pub user: String,
    /// Database.
    pub database: String,
    /// Secret with the role's password.
    pub secret: String,
    /// Key in it.
    pub key: String,
    /// Where the authority's certificate stands.
    pub authority: Authority,
}

/// Where the authority's certificate stands, under `ca.crt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The operator's own authority.
    ConfigMap(String),
    /// A certificate of a person's own.
    Secret(String),
}

/// Completes what the person said from the spec.
///
/// # Errors
/// What can't be, and what can.
pub fn choose(
    cluster: &PostgresCluster,
    user: Option<&str>,
    database: Option<&str>,
) -> Result<Login, String> {
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let spec = &cluster.spec;
    let owner = database.and_then(|wanted| spec.databases.iter().find(|found| found.name == wanted));
    let wanted = user
        .or(owner.map(|database| database.owner.as_str()))
        .or(spec.users.first().map(|user| user.name.as_str()))
        .ok_or("failed to choose a user: spec.users is empty; add one, the operator makes its password")?;
    let Some(found) = spec.users.iter().find(|user| user.name == wanted) else {
        let all: Vec<&str> = spec.users.iter().map(|user| user.name.as_str()).collect();
        return Err(format!(
            "failed to choose user {wanted}: spec.users has {}; system roles are closed to clients",
            if all.is_empty() { "none".to_owned() } else { all.join(", ") }
        ));
    };
    let owned = spec.databases.iter().find(|database| database.owner == wanted);
    let database = database
        .or(owned.map(|database| database.name.as_str()))
        .or(spec.databases.first().map(|database| database.name.as_str()))
        .unwrap_or("postgres");
    let (secret, key) = match &found.password {
        Some(password) => (password.secret.clone(), password.key.clone()),
        None => (name.user_secret(wanted), "password".to_owned()),
    };
    let authority = match &spec.access.tls {
        Some(tls) => Authority::Secret(tls.secret.clone()),
        None => Authority::ConfigMap(name.authority()),
    };
    Ok(Login { user: wanted.to_owned(), database: database.to_owned(), secret, key, authority })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn cluster(users: Value, databases: Value, access: Value) -> PostgresCluster {
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1",
            "kind": "PostgresCluster",
            "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"engine": {"version": "17.91"}, "storage": {"size": "2Gi"},
                     "users": users, "databases": databases, "access": access},
        }))
        .unwrap()
    }

    fn shop() -> PostgresCluster {
        cluster(
            json!([{"name": "app"}, {"name": "Report", "password": {"secret": "mine", "key": "pw"}}]),
            json!([{"name": "orders", "owner": "app"}, {"name": "facts", "owner": "Report"}]),
            json!({}),
        )
    }

    #[test]
    fn a_session_needs_no_more_than_the_clusters_name() {
        let login = choose(&shop(), None, None).unwrap();
        assert_eq!((login.user.as_str(), login.database.as_str()), ("app", "orders"));
        assert_eq!((login.secret.as_str(), login.key.as_str()), ("db-user-app", "password"));
        assert_eq!(login.authority, Authority::ConfigMap("db-ca".into()));
    }

    #[test]
    fn a_database_brings_its_owner_and_the_owners_own_secret() {
        let login = choose(&shop(), None, Some("facts")).unwrap();
        assert_eq!(
            (login.user.as_str(), login.secret.as_str(), login.key.as_str()),
            ("Report", "mine", "pw")
        );
        let login = choose(&shop(), Some("Report"), Some("orders")).unwrap();
        assert_eq!((login.user.as_str(), login.database.as_str()), ("Report", "orders"));
    }

    #[test]
    fn a_role_that_is_not_of_the_spec_is_refused_with_those_that_are() {
        let refused = choose(&shop(), Some("postgres"), None).unwrap_err();
        assert!(refused.contains("spec.users has app, Report"), "{refused}");
        let none = choose(&cluster(json!([]), json!([]), json!({})), None, None).unwrap_err();
        assert!(none.contains("spec.users is empty"), "{none}");
    }

    #[test]
    fn a_given_certificate_is_verified_by_its_own_authority() {
        let cluster = cluster(json!([{"name": "app"}]), json!([]), json!({"tls": {"secret": "corp"}}));
        let login = choose(&cluster, None, None).unwrap();
        assert_eq!(login.authority, Authority::Secret("corp".into()));
        assert_eq!(login.database, "postgres");
    }
}
