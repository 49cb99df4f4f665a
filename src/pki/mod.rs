//! Certificates of one cluster: an own authority, the leaves it issues, and the pure decision when to renew which.
//!
//! Each cluster has its own authority, so a leaf of one customer's cluster proves nothing to another. Nothing here touches the
//! network or the clock: callers pass `now` and store what they get.
//!
//! Names of fields in messages are those of a Kubernetes TLS Secret: `tls.crt`, `tls.key`, `ca.crt`.

mod ca;
mod inspect;
mod leaf;
mod rotate;
mod verdict;

#[cfg(test)]
mod handshake;

use std::time::Duration;

use jiff::Timestamp;

pub use self::{
    ca::Authority,
    inspect::Certificate,
    leaf::{Leaf, LeafRequest, Usage},
    rotate::{CaState, CaVerdict, Validity, bundle, ca_verdict},
    verdict::{Evidence, Reason, Source, Verdict, verdict},
};

/// One day; certificates are dated in days.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an authority lives: 10 years. Replacing one takes every client through a change of trust, so it must be rare; two
/// thirds of this still leaves more than three years to do it.
pub const CA_LIFETIME: Duration = Duration::from_secs(10 * 365 * DAY.as_secs());

/// How long a leaf lives: 90 days, cert-manager's default `duration`. Renewal is automatic and needs no restart, so short costs
/// nothing and bounds the use of a stolen key: nothing here publishes revocation lists.
pub const LEAF_LIFETIME: Duration = Duration::from_secs(90 * DAY.as_secs());

/// A certificate starts this long before it was made, so that a peer whose clock is behind accepts it at once.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// Why a certificate could not be made or read. Texts name the field, the value and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// Signing or encoding failed.
    #[error("failed to create {what}: {source}")]
    Create {
        /// What was being made.
        what: &'static str,
        /// The cause.
        source: rcgen::Error,
    },
    /// A field does not hold what it should.
    #[error("failed to read {field}: {cause}")]
    Unreadable {
        /// Field of the Secret.
        field: &'static str,
        /// The cause, with what is allowed.
        cause: String,
    },
    /// The private key belongs to another certificate.
    #[error(
        "failed to load the authority: tls.key does not belong to the certificate '{subject}' in tls.crt; store the two that \
         were made together"
    )]
    KeyMismatch {
        /// Subject of the certificate.
        subject: String,
    },
    /// The certificate may not sign others.
    #[error(
        "failed to load the authority: the certificate '{subject}' in tls.crt is not an authority; it needs the extensions \
         CA:TRUE and the key usage keyCertSign"
    )]
    NotAuthority {
        /// Subject of the certificate.
        subject: String,
    },
    /// The certificate is not valid now.
    #[error(
        "failed to load the authority: the certificate '{subject}' in tls.crt is valid from {from} to {until}, and it is \
         {now}; supply one that is valid now"
    )]
    OutOfDate {
        /// Subject of the certificate.
        subject: String,
        /// Start of validity.
        from: Timestamp,
        /// End of validity.
        until: Timestamp,
        /// The time it was judged at.
        now: Timestamp,
    },
    /// A name cannot stand in a certificate.
    #[error("failed to create a certificate: the name '{name}' is not allowed: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong, and what is allowed.
        why: &'static str,
    },
}

/// Sets the validity of a certificate to be made. Certificates have a resolution of one second, so fractions are cut off.
///
/// # Errors
/// [`PkiError::Unreadable`] for a time that X.509 cannot express (year 0 or after 9999).
fn set_validity(
    params: &mut rcgen::CertificateParams,
    from: Timestamp,
    until: Timestamp,
) -> Result<(), PkiError> {
    // ASN1Time is the bridge to the `time` crate of rcgen's interface, which is no dependency of ours.
    let at = |time: Timestamp| {
        x509_parser::time::ASN1Time::from_timestamp(time.as_second())
            .map(|t| t.to_datetime())
            .map_err(|e| PkiError::Unreadable { field: "the validity", cause: format!("{time}: {e}") })
    };
    params.not_before = at(from)?;
    params.not_after = at(until)?;
    Ok(())
}

/// `at` plus `lifetime`, held at the latest time there is instead of overflowing.
fn after(at: Timestamp, lifetime: Duration) -> Timestamp {
    at.checked_add(lifetime).unwrap_or(Timestamp::MAX)
}

/// `at` less [`CLOCK_SKEW`].
fn backdated(at: Timestamp) -> Timestamp {
    at.checked_sub(CLOCK_SKEW).unwrap_or(Timestamp::MIN)
}
