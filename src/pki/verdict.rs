//! Whether a leaf may stay, must be renewed, or is refused: pure, so that each case is a test.
//!
//! A certificate that the operator issued is renewed for any reason. One that a person supplied is never replaced behind their
//! back: it is refused with a text that says which field is wrong and what is allowed, or, while it still works, it stays and
//! the person is reminded.

use jiff::{SignedDuration, Timestamp};

use super::{Certificate, LeafRequest, PkiError};
use crate::secret::SecretText;

/// Who made a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The operator, with the cluster's own authority.
    Issued,
    /// A person, by naming a Secret.
    Supplied,
}

/// What was found in the Secret.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// `tls.crt`: the leaf, with intermediates after it if a person's authority has them.
    pub cert_pem: Option<&'a str>,
    /// `tls.key`.
    pub key_pem: Option<&'a SecretText>,
    /// The authority (or authorities) that count as issuer. For issued leaves pass the one that signs now, not the bundle of a
    /// rotation, or leaves would never move to the new one. `None` for a supplied leaf without `ca.crt`: its authority is one
    /// that clients know already, so nothing here can judge the chain.
    pub ca_pem: Option<&'a str>,
    /// Who made it.
    pub source: Source,
}

/// Why a certificate is not simply kept. The text names the field, its value and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A field is absent.
    #[error("{field} is missing; the Secret must hold tls.crt and tls.key")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field cannot be parsed.
    #[error("{0}")]
    Unreadable(String),
    /// Key and certificate are not a pair.
    #[error(
        "tls.key does not belong to the certificate '{subject}' in tls.crt; store the two that were made together"
    )]
    KeyMismatch {
        /// Subject of the certificate.
        subject: String,
    },
    /// Nobody trusted signed it.
    #[error(
        "tls.crt '{subject}' is not signed by an authority in ca.crt; add the authority there, or intermediates to tls.crt"
    )]
    WrongIssuer {
        /// Subject of the certificate.
        subject: String,
    },
    /// The names are not those wanted.
    #[error(
        "tls.crt is for [{}]; missing: [{}], no longer wanted: [{}]; it must name every one that clients connect to",
        has.join(", "), missing.join(", "), surplus.join(", ")
    )]
    Names {
        /// The names in the certificate.
        has: Vec<String>,
        /// Names wanted and not covered.
        missing: Vec<String>,
        /// Names that nothing uses; always empty for a supplied certificate, where more names do no harm.
        surplus: Vec<String>,
    },
    /// It may not be used for what it is wanted for.
    #[error("tls.crt '{subject}' lacks the extended key usage {missing}; have it issued with that usage")]
    Usage {
        /// Subject of the certificate.
        subject: String,
        /// `serverAuth`, `clientAuth`.
        missing: &'static str,
    },
    /// It starts later.
    #[error("tls.crt is valid only from {from}; it must be valid now, or the clock of this node is behind")]
    NotYetValid {
        /// Start of validity.
        from: Timestamp,
    },
    /// Two thirds of its lifetime are over.
    #[error("tls.crt is due for renewal since {since} and ends at {until}")]
    Aging {
        /// When two thirds were over.
        since: Timestamp,
        /// End of validity.
        until: Timestamp,
    },
    /// It has ended.
    #[error("tls.crt ended at {at}; it must be valid now")]
    Expired {
        /// End of validity.
        at: Timestamp,
    },
}

/// What to do about a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as wanted.
    Keep,
    /// It works, but the person who supplied it should replace it soon.
    Remind(Reason),
    /// Issue a new one.
    Renew(Reason),
    /// A person supplied it and it cannot be used: say so, use nothing in its place.
    Reject(Reason),
}

/// Judges the leaf in `found` against `wanted` at `now`.
pub fn verdict(found: Evidence<'_>, wanted: &LeafRequest, now: Timestamp) -> Verdict {
    let reason = match fault(found, wanted, now) {
        Ok(None) => return Verdict::Keep,
        Ok(Some(reason)) => reason,
        Err(error) => Reason::Unreadable(error.to_string()),
    };
    match (found.source, reason) {
        (Source::Issued, reason) => Verdict::Renew(reason),
        (Source::Supplied, reason @ Reason::Aging { .. }) => Verdict::Remind(reason),
        (Source::Supplied, reason) => Verdict::Reject(reason),
    }
}

/// The first thing that is wrong, most fundamental first.
fn fault(found: Evidence<'_>, wanted: &LeafRequest, now: Timestamp) -> Result<Option<Reason>, PkiError> {
    let Some(cert_pem) = found.cert_pem else { return Ok(Some(Reason::Missing { field: "tls.crt" })) };
    let Some(key_pem) = found.key_pem else { return Ok(Some(Reason::Missing { field: "tls.key" })) };
    let chain = Certificate::all("tls.crt", cert_pem)?;
    let leaf = &chain[0];
    let subject = || leaf.subject.clone();
    Ok(if !leaf.belongs_to(key_pem)? {
        Some(Reason::KeyMismatch { subject: subject() })
    } else if !found.ca_pem.map_or(Ok(true), |ca| Ok(leads_to(&chain, &Certificate::all("ca.crt", ca)?)))? {
        Some(Reason::WrongIssuer { subject: subject() })
    } else if let Some(reason) = names_fault(leaf, wanted, found.source) {
        Some(reason)
    } else if wanted.usage.serves() && !leaf.for_server {
        Some(Reason::Usage { subject: subject(), missing: "serverAuth" })
    } else if wanted.usage.connects() && !leaf.for_client {
        Some(Reason::Usage { subject: subject(), missing: "clientAuth" })
    } else if now < leaf.not_before {
        Some(Reason::NotYetValid { from: leaf.not_before })
    } else if now >= leaf.not_after {
        Some(Reason::Expired { at: leaf.not_after })
    } else {
        let since = renewal_due(leaf.not_before, leaf.not_after);
        (now >= since).then_some(Reason::Aging { since, until: leaf.not_after })
    })
}

/// When two thirds of a lifetime are over: cert-manager's default, `renewBefore` of one third, measured on the certificate
/// itself, so that it also fits one that was cut short by its authority.
pub(super) fn renewal_due(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    let lifetime = not_before.duration_until(not_after).max(SignedDuration::ZERO);
    not_before.checked_add(lifetime / 3 * 2).unwrap_or(not_after)
}

/// Whether the leaf, directly or through the certificates sent with it, is signed by one of `authorities`.
fn leads_to(chain: &[Certificate], authorities: &[Certificate]) -> bool {
    let mut at = &chain[0];
    // Each turn moves to an issuer in the chain, so its length bounds the walk even where certificates sign each other.
    for _ in 0..chain.len() {
        if authorities.iter().any(|ca| at.signed_by(ca)) {
            return true;
        }
        match chain[1..].iter().find(|issuer| at.signed_by(issuer)) {
            Some(issuer) => at = issuer,
            None => return false,
        }
    }
    false
}

/// Compares names: an issued leaf must have exactly those wanted, a supplied one must cover them.
fn names_fault(leaf: &Certificate, wanted: &LeafRequest, source: Source) -> Option<Reason> {
    let names: Vec<String> = wanted.dns_names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let held = |name: &String| match source {
        Source::Issued => leaf.dns_names.contains(name),
        Source::Supplied => leaf.dns_names.iter().any(|pattern| covers(pattern, name)),
    };
    let mut missing: Vec<String> = names.iter().filter(|name| !held(name)).cloned().collect();
    let mut surplus: Vec<String> = match source {
        Source::Issued => leaf.dns_names.iter().filter(|name| !names.contains(name)).cloned().collect(),
        Source::Supplied => Vec::new(),
    };
    // Servers are known by their DNS names; a client is known by its common name alone.
    let common_name_counts = source == Source::Issued || wanted.usage.connects();
    if common_name_counts && leaf.common_name.as_deref() != Some(wanted.common_name.as_str()) {
        missing.push(format!("CN={}", wanted.common_name));
        if source == Source::Issued {
            surplus.extend(leaf.common_name.iter().map(|name| format!("CN={name}")));
        }
    }
    if missing.is_empty() && surplus.is_empty() {
        return None;
    }
    let mut has: Vec<String> = leaf.dns_names.iter().cloned().collect();
    has.extend(leaf.common_name.iter().map(|name| format!("CN={name}")));
    Some(Reason::Names { has, missing, surplus })
}

/// Whether a name in a certificate stands for `name`: equal, or a `*` for exactly its first label (RFC 6125 6.4.3).
fn covers(pattern: &str, name: &str) -> bool {
    pattern == name
        || pattern.strip_prefix("*.").is_some_and(|parent| {
            name.split_once('.').is_some_and(|(first, rest)| first != "*" && rest == parent)
        })
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
