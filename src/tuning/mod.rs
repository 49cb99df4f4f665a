//! Postgres settings in layers: computed from the machine's size, then the ConfigMaps of `spec.tuning` in order.
//!
//! All pure. A value that a person may not set is refused by name with the reason; a bad one rejects the whole set.

pub mod catalog;
pub mod computed;
pub mod reserved;
mod suggest;
pub mod units;
pub mod value;

use std::collections::BTreeMap;

pub use computed::{Machine, computed};

/// Settings by name. Ordered, so that equal input renders equal text.
pub type Settings = BTreeMap<String, String>;

/// One refused setting, in words for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// ConfigMap that holds the key.
    pub source: String,
    /// Name of the setting.
    pub key: String,
    /// Value that was given.
    pub value: String,
    /// Why, and what is allowed.
    pub reason: String,
}

/// Lays the ConfigMaps (name, data) over the computed settings.
///
/// # Errors
/// Every refused key of every source, so that a person mends all at once.
pub fn layered(
    base: Settings,
    sources: &[(String, BTreeMap<String, String>)],
) -> Result<Settings, Vec<Refused>> {
    let mut settings = base;
    let mut refused = Vec::new();
    for (source, data) in sources {
        for (key, value) in data {
            match reserved::check(key, value) {
                Ok(()) => {
                    settings.insert(key.to_ascii_lowercase(), value.trim().to_owned());
                }
                Err(reason) => refused.push(Refused {
                    source: source.clone(),
                    key: key.clone(),
                    value: value.clone(),
                    reason,
                }),
            }
        }
    }
    if refused.is_empty() { Ok(settings) } else { Err(refused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, key: &str, value: &str) -> (String, BTreeMap<String, String>) {
        (name.into(), BTreeMap::from([(key.into(), value.into())]))
    }

    #[test]
    fn a_later_layer_wins() {
        let base = Settings::from([("work_mem".into(), "4MB".into())]);
        let got = layered(base, &[source("a", "work_mem", "8MB"), source("b", "work_mem", "16MB")]).unwrap();
        assert_eq!(got["work_mem"], "16MB");
    }

    #[test]
    fn a_reserved_setting_is_refused_by_source_and_name() {
        let refused = layered(Settings::new(), &[source("mine", "ssl", "off")]).unwrap_err();
        assert_eq!((refused[0].source.as_str(), refused[0].key.as_str()), ("mine", "ssl"));
        assert!(refused[0].reason.contains("TLS"), "{}", refused[0].reason);
    }
}
