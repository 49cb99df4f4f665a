//! What of `spec.backup` can't be: schedules that can't be read or come too close, retention that would keep nothing.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::api::{BackupMethod, BackupSummary, PostgresClusterSpec, ProviderName};
use crate::name::ClusterName;
use crate::schedule::retention::{self, Rules};
use crate::schedule::{LEAST_BETWEEN_SNAPSHOTS, Schedule, crowded, drills, longest_pause, read};

use super::Problem;

/// A run may be late, and clocks go forward and back: so much longer than the pause between two runs backups have to be kept.
const SLACK: SignedDuration = SignedDuration::from_hours(2);

/// Adds what can't be; the rules of retention, or none that delete anything.
pub fn check(
    cluster: &ClusterName,
    spec: &PostgresClusterSpec,
    status: Option<&BackupSummary>,
    problems: &mut Vec<Problem>,
) -> Rules {
    let policy = &spec.backup;
    let rows = status.map(|status| status.schedules.as_slice()).unwrap_or_default();
    let (schedules, found) = read(cluster, policy, rows);
    let readable = found.is_empty();
    problems.extend(found);
    problems.extend(without_bucket(spec));
    if readable && policy.provider == ProviderName::Gce {
        problems.extend(too_close(&schedules));
    }
    problems.extend(drills::read(cluster, policy, status.and_then(|status| status.drill.as_ref())).1);
    match retention::read(&policy.retention) {
        Ok(rules) => {
            if readable {
                problems.extend(keeps_nothing(&rules, &schedules));
            }
            rules
        }
        Err(found) => {
            problems.extend(found);
            Rules { last: None, days: None, daily: None, weekly: None, monthly: None, zone: TimeZone::UTC }
        }
    }
}

/// Schedules of copies, and no bucket that they could go to.
fn without_bucket(spec: &PostgresClusterSpec) -> impl Iterator<Item = Problem> {
    let bucket = spec.backup.archive.as_ref().is_some_and(|archive| archive.gcs.is_some());
    let schedules = spec.backup.schedules.iter().enumerate();
    let copies = schedules.filter(move |(_, schedule)| schedule.method == BackupMethod::Archive && !bucket);
    copies.map(|(index, _)| {
        let remedy = "a copy needs a bucket to be in: add spec.backup.archive.gcs, or write Snapshot";
        Problem::new(format!("spec.backup.schedules[{index}].method"), "Archive", remedy)
    })
}

fn too_close(all: &[Schedule]) -> Option<Problem> {
    let schedules: Vec<Schedule> =
        all.iter().filter(|schedule| schedule.method == BackupMethod::Snapshot).cloned().collect();
    let schedules = schedules.as_slice();
    let (one, other, at) = crowded(schedules, LEAST_BETWEEN_SNAPSHOTS)?;
    let text = |name: &str| {
        let schedule = schedules.iter().find(|schedule| schedule.name == name);
        schedule.map(|schedule| schedule.text.clone()).unwrap_or_default()
    };
    let minutes = LEAST_BETWEEN_SNAPSHOTS.as_mins();
    let which = if one == other {
        format!("schedule {one} comes twice")
    } else {
        format!("schedules {one} ({}) and {other} ({}) come", text(&one), text(&other))
    };
    Some(Problem::new(
        "spec.backup.schedules",
        text(&one),
        format!(
            "{which} within {minutes} minutes, as at {at:.0}, and provider Gce takes one snapshot of a disk in {minutes} \
             minutes: set them further apart"
        ),
    ))
}

/// Backups that are gone before the next is made: only the rule that the last good one always stays would keep any.
fn keeps_nothing(rules: &Rules, schedules: &[Schedule]) -> Option<Problem> {
    let days = rules.days?;
    let by_count = [rules.last, rules.daily, rules.weekly, rules.monthly].iter().any(Option::is_some);
    let (name, pause) = longest_pause(schedules).filter(|_| !by_count)?;
    let kept = SignedDuration::from_hours(i64::from(days) * 24);
    (kept + SLACK < pause).then(|| {
        let least = pause.as_hours() / 24 + 1;
        Problem::new(
            "spec.backup.retention.days",
            days,
            format!(
                "schedule {name} lets up to {} h pass between two runs, so all backups but the last would be deleted before \
                 the next is made: {least} or more, or add spec.backup.retention.last",
                pause.as_hours()
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::fixture::{observed, start};
    use crate::target::{Problem, validate};
    use serde_json::{Value, json};

    fn problems(backup: Value) -> Vec<String> {
        let found = validate(&observed(json!({"backup": backup})), start()).err().unwrap_or_default();
        found.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_schedule_of_copies_needs_a_bucket() {
        let copies = json!([{"name": "nightly", "schedule": "0 2 * * *"}, {"name": "weekly", "schedule": "0 3 * * SUN", "method": "Archive"}]);
        let none = problems(json!({"schedules": copies}));
        assert!(
            none[0].starts_with("spec.backup.schedules[1].method is 'Archive': a copy needs a bucket"),
            "{none:?}"
        );
        let volume = problems(json!({"schedules": copies, "archive": {"volume": {"claim": "wal"}}}));
        assert!(volume[0].contains("add spec.backup.archive.gcs"), "{volume:?}");
        assert_eq!(problems(json!({"schedules": copies, "archive": {"gcs": {"bucket": "wal"}}})), [""; 0]);
    }

    #[test]
    fn copies_may_come_close_to_snapshots_of_a_provider_that_counts_them() {
        let every = |method: &str| {
            json!({
                "provider": "Gce", "archive": {"gcs": {"bucket": "wal"}},
                "schedules": [{"name": "often", "schedule": "*/5 * * * *", "method": method}],
            })
        };
        assert!(problems(every("Snapshot"))[0].contains("comes twice within 10 minutes"));
        assert_eq!(problems(every("Archive")), [""; 0]);
    }
}
