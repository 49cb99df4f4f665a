//! `stylobate run-now`: changes of a cluster stop waiting for a maintenance window, for a while.
//!
//! It sets an annotation, so a person needs the right to patch the object and nothing more.

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::api::PostgresCluster;
use crate::maintenance::{MAX_AHEAD, span};
use crate::name::ANNOTATION_RUN_NOW;

use super::connect::Connection;
use super::explain::Error;
use super::{CLI_MANAGER, find, print};

/// Shorter than the least window, and nothing would come of it.
const LEAST: SignedDuration = SignedDuration::from_mins(1);

/// For which cluster, and for how long.
#[derive(Args, Debug)]
pub struct RunNowArgs {
    /// Cluster
    name: String,
    /// For how long, as 30m or 2h; 24h at most. What began in that time may end after it
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = length)]
    length: SignedDuration,
    /// Wait for windows again
    #[arg(long, conflicts_with = "length")]
    off: bool,
}

/// Sets the annotation, or takes it off.
///
/// # Errors
/// Those of the API server.
pub async fn run(args: RunNowArgs, connection: &Connection) -> Result<(), Error> {
    let cluster = connection.open().await?;
    let name = &args.name;
    find::one(&cluster, name).await?;
    let until = format!("{:.0}", Timestamp::now() + args.length);
    let value = if args.off { json!(null) } else { json!(until) };
    let patch = json!({"metadata": {"annotations": {ANNOTATION_RUN_NOW: value}}});
    let api: Api<PostgresCluster> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = PatchParams { field_manager: Some(CLI_MANAGER.into()), ..PatchParams::default() };
    let written = api.patch(name, &params, &Patch::Merge(patch)).await;
    written.map_err(|error| Error::of("set the annotation", &cluster, error))?;
    let namespace = &cluster.namespace;
    print(&if args.off {
        format!("{name}: changes wait for maintenance windows again\n")
    } else {
        format!(
            "{name}: changes wait for no maintenance window until {until} ({}); --off ends it earlier\n\
             what is done: stylobate plan {name} -n {namespace}; stylobate status {name} -n {namespace}\n",
            span(args.length)
        )
    })
}

fn length(text: &str) -> Result<SignedDuration, String> {
    let allowed = format!("from 1m to {}h, as 30m or 2h", MAX_AHEAD.as_hours());
    match text.parse::<SignedDuration>() {
        Ok(length) if (LEAST..=MAX_AHEAD).contains(&length) => Ok(length),
        _ => Err(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_read_as_people_write_it_and_kept_in_its_bounds() {
        assert_eq!(length("90m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(length("24h"), Ok(SignedDuration::from_hours(24)));
        for bad in ["25h", "0s", "-1h", "soon", "90"] {
            assert_eq!(length(bad), Err("from 1m to 24h, as 30m or 2h".into()), "{bad}");
        }
    }
}
