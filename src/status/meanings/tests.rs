//! Every condition, reason and policy is explained.

use super::*;

/// Values of the constants in this module of the source.
fn constants(module: &str) -> Vec<String> {
    let source = include_str!("../conditions.rs");
    let begin = source.find(&format!("pub mod {module} {{")).expect("the module is in conditions.rs");
    let body = source[begin..].split("\n}\n").next().expect("it has an end");
    let values = body.split("&str = \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    values.collect()
}

#[test]
fn each_condition_and_each_reason_is_explained_and_none_that_is_not_there() {
    let kinds: Vec<String> = KINDS.iter().map(|row| row.kind.to_owned()).collect();
    let mut wanted = constants("kind");
    assert!(wanted.len() >= 12, "{wanted:?}");
    wanted.sort();
    let mut told = kinds.clone();
    told.sort();
    assert_eq!(told, wanted, "give each condition one row in KINDS");

    let wanted = constants("reason");
    assert!(wanted.len() >= 33, "{wanted:?}");
    for reason in wanted.iter().filter(|reason| *reason != reason::AS_WANTED) {
        assert!(REASONS.iter().any(|row| row.reason == reason), "{reason} has no row in REASONS");
    }
    for row in REASONS {
        assert!(!row.means.is_empty() && !row.remedy.is_empty() && !row.kinds.is_empty(), "{}", row.reason);
        for kind in row.kinds {
            let rows =
                REASONS.iter().filter(|other| other.reason == row.reason && other.kinds.contains(kind));
            assert_eq!(rows.count(), 1, "{kind} {}", row.reason);
        }
    }
}

#[test]
fn each_policy_that_may_hold_a_step_back_has_its_remedy() {
    let row = REASONS.iter().find(|row| row.reason == reason::HELD_BACK).unwrap();
    for policy in crate::policy::CATALOG {
        assert!(
            row.remedy.contains(&format!("`{}`", policy.id())),
            "{} is not in the row of HeldBack",
            policy.id()
        );
    }
}
