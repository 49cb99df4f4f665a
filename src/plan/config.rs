//! Patroni's dynamic configuration: only what differs is sent, and what nobody wants any more is removed by null.
//!
//! It is sent by any member whose Patroni answers, also while Postgres is down: what a bad setting broke is mended by a good one. Where
//! none answers, it is written where Patroni keeps it (`docs/decisions/0026-mending-settings.md`).

use serde_json::{Map, Value, json};

use crate::engine::engine;
use crate::name::GroupName;
use crate::observe::Observed;
use crate::target::replication::{STANDBYS, waits_for};
use crate::target::{GroupTarget, KEPT_POSTGRES, Target, kept};

use super::step::Step;

/// Patches for the groups whose configuration differs.
pub fn patches(target: &Target, seen: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    // What is sent is first kept: after a crash between the two, what runs must not be taken for what was never accepted.
    if kept(seen, KEPT_POSTGRES) != target.tuning.overlay {
        return steps;
    }
    for group in &target.groups {
        let wanted = engine(target.flavor).dynamic(target, group);
        steps.extend(match told(seen, &group.name) {
            Some((pod, live)) => difference(&wanted, live).map(|patch| Step::Configure {
                group: group.name.clone(),
                pod: pod.clone(),
                patch,
            }),
            None => store(target, seen, group, &wanted),
        });
    }
    steps
}

/// The configuration as a member of the group tells it, and which one does.
fn told<'a>(seen: &'a Observed, group: &GroupName) -> Option<(&'a String, &'a Value)> {
    let mut mine = seen.members.iter().filter(|(pod, _)| group.ordinal(pod).is_some());
    mine.find_map(|(pod, member)| Some((pod, member.config.as_ref()?)))
}

/// The list of standbys that subscribers wait for, where it is not that of those that follow: needs no valid spec. After a failover it names
/// the new primary's own slot, which is not there, and no subscriber gets anything until it is corrected.
pub fn standbys(seen: &Observed) -> Option<Step> {
    let group = seen.name().group(0);
    let (pod, live) = told(seen, &group)?;
    let sent = live.pointer("/postgresql/parameters")?.get(STANDBYS)?;
    let wanted = Value::from(waits_for(seen));
    let patch = json!({"postgresql": {"parameters": {STANDBYS: wanted}}});
    (!same(&wanted, sent)).then(|| Step::Configure { group, pod: pod.clone(), patch })
}

/// Patroni of no member answers: the patch goes where it is stored. Not while members are down on purpose, and not while the kubelet says
/// that one serves, which then is only out of our reach.
fn store(target: &Target, seen: &Observed, group: &GroupTarget, wanted: &Value) -> Option<Step> {
    let serves = seen.pods.iter().any(|(pod, seen)| group.name.ordinal(pod).is_some() && seen.ready);
    if target.upgrade.is_some() || target.restore.is_some() || serves {
        return None;
    }
    let stored = seen.stored.get(&group.name.number)?;
    let patch = difference(wanted, &stored.config)?;
    let mut config = stored.config.clone();
    merge(&mut config, &patch);
    let resource_version = stored.resource_version.clone();
    Some(Step::StoreSettings { group: group.name.clone(), resource_version, config, patch })
}

/// Puts a patch in, as Patroni's `PATCH /config` does (JSON merge patch, RFC 7386): null removes.
pub fn merge(live: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *live = patch.clone();
        return;
    };
    if !live.is_object() {
        *live = Value::Object(Map::new());
    }
    for (key, value) in fields {
        if value.is_null() {
            live.as_object_mut().map(|live| live.remove(key));
        } else {
            merge(&mut live[key], value);
        }
    }
}

/// The patch that makes `live` equal to `wanted` in all keys that are ours; none when they are equal.
fn difference(wanted: &Value, live: &Value) -> Option<Value> {
    let wanted = wanted.as_object()?;
    let mut patch = Map::new();
    for (key, value) in wanted {
        let found = live.get(key).unwrap_or(&Value::Null);
        if key == "postgresql" {
            if let Some(inner) = postgresql(value, found) {
                patch.insert(key.clone(), inner);
            }
        } else if !same(value, found) {
            patch.insert(key.clone(), value.clone());
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn postgresql(wanted: &Value, live: &Value) -> Option<Value> {
    let mut patch = Map::new();
    for (key, value) in wanted.as_object()? {
        let found = live.get(key).unwrap_or(&Value::Null);
        if key != "parameters" {
            if !same(value, found) {
                patch.insert(key.clone(), value.clone());
            }
            continue;
        }
        let none = Map::new();
        let found = found.as_object().unwrap_or(&none);
        let wanted = value.as_object().unwrap_or(&none);
        let mut parameters = Map::new();
        for (name, value) in wanted {
            if !found.get(name).is_some_and(|found| same(value, found)) {
                parameters.insert(name.clone(), value.clone());
            }
        }
        for name in found.keys().filter(|name| !wanted.contains_key(*name)) {
            parameters.insert(name.clone(), Value::Null);
        }
        if !parameters.is_empty() {
            patch.insert(key.clone(), Value::Object(parameters));
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Equal, where Patroni may have turned the text of a number into a number.
fn same(wanted: &Value, live: &Value) -> bool {
    let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
    wanted == live || text(wanted) == text(live)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, put_pods, settle, start, target};
    use crate::observe::{DatabaseSeen, MemberSeen, StoredSettings};

    #[test]
    fn a_patch_changes_what_it_names_and_null_removes() {
        let mut live = json!({"ttl": 20, "postgresql": {"parameters": {"a": "1", "b": "2"}}});
        merge(&mut live, &json!({"ttl": 30, "postgresql": {"parameters": {"a": null, "c": "3"}}}));
        assert_eq!(live, json!({"ttl": 30, "postgresql": {"parameters": {"b": "2", "c": "3"}}}));
    }

    #[test]
    fn only_what_differs_is_sent_and_what_is_gone_is_removed() {
        let wanted =
            json!({"ttl": 20, "postgresql": {"use_slots": true, "parameters": {"a": "1", "b": "2"}}});
        let live = json!({"ttl": 30, "postgresql": {"use_slots": true, "parameters": {"a": 1, "c": "3"}}});
        assert_eq!(
            difference(&wanted, &live).unwrap(),
            json!({"ttl": 20, "postgresql": {"parameters": {"b": "2", "c": null}}})
        );
    }

    #[test]
    fn what_is_stored_is_changed_only_while_no_member_answers_or_serves() {
        let mut seen = observed(json!({}));
        settle(&mut seen, start());
        put_pods(&mut seen);
        seen.pods.values_mut().for_each(|pod| pod.ready = false);
        let steps = |seen: &Observed| patches(&target(seen), seen);
        assert_eq!(steps(&seen), [], "nothing is stored");

        let config = json!({"ttl": 20, "other": 1, "postgresql": {"parameters": {"max_locks_per_transaction": "200000"}}});
        seen.stored.insert(0, StoredSettings { config, resource_version: "7".into() });
        let mended = steps(&seen);
        let [Step::StoreSettings { resource_version, config, .. }] = mended.as_slice() else {
            panic!("{mended:?}")
        };
        assert_eq!((resource_version.as_str(), &config["other"]), ("7", &json!(1)));
        assert_eq!(config["postgresql"]["parameters"].get("max_locks_per_transaction"), None);
        assert_eq!(config["postgresql"]["parameters"]["shared_buffers"], "256MB");

        let mut served = seen.clone();
        served.pods.get_mut("c-1").unwrap().ready = true;
        assert_eq!(steps(&served), [], "a member serves that we do not reach");

        let replica =
            MemberSeen { state: "start failed".into(), config: Some(json!({})), ..MemberSeen::default() };
        seen.members.insert("c-1".into(), replica);
        assert!(
            matches!(steps(&seen).as_slice(), [Step::Configure { pod, .. }] if pod == "c-1"),
            "any member takes them"
        );
    }

    #[test]
    fn equal_configuration_needs_no_patch() {
        let config = json!({"ttl": 20, "postgresql": {"parameters": {"a": "1"}}});
        assert_eq!(difference(&config, &config), None);
    }

    #[test]
    fn a_spec_with_a_fault_keeps_no_subscriber_waiting_for_a_standby_that_leads_now() {
        let mut seen = observed(json!({}));
        put_pods(&mut seen);
        let config = |list: &str| Some(json!({"postgresql": {"parameters": {STANDBYS: list}}}));
        seen.members.insert("c-1".into(), MemberSeen { config: config("c_1,c_2"), ..MemberSeen::default() });
        assert_eq!(standbys(&seen), None, "nobody could look");
        let mut found = DatabaseSeen::default();
        found.logical.following = ["c_0".to_owned(), "c_2".to_owned()].into();
        seen.database = Some(found);
        let Some(Step::Configure { patch, .. }) = standbys(&seen) else { panic!("the list is corrected") };
        assert_eq!(patch, json!({"postgresql": {"parameters": {STANDBYS: "c_0,c_2"}}}));
        assert!(
            crate::plan::emergency(&seen, start()).iter().any(|step| matches!(step, Step::Configure { .. }))
        );
        seen.members.insert("c-1".into(), MemberSeen { config: config("c_0,c_2"), ..MemberSeen::default() });
        assert_eq!(standbys(&seen), None);
    }
}
