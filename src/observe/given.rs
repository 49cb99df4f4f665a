//! Objects that a person supplies: Secrets, tuning ConfigMaps and the StorageClass.

use std::collections::BTreeSet;

use k8s_openapi::api::storage::v1::StorageClass;
use kube::{Client, ResourceExt};

use crate::api::PostgresClusterSpec;
use crate::child::Kind;
use crate::name::ClusterName;

use super::facts::{Children, Given, StorageClassSeen};
use super::stores::Stores;

/// Annotation of the default StorageClass.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Reads what the spec names.
///
/// # Errors
/// Those of the API server; an absent object is no error.
pub async fn given(
    client: &Client,
    stores: &Stores,
    cluster: &ClusterName,
    spec: &PostgresClusterSpec,
    children: &Children,
) -> Result<Given, kube::Error> {
    let (namespace, named) = (&cluster.namespace, stores.named());
    let mut given = Given { pod_monitors: stores.pod_monitors(), ..Given::default() };
    for name in secret_names(cluster, spec, children) {
        let data = named.secret(client, namespace, &name).await?;
        given.secrets.insert(name, data);
    }
    for tuning in spec.tuning.iter().chain(&spec.pooler.tuning) {
        let data = named.map(client, namespace, &tuning.config_map).await?;
        given.tuning.insert(tuning.config_map.clone(), data);
    }
    storage_class(&stores.classes(), spec.storage.storage_class.as_deref()).told(&mut given);
    Ok(given)
}

/// Secrets that a person may have supplied: those that the spec names, and those that stand where a password would be
/// generated. What the cluster owns is in the stores already.
pub(super) fn secret_names(
    cluster: &ClusterName,
    spec: &PostgresClusterSpec,
    children: &Children,
) -> BTreeSet<String> {
    let bucket = spec.backup.archive.as_ref().and_then(|archive| archive.gcs.as_ref());
    spec.users
        .iter()
        .map(|user| match &user.password {
            Some(password) => password.secret.clone(),
            None => cluster.user_secret(&user.name),
        })
        .filter(|secret| children.get(Kind::Secret, secret).is_none())
        .chain(spec.access.tls.as_ref().map(|tls| tls.secret.clone()))
        .chain(bucket.iter().filter_map(|gcs| gcs.service_account_secret.clone()))
        .chain(bucket.iter().filter_map(|gcs| gcs.ca_secret.clone()))
        .collect()
}

/// The StorageClass of the volumes.
pub(crate) struct Class {
    how: StorageClassSeen,
    /// The object; none while there is no such class.
    pub(crate) class: Option<StorageClass>,
}

impl Class {
    /// Puts down what counts of it.
    pub(super) fn told(self, given: &mut Given) {
        let fixed = |class: &&StorageClass| class.allow_volume_expansion != Some(true);
        given.fixed_class = self.class.as_ref().filter(fixed).map(ResourceExt::name_any);
        given.provisioner = self.class.map(|class| class.provisioner);
        given.storage_class = self.how;
    }
}

/// Looks for the class of this name, or for the default.
pub(crate) fn storage_class(all: &[StorageClass], name: Option<&str>) -> Class {
    let found = |class: StorageClass| Class { how: StorageClassSeen::Found, class: Some(class) };
    if let Some(class) = all.iter().find(|class| name == Some(&class.name_any())) {
        return found(class.clone());
    }
    let is_default =
        |class: &&StorageClass| class.annotations().get(DEFAULT_CLASS).is_some_and(|value| value == "true");
    // Of several defaults the API server takes the newest.
    let default = all.iter().filter(is_default).max_by_key(|class| class.creation_timestamp());
    let mut available: Vec<String> = all.iter().map(ResourceExt::name_any).collect();
    available.sort();
    match (name, default) {
        (Some(_), _) => Class { how: StorageClassSeen::Missing { available }, class: None },
        (None, Some(class)) => found(class.clone()),
        (None, None) => Class { how: StorageClassSeen::NoDefault { available }, class: None },
    }
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
