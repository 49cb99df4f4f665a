//! Where the Compute API is, who the operator is to it, and in which project.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::super::Error;
use super::client::Client;
use super::fault::{Class, Fault};
use super::method::{Call, ENDPOINT, Method};
use super::resource::Snapshot;
use super::tokens::{self, Google};

/// Where and in which project, for the operator's command line.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Project of the disks for backups by the Compute API; when absent, the one that the operator runs in
    #[arg(long, env = "STYLOBATE_GCE_PROJECT")]
    pub gce_project: Option<String>,
    /// Another address of the Compute API, as `https://compute-x.p.googleapis.com/compute/v1`, for Private Service Connect or a test
    #[arg(long, env = "STYLOBATE_GCE_ENDPOINT")]
    pub gce_endpoint: Option<String>,
}

/// The API of one project.
pub struct Api {
    /// Makes the calls.
    pub client: Client,
    /// The project.
    pub project: String,
}

impl Api {
    /// A snapshot by its name; none when there is none.
    ///
    /// # Errors
    /// It can't be asked.
    pub async fn get(&self, name: &str, what: &str) -> Result<Option<Snapshot>, Error> {
        let call = Call::get(&self.project, name);
        match self.client.call(&call, &[], None).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(fault) if fault.class == Class::Missing => Ok(None),
            Err(fault) => Err(told(fault, what, call.method)),
        }
    }

    /// What the options and the cloud that the operator runs in say. The metadata server is asked only for a project that was not named.
    ///
    /// # Errors
    /// [`Error::Refused`] for an endpoint or credentials that can't be used, [`Error::Unreachable`] when the project is not known.
    pub async fn find(options: &Options, answer: Duration, what: &str) -> Result<Self, Error> {
        let refused = |cause| Error::Refused { what: what.to_owned(), cause };
        let endpoint = options.gce_endpoint.as_deref().unwrap_or(ENDPOINT);
        if !endpoint.starts_with("https://") {
            return Err(refused(format!(
                "--gce-endpoint is {endpoint:?}; allowed is an address that begins with https://"
            )));
        }
        let tokens = Google::new().map_err(refused)?;
        let client = |https| {
            let builder = reqwest::Client::builder()
                .https_only(https)
                .user_agent(concat!("stylobate/", env!("CARGO_PKG_VERSION")));
            builder.build().map_err(|cause| refused(format!("failed to prepare TLS: {cause}")))
        };
        let project = match &options.gce_project {
            Some(project) => project.clone(),
            None => tokens::own_project(&client(false)?)
                .await
                .map_err(|cause| Error::Unreachable { what: what.to_owned(), cause })?,
        };
        let client = Client::new(client(true)?, endpoint, Arc::new(tokens), answer);
        Ok(Self { client, project })
    }
}

/// A fault for the caller, with the pause that it calls for.
pub fn told(fault: Fault, what: &str, method: Method) -> Error {
    let again = fault.class.pause_seconds();
    fault.into_error(what, method, again)
}
