//! A step that stops writes waits until the members that remain could carry on: the one that takes over must stream.

use crate::plan::Step;

use super::{Case, Objection, Policy};

/// The rule `healthy-before-disrupt`.
pub struct Healthy;

impl Policy for Healthy {
    fn id(&self) -> &'static str {
        "healthy-before-disrupt"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let Step::Switchover { to, from, .. } = step else { return None };
        let objection = |reason: String| {
            let remedy =
                format!("wait until {to} streams from {from}: stylobate status {}", case.seen.cluster_name());
            Some(Objection { reason, remedy })
        };
        match case.seen.members.get(to) {
            None => objection(format!("{to} does not answer")),
            Some(member) if member.replication.as_deref() != Some("streaming") => {
                objection(format!("{to} does not stream, it is {}", member.state))
            }
            Some(_) => None,
        }
    }
}
