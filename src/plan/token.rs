//! Pods whose token died with their ServiceAccount.
//!
//! A token is bound to the uid of its ServiceAccount, and the kubelet goes on mounting it. When somebody deletes the
//! ServiceAccount, the API server refuses Patroni (401) although an account of the same name is back at once: no member can
//! hold the leader's claim, and nothing but a new pod gets a new token. All are replaced together, since none can lead.

use jiff::Timestamp;

use crate::child::Kind;
use crate::name::COMPONENT_MEMBER;
use crate::observe::Observed;
use crate::target::Target;

use super::step::{Cause, Step};

/// Members that are older than their ServiceAccount.
pub fn replacements(target: &Target, seen: &Observed) -> Vec<Step> {
    let account = target.name.member();
    let made = seen
        .children
        .get(Kind::ServiceAccount, &account)
        .and_then(|live| live.pointer("/metadata/creationTimestamp"))
        .and_then(|time| time.as_str()?.parse::<Timestamp>().ok());
    let Some(made) = made else { return Vec::new() };
    seen.pods
        .iter()
        .filter(|(_, pod)| pod.component == COMPONENT_MEMBER && !pod.deleting)
        .filter(|(_, pod)| pod.created.is_some_and(|created| created < made))
        .map(|(name, pod)| Step::ReplacePod {
            pod: name.clone(),
            uid: pod.uid.clone(),
            primary: false,
            reason: format!("ServiceAccount {account} was deleted and made anew, so the pod's token is void"),
            cause: Cause::Repair,
        })
        .collect()
}
