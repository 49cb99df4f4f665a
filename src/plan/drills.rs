//! Drills that are due by `spec.backup.drill`. The drill itself is made by its own controller (`src/drill/`).

use jiff::Timestamp;

use crate::observe::Observed;
use crate::schedule::drills::{Due, Facts, due, read};

use super::step::Step;

/// What is due; none while backups are not known.
pub fn drills_due(seen: &Observed, now: Timestamp) -> Option<Due> {
    let backups = seen.backups.as_ref()?;
    let status = seen.cluster.status.as_ref().and_then(|status| status.backup.as_ref());
    let row = status.and_then(|backup| backup.drill.as_ref());
    let (schedule, _) = read(&seen.name(), &seen.cluster.spec.backup, row);
    Some(due(&Facts { schedule: schedule.as_ref(), row, backups, paused: seen.cluster.spec.paused, now }))
}

/// The drill to ask for. It needs no valid target: a bad edit must not keep backups from being proved.
pub fn request(seen: &Observed, now: Timestamp) -> Option<Step> {
    let (backup, moment) = drills_due(seen, now)?.ask?;
    let found = seen.backups.as_ref()?.get(&backup)?;
    Some(Step::RequestDrill {
        uid: found.uid.clone(),
        resource_version: found.resource_version.clone(),
        backup,
        moment,
    })
}
