//! Drills decided on without a cluster: from the request to the end, and what ends one early.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::class::DrillClass;
use super::cluster::{is_anchor, is_restored};
use super::decide::judged;
use super::*;
use crate::api::{DrillOutcome, DrillReport, PostgresBackup, PostgresCluster};
use crate::images::CatalogSeen;
use crate::plan;
use crate::policy::{Case, Objection, Policy};

pub(super) fn at(minute: i64) -> Timestamp {
    let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    start + SignedDuration::from_mins(minute)
}

pub(super) fn backup(phase: &str) -> PostgresBackup {
    let spec = json!({"engine": {"version": "17.90"}, "storage": {"size": "1Gi"}, "instances": 3,
        "users": [{"name": "app"}], "databases": [{"name": "bank", "owner": "app"}],
        "access": {"namespaces": ["shop-front"]}, "tuning": [{"configMap": "mine"}],
        "pods": {"labels": {"app": "shop"}, "annotations": {"note": "n"}, "priorityClassName": "high", "imagePullSecrets": [{"name": "r"}]},
        "services": {"pooler": {"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.0/8"]}}});
    serde_json::from_value(json!({
        "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
        "metadata": {"name": "nightly", "namespace": "shop", "uid": "b-1", "annotations": {"stylobate.dev/verify": "one"}},
        "spec": {"cluster": "books"},
        "status": {"phase": phase, "cutAt": "2026-11-21T11:00:05Z", "source": {
            "clusterUid": "c-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
            "clusterSpec": spec.to_string()}},
    }))
    .unwrap()
}

pub(super) fn seen(backup: PostgresBackup) -> Seen {
    let limit = SignedDuration::from_mins(30);
    let images = crate::fixture::catalog(&["17.91", "17.92"]);
    let backup = Arc::new(backup);
    let (class, volumes, left) = (DrillClass::Same, Vec::new(), Vec::new());
    Seen {
        backup,
        turn: true,
        limit,
        images,
        class,
        volumes,
        left,
        anchor: None,
        cluster: None,
        foreign: None,
        findings: None,
        source: Source::Silent,
        verify_archive: None,
    }
}

/// One round: what is told is written, what is made is there.
pub(super) fn round(seen: &mut Seen, now: Timestamp) -> Decision {
    let decision = decide(seen, now);
    let status = Arc::make_mut(&mut seen.backup).status.get_or_insert_default();
    let written = status.drill != decision.drill;
    (status.drill, status.verified) = (decision.drill.clone(), decision.verified.clone());
    status.failed_drill = decision.refuted.clone();
    // The controller takes a step only in a round that has nothing to write.
    match decision.step.as_ref().filter(|_| !written) {
        Some(Step::Anchor { .. }) => seen.anchor = Some("a-1".into()),
        Some(Step::Make { cluster }) => seen.cluster = Some(*cluster.clone()),
        Some(Step::Remove { .. }) => (seen.anchor, seen.cluster, seen.findings) = (None, None, None),
        Some(Step::Mark { .. } | Step::Ask { .. }) | None => {}
    }
    decision
}

pub(super) fn status(seen: &mut Seen, status: Value) {
    let cluster: &mut PostgresCluster = seen.cluster.as_mut().expect("it was made");
    cluster.status = Some(serde_json::from_value(status).unwrap());
}

/// A drill whose cluster has served since the second minute.
pub(super) fn served() -> Seen {
    let mut seen = seen(backup("Succeeded"));
    for _ in 0..4 {
        round(&mut seen, at(0));
    }
    status(
        &mut seen,
        json!({"restore": {"backup": "shop/nightly", "backupUid": "b-1", "phase": "Done", "servingAt": at(2)}}),
    );
    seen
}

#[test]
fn an_object_of_others_under_its_name_ends_a_drill_and_is_left_alone() {
    let mut seen = seen(backup("Succeeded"));
    seen.foreign = Some("PostgresCluster");
    round(&mut seen, at(0));
    let ended = round(&mut seen, at(0));
    let drill = ended.drill.expect("it is told");
    assert_eq!(drill.outcome, DrillOutcome::Failed);
    let cause = drill.cause.expect("with a cause");
    assert!(cause.starts_with(&format!("PostgresCluster {} is there", drill.cluster)), "{cause}");
    assert_eq!(ended.step, None);
    assert_eq!(round(&mut seen, at(1)).step, None, "nothing of others is removed after it either");
}

#[test]
fn what_a_drill_made_is_told_from_what_others_made_under_its_name() {
    let mut seen = served();
    let (backup, name) =
        (seen.backup.clone(), seen.backup.status.as_ref().unwrap().drill.as_ref().unwrap().cluster.clone());
    let anchor = super::cluster::anchor(&backup, &name);
    assert!(is_anchor(&anchor, &backup));
    assert!(!is_anchor(&Default::default(), &backup));
    let made = seen.cluster.take().expect("it was made");
    assert!(is_restored(&made, &backup, Some(&"a-1".to_owned())) && is_restored(&made, &backup, None));
    assert!(!is_restored(&made, &backup, Some(&"a-2".to_owned())), "of an anchor that is gone");
    let mut other = made;
    other.metadata.owner_references = None;
    assert!(!is_restored(&other, &backup, None), "an annotation is anybody's");
}

pub(super) fn report(seen: &mut Seen, faults: &[&str], marked: Option<&str>) {
    let key = seen.backup.status.as_ref().unwrap().drill.as_ref().unwrap().stands().to_owned();
    let faults = faults.iter().map(|fault| (*fault).to_owned()).collect();
    let checks = vec!["amcheck: 9 relations".into()];
    let report = Report { key, state: "done".into(), checks, faults, archive: None };
    let marked_at = marked.map(|marked| marked.parse().unwrap());
    seen.findings = Some(Findings { marked_at, report: Some(report), ..Findings::default() });
}

#[test]
fn a_drill_is_told_before_anything_is_made_and_owns_all_that_it_makes() {
    let mut seen = seen(backup("Succeeded"));
    let first = round(&mut seen, at(0));
    assert_eq!(first.step, None, "only told");
    let name = first.drill.unwrap().cluster;
    assert!(name.starts_with("books-drill-") && name.len() <= 40, "{name}");
    assert_eq!(round(&mut seen, at(0)).step, Some(Step::Anchor { name: name.clone() }));
    let Some(Step::Make { cluster }) = round(&mut seen, at(0)).step else { panic!("it is made") };
    assert_eq!(cluster.metadata.owner_references.as_ref().unwrap()[0].uid, "a-1");
    let spec = &cluster.spec;
    assert_eq!(
        (spec.instances, spec.engine.version.as_str(), spec.storage.size.0.as_str()),
        (1, "17", "2Gi")
    );
    assert_eq!(spec.engine.image, None);
    assert!(spec.users.is_empty() && spec.access.namespaces.is_empty() && spec.tuning.is_empty());
    assert!(
        spec.pods.labels.is_empty() && spec.pods.priority_class_name.is_none(),
        "nobody takes it for the source"
    );
    assert!(
        spec.pods.annotations.len() == 1 && spec.pods.image_pull_secrets.len() == 1,
        "its pods can start"
    );
    assert_eq!(spec.services, crate::api::Services::default());
    assert_eq!(spec.bootstrap.from_backup.as_ref().unwrap().name, "nightly");
}

#[test]
fn a_drill_runs_a_server_of_the_backups_major_also_when_nobody_offers_one() {
    let made = |images: CatalogSeen, own: Option<&str>| {
        let mut backup = backup("Succeeded");
        let source = backup.status.as_mut().unwrap().source.as_mut().unwrap();
        if let Some(own) = own {
            let mut spec: Value = serde_json::from_str(&source.cluster_spec).unwrap();
            spec["engine"]["image"] = json!(own);
            source.cluster_spec = spec.to_string();
        }
        let drill = DrillReport::begins("books-drill-1".into(), Time(at(0)));
        let engine =
            cluster::cluster(&backup, &drill, "a-1", &images, &DrillClass::Same).unwrap().spec.engine;
        (engine.version, engine.image)
    };
    let offered = crate::fixture::catalog(&["17.90", "15.90"]);
    assert_eq!(made(offered.clone(), None), ("17".into(), None));
    assert_eq!(made(offered, Some("own/postgres")), ("17.91".into(), Some("own/postgres".into())));
    for without in [CatalogSeen::Missing, crate::fixture::catalog(&["15.90"])] {
        assert_eq!(made(without, None), ("17.91".into(), Some("i".into())), "the image that made the backup");
    }
}

#[test]
fn a_drill_that_passes_is_measured_and_leaves_nothing() {
    let mut seen = served();
    let asked = decide(&seen, at(3));
    assert_eq!(asked.drill.as_ref().unwrap().recovery_seconds, Some(120));
    seen.findings = Some(Findings::default());
    round(&mut seen, at(3));
    assert!(matches!(decide(&seen, at(3)).step, Some(Step::Ask { .. })));
    report(&mut seen, &[], Some("2026-11-21T11:00:02Z"));
    let end = round(&mut seen, at(4));
    let drill = end.drill.unwrap();
    assert_eq!(
        (drill.outcome, drill.lost_seconds, drill.cause.as_deref()),
        (DrillOutcome::Passed, Some(3), None)
    );
    assert_eq!(end.verified.as_ref(), Some(&drill));
    assert!(matches!(round(&mut seen, at(5)).step, Some(Step::Remove { .. })));
    let rest = round(&mut seen, at(5));
    assert_eq!((rest.step, rest.soon), (None, false), "the same request is answered once");
    assert_eq!(rest.drill.unwrap().outcome, DrillOutcome::Passed);
}

#[test]
fn a_damaged_page_or_a_missing_mark_fails_the_drill_and_says_where() {
    let mut seen = served();
    report(
        &mut seen,
        &["checksum: block 5 of t in database bank (./base/5/16387)"],
        Some("2026-11-21T11:00:02Z"),
    );
    let end = round(&mut seen, at(4));
    let cause = end.drill.as_ref().unwrap().cause.clone().unwrap();
    assert!(cause.contains("block 5 of t in database bank"), "{cause}");
    assert_eq!(end.verified, None, "what failed verifies nothing");
    assert!(matches!(round(&mut seen, at(5)).step, Some(Step::Remove { .. })), "it is removed all the same");

    let mut seen = served();
    report(&mut seen, &[], None);
    let cause = round(&mut seen, at(4)).drill.unwrap().cause.unwrap();
    assert!(cause.contains("mark"), "{cause}");
}

#[test]
fn a_report_of_another_drill_is_no_answer() {
    let mut seen = served();
    report(&mut seen, &[], Some("2026-11-21T11:00:02Z"));
    seen.findings.as_mut().unwrap().report.as_mut().unwrap().key = "books-drill-older".into();
    round(&mut seen, at(4));
    assert!(matches!(decide(&seen, at(4)).step, Some(Step::Ask { .. })));
}

#[test]
fn a_drill_that_takes_too_long_or_can_not_begin_fails_with_the_cluster_s_own_words() {
    let mut late = served();
    status(
        &mut late,
        json!({"conditions": [{"type": "Restored", "status": "False", "reason": "InProgress",
        "message": "volumes are cloned", "lastTransitionTime": at(0)}]}),
    );
    assert_eq!(decide(&late, at(29)).drill.unwrap().outcome, DrillOutcome::Running);
    let cause = decide(&late, at(31)).drill.unwrap().cause.unwrap();
    assert!(cause.contains("longer than 30 min") && cause.contains("volumes are cloned"), "{cause}");

    let mut refused = served();
    status(
        &mut refused,
        json!({"conditions": [{"type": "Accepted", "status": "False", "reason": "InvalidSpec",
        "message": "spec.storage.storageClass is 'gold'", "lastTransitionTime": at(0)}]}),
    );
    assert!(decide(&refused, at(1)).drill.unwrap().cause.unwrap().contains("gold"));
}

#[test]
fn a_drill_that_waits_says_what_for_until_it_serves() {
    let mut waits = seen(backup("Succeeded"));
    for _ in 0..4 {
        round(&mut waits, at(0));
    }
    assert_eq!(decide(&waits, at(1)).drill.unwrap().waiting, None, "nobody has looked at it yet");
    let bad = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "False", "reason": reason, "message": message, "lastTransitionTime": at(0)});
    let cloning = bad("Restored", "InProgress", "volumes are cloned");
    status(
        &mut waits,
        json!({"conditions": [bad("Ready", "NoPrimary", "no member takes writes"), cloning.clone()]}),
    );
    assert_eq!(round(&mut waits, at(1)).drill.unwrap().waiting.as_deref(), Some("volumes are cloned"));
    let no_node = bad("Ready", "Unschedulable", "pod c-0 finds no node");
    status(&mut waits, json!({"conditions": [no_node, cloning]}));
    assert_eq!(round(&mut waits, at(2)).drill.unwrap().waiting.as_deref(), Some("pod c-0 finds no node"));
    let late = decide(&waits, at(31)).drill.unwrap();
    assert_eq!(late.waiting, None);
    assert!(late.cause.unwrap().ends_with("at its end: pod c-0 finds no node"));
    let quota = bad("Ready", "FailedCreate", "no pod of StatefulSet c can be made");
    status(&mut waits, json!({"conditions": [quota, bad("Restored", "InProgress", "volumes are cloned")]}));
    let waiting = round(&mut waits, at(2)).drill.unwrap().waiting;
    assert_eq!(waiting.as_deref(), Some("no pod of StatefulSet c can be made"));
    status(
        &mut waits,
        json!({"restore": {"backup": "shop/nightly", "backupUid": "b-1", "phase": "Done", "servingAt": at(3)}}),
    );
    assert_eq!(round(&mut waits, at(3)).drill.unwrap().waiting, None);
}

#[test]
fn a_restore_that_failed_may_heal_for_a_while_and_no_longer() {
    let mut seen = served();
    status(
        &mut seen,
        json!({"conditions": [{"type": "Restored", "status": "False", "reason": "RestoreFailed",
        "message": "no member could start", "lastTransitionTime": at(1)}]}),
    );
    assert_eq!(decide(&seen, at(5)).drill.unwrap().outcome, DrillOutcome::Running);
    assert!(decide(&seen, at(7)).drill.unwrap().cause.unwrap().contains("no member could start"));
}

#[test]
fn a_lost_backup_fails_at_once_and_one_that_is_being_made_is_waited_for() {
    let mut lost = seen(backup("Lost"));
    let drill = round(&mut lost, at(0)).drill.unwrap();
    assert_eq!(drill.outcome, DrillOutcome::Failed);
    assert_eq!(round(&mut lost, at(0)).step, None, "nothing was made");
    assert_eq!(decide(&seen(backup("Cutting")), at(0)), Decision::default());
}

#[test]
fn a_new_request_waits_for_the_end_of_the_drill_that_runs() {
    let mut seen = served();
    let first = seen.backup.status.as_ref().unwrap().drill.as_ref().unwrap().cluster.clone();
    let annotations = Arc::make_mut(&mut seen.backup).metadata.annotations.as_mut().unwrap();
    annotations.insert("stylobate.dev/verify".into(), "two".into());
    assert_eq!(decide(&seen, at(3)).drill.unwrap().cluster, first);
    report(&mut seen, &[], Some("2026-11-21T11:00:02Z"));
    for _ in 0..3 {
        round(&mut seen, at(4));
    }
    let second = seen.backup.status.as_ref().unwrap().drill.clone().unwrap();
    assert_ne!(second.cluster, first);
    assert_eq!(second.outcome, DrillOutcome::Running);
}

#[test]
fn a_failure_counts_while_the_next_drill_runs_and_until_one_passes() {
    let mut seen = served();
    report(&mut seen, &["books.accounts: block 7"], Some("2026-11-21T11:00:00Z"));
    round(&mut seen, at(3));
    let refuted = |seen: &Seen| seen.backup.status.as_ref().unwrap().refuted().is_some();
    assert!(refuted(&seen));
    for _ in 0..3 {
        round(&mut seen, at(4));
    }
    let again = [(crate::name::ANNOTATION_VERIFY.to_owned(), "two".to_owned())];
    Arc::make_mut(&mut seen.backup).metadata.annotations = Some(again.into());
    for _ in 0..5 {
        round(&mut seen, at(5));
    }
    let status = |seen: &Seen| seen.backup.status.clone().unwrap();
    assert_eq!(status(&seen).drill.unwrap().outcome, DrillOutcome::Running);
    assert!(refuted(&seen), "asking again proves nothing yet");
    let serving = json!({"restore": {"backup": "shop/nightly", "backupUid": "b-1", "phase": "Done", "servingAt": at(6)}});
    self::status(&mut seen, serving);
    report(&mut seen, &[], Some("2026-11-21T11:00:00Z"));
    round(&mut seen, at(7));
    assert_eq!(status(&seen).drill.unwrap().outcome, DrillOutcome::Passed);
    assert!(!refuted(&seen) && status(&seen).failed_drill.is_none());
}

#[test]
fn a_drill_whose_turn_has_not_come_is_not_begun_and_not_forgotten() {
    let mut seen = seen(backup("Succeeded"));
    seen.turn = false;
    let decision = decide(&seen, at(0));
    assert_eq!((decision.drill, decision.step, decision.soon), (None, None, true));
    seen.turn = true;
    assert_eq!(decide(&seen, at(9)).drill.unwrap().started_at.0, at(9), "its time counts from here");
}

#[test]
fn a_drill_has_a_class_that_lets_its_disk_go_and_says_so_where_there_is_none() {
    let images = crate::fixture::catalog(&["17.91"]);
    let made = |class: DrillClass| {
        let made = super::cluster::cluster(
            &backup("Succeeded"),
            &DrillReport::begins("books-drill-1".into(), Time(at(0))),
            "a-1",
            &images,
            &class,
        );
        made.unwrap().spec.storage.storage_class
    };
    assert_eq!(made(DrillClass::Own("fast-drill".into())).as_deref(), Some("fast-drill"));
    assert_eq!(made(DrillClass::Retains("fast".into())), None);
    let mut seen = served();
    seen.class = DrillClass::Retains("fast".into());
    report(&mut seen, &[], Some("2026-11-21T11:00:00Z"));
    let ended = round(&mut seen, at(3)).drill.unwrap();
    assert_eq!(ended.outcome, DrillOutcome::Passed, "the backup is none the worse for it");
    assert!(ended.checks.last().unwrap().contains("StorageClass fast retains it"), "{:?}", ended.checks);
}

#[test]
fn what_a_drill_leaves_behind_is_told_until_it_is_gone() {
    let mut seen = served();
    seen.volumes = vec!["pv-1".into()];
    round(&mut seen, at(2));
    report(&mut seen, &[], Some("2026-11-21T11:00:00Z"));
    round(&mut seen, at(3));
    seen.volumes.clear();
    round(&mut seen, at(3));
    assert!(seen.anchor.is_none() && seen.cluster.is_none(), "it is removed");
    seen.left = vec!["pv-1".into()];
    let told = round(&mut seen, at(4));
    assert!(
        told.soon && told.drill.unwrap().waiting.unwrap().contains("PersistentVolume pv-1 is there still")
    );
    let later = round(&mut seen, at(60));
    assert!(!later.soon, "a person has to look at it");
    assert_eq!(later.drill.unwrap().volumes, ["pv-1"]);
    seen.left.clear();
    let gone = round(&mut seen, at(61)).drill.unwrap();
    assert_eq!((gone.waiting, gone.volumes.len(), gone.outcome), (None, 0, DrillOutcome::Passed));
}

/// An auditor's rule, as a customer may have one: nothing is restored aside.
struct NoDrills;

impl Policy for NoDrills {
    fn id(&self) -> &'static str {
        "no-drills"
    }

    fn judge(&self, _step: &plan::Step, _case: &Case) -> Option<Objection> {
        None
    }

    fn judge_drill(&self, step: &Step, _seen: &Seen) -> Option<Objection> {
        let begins = matches!(step, Step::Anchor { .. });
        begins.then(|| Objection {
            reason: "nothing is restored aside".into(),
            remedy: "ask the auditor".into(),
        })
    }
}

#[test]
fn a_policy_holds_a_step_of_a_drill_back_and_what_it_says_is_told_as_what_is_waited_for() {
    let mut seen = seen(backup("Succeeded"));
    round(&mut seen, at(0));
    let decision = decide(&seen, at(1));
    assert!(matches!(decision.step, Some(Step::Anchor { .. })), "{decision:?}");
    let held = judged(decision, &seen, &[&NoDrills]);
    assert_eq!(held.step, None);
    let waiting = held.drill.unwrap().waiting.unwrap();
    assert!(
        waiting.contains("policy no-drills: nothing is restored aside); to go on: ask the auditor"),
        "{waiting}"
    );
}
