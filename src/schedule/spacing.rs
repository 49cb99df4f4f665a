//! How close to each other runs come, and how long a schedule lets one wait. Both are asked of the spec alone: the answer
//! must not change with the day on which it is asked.

use jiff::{SignedDuration, Timestamp};

use super::Schedule;

/// Google's Compute API takes one snapshot of a disk in 10 minutes.
/// Source: <https://cloud.google.com/compute/docs/disks/snapshot-best-practices>, "Frequency limits".
pub const LEAST_BETWEEN_SNAPSHOTS: SignedDuration = SignedDuration::from_mins(10);

/// Moments that are compared: more than a year of daily runs, so that also those that meet once a month are found.
const LOOKED_AT: usize = 400;

/// Years in which they lie: a schedule of one day in a year would otherwise be followed through centuries, at each look.
const BEGIN: &str = "2025-01-01T00:00:00Z";
const END: &str = "2030-01-01T00:00:00Z";

/// Two moments that are closer than `least`, of one schedule or of two: names of both, and the later moment.
pub fn crowded(schedules: &[Schedule], least: SignedDuration) -> Option<(String, String, Timestamp)> {
    for (index, one) in schedules.iter().enumerate() {
        let mut own = looked_at(one).into_iter();
        let mut last = own.next();
        for at in own {
            if last.is_some_and(|last| at.duration_since(last) < least) {
                return Some((one.name.clone(), one.name.clone(), at));
            }
            last = Some(at);
        }
        for other in &schedules[index + 1..] {
            // The rarer one leads: its moments reach further.
            let reach = |schedule: &Schedule| looked_at(schedule).last().copied();
            let (rare, often) = if reach(one) >= reach(other) { (one, other) } else { (other, one) };
            for at in looked_at(rare) {
                let near = often.cron.next(at - least).filter(|near| *near < at + least);
                if let Some(near) = near {
                    return Some((rare.name.clone(), often.name.clone(), near.max(at)));
                }
            }
        }
    }
    None
}

fn looked_at(schedule: &Schedule) -> Vec<Timestamp> {
    let (Ok(begin), Ok(end)) = (BEGIN.parse::<Timestamp>(), END.parse::<Timestamp>()) else {
        return Vec::new();
    };
    schedule.cron.after(begin).take(LOOKED_AT).take_while(|at| *at < end).collect()
}

/// The longest time between two runs of the schedule that runs most often; none without a schedule.
pub fn longest_pause(schedules: &[Schedule]) -> Option<(String, SignedDuration)> {
    let pauses = schedules.iter().filter_map(|schedule| {
        let moments: Vec<Timestamp> = looked_at(schedule);
        let pauses = moments.windows(2).map(|two| two[1].duration_since(two[0]));
        Some((schedule.name.clone(), pauses.max()?))
    });
    pauses.min_by_key(|(_, pause)| *pause)
}
