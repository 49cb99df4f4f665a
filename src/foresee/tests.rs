//! What is foreseen of small worlds. The scenarios hold it against what comes: `tests/scenarios/foresight.rs`.

use std::sync::Arc;

use serde_json::json;

use crate::fixture::{observed, put_pods, settle, start};
use crate::name::ClusterName;
use crate::observe::{MemberSeen, Observed};
use crate::plan::Step;

use super::{Foresight, foresee};

/// Three members that run as the spec says.
fn running(spec: serde_json::Value) -> Observed {
    let mut seen = observed(spec);
    settle(&mut seen, start());
    put_pods(&mut seen);
    seen.pods.iter_mut().for_each(|(name, pod)| pod.uid = format!("uid of {name}"));
    seen
}

fn plan(seen: &Observed) -> Foresight {
    foresee(seen, start(), |_| true)
}

fn actions(found: &Foresight) -> Vec<&'static str> {
    found.steps.iter().map(|found| found.step.action()).collect()
}

/// Pods that are made anew, in order.
fn replaced(found: &Foresight) -> Vec<&str> {
    let pods = found.steps.iter().filter_map(|found| match &found.step {
        Step::ReplacePod { pod, .. } => Some(pod.as_str()),
        _ => None,
    });
    pods.collect()
}

/// Pods as another release of the operator made them.
fn older(seen: &mut Observed) {
    seen.pods.values_mut().for_each(|pod| pod.revision.template = "of before".into());
}

#[test]
fn a_new_cluster_goes_to_its_end_without_an_answer_of_anybody() {
    let found = plan(&observed(json!({})));
    assert_eq!((&found.held, &found.unreached, &found.stands), (&vec![], &vec![], &None));
    let sets = found.steps.iter().filter(|found| found.step.to_string().starts_with("apply StatefulSet c "));
    assert_eq!(sets.count(), 1, "{:?}", actions(&found));
    assert!(!actions(&found).contains(&"Configure"), "it begins with its settings");
}

#[test]
fn what_nobody_asked_for_is_held_for_a_person_where_there_is_no_window() {
    let mut seen = running(json!({}));
    older(&mut seen);
    let found = plan(&seen);
    assert_eq!(replaced(&found), [""; 0]);
    assert_eq!(found.held.first().map(|verdict| verdict.policy), Some("maintenance-window"));
}

#[test]
fn what_waits_for_a_window_goes_on_and_each_step_tells_when_it_opens() {
    let spec = json!({"maintenance": {"windows": [{"schedule": "0 13 * * SAT", "durationMinutes": 60, "timeZone": "UTC"}]}});
    let mut seen = running(spec);
    older(&mut seen);
    let found = plan(&seen);
    assert_eq!(replaced(&found), ["c-2", "c-1", "c-0"], "{:?}", actions(&found));
    for one in found.steps.iter().filter(|found| found.step.cause().is_some()) {
        let waits = one.waits.as_ref().expect("it disrupts, and no window is open");
        assert!(waits.objection.reason.contains("2026-11-21T13:00:00Z"), "{waits}");
    }
    assert_eq!((found.held, found.stands), (vec![], None));
}

#[test]
fn a_slot_that_another_cluster_holds_is_told_and_not_waited_for() {
    let mut seen = running(json!({}));
    Arc::make_mut(&mut seen.cluster).spec.engine.version = "17.90".into();
    seen.slots.held_by = vec![ClusterName::new("shop", "orders")];
    let found = plan(&seen);
    assert_eq!(replaced(&found), ["c-2", "c-1", "c-0"], "{:?}", actions(&found));
    let waits = |action: &str| {
        let one = found.steps.iter().find(|found| found.step.action() == action);
        one.and_then(|found| found.waits.as_ref()).map(|verdict| verdict.policy)
    };
    assert_eq!((waits("ReplacePod"), waits("Apply")), (Some("one-disruption-at-a-time"), None));
}

#[test]
fn a_member_that_does_not_come_back_by_itself_stops_the_plan_there() {
    let mut seen = running(json!({}));
    Arc::make_mut(&mut seen.cluster).spec.engine.version = "17.90".into();
    let pod = seen.pods.get_mut("c-1").expect("it is there");
    (pod.ready, pod.main.running) = (false, false);
    pod.main.waiting = Some(("CreateContainerConfigError".into(), "secret \"x\" not found".into()));
    let found = plan(&seen);
    assert_eq!(
        replaced(&found),
        ["c-1", "c-2", "c-0"],
        "what serves nobody goes first: {:?}",
        actions(&found)
    );
    // As it is wanted and away all the same: nobody else is touched.
    let mut seen = running(json!({}));
    let pod = seen.pods.get_mut("c-1").expect("it is there");
    (pod.ready, pod.role) = (false, Some("replica".into()));
    seen.pods.get_mut("c-2").expect("it is there").revision.placement = "of before".into();
    let found = plan(&seen);
    assert_eq!(replaced(&found), [""; 0]);
    let stands = found.stands.expect("it stands still");
    assert!(stands.contains("c-1 is not back yet"), "{stands}");
    assert!(found.unreached.iter().any(|step| step.to_string().starts_with("make pod c-2 anew")));
}

#[test]
fn while_two_members_claim_to_lead_nothing_is_foreseen_of_members() {
    let mut seen = running(json!({}));
    Arc::make_mut(&mut seen.cluster).spec.engine.version = "17.90".into();
    for name in ["c-0", "c-1"] {
        let leads = MemberSeen { state: "running".into(), role: "primary".into(), ..MemberSeen::default() };
        seen.members.insert(name.into(), leads);
    }
    seen.leaders.clear();
    let found = plan(&seen);
    assert_eq!(replaced(&found), [""; 0]);
    assert!(found.stands.is_some_and(|stands| stands.contains("who takes writes")));
}

#[test]
fn what_only_seems_to_follow_is_not_told_and_ends() {
    let mut seen = running(json!({}));
    seen.children.0.retain(|child, _| child.kind != crate::child::Kind::Secret);
    let secrets = |step: &Step| match step {
        Step::Mint(_) | Step::RefreshFiles { .. } => false,
        Step::Apply { child, .. } => child.reference.name == "c",
        _ => true,
    };
    let found = foresee(&seen, start(), secrets);
    assert_eq!((actions(&found), found.stands), (vec![], None));
}
