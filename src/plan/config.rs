//! Patroni's dynamic configuration: only what differs is sent, and what nobody wants any more is removed by null.

use serde_json::{Map, Value};

use crate::engine::engine;
use crate::observe::Observed;
use crate::target::{KEPT_POSTGRES, Target, kept};

use super::step::Step;

/// Patches for the groups whose configuration differs.
pub fn patches(target: &Target, seen: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    // What is sent is first kept: after a crash between the two, what runs must not be taken for what was never accepted.
    if kept(seen, KEPT_POSTGRES) != target.tuning.overlay {
        return steps;
    }
    for group in &target.groups {
        let live = seen
            .members
            .iter()
            .filter(|(pod, _)| group.name.ordinal(pod).is_some())
            .find_map(|(pod, member)| Some((pod, member.config.as_ref()?)));
        let Some((pod, live)) = live else { continue };
        let wanted = engine(target.flavor).dynamic(target, group);
        if let Some(patch) = difference(&wanted, live) {
            steps.push(Step::Configure { group: group.name.clone(), pod: pod.clone(), patch });
        }
    }
    steps
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
    use serde_json::json;

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
    fn equal_configuration_needs_no_patch() {
        let config = json!({"ttl": 20, "postgresql": {"parameters": {"a": "1"}}});
        assert_eq!(difference(&config, &config), None);
    }
}
