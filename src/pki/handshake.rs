//! Proof by use: rustls peers shake hands in memory with what this module makes.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};

use super::{Authority, CA_LIFETIME, LEAF_LIFETIME, Leaf, LeafRequest, Usage, bundle};

fn authority() -> Authority {
    Authority::create("shop authority", Timestamp::now(), CA_LIFETIME).unwrap()
}

fn server_leaf(ca: &Authority) -> Leaf {
    let names = ["shop-primary.ns.svc", "*.shop-pods.ns.svc"];
    ca.issue(&LeafRequest::new("shop", names, Usage::Server, LEAF_LIFETIME), Timestamp::now()).unwrap()
}

fn client_leaf(ca: &Authority) -> Leaf {
    let none: [&str; 0] = [];
    ca.issue(&LeafRequest::new("operator", none, Usage::Client, LEAF_LIFETIME), Timestamp::now()).unwrap()
}

fn roots(pem: &str) -> RootCertStore {
    let mut store = RootCertStore::empty();
    for cert in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        store.add(cert.unwrap()).unwrap();
    }
    store
}

fn chain(leaf: &Leaf) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certs = CertificateDer::pem_slice_iter(leaf.cert_pem.as_bytes()).map(Result::unwrap).collect();
    (certs, PrivateKeyDer::from_pem_slice(leaf.key_pem.expose().as_bytes()).unwrap())
}

/// Connects to `name`; the server demands a client certificate. Both trust `trusted`.
fn shake(trusted: &str, server: &Leaf, client: &Leaf, name: &str) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let demand = WebPkiClientVerifier::builder_with_provider(roots(trusted).into(), provider.clone());
    let (certs, key) = chain(server);
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(demand.build().unwrap())
        .with_single_cert(certs, key)?;
    let (certs, key) = chain(client);
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(trusted))
        .with_client_auth_cert(certs, key)?;
    let mut server = ServerConnection::new(server.into())?;
    let mut client = ClientConnection::new(client.into(), ServerName::try_from(name.to_owned()).unwrap())?;
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn peers_of_one_authority_trust_each_other_under_the_right_name_only() {
    let ca = authority();
    let (server, client) = (server_leaf(&ca), client_leaf(&ca));
    shake(ca.cert_pem(), &server, &client, "shop-primary.ns.svc").unwrap();
    shake(ca.cert_pem(), &server, &client, "shop-0.shop-pods.ns.svc").unwrap();
    let error = shake(ca.cert_pem(), &server, &client, "other.ns.svc").unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
}

#[test]
fn a_leaf_of_another_cluster_is_refused() {
    let (ca, other) = (authority(), authority());
    let (server, client) = (server_leaf(&ca), client_leaf(&ca));
    assert!(shake(ca.cert_pem(), &server_leaf(&other), &client, "shop-primary.ns.svc").is_err());
    assert!(shake(ca.cert_pem(), &server, &client_leaf(&other), "shop-primary.ns.svc").is_err());
}

#[test]
fn a_leaf_serves_only_its_usage() {
    let ca = authority();
    let server = server_leaf(&ca);
    assert!(shake(ca.cert_pem(), &server, &server, "shop-primary.ns.svc").is_err());
}

#[test]
fn the_bundle_of_a_rotation_accepts_both_generations() {
    let (old, new) = (authority(), authority());
    let both = bundle(old.cert_pem(), new.cert_pem()).unwrap();
    shake(&both, &server_leaf(&old), &client_leaf(&new), "shop-primary.ns.svc").unwrap();
    shake(&both, &server_leaf(&new), &client_leaf(&old), "shop-primary.ns.svc").unwrap();
}
