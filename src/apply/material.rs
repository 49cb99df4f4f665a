//! What a minted Secret holds. Only randomness comes in from outside, so that tests can live through years of rotations.

use jiff::Timestamp;
use rand::RngExt;
use rand::distr::Alphanumeric;

use crate::observe::SecretData;
use crate::pki::{Authority, CA_LIFETIME, PkiError};
use crate::plan::Mint;
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
        Mint::Leaf { secret: _, authority: _, purpose: _, request, reason: _ } => {
            let bundle = text(signer, "ca.crt");
            let leaf = Authority::load(text(signer, "tls.crt"), &key(signer), now)?.issue(request, now)?;
            pair(bundle, &leaf.cert_pem, &leaf.key_pem)
        }
        Mint::Passwords { secret: _, keys, plain, purpose: _ } => {
            let plain = plain.iter().map(|(key, text)| (key.clone(), SecretText::new(text.as_str())));
            plain.chain(keys.iter().map(|key| (key.clone(), password()))).collect()
        }
    };
    Ok(Material { set, remove: Vec::new() })
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
