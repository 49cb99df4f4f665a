//! `stylobate status`: a table that a person can read at 3 a.m.

use std::fmt::Write as _;

use clap::Args;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use crate::api::PostgresCluster;

/// Which clusters to show, and how.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Cluster; all of the namespace when absent
    name: Option<String>,
    /// Namespace; that of the kubeconfig's context when absent
    #[arg(short, long)]
    namespace: Option<String>,
    /// `json` prints the status as the API server has it
    #[arg(short, long, value_parser = ["json"])]
    output: Option<String>,
}

/// Prints the status.
///
/// # Errors
/// Those of the API server.
pub async fn run(args: StatusArgs) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::try_default().await?;
    let api: Api<PostgresCluster> = match &args.namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::default_namespaced(client),
    };
    let clusters = match &args.name {
        Some(name) => vec![api.get(name).await?],
        None => api.list(&ListParams::default()).await?.items,
    };
    if args.output.is_some() {
        let all: Vec<_> = clusters.iter().map(|c| (c.name_any(), &c.status)).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    if clusters.is_empty() {
        println!("no PostgresCluster in this namespace; -n names another");
    }
    for cluster in &clusters {
        print!("{}", table(cluster));
    }
    Ok(())
}

fn table(cluster: &PostgresCluster) -> String {
    let mut text = String::new();
    let Some(status) = &cluster.status else {
        return format!("{}: not seen by the operator yet; is it running?\n", cluster.name_any());
    };
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".into());
    let _ = writeln!(
        text,
        "{} is {:?}: {} members ready, PostgreSQL {}, primary {}, pooler {}/{}\n",
        cluster.name_any(),
        status.state,
        status.ready,
        or_none(&status.version),
        or_none(&status.primary),
        status.pooler.ready,
        status.pooler.wanted
    );
    let _ = writeln!(
        text,
        "{:<24} {:<12} {:<18} {:<6} {:<9} NODE",
        "MEMBER", "ROLE", "STATE", "READY", "TIMELINE"
    );
    for member in &status.members {
        let _ = writeln!(
            text,
            "{:<24} {:<12} {:<18} {:<6} {:<9} {}{}",
            member.name,
            format!("{:?}", member.role),
            member.state,
            if member.ready { "yes" } else { "NO" },
            member.timeline.map_or_else(|| "-".into(), |timeline| timeline.to_string()),
            or_none(&member.node),
            if member.pending_restart { "  (settings wait for a restart)" } else { "" },
        );
    }
    text.push('\n');
    for condition in &status.conditions {
        let mark = if condition.status == "True" { "ok" } else { "!!" };
        let _ =
            writeln!(text, "{mark} {:<10} {:<20} {}", condition.type_, condition.reason, condition.message);
    }
    text.push('\n');
    text
}
