//! The file of `stylobate plan -f`: one `PostgresCluster`, and the tuning ConfigMaps beside it. The API server itself is asked
//! what it makes of the object, by a dry run, so that its refusals and defaults are those of a real edit.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use kube::api::{DynamicObject, PostParams};
use kube::core::Request;
use kube::{Api, Resource, ResourceExt};
use serde_json::Value;

use crate::api::PostgresCluster;

use super::super::connect::Cluster;
use super::super::explain::Error;

/// What a file says.
#[derive(Debug)]
pub struct Edit {
    /// The object, as it was written.
    pub cluster: Value,
    /// Entries of each ConfigMap, by name.
    pub maps: BTreeMap<String, BTreeMap<String, String>>,
}

/// What the API server would make of it.
pub enum Outcome {
    /// The object as it would be stored.
    Taken(Box<PostgresCluster>),
    /// Its refusal.
    Refused(String),
}

/// The text of a file; `-` is standard input.
///
/// # Errors
/// What can't be read.
pub fn text(path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|found| text = found)
    };
    read.map_err(|cause| Error::Plain(format!("failed to read {}: {cause}", path.display())))?;
    Ok(text)
}

impl Edit {
    /// Reads a file; `-` is standard input.
    ///
    /// # Errors
    /// What can't be read, and what is not in it, with the line where there is one.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&text(path)?)
            .map_err(|cause| Error::Plain(format!("failed to read {}: {cause}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|cause| cause.to_string())?;
        let mut clusters = Vec::new();
        let mut maps = BTreeMap::new();
        for document in documents.into_iter().filter(|document| !document.is_null()) {
            match document["kind"].as_str() {
                Some("PostgresCluster") => clusters.push(document),
                Some("ConfigMap") => {
                    let name = document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                    let data = serde_json::from_value(document["data"].clone());
                    let data: Option<BTreeMap<String, String>> =
                        data.map_err(|cause| format!("ConfigMap {name} has data that is no text: {cause}"))?;
                    maps.insert(name, data.unwrap_or_default());
                }
                _ => {}
            }
        }
        match <[Value; 1]>::try_from(clusters) {
            Ok([cluster]) => Ok(Self { cluster, maps }),
            Err(clusters) => Err(format!(
                "{} objects of kind PostgresCluster are in it, and there must be one (ConfigMaps may stand beside it)",
                clusters.len()
            )),
        }
    }

    /// Name of the cluster.
    pub fn name(&self) -> &str {
        self.cluster["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Namespace that the file names.
    pub fn namespace(&self) -> Option<&str> {
        self.cluster["metadata"]["namespace"].as_str()
    }

    /// Asks the API server, which stores nothing. What the file says stands in for the whole spec of the live object, as
    /// after `kubectl replace`; labels, annotations and status of the live object stay, with those of the file laid over.
    ///
    /// # Errors
    /// Those of the API server, but for a refusal of the object.
    pub async fn dry_run(&self, cluster: &Cluster, live: Option<&PostgresCluster>) -> Result<Outcome, Error> {
        let api: Api<PostgresCluster> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let requests = Request::new(api.resource_url());
        let params = PostParams { dry_run: true, ..PostParams::default() };
        let mut object = self.cluster.clone();
        object["metadata"]["namespace"] = cluster.namespace.clone().into();
        let body = |object: &Value| serde_json::to_vec(object).unwrap_or_default();
        let request = match live {
            None => requests.create(&params, body(&object)),
            Some(live) => {
                let given = object["metadata"].take();
                let mut metadata = serde_json::to_value(live.meta()).unwrap_or_default();
                for part in ["labels", "annotations"] {
                    for (key, value) in given[part].as_object().into_iter().flatten() {
                        metadata[part][key] = value.clone();
                    }
                }
                object["metadata"] = metadata;
                requests.replace(self.name(), &params, body(&object))
            }
        };
        let failed = |error| Error::of("ask the API server by a dry run", cluster, error);
        let mut request =
            request.map_err(|cause| Error::Plain(format!("failed to write the request: {cause}")))?;
        // A misspelt field is refused, as kubectl does, and not dropped without a word.
        let strict = format!("{}&fieldValidation=Strict", request.uri());
        *request.uri_mut() = strict
            .parse()
            .map_err(|cause| Error::Plain(format!("failed to write the address of the request: {cause}")))?;
        match cluster.client.request::<DynamicObject>(request).await {
            Ok(stored) => {
                let read = serde_json::to_value(stored).and_then(serde_json::from_value);
                let mut stored: PostgresCluster =
                    read.map_err(|cause| Error::Plain(format!("failed to read the answer: {cause}")))?;
                stored.status = live.and_then(|live| live.status.clone());
                Ok(Outcome::Taken(Box::new(stored)))
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
                Ok(Outcome::Refused(status.message.clone()))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The object by this command's own reading, for a person who may not even ask for an edit.
    ///
    /// # Errors
    /// What does not fit the definition.
    pub fn by_own_reading(&self, live: Option<&PostgresCluster>) -> Result<PostgresCluster, Error> {
        let mut read: PostgresCluster = serde_json::from_value(self.cluster.clone()).map_err(|cause| {
            Error::Plain(format!("failed to read PostgresCluster {}: {cause}", self.name()))
        })?;
        if let Some(live) = live {
            let given = std::mem::replace(&mut read.metadata, live.metadata.clone());
            read.annotations_mut().extend(given.annotations.into_iter().flatten());
            read.status = live.status.clone();
            // As the API server counts: by it an edit is told from another release of the operator.
            let spec = |cluster: &PostgresCluster| serde_json::to_value(&cluster.spec).unwrap_or_default();
            if spec(&read) != spec(live) {
                read.metadata.generation = read.metadata.generation.map(|number| number + 1);
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = "kind: PostgresCluster\nmetadata: {name: a, namespace: shop}\n";

    #[test]
    fn a_cluster_is_read_with_the_config_maps_beside_it() {
        let text =
            format!("{CLUSTER}---\nkind: ConfigMap\nmetadata: {{name: t}}\ndata: {{work_mem: 8MB}}\n---\n");
        let edit = Edit::parse(&text).unwrap();
        assert_eq!((edit.name(), edit.namespace()), ("a", Some("shop")));
        assert_eq!(edit.maps["t"]["work_mem"], "8MB");
    }

    #[test]
    fn a_file_without_a_cluster_or_with_two_is_refused_with_what_must_be() {
        for (text, count) in [
            ("kind: ConfigMap\nmetadata: {name: t}\n".to_owned(), 0),
            (format!("{CLUSTER}---\n{CLUSTER}"), 2),
        ] {
            let why = Edit::parse(&text).unwrap_err();
            assert!(why.starts_with(&format!("{count} objects of kind PostgresCluster")), "{why}");
        }
    }

    #[test]
    fn a_number_in_a_config_map_is_refused_as_the_api_server_does() {
        let text =
            format!("{CLUSTER}---\nkind: ConfigMap\nmetadata: {{name: t}}\ndata: {{max_connections: 200}}\n");
        assert!(Edit::parse(&text).unwrap_err().starts_with("ConfigMap t has data that is no text"));
    }
}
