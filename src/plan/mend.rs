//! Members that can't take up corrected settings by themselves.
//!
//! Patroni starts a server that failed to start anew in each round, with the settings of now. Two kinds of members are out of its reach:
//! one whose server runs and refuses every question (`default_transaction_isolation = serializable` on a standby), since Patroni asks it
//! before it changes anything; and one whose container ends with each try, which the kubelet starts ever more seldom. A new pod on the
//! same volume starts with the settings of now: `docs/decisions/0026-mending-settings.md`.

use jiff::{SignedDuration, Timestamp};

use crate::name::COMPONENT_MEMBER;
use crate::observe::{Leadership, MemberSeen, Observed, PodSeen};
use crate::target::Target;

use super::step::{Cause, Step};

/// Patroni sees new settings in its next round, 5 s later at most, and a start that fails takes it a round more: who is as before after
/// twice that will stay so.
const TAKEN_UP: SignedDuration = SignedDuration::from_secs(20);
/// Patroni's word for a server that runs and does not answer.
const UNKNOWN: &str = "unknown";

/// New pods for members that are older than the settings which were sent last and are as stuck as before. Each is made anew once: the
/// next one is younger. While a member serves, one at a time, since what commits wait for may be the others; else all together, since
/// none is of use alone.
pub fn replacements(target: &Target, seen: &Observed, now: Timestamp) -> Vec<Step> {
    let rollout = seen.cluster.status.as_ref().and_then(|status| status.rollout.as_ref());
    let sent = rollout
        .filter(|rollout| rollout.phase.is_open())
        .and_then(|rollout| rollout.settings_sent_at.as_ref());
    let Some(sent) = sent.map(|sent| sent.0) else { return Vec::new() };
    if target.upgrade.is_some() || target.restore.is_some() || now.duration_since(sent) < TAKEN_UP {
        return Vec::new();
    }
    let members = || seen.pods.iter().filter(|(_, pod)| pod.component == COMPONENT_MEMBER);
    let younger = |pod: &PodSeen| pod.created.is_none_or(|created| created >= sent);
    // While it is not known who takes writes, somebody may.
    let serves = !matches!(seen.leadership(&seen.name().group(0)), Leadership::None);
    if serves && members().any(|(_, pod)| !pod.ready && (pod.deleting || younger(pod))) {
        return Vec::new();
    }
    let stuck = members()
        .filter(|(name, pod)| {
            !pod.ready && !pod.deleting && !younger(pod) && stuck(pod, seen.members.get(*name))
        })
        .map(|(name, pod)| Step::ReplacePod {
            pod: name.clone(),
            uid: pod.uid.clone(),
            primary: false,
            reason: "it does not take up the corrected settings: a new pod starts with them".into(),
            cause: Cause::Repair,
        });
    stuck.take(if serves { 1 } else { usize::MAX }).collect()
}

/// A container that ended and waits for its next start, or a server that runs and can't be asked.
fn stuck(pod: &PodSeen, member: Option<&MemberSeen>) -> bool {
    let ended = !pod.main.running && pod.main.ended.is_some();
    ended || member.is_some_and(|member| member.state == UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ClusterStatus, RolloutStatus};
    use crate::fixture::{observed, put_pods, start, target};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;
    use std::sync::Arc;

    /// Members of an hour ago, of which these are not ready and can't be asked; settings were sent 20 s ago.
    fn seen(stuck: &[&str]) -> Observed {
        let mut seen = observed(json!({}));
        put_pods(&mut seen);
        for (name, pod) in &mut seen.pods {
            pod.created = Some(start() - SignedDuration::from_hours(1));
            if stuck.contains(&name.as_str()) {
                pod.ready = false;
                seen.members
                    .insert(name.clone(), MemberSeen { state: UNKNOWN.into(), ..MemberSeen::default() });
            }
        }
        let rollout =
            RolloutStatus { settings_sent_at: Some(Time(start() - TAKEN_UP)), ..RolloutStatus::default() };
        let mut cluster = (*seen.cluster).clone();
        cluster.status = Some(ClusterStatus { rollout: Some(rollout), ..ClusterStatus::default() });
        seen.cluster = Arc::new(cluster);
        seen
    }

    fn replaced(seen: &Observed, now: Timestamp) -> Vec<String> {
        let pod = |step| match step {
            Step::ReplacePod { pod, .. } => pod,
            step => panic!("{step}"),
        };
        replacements(&target(seen), seen, now).into_iter().map(pod).collect()
    }

    #[test]
    fn beside_a_primary_one_goes_at_a_time_and_without_one_all() {
        assert_eq!(replaced(&seen(&["c-1", "c-2"]), start()), ["c-1"]);
        assert_eq!(replaced(&seen(&["c-0", "c-1", "c-2"]), start()), ["c-0", "c-1", "c-2"]);
        assert!(replaced(&seen(&[]), start()).is_empty());
        assert!(
            replaced(&seen(&["c-1"]), start() - SignedDuration::from_secs(1)).is_empty(),
            "it has its time"
        );
    }

    #[test]
    fn what_is_younger_than_the_settings_is_left_alone_and_waited_for() {
        let mut seen = seen(&["c-1", "c-2"]);
        seen.pods.get_mut("c-1").unwrap().created = Some(start());
        assert!(replaced(&seen, start()).is_empty());
        seen.pods.get_mut("c-1").unwrap().ready = true;
        assert_eq!(replaced(&seen, start()), ["c-2"]);
    }

    #[test]
    fn a_server_that_starts_is_not_disturbed_and_a_container_that_ended_is() {
        let mut seen = seen(&["c-0", "c-1"]);
        for (name, state) in [("c-0", "starting"), ("c-1", "start failed")] {
            seen.members.get_mut(name).unwrap().state = state.into();
        }
        assert!(replaced(&seen, start()).is_empty());
        seen.members.remove("c-0");
        let pod = &mut seen.pods.get_mut("c-0").unwrap().main;
        (pod.running, pod.ended) = (false, Some("run 1 exit code 137".into()));
        assert_eq!(replaced(&seen, start()), ["c-0"]);
    }
}
