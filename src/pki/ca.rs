//! The authority of one cluster: made once, kept in a Secret, read again at each start.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData,
};

use super::{Certificate, PkiError, after, backdated, leaf::check_common_name, set_validity};
use crate::secret::SecretText;

/// A certificate authority whose key and certificate belong together.
#[derive(Debug, Clone)]
pub struct Authority {
    cert_pem: String,
    key_pem: SecretText,
    not_after: Timestamp,
}

impl Authority {
    /// Makes a self-signed authority with an ECDSA P-256 key, valid from five minutes before `now` until `now + lifetime`. It may
    /// sign leaves and revocation lists, but no further authority (path length 0). Take a `common_name` that no leaf has: a leaf
    /// with its issuer's name looks self-signed to some libraries.
    ///
    /// # Errors
    /// [`PkiError::Name`] for a bad `common_name`, [`PkiError::Create`] when signing fails.
    pub fn create(common_name: &str, now: Timestamp, lifetime: Duration) -> Result<Self, PkiError> {
        let failed = |source| PkiError::Create { what: "the certificate authority", source };
        check_common_name(common_name)?;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, backdated(now), after(now, lifetime))?;
        let cert_pem = params.self_signed(&key).map_err(failed)?.pem();
        let not_after = Certificate::first("tls.crt", &cert_pem)?.not_after;
        Ok(Self { cert_pem, key_pem: key.serialize_pem().into(), not_after })
    }

    /// Takes up an authority that was stored before, or that a person supplied.
    ///
    /// # Errors
    /// [`PkiError::Unreadable`], [`PkiError::KeyMismatch`], [`PkiError::NotAuthority`], [`PkiError::OutOfDate`]; each says which
    /// field is wrong and what is allowed.
    pub fn load(cert_pem: &str, key_pem: &SecretText, now: Timestamp) -> Result<Self, PkiError> {
        let cert = Certificate::first("tls.crt", cert_pem)?;
        let key = read_key(key_pem)?;
        let subject = cert.subject.clone();
        if key.subject_public_key_info() != cert.public_key() {
            return Err(PkiError::KeyMismatch { subject });
        }
        if !cert.is_authority {
            return Err(PkiError::NotAuthority { subject });
        }
        if now < cert.not_before || now >= cert.not_after {
            let (from, until) = (cert.not_before, cert.not_after);
            return Err(PkiError::OutOfDate { subject, from, until, now });
        }
        Ok(Self { cert_pem: cert_pem.to_owned(), key_pem: key_pem.clone(), not_after: cert.not_after })
    }

    /// The certificate, PEM: what clients and members trust.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// The private key, PEM (PKCS#8).
    pub fn key_pem(&self) -> &SecretText {
        &self.key_pem
    }

    /// End of validity; nothing issued may outlive it.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

/// The signing key, in the only encoding that ring takes.
pub(super) fn read_key(key_pem: &SecretText) -> Result<KeyPair, PkiError> {
    // rcgen's cause may quote the text, so it is not passed on.
    KeyPair::from_pem(key_pem.expose()).map_err(|_| PkiError::Unreadable {
        field: "tls.key",
        cause: "not a private key in PKCS#8 PEM; convert it with 'openssl pkcs8 -topk8 -nocrypt -in FILE'"
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{CA_LIFETIME, LEAF_LIFETIME, LeafRequest, Usage};

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_created_authority_loads_again() {
        let made = Authority::create("shop authority", now(), CA_LIFETIME).unwrap();
        let loaded = Authority::load(made.cert_pem(), made.key_pem(), now()).unwrap();
        assert_eq!(loaded.not_after(), "2036-11-18T12:00:00Z".parse().unwrap());
        let cert = Certificate::first("tls.crt", made.cert_pem()).unwrap();
        assert!(cert.is_authority && cert.signed_by(&cert));
        assert_eq!(cert.not_before, "2026-11-21T11:55:00Z".parse().unwrap());
    }

    #[test]
    fn load_names_each_fault() {
        let one = Authority::create("one", now(), CA_LIFETIME).unwrap();
        let two = Authority::create("two", now(), CA_LIFETIME).unwrap();
        let error = Authority::load(one.cert_pem(), two.key_pem(), now()).unwrap_err();
        assert!(matches!(error, PkiError::KeyMismatch { .. }), "{error}");

        let leaf = one.issue(&LeafRequest::new("x", ["x"], Usage::Server, LEAF_LIFETIME), now()).unwrap();
        let error = Authority::load(&leaf.cert_pem, &leaf.key_pem, now()).unwrap_err();
        assert!(matches!(error, PkiError::NotAuthority { .. }), "{error}");

        let late = now() + CA_LIFETIME;
        let error = Authority::load(one.cert_pem(), one.key_pem(), late).unwrap_err();
        assert!(matches!(error, PkiError::OutOfDate { .. }), "{error}");

        let error = Authority::load(one.cert_pem(), &SecretText::new("key"), now()).unwrap_err().to_string();
        assert!(error.starts_with("failed to read tls.key: not a private key in PKCS#8 PEM"), "{error}");
    }

    #[test]
    fn debug_output_hides_the_key() {
        let made = Authority::create("shop", now(), CA_LIFETIME).unwrap();
        assert!(!format!("{made:?}").contains("PRIVATE KEY"));
    }
}
