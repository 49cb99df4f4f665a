//! What a PEM certificate says, as plain data: the pure decisions compare these instead of parsing twice.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::PkiError;
use crate::secret::SecretText;

/// One parsed certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    public_key: Vec<u8>,
    /// The whole subject, for messages.
    pub subject: String,
    /// The first common name, which Postgres compares with the user name for client certificates.
    pub common_name: Option<String>,
    /// The DNS names, in lower case; wildcards as written.
    pub dns_names: BTreeSet<String>,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// May sign other certificates: CA:TRUE and, where key usages are listed, keyCertSign.
    pub is_authority: bool,
    /// May identify a TLS server; true where no extended key usage is listed (RFC 5280 4.2.1.12).
    pub for_server: bool,
    /// May identify a TLS client; true where no extended key usage is listed.
    pub for_client: bool,
}

impl Certificate {
    /// Every certificate in `pem`, in order. Other PEM sections are passed over.
    ///
    /// # Errors
    /// [`PkiError::Unreadable`] naming `field` when there is none, or one cannot be parsed.
    pub fn all(field: &'static str, pem: &str) -> Result<Vec<Self>, PkiError> {
        let unreadable = |cause: String| PkiError::Unreadable { field, cause };
        let mut found = Vec::new();
        for (position, section) in CertificateDer::pem_slice_iter(pem.as_bytes()).enumerate() {
            let der = section.map_err(|e| unreadable(format!("not PEM: {e:?}")))?;
            let parsed =
                Self::parse(&der).map_err(|e| unreadable(format!("certificate {}: {e}", position + 1)))?;
            found.push(parsed);
        }
        if found.is_empty() {
            return Err(unreadable(
                "it holds no certificate; it must be PEM text with a section '-----BEGIN CERTIFICATE-----'"
                    .into(),
            ));
        }
        Ok(found)
    }

    /// The first certificate in `pem`: in a chain, that is the leaf.
    ///
    /// # Errors
    /// As [`Certificate::all`].
    pub fn first(field: &'static str, pem: &str) -> Result<Self, PkiError> {
        Ok(Self::all(field, pem)?.swap_remove(0))
    }

    fn parse(der: &[u8]) -> Result<Self, String> {
        let (_, cert) =
            X509Certificate::from_der(der).map_err(|e| format!("not an X.509 certificate: {e}"))?;
        let usage = cert.extended_key_usage().map_err(|e| e.to_string())?.map(|ext| ext.value);
        let signs = cert.key_usage().map_err(|e| e.to_string())?.is_none_or(|ext| ext.value.key_cert_sign());
        let mut dns_names = BTreeSet::new();
        if let Some(names) = cert.subject_alternative_name().map_err(|e| e.to_string())? {
            dns_names.extend(names.value.general_names.iter().filter_map(|name| match name {
                GeneralName::DNSName(dns) => Some(dns.to_ascii_lowercase()),
                _ => None,
            }));
        }
        let time = |seconds| Timestamp::from_second(seconds).map_err(|e| e.to_string());
        Ok(Self {
            subject: cert.subject().to_string(),
            common_name: cert
                .subject()
                .iter_common_name()
                .next()
                .and_then(|n| n.as_str().ok())
                .map(str::to_owned),
            dns_names,
            not_before: time(cert.validity().not_before.timestamp())?,
            not_after: time(cert.validity().not_after.timestamp())?,
            is_authority: cert.is_ca() && signs,
            for_server: usage.is_none_or(|u| u.any || u.server_auth),
            for_client: usage.is_none_or(|u| u.any || u.client_auth),
            public_key: cert.public_key().raw.to_vec(),
            der: der.to_vec(),
        })
    }

    /// Whether `issuer` signed this certificate: names match and the signature is good.
    pub fn signed_by(&self, issuer: &Self) -> bool {
        let (Ok((_, own)), Ok((_, other))) =
            (X509Certificate::from_der(&self.der), X509Certificate::from_der(&issuer.der))
        else {
            return false;
        };
        issuer.is_authority
            && own.issuer().as_raw() == other.subject().as_raw()
            && own.verify_signature(Some(other.public_key())).is_ok()
    }

    /// Whether `key` is the private key of this certificate.
    ///
    /// # Errors
    /// [`PkiError::Unreadable`] when `key` is not a private key of a kind that is supported.
    pub fn belongs_to(&self, key: &SecretText) -> Result<bool, PkiError> {
        let unreadable = |cause: &str| PkiError::Unreadable { field: "tls.key", cause: cause.to_owned() };
        let der = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| {
            unreadable(
                "it holds no private key; it must be PEM text with a section '-----BEGIN PRIVATE KEY-----'",
            )
        })?;
        let key = rustls::crypto::ring::sign::any_supported_type(&der).map_err(|_| {
            unreadable("the key is of another kind; allowed are ECDSA P-256 and P-384, Ed25519, and RSA from 2048 bits")
        })?;
        Ok(key.public_key().is_some_and(|public| public.as_ref() == self.public_key))
    }

    /// The public key as a DER SubjectPublicKeyInfo.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The whole certificate as DER; equal bytes are the same certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_certificate_is_named() {
        let error = Certificate::first("ca.crt", "hello").unwrap_err().to_string();
        assert_eq!(
            error,
            "failed to read ca.crt: it holds no certificate; it must be PEM text with a section '-----BEGIN CERTIFICATE-----'"
        );
    }

    #[test]
    fn pem_that_is_not_a_certificate_is_named() {
        let pem = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        let error = Certificate::first("tls.crt", pem).unwrap_err().to_string();
        assert!(
            error.starts_with("failed to read tls.crt: certificate 1: not an X.509 certificate"),
            "{error}"
        );
    }
}
