//! Claims and what they are worth, one by one.

use serde_json::json;

use super::*;
use crate::fixture::observed;
use crate::observe::LeaderSeen;

/// Pods by words: `c-0 primary ready leads` is a pod with that label, readiness and own word; `record c-1` is the leader record.
fn seen(lines: &[&str]) -> Observed {
    let mut seen = observed(json!({}));
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["record", holder] = words.as_slice() {
            let leader = LeaderSeen { holder: (*holder).into(), ..LeaderSeen::default() };
            seen.leaders.insert(0, leader);
            continue;
        }
        let has = |word: &str| words.contains(&word);
        let role = if has("primary") { "primary" } else { "replica" };
        let pod = PodSeen {
            role: Some(role.into()),
            ready: has("ready"),
            deleting: has("ending"),
            ..PodSeen::default()
        };
        seen.pods.insert(words[0].into(), pod);
        let says = match () {
            () if has("leads") => ("running", "primary"),
            () if has("starts") => ("starting", "primary"),
            () if has("follows") => ("running", "replica"),
            () => continue,
        };
        let member = MemberSeen { state: says.0.into(), role: says.1.into(), ..MemberSeen::default() };
        seen.members.insert(words[0].into(), member);
    }
    seen
}

/// The pod that leads, `nobody`, or `unknown` and who claims it.
fn leads(lines: &[&str]) -> String {
    let seen = seen(lines);
    match seen.leadership(&seen.name().group(0)) {
        Leadership::Confirmed { pod } => pod.to_owned(),
        Leadership::None => "nobody".into(),
        Leadership::Unknown { claimants } => format!("unknown: {}", claimants.join(" ")),
    }
}

#[test]
fn a_member_that_is_ready_and_says_so_leads() {
    assert_eq!(leads(&["c-0 primary ready leads", "c-1 ready follows"]), "c-0");
    // The label comes a moment after the role.
    assert_eq!(leads(&["c-0 ready leads", "c-1 ready follows"]), "c-0");
    assert_eq!(leads(&[]), "nobody");
}

#[test]
fn a_label_alone_is_no_evidence() {
    assert_eq!(leads(&["c-0 primary", "c-1 ready follows"]), "nobody");
    assert_eq!(leads(&["c-0 primary ready follows"]), "nobody", "it was not promoted yet");
    assert_eq!(leads(&["c-0 primary ready starts"]), "nobody");
    assert_eq!(leads(&["c-0 primary leads"]), "nobody", "it is not ready");
    assert_eq!(leads(&["c-0 primary ready ending leads"]), "nobody");
    assert_eq!(leads(&["c-0 primary ready"]), "unknown: c-0", "it may lead and can't be asked");
}

#[test]
fn a_member_that_does_not_answer_us_leads_by_the_record() {
    assert_eq!(leads(&["c-0 primary ready", "record c-0"]), "c-0");
    assert_eq!(leads(&["c-0 primary ready", "record c-1"]), "unknown: c-0");
    assert_eq!(leads(&["c-0 primary ready", "c-1 ready follows", "record c-1"]), "unknown: c-0 c-1");
    assert_eq!(leads(&["c-0 primary ready follows", "record c-0"]), "nobody");
    assert_eq!(leads(&["c-0 primary", "record c-0"]), "nobody", "its pod is not ready");
}

#[test]
fn the_label_of_a_pod_whose_node_is_lost_does_not_count_beside_a_member_that_was_promoted() {
    assert_eq!(leads(&["c-0 primary", "c-1 primary ready leads"]), "c-1");
    assert_eq!(leads(&["c-0 primary ending", "c-2 primary ready leads"]), "c-2");
    // Until Kubernetes notices, the pod counts as ready: then the record tells.
    let both = ["c-0 primary ready", "c-1 primary ready leads"];
    assert_eq!(leads(&both), "unknown: c-0 c-1");
    assert_eq!(leads(&[both[0], both[1], "record c-1"]), "c-1");
    assert_eq!(leads(&[both[0], both[1], "record c-0"]), "unknown: c-0 c-1");
}

#[test]
fn what_two_say_of_themselves_is_not_known_whatever_the_record_says() {
    let two = ["c-0 primary ready leads", "c-1 primary ready leads"];
    assert_eq!(leads(&two), "unknown: c-0 c-1");
    assert_eq!(leads(&[two[0], two[1], "record c-1"]), "unknown: c-0 c-1");
    assert_eq!(leads(&["c-0 primary leads", "c-1 primary ready leads"]), "unknown: c-0 c-1");
    assert_eq!(leads(&["c-0 primary starts", "c-1 primary starts"]), "unknown: c-0 c-1");
    assert_eq!(leads(&["c-0 ready leads", "record c-1", "c-1 ready follows"]), "unknown: c-0 c-1");
}

#[test]
fn the_record_is_read_only_while_a_pod_that_could_lead_does_not_answer() {
    let needs = |lines: &[&str]| {
        let seen = seen(lines);
        needs_record(&seen.name().group(0), &seen.pods, &seen.members)
    };
    assert!(!needs(&["c-0 primary ready leads", "c-1 ready follows", "c-2 ready"]));
    assert!(!needs(&["c-0 primary", "c-1 primary ready leads"]), "the node of c-0 is lost");
    assert!(needs(&["c-0 primary ready", "c-1 ready follows"]));
}

#[test]
fn pods_of_another_name_claim_nothing() {
    assert_eq!(leads(&["c-pooler-x primary ready leads", "d-0 primary ready leads"]), "nobody");
}
