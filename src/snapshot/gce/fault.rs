//! What the Compute API says when it does not do something, and what that means for the caller.
//!
//! A refusal comes in two shapes: as the answer to a call, or inside an operation whose call was accepted before. The first has
//! reasons as `rateLimitExceeded`, the second codes as `RATE_LIMIT_EXCEEDED`; both are read here.

use serde::Deserialize;

use super::super::Error;
use super::method::Method;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it means.
    pub class: Class,
    /// Google's words, or those of the connection.
    pub words: String,
    /// The permission that is missing, where Google names it.
    pub permission: Option<String>,
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The disk had a snapshot a moment ago.
    Pause,
    /// The project has no more of something.
    Quota,
    /// Too many calls.
    Rate,
    /// Something else is done to the disk or the snapshot, or Google had a fault of its own.
    NotReady,
    /// There is one of that name.
    Exists,
    /// There is none of that name.
    Missing,
    /// The caller may not.
    Forbidden,
    /// A policy or the request itself stands against it.
    Refused,
    /// No answer, or none that says anything.
    Silent,
}

impl Class {
    /// Seconds after which another try is worth it.
    pub fn pause_seconds(self) -> u32 {
        match self {
            // A disk can have a snapshot every 10 minutes, and six an hour. How long ago the last one was is not said, and five
            // tries in that time are few beside the quota.
            Self::Pause => 120,
            // Frees itself only when a person raises it or retention deletes something.
            Self::Quota => 300,
            // Quotas of calls are counted by the minute.
            Self::Rate => 60,
            Self::NotReady => 15,
            // Somebody has to act first. When an operation failed for it, this is the time in which its failure is told again
            // before another attempt is made.
            Self::Exists | Self::Missing | Self::Forbidden | Self::Refused => 60,
            Self::Silent => 5,
        }
    }

    /// By the word that both shapes share, once it is lower case without underscores.
    fn by_reason(reason: &str) -> Option<Self> {
        let plain: String = reason.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect();
        Some(match plain.as_str() {
            "resourceoperationrateexceeded" => Self::Pause,
            "quotaexceeded" | "limitexceeded" => Self::Quota,
            "ratelimitexceeded" | "userratelimitexceeded" | "concurrentoperationsquotaexceeded" => Self::Rate,
            "resourcenotready" | "resourceinusebyanotherresource" | "operationcanceledbyuser" => {
                Self::NotReady
            }
            "internalerror" | "backenderror" | "servererror" => Self::NotReady,
            "alreadyexists" | "resourcealreadyexists" | "duplicate" => Self::Exists,
            "notfound" | "resourcenotfound" => Self::Missing,
            "forbidden" | "permissiondenied" | "iampermissiondenied" | "permissionserror" => Self::Forbidden,
            "conditionnotmet" | "invalid" | "badrequest" | "accessnotconfigured" => Self::Refused,
            _ => return None,
        })
    }

    fn by_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Forbidden,
            404 => Self::Missing,
            409 => Self::Exists,
            429 => Self::Rate,
            400..=499 => Self::Refused,
            _ => Self::Silent,
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: Told,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Reason>,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    reason: String,
    #[serde(default, alias = "metadatas")]
    metadata: serde_json::Map<String, serde_json::Value>,
}

/// What went wrong in an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct OperationError {
    /// All that went wrong; the first is what the operation ended of.
    #[serde(default)]
    pub errors: Vec<OperationFault>,
}

/// One of the things that went wrong in an operation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OperationFault {
    /// Code, as `QUOTA_EXCEEDED`.
    #[serde(default)]
    pub code: String,
    /// In words.
    #[serde(default)]
    pub message: String,
}

impl Fault {
    /// No answer, or none that says anything.
    pub fn silent(words: impl Into<String>) -> Self {
        Self { class: Class::Silent, words: words.into(), permission: None }
    }

    /// From the answer to a call: HTTP status and body. From 500 on the status alone counts.
    pub fn of_answer(status: u16, body: &[u8]) -> Self {
        let said = serde_json::from_slice::<Envelope>(body).ok().map(|envelope| envelope.error);
        let Some(said) = said else {
            let start: String = String::from_utf8_lossy(body).chars().take(200).collect();
            let class = Class::by_status(status);
            return Self { class, words: format!("HTTP {status}: {}", start.trim()), permission: None };
        };
        let mut reasons = said.errors.iter().map(|e| &e.reason).chain(said.details.iter().map(|d| &d.reason));
        let by_reason = reasons.find_map(|reason| Class::by_reason(reason));
        let class = match by_reason {
            Some(class) if status < 500 => class,
            _ => Class::by_status(status),
        };
        let named = said.details.iter().find_map(|detail| detail.metadata.get("permission")?.as_str());
        let permission = (class == Class::Forbidden)
            .then(|| named.or_else(|| quoted_permission(&said.message)).map(str::to_owned))
            .flatten();
        Self { class, words: format!("{} (HTTP {status})", said.message), permission }
    }

    /// From an operation that ended in an error. A code that is not known is taken for a fault of Google's own: it may pass, and
    /// the words are shown.
    pub fn of_operation(error: &OperationError) -> Self {
        let first = error.errors.first();
        let class = first.and_then(|first| Class::by_reason(&first.code)).unwrap_or(Class::NotReady);
        let words: Vec<String> = error.errors.iter().map(|e| format!("{} ({})", e.message, e.code)).collect();
        let permission = first.and_then(|first| quoted_permission(&first.message)).map(str::to_owned);
        Self { class, words: words.join("; "), permission: permission.filter(|_| class == Class::Forbidden) }
    }

    /// For the caller: `what` was to be done by `method`, and another try is worth it in `again_seconds`.
    pub fn into_error(self, what: &str, method: Method, again_seconds: u32) -> Error {
        let what = what.to_owned();
        let Self { class, words, permission } = self;
        match class {
            Class::Pause => Error::Busy {
                what,
                cause: format!("{words}; a disk can have one snapshot every 10 minutes and six an hour"),
                again_seconds,
            },
            Class::Quota => Error::Busy {
                what,
                cause: format!(
                    "{words}; raise the quota of the project, or let retention delete older backups"
                ),
                again_seconds,
            },
            Class::Rate | Class::NotReady => Error::Busy { what, cause: words, again_seconds },
            Class::Forbidden => {
                Error::Refused { what, cause: format!("{words}; {}", grant(method, permission)) }
            }
            Class::Exists | Class::Missing | Class::Refused => Error::Refused { what, cause: words },
            Class::Silent => Error::Unreachable { what, cause: words },
        }
    }
}

fn grant(method: Method, permission: Option<String>) -> String {
    match permission {
        Some(permission) => format!("grant {permission} to the operator's service account in Google Cloud"),
        None => format!(
            "check that the operator's service account in Google Cloud has {}, and that no policy of the organization or perimeter \
             stands against it",
            method.permissions().join(", ")
        ),
    }
}

/// The permission in a message as `Required 'compute.snapshots.get' permission for 'projects/p'`.
fn quoted_permission(message: &str) -> Option<&str> {
    message.split('\'').find(|part| {
        part.starts_with("compute.") && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
    })
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
