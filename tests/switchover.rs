//! A person's request for a switchover, decided from what is seen: served once, or refused with the reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use stylobate::api::{PostgresCluster, SwitchoverOutcome as Outcome, SwitchoverStatus};
use stylobate::decide::{Decision, Input, decide};
use stylobate::images::CatalogSeen;
use stylobate::name::ANNOTATION_SWITCHOVER;
use stylobate::observe::{MemberSeen, Observed, Platform, PodSeen};
use stylobate::plan::Step;
use stylobate::policy::CATALOG;

fn now() -> Timestamp {
    "2026-11-21T15:22:00Z".parse().unwrap()
}

/// Three members, `db-0` the primary, `db-1` in the quorum, `db-2` following outside of it.
fn seen(request: Option<&str>) -> Observed {
    let mut cluster: PostgresCluster = serde_json::from_value(json!({
        "apiVersion": "stylobate.dev/v1alpha1",
        "kind": "PostgresCluster",
        "metadata": {"name": "db", "namespace": "shop", "uid": "u", "finalizers": ["stylobate.dev/cleanup"]},
        "spec": {"engine": {"version": "17.91"}, "storage": {"size": "2Gi"}},
    }))
    .unwrap();
    if let Some(request) = request {
        cluster.metadata.annotations =
            Some(BTreeMap::from([(ANNOTATION_SWITCHOVER.to_owned(), request.to_owned())]));
    }
    let pod = |role: &str| PodSeen {
        component: "member".into(),
        role: Some(role.into()),
        ready: true,
        ..PodSeen::default()
    };
    let replica = |synchronous| MemberSeen {
        state: "running".into(),
        role: "replica".into(),
        replication: Some("streaming".into()),
        position: Some(1000),
        synchronous,
        ..MemberSeen::default()
    };
    let primary = MemberSeen { role: "primary".into(), replication: None, ..replica(false) };
    Observed {
        images: CatalogSeen::of(Some(&catalog())),
        pods: [("db-0", pod("primary")), ("db-1", pod("replica")), ("db-2", pod("replica"))]
            .map(|(name, pod)| (name.to_owned(), pod))
            .into(),
        members: [("db-0", primary), ("db-1", replica(true)), ("db-2", replica(false))]
            .map(|(name, member)| (name.to_owned(), member))
            .into(),
        ..Observed::new(
            Arc::new(cluster),
            Platform {
                pooler_image: "images/pgpool:4.90".into(),
                pgbouncer_image: String::new(),
                domain: "cluster.local".into(),
                namespace: "stylobate-system".into(),
            },
        )
    }
}

fn catalog() -> String {
    let image = format!("images/postgres:17.91@sha256:{}", "0".repeat(64));
    format!("- {{flavor: Postgres, version: \"17.91\", image: \"{image}\", since: \"2026-11-20\"}}")
}

fn edit(seen: &mut Observed) -> &mut PostgresCluster {
    Arc::make_mut(&mut seen.cluster)
}

fn at(seen: &Observed, now: Timestamp) -> Decision {
    decide(&Input { seen, catalog: CATALOG, now })
}

fn hands_over(decision: &Decision) -> Option<(&str, &str)> {
    decision.steps.iter().find_map(|step| match step {
        Step::Switchover { from, to, .. } => Some((from.as_str(), to.as_str())),
        _ => None,
    })
}

fn refusal(seen: &Observed) -> String {
    let decision = at(seen, now());
    let answer = decision.answer.clone().expect("the request is answered");
    assert_eq!(answer.outcome, Outcome::Refused, "{answer:?}");
    assert_eq!(hands_over(&decision), None);
    answer.message
}

/// What the API server holds after the answer was written.
fn written(mut seen: Observed, answer: SwitchoverStatus) -> Observed {
    edit(&mut seen).status.get_or_insert_default().switchover = Some(answer);
    seen
}

#[test]
fn a_request_is_marked_as_in_progress_and_served() {
    let decision = at(&seen(Some("any@1")), now());
    let answer = decision.answer.as_ref().unwrap();
    assert_eq!((answer.outcome, answer.request.as_str()), (Outcome::InProgress, "any@1"));
    assert_eq!(hands_over(&decision), Some(("db-0", "db-1")), "the member of the quorum takes over");
    assert_eq!(decision.steps.len(), 1, "the switchover, nothing else: {:?}", decision.steps);
}

#[test]
fn a_request_that_was_begun_is_never_begun_again() {
    let first = at(&seen(Some("any@1")), now()).answer.unwrap();
    let again = at(&written(seen(Some("any@1")), first.clone()), now());
    assert_eq!((hands_over(&again), &again.answer), (None, &None), "after a crash too it only waits");
    let done = SwitchoverStatus { outcome: Outcome::Done, ..first };
    let later = at(&written(seen(Some("any@1")), done), now());
    assert_eq!((hands_over(&later), &later.answer), (None, &None), "an answered request is over");
}

#[test]
fn what_was_begun_is_judged_by_the_primary_that_is_seen() {
    let begun = at(&seen(Some("db-1@1")), now()).answer.unwrap();
    let after = |primary: &str| {
        let mut seen = written(seen(Some("db-1@1")), begun.clone());
        for (name, pod) in &mut seen.pods {
            let role = if name == primary { "primary" } else { "replica" };
            pod.role = Some(role.into());
            seen.members.get_mut(name).unwrap().role = role.into();
        }
        seen
    };
    let outcome = |primary, seconds| {
        let decision = at(&after(primary), now() + SignedDuration::from_secs(seconds));
        decision.answer.map(|answer| answer.outcome)
    };
    assert_eq!(outcome("db-1", 3), Some(Outcome::Done));
    assert_eq!(outcome("db-2", 3), Some(Outcome::Failed), "another member took over");
    assert_eq!(outcome("db-0", 3), None, "it may still succeed");
    assert_eq!(outcome("none", 3), None, "nobody leads for a moment");
    assert_eq!(outcome("db-0", 121), Some(Outcome::Failed));
    let mut stale = after("db-1");
    stale.pods.get_mut("db-0").unwrap().role = Some("primary".into());
    assert_eq!(at(&stale, now()).answer.unwrap().outcome, Outcome::Done, "the old primary's label may stay");
    assert_eq!(outcome("none", 121), Some(Outcome::Failed));
}

#[test]
fn a_request_is_judged_to_its_end_when_the_annotation_is_gone() {
    let begun = at(&seen(Some("db-1@1")), now()).answer.unwrap();
    let decision = at(&written(seen(None), begun), now() + SignedDuration::from_secs(300));
    assert_eq!(decision.answer.unwrap().outcome, Outcome::Failed);
}

#[test]
fn each_refusal_names_its_reason() {
    let asks = |request: &str| refusal(&seen(Some(request)));
    assert!(asks("db-0@1").contains("db-0 is the primary already"));
    assert!(asks("db-7@1").contains("there is no member db-7; members are db-0, db-1, db-2"));
    assert!(asks("db-2@1").contains("not in the synchronous quorum"));
    for malformed in ["db-1", "@1", "db-1@"] {
        assert!(asks(malformed).contains("write it as <member or any>@<unique id>"), "{malformed}");
    }

    let mut broken = seen(Some("db-1@1"));
    broken.members.get_mut("db-1").unwrap().replication = Some("in archive recovery".into());
    assert!(refusal(&broken).contains("db-1 does not stream from db-0, it is in archive recovery"));
    broken.members.remove("db-1");
    assert!(refusal(&broken).contains("db-1 does not answer"));

    let mut leaderless = seen(Some("db-1@1"));
    leaderless.pods.get_mut("db-0").unwrap().role = None;
    leaderless.members.get_mut("db-0").unwrap().role = "replica".into();
    assert!(refusal(&leaderless).contains("no member takes writes"));

    let mut silent = seen(Some("db-1@1"));
    silent.members.remove("db-0");
    assert!(refusal(&silent).contains("db-0 holds the primary's role but does not answer"));

    let mut two = seen(Some("db-1@1"));
    two.members.get_mut("db-2").unwrap().role = "primary".into();
    assert!(refusal(&two).contains("it is not known who takes writes, db-0 or db-2 may"));

    let mut lost = seen(Some("db-1@1"));
    lost.pods.get_mut("db-0").unwrap().ready = false;
    lost.members.remove("db-0");
    assert!(refusal(&lost).contains("db-0 holds the primary's role but does not serve"));

    let mut paused = seen(Some("db-1@1"));
    edit(&mut paused).spec.paused = true;
    assert!(refusal(&paused).contains("spec.paused is true; to go on: set spec.paused to false"));
}

#[test]
fn without_synchronous_replication_any_streaming_member_may_take_over() {
    let mut seen = seen(Some("db-2@1"));
    edit(&mut seen).spec.high_availability.synchronous = stylobate::api::Synchronous::Off;
    assert_eq!(hands_over(&at(&seen, now())), Some(("db-0", "db-2")));
}

#[test]
fn a_request_that_nobody_waits_for_any_more_stops_no_writes() {
    let fresh = at(&seen(Some("db-1@2026-11-21T15:21:00Z-1f2e")), now());
    assert_eq!(hands_over(&fresh), Some(("db-0", "db-1")));
    assert!(refusal(&seen(Some("db-1@2026-11-21T14:22:00Z-1f2e"))).contains("3600 s old"));
}

#[test]
fn an_invalid_spec_does_not_stand_in_the_way_of_a_switchover() {
    let mut seen = seen(Some("db-1@1"));
    edit(&mut seen).spec.engine.version = "9.6".into();
    let decision = at(&seen, now());
    assert!(!decision.problems.is_empty());
    assert_eq!(hands_over(&decision), Some(("db-0", "db-1")));
}

#[test]
fn scaling_hands_over_by_the_same_steps_and_goes_before_a_request() {
    let mut seen = seen(Some("db-2@1"));
    edit(&mut seen).spec.instances = 2;
    seen.pods.get_mut("db-0").unwrap().role = Some("replica".into());
    seen.pods.get_mut("db-2").unwrap().role = Some("primary".into());
    for (name, primary) in [("db-0", false), ("db-2", true)] {
        let member = seen.members.get_mut(name).unwrap();
        member.role = if primary { "primary" } else { "replica" }.into();
        member.replication = (!primary).then(|| "streaming".into());
        member.synchronous = !primary;
    }
    let set = json!({"metadata": {"name": "db"}, "spec": {"replicas": 3}});
    seen.children.0.insert(stylobate::child::ChildRef::new(stylobate::child::Kind::StatefulSet, "db"), set);
    let request = BTreeMap::from([(ANNOTATION_SWITCHOVER.to_owned(), "db-0@1".to_owned())]);
    edit(&mut seen).metadata.annotations = Some(request);
    let decision = at(&seen, now());
    assert_eq!(hands_over(&decision), Some(("db-2", "db-0")));
    let answer = decision.answer.unwrap();
    assert_eq!(answer.outcome, Outcome::Refused);
    assert!(answer.message.contains("about to switch over from db-2 to db-0"), "{}", answer.message);
    assert_eq!(decision.steps.last().map(Step::action), Some("Switchover"), "after all routine steps");
}
