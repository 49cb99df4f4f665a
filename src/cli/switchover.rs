//! `stylobate switchover`: asks the operator to hand the primary's role over, and waits for its answer.
//!
//! The request is an annotation, so a person needs the right to patch the object and nothing more: no password, no way to
//! the members. The operator judges it, does it at most once and answers in `status.switchover`.

use std::io::{IsTerminal, Write, stderr, stdin};
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::api::{PostgresCluster, SwitchoverOutcome, SwitchoverStatus};
use crate::name::ANNOTATION_SWITCHOVER;
use crate::plan::ANY;

use super::connect::{Cluster, Connection};
use super::explain::Error;
use super::progress::Progress;
use super::waiting::{Room, Watcher};
use super::{CLI_MANAGER, find, print};

/// How often the answer is looked for: finer than a person's notion of how long it took.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What to hand over, and to whom.
#[derive(Args, Debug)]
pub struct SwitchoverArgs {
    /// Cluster
    name: String,
    /// Member (pod) that shall take writes; the best fit one when absent
    #[arg(long, value_name = "MEMBER")]
    to: Option<String>,
    /// Do not ask back
    #[arg(short, long)]
    yes: bool,
    /// Seconds to wait for the end
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    wait: u64,
}

/// Asks and waits.
///
/// # Errors
/// The operator's reason when it refuses, and what stands in the way of asking.
pub async fn run(args: SwitchoverArgs, connection: &Connection) -> Result<(), Error> {
    let cluster = connection.open().await?;
    let seen = find::one(&cluster, &args.name).await?;
    free(&seen)?;
    if !args.yes {
        confirm(&seen, args.to.as_deref())?;
    }
    let request = format!(
        "{}@{:.0}-{:08x}",
        args.to.as_deref().unwrap_or(ANY),
        Timestamp::now(),
        rand::random::<u32>()
    );
    let asked =
        Asked { api: Api::namespaced(cluster.client.clone(), &cluster.namespace), cluster, seen, request };
    asked.annotate(json!(asked.request), None).await?;
    let started = Instant::now();
    let mut progress = Progress::new();
    let wait = Duration::from_secs(args.wait);
    let answer = tokio::select! {
        answer = asked.answer(wait, &mut progress) => answer,
        _ = tokio::signal::ctrl_c() => Ok(None),
    };
    progress.clear();
    match answer? {
        Some(answer) => tell(&args.name, &answer, started.elapsed()),
        None => Err(asked.give_up().await),
    }
}

/// Whether no other request is under way.
fn free(seen: &PostgresCluster) -> Result<(), Error> {
    let last = seen.status.as_ref().and_then(|status| status.switchover.as_ref());
    match last {
        Some(last) if last.outcome == SwitchoverOutcome::InProgress => Err(Error::Plain(format!(
            "failed to ask for a switchover: another one is under way: {}; see 'stylobate status {} -n {}'",
            last.message,
            seen.name_any(),
            seen.namespace().unwrap_or_default()
        ))),
        _ => Ok(()),
    }
}

fn confirm(seen: &PostgresCluster, to: Option<&str>) -> Result<(), Error> {
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        return Err(Error::Plain(
            "failed to ask back: this is no terminal; give --yes to switch over".into(),
        ));
    }
    let primary = seen.status.as_ref().and_then(|status| status.primary.as_deref()).unwrap_or("the primary");
    eprint!(
        "hand the role of {primary} to {}? Writes stop for some seconds. [y/N] ",
        to.unwrap_or("the best fit member")
    );
    let mut answer = String::new();
    let read = stderr().flush().and_then(|()| stdin().read_line(&mut answer));
    match read {
        Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Error::Plain("nothing was done".into())),
    }
}

/// Prints the end.
fn tell(name: &str, answer: &SwitchoverStatus, took: Duration) -> Result<(), Error> {
    let word = match answer.outcome {
        SwitchoverOutcome::Done => {
            return print(&format!(
                "{name}: primary is {}, was {}; took {:.1} s\n",
                answer.to.as_deref().unwrap_or("unknown"),
                answer.from.as_deref().unwrap_or("unknown"),
                took.as_secs_f64()
            ));
        }
        SwitchoverOutcome::Refused => "was refused",
        SwitchoverOutcome::Failed | SwitchoverOutcome::InProgress => "failed",
    };
    Err(Error::Plain(format!("the switchover of {name} {word}: {}", answer.message)))
}

/// A request that was made.
struct Asked {
    cluster: Cluster,
    api: Api<PostgresCluster>,
    seen: PostgresCluster,
    request: String,
}

impl Asked {
    /// Sets the annotation, or takes it off; with a version only onto the object as it was read.
    async fn annotate(&self, value: Value, version: Option<String>) -> Result<(), Error> {
        let mut patch = json!({"metadata": {"annotations": {ANNOTATION_SWITCHOVER: value}}});
        if let Some(version) = version {
            patch["metadata"]["resourceVersion"] = version.into();
        }
        let params = PatchParams { field_manager: Some(CLI_MANAGER.into()), ..PatchParams::default() };
        let written = self.api.patch(&self.seen.name_any(), &params, &Patch::Merge(patch)).await;
        written.map(drop).map_err(|error| Error::of("ask for the switchover", &self.cluster, error))
    }

    async fn read(&self) -> Result<PostgresCluster, Error> {
        let read = self.api.get(&self.seen.name_any()).await;
        read.map_err(|error| Error::of("look for the answer", &self.cluster, error))
    }

    /// The final answer; none when it does not come in time.
    async fn answer(
        &self,
        wait: Duration,
        progress: &mut Progress,
    ) -> Result<Option<SwitchoverStatus>, Error> {
        let started = Instant::now();
        let mut pods = Watcher::new(&self.cluster, &self.seen.name_any(), Room::BySpec);
        let mut stage = "waiting for the operator".to_owned();
        progress.say(&stage);
        while started.elapsed() < wait {
            match self.read().await {
                Ok(now) => {
                    match reply(&now, &self.request) {
                        Some(answer) if answer.outcome == SwitchoverOutcome::InProgress => {
                            stage = answer.message
                        }
                        Some(answer) => return Ok(Some(answer)),
                        None => {}
                    }
                    progress.show(&stage, pods.look().await);
                }
                // The API server may be the one that restarts just now; the operator goes on meanwhile.
                Err(Error::Unreachable { .. }) => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(None)
    }

    /// Nobody waits any more: a request that the operator has not begun is taken back.
    async fn give_up(&self) -> Error {
        let name = self.seen.name_any();
        let begun =
            |last: &SwitchoverStatus| format!("{}; see 'stylobate status {name}' for the end", last.message);
        let end = match self.read().await {
            Err(error) => error.to_string(),
            Ok(now) => match reply(&now, &self.request) {
                Some(last) => begun(&last),
                None => match self.annotate(Value::Null, now.resource_version()).await {
                    Ok(()) => "the operator did not answer, and the request is taken back; is the operator running? \
                               kubectl -n stylobate-system get pods"
                        .into(),
                    Err(error) => format!("the request can't be taken back: {error}; it is void after 5 minutes"),
                },
            },
        };
        Error::Plain(format!("stopped waiting for the switchover of {name}: {end}"))
    }
}

/// The operator's answer to this very request.
fn reply(now: &PostgresCluster, request: &str) -> Option<SwitchoverStatus> {
    now.status.as_ref()?.switchover.clone().filter(|answer| answer.request == request)
}
