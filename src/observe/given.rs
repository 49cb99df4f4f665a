//! Objects that a person supplies: Secrets, tuning ConfigMaps and the StorageClass, each read by name.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use crate::api::PostgresClusterSpec;

use super::facts::{Given, StorageClassSeen, secret_data};

/// Annotation of the default StorageClass.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Reads what the spec names.
///
/// # Errors
/// Those of the API server; an absent object is no error.
pub async fn given(
    client: &Client,
    namespace: &str,
    spec: &PostgresClusterSpec,
    pod_monitors: bool,
) -> Result<Given, kube::Error> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let named: BTreeSet<&String> = spec
        .users
        .iter()
        .filter_map(|user| user.password.as_ref().map(|password| &password.secret))
        .chain(spec.access.tls.as_ref().map(|tls| &tls.secret))
        .collect();
    let mut given = Given { pod_monitors, ..Given::default() };
    for name in named {
        let secret = secrets.get_opt(name).await?;
        let data = secret.map(|secret| secret_data(&serde_json::to_value(secret).unwrap_or_default()));
        given.secrets.insert(name.clone(), data);
    }
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    for tuning in &spec.tuning {
        let data = maps.get_opt(&tuning.config_map).await?.map(|map| map.data.unwrap_or_default());
        given.tuning.insert(tuning.config_map.clone(), data);
    }
    given.storage_class = storage_class(client, spec.storage.storage_class.as_deref()).await?;
    Ok(given)
}

async fn storage_class(client: &Client, name: Option<&str>) -> Result<StorageClassSeen, kube::Error> {
    let classes: Api<StorageClass> = Api::all(client.clone());
    if let Some(name) = name
        && classes.get_opt(name).await?.is_some()
    {
        return Ok(StorageClassSeen::Found);
    }
    let all: BTreeMap<String, bool> = classes
        .list(&ListParams::default())
        .await?
        .into_iter()
        .map(|class| {
            let default = class.annotations().get(DEFAULT_CLASS).is_some_and(|value| value == "true");
            (class.name_any(), default)
        })
        .collect();
    if name.is_none() && all.values().any(|default| *default) {
        return Ok(StorageClassSeen::Found);
    }
    let available = all.into_keys().collect();
    Ok(match name {
        Some(_) => StorageClassSeen::Missing { available },
        None => StorageClassSeen::NoDefault { available },
    })
}
