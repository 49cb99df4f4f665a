//! Replacing an authority without a moment in which two members distrust each other.
//!
//! The order is what makes it safe, and each stage waits until the one before is true everywhere:
//!
//! ```text
//!  Prepare   make the next authority, publish a bundle of both, go on signing with the old
//!  Promote   every member has loaded the bundle: sign with the next, keep trusting the old
//!  Retire    every leaf in use is signed by the new: drop the old from the bundle
//! ```

use jiff::Timestamp;

use super::{Certificate, PkiError, Reason, verdict::renewal_due};

/// From when until when an authority is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Start.
    pub not_before: Timestamp,
    /// End.
    pub not_after: Timestamp,
}

impl From<&Certificate> for Validity {
    fn from(cert: &Certificate) -> Self {
        Self { not_before: cert.not_before, not_after: cert.not_after }
    }
}

/// Where a cluster's authorities stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaState {
    /// The one that signs; `None` when there is none that can be loaded.
    pub signing: Option<Validity>,
    /// The one that was made to follow it.
    pub next: Option<Validity>,
    /// Whether the bundle still holds one that signs no more.
    pub previous_trusted: bool,
    /// Whether every member, the pooler and the operator have loaded the bundle as it is published now.
    pub bundle_loaded: bool,
    /// Whether every leaf in use is signed by `signing`.
    pub leaves_moved: bool,
}

/// The next thing to do about the authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaVerdict {
    /// Nothing.
    Keep,
    /// Make one and sign with it at once: there is no trust to preserve.
    Create(Reason),
    /// Make the next one and publish the bundle of both.
    Prepare(Reason),
    /// The next one waits until everybody trusts it.
    AwaitTrust,
    /// Sign with the next one from now on; the old one stays in the bundle.
    Promote,
    /// The old one stays trusted until every leaf has moved.
    AwaitLeaves,
    /// Publish a bundle without the old one.
    Retire,
}

/// Decides the next stage of an authority's life at `now`.
pub fn ca_verdict(state: &CaState, now: Timestamp) -> CaVerdict {
    let Some(signing) = state.signing else { return CaVerdict::Create(Reason::Missing { field: "tls.crt" }) };
    if now >= signing.not_after {
        // What it signed is refused everywhere already, so waiting for trust would only prolong the outage.
        return match state.next {
            Some(next) if now < next.not_after => CaVerdict::Promote,
            _ => CaVerdict::Create(Reason::Expired { at: signing.not_after }),
        };
    }
    let since = renewal_due(signing.not_before, signing.not_after);
    match (state.next, state.previous_trusted) {
        (Some(_), _) if state.bundle_loaded => CaVerdict::Promote,
        (Some(_), _) => CaVerdict::AwaitTrust,
        (None, true) if state.leaves_moved => CaVerdict::Retire,
        (None, true) => CaVerdict::AwaitLeaves,
        (None, false) if now >= since => {
            CaVerdict::Prepare(Reason::Aging { since, until: signing.not_after })
        }
        (None, false) => CaVerdict::Keep,
    }
}

/// The bundle (`ca.crt`) that trusts both authorities; each certificate once, `old` first.
///
/// # Errors
/// [`PkiError::Unreadable`] when either holds no certificate: a broken bundle would take down every connection.
pub fn bundle(old: &str, new: &str) -> Result<String, PkiError> {
    let mut known = Certificate::all("ca.crt", old)?;
    let mut text = format!("{}\n", old.trim());
    let added = Certificate::all("ca.crt", new)?;
    if added.iter().any(|cert| !known.iter().any(|k| k.der() == cert.der())) {
        known.extend(added);
        text.push_str(new.trim());
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Authority, CA_LIFETIME};

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_rotation_goes_through_every_stage_in_order() {
        let day = jiff::SignedDuration::from_hours(24);
        let signing = Validity { not_before: now(), not_after: now() + day * 90 };
        let next = Validity { not_before: now() + day * 60, not_after: now() + day * 150 };
        let mut state = CaState {
            signing: None,
            next: None,
            previous_trusted: false,
            bundle_loaded: true,
            leaves_moved: true,
        };
        assert!(matches!(ca_verdict(&state, now()), CaVerdict::Create(Reason::Missing { .. })));
        state.signing = Some(signing);
        assert_eq!(ca_verdict(&state, now()), CaVerdict::Keep);
        let late = now() + day * 60;
        assert!(matches!(ca_verdict(&state, late), CaVerdict::Prepare(Reason::Aging { .. })));
        state = CaState { next: Some(next), bundle_loaded: false, ..state };
        assert_eq!(ca_verdict(&state, late), CaVerdict::AwaitTrust);
        state.bundle_loaded = true;
        assert_eq!(ca_verdict(&state, late), CaVerdict::Promote);
        state =
            CaState { signing: Some(next), next: None, previous_trusted: true, leaves_moved: false, ..state };
        assert_eq!(ca_verdict(&state, late), CaVerdict::AwaitLeaves);
        state.leaves_moved = true;
        assert_eq!(ca_verdict(&state, late), CaVerdict::Retire);
        state.previous_trusted = false;
        assert_eq!(ca_verdict(&state, late), CaVerdict::Keep);
    }

    #[test]
    fn an_ended_authority_does_not_wait_for_trust() {
        let hour = jiff::SignedDuration::from_hours(1);
        let ended = Validity { not_before: now() - hour * 2, not_after: now() - hour };
        let next = Validity { not_before: now() - hour, not_after: now() + hour };
        let mut state = CaState {
            signing: Some(ended),
            next: Some(next),
            previous_trusted: false,
            bundle_loaded: false,
            leaves_moved: true,
        };
        assert_eq!(ca_verdict(&state, now()), CaVerdict::Promote);
        state.next = None;
        assert!(matches!(ca_verdict(&state, now()), CaVerdict::Create(Reason::Expired { .. })));
    }

    #[test]
    fn a_bundle_holds_both_once() {
        let old = Authority::create("shop", now(), CA_LIFETIME).unwrap();
        let new = Authority::create("shop", now(), CA_LIFETIME).unwrap();
        let both = bundle(old.cert_pem(), new.cert_pem()).unwrap();
        assert_eq!(Certificate::all("ca.crt", &both).unwrap().len(), 2);
        assert_eq!(bundle(&both, new.cert_pem()).unwrap(), both);
        assert_eq!(bundle(old.cert_pem(), old.cert_pem()).unwrap().matches("BEGIN").count(), 1);
        assert!(bundle(old.cert_pem(), "").is_err());
    }
}
