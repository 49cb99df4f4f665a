//! `stylobate tuning`: each setting in force with value, source, default, and what it waits for; refused ones first.

use std::fmt::Write as _;

use clap::Args;
use kube::ResourceExt;

use crate::api::{ClusterStatus, Pending, PostgresCluster, SettingStatus};
use crate::pooler;
use crate::status::kind;
use crate::tuning::Catalog;
use crate::tuning::catalog::Kind;
use crate::tuning::value::amount;

use super::connect::Connection;
use super::explain::Error;
use super::human::columns;
use super::{find, print};

/// Whose settings to show.
#[derive(Args, Debug)]
pub struct TuningArgs {
    /// Cluster
    name: String,
}

/// Prints the settings.
///
/// # Errors
/// Those of the API server.
pub async fn run(args: TuningArgs, connection: &Connection) -> Result<(), Error> {
    let cluster = connection.open().await?;
    print(&table(&find::one(&cluster, &args.name).await?))
}

/// The settings of one cluster as text. Pure.
pub fn table(cluster: &PostgresCluster) -> String {
    let name = format!("{}/{}", cluster.namespace().unwrap_or_default(), cluster.name_any());
    let Some(status) = &cluster.status else {
        return format!("{name} is not known to the operator yet: its settings are not chosen\n");
    };
    let mut text = String::new();
    for (kind, end) in [(kind::TUNING_ACCEPTED, "."), (kind::ACCEPTED, "")] {
        let refused =
            status.conditions.iter().find(|condition| condition.type_ == kind && condition.status == "False");
        if let Some(refused) = refused {
            let _ = writeln!(text, "!! not {kind}: {}{end}\n", refused.message);
        }
    }
    let catalog = Catalog::bundled(major(status)).unwrap_or_default();
    let _ =
        writeln!(text, "settings of Postgres in {name}:\n{}", settings(&status.tuning, &catalog).trim_end());
    if !status.pooler.tuning.is_empty() {
        let rows = settings(&status.pooler.tuning, pooler::program(cluster.spec.pooler.kind).catalog());
        let _ = writeln!(text, "\nparameters of its pooler:\n{}", rows.trim_end());
    }
    text
}

/// Major of the version that runs; that of this release when none does.
fn major(status: &ClusterStatus) -> i32 {
    let running = status.version.as_deref().and_then(|version| version.split('.').next()?.parse().ok());
    running.unwrap_or(crate::target::MAJORS[0])
}

fn settings(rows: &[SettingStatus], catalog: &Catalog) -> String {
    let head = ["SETTING", "VALUE", "SOURCE", "DEFAULT", "PENDING", "OVERRIDES"];
    let head = head.map(str::to_owned).to_vec();
    let rows = rows.iter().map(|row| {
        let overrides: Vec<String> =
            row.overrides.iter().map(|earlier| format!("{} {}", earlier.source, earlier.value)).collect();
        let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        vec![
            row.name.clone(),
            dash(row.value.clone()),
            row.source.clone(),
            dash(default(catalog, &row.name)),
            match row.pending {
                Some(Pending::Restart) => "restart".into(),
                None => "-".into(),
            },
            dash(overrides.join(", ")),
        ]
    });
    columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// The server's own default as a person writes it.
fn default(catalog: &Catalog, name: &str) -> String {
    let Some(entry) = catalog.get(name) else { return "?".into() };
    let unit = match &entry.kind {
        Kind::Integer(range) | Kind::Real(range) => range.unit,
        Kind::Bool | Kind::Enum(_) | Kind::Text => None,
    };
    match (unit, entry.default.parse()) {
        (Some(unit), Ok(number)) => amount(number, unit),
        _ => entry.default.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cluster(condition: serde_json::Value) -> PostgresCluster {
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
            "metadata": {"name": "ledger", "namespace": "shop"},
            "spec": {"engine": {"version": "17.91"}, "storage": {"size": "2Gi"}},
            "status": {
                "version": "17.91",
                "tuning": [
                    {"name": "max_connections", "value": "200", "source": "mine", "pending": "restart"},
                    {"name": "shared_buffers", "value": "256MB", "source": "computed"},
                    {"name": "work_mem", "value": "16MB", "source": "mine",
                     "overrides": [{"source": "company", "value": "8MB"}]},
                ],
                "pooler": {"wanted": 2, "ready": 2,
                           "tuning": [{"name": "client_idle_limit", "value": "5min", "source": "pgpool"}]},
                "conditions": [condition],
            },
        }))
        .unwrap()
    }

    #[test]
    fn each_setting_is_shown_with_value_source_default_and_what_it_waits_for() {
        let fine = json!({"type": "TuningAccepted", "status": "True", "reason": "AsWanted", "message": "fine",
                          "lastTransitionTime": "2026-11-21T12:00:00Z"});
        assert_eq!(
            table(&cluster(fine)),
            "settings of Postgres in shop/ledger:\n\
             SETTING          VALUE  SOURCE    DEFAULT  PENDING  OVERRIDES\n\
             max_connections  200    mine      100      restart  -\n\
             shared_buffers   256MB  computed  128MB    -        -\n\
             work_mem         16MB   mine      4MB      -        company 8MB\n\
             \n\
             parameters of its pooler:\n\
             SETTING            VALUE  SOURCE  DEFAULT  PENDING  OVERRIDES\n\
             client_idle_limit  5min   pgpool  0        -        -\n"
        );
    }

    #[test]
    fn refused_settings_come_first() {
        let refused = json!({"type": "TuningAccepted", "status": "False", "reason": "TuningRefused",
                             "message": "setting work_mam of ConfigMap mine is '4MB': did you mean work_mem?",
                             "lastTransitionTime": "2026-11-21T12:00:00Z"});
        assert!(
            table(&cluster(refused)).starts_with("!! not TuningAccepted: setting work_mam of ConfigMap mine")
        );
    }
}
