//! TLS for Postgres connections: who is trusted, how much is checked, who we say we are.
//!
//! tokio-postgres only knows "TLS or not"; the difference between libpq's `require`, `verify-ca` and
//! `verify-full` is made here, once, for the operator and the workloads alike.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How much of the server's certificate is checked.
#[derive(Debug, Clone, Copy)]
pub enum Verify<'a> {
    /// Chain to one of these roots (PEM), and the host name: libpq's `verify-full`.
    Full(&'a [u8]),
    /// Chain to one of these roots (PEM), any host name: libpq's `verify-ca`.
    Ca(&'a [u8]),
    /// Encryption only, anybody may answer: libpq's `require` without a root certificate.
    None,
}

/// A client certificate chain and its private key, both PEM.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// The client's certificate first, then intermediates.
    pub certificates: &'a [u8],
    /// PKCS #8, PKCS #1 or SEC 1.
    pub key: &'a [u8],
}

/// Why a TLS configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The PEM text holds something else than what its use needs.
    #[error("failed to read {what}: {cause}; give PEM text with at least one such entry")]
    Pem {
        /// What was being read.
        what: &'static str,
        /// What the parser said.
        cause: String,
    },
    /// Certificate and key were read, but rustls does not take them.
    #[error("failed to use {what}: {cause}")]
    Rejected {
        /// What was rejected.
        what: &'static str,
        /// What rustls said.
        cause: rustls::Error,
    },
}

/// A connector for tokio-postgres. See [`client_config`] for what it checks.
///
/// # Errors
/// Those of [`client_config`].
pub fn connector(verify: Verify<'_>, identity: Option<Identity<'_>>) -> Result<MakeRustlsConnect, Error> {
    client_config(verify, identity).map(MakeRustlsConnect::new)
}

/// A rustls configuration with the ring provider, TLS 1.2 and 1.3.
///
/// The provider is named here rather than taken from the process, so that no caller has to install one first.
///
/// # Errors
/// [`Error::Pem`] for text without a certificate or key, [`Error::Rejected`] for a certificate that is not
/// usable as a root, or a key that does not fit its certificate.
pub fn client_config(verify: Verify<'_>, identity: Option<Identity<'_>>) -> Result<ClientConfig, Error> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::Rejected { what: "the TLS versions of the ring provider", cause })?;
    let builder = match verify {
        Verify::Full(pem) => builder.with_root_certificates(roots(pem)?),
        Verify::Ca(pem) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(NameBlind { roots: Some(roots(pem)?), algorithms })),
        Verify::None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(NameBlind { roots: None, algorithms })),
    };
    let Some(identity) = identity else { return Ok(builder.with_no_client_auth()) };
    let key = PrivateKeyDer::from_pem_slice(identity.key)
        .map_err(|cause| Error::Pem { what: "the client key", cause: cause.to_string() })?;
    builder
        .with_client_auth_cert(certificates(identity.certificates, "the client certificate")?, key)
        .map_err(|cause| Error::Rejected { what: "the client certificate and key", cause })
}

/// All certificates of a PEM text, at least one.
fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|cause| Error::Pem { what, cause: cause.to_string() })?;
    if found.is_empty() {
        return Err(Error::Pem { what, cause: "no certificate in it".to_owned() });
    }
    Ok(found)
}

fn roots(pem: &[u8]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem, "the root certificates")? {
        store.add(certificate).map_err(|cause| Error::Rejected { what: "a root certificate", cause })?;
    }
    Ok(store)
}

/// Checks the chain (where there are roots) but never the host name. The handshake's own signature is always
/// checked: without that, the peer would not even have to hold the key of the certificate it shows.
#[derive(Debug)]
struct NameBlind {
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for NameBlind {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The provider all of Stylobate's TLS uses, for callers that must name one (tests, servers).
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

#[cfg(test)]
mod tests;
