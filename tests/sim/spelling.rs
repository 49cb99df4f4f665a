//! How the API server writes quantities: in a spelling of its own, whatever was sent
//! (`k8s.io/apimachinery/pkg/api/resource`, `CanonicalizeBytes`).

use serde_json::Value;
use stylobate::child::ChildRef;
use stylobate::quantity::Amount;

use super::World;

/// Suffixes by size, each 1024 times the one before.
const BINARY: [&str; 6] = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];

/// One quantity as the server would store it.
pub fn quantity(text: &str) -> String {
    let Some(amount) = Amount::parse(text) else { return text.to_owned() };
    let thousandths = amount.thousandths();
    if !thousandths.is_multiple_of(1000) {
        return format!("{thousandths}m");
    }
    let mut value = amount.ones();
    let mut power = 0;
    while value > 0 && value.is_multiple_of(1024) && power + 1 < BINARY.len() {
        (value, power) = (value / 1024, power + 1);
    }
    format!("{value}{}", BINARY[power])
}

/// All quantities in an object.
pub fn rewrite(body: &mut Value) {
    match body {
        Value::Object(fields) => {
            for (key, value) in fields {
                match (key.as_str(), &mut *value) {
                    ("limits" | "requests", Value::Object(all)) => all.values_mut().for_each(spell),
                    ("sizeLimit", one) => spell(one),
                    (_, other) => rewrite(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rewrite),
        _ => {}
    }
}

impl World {
    /// From now on admission puts this value into the object; null is no more.
    pub fn rewrite(&mut self, object: ChildRef, pointer: &str, value: Value) {
        match value.is_null() {
            true => drop(self.rewrites.remove(&object.to_string())),
            false => drop(self.rewrites.insert(object.to_string(), (pointer.to_owned(), value))),
        }
    }
}

fn spell(value: &mut Value) {
    if let Some(text) = value.as_str() {
        *value = quantity(text).into();
    }
}
