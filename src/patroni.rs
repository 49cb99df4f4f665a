//! Client of Patroni's REST interface, by mutual TLS. Members are addressed by the name in their certificate and reached
//! at the address in their pod's status, so that no DNS cache stands between a failover and us.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::engine::ports;
use crate::observe::{MemberSeen, PendingChange};
use crate::sql::session::Credentials;
use crate::sql::tls::{self, Verify};

/// Longest wait for an answer to a question. A member that is slower counts as not answering.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for a connection, also before what may take long: a member within one Kubernetes answers within milliseconds, and one
/// of a lost node never does.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// More than any answer is long: the configuration of a group with every setting there is has 20 kB.
const MOST_BYTES: usize = 1 << 20;
/// Longest wait for Postgres to stop and start again in its pod.
pub const RESTART_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for a switchover: Patroni itself waits 2 * loop_wait for the old primary and as long for the new one.
pub const SWITCHOVER_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a member could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The TLS material can't be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The client could not be made.
    #[error("failed to prepare the connection to Patroni: {0}")]
    Client(reqwest::Error),
    /// No answer.
    #[error("failed to reach Patroni on {member}: {cause}")]
    Reach {
        /// Pod.
        member: String,
        /// What went wrong.
        cause: reqwest::Error,
    },
    /// An answer that does not come to an end.
    #[error("failed to read what Patroni on {0} answers: it is longer than {MOST_BYTES} bytes")]
    Long(String),
    /// An answer that says no.
    #[error("Patroni on {member} refused: {answer} (HTTP {status})")]
    Refused {
        /// Pod.
        member: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        answer: String,
    },
}

/// A client for the members of one cluster.
#[derive(Clone, Debug)]
pub struct Patroni {
    client: Client,
    hosts: BTreeMap<String, String>,
}

impl Patroni {
    /// A client for members given by pod name, name in the certificate and address.
    ///
    /// # Errors
    /// [`Error::Tls`] and [`Error::Client`].
    pub fn new(credentials: &Credentials, members: &[(String, String, IpAddr)]) -> Result<Self, Error> {
        let config =
            tls::client_config(Verify::Full(credentials.authority.as_bytes()), Some(credentials.identity()))?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(config)
            .https_only(true)
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT);
        for (_, host, address) in members {
            builder = builder.resolve(host, SocketAddr::new(*address, ports::PATRONI as u16));
        }
        let hosts = members.iter().map(|(pod, host, _)| (pod.clone(), host.clone())).collect();
        Ok(Self { client: builder.build().map_err(Error::Client)?, hosts })
    }

    fn url(&self, member: &str, path: &str) -> String {
        let host = self.hosts.get(member).map_or(member, String::as_str);
        format!("https://{host}:{}/{path}", ports::PATRONI)
    }

    async fn send(
        &self,
        member: &str,
        request: reqwest::RequestBuilder,
        wait: Duration,
    ) -> Result<(StatusCode, String), Error> {
        let reach = |cause: reqwest::Error| Error::Reach { member: member.to_owned(), cause };
        let answer = request.timeout(wait).send().await.map_err(reach)?;
        Ok((answer.status(), read(member, answer).await?))
    }

    async fn must(
        &self,
        member: &str,
        request: reqwest::RequestBuilder,
        wait: Duration,
    ) -> Result<String, Error> {
        let (status, answer) = self.send(member, request, wait).await?;
        if status.is_success() {
            return Ok(answer);
        }
        Err(Error::Refused {
            member: member.to_owned(),
            status: status.as_u16(),
            answer: answer.trim().to_owned(),
        })
    }

    /// What a member says of itself. An unhealthy one answers 503 with the same body.
    ///
    /// # Errors
    /// [`Error::Reach`].
    pub async fn member(&self, member: &str) -> Result<MemberSeen, Error> {
        let (_, answer) =
            self.send(member, self.client.get(self.url(member, "patroni")), ASK_TIMEOUT).await?;
        Ok(parse_member(&serde_json::from_str(&answer).unwrap_or(Value::Null)))
    }

    /// The dynamic configuration.
    ///
    /// # Errors
    /// [`Error::Reach`] and [`Error::Refused`].
    pub async fn config(&self, member: &str) -> Result<Value, Error> {
        let answer = self.must(member, self.client.get(self.url(member, "config")), ASK_TIMEOUT).await?;
        Ok(serde_json::from_str(&answer).unwrap_or(Value::Null))
    }

    /// Changes the dynamic configuration; null removes a key.
    ///
    /// # Errors
    /// [`Error::Reach`] and [`Error::Refused`].
    pub async fn configure(&self, member: &str, patch: &Value) -> Result<(), Error> {
        self.must(member, self.client.patch(self.url(member, "config")).json(patch), ASK_TIMEOUT).await?;
        Ok(())
    }

    /// Restarts Postgres of one member when settings wait for it, and waits until it runs again. A primary that does not
    /// come back within the time loses its role to another member (Patroni's `timeout`).
    ///
    /// # Errors
    /// [`Error::Reach`] and [`Error::Refused`].
    pub async fn restart_pending(&self, member: &str) -> Result<(), Error> {
        let body = json!({"restart_pending": true, "timeout": RESTART_LIMIT.as_secs()});
        let request = self.client.post(self.url(member, "restart")).json(&body);
        self.must(member, request, RESTART_LIMIT + ASK_TIMEOUT).await?;
        Ok(())
    }

    /// Hands the primary's role from one member to another, and waits until it is done.
    ///
    /// # Errors
    /// [`Error::Reach`] and [`Error::Refused`].
    pub async fn switchover(&self, from: &str, to: &str) -> Result<String, Error> {
        let body = json!({"leader": from, "candidate": to});
        self.must(from, self.client.post(self.url(from, "switchover")).json(&body), SWITCHOVER_TIMEOUT).await
    }
}

/// The text of an answer, as long as it has a length that an answer has.
async fn read(member: &str, mut answer: reqwest::Response) -> Result<String, Error> {
    let mut body = Vec::new();
    while let Some(part) =
        answer.chunk().await.map_err(|cause| Error::Reach { member: member.to_owned(), cause })?
    {
        if body.len() + part.len() > MOST_BYTES {
            return Err(Error::Long(member.to_owned()));
        }
        body.extend_from_slice(&part);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Patroni's answer to `GET /patroni` (`rest_api.rst` in the documentation of Patroni 4.1).
fn parse_member(answer: &Value) -> MemberSeen {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| answer.get(key).and_then(Value::as_i64);
    let flag = |key: &str| answer.get(key).and_then(Value::as_bool).unwrap_or(false);
    let wal = |key: &str| answer.get("xlog").and_then(|xlog| xlog.get(key)).and_then(Value::as_i64);
    MemberSeen {
        state: text("state").unwrap_or_else(|| "unknown".into()),
        role: text("role").unwrap_or_default(),
        timeline: number("timeline"),
        server_version: number("server_version"),
        system_identifier: text("database_system_identifier"),
        synchronous: flag("sync_standby") || flag("quorum_standby"),
        replication: text("replication_state"),
        position: wal("location").or_else(|| wal("received_location")).or_else(|| wal("replayed_location")),
        pending_restart: flag("pending_restart"),
        pending: pending(answer),
        started: text("postmaster_start_time"),
        config: None,
    }
}

/// `pending_restart_reason` (Patroni 4.0 and later): old and new value by setting.
pub fn pending(answer: &Value) -> BTreeMap<String, PendingChange> {
    let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
    let reasons = answer.get("pending_restart_reason").and_then(Value::as_object);
    reasons
        .into_iter()
        .flatten()
        .map(|(name, change)| {
            let change = PendingChange { old: text(&change["old_value"]), new: text(&change["new_value"]) };
            (name.to_ascii_lowercase(), change)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_of_the_quorum_is_read_as_synchronous() {
        let answer = json!({
            "state": "running", "role": "replica", "server_version": 170091, "timeline": 3,
            "xlog": {"received_location": 67108960, "replayed_location": 67108960},
            "quorum_standby": true, "replication_state": "streaming", "database_system_identifier": "7",
        });
        let member = parse_member(&answer);
        assert!(member.synchronous);
        assert_eq!(member.position, Some(67_108_960));
        assert_eq!(member.replication.as_deref(), Some("streaming"));
    }

    #[test]
    fn what_waits_for_a_restart_is_read_by_name_with_both_values() {
        let change = json!({"old_value": "100", "new_value": "200"});
        let answer = json!({"pending_restart": true, "pending_restart_reason": {"max_connections": change}});
        let member = parse_member(&answer);
        let pending = &member.pending["max_connections"];
        assert_eq!((pending.old.as_str(), pending.new.as_str()), ("100", "200"));
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_to_an_end_is_given_up() {
        let answer = |bytes: usize| reqwest::Response::from(axum::http::Response::new("x".repeat(bytes)));
        assert_eq!(read("c-0", answer(MOST_BYTES)).await.unwrap().len(), MOST_BYTES);
        assert!(matches!(read("c-0", answer(MOST_BYTES + 1)).await, Err(Error::Long(_))));
    }
}
