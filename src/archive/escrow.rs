//! The key of the customer that the archive's passphrase is sealed to, in each manifest beside the data: who has lost the Kubernetes cluster
//! with all its Secrets opens it with the private one. Sealed on members (`images/postgres/sealed.py`); here only its form is judged.
//! Why: `docs/decisions/0034-archive-key.md`.

use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Bits of an RSA key. Cloud KMS has keys of 2048, 3072 and 4096 for RSA_DECRYPT_OAEP_*_SHA256; less is none of NIST's (SP 800-131A), and
/// with more a manifest would have more than `MOST_ESCROW` of images/postgres/sealed.py.
const BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Why a text is no key to seal to; none when it is one.
pub fn unfit(text: &str) -> Option<&'static str> {
    const WRITE: &str = "write the public key in PEM, from BEGIN PUBLIC KEY to END PUBLIC KEY: gcloud kms keys versions get-public-key prints it, and openssl \
                         pkey -pubout";
    if text.contains("PRIVATE KEY") {
        return Some(
            "it is a private key, which others have read by now: make another pair, and give its public key",
        );
    }
    let Ok((rest, pem)) = parse_x509_pem(text.as_bytes()) else { return Some(WRITE) };
    if pem.label != "PUBLIC KEY" || !rest.trim_ascii().is_empty() || !text.trim_start().starts_with("-----") {
        return Some(WRITE);
    }
    let parsed = SubjectPublicKeyInfo::from_der(&pem.contents).ok().filter(|(rest, _)| rest.is_empty());
    let rsa = parsed.as_ref().and_then(|(_, info)| match info.parsed() {
        Ok(PublicKey::RSA(key)) => Some(key.key_size()),
        _ => None,
    });
    match rsa {
        Some(bits) if BITS.contains(&bits) => None,
        Some(_) => Some("an RSA key has 2048 to 4096 bits"),
        None => Some(
            "it is no RSA key: in Cloud KMS its purpose is ASYMMETRIC_DECRYPT, its algorithm RSA_DECRYPT_OAEP_3072_SHA256 or one like it",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `openssl genpkey -algorithm RSA | openssl pkey -pubout`; nobody has the private one.
    const RSA: &str = include_str!("../../tests/keys/escrow-2048.pem");
    const SHORT: &str = include_str!("../../tests/keys/escrow-1024.pem");
    const CURVE: &str = include_str!("../../tests/keys/escrow-p256.pem");

    #[test]
    fn a_public_rsa_key_is_one_and_whatever_else_says_what_to_give() {
        assert_eq!(unfit(RSA), None);
        assert_eq!(unfit(&format!("\n{RSA}\n")), None);
        for (bad, why) in [
            (String::new(), "BEGIN PUBLIC KEY"),
            (RSA.replace("PUBLIC KEY", "CERTIFICATE"), "BEGIN PUBLIC KEY"),
            (RSA.replace("PUBLIC KEY", "PRIVATE KEY"), "make another pair"),
            (format!("{RSA}{RSA}"), "BEGIN PUBLIC KEY"),
            (format!("repo1-host=evil\n{RSA}"), "BEGIN PUBLIC KEY"),
            (RSA.lines().filter(|line| !line.starts_with('M')).collect::<Vec<_>>().join("\n"), "no RSA key"),
            (SHORT.into(), "2048 to 4096 bits"),
            (CURVE.into(), "no RSA key"),
        ] {
            let told = unfit(&bad).unwrap_or_else(|| panic!("{bad} was taken"));
            assert!(told.contains(why), "{bad}: {told}");
        }
    }
}
