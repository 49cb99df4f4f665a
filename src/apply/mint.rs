//! Stores secret material. It is written with a precondition, so that a stale view never replaces a key that others trust
//! already, and two operators never make it twice.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::api::GROUP;
use crate::child::{ChildRef, Kind};
use crate::name::{ANNOTATION_DRILL, ANNOTATION_PURPOSE, LABEL_KEEP, MANAGER};
use crate::observe::{Observed, secret_data};
use crate::plan::Mint;

use super::material::{Material, material};
use super::{Error, Writer};

/// Makes what `mint` asks for and stores it.
pub async fn mint(writer: &Writer<'_>, mint: &Mint, seen: &Observed) -> Result<(), Error> {
    let secrets: Api<Secret> = Api::namespaced(writer.client.clone(), &writer.name.namespace);
    let api = |cause| Error::Api { what: mint.to_string(), cause };
    // The signer is read again: the view may be older than the authority that was made a moment ago.
    let signer = match mint.signer() {
        Some(name) => secrets.get(name).await.map_err(api)?,
        None => Secret::default(),
    };
    let signer = secret_data(&serde_json::to_value(signer).unwrap_or_default());
    let made = material(mint, &writer.name.name, &signer, Timestamp::now())?;
    let name = mint.secret();
    let mut object = json!({
        "metadata": {
            "name": name,
            "labels": labels(writer, mint, seen),
            "annotations": {ANNOTATION_PURPOSE: mint.purpose()},
            "ownerReferences": owners(writer, mint, seen),
        },
        "data": data(&made),
    });
    let Some(live) = seen.children.get(Kind::Secret, name) else {
        object["apiVersion"] = json!("v1");
        object["kind"] = json!("Secret");
        object["type"] = json!("Opaque");
        return match writer.children(Kind::Secret).create(&PostParams::default(), &dynamic(object)).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let object = ChildRef::new(Kind::Secret, name).to_string();
                Err(Error::Taken { what: mint.to_string(), object })
            }
            other => other.map(drop).map_err(api),
        };
    };
    object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
    secrets.patch(name, &params, &Patch::Merge(&object)).await.map(drop).map_err(api)
}

/// True of the passwords of the system roles, which stay with the volumes, whatever way the cluster is deleted, and of the passphrase
/// of its archive. Those of a drill go with its volumes.
fn kept(writer: &Writer<'_>, mint: &Mint, seen: &Observed) -> bool {
    let stays = [writer.name.credentials(), writer.name.archive_key()];
    stays.iter().any(|name| name == mint.secret())
        && !seen.cluster.annotations().contains_key(ANNOTATION_DRILL)
}

fn labels(writer: &Writer<'_>, mint: &Mint, seen: &Observed) -> BTreeMap<String, String> {
    let mut labels = writer.name.labels();
    if kept(writer, mint, seen) {
        labels.insert(LABEL_KEEP.into(), "true".into());
    }
    labels
}

/// The cluster owns what is minted for it; null takes an owner off.
fn owners(writer: &Writer<'_>, mint: &Mint, seen: &Observed) -> Value {
    if kept(writer, mint, seen) {
        return Value::Null;
    }
    json!([{
        "apiVersion": format!("{GROUP}/v1alpha1"),
        "kind": "PostgresCluster",
        "name": writer.name.name,
        "uid": seen.cluster.uid().unwrap_or_default(),
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

/// The entries as the API server takes them; null removes.
fn data(made: &Material) -> BTreeMap<&str, Value> {
    let set = made.set.iter().map(|(key, text)| (key.as_str(), json!(STANDARD.encode(text.expose()))));
    set.chain(made.remove.iter().map(|key| (*key, Value::Null))).collect()
}

fn dynamic(object: Value) -> DynamicObject {
    serde_json::from_value(object).expect("metadata is complete")
}
