//! Restarts that a person asks for: by `stylobate restart`, and by `kubectl rollout restart` of the StatefulSet, which writes into its
//! template and would do nothing by itself, since members are made anew by the operator alone.

use std::collections::BTreeMap;

use crate::name::{ANNOTATION_RESTART, ANNOTATION_RESTARTED_AT};
use crate::text::one_line;

/// What is asked for, by annotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restarts(BTreeMap<&'static str, String>);

impl Restarts {
    /// From the annotations of a pod or of its template. The operator's own word stands in a template too once the spec's is rendered, so
    /// a pod that comes of it has both.
    pub fn read(annotations: &BTreeMap<String, String>) -> Self {
        let asked = |key: &'static str| Some((key, annotations.get(key)?.clone()));
        Self([ANNOTATION_RESTART, ANNOTATION_RESTARTED_AT].into_iter().filter_map(asked).collect())
    }

    /// What a pod with these was not made for, in words; none when it was made since. A word that is gone from the template asks for
    /// nothing.
    pub fn lacks(&self, pod: &Self) -> Option<String> {
        let (key, text) = self.0.iter().find(|(key, text)| pod.0.get(**key) != Some(text))?;
        let who = match *key {
            ANNOTATION_RESTART => "stylobate restart",
            _ => "kubectl rollout restart",
        };
        Some(format!("a restart was asked for ({who}, {})", one_line(text, 40)))
    }
}
