//! ConfigMaps: Patroni's configuration, the pooler's, and the authorities to verify by.

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::child::{Child, Kind};
use crate::engine::{engine, paths};
use crate::observe::Observed;
use crate::pooler;
use crate::restore::{RECORD, Restore, STOP_RECORD};
use crate::target::{GroupTarget, KEPT_POOLER, KEPT_POSTGRES, Target};
use crate::tuning::Overlay;
use crate::upgrade::Course;

use super::meta::metadata;
use super::pooler::{leaving, shows};

/// Entries of [`members`] by which members are told to do something with their data.
pub const ORDERS: [&str; 3] = [RECORD, STOP_RECORD, UPGRADE];
/// The order of a major upgrade.
const UPGRADE: &str = "upgrade.json";

/// What members of a group mount: Patroni's configuration, and what they are told besides.
pub fn members(target: &Target, group: &GroupTarget) -> Child {
    let patroni = engine(target.flavor).patroni(target, group);
    let files = [("patroni.yml", yaml(&patroni)), ("exporter-web.yml", yaml(&web_config(paths::TLS)))];
    let order = target.upgrade.as_ref().map(|course| (UPGRADE, order(target, group, course)));
    let halts = target.restore.as_ref().and_then(Restore::halts).map(|course| (STOP_RECORD, course.text()));
    let restore = target.clones().map(|course| (RECORD, course.text()));
    config_map(target, group.name.patroni(), files.into_iter().chain(order).chain(halts).chain(restore))
}

/// All ConfigMaps.
pub fn config_maps(target: &Target, seen: &Observed) -> Vec<Child> {
    let mut children: Vec<Child> = target.groups.iter().map(|group| members(target, group)).collect();
    for pooler in &target.poolers {
        let web = ("exporter-web.yml", yaml(&web_config(pooler::paths::TLS)));
        let (name, files) = (pooler.way.name(&target.name), pooler.program().files(target, pooler));
        let live = seen.children.get(Kind::ConfigMap, &name).map(|live| live["data"].clone());
        let kept = leaving(target, seen).into_iter().flat_map(|kind| pooler::program(kind).entries().0);
        let kept = kept.filter_map(|entry| Some((*entry, live.as_ref()?[entry].as_str()?.to_owned())));
        children.push(config_map(target, name, files.into_iter().chain(kept).chain([web])));
    }
    children.push(accepted(target));
    children.extend(trust(target, seen));
    children
}

/// What `upgrade-member` works by: from where to where, and the settings that the new server has to start with.
fn order(target: &Target, group: &GroupTarget, course: &Course) -> String {
    json!({
        "key": target.upgrade_key,
        "scope": group.name.scope(),
        "from": course.from.major,
        "to": course.to.major,
        "parameters": target.settings,
    })
    .to_string()
}

/// The settings that were accepted from a person's ConfigMaps: they stay in force when what these ask for next is refused.
fn accepted(target: &Target) -> Child {
    let text = |overlay: &Overlay| serde_json::to_string(overlay).expect("a map of texts is JSON");
    let entries =
        [(KEPT_POSTGRES, text(&target.tuning.overlay)), (KEPT_POOLER, text(&target.pooler_tuning.overlay))];
    config_map(target, target.name.accepted_tuning(), entries)
}

/// What to verify by: `ca.crt` for clients of the pooler, `members.crt` for the pooler and for what scrapes members. A
/// Secret would hide what is meant to be public.
fn trust(target: &Target, seen: &Observed) -> Option<Child> {
    let own = seen.children.secret(&target.name.authority())?.get("ca.crt")?.clone();
    let clients = match &target.given_tls {
        None => Some(own.clone()),
        // Without one, its authority is one that clients know already (`sslrootcert=system`).
        Some(name) => seen.given.secrets.get(name).and_then(Option::as_ref)?.get("ca.crt").cloned(),
    };
    let clients = clients.map(|text| text.expose().to_owned());
    // Until the last pod of the pooler shows the certificate that is wanted, clients meet the one before as well.
    let clients = if shows(target, seen) { clients } else { both(published(target, seen), clients) };
    let entries = clients.map(|text| (pooler::CLIENTS_AUTHORITY, text));
    let entries = entries.into_iter().chain([(pooler::MEMBERS_AUTHORITY, own.expose().to_owned())]);
    Some(config_map(target, target.name.authority(), entries))
}

/// Authorities that clients verify by now.
fn published(target: &Target, seen: &Observed) -> Option<String> {
    let live = seen.children.get(Kind::ConfigMap, &target.name.authority())?;
    live["data"][pooler::CLIENTS_AUTHORITY].as_str().map(str::to_owned)
}

/// The certificates of both, each once. What was published and is too much to keep is left out: it is public, and it is a person's.
fn both(before: Option<String>, wanted: Option<String>) -> Option<String> {
    const MOST_BYTES: usize = 100_000;
    const END: &str = "-----END CERTIFICATE-----";
    let (Some(before), Some(wanted)) =
        (before.clone().filter(|text| text.len() < MOST_BYTES), wanted.clone())
    else {
        return wanted.or(before);
    };
    let mut text = wanted.trim_end().to_owned();
    let old = before.split_inclusive(END).map(str::trim).filter(|one| one.ends_with(END));
    for one in old.filter(|one| !wanted.contains(*one)) {
        text.push('\n');
        text.push_str(one);
    }
    text.push('\n');
    Some(if text.trim_end() == wanted.trim_end() { wanted } else { text })
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

fn config_map<'a>(target: &Target, name: String, data: impl IntoIterator<Item = (&'a str, String)>) -> Child {
    let object = ConfigMap {
        metadata: metadata(target, &name),
        data: Some(data.into_iter().map(|(key, text)| (key.to_owned(), text)).collect::<BTreeMap<_, _>>()),
        ..ConfigMap::default()
    };
    Child::new(Kind::ConfigMap, name, &object)
}
