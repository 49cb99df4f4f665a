//! `stylobate backup verify BACKUP`: has the operator restore a backup aside and look at it, and waits for what is found.
//!
//! The request is an annotation with a unique id, as that of a switchover. The answer stands in `status.drill`.

use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::api::{BackupPhase, DrillBlame, DrillOutcome, DrillReport, PostgresBackup};
use crate::name::ANNOTATION_VERIFY;

use super::super::connect::{Cluster, Connection};
use super::super::explain::Error;
use super::super::progress::Progress;
use super::super::waiting::{Room, Watcher};
use super::super::{CLI_MANAGER, print};
use super::{api, one};

/// How often the end is looked for: a drill takes minutes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Which backup, and how long to wait.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// `PostgresBackup`
    name: String,
    /// Seconds to wait for the end; 0 returns at once. The drill goes on also when nobody waits
    #[arg(long, value_name = "SECONDS", default_value_t = 7200)]
    wait: u64,
}

/// Asks and waits.
///
/// # Errors
/// What the drill found when it is not good, and those of the API server.
pub async fn run(args: VerifyArgs, connection: &Connection) -> Result<(), Error> {
    let cluster = connection.open().await?;
    let before = one(&cluster, &args.name).await?;
    fit(&before, &args.name)?;
    let request = format!("{:.0}-{:08x}", Timestamp::now(), rand::random::<u32>());
    let patch = json!({"metadata": {"annotations": {ANNOTATION_VERIFY: request}}});
    let params = PatchParams { field_manager: Some(CLI_MANAGER.into()), ..PatchParams::default() };
    let asked = api(&cluster).patch(&args.name, &params, &Patch::Merge(patch)).await;
    asked.map_err(|error| Error::of("ask for the drill", &cluster, error))?;
    if args.wait == 0 {
        return print(&format!("{}: asked for; its status.drill has the answer\n", args.name));
    }
    let mut progress = Progress::new();
    let last = last(&before);
    let ended = tokio::select! {
        ended = end(&cluster, &args.name, last.as_ref(), Duration::from_secs(args.wait), &mut progress) => ended,
        _ = tokio::signal::ctrl_c() => Ok(None),
    };
    progress.clear();
    match ended? {
        Some(drill) => told(&args.name, &drill),
        None => Err(Error::Plain(format!(
            "stopped waiting for the drill of {}: see kubectl -n {} get pgb {} -o yaml, status.drill; is the operator running? \
             kubectl -n stylobate-system get pods",
            args.name, cluster.namespace, args.name
        ))),
    }
}

/// Whether there is anything to verify.
fn fit(backup: &PostgresBackup, name: &str) -> Result<(), Error> {
    let status = backup.status.clone().unwrap_or_default();
    if status.phase != BackupPhase::Succeeded {
        let why = status.reason.map(|why| format!(" ({why})")).unwrap_or_default();
        return Err(Error::Plain(format!(
            "failed to verify backup {name}: it is {:?}{why}, and only one that has succeeded can be restored",
            status.phase
        )));
    }
    match status.drill.filter(|drill| drill.outcome == DrillOutcome::Running) {
        Some(drill) => Err(Error::Plain(format!(
            "failed to verify backup {name}: drill {} of it runs since {:.0}; wait for its end",
            drill.cluster, drill.started_at.0
        ))),
        None => Ok(()),
    }
}

fn last(backup: &PostgresBackup) -> Option<DrillReport> {
    backup.status.as_ref()?.drill.clone()
}

/// The drill that came after `before`, when it has ended; none when that takes too long.
async fn end(
    cluster: &Cluster,
    name: &str,
    before: Option<&DrillReport>,
    wait: Duration,
    progress: &mut Progress,
) -> Result<Option<DrillReport>, Error> {
    let started = Instant::now();
    let mut pods: Option<Watcher> = None;
    progress.say(&format!("{name}: waiting for the operator"));
    while started.elapsed() < wait {
        match one(cluster, name).await {
            Ok(backup) => match answer(last(&backup), before) {
                Some(drill) if drill.outcome != DrillOutcome::Running => return Ok(Some(drill)),
                Some(drill) => {
                    let done = drill.checks.last().map(|check| format!(": {check}")).unwrap_or_default();
                    let pods =
                        pods.get_or_insert_with(|| Watcher::new(cluster, drill.stands(), Room::ByBackup));
                    let stage = format!("{name}: restored aside as {}{done}", drill.stands());
                    progress.show(&stage, pods.look().await.or(drill.waiting.as_deref()));
                }
                None => {}
            },
            Err(Error::Unreachable { .. }) => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(None)
}

/// A drill that is not the one from before.
fn answer(now: Option<DrillReport>, before: Option<&DrillReport>) -> Option<DrillReport> {
    now.filter(|now| before.is_none_or(|before| now.started_at != before.started_at))
}

fn told(name: &str, drill: &DrillReport) -> Result<(), Error> {
    let checks: String = drill.checks.iter().map(|check| format!("  {check}\n")).collect();
    let seconds = |value: Option<i64>| value.map_or_else(|| "?".into(), |value| format!("{value} s"));
    if drill.outcome == DrillOutcome::Passed {
        return print(&format!(
            "{name}: verified; restored in {}, {} of data before the cut not in it\n{checks}",
            seconds(drill.recovery_seconds),
            seconds(drill.lost_seconds)
        ));
    }
    let cause = drill.cause.as_deref().unwrap_or("its status gives no cause");
    let of = match drill.failed_of.unwrap_or_default() {
        DrillBlame::Backup => "",
        DrillBlame::Archive => " of the archive, and not of the backup",
        DrillBlame::Surroundings => " of what surrounds it, and not of the backup",
    };
    Err(Error::Plain(
        format!("the drill of backup {name} failed{of}: {cause}\n{checks}").trim_end().to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drill(started: &str, outcome: DrillOutcome) -> DrillReport {
        let report = json!({"cluster": "drill-1", "outcome": outcome, "startedAt": started, "cause": "page 7 of bank"});
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn the_drill_from_before_is_no_answer() {
        let (old, new) = (
            drill("2026-11-21T12:00:00Z", DrillOutcome::Passed),
            drill("2026-11-21T13:00:00Z", DrillOutcome::Failed),
        );
        assert_eq!(answer(Some(old.clone()), Some(&old)), None);
        assert_eq!(answer(Some(new.clone()), Some(&old)), Some(new.clone()));
        assert_eq!(answer(Some(old.clone()), None), Some(old));
        assert!(
            told("b", &new).unwrap_err().to_string().contains("the drill of backup b failed: page 7 of bank")
        );
        let of_archive = DrillReport { failed_of: Some(DrillBlame::Archive), ..new };
        assert!(
            told("b", &of_archive)
                .unwrap_err()
                .to_string()
                .contains("failed of the archive, and not of the backup:")
        );
    }

    #[test]
    fn only_a_good_backup_without_a_running_drill_is_verified() {
        let backup = |status| {
            let mut backup =
                PostgresBackup::new("b", serde_json::from_value(json!({"cluster": "c"})).unwrap());
            backup.status = serde_json::from_value(status).unwrap();
            fit(&backup, "b").map_err(|error| error.to_string())
        };
        assert_eq!(backup(json!({"phase": "Succeeded"})), Ok(()));
        assert!(
            backup(json!({"phase": "Lost", "reason": "gone"})).unwrap_err().contains("it is Lost (gone)")
        );
        let running = drill("2026-11-21T12:00:00Z", DrillOutcome::Running);
        assert!(
            backup(json!({"phase": "Succeeded", "drill": running}))
                .unwrap_err()
                .contains("drill drill-1 of it runs")
        );
    }
}
