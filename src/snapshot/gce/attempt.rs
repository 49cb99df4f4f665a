//! A change that happens once, however often it is asked for: request ids, and operations followed to what became of them.
//!
//! The Compute API answers a change with an operation, and the same request id with the same operation. So an id made from what is
//! wanted makes a retry after a crash the same request. It also hands out an old failure again: after a quota was exceeded, the
//! same id would fail for ever. So the ids of one wish are a chain: the next is made from the wish and the operation that
//! failed before, and is used once the pause after that failure is over, by Google's own clock. Nothing has to be remembered: after a
//! crash the chain is walked again, and each step of it does nothing but answer.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::Value;

use super::super::Error;
use super::client::Client;
use super::disk::Place;
use super::environment::told;
use super::fault::{Class, Fault};
use super::method::Call;
use super::resource::Operation;

/// Namespace of the request ids, drawn once at random: version 5 of UUIDs wants one.
const NAMESPACE: [u8; 16] =
    [0x7d, 0x0c, 0x5e, 0x91, 0x3a, 0x44, 0x4b, 0x0e, 0x9f, 0x52, 0x1c, 0x6b, 0xe8, 0x20, 0xd7, 0x35];

/// How long an operation is watched within one call.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Pause between two looks, ms.
    pub poll_milliseconds: u64,
    /// Most looks.
    pub looks: u32,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was accepted and goes on.
    Running,
    /// It is done.
    Done(Next),
    /// It failed so long ago that it is time for another attempt.
    Stale(Next),
}

/// What the next attempt's request id is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next(String);

impl Next {
    /// The first attempt of a wish: the same text, the same request.
    pub fn first(wish: &str) -> Self {
        Self(wish.to_owned())
    }

    fn after(&self, operation: &Operation) -> Self {
        Self(format!("{}/{}", self.0, operation.name))
    }

    /// A UUID of version 5 (RFC 9562), which uses SHA-1 to spread, not to protect.
    fn request_id(&self) -> String {
        uuid(NAMESPACE, &self.0)
    }
}

fn uuid(namespace: [u8; 16], name: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[&namespace, name.as_bytes()].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = |range: std::ops::Range<usize>| -> String {
        bytes[range].iter().map(|b| format!("{b:02x}")).collect()
    };
    format!("{}-{}-{}-{}-{}", hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16))
}

/// A change to ask for.
pub struct Change<'a> {
    /// In words, for messages.
    pub what: &'a str,
    /// The project.
    pub project: &'a str,
    /// Where its operation is; none for global ones.
    pub place: Option<&'a Place>,
    /// The call.
    pub call: Call,
    /// What goes with it.
    pub body: Option<Value>,
    /// True to go on watching while it runs; false when it is enough that it began.
    pub to_the_end: bool,
}

/// Asks once, with the request id of this attempt, and watches what becomes of it.
///
/// # Errors
/// What the call or its operation failed of, with its class: "there is one already" is for the caller to look into.
pub async fn ask(
    client: &Client,
    watch: Watch,
    change: &Change<'_>,
    next: &Next,
) -> Result<Outcome, Refusal> {
    let id = next.request_id();
    let answer = client.call::<Operation>(&change.call, &[("requestId", &id)], change.body.as_ref()).await;
    let mut seen = answer.map_err(|fault| Refusal {
        class: fault.class,
        error: told(fault, change.what, change.call.method),
    })?;
    for _ in 0..watch.looks {
        let wait = if change.to_the_end { !seen.body.is_done() } else { seen.body.is_pending() };
        if !wait {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(watch.poll_milliseconds)).await;
        let look = Call::operation(change.project, change.place, &seen.body.name);
        seen = client.call(&look, &[], None).await.map_err(|fault| {
            // Somebody else's 404 here is the operation's, and says nothing of what was asked for.
            let class = if fault.class == Class::Missing { Class::Silent } else { fault.class };
            Refusal { class, error: told(Fault { class, ..fault }, change.what, look.method) }
        })?;
    }
    let operation = seen.body;
    if !operation.is_done() {
        return Ok(Outcome::Running);
    }
    let Some(error) = &operation.error else { return Ok(Outcome::Done(next.after(&operation))) };
    let fault = Fault::of_operation(error);
    let pause = i64::from(fault.class.pause_seconds());
    let age = operation.ended_at().map_or(pause, |ended| seen.at.duration_since(ended).as_secs());
    if age >= pause {
        return Ok(Outcome::Stale(next.after(&operation)));
    }
    let left = u32::try_from((pause - age).min(pause)).unwrap_or(1);
    Err(Refusal { class: fault.class, error: fault.into_error(change.what, change.call.method, left) })
}

/// Why a request was not carried out.
#[derive(Debug)]
pub struct Refusal {
    /// What it means, for a caller that knows better.
    pub class: Class,
    /// For everybody else.
    pub error: Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_uuid_of_version_5() {
        let dns =
            [0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];
        // The example of RFC 9562, appendix A.4.
        assert_eq!(uuid(dns, "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }

    #[test]
    fn the_same_wish_is_the_same_request_and_the_next_attempt_another() {
        let operation = |name: &str| -> Operation {
            serde_json::from_value(serde_json::json!({"name": name, "status": "DONE"})).unwrap()
        };
        let first = Next::first("projects/p/global/snapshots/a");
        assert_eq!(first.request_id(), Next::first("projects/p/global/snapshots/a").request_id());
        let ids = [
            first.request_id(),
            Next::first("projects/p/global/snapshots/b").request_id(),
            first.after(&operation("op-1")).request_id(),
            first.after(&operation("op-2")).request_id(),
        ];
        assert_eq!(std::collections::BTreeSet::from(ids.clone()).len(), ids.len(), "{ids:?}");
    }
}
