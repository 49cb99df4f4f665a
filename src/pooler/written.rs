//! How the parameters of a program come into its file: what the operator sets, and in its place or behind it what a person's ConfigMaps say.

use std::collections::BTreeSet;

use crate::target::Target;
use crate::tuning::catalog::{Context, Entry, Kind};
use crate::tuning::value::{Checked, check};
use crate::tuning::{Book, Catalog};

/// Names and values of a file.
pub type Parameters = Vec<(String, String)>;

/// Beginnings of names that are not to be set by a person, and why.
pub type Reserved = [(&'static [&'static str], &'static str)];

/// All parameters, with a person's values as `written` puts them.
pub fn parameters(
    own: Vec<(&'static str, String)>,
    target: &Target,
    written: fn(&str, &str) -> String,
) -> Parameters {
    let given = &target.pooler_tuning.chosen;
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
    own.filter(|(key, _)| !given.contains_key(key))
        .chain(given.iter().map(|(key, chosen)| (key.clone(), written(key, &chosen.value))))
        .collect()
}

/// Rules for the ConfigMaps of `spec.pooler.tuning`.
pub fn book<'a>(
    program: &'static str,
    catalog: &'a Catalog,
    reserved: fn(&str) -> Option<&'static str>,
    limits: &'a dyn Fn(&Entry, &Checked) -> Option<String>,
    own: &'a BTreeSet<String>,
) -> Book<'a> {
    Book {
        program,
        field: "spec.pooler.tuning",
        catalog,
        reserved,
        limits,
        libraries: &[],
        own,
        beyond: None,
    }
}

/// True when only new pods take up a change of this parameter.
pub fn restarts(catalog: &Catalog, name: &str) -> bool {
    catalog.get(name).is_some_and(|entry| entry.context == Context::Restart)
}

/// A value as it stands in a file: numbers in base units, all else as `other` writes it by its type.
pub fn value(catalog: &Catalog, name: &str, value: &str, other: fn(Option<&Kind>, &str) -> String) -> String {
    let entry = catalog.get(name);
    match entry.map(|entry| (&entry.kind, check(entry, value))) {
        Some((Kind::Integer(_) | Kind::Real(_), Ok(Checked { number: Some(number), .. }))) => {
            number.to_string()
        }
        _ => other(entry.map(|entry| &entry.kind), value),
    }
}

/// Why a parameter (in lower case) of the program with this catalog is not to be set by a person; none when nothing speaks against it. A
/// parameter of the other program says that it is one.
pub fn reserved(
    own: &Catalog,
    (other, others): (&Catalog, &'static str),
    reserved: &Reserved,
    name: &str,
) -> Option<&'static str> {
    // One of the reserved beginnings may begin the name of a parameter that is free.
    if own.get(name).is_some() {
        return None;
    }
    if other.get(name).is_some() {
        return Some(others);
    }
    let begins = |part: &&(&[&str], &str)| part.0.iter().any(|start| name.starts_with(start));
    reserved.iter().find(begins).map(|(_, reason)| *reason)
}
