//! What a minted Secret holds. Only randomness comes in from outside, so that tests can live through years of rotations.

use jiff::Timestamp;
use rand::RngExt;
use rand::distr::Alphanumeric;

use crate::archive::{CONF, PASSPHRASE, passphrase_of};
use crate::observe::SecretData;
use crate::pki::{Authority, CA_LIFETIME, PkiError, bundle};
use crate::plan::{Mint, Stage};
use crate::secret::SecretText;

/// Characters of a generated password: 32 of 62 are 190 bits.
const PASSWORD_LENGTH: usize = 32;

/// A change of a Secret.
#[derive(Debug)]
pub struct Material {
    /// Entries to write.
    pub set: SecretData,
    /// Keys to remove.
    pub remove: Vec<&'static str>,
}

/// Makes what `mint` asks for; `signer` is the Secret that it names as [`Mint::signer`].
///
/// # Errors
/// Those of the signing.
pub fn material(
    mint: &Mint,
    cluster: &str,
    signer: &SecretData,
    now: Timestamp,
) -> Result<Material, PkiError> {
    let set = match mint {
        Mint::Authority { secret: _, reason: _ } => {
            let authority = Authority::create(&format!("{cluster} authority"), now, CA_LIFETIME)?;
            pair(authority.cert_pem(), authority.cert_pem(), authority.key_pem())
        }
        Mint::Rotate { secret: _, stage, reason: _ } => return rotate(*stage, cluster, signer, now),
        Mint::Leaf { secret: _, authority: _, purpose: _, request, reason: _ } => {
            let bundle = text(signer, "ca.crt");
            let leaf = Authority::load(text(signer, "tls.crt"), &key(signer), now)?.issue(request, now)?;
            pair(bundle, &leaf.cert_pem, &leaf.key_pem)
        }
        Mint::MovePassphrase { secret: _, from: _ } => {
            let found = signer.get(PASSPHRASE).cloned();
            let found = found.or_else(|| passphrase_of(signer.get(CONF)?));
            found.map(|text| (PASSPHRASE.to_owned(), text)).into_iter().collect()
        }
        Mint::DropPassphrase { secret: _, kept: _, same_as } => {
            // Whoever took it away meanwhile gets the other copy kept.
            let there = signer.get(PASSPHRASE) == Some(same_as);
            let remove = there.then_some(PASSPHRASE).into_iter().collect();
            return Ok(Material { set: SecretData::new(), remove });
        }
        Mint::Passwords { secret: _, keys, plain, purpose: _ } => {
            let plain = plain.iter().map(|(key, text)| (key.clone(), SecretText::new(text.as_str())));
            plain.chain(keys.iter().map(|key| (key.clone(), password()))).collect()
        }
    };
    Ok(Material { set, remove: Vec::new() })
}

/// The authority's Secret after a stage of its rotation.
fn rotate(stage: Stage, cluster: &str, live: &SecretData, now: Timestamp) -> Result<Material, PkiError> {
    let entry = |name: &str, text: &str| (name.to_owned(), SecretText::new(text));
    let trusted = text(live, "ca.crt");
    Ok(match stage {
        Stage::Prepare => {
            // A name of its own: libraries that look up an issuer by name alone find the right one.
            let name = format!("{cluster} authority {}", now.strftime("%F"));
            let next = Authority::create(&name, now, CA_LIFETIME)?;
            let both = bundle(trusted, next.cert_pem())?;
            let set = [
                entry("ca.crt", &both),
                entry("next.crt", next.cert_pem()),
                entry("next.key", next.key_pem().expose()),
            ];
            Material { set: set.into(), remove: Vec::new() }
        }
        Stage::Promote => {
            let (certificate, key) = (text(live, "next.crt"), text(live, "next.key"));
            let mut set = pair(&bundle(trusted, certificate)?, certificate, &SecretText::new(key));
            set.extend([entry("promoted-at", &now.to_string())]);
            Material { set, remove: vec!["next.crt", "next.key"] }
        }
        Stage::Retire => {
            let set = [entry("ca.crt", text(live, "tls.crt"))].into();
            Material { set, remove: vec!["promoted-at"] }
        }
    })
}

fn pair(bundle: &str, certificate: &str, key: &SecretText) -> SecretData {
    let entry = |name: &str, text: &str| (name.to_owned(), SecretText::new(text));
    [entry("ca.crt", bundle), entry("tls.crt", certificate), entry("tls.key", key.expose())].into()
}

fn text<'a>(data: &'a SecretData, name: &str) -> &'a str {
    data.get(name).map(SecretText::expose).unwrap_or_default()
}

fn key(data: &SecretData) -> SecretText {
    data.get("tls.key").cloned().unwrap_or_else(|| SecretText::new(""))
}

fn password() -> SecretText {
    rand::rng().sample_iter(Alphanumeric).take(PASSWORD_LENGTH).map(char::from).collect::<String>().into()
}
