//! `stylobate backup NAME`: makes a `PostgresBackup` and waits until it has ended.

use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::PostParams;

use crate::api::{
    BackupMethod, BackupPhase, BackupStatus, PostgresBackup, PostgresBackupSpec, PostgresCluster,
};
use crate::name::ClusterName;

use super::super::connect::{Cluster, Connection};
use super::super::explain::Error;
use super::super::progress::Progress;
use super::super::waiting::{Room, Watcher};
use super::super::{CLI_MANAGER, find, print};
use super::list::size;
use super::{api, one};

/// How often the end is looked for: a backup takes seconds at least.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Of which cluster, and how long to wait.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Cluster
    name: String,
    /// Keep it, whatever retention says, until somebody sets spec.hold to false
    #[arg(long)]
    hold: bool,
    /// How: snapshots of volumes, or a full copy beside the archived WAL
    #[arg(long, value_enum, default_value_t = Method::Snapshot)]
    method: Method,
    /// Seconds to wait for the end; 0 returns at once. The backup goes on also when nobody waits
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    wait: u64,
}

/// How a backup is made, as it is written on the command line.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Snapshot,
    Archive,
}

impl From<Method> for BackupMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Snapshot => Self::Snapshot,
            Method::Archive => Self::Archive,
        }
    }
}

/// Makes the backup and waits.
///
/// # Errors
/// The reason when it fails, and those of the API server.
pub async fn run(args: CreateArgs, connection: &Connection) -> Result<(), Error> {
    let cluster = connection.open().await?;
    let of = find::one(&cluster, &args.name).await?;
    let object = backup(&of, args.method.into(), args.hold);
    let name = object.name_any();
    let params = PostParams { field_manager: Some(CLI_MANAGER.into()), ..PostParams::default() };
    let made = api(&cluster).create(&params, &object).await;
    made.map_err(|error| Error::of(format!("make PostgresBackup {name}"), &cluster, error))?;
    let namespace = cluster.namespace.clone();
    if args.wait == 0 {
        return print(&format!(
            "{name}: ordered; kubectl -n {namespace} get pgb {name} shows how far it is\n"
        ));
    }
    let started = Instant::now();
    let mut progress = Progress::new();
    let ended = tokio::select! {
        ended = end(&cluster, &name, &args.name, Duration::from_secs(args.wait), &mut progress) => ended,
        _ = tokio::signal::ctrl_c() => Ok(None),
    };
    progress.clear();
    match ended? {
        Some(status) => told(&name, &status, started.elapsed()),
        None => Err(Error::Plain(format!(
            "stopped waiting for backup {name}, which goes on: kubectl -n {namespace} get pgb {name} -w; if it stays Pending, is \
             the operator running? kubectl -n stylobate-system get pods"
        ))),
    }
}

fn backup(of: &PostgresCluster, method: BackupMethod, hold: bool) -> PostgresBackup {
    let cluster = ClusterName::new(of.namespace().unwrap_or_default(), of.name_any());
    let letters = format!("{:05x}", rand::random::<u32>() >> 12);
    let spec = PostgresBackupSpec {
        cluster: cluster.name.clone(),
        method,
        schedule: None,
        scheduled_for: None,
        hold,
        deletion_policy: of.spec.backup.deletion_policy,
        share_with: of.spec.backup.share_with.clone(),
    };
    let mut backup = PostgresBackup::new(&cluster.on_demand(Timestamp::now(), &letters), spec);
    backup.metadata.namespace = Some(cluster.namespace.clone());
    backup.metadata.labels = Some(cluster.labels());
    backup
}

/// The status when it has ended; none when that takes too long.
async fn end(
    cluster: &Cluster,
    name: &str,
    of: &str,
    wait: Duration,
    progress: &mut Progress,
) -> Result<Option<BackupStatus>, Error> {
    let started = Instant::now();
    let mut pods = Watcher::new(cluster, of, Room::BySpec);
    progress.say(&format!("{name}: waiting for the operator"));
    while started.elapsed() < wait {
        match one(cluster, name).await {
            Ok(backup) => {
                let status = backup.status.unwrap_or_default();
                if status.phase.is_over() {
                    return Ok(Some(status));
                }
                progress.show(&format!("{name}: {}", stage(&status)), pods.look().await);
            }
            // The API server may be the one that restarts just now; the operator goes on meanwhile.
            Err(Error::Unreachable { .. }) => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(None)
}

fn stage(status: &BackupStatus) -> String {
    let stage = match status.phase {
        BackupPhase::Pending => "waiting to begin",
        BackupPhase::Checkpointing => "checkpoint",
        BackupPhase::Cutting => "cutting the snapshots",
        BackupPhase::Finishing => "cut; the provider makes the snapshots ready",
        BackupPhase::Copying => "copying into the archive",
        BackupPhase::Succeeded
        | BackupPhase::Failed
        | BackupPhase::Missed
        | BackupPhase::Lost
        | BackupPhase::NotRun => "ended",
    };
    match &status.reason {
        Some(reason) => format!("{stage}: {reason}"),
        None => stage.into(),
    }
}

fn told(name: &str, status: &BackupStatus, took: Duration) -> Result<(), Error> {
    if status.phase == BackupPhase::Succeeded {
        let cut = status.cut_at.as_ref().map_or_else(|| "?".into(), |at| format!("{:.0}", at.0));
        let stall =
            status.write_stall_milliseconds.map_or_else(|| "not measured".into(), |ms| format!("{ms} ms"));
        return print(&format!(
            "{name}: succeeded, cut {cut}, {}, write stall {stall}; took {:.1} s\n",
            size(status.restore_bytes),
            took.as_secs_f64()
        ));
    }
    let why = status.reason.as_deref().unwrap_or("its status gives no reason");
    Err(Error::Plain(format!("backup {name} ended as {:?}: {why}", status.phase)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::observed;
    use serde_json::json;

    #[test]
    fn a_backup_on_demand_belongs_to_no_schedule_and_takes_up_the_clusters_policy() {
        let policy = json!({"backup": {"deletionPolicy": "Retain", "shareWith": ["audit"]}});
        let made = backup(&observed(policy).cluster, BackupMethod::Archive, true);
        assert!(made.name_any().starts_with("c-20") && made.name_any().len() <= 63, "{}", made.name_any());
        assert_ne!(
            made.name_any(),
            backup(&observed(json!({})).cluster, BackupMethod::Snapshot, true).name_any()
        );
        assert_eq!((made.spec.schedule, made.spec.scheduled_for), (None, None));
        assert_eq!(made.spec.method, BackupMethod::Archive);
        assert!(made.spec.hold && made.spec.share_with == ["audit"]);
    }

    #[test]
    fn one_that_did_not_succeed_is_an_error_with_its_reason() {
        let status = BackupStatus {
            phase: BackupPhase::Failed,
            reason: Some("the disk is gone".into()),
            ..BackupStatus::default()
        };
        let error = told("b", &status, Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "backup b ended as Failed: the disk is gone");
    }
}
