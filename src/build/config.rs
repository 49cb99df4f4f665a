//! ConfigMaps: Patroni's configuration, the pooler's, and the authority's certificate for clients.

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::child::{Child, Kind};
use crate::engine::{engine, paths};
use crate::observe::Observed;
use crate::pooler;
use crate::target::Target;

use super::meta::metadata;

/// All ConfigMaps.
pub fn config_maps(target: &Target, seen: &Observed) -> Vec<Child> {
    let mut children = Vec::new();
    for group in &target.groups {
        let patroni = engine(target.flavor).patroni(target, group);
        children.push(config_map(
            target,
            group.name.patroni(),
            [("patroni.yml", yaml(&patroni)), ("exporter-web.yml", yaml(&web_config(paths::TLS)))],
        ));
    }
    children.push(config_map(
        target,
        target.name.pooler(),
        [
            ("pgpool.conf", pooler::pgpool_conf(target)),
            ("pool_hba.conf", pooler::hba()),
            ("exporter-web.yml", yaml(&web_config(pooler::paths::TLS))),
        ],
    ));
    // Clients verify the pooler by this; a Secret would hide what is meant to be public.
    let authority =
        seen.children.secret(&target.name.authority()).and_then(|data| data.get("ca.crt").cloned());
    if let Some(certificate) = authority {
        children.push(config_map(
            target,
            target.name.authority(),
            [("ca.crt", certificate.expose().to_owned())],
        ));
    }
    children
}

/// TLS of a Prometheus exporter (exporter-toolkit's web configuration); it reads the files anew for each connection.
fn web_config(folder: &str) -> Value {
    json!({"tls_server_config": {
        "cert_file": format!("{folder}/tls.crt"),
        "key_file": format!("{folder}/tls.key"),
        "min_version": "TLS12",
    }})
}

fn yaml(value: &Value) -> String {
    serde_saphyr::to_string(value).expect("a JSON value is also a YAML value")
}

fn config_map<const N: usize>(target: &Target, name: String, data: [(&str, String); N]) -> Child {
    let object = ConfigMap {
        metadata: metadata(target, &name),
        data: Some(data.into_iter().map(|(key, text)| (key.to_owned(), text)).collect::<BTreeMap<_, _>>()),
        ..ConfigMap::default()
    };
    Child::new(Kind::ConfigMap, name, &object)
}
