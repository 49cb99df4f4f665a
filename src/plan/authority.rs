//! The life of a cluster's authority, from its first day through each rotation (`pki::ca_verdict` has the stages).
//!
//! Its Secret holds `ca.crt` (all that is trusted now), `tls.crt` and `tls.key` (what signs), during a rotation `next.crt` and
//! `next.key` (what will sign) and afterwards `promoted-at`. Waiting is by the calendar as well as by what is seen: an
//! operator can't see which bundle a client has loaded, and there are years of time.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::child::Kind;
use crate::name::ANNOTATION_RENDERED;
use crate::observe::{Observed, SecretData};
use crate::pki::{self, CaState, CaVerdict, Certificate, LEAF_LIFETIME, Validity};
use crate::secret::SecretText;
use crate::target::{PoolerTarget, Target};

use super::certificates::Mint;
use super::files;

/// How long the next authority is published before it signs: clients outside load the bundle when they please. A leaf's
/// lifetime, so that every member and pooler has also taken up a new leaf, with the bundle beside it, meanwhile.
const TRUST_LEAD: Duration = LEAF_LIFETIME;
/// How long an authority that signs no more stays trusted: what it signed last has ended by then.
const TRUST_TAIL: Duration = LEAF_LIFETIME;

/// A stage of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Make the next authority and publish it beside the one that signs.
    Prepare,
    /// Let the next one sign.
    Promote,
    /// Trust the old one no longer.
    Retire,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Prepare => "make and publish the next certificate authority",
            Stage::Promote => "sign with the next certificate authority",
            Stage::Retire => "end the trust in the old certificate authority",
        })
    }
}

/// What is to be done about the authority now.
pub fn authority(target: &Target, seen: &Observed, now: Timestamp) -> Option<Mint> {
    let secret = target.name.authority();
    let Some(data) = seen.children.secret(&secret) else {
        return Some(Mint::Authority { secret, reason: "there was none".into() });
    };
    if !["ca.crt", "tls.key"].iter().all(|key| data.contains_key(*key)) {
        return Some(Mint::Authority { secret, reason: "its Secret lost a key".into() });
    }
    let rotate = |stage, reason: String| Some(Mint::Rotate { secret: secret.clone(), stage, reason });
    match pki::ca_verdict(&state(target, seen, &data, now), now) {
        CaVerdict::Keep | CaVerdict::AwaitTrust | CaVerdict::AwaitLeaves => None,
        CaVerdict::Create(reason) => {
            Some(Mint::Authority { secret: secret.clone(), reason: reason.to_string() })
        }
        CaVerdict::Prepare(reason) => rotate(
            Stage::Prepare,
            format!(
                "{reason}. Clients outside: take ca.crt of ConfigMap {secret} again within {} days",
                TRUST_LEAD.as_secs() / 86_400
            ),
        ),
        CaVerdict::Promote => rotate(Stage::Promote, "everybody had time to trust it".into()),
        CaVerdict::Retire => rotate(Stage::Retire, "what it signed has ended".into()),
    }
}

fn state(target: &Target, seen: &Observed, data: &SecretData, now: Timestamp) -> CaState {
    let certificate = |key: &'static str| Certificate::first(key, data.get(key)?.expose()).ok();
    let signing = certificate("tls.crt");
    let next = certificate("next.crt").filter(|_| data.contains_key("next.key"));
    let trusted = Certificate::all("ca.crt", data["ca.crt"].expose()).unwrap_or_default();
    let known = |ca: &Certificate| [&signing, &next].into_iter().flatten().any(|one| one.der() == ca.der());
    let past = |since: Option<Timestamp>, wait: Duration| since.is_some_and(|since| now >= since + wait);
    let promoted = data.get("promoted-at").and_then(|text| text.expose().parse().ok());
    CaState {
        signing: signing.as_ref().map(Validity::from),
        next: next.as_ref().map(Validity::from),
        previous_trusted: trusted.iter().any(|ca| !known(ca)),
        bundle_loaded: past(next.as_ref().map(|next| next.not_before), TRUST_LEAD)
            && loaded(target, seen, &data["ca.crt"]),
        // A rotation whose day is not known waits for ever rather than end a trust that is in use.
        leaves_moved: past(promoted, TRUST_TAIL)
            && signing.is_some_and(|ca| all_signed_by(target, seen, &ca)),
    }
}

/// Secrets of the leaves that the operator issues.
fn leaves(target: &Target) -> Vec<String> {
    let name = &target.name;
    let pooler = target.given_tls.is_none().then(|| name.pooler_tls());
    [name.member_tls(), name.operator_tls()].into_iter().chain(pooler).collect()
}

fn all_signed_by(target: &Target, seen: &Observed, authority: &Certificate) -> bool {
    leaves(target).iter().all(|name| {
        seen.children
            .secret(name)
            .and_then(|data| Certificate::first("tls.crt", data.get("tls.crt")?.expose()).ok())
            .is_some_and(|leaf| leaf.signed_by(authority))
    })
}

/// Whether the bundle is wherever it is read from, and every pod has the files of now.
fn loaded(target: &Target, seen: &Observed, bundle: &SecretText) -> bool {
    let published = leaves(target)
        .iter()
        .all(|name| seen.children.secret(name).is_some_and(|data| data.get("ca.crt") == Some(bundle)));
    let pods = seen.pods.values().all(|pod| pod.ready && !pod.deleting && pod.ip.is_some());
    published && pods && files::refreshes(target, seen).is_empty() && rolled(target, seen)
}

/// Whether every pooler pod is of the newest template, which names the bundle that it started with.
fn rolled(target: &Target, seen: &Observed) -> bool {
    target.poolers.iter().all(|pooler| is_newest(target, pooler, seen))
}

fn is_newest(target: &Target, pooler: &PoolerTarget, seen: &Observed) -> bool {
    let Some(live) = seen.children.get(Kind::Deployment, &pooler.way.name(&target.name)) else {
        return false;
    };
    let number = |path: &str| live.pointer(path).and_then(serde_json::Value::as_i64);
    let wanted = Some(i64::from(pooler.instances));
    live["metadata"]["annotations"][ANNOTATION_RENDERED].is_string()
        && live["metadata"]["generation"] == live["status"]["observedGeneration"]
        && number("/status/replicas") == wanted
        && number("/status/updatedReplicas") == wanted
}

#[cfg(test)]
#[path = "authority_tests.rs"]
mod tests;
