//! What Patroni and Postgres answer to settings: what a server starts with, what waits for a restart. The
//! simulated world of the scenarios gives the same answers (`tests/sim/`).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::observe::PendingChange;
use crate::plan::STANDBY_CRITICAL;
use crate::tuning::Catalog;
use crate::tuning::catalog::Context;

/// Parameters that a server starts with, of those that are wanted. `primary`: what its primary runs with; none for the primary itself.
pub fn started_with(wanted: &Value, primary: Option<&Value>) -> Value {
    let mut mine = wanted.clone();
    let Some(primary) = primary else { return mine };
    let count = |all: &Value, name: &str| text(&all[name]).parse::<i64>().ok();
    for name in STANDBY_CRITICAL {
        if count(primary, name) > count(&mine, name) {
            mine[name] = primary[name].clone();
        }
    }
    mine
}

/// What waits for a restart of a server that runs with other parameters than are wanted, as Patroni tells it: by name in lower case.
pub fn pending(runs: &Value, wanted: &Value, known: &Catalog) -> BTreeMap<String, PendingChange> {
    let names = |all: &Value| all.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let mut all: Vec<String> = names(runs);
    all.extend(names(wanted));
    let mut waiting = BTreeMap::new();
    for name in all {
        let Some(entry) = known.get(&name).filter(|entry| entry.context == Context::Restart) else {
            continue;
        };
        let value = |all: &Value| match &all[&name] {
            Value::Null => entry.default.clone(),
            value => text(value),
        };
        let change = PendingChange { old: value(runs), new: value(wanted) };
        if change.old != change.new {
            waiting.insert(name.to_ascii_lowercase(), change);
        }
    }
    waiting
}

fn text(value: &Value) -> String {
    value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_a_restart_changes_waits_for_one() {
        let known = Catalog::bundled(17).unwrap();
        let (old, new) = (
            json!({"shared_buffers": "256MB", "work_mem": "4MB"}),
            json!({"shared_buffers": "512MB", "work_mem": "8MB"}),
        );
        let waits = pending(&old, &new, &known);
        let change = PendingChange { old: "256MB".into(), new: "512MB".into() };
        assert_eq!(waits, [("shared_buffers".to_owned(), change)].into());
        assert!(pending(&new, &new, &known).is_empty());
        // A parameter that goes: the server's own default comes.
        assert_eq!(pending(&old, &json!({}), &known)["shared_buffers"].new, "16384");
    }

    #[test]
    fn a_standby_starts_with_no_less_than_its_primary() {
        let (wanted, primary) = (json!({"max_connections": "100"}), json!({"max_connections": "200"}));
        assert_eq!(started_with(&wanted, Some(&primary))["max_connections"], "200");
        assert_eq!(started_with(&primary, Some(&wanted))["max_connections"], "200");
        assert_eq!(started_with(&wanted, None), wanted);
    }
}
