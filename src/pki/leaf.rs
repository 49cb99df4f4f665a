//! Leaf certificates: what the members, the pooler and the operator show each other.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use super::{Authority, PkiError, after, backdated, ca::read_key, set_validity};
use crate::secret::SecretText;

/// The longest common name that X.509 allows (RFC 5280, ub-common-name).
const MAX_COMMON_NAME: usize = 64;

/// The longest DNS name and the longest label of one (RFC 1035 2.3.4).
const MAX_DNS_NAME: usize = 253;
const MAX_DNS_LABEL: usize = 63;

/// What a leaf is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// TLS server.
    Server,
    /// TLS client.
    Client,
    /// Both: Patroni's REST interface is a server to the operator and a client to its peers.
    Both,
}

impl Usage {
    /// Whether it includes serving.
    pub fn serves(self) -> bool {
        matches!(self, Self::Server | Self::Both)
    }

    /// Whether it includes connecting.
    pub fn connects(self) -> bool {
        matches!(self, Self::Client | Self::Both)
    }
}

/// The leaf that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafRequest {
    /// Common name, 1 to 64 characters; for a Postgres client certificate, the user name.
    pub common_name: String,
    /// DNS names; a `*` may stand for the whole first label.
    pub dns_names: Vec<String>,
    /// What it is for.
    pub usage: Usage,
    /// How long it is valid, from now.
    pub lifetime: Duration,
}

impl LeafRequest {
    /// A request; names are checked when it is issued.
    pub fn new<N: Into<String>>(
        common_name: &str,
        dns_names: impl IntoIterator<Item = N>,
        usage: Usage,
        lifetime: Duration,
    ) -> Self {
        let dns_names = dns_names.into_iter().map(Into::into).collect();
        Self { common_name: common_name.to_owned(), dns_names, usage, lifetime }
    }
}

/// An issued certificate with its key.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The leaf alone, PEM: the authority signs directly, so there is no intermediate to send along.
    pub cert_pem: String,
    /// The private key, PEM (PKCS#8), ECDSA P-256.
    pub key_pem: SecretText,
}

impl Authority {
    /// Issues a leaf with a new key, valid from five minutes before `now` until `now + request.lifetime`, but never longer than
    /// the authority itself.
    ///
    /// # Errors
    /// [`PkiError::Name`] for a name that cannot stand in a certificate, [`PkiError::Create`] when signing fails.
    pub fn issue(&self, request: &LeafRequest, now: Timestamp) -> Result<Leaf, PkiError> {
        let failed = |source| PkiError::Create { what: "a leaf certificate", source };
        check_common_name(&request.common_name)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, request.common_name.as_str());
        for name in &request.dns_names {
            check_dns_name(name)?;
            let text = name.to_ascii_lowercase().try_into().map_err(failed)?;
            params.subject_alt_names.push(SanType::DnsName(text));
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if request.usage.serves() {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        if request.usage.connects() {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        // Tells OpenSSL which of two authorities of the same name signed it, as there are during a rotation.
        params.use_authority_key_identifier_extension = true;
        let until = after(now, request.lifetime).min(self.not_after());
        set_validity(&mut params, backdated(now), until)?;

        let issuer = Issuer::from_ca_cert_pem(self.cert_pem(), read_key(self.key_pem())?).map_err(failed)?;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let cert_pem = params.signed_by(&key, &issuer).map_err(failed)?.pem();
        Ok(Leaf { cert_pem, key_pem: key.serialize_pem().into() })
    }
}

/// Refuses a common name that OpenSSL would refuse later, and less clearly.
pub(super) fn check_common_name(name: &str) -> Result<(), PkiError> {
    let why = if name.is_empty() {
        "it is empty; a common name has 1 to 64 characters"
    } else if name.chars().count() > MAX_COMMON_NAME {
        "it is too long; a common name has 1 to 64 characters"
    } else if name.chars().any(char::is_control) {
        "it holds a control character"
    } else {
        return Ok(());
    };
    Err(PkiError::Name { name: name.to_owned(), why })
}

/// Refuses what is not a DNS name, or has a wildcard where TLS libraries ignore it.
fn check_dns_name(name: &str) -> Result<(), PkiError> {
    let fault = |why| Err(PkiError::Name { name: name.to_owned(), why });
    let plain = name.strip_prefix("*.").unwrap_or(name);
    if name.len() > MAX_DNS_NAME {
        return fault("it is too long; a DNS name has at most 253 characters");
    }
    if plain.contains('*') {
        return fault("a '*' may only stand for the whole first label, as in '*.shop.example'");
    }
    if plain.parse::<std::net::IpAddr>().is_ok() {
        return fault("it is an address; members are reached by DNS name, because addresses change");
    }
    let label_ok = |label: &str| {
        (1..=MAX_DNS_LABEL).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !plain.split('.').all(label_ok) {
        return fault("each label of a DNS name has 1 to 63 letters, digits and inner hyphens");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{CA_LIFETIME, Certificate, LEAF_LIFETIME};

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_leaf_says_what_was_asked_for() {
        let ca = Authority::create("shop", now(), CA_LIFETIME).unwrap();
        let request =
            LeafRequest::new("shop", ["Shop-Primary", "*.shop.ns.svc"], Usage::Server, LEAF_LIFETIME);
        let leaf = ca.issue(&request, now()).unwrap();
        let cert = Certificate::first("tls.crt", &leaf.cert_pem).unwrap();
        assert!(cert.signed_by(&Certificate::first("ca.crt", ca.cert_pem()).unwrap()));
        assert!(cert.belongs_to(&leaf.key_pem).unwrap());
        assert!(!cert.belongs_to(ca.key_pem()).unwrap());
        assert_eq!(cert.common_name.as_deref(), Some("shop"));
        assert_eq!(Vec::from_iter(&cert.dns_names), ["*.shop.ns.svc", "shop-primary"]);
        assert!(cert.for_server && !cert.for_client && !cert.is_authority);
        assert_eq!(cert.not_before, "2026-11-21T11:55:00Z".parse().unwrap());
        assert_eq!(cert.not_after, "2027-02-19T12:00:00Z".parse().unwrap());
    }

    #[test]
    fn a_leaf_never_outlives_its_authority() {
        let ca = Authority::create("shop", now(), LEAF_LIFETIME / 2).unwrap();
        let leaf = ca.issue(&LeafRequest::new("a", ["a"], Usage::Both, LEAF_LIFETIME), now()).unwrap();
        assert_eq!(Certificate::first("tls.crt", &leaf.cert_pem).unwrap().not_after, ca.not_after());
    }

    #[test]
    fn names_that_no_peer_would_match_are_refused() {
        let ca = Authority::create("shop", now(), CA_LIFETIME).unwrap();
        for name in ["", "a..b", "a.*.b", "*", "10.0.0.1", "-a", "a b", &"a".repeat(64), &"ab.".repeat(90)] {
            let request = LeafRequest::new("shop", [name], Usage::Server, LEAF_LIFETIME);
            assert!(matches!(ca.issue(&request, now()), Err(PkiError::Name { .. })), "{name}");
        }
        for common_name in ["", "a\nb", &"a".repeat(65)] {
            let request = LeafRequest::new(common_name, ["a"], Usage::Server, LEAF_LIFETIME);
            assert!(matches!(ca.issue(&request, now()), Err(PkiError::Name { .. })), "{common_name}");
        }
    }
}
