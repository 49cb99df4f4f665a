//! A reason why a spec can't be carried out, in the words of a condition message.

use std::fmt;

/// What to do about a Secret that is named in the spec and kept by the operator for itself.
pub const OWN_SECRET: &str =
    "the operator keeps this Secret for itself: put yours under another name and name that";

/// Field, value, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field, as `spec.resources.memory`.
    pub field: String,
    /// Value that was given. Never a secret.
    pub value: String,
    /// What is allowed, or what to do.
    pub remedy: String,
}

impl Problem {
    /// A problem from its parts.
    pub fn new(field: impl Into<String>, value: impl ToString, remedy: impl Into<String>) -> Self {
        Self { field: field.into(), value: value.to_string(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is '{}': {}", self.field, self.value, self.remedy)
    }
}
