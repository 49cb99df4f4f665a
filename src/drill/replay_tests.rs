//! Drills that replay WAL of the archive: the mark, what is told when it can't be had, and who is to blame for a failure.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::tests::{at, backup, report, round, seen, status};
use super::*;
use crate::api::{
    ArchiveCheck, ArchiveCheckOutcome, BackupMethod, BackupStatus, DrillBlame, DrillOutcome, DrillReport,
};

const MARK: &str = "2026-11-21T12:00:30Z";

fn mark(archived: bool) -> Source {
    let (at, lsn) = (MARK.parse().unwrap(), "0/9000090".to_owned());
    Source::Fit(Some(SourceMark { at, lsn, wal: "000000010000000000000009".into(), archived }))
}

fn told(seen: &Seen) -> BackupStatus {
    seen.backup.status.clone().unwrap()
}

fn drill(seen: &Seen) -> DrillReport {
    told(seen).drill.expect("it is told")
}

/// A drill whose backup can be brought up to a mark.
fn marked(source: Source) -> Seen {
    let mut seen = seen(backup("Succeeded"));
    let groups = json!([{"group": 0, "member": "books-0", "claim": "d", "volume": "v", "systemIdentifier": "1", "timeline": 1,
        "checkpointLsn": "0/3000028"}]);
    Arc::make_mut(&mut seen.backup).status.as_mut().unwrap().groups = serde_json::from_value(groups).unwrap();
    seen.source = source;
    for _ in 0..2 {
        round(&mut seen, at(0));
    }
    seen
}

/// The same, restored up to the mark and looked through.
fn replayed(back: Option<&str>) -> Seen {
    let mut seen = marked(mark(true));
    for _ in 0..2 {
        round(&mut seen, at(1));
    }
    serves(&mut seen);
    report(&mut seen, &[], Some("2026-11-21T11:00:02Z"));
    seen.findings.as_mut().unwrap().replayed_to = back.map(|back| back.parse().unwrap());
    seen
}

fn serves(seen: &mut Seen) {
    let restore = json!({"backup": "shop/nightly", "backupUid": "b-1", "phase": "Done", "servingAt": at(2)});
    status(seen, json!({"restore": restore}));
}

fn says(seen: &mut Seen, kind: &str, reason: &str, since: Timestamp) {
    let condition: Value = json!({"type": kind, "status": "False", "reason": reason, "message": "m", "lastTransitionTime": since});
    status(seen, json!({"conditions": [condition]}));
}

fn point(seen: &Seen) -> Option<String> {
    seen.cluster.as_ref()?.spec.bootstrap.point_in_time.as_ref()?.target_lsn.clone()
}

#[test]
fn a_backup_is_brought_up_to_a_mark_that_was_archived_before_it_was_restored() {
    let mut seen = marked(Source::Fit(None));
    let asked = round(&mut seen, at(0));
    assert!(matches!(asked.step, Some(Step::Mark { .. })), "{asked:?}");
    seen.source = mark(false);
    let waits = round(&mut seen, at(1));
    let drill_now = waits.drill.expect("it runs");
    assert!(
        matches!(waits.step, Some(Step::Mark { .. })),
        "whoever wrote it may have been killed before the switch"
    );
    assert!(seen.cluster.is_none() && drill_now.waiting.unwrap().contains("000000010000000000000009"));
    let between = decide(&seen, at(1) + SignedDuration::from_secs(30));
    assert_eq!(between.step, None, "once a minute is enough");
    seen.source = mark(true);
    for _ in 0..2 {
        round(&mut seen, at(2));
    }
    assert_eq!(point(&seen).as_deref(), Some("0/9000090"));
    serves(&mut seen);
    report(&mut seen, &[], Some("2026-11-21T11:00:02Z"));
    seen.findings.as_mut().unwrap().replayed_to = Some(MARK.parse().unwrap());
    seen.findings.as_mut().unwrap().bytes = Some(27_000_000);
    let ended = round(&mut seen, at(4)).drill.unwrap();
    assert_eq!((ended.outcome, ended.bytes), (DrillOutcome::Passed, Some(27_000_000)));
    let replay = ended.replay.unwrap();
    assert!(replay.reached && replay.to.0 == MARK.parse().unwrap(), "{replay:?}");
    assert_eq!(replay.bytes, Some(0x0900_0090 - 0x0300_0028));
    assert!(
        ended.checks.iter().any(|check| check.starts_with("replay: 97 MiB of WAL, the mark of")),
        "{:?}",
        ended.checks
    );
}

#[test]
fn an_archive_that_can_not_be_had_is_told_and_the_backup_is_looked_through_all_the_same() {
    for (source, minute, why) in [
        (Source::Unfit("cluster books is gone".into()), 1, "is gone"),
        (Source::Waits("nobody takes writes".into()), 6, "nobody takes writes"),
        (Source::Fit(None), 6, "answers, and does not write"),
        (mark(false), 11, "did not come to the archive within 10 min"),
    ] {
        let mut seen = marked(source);
        round(&mut seen, at(0));
        for _ in 0..2 {
            round(&mut seen, at(minute));
        }
        assert_eq!((point(&seen), seen.cluster.is_some()), (None, true));
        assert_eq!(drill(&seen).silent_since, None);
        serves(&mut seen);
        report(&mut seen, &[], Some("2026-11-21T11:00:02Z"));
        let ended = round(&mut seen, at(12)).drill.unwrap();
        assert_eq!((ended.outcome, ended.replay), (DrillOutcome::Passed, None));
        let line = ended.checks.iter().find(|check| check.starts_with("replay: not made")).unwrap();
        assert!(line.contains(why), "{line}");
    }
}

#[test]
fn a_mark_that_is_not_archived_is_not_gone_to_when_its_cluster_falls_silent() {
    let mut seen = marked(mark(false));
    round(&mut seen, at(1));
    assert!(drill(&seen).replay.is_some(), "it is on its way");
    seen.source = Source::Waits("the primary of cluster books does not answer".into());
    for _ in 0..2 {
        round(&mut seen, at(6));
    }
    assert!(
        drill(&seen).replay.is_some(),
        "it answered a while ago: its silence counts from its last answer"
    );
    for _ in 0..2 {
        round(&mut seen, at(11));
    }
    assert_eq!((drill(&seen).replay, point(&seen), seen.cluster.is_some()), (None, None, true));
    assert!(drill(&seen).not_replayed.unwrap().contains("does not answer"));
}

#[test]
fn a_replay_that_fails_has_the_backup_restored_alone_and_the_archive_is_to_blame() {
    let mut seen = marked(mark(true));
    for _ in 0..2 {
        round(&mut seen, at(1));
    }
    let first = drill(&seen).cluster;
    says(&mut seen, "Restored", "RestoreFailed", at(2));
    round(&mut seen, at(8));
    assert_eq!(drill(&seen).outcome, DrillOutcome::Running, "it is not known yet which of the two it was");
    assert_eq!(round(&mut seen, at(8)).step, Some(Step::Remove { name: first.clone() }));
    for _ in 0..3 {
        round(&mut seen, at(9));
    }
    let alone = drill(&seen).alone.expect("it has a name of its own");
    assert_ne!(alone, first);
    assert_eq!((seen.cluster.as_ref().unwrap().metadata.name.as_ref(), point(&seen)), (Some(&alone), None));
    serves(&mut seen);
    report(&mut seen, &[], Some("2026-11-21T11:00:02Z"));
    let end = round(&mut seen, at(12));
    let ended = end.drill.unwrap();
    assert_eq!((ended.outcome, ended.failed_of), (DrillOutcome::Failed, Some(DrillBlame::Archive)));
    assert_eq!((end.refuted, end.verified), (None, None), "the backup is as good as it was");
    assert!(told(&seen).refuted().is_none());
    assert_eq!(round(&mut seen, at(13)).step, Some(Step::Remove { name: alone }));
}

#[test]
fn a_restore_that_was_long_under_way_has_its_patience_from_when_it_first_says_that_it_failed() {
    let mut seen = marked(mark(true));
    for _ in 0..2 {
        round(&mut seen, at(1));
    }
    // Under way since the second minute: `False` all the time, and failed since the eighteenth.
    says(&mut seen, "Restored", "RestoreFailed", at(2));
    let told = seen.cluster.as_mut().unwrap().status.as_mut().unwrap();
    told.reason_since = [("Restored".to_owned(), Time(at(18)))].into();
    for minute in [18, 20, 22] {
        round(&mut seen, at(minute));
        assert_eq!(drill(&seen).replay.unwrap().failed, None, "it may yet heal in minute {minute}");
    }
    round(&mut seen, at(24));
    assert_eq!(drill(&seen).replay.unwrap().failed.as_deref(), Some("m"));
}

#[test]
fn a_backup_that_does_not_come_back_alone_either_is_to_blame_itself() {
    let mut seen = marked(mark(true));
    for _ in 0..2 {
        round(&mut seen, at(1));
    }
    says(&mut seen, "Restored", "RestoreFailed", at(2));
    for _ in 0..5 {
        round(&mut seen, at(8));
    }
    says(&mut seen, "Restored", "RestoreFailed", at(9));
    let end = round(&mut seen, at(15));
    assert_eq!(end.drill.unwrap().failed_of, Some(DrillBlame::Backup));
    assert!(told(&seen).refuted().is_some());
}

#[test]
fn a_mark_that_is_missing_and_a_damaged_archive_speak_against_the_archive_alone() {
    let mut seen = replayed(None);
    let ended = round(&mut seen, at(4)).drill.unwrap();
    assert_eq!(ended.failed_of, Some(DrillBlame::Archive));
    assert!(ended.cause.unwrap().contains("did not come back with the WAL of the archive"));

    let mut seen = replayed(Some(MARK));
    let found = ArchiveCheck {
        outcome: ArchiveCheckOutcome::Damaged,
        said: Some("checksum invalid: 1".into()),
        ..ArchiveCheck::default()
    };
    seen.findings.as_mut().unwrap().report.as_mut().unwrap().archive = Some(found);
    let ended = round(&mut seen, at(4)).drill.unwrap();
    assert_eq!(ended.failed_of, Some(DrillBlame::Archive));
    assert!(ended.cause.unwrap().contains("checksum invalid: 1"));

    let mut seen = replayed(Some(MARK));
    report(&mut seen, &["block 7 of t"], Some("2026-11-21T11:00:02Z"));
    let ended = round(&mut seen, at(4)).drill.unwrap();
    assert_eq!(ended.failed_of, Some(DrillBlame::Backup), "a bad page is the worse of the two");
}

#[test]
fn an_archive_that_takes_too_long_to_read_fails_no_drill_and_is_told() {
    let mut seen = replayed(Some(MARK));
    let found = ArchiveCheck { seconds: Some(1800), ..ArchiveCheck::default() };
    seen.findings.as_mut().unwrap().report.as_mut().unwrap().archive = Some(found);
    let ended = round(&mut seen, at(4)).drill.unwrap();
    assert_eq!(ended.outcome, DrillOutcome::Passed);
    assert!(ended.checks.iter().any(|check| check.contains("not read to its end within 1800 s")));
}

#[test]
fn the_archive_is_read_where_the_member_has_the_way_to_it_and_no_longer_than_the_spec_says() {
    let mut seen = replayed(Some(MARK));
    (seen.verify_archive, seen.findings) = (Some(30), Some(Findings::default()));
    let asked = |seen: &mut Seen| {
        round(seen, at(3));
        match round(seen, at(3)).step {
            Some(Step::Ask { archive, .. }) => archive,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(asked(&mut seen), Some(30));
    let mut without = super::tests::served();
    (without.verify_archive, without.findings) = (Some(30), Some(Findings::default()));
    assert_eq!(asked(&mut without), None, "it has no way to an archive");
}

/// A copy in the archive, and not a snapshot.
fn copy(seen: &mut Seen) {
    Arc::make_mut(&mut seen.backup).spec.method = BackupMethod::Archive;
}

#[test]
fn a_backup_that_had_only_what_the_replay_left_of_the_time_is_not_refuted() {
    let mut seen = marked(mark(true));
    for _ in 0..2 {
        round(&mut seen, at(1));
    }
    says(&mut seen, "Restored", "RestoreFailed", at(18));
    for _ in 0..5 {
        round(&mut seen, at(24));
    }
    assert!(drill(&seen).alone.is_some() && seen.cluster.is_some());
    says(&mut seen, "Restored", "InProgress", at(24));
    let end = round(&mut seen, at(31));
    let ended = end.drill.unwrap();
    assert_eq!((ended.outcome, ended.failed_of), (DrillOutcome::Failed, Some(DrillBlame::Archive)));
    assert!(ended.cause.unwrap().starts_with("the replay of WAL failed: m"));
    assert_eq!(end.refuted, None);
}

#[test]
fn an_archive_that_can_not_be_asked_is_no_word_on_what_is_in_it() {
    let mut seen = marked(mark(true));
    for _ in 0..2 {
        round(&mut seen, at(1));
    }
    says(&mut seen, "Restored", "RestoreArchiveUnread", at(2));
    for _ in 0..5 {
        round(&mut seen, at(8));
    }
    serves(&mut seen);
    report(&mut seen, &[], Some("2026-11-21T11:00:02Z"));
    let ended = round(&mut seen, at(12)).drill.unwrap();
    assert_eq!(ended.failed_of, Some(DrillBlame::Surroundings), "the backup came back alone");
}

#[test]
fn a_copy_is_refuted_for_its_archive_and_passphrase_alone() {
    for (kind, reason, minute, of) in [
        ("Accepted", "InvalidSpec", 1, DrillBlame::Surroundings),
        ("Accepted", "SourceArchiveRefused", 1, DrillBlame::Backup),
        ("Restored", "RestoreArchiveUnread", 6, DrillBlame::Surroundings),
        ("Restored", "RestoreKeyWrong", 6, DrillBlame::Backup),
        ("Restored", "RestoreFailed", 6, DrillBlame::Backup),
        // It is as large as it is, and nothing is known of it.
        ("Restored", "InProgress", 31, DrillBlame::Surroundings),
    ] {
        let mut seen = seen(backup("Succeeded"));
        copy(&mut seen);
        for _ in 0..4 {
            round(&mut seen, at(0));
        }
        says(&mut seen, kind, reason, at(0));
        let drill = round(&mut seen, at(minute)).drill.unwrap();
        assert_eq!((drill.outcome, drill.failed_of), (DrillOutcome::Failed, Some(of)), "{kind} {reason}");
    }
}

#[test]
fn a_request_that_comes_again_does_not_take_the_mark_of_the_first() {
    let first = DrillReport::begins("books-drill-1".into(), Time(at(0)));
    let third = DrillReport::begins("books-drill-1".into(), Time(at(9)));
    assert_ne!(first.mark(), third.mark());
    let mut seen = marked(Source::Fit(None));
    let key = drill(&seen).mark();
    assert_eq!(round(&mut seen, at(0)).step, Some(Step::Mark { key }));
}

#[test]
fn a_report_from_a_tenants_volume_is_cut_before_it_comes_into_a_status() {
    let long = "x".repeat(9000);
    let text = json!({"key": "k", "state": "done", "checks": vec![&long; 90], "faults": vec![&long; 90],
        "archive": {"outcome": "Damaged", "said": &long}});
    let read = Report::read(&text.to_string()).unwrap();
    assert_eq!((read.checks.len(), read.faults.len()), (21, 21));
    let lines = read.checks.iter().chain(&read.faults).chain(&read.archive.as_ref().unwrap().said);
    assert!(lines.clone().count() == 43 && lines.into_iter().all(|line| line.len() <= 300));
}

#[test]
fn what_surrounds_a_drill_does_not_speak_against_its_backup() {
    let ended = |kind: &str, reason: &str, minute: i64| {
        let mut seen = seen(backup("Succeeded"));
        for _ in 0..4 {
            round(&mut seen, at(0));
        }
        says(&mut seen, kind, reason, at(0));
        let end = round(&mut seen, at(minute));
        let drill = end.drill.unwrap();
        assert_eq!(drill.outcome, DrillOutcome::Failed, "{reason}");
        assert_eq!(told(&seen).refuted().is_some(), drill.refutes());
        drill.failed_of.unwrap()
    };
    for (kind, reason, minute, of) in [
        ("Accepted", "InvalidSpec", 1, DrillBlame::Surroundings),
        ("Ready", "Unschedulable", 31, DrillBlame::Surroundings),
        ("Ready", "FailedCreate", 31, DrillBlame::Surroundings),
        ("Ready", "ImageCannotBePulled", 31, DrillBlame::Surroundings),
        ("Restored", "RestoreFailed", 6, DrillBlame::Backup),
        // A volume that can't be cloned may be a snapshot that is not there any more.
        ("Restored", "InProgress", 31, DrillBlame::Backup),
    ] {
        assert_eq!(ended(kind, reason, minute), of, "{kind} {reason}");
    }
    let mut foreign = seen(backup("Succeeded"));
    foreign.foreign = Some("PostgresCluster");
    round(&mut foreign, at(0));
    assert_eq!(round(&mut foreign, at(0)).drill.unwrap().failed_of, Some(DrillBlame::Surroundings));
}
