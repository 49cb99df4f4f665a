//! Rules over more than one setting, whatever layer each is from. The message names both, with value and source.

use std::collections::BTreeMap;

use crate::target::Problem;

use super::catalog::{Catalog, Kind, Unit};
use super::layers::field;
use super::value::check;
use super::{Chosen, Source, memory};

/// All settings of a cluster together, with what is known of them.
pub struct View<'a> {
    /// What is chosen.
    pub chosen: &'a BTreeMap<String, Chosen>,
    /// What the server knows, and its defaults.
    pub catalog: &'a Catalog,
}

impl View<'_> {
    /// The number that is in force in base units; the server's default where nobody chose. None when it is no number.
    pub fn number(&self, name: &str) -> Option<f64> {
        let entry = self.catalog.get(name)?;
        match self.chosen.get(name) {
            Some(chosen) => check(entry, &chosen.value).ok()?.number,
            None => entry.default.parse().ok(),
        }
    }

    /// The same of a size, in bytes.
    pub fn bytes(&self, name: &str) -> Option<f64> {
        let (Kind::Integer(range) | Kind::Real(range)) = &self.catalog.get(name)?.kind else { return None };
        let Some(Unit::Memory(size)) = range.unit else { return None };
        Some(self.number(name)? * size)
    }

    /// The value as it stands, or the default.
    pub fn text(&self, name: &str) -> String {
        match (self.chosen.get(name), self.catalog.get(name)) {
            (Some(chosen), _) => chosen.value.clone(),
            (None, Some(entry)) => entry.default.clone(),
            (None, None) => String::new(),
        }
    }

    /// Setting, value and source in one phrase.
    pub fn told(&self, name: &str) -> String {
        let value = self.text(name);
        match self.chosen.get(name).map(|chosen| &chosen.source) {
            Some(Source::ConfigMap(source)) => format!("{name} {value} of ConfigMap {source}"),
            Some(Source::Computed) => format!("the computed {name} {value}"),
            None => format!("the default {name} {value}"),
        }
    }

    /// True when a ConfigMap sets it.
    pub fn is_given(&self, name: &str) -> bool {
        matches!(self.chosen.get(name), Some(Chosen { source: Source::ConfigMap(_), .. }))
    }

    /// A problem of the first of these settings that a ConfigMap sets; of the first, when none does.
    pub fn problem(&self, names: &[&str], remedy: String) -> Problem {
        let name =
            names.iter().find(|name| self.is_given(name)).or(names.first()).copied().unwrap_or_default();
        let field = match self.chosen.get(name).map(|chosen| &chosen.source) {
            Some(Source::ConfigMap(source)) => field(name, source),
            Some(Source::Computed) | None => format!("setting {name}"),
        };
        Problem::new(field, self.text(name), remedy)
    }
}

/// What of the settings does not go together, by itself or with so many members.
pub fn disagreements(view: &View, instances: i32) -> Vec<Problem> {
    [
        at_most(view, "min_wal_size", "max_wal_size"),
        reserved_fit(view),
        senders(
            view,
            "max_wal_senders",
            instances,
            2,
            "one for each member, one for a base backup and one spare",
        ),
        senders(view, "max_replication_slots", instances, 0, "one for each member"),
        processes(view),
        statistics(view),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn at_most(view: &View, small: &str, large: &str) -> Option<Problem> {
    (view.bytes(small)? > view.bytes(large)?).then(|| {
        let other = if view.is_given(small) { large } else { small };
        let word = if other == large { "at most" } else { "at least" };
        view.problem(
            &[small, large],
            format!("it must be {word} {}: change one of the two", view.told(other)),
        )
    })
}

/// The server does not start when all connections are kept for superusers.
fn reserved_fit(view: &View) -> Option<Problem> {
    let (supers, others) = ("superuser_reserved_connections", "reserved_connections");
    let reserved = view.number(supers)? + view.number(others)?;
    (reserved >= view.number("max_connections")?).then(|| {
        let remedy = format!(
            "{}, {} and {} leave no connection to clients, and the server would not start: lower the reserved ones, or \
             raise max_connections",
            view.told(supers),
            view.told(others),
            view.told("max_connections")
        );
        view.problem(&[supers, others, "max_connections"], remedy)
    })
}

/// The server numbers its processes with 18 bits.
fn processes(view: &View) -> Option<Problem> {
    const MOST: f64 = 262_143.0;
    let names = ["max_worker_processes", "max_wal_senders", "autovacuum_max_workers", "max_connections"];
    (memory::processes(view) > MOST).then(|| {
        let told: Vec<String> = names.iter().map(|name| view.told(name)).collect();
        let remedy = format!(
            "{} are more than {MOST} processes, and the server would not start: lower them",
            told.join(", ")
        );
        view.problem(&names, remedy)
    })
}

/// The server takes one of the two kinds, and does not start with both.
fn statistics(view: &View) -> Option<Problem> {
    const WHOLE: &str = "log_statement_stats";
    let part = ["log_executor_stats", "log_parser_stats", "log_planner_stats"]
        .into_iter()
        .find(|name| view.text(name) == "on")
        .filter(|_| view.text(WHOLE) == "on")?;
    let remedy = format!("the server does not start with both it and {}: remove one", view.told(part));
    Some(view.problem(&[WHOLE], remedy))
}

fn senders(view: &View, name: &str, instances: i32, more: i32, why: &str) -> Option<Problem> {
    let least = instances.saturating_add(more);
    (view.number(name)? < f64::from(least))
        .then(|| view.problem(&[name], format!("write at least {least} with {instances} instances: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(pairs: &[(&str, &str, &str)], instances: i32) -> Vec<String> {
        let chosen = pairs
            .iter()
            .map(|(name, value, source)| {
                let source = match *source {
                    "computed" => Source::Computed,
                    source => Source::ConfigMap(source.into()),
                };
                ((*name).to_owned(), Chosen { value: (*value).to_owned(), source, overrides: Vec::new() })
            })
            .collect();
        let catalog = Catalog::bundled(17).unwrap();
        let view = View { chosen: &chosen, catalog: &catalog };
        disagreements(&view, instances).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn two_configmaps_that_conflict_are_both_named_with_their_values() {
        assert_eq!(
            problems(&[("min_wal_size", "2GB", "a"), ("max_wal_size", "1024MB", "b")], 1),
            [
                "setting min_wal_size of ConfigMap a is '2GB': it must be at most max_wal_size 1024MB of ConfigMap b: change \
              one of the two"
            ]
        );
        assert_eq!(
            problems(&[("min_wal_size", "256MB", "computed"), ("max_wal_size", "100MB", "b")], 1),
            [
                "setting max_wal_size of ConfigMap b is '100MB': it must be at least the computed min_wal_size 256MB: change \
              one of the two"
            ]
        );
        assert!(problems(&[("min_wal_size", "1GB", "a"), ("max_wal_size", "1024MB", "b")], 1).is_empty());
    }

    #[test]
    fn connections_that_are_all_reserved_are_refused() {
        let told =
            problems(&[("reserved_connections", "97", "a"), ("max_connections", "100", "computed")], 1);
        assert!(told[0].starts_with("setting reserved_connections of ConfigMap a is '97'"), "{told:?}");
        assert!(told[0].contains("the default superuser_reserved_connections 3"), "{told:?}");
        assert!(problems(&[("reserved_connections", "96", "a")], 1).is_empty());
    }

    #[test]
    fn more_processes_than_the_server_can_number_and_two_kinds_of_statistics_are_refused() {
        let told = problems(&[("max_worker_processes", "262100", "a")], 1);
        assert!(told[0].contains("more than 262143 processes"), "{told:?}");
        assert!(problems(&[("max_worker_processes", "261000", "a")], 1).is_empty());
        let both = [("log_statement_stats", "on", "a"), ("log_planner_stats", "on", "b")];
        assert!(problems(&both, 1)[0].contains("log_planner_stats on of ConfigMap b"));
        assert!(problems(&both[..1], 1).is_empty());
    }

    #[test]
    fn too_few_senders_for_the_members_are_refused() {
        let told = problems(&[("max_wal_senders", "4", "a"), ("max_replication_slots", "4", "a")], 3);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("write at least 5 with 3 instances"), "{told:?}");
    }
}
