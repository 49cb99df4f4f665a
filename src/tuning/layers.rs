//! Layers of ConfigMaps, one value for each setting: a later layer wins. Every value is checked; the words for what is refused
//! name ConfigMap, key, value and what is allowed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::target::Problem;

use super::catalog::{Catalog, Entry};
use super::value::{self, Checked};

/// Most keys of a ConfigMap: PostgreSQL 17 with its libraries has 400 settings. All are looked at in every round, and how many there are
/// is who writes the ConfigMap's to choose.
const MOST_KEYS: usize = 500;
/// Refused keys of which the name that was meant is looked for: each is held against all that are known, and no more are told.
const MOST_EXPLAINED: usize = 20;

/// A ConfigMap that the spec names: its entries, or nothing while it does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Name of the ConfigMap.
    pub name: String,
    /// Its entries.
    pub data: Option<BTreeMap<String, String>>,
}

/// The value of one setting from the ConfigMaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The value, as it is sent.
    pub value: String,
    /// ConfigMap that it is from.
    pub source: String,
    /// Values of earlier ConfigMaps that it wins over, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Earlier>,
}

/// A value that a later ConfigMap wins over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// ConfigMap.
    pub source: String,
    /// Its value.
    pub value: String,
}

/// What the ConfigMaps ask for, by name in lower case.
pub type Overlay = BTreeMap<String, Kept>;

/// The values of an overlay, without where they are from.
pub fn values(overlay: &Overlay) -> Vec<(&str, &str)> {
    overlay.iter().map(|(name, kept)| (name.as_str(), kept.value.as_str())).collect()
}

/// What is known of the settings of one program.
pub struct Book<'a> {
    /// What it is, as `Postgres`.
    pub program: &'static str,
    /// Field of the spec that names the ConfigMaps.
    pub field: &'static str,
    /// Its settings.
    pub catalog: &'a Catalog,
    /// Why a setting is not to be set by a person; none when it may be.
    pub reserved: fn(&str) -> Option<&'static str>,
    /// What else a value must not be, beyond what the program itself refuses: the setting, the value, what is wrong.
    pub limits: &'a dyn Fn(&Entry, &Checked) -> Option<String>,
    /// Libraries that the server loads: they may have settings that the catalog does not list yet.
    pub libraries: &'a [&'a str],
    /// ConfigMaps that the operator keeps itself, which no one may name.
    pub own: &'a BTreeSet<String>,
    /// Where the catalog stands in for a server that can't be asked: the set that was accepted last. What the catalog does not know
    /// of it stays, since a newer minor of the server knew it.
    pub beyond: Option<&'a Overlay>,
}

impl Book<'_> {
    /// Lays the ConfigMaps over each other.
    ///
    /// Every refused key of every layer is told, so that a person mends all at once.
    pub fn overlay(&self, layers: &[Layer]) -> (Overlay, Vec<Problem>) {
        let (mut overlay, mut refused) = (Overlay::new(), Vec::new());
        let mut names = BTreeSet::new();
        for (index, layer) in layers.iter().enumerate() {
            let told = |remedy: &str| {
                Problem::new(format!("{}[{index}].configMap", self.field), &layer.name, remedy)
            };
            if self.own.contains(&layer.name) {
                refused
                    .push(told("the operator keeps this ConfigMap for itself: put yours under another name"));
                continue;
            }
            if !names.insert(&layer.name) {
                refused.push(told("it is named twice, so one of the two has no effect: remove one"));
                continue;
            }
            match &layer.data {
                Some(data) if data.len() > MOST_KEYS => refused.push(told(&format!(
                    "it has {} keys, and no server knows more than {MOST_KEYS} settings: keep those that you set",
                    data.len()
                ))),
                Some(data) => self.lay(&layer.name, data, &mut overlay, &mut refused),
                None => refused.push(told(
                    "no ConfigMap of this name is in the namespace: create it, or remove the entry",
                )),
            }
        }
        (overlay, refused)
    }

    fn lay(
        &self,
        source: &str,
        data: &BTreeMap<String, String>,
        overlay: &mut Overlay,
        refused: &mut Vec<Problem>,
    ) {
        let mut spelt: BTreeMap<String, &String> = BTreeMap::new();
        for (key, text) in data {
            let problem = |remedy: String| Problem::new(field(key, source), shown(text), remedy);
            let name = key.to_ascii_lowercase();
            if let Some(other) = spelt.insert(name.clone(), key) {
                refused.push(problem(format!(
                    "the ConfigMap also has {other}, which is the same setting: remove one of the two"
                )));
                continue;
            }
            let known = refused.len() < MOST_EXPLAINED;
            match self.checked(&name, text, known) {
                Ok(value) => {
                    let mut kept = Kept { value, source: source.to_owned(), overrides: Vec::new() };
                    if let Some(earlier) = overlay.remove(&name) {
                        kept.overrides.push(Earlier { source: earlier.source, value: earlier.value });
                        kept.overrides.extend(earlier.overrides);
                    }
                    overlay.insert(name, kept);
                }
                Err(remedy) => refused.push(problem(remedy)),
            }
        }
    }

    /// The value to send for what a person wrote.
    ///
    /// # Errors
    /// What is wrong and what is allowed.
    pub fn check(&self, name: &str, text: &str) -> Result<String, String> {
        self.checked(name, text, true)
    }

    fn checked(&self, name: &str, text: &str, explain: bool) -> Result<String, String> {
        if text.contains(['\n', '\r', '\0']) {
            return Err(
                "the value has a line break (often the last character of a file): give it on one line".into(),
            );
        }
        if let Some(reason) = (self.reserved)(name) {
            return Err(format!(
                "the operator keeps this setting, so remove it from the ConfigMap: {reason}"
            ));
        }
        let Some(entry) = self.catalog.get(name) else {
            if self.of_a_library(name) {
                return Ok(text.trim().to_owned());
            }
            let kept = self.beyond.and_then(|kept| kept.get(name));
            return kept.map(|kept| kept.value.clone()).ok_or_else(|| self.unknown(name, explain));
        };
        let checked = value::check(entry, text)?;
        match (self.limits)(entry, &checked) {
            Some(remedy) => Err(remedy),
            None => Ok(checked.text),
        }
    }

    /// A setting of a library that is loaded and of whose settings nothing is known yet.
    fn of_a_library(&self, name: &str) -> bool {
        let well_formed =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        name.split_once('.').is_some_and(|(library, rest)| {
            well_formed(rest) && self.libraries.contains(&library) && !self.catalog.has_prefix(library)
        })
    }

    fn unknown(&self, name: &str, explain: bool) -> String {
        let program = self.program;
        if let Some(nearest) = explain.then(|| self.catalog.nearest(name)).flatten() {
            return format!("{program} has no such setting: did you mean {nearest}?");
        }
        match name.split_once('.') {
            Some((library, _)) if !self.catalog.has_prefix(library) && !self.libraries.is_empty() => format!(
                "{program} has no such setting, since library {library} is not loaded: remove it; loaded are {}",
                self.libraries.join(", ")
            ),
            _ => format!("{program} has no such setting: correct the name, or remove it"),
        }
    }
}

/// Where a setting stands, for a message.
pub fn field(key: &str, source: &str) -> String {
    format!("setting {key} of ConfigMap {source}")
}

/// A value in a message: long ones are cut, since a condition has its limits.
fn shown(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reserved;
    use super::*;

    fn layer(name: &str, pairs: &[(&str, &str)]) -> Layer {
        let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Layer { name: name.into(), data: Some(data) }
    }

    fn lay(layers: &[Layer]) -> (Overlay, Vec<String>) {
        let own = BTreeSet::from(["c-patroni".to_owned()]);
        let book = Book {
            program: "Postgres",
            field: "spec.tuning",
            catalog: &Catalog::bundled(17).unwrap(),
            reserved: reserved::reason,
            limits: &|_, _| None,
            libraries: &["pgaudit", "house"],
            own: &own,
            beyond: None,
        };
        let (overlay, refused) = book.overlay(layers);
        (overlay, refused.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_later_layer_wins_and_tells_what_it_won_over() {
        let (overlay, refused) = lay(&[
            layer("a", &[("work_mem", "8MB")]),
            layer("b", &[("Work_Mem", "16MB")]),
            layer("c", &[("work_mem", "32MB")]),
        ]);
        assert!(refused.is_empty());
        let kept = &overlay["work_mem"];
        assert_eq!((kept.value.as_str(), kept.source.as_str()), ("32MB", "c"));
        let overridden: Vec<&str> = kept.overrides.iter().map(|earlier| earlier.source.as_str()).collect();
        assert_eq!(overridden, ["b", "a"]);
    }

    #[test]
    fn two_spellings_of_one_key_are_refused() {
        let (_, refused) = lay(&[layer("a", &[("work_mem", "8MB"), ("WORK_MEM", "9MB")])]);
        assert_eq!(
            refused,
            [
                "setting work_mem of ConfigMap a is '8MB': the ConfigMap also has WORK_MEM, which is the same setting: \
              remove one of the two"
            ]
        );
    }

    #[test]
    fn a_configmap_that_is_named_twice_or_absent_or_the_operators_own_is_refused() {
        let (_, refused) = lay(&[
            layer("a", &[]),
            layer("a", &[]),
            Layer { name: "gone".into(), data: None },
            layer("c-patroni", &[]),
        ]);
        assert_eq!(refused.len(), 3);
        assert!(refused[0].starts_with("spec.tuning[1].configMap is 'a': it is named twice"), "{refused:?}");
        assert!(refused[1].starts_with("spec.tuning[2].configMap is 'gone': no ConfigMap"), "{refused:?}");
        assert!(refused[2].contains("the operator keeps this ConfigMap"), "{refused:?}");
    }

    #[test]
    fn settings_of_libraries_are_taken_when_they_are_known_or_the_library_is_loaded() {
        let (overlay, refused) = lay(&[layer(
            "a",
            &[("pgaudit.log", "ddl"), ("house.key", "x"), ("pgaudit.lag", "ddl"), ("other.key", "x")],
        )]);
        assert_eq!(values(&overlay), [("house.key", "x"), ("pgaudit.log", "ddl")]);
        assert!(refused[1].contains("did you mean pgaudit.log?"), "{refused:?}");
        assert!(refused[0].contains("library other is not loaded"), "{refused:?}");
    }

    #[test]
    fn a_reserved_setting_is_refused_with_the_reason() {
        let (_, refused) = lay(&[layer("mine", &[("SSL", "off")])]);
        assert!(
            refused[0].starts_with("setting SSL of ConfigMap mine is 'off': the operator keeps"),
            "{refused:?}"
        );
        assert!(refused[0].contains("TLS"), "{refused:?}");
    }
}
