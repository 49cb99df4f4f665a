//! Objects that a person supplies: Secrets, tuning ConfigMaps and the StorageClass, each read by name.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use crate::api::PostgresClusterSpec;
use crate::child::Kind;
use crate::name::ClusterName;

use super::facts::{Children, Given, StorageClassSeen, secret_data};

/// Annotation of the default StorageClass.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Reads what the spec names.
///
/// # Errors
/// Those of the API server; an absent object is no error.
pub async fn given(
    client: &Client,
    cluster: &ClusterName,
    spec: &PostgresClusterSpec,
    children: &Children,
    pod_monitors: bool,
) -> Result<Given, kube::Error> {
    let namespace = &cluster.namespace;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let mut given = Given { pod_monitors, ..Given::default() };
    for name in &secret_names(cluster, spec, children) {
        let secret = secrets.get_opt(name).await?;
        let data = secret.map(|secret| secret_data(&serde_json::to_value(secret).unwrap_or_default()));
        given.secrets.insert(name.clone(), data);
    }
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    for tuning in spec.tuning.iter().chain(&spec.pooler.tuning) {
        let data = maps.get_opt(&tuning.config_map).await?.map(|map| map.data.unwrap_or_default());
        given.tuning.insert(tuning.config_map.clone(), data);
    }
    let classes: Api<StorageClass> = Api::all(client.clone());
    (given.storage_class, given.fixed_class) =
        storage_class(&classes, spec.storage.storage_class.as_deref()).await?;
    Ok(given)
}

/// Secrets that a person may have supplied: those that the spec names, and those that stand where a password would be
/// generated. What the cluster owns is in the stores already.
pub(super) fn secret_names(
    cluster: &ClusterName,
    spec: &PostgresClusterSpec,
    children: &Children,
) -> BTreeSet<String> {
    spec.users
        .iter()
        .map(|user| match &user.password {
            Some(password) => password.secret.clone(),
            None => cluster.user_secret(&user.name),
        })
        .filter(|secret| children.get(Kind::Secret, secret).is_none())
        .chain(spec.access.tls.as_ref().map(|tls| tls.secret.clone()))
        .collect()
}

/// How the class was found, and its name when its volumes can't grow.
pub(super) async fn storage_class(
    classes: &Api<StorageClass>,
    name: Option<&str>,
) -> Result<(StorageClassSeen, Option<String>), kube::Error> {
    let fixed = |class: &StorageClass| (class.allow_volume_expansion != Some(true)).then(|| class.name_any());
    if let Some(name) = name
        && let Some(class) = classes.get_opt(name).await?
    {
        return Ok((StorageClassSeen::Found, fixed(&class)));
    }
    let all = classes.list(&ListParams::default()).await?.items;
    let is_default =
        |class: &&StorageClass| class.annotations().get(DEFAULT_CLASS).is_some_and(|value| value == "true");
    // Of several defaults the API server takes the newest.
    let default = all.iter().filter(is_default).max_by_key(|class| class.creation_timestamp());
    let mut available: Vec<String> = all.iter().map(ResourceExt::name_any).collect();
    available.sort();
    Ok(match (name, default) {
        (Some(_), _) => (StorageClassSeen::Missing { available }, None),
        (None, Some(class)) => (StorageClassSeen::Found, fixed(class)),
        (None, None) => (StorageClassSeen::NoDefault { available }, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use serde_json::json;

    #[test]
    fn a_secret_that_a_person_put_in_the_default_place_is_looked_up() {
        let users = json!({"users": [{"name": "app"}, {"name": "own", "password": {"secret": "mine"}}]});
        let mut seen = fixture::observed(users);
        let names = |seen: &crate::observe::Observed| {
            Vec::from_iter(secret_names(&seen.name(), &seen.cluster.spec, &seen.children))
        };
        assert_eq!(names(&seen), ["c-user-app", "mine"]);
        fixture::put_secret(&mut seen, "c-user-app", &fixture::entries(&[("password", "p")]));
        assert_eq!(names(&seen), ["mine"], "what the cluster owns is not read again");
    }
}
