//! What the status tells of the engine: what runs, what members are brought to, and what the image catalog offers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version and image of the members.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineStatus {
    /// Version that the primary runs; absent until one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// Version that members are brought to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// Image that members are brought to, with its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Where the image is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<EngineSource>,
    /// Newest minor of its major that the image catalog offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<String>,
    /// Why the image catalog says that the version must not run any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
    /// Why the newest minor is not what runs; absent where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
}

/// Where an image is from.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EngineSource {
    /// The image catalog offers it.
    Catalog,
    /// `spec.engine.image` names it.
    Spec,
    /// It runs, and the image catalog does not offer it: see the condition `EngineCurrent`.
    Kept,
}

/// Why a newer minor that is offered does not run.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Behind {
    /// `spec.engine` names an exact minor or an image.
    Pinned,
    /// It waits for a maintenance window.
    Window,
    /// It waits for another cluster that is disrupted.
    Slot,
    /// `spec.paused` is true.
    Paused,
    /// Another policy holds it back.
    HeldBack,
    /// Members are being brought to it.
    Rolling,
    /// A member did not come back: no further one is touched.
    Blocked,
    /// The spec can't be carried out, so nothing is changed.
    Invalid,
}
