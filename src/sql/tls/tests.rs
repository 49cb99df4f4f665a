//! Real handshakes in memory: each verification mode against the right server, a wrong name, a wrong root.

use std::io::{Read, Write};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{ClientConnection, ServerConfig, ServerConnection};

use super::*;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { pem, issuer: Issuer::new(params, key) }
}

/// Certificate and key PEM for `db.example`, issued by `authority`.
fn leaf(authority: &Authority, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["db.example".to_owned()]).unwrap();
    params.extended_key_usages = vec![purpose];
    (params.signed_by(&key, &authority.issuer).unwrap().pem(), key.serialize_pem())
}

/// Both ends in one thread: bytes are carried to and fro until both are satisfied or one objects.
fn handshake(
    config: ClientConfig,
    authority: &Authority,
    name: &str,
    ask_client: bool,
) -> Result<(), rustls::Error> {
    let (certificate, key) = leaf(authority, ExtendedKeyUsagePurpose::ServerAuth);
    let builder =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let builder = if ask_client {
        let roots = Arc::new(roots(authority.pem.as_bytes()).unwrap());
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider());
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let chain = certificates(certificate.as_bytes(), "the server certificate").unwrap();
    let server = builder
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
        .map(Arc::new)
        .unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    client.writer().write_all(b"?").unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    let mut byte = [0];
    assert_eq!(server.reader().read(&mut byte).unwrap(), 1, "the handshake did not finish");
    Ok(())
}

#[test]
fn full_checks_chain_and_name() {
    let (good, other) = (authority(), authority());
    let config = |pem: &str| client_config(Verify::Full(pem.as_bytes()), None).unwrap();
    handshake(config(&good.pem), &good, "db.example", false).unwrap();
    handshake(config(&good.pem), &good, "elsewhere.example", false).unwrap_err();
    handshake(config(&other.pem), &good, "db.example", false).unwrap_err();
}

#[test]
fn ca_checks_the_chain_alone() {
    let (good, other) = (authority(), authority());
    let config = |pem: &str| client_config(Verify::Ca(pem.as_bytes()), None).unwrap();
    handshake(config(&good.pem), &good, "elsewhere.example", false).unwrap();
    handshake(config(&other.pem), &good, "db.example", false).unwrap_err();
}

#[test]
fn none_takes_anybody() {
    handshake(client_config(Verify::None, None).unwrap(), &authority(), "any.example", false).unwrap();
}

#[test]
fn a_client_certificate_is_shown_when_asked_for() {
    let good = authority();
    let (certificate, key) = leaf(&good, ExtendedKeyUsagePurpose::ClientAuth);
    let identity = Identity { certificates: certificate.as_bytes(), key: key.as_bytes() };
    let full = Verify::Full(good.pem.as_bytes());
    handshake(client_config(full, Some(identity)).unwrap(), &good, "db.example", true).unwrap();
    handshake(client_config(full, None).unwrap(), &good, "db.example", true).unwrap_err();
}

#[test]
fn unusable_text_is_named() {
    let said = client_config(Verify::Full(b"not PEM"), None).unwrap_err().to_string();
    assert!(said.starts_with("failed to read the root certificates: no certificate in it"), "{said}");
    let identity = Identity { certificates: b"", key: b"" };
    let said = client_config(Verify::None, Some(identity)).unwrap_err().to_string();
    assert!(said.starts_with("failed to read the client key"), "{said}");
}
