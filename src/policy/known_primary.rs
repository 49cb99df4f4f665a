//! While it is not known who takes writes, nobody is disrupted on purpose: the member that is taken away might be the only one that
//! serves, and the one that would take over might lack commits.

use crate::observe::Leadership;
use crate::plan::{Cause, Step};

use super::{Case, Objection, Policy};

/// The rule `known-primary`.
pub struct KnownPrimary;

impl Policy for KnownPrimary {
    fn id(&self) -> &'static str {
        "known-primary"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        if !disrupts(step) {
            return None;
        }
        let seen = case.seen;
        let group = match step {
            Step::Switchover { group, .. } | Step::RestartServer { group, .. } => group.clone(),
            _ => seen.name().group(0),
        };
        let Leadership::Unknown { claimants } = seen.leadership(&group) else { return None };
        Some(Objection {
            reason: format!("it is not known who takes writes: {} may", claimants.join(" or ")),
            remedy: format!(
                "wait until one surely does (stylobate status {} -n {}); if it stays: docs/operations.md, Two claim to take writes",
                seen.cluster_name(),
                group.cluster.namespace
            ),
        })
    }
}

/// True for what stops a server or moves the role. What a person deletes or restores by his word goes on, and drift of the pooler is
/// put right.
fn disrupts(step: &Step) -> bool {
    match step {
        Step::ReplacePod { .. }
        | Step::RestartServer { .. }
        | Step::Switchover { .. }
        | Step::BeginUpgrade { .. } => true,
        Step::Apply { cause, .. } => matches!(cause, Some(Cause::Change | Cause::Upkeep)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, put_pods, start};

    #[test]
    fn whatever_the_cause_no_member_goes_while_two_claim_to_lead() {
        let mut seen = observed(serde_json::json!({}));
        put_pods(&mut seen);
        let replace = |cause| Step::ReplacePod {
            pod: "c-2".into(),
            uid: "u".into(),
            primary: false,
            reason: "test".into(),
            cause,
        };
        let causes = [Cause::Repair, Cause::Asked, Cause::Change, Cause::Upkeep];
        let held = |seen: &crate::observe::Observed| {
            let case = Case { seen, now: start() };
            causes.map(|cause| KnownPrimary.judge(&replace(cause), &case))
        };
        assert!(held(&seen).iter().all(Option::is_none));
        seen.pods.get_mut("c-1").unwrap().role = Some("primary".into());
        seen.leaders.clear();
        for objection in held(&seen) {
            let reason = objection.expect("it is held").reason;
            assert_eq!(reason, "it is not known who takes writes: c-0 or c-1 may");
        }
    }
}
