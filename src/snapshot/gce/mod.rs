//! Snapshots by Google's Compute API: with labels, in a storage location of choice, and without a VolumeSnapshot in between.
//!
//! What was written is looked up again before it is believed: a snapshot of the wanted name counts as ours only with the labels of
//! the order and of the disk that was meant. How a retry is no second snapshot: `attempt`. When a snapshot is cut: `resource`.

mod attempt;
mod client;
pub mod disk;
mod environment;
pub mod fault;
mod labels;
pub mod method;
mod owner;
mod resource;
pub mod tokens;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::OnceCell;

use self::attempt::{Change, Next, Outcome, Watch};
use self::client::Client;
use self::disk::Disk;
pub use self::environment::Options;
use self::environment::{Api, told};
use self::fault::Class;
use self::method::{Call, ENDPOINT};
use self::owner::{LABEL_NAMESPACE, Owner};
use self::resource::{Page, Snapshot};
use self::tokens::Tokens;
use super::{Error, Made, Order, Provider, Seen, backup_uid};

/// Most attempts that one call walks through, so that an API that fails at once is not asked for ever. Each failure before has cost
/// its pause: 32 are eight minutes of Google's own faults in a row, or an hour of a disk that may not be cut.
const ATTEMPTS: u32 = 32;
/// Most snapshots of a page, which is the API's own limit.
const PAGE: &str = "500";
/// Most pages: half a million snapshots. A server that never ends its list is not asked for ever.
const PAGES: u32 = 1000;
/// Seconds after which to ask again for something that goes on.
const AGAIN_SECONDS: u32 = 10;

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Longest wait for one answer. Google's own clients wait as long as 30 s and more; a write stall or a lock may wait for us.
    pub answer: Duration,
    /// Pause between two looks at an operation, ms.
    pub poll_milliseconds: u64,
    /// Most looks at an operation within one call.
    pub looks: u32,
}

impl Patience {
    /// Twenty seconds for an answer; operations of snapshots begin within one or two, deletions end within ten.
    pub const DEFAULT: Self = Self { answer: Duration::from_secs(20), poll_milliseconds: 500, looks: 30 };
}

/// The provider.
pub struct Gce {
    options: Options,
    installation: String,
    patience: Patience,
    /// Found at the first call, or given.
    api: OnceCell<Api>,
}

impl Gce {
    /// The provider of the cloud that the operator runs in. Nothing is read or asked before the first call, so it costs nothing where
    /// no cluster uses it. `installation` tells this Kubernetes cluster from others that use the same project: the UID of the
    /// namespace `kube-system`.
    pub fn from_environment(options: Options, installation: impl Into<String>) -> Self {
        let (installation, patience) = (installation.into(), Patience::DEFAULT);
        Self { options, installation, patience, api: OnceCell::new() }
    }

    /// A provider with everything given: `options` names the project and the endpoint.
    pub fn new(
        options: Options,
        installation: impl Into<String>,
        http: reqwest::Client,
        tokens: Arc<dyn Tokens>,
        patience: Patience,
    ) -> Self {
        let endpoint = options.gce_endpoint.as_deref().unwrap_or(ENDPOINT);
        let client = Client::new(http, endpoint, tokens, patience.answer);
        let project = options.gce_project.clone().unwrap_or_default();
        let api = OnceCell::new_with(Some(Api { client, project }));
        Self { options, installation: installation.into(), patience, api }
    }

    async fn api(&self, what: &str) -> Result<&Api, Error> {
        self.api.get_or_try_init(|| Api::find(&self.options, self.patience.answer, what)).await
    }

    fn owner<'a>(&'a self, namespace: &'a str) -> Owner<'a> {
        Owner { installation: &self.installation, namespace }
    }

    fn watch(&self) -> Watch {
        Watch { poll_milliseconds: self.patience.poll_milliseconds, looks: self.patience.looks }
    }

    async fn order_now(&self, order: &Order) -> Result<(), Error> {
        let what = format!("snapshot volume {} as {}", order.volume.name, order.name);
        let refused = |cause| Error::Refused { what: what.clone(), cause };
        check_name(&order.name).map_err(refused)?;
        let disk = Disk::of(&order.volume, &what)?;
        let labels = self.owner(&order.namespace).mark(&order.labels).map_err(refused)?;
        let api = self.api(&what).await?;
        if disk.project != api.project {
            return Err(refused(format!(
                "disk {disk} is in another project than the operator's snapshots ({:?}); start the operator with --gce-project {}",
                api.project, disk.project
            )));
        }
        let mut body = json!({ "name": order.name, "labels": labels, "snapshotType": "STANDARD" });
        if let Some(location) = &order.location {
            body["storageLocations"] = json!([location]);
        }
        let call = Call::create_snapshot(&disk);
        let (place, project) = (Some(&disk.place), api.project.as_str());
        let change = Change { what: &what, project, place, call, body: Some(body), to_the_end: false };
        let mut next = Next::first(&format!("create/{}/{disk}", order.name));
        for _ in 0..ATTEMPTS {
            next = match attempt::ask(&api.client, self.watch(), &change, &next).await {
                Ok(Outcome::Running) => return Ok(()),
                Ok(Outcome::Stale(after)) => after,
                // Done, but long ago perhaps: somebody may have deleted it since.
                Ok(Outcome::Done(after)) => match api.get(&order.name, &what).await? {
                    Some(found) => return owner::same(&found, &labels, &disk).map_err(refused),
                    None => after,
                },
                Err(refusal) if refusal.class == Class::Exists => {
                    return match api.get(&order.name, &what).await? {
                        Some(found) => owner::same(&found, &labels, &disk).map_err(refused),
                        // It went in this very moment.
                        None => Err(again(&what, "a snapshot of that name has just been deleted")),
                    };
                }
                Err(refusal) => return Err(refusal.error),
            };
        }
        Err(again(&what, &format!("{ATTEMPTS} attempts failed before")))
    }

    async fn look_now(&self, namespace: &str, name: &str) -> Result<Option<Seen>, Error> {
        let what = format!("look at snapshot {name}");
        check_name(name).map_err(|cause| Error::Refused { what: what.clone(), cause })?;
        let api = self.api(&what).await?;
        let Some(found) = api.get(name, &what).await? else { return Ok(None) };
        self.owner(namespace).check_namespace(&found).map_err(|cause| Error::Refused { what, cause })?;
        Ok(Some(found.seen(&api.project)))
    }

    async fn delete_now(&self, namespace: &str, name: &str) -> Result<(), Error> {
        let what = format!("delete snapshot {name}");
        check_name(name).map_err(|cause| Error::Refused { what: what.clone(), cause })?;
        let api = self.api(&what).await?;
        let Some(found) = api.get(name, &what).await? else { return Ok(()) };
        self.owner(namespace).check(&found).map_err(|cause| Error::Refused { what: what.clone(), cause })?;
        let call = Call::delete(&api.project, name);
        let project = api.project.as_str();
        let change = Change { what: &what, project, place: None, call, body: None, to_the_end: true };
        // By its number: another snapshot that bears this name later is another wish.
        let mut next = Next::first(&format!("delete/{}", found.id));
        for _ in 0..ATTEMPTS {
            next = match attempt::ask(&api.client, self.watch(), &change, &next).await {
                Ok(Outcome::Done(_)) => return Ok(()),
                Ok(Outcome::Running) => return Err(again(&what, "it is being deleted")),
                Ok(Outcome::Stale(after)) => after,
                Err(refusal) if refusal.class == Class::Missing => return Ok(()),
                Err(refusal) => return Err(refusal.error),
            };
        }
        Err(again(&what, &format!("{ATTEMPTS} attempts failed before")))
    }

    async fn made_now(&self) -> Result<Vec<Made>, Error> {
        let what = "list the snapshots that backups made".to_owned();
        let refused = |cause| Error::Refused { what: what.clone(), cause };
        let filter = self.owner("").filter_all().map_err(refused)?;
        let api = self.api(&what).await?;
        let call = Call::list(&api.project);
        let (mut all, mut token) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let mut query = vec![("filter", filter.as_str()), ("maxResults", PAGE)];
            if !token.is_empty() {
                query.push(("pageToken", &token));
            }
            let page: Page =
                api.client.call(&call, &query, None).await.map_err(|e| told(e, &what, call.method))?.body;
            all.extend(page.items.iter().filter_map(|snapshot| made(snapshot, &api.project)));
            token = page.next_page_token;
            if token.is_empty() {
                return Ok(all);
            }
        }
        Err(Error::Unreachable { what, cause: format!("the list did not end within {PAGES} pages") })
    }
}

fn made(snapshot: &Snapshot, project: &str) -> Option<Made> {
    let namespace = labels::encode_key(LABEL_NAMESPACE).ok().and_then(|key| snapshot.labels.get(&key));
    let made_at = snapshot.creation_timestamp.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    Some(Made {
        backup_uid: backup_uid(&snapshot.name)?.to_owned(),
        namespace: namespace.cloned().unwrap_or_default(),
        name: snapshot.name.clone(),
        place: method::handle(project, &snapshot.name),
        made_at: made_at.map_or(0, Timestamp::as_second),
    })
}

fn again(what: &str, cause: &str) -> Error {
    Error::Busy { what: what.to_owned(), cause: cause.to_owned(), again_seconds: AGAIN_SECONDS }
}

/// Names of snapshots follow RFC 1035; what does not would lead to another address.
fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && name.len() <= 63 && name.chars().all(allowed) && !name.ends_with('-') {
        return Ok(());
    }
    Err(format!(
        "the name {name:?} is none of the Compute API; allowed are 1 to 63 of a to z, 0 to 9 and -, beginning with a letter and not \
         ending with -"
    ))
}

impl Provider for Gce {
    fn order<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.order_now(order))
    }

    fn look<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Option<Seen>, Error>> {
        Box::pin(self.look_now(namespace, name))
    }

    fn delete<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.delete_now(namespace, name))
    }

    /// Nothing has to be done: the Compute API knows no namespaces, so none takes a snapshot with it.
    fn keep<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn made(&self) -> BoxFuture<'_, Result<Vec<Made>, Error>> {
        Box::pin(self.made_now())
    }
}
