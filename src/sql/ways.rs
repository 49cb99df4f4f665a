//! Ways to the servers of one cluster: where each member is, and what is shown there.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::session::{Credentials, Error, Session};

/// Where the server of a member is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Door {
    /// Name in the member's certificate.
    pub host: String,
    /// Address and port, from the pod's status: no DNS cache stands between a failover and us.
    pub address: SocketAddr,
}

/// The doors of a cluster's members, by pod, and the key to them.
#[derive(Clone, Debug)]
pub struct Ways {
    credentials: Credentials,
    doors: BTreeMap<String, Door>,
}

impl Ways {
    /// Ways to these members.
    pub fn new(credentials: Credentials, doors: BTreeMap<String, Door>) -> Self {
        Self { credentials, doors }
    }

    /// A superuser session with a member.
    ///
    /// # Errors
    /// When the member has no address or does not let us in.
    pub async fn session(&self, member: &str, database: &str) -> Result<Session, Error> {
        let Some(door) = self.doors.get(member) else {
            return Err(Error::Connect {
                host: member.to_owned(),
                cause: "the pod has no address".into(),
                code: None,
            });
        };
        Session::open(door, database, &self.credentials).await
    }

    /// Pods that have an address.
    pub fn members(&self) -> impl Iterator<Item = &String> {
        self.doors.keys()
    }
}
