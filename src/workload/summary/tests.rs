//! Verdicts, exit codes and the lines that scripts look for.

use super::super::journal::{Comparison, Fate};
use super::*;

fn verified() -> Verified {
    Verified {
        present: 3,
        lost: 0,
        lost_examples: Vec::new(),
        unknown_found: 1,
        duplicates: 0,
        unexpected: 0,
        total_before: 2000,
        total_after: 2000,
        accounts_off: 0,
    }
}

fn summary(verified: Option<Verified>, verdict: Verdict) -> Summary {
    let started: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let causes = BTreeMap::from([("57P01".to_owned(), 8), ("08001".to_owned(), 30)]);
    let gap = Gap { at: "2026-11-21T12:00:01.5Z".parse().unwrap(), seconds: 1.25, open: false, causes };
    Summary {
        run: 7,
        started,
        seconds: 5.0,
        concurrency: 2,
        accounts: 2,
        acknowledged: 3,
        unknown: 2,
        failed: 4,
        verified,
        longest_write_gap: Some(gap.clone()),
        gaps: vec![gap],
        transfers_per_s: 0.6,
        latency: Some(Latency { p50_ms: 1.0, p95_ms: 2.0, p99_ms: 3.0, max_ms: 4.0 }),
        errors: BTreeMap::from([("57P01".to_owned(), Tally { count: 8, message: "terminating".to_owned() })]),
        verdict,
    }
}

#[test]
fn all_well_is_zero() {
    let found = verified();
    let verdict = Verdict::of(Ok(&found), 3);
    assert_eq!(verdict, Verdict::Kept);
    assert_eq!(summary(Some(found), verdict).exit_code(), 0);
}

#[test]
fn a_lost_transfer_is_code_one() {
    let journal = [vec![Fate::Acknowledged; 2]];
    let mut comparison = Comparison::new(&journal);
    comparison.row(0, 1);
    let findings = comparison.finish();
    let found = Verified { present: findings.present, lost: findings.lost, ..verified() };
    assert_eq!(found.lost, 1);
    let summary = summary(Some(found.clone()), Verdict::of(Ok(&found), 2));
    assert_eq!(summary.exit_code(), 1);
    assert!(summary.to_string().lines().any(|line| line == "lost 1"));
}

#[test]
fn each_invariant_alone_is_code_one() {
    for found in [
        Verified { total_after: 2001, ..verified() },
        Verified { accounts_off: 1, ..verified() },
        Verified { duplicates: 1, ..verified() },
        Verified { unexpected: 1, ..verified() },
    ] {
        let Verdict::Broken(reasons) = Verdict::of(Ok(&found), 3) else { panic!("{found:?} passed") };
        assert_eq!(reasons.len(), 1, "{reasons:?}");
    }
}

#[test]
fn a_vanished_table_is_code_one() {
    let cause = Cause::new("42P01", "relation \"bank.account\" does not exist");
    assert_eq!(summary(None, Verdict::of(Err(&cause), 3)).exit_code(), 1);
}

#[test]
fn what_could_not_be_told_is_code_two() {
    let cause = Cause::new("08001", "connection refused");
    let verdict = Verdict::of(Err(&cause), 3);
    let text = summary(None, verdict.clone()).to_string();
    assert!(text.contains("connection refused (08001)") && !text.contains("lost 0"), "{text}");
    assert_eq!(summary(None, verdict).exit_code(), 2);
    assert!(matches!(Verdict::of(Ok(&verified()), 0), Verdict::Unproved(_)));
}

#[test]
fn the_text_has_the_lines_that_scripts_look_for() {
    let text = summary(Some(verified()), Verdict::Kept).to_string();
    for line in [
        "acknowledged 3, present 3, unknown 2 (found 1), failed 4",
        "lost 0",
        "total kept yes (2000 before, 2000 after)",
        "longest write gap 1.250 s at 2026-11-21T12:00:01.500Z: 08001 x 30, 57P01 x 8",
        "verdict: every invariant held",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing from\n{text}");
    }
}

#[test]
fn json_has_lost_at_its_top() {
    let json = serde_json::to_value(summary(Some(verified()), Verdict::Kept)).unwrap();
    assert_eq!((&json["lost"], &json["verdict"]["is"]), (&0.into(), &"kept".into()));
}
