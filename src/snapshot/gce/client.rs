//! One call of the Compute API: token, deadline, and what the answer says.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::Fault;
use super::method::{Call, Method};
use super::tokens::Tokens;

/// A client of the Compute API.
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
    tokens: Arc<dyn Tokens>,
    deadline: Duration,
}

/// What was answered, and when by Google's clock.
#[derive(Debug)]
pub struct Answer<T> {
    /// The resource.
    pub body: T,
    /// The moment of the answer. By the local clock when the answer has none.
    pub at: Timestamp,
}

impl Client {
    /// A client for `endpoint`, as `https://compute.googleapis.com/compute/v1`, that waits at most `deadline` for an answer.
    pub fn new(http: reqwest::Client, endpoint: &str, tokens: Arc<dyn Tokens>, deadline: Duration) -> Self {
        Self { http, endpoint: endpoint.trim_end_matches('/').to_owned(), tokens, deadline }
    }

    /// Makes a call with a query and, where the method takes one, a body.
    ///
    /// # Errors
    /// What the Compute API said, or that it said nothing within the deadline.
    pub async fn call<T: DeserializeOwned>(
        &self,
        call: &Call,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer<T>, Fault> {
        let silent = || Fault::silent(format!("no answer within {} s", self.deadline.as_secs_f32()));
        tokio::time::timeout(self.deadline, self.ask(call, query, body))
            .await
            .unwrap_or_else(|_| Err(silent()))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        call: &Call,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer<T>, Fault> {
        let mut url = reqwest::Url::parse(&format!("{}/{}", self.endpoint, call.path))
            .map_err(|cause| Fault::silent(format!("{:?} is no address: {cause}", self.endpoint)))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let token = self.tokens.token().await.map_err(Fault::silent)?;
        let verb = match call.method {
            Method::DisksCreateSnapshot | Method::RegionDisksCreateSnapshot => reqwest::Method::POST,
            Method::SnapshotsDelete => reqwest::Method::DELETE,
            Method::SnapshotsGet
            | Method::SnapshotsList
            | Method::ZoneOperationsGet
            | Method::RegionOperationsGet
            | Method::GlobalOperationsGet => reqwest::Method::GET,
        };
        let mut request = self.http.request(verb, url).bearer_auth(token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(unheard)?;
        let (status, at) = (answer.status(), moment(answer.headers()));
        let bytes = answer.bytes().await.map_err(unheard)?;
        if !status.is_success() {
            return Err(Fault::of_answer(status.as_u16(), &bytes));
        }
        let body = serde_json::from_slice(&bytes).map_err(|cause| {
            Fault::silent(format!("the answer of the Compute API can't be read: {cause}"))
        })?;
        Ok(Answer { body, at })
    }
}

/// A connection's error with its causes: reqwest's own text leaves out why.
fn unheard(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(deeper) = cause {
        words = format!("{words}: {deeper}");
        cause = deeper.source();
    }
    Fault::silent(words)
}

fn moment(headers: &HeaderMap) -> Timestamp {
    let date = headers.get(DATE).and_then(|value| value.to_str().ok());
    date.and_then(|text| jiff::fmt::rfc2822::parse(text).ok())
        .map_or_else(Timestamp::now, |date| date.timestamp())
}
