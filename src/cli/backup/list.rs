//! `stylobate backup list NAME`: what should have been backed up beside what was.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::api::{ArchiveStatus, BackupPhase, BackupSummary, PostgresCluster, Recovery};
use crate::observe::{BackupSeen, backups_of};
use crate::target::human_size;

use super::super::connect::Connection;
use super::super::explain::Error;
use super::super::human::columns;
use super::super::{find, print};
use super::all;
use super::runs::{Outcome, Row, runs};

/// Of which cluster, over which time, and how to show it.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Cluster
    name: String,
    /// Days to look back, 1 to 3650
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
    /// `json` prints a document of stable shape
    #[arg(short, long, value_parser = ["json"])]
    output: Option<String>,
}

/// Prints the list.
///
/// # Errors
/// Those of the API server.
pub async fn run(args: ListArgs, connection: &Connection) -> Result<(), Error> {
    let cluster = connection.open().await?;
    let of = find::one(&cluster, &args.name).await?;
    let backups = all(&cluster).await?;
    let backups = backups_of(backups.iter(), &of);
    let now = Timestamp::now();
    let from = now - SignedDuration::from_hours(24 * i64::from(args.days));
    match args.output {
        Some(_) => print(&format!("{:#}\n", document(&of, &backups, from, now))),
        None => print(&table(&of, &backups, from, now)),
    }
}

/// The list for a person: runs, then what is wrong with some of them, then what comes.
pub fn table(
    cluster: &PostgresCluster,
    backups: &BTreeMap<String, BackupSeen>,
    from: Timestamp,
    now: Timestamp,
) -> String {
    let rows = runs(cluster, backups, from, now);
    let head = ["RUN", "SCHEDULE", "OUTCOME", "BACKUP", "METHOD", "CUT", "SIZE", "STALL", "VERIFIED", "KEPT"];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    cells.extend(rows.iter().map(line));
    let mut text = if rows.is_empty() {
        format!("no backup of {} and no run that was due since {from:.0}\n", cluster.name_any())
    } else {
        columns(&cells)
    };
    for row in &rows {
        let why = row.backup.as_ref().and_then(|(name, backup)| {
            let why = backup.status.reason.as_ref().or(backup.missed.as_ref())?;
            (row.outcome != Outcome::Phase(BackupPhase::Succeeded)).then(|| format!("{name}: {why}"))
        });
        if let Some(why) = why {
            let _ = write!(text, "\n!! {why}\n");
        }
    }
    let _ = write!(text, "\n{}", summary(cluster, &rows));
    text
}

fn line(row: &Row) -> Vec<String> {
    let none = || "-".to_owned();
    let at = |time: &Option<Time>| time.as_ref().map_or_else(none, |time| format!("{:.0}", time.0));
    let mut cells = vec![
        format!("{:.0}", row.at),
        row.schedule.clone().unwrap_or_else(|| "on demand".into()),
        row.outcome.word(),
    ];
    match &row.backup {
        None => cells.extend(std::iter::repeat_with(none).take(7)),
        Some((name, backup)) => {
            let status = &backup.status;
            cells.extend([
                name.clone(),
                format!("{:?}", backup.spec.method),
                at(&status.cut_at),
                size(status.restore_bytes),
                status.write_stall_milliseconds.map_or_else(none, |ms| format!("{ms} ms")),
                verified(backup),
                kept(backup),
            ]);
        }
    }
    cells
}

/// Whether somebody looked at what a restore of it gives.
fn verified(backup: &BackupSeen) -> String {
    let status = &backup.status;
    match &status.verified {
        _ if status.refuted().is_some() => "FAILED".into(),
        Some(drill) => drill.at.as_ref().map_or_else(|| "yes".into(), |at| format!("{:.0}", at.0)),
        None => "no".into(),
    }
}

fn kept(backup: &BackupSeen) -> String {
    match &backup.status.kept_until {
        _ if backup.deleting => "is being deleted".into(),
        Some(until) => format!("until {:.0}", until.0),
        None if backup.status.kept_by.is_empty() => "-".into(),
        None => format!("by {}", backup.status.kept_by.join(", ")),
    }
}

/// A size as people write it.
pub fn size(bytes: Option<i64>) -> String {
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).map_or_else(|| "-".into(), human_size)
}

fn summary(cluster: &PostgresCluster, rows: &[Row]) -> String {
    let promised: Vec<&Row> = rows.iter().filter(|row| row.schedule.is_some()).collect();
    let count = |outcome: Outcome| promised.iter().filter(|row| row.outcome == outcome).count();
    let phase = |phase| count(Outcome::Phase(phase));
    let mut text = format!(
        "{} runs were due: {} succeeded, {} failed, {} missed, {} lost, {} gone, {} absent\n",
        promised.len(),
        phase(BackupPhase::Succeeded),
        phase(BackupPhase::Failed),
        phase(BackupPhase::Missed),
        phase(BackupPhase::Lost),
        count(Outcome::Gone),
        count(Outcome::Absent),
    );
    if count(Outcome::Absent) > 0 {
        text.push_str("absent: nobody looked at the run; is the operator running? kubectl -n stylobate-system get pods\n");
    }
    if count(Outcome::Gone) > 0 {
        text.push_str(
            "gone: its object was deleted, by retention or by hand, or an outage is told by a count\n",
        );
    }
    let status = cluster.status.as_ref().and_then(|status| status.backup.as_ref());
    match status.and_then(|backup| backup.last_good.as_ref()) {
        Some(good) => {
            let _ = writeln!(text, "last good backup: {}, cut {:.0}", good.name, good.cut_at.0);
        }
        None => text.push_str("last good backup: none\n"),
    }
    for schedule in status.map(|backup| backup.schedules.as_slice()).unwrap_or_default() {
        let next = schedule.next.as_ref().map_or_else(|| "none".into(), |at| format!("{:.0}", at.0));
        let _ =
            writeln!(text, "next {}: {next} ({} {})", schedule.name, schedule.schedule, schedule.time_zone);
    }
    text.push_str(&status.map(drills).unwrap_or_default());
    let archive = cluster.status.as_ref().and_then(|status| status.archive.as_ref());
    text.push_str(&archive.map(moments).unwrap_or_default());
    if cluster.spec.backup.schedules.is_empty() {
        text.push_str("spec.backup names no schedule: there are backups on demand alone\n");
    }
    text
}

/// The moments that can be brought back.
fn moments(archive: &ArchiveStatus) -> String {
    let Some(window) = &archive.window else { return String::new() };
    let until =
        archive.archived_until.as_ref().map_or_else(String::new, |at| format!(" to about {:.0}", at.0));
    let mut text = match &window.from {
        Some(from) => format!("any moment from {:.0}{until} can be brought back\n", from.0),
        None => "no moment between backups can be brought back\n".into(),
    };
    if let Some(why) = &window.reason {
        let _ = writeln!(text, "no longer window: {why}");
    }
    text
}

/// How long the last restores took, beside how much they restored.
fn restores(all: &[Recovery]) -> String {
    const SHOWN: usize = 6;
    let mut rows = vec![["RESTORED", "TOOK", "DATABASES", "WAL", "BACKUP"].map(str::to_owned).to_vec()];
    rows.extend(all.iter().rev().take(SHOWN).map(|one| {
        vec![
            format!("{:.0}", one.at.0),
            format!("{} s", one.seconds),
            size(one.bytes),
            size(one.replayed_bytes),
            one.backup.clone(),
        ]
    }));
    if all.is_empty() { String::new() } else { columns(&rows) }
}

/// What is proved, and when the next proof is due; nothing where no drill was made nor promised.
fn drills(backup: &BackupSummary) -> String {
    let mut text = String::new();
    match &backup.last_verified {
        Some(passed) => {
            let _ = writeln!(text, "last drill that passed: {}, at {:.0}", passed.name, passed.at.0);
        }
        None if backup.drill.is_some() => text.push_str("last drill that passed: none\n"),
        None => {}
    }
    text.push_str(&restores(&backup.recoveries));
    if backup.drill_volumes > 0 {
        let _ = writeln!(
            text,
            "volumes that drills left behind: {}; status.drill.waiting of the backups names them",
            backup.drill_volumes
        );
    }
    let Some(row) = &backup.drill else { return text };
    for (word, run) in [("drill that runs", &row.running), ("last drill by schedule", &row.last)] {
        let Some(run) = run else { continue };
        let cause = run.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "{word}: {}, due {:.0}, {:?}{cause}",
            run.backup, run.scheduled_for.0, run.outcome
        );
    }
    if let Some(missed) = &row.missed {
        let _ = writeln!(text, "last drill that was missed: {}", missed.reason);
    }
    let next = row.next.as_ref().map_or_else(|| "none".into(), |at| format!("{:.0}", at.0));
    let _ = writeln!(text, "next drill: {next} ({} {})", row.schedule, row.time_zone);
    text
}

/// The document of `-o json`.
pub fn document(
    cluster: &PostgresCluster,
    backups: &BTreeMap<String, BackupSeen>,
    from: Timestamp,
    now: Timestamp,
) -> Value {
    let rows = runs(cluster, backups, from, now);
    let one = |row: &Row| {
        let backup = row.backup.as_ref();
        json!({
            "at": row.at,
            "schedule": row.schedule,
            "outcome": row.outcome.word().to_lowercase(),
            "backup": backup.map(|(name, _)| name),
            "method": backup.map(|(_, backup)| backup.spec.method),
            "hold": backup.map(|(_, backup)| backup.spec.hold),
            "status": backup.map(|(_, backup)| &backup.status),
        })
    };
    json!({
        "namespace": cluster.namespace(),
        "cluster": cluster.name_any(),
        "from": from,
        "to": now,
        "runs": rows.iter().map(one).collect::<Vec<_>>(),
        "summary": cluster.status.as_ref().and_then(|status| status.backup.as_ref()),
        "window": cluster.status.as_ref().and_then(|status| status.archive.as_ref()?.window.as_ref()),
    })
}
