//! Nothing is deleted while its cluster stands: only a cluster whose deletion was asked for loses anything, and never its
//! volumes. What a restore in place took out of service goes by a person's word, and nothing beside it.

use crate::observe::Observed;
use crate::plan::{Hazard, Step, WITHDRAWN};
use crate::restore::in_service;

use super::{Case, Objection, Policy};

/// The rule `keep-what-stands`.
pub struct KeepVolumes;

impl Policy for KeepVolumes {
    fn id(&self) -> &'static str {
        "keep-what-stands"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let seen = case.seen;
        let in_use = match step {
            // A backup that no rule keeps goes while its cluster stands; rules of its own judge that.
            Step::DeleteBackup { .. } => return None,
            Step::HandOverVolume { claim, .. } => in_use(seen, |name, _| name == claim),
            Step::ForgetVolumes { uid, .. } => in_use(seen, |_, owner| owner == Some(uid)),
            // What an optional part of the spec made, and never what holds data.
            Step::Withdraw { reference, .. } => {
                return (!WITHDRAWN.contains(&reference.kind)).then(|| Objection {
                    reason: format!("{reference} may hold what can't be made anew"),
                    remedy: "report this as a fault of the operator".into(),
                });
            }
            step => {
                let standing = seen.cluster.metadata.deletion_timestamp.is_none();
                return (step.hazard() == Hazard::Destroy && standing).then(|| Objection {
                    reason: "the cluster is not being deleted".into(),
                    remedy: "delete the PostgresCluster if that is meant".into(),
                });
            }
        };
        in_use.map(|claim| Objection {
            reason: format!("volume claim {claim} was not taken out of service by a restore in place"),
            remedy: "only claims with the label stylobate.dev/retired go: kubectl get pvc --show-labels"
                .into(),
        })
    }
}

/// A claim among these that is in service, or was never taken out of it.
fn in_use(seen: &Observed, which: impl Fn(&String, Option<&String>) -> bool) -> Option<&String> {
    let group = seen.name().group(0);
    let current = in_service(seen, &group);
    let aside = |claim: &str| group.claim(claim).is_some_and(|(generation, _)| generation != current);
    let found = seen
        .volumes
        .iter()
        .find(|(claim, volume)| which(claim, volume.owner.as_ref()) && !(volume.retired && aside(claim)));
    found.map(|(claim, _)| claim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, start};
    use crate::observe::VolumeSeen;

    #[test]
    fn a_volume_that_is_in_service_is_never_let_go_whatever_the_plan_says() {
        let mut seen = observed(serde_json::json!({}));
        let volume = |retired| VolumeSeen { retired, owner: Some("u".into()), ..VolumeSeen::default() };
        seen.volumes.insert("data-c-0".into(), volume(true));
        seen.volumes.insert("data2-c-0".into(), volume(false));
        let judge = |seen: &Observed, step: &Step| KeepVolumes.judge(step, &Case { seen, now: start() });
        let hand_over = |claim: &str| Step::HandOverVolume {
            claim: claim.into(),
            claim_uid: "x".into(),
            owner: "c-old-volumes".into(),
            uid: "u".into(),
        };
        assert_eq!(judge(&seen, &hand_over("data-c-0")), None);
        let why = judge(&seen, &hand_over("data2-c-0")).expect("it is in service").to_string();
        assert!(why.contains("data2-c-0 was not taken out of service"), "{why}");
        let forget =
            Step::ForgetVolumes { owner: "c-old-volumes".into(), uid: "u".into(), claims: Vec::new() };
        assert!(judge(&seen, &forget).is_some(), "somebody gave the owner to a claim in service");
        seen.volumes.get_mut("data2-c-0").unwrap().owner = None;
        assert_eq!(judge(&seen, &forget), None);
    }
}
