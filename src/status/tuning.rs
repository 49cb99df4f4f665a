//! The settings' rows of the status: value, source, and what waits for a restart.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{OverriddenStatus, Pending, SettingStatus};
use crate::observe::Observed;
use crate::tuning::{Chosen, Source, Tuned};

/// Source of a value that is computed.
pub const COMPUTED: &str = "computed";
/// Source of a value that nobody sets any more.
const DEFAULT: &str = "default";

/// Settings of Postgres in force, and those that no one sets any more and that still run.
pub fn settings(seen: &Observed, tuned: &Tuned) -> Vec<SettingStatus> {
    let waiting: BTreeMap<&String, &String> = seen
        .members
        .values()
        .flat_map(|member| member.pending.iter().map(|(name, change)| (name, &change.new)))
        .collect();
    let mut rows: Vec<SettingStatus> = tuned
        .chosen
        .iter()
        .map(|(name, chosen)| SettingStatus {
            pending: waiting.contains_key(name).then_some(Pending::Restart),
            ..row(name, chosen)
        })
        .collect();
    let listed: BTreeSet<&String> = tuned.chosen.keys().collect();
    rows.extend(waiting.iter().filter(|(name, _)| !listed.contains(*name)).map(|(name, new)| {
        SettingStatus {
            name: (*name).clone(),
            value: (*new).clone(),
            source: DEFAULT.into(),
            overrides: Vec::new(),
            pending: Some(Pending::Restart),
        }
    }));
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    rows
}

/// Parameters of the pooler in force that ConfigMaps set.
pub fn parameters(tuned: &Tuned) -> Vec<SettingStatus> {
    tuned.chosen.iter().map(|(name, chosen)| row(name, chosen)).collect()
}

fn row(name: &str, chosen: &Chosen) -> SettingStatus {
    SettingStatus {
        name: name.to_owned(),
        value: chosen.value.clone(),
        source: match &chosen.source {
            Source::Computed => COMPUTED.to_owned(),
            Source::ConfigMap(name) => name.clone(),
        },
        overrides: chosen
            .overrides
            .iter()
            .map(|earlier| OverriddenStatus { source: earlier.source.clone(), value: earlier.value.clone() })
            .collect(),
        pending: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, target};
    use crate::observe::{MemberSeen, PendingChange};
    use serde_json::json;

    #[test]
    fn what_waits_for_a_restart_on_any_member_is_marked_and_what_nobody_sets_any_more_is_shown() {
        let mut seen = observed(json!({}));
        let change = |new: &str| PendingChange { old: "0".into(), new: new.into() };
        let pending = [("max_connections", "100"), ("max_prepared_transactions", "0")]
            .map(|(n, v)| (n.to_owned(), change(v)));
        seen.members.insert("c-1".into(), MemberSeen { pending: pending.into(), ..MemberSeen::default() });
        let rows = settings(&seen, &target(&seen).tuning);
        let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        assert_eq!(
            (row("max_connections").source.as_str(), row("max_connections").pending),
            ("computed", Some(Pending::Restart))
        );
        let gone = row("max_prepared_transactions");
        assert_eq!(
            (gone.source.as_str(), gone.value.as_str(), gone.pending),
            ("default", "0", Some(Pending::Restart))
        );
        assert_eq!(row("work_mem").pending, None);
        assert!(rows.is_sorted_by(|one, other| one.name < other.name));
    }
}
