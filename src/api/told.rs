//! Messages of CEL rules, in the one form of all refusals: field, value, what is allowed.

use kube::core::Message;
use schemars::{Schema, SchemaGenerator, json_schema};

/// `FIELD is 'VALUE': REMEDY`, where the value is a CEL expression of a text. Neither text may hold a double quote.
pub fn told(field: &str, value: &str, remedy: &str) -> Message {
    Message::Expression(format!("\"{field} is '\" + {value} + \"': {remedy}\""))
}

/// A size, as text alone: a bare number would be bytes, which nobody means.
pub fn size(_: &mut SchemaGenerator) -> Schema {
    quantity("^[0-9]+([.][0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$")
}

/// A size that may be absent.
pub fn maybe_size(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = size(generator);
    schema.insert("nullable".into(), true.into());
    schema
}

/// A number of CPUs, as text.
pub fn cpus(_: &mut SchemaGenerator) -> Schema {
    quantity("^[0-9]+([.][0-9]+)?m?$")
}

/// The schema of `Quantity` takes numbers too, which neither CEL's `quantity()` nor the type itself can read.
fn quantity(pattern: &str) -> Schema {
    json_schema!({"type": "string", "maxLength": 32, "pattern": pattern})
}

/// Names of one DNS label (RFC 1123).
pub const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Names of objects, as the API server takes them (RFC 1123 subdomain).
pub const NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
