//! Makes secret material: authority, certificates, passwords. What exists is read again first, so that a stale view never
//! replaces a key that others trust already.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use rand::RngExt;
use rand::distr::Alphanumeric;

use crate::api::GROUP;
use crate::name::{ANNOTATION_PURPOSE, MANAGER};
use crate::observe::Observed;
use crate::pki::{Authority, CA_LIFETIME};
use crate::plan::Mint;
use crate::secret::SecretText;

use super::{Error, Writer};

/// Characters of a generated password: 32 of 62 are 190 bits.
const PASSWORD_LENGTH: usize = 32;

/// Makes what `mint` asks for and stores it.
pub async fn mint(writer: &Writer<'_>, mint: &Mint, seen: &Observed) -> Result<(), Error> {
    let secrets: Api<Secret> = Api::namespaced(writer.client.clone(), &writer.name.namespace);
    let api = |cause| Error::Api { what: mint.to_string(), cause };
    let now = Timestamp::now();
    let (name, purpose, entries) = match mint {
        Mint::Authority { secret, reason: _ } => {
            let authority = Authority::create(&format!("{} authority", writer.name.name), now, CA_LIFETIME)?;
            let entries = vec![
                ("ca.crt".to_owned(), authority.cert_pem().to_owned()),
                ("tls.crt".to_owned(), authority.cert_pem().to_owned()),
                ("tls.key".to_owned(), authority.key_pem().expose().to_owned()),
            ];
            (secret, "certificate authority", entries)
        }
        Mint::Leaf { secret, authority, purpose: _, request, reason: _ } => {
            let signer = secrets.get(authority).await.map_err(api)?;
            let certificate = entry(&signer, "ca.crt");
            let signer = Authority::load(certificate.expose(), &entry(&signer, "tls.key"), now)?;
            let leaf = signer.issue(request, now)?;
            let entries = vec![
                ("ca.crt".to_owned(), certificate.expose().to_owned()),
                ("tls.crt".to_owned(), leaf.cert_pem.clone()),
                ("tls.key".to_owned(), leaf.key_pem.expose().to_owned()),
            ];
            (secret, "certificate", entries)
        }
        Mint::Passwords { secret, keys, plain, purpose: _ } => {
            let mut entries = plain.clone();
            entries.extend(keys.iter().map(|key| (key.clone(), password())));
            (secret, "passwords", entries)
        }
    };
    let mut object = Secret {
        type_: Some("Opaque".into()),
        data: Some(entries.into_iter().map(|(key, text)| (key, ByteString(text.into_bytes()))).collect()),
        ..Secret::default()
    };
    object.metadata.name = Some(name.clone());
    object.metadata.labels = Some(writer.name.labels());
    object.metadata.annotations = Some(BTreeMap::from([(ANNOTATION_PURPOSE.into(), purpose.into())]));
    object.metadata.owner_references =
        Some(vec![k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference {
            api_version: format!("{GROUP}/v1alpha1"),
            kind: "PostgresCluster".into(),
            name: writer.name.name.clone(),
            uid: seen.cluster.uid().unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]);
    match seen.children.get(crate::child::Kind::Secret, name) {
        // A create that finds the Secret there already is tried again with a fresh view.
        None => secrets.create(&PostParams::default(), &object).await.map(drop).map_err(api),
        Some(live) => {
            object.type_ = None;
            object.metadata.resource_version =
                live.pointer("/metadata/resourceVersion").and_then(|v| v.as_str()).map(str::to_owned);
            let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
            secrets.patch(name, &params, &Patch::Merge(&object)).await.map(drop).map_err(api)
        }
    }
}

fn entry(secret: &Secret, key: &str) -> SecretText {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key)).map(|bytes| bytes.0.clone());
    SecretText::new(String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default())
}

fn password() -> String {
    rand::rng().sample_iter(Alphanumeric).take(PASSWORD_LENGTH).map(char::from).collect()
}
