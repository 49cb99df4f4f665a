//! How often a provider is asked about snapshots. Pure.
//!
//! Google answers 1,500 reads a minute for a project (<https://cloud.google.com/compute/api-quota>, "Read requests"), which all operators and people
//! of it share; half of it is ours.

use std::time::Duration;

use jiff::SignedDuration;

/// Questions a second that all backups together may ask.
const A_SECOND: f64 = 12.0;
/// Shortest and longest pause for what is on its way: most snapshots are ready in seconds, the first of a large disk takes hours.
const SOON: f64 = 1.0;
const LATE: f64 = 60.0;
/// How often to look whether a good backup's snapshots are still there, where few have to be looked at.
const WATCH: f64 = 600.0;

/// Pause until a snapshot that was cut so long ago is looked at again; `crowd` are as many as are on their way. A tenth of its age, so that
/// nobody learns of it later than that.
pub fn under_way(age: SignedDuration, crowd: usize) -> Duration {
    pause((age.as_secs_f64() / 10.0).clamp(SOON, LATE), crowd)
}

/// Pause until a good backup is looked at again; `crowd` are as many as there are.
pub fn at_rest(crowd: usize) -> Duration {
    pause(WATCH, crowd)
}

fn pause(seconds: f64, crowd: usize) -> Duration {
    #[allow(clippy::cast_precision_loss)] // nobody has so many
    Duration::from_secs_f64(seconds.max(crowd as f64 / A_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_snapshot_is_looked_at_each_second_and_an_old_one_each_minute() {
        let of = |seconds| under_way(SignedDuration::from_secs(seconds), 1).as_secs();
        assert_eq!([-5, 0, 10, 100, 600, 86_400].map(of), [1, 1, 1, 10, 60, 60]);
    }

    #[test]
    fn however_many_there_are_the_quota_is_never_used_up() {
        for crowd in [1, 100, 1000, 30_000] {
            for pause in [under_way(SignedDuration::ZERO, crowd), at_rest(crowd)] {
                #[allow(clippy::cast_precision_loss)]
                let a_minute = crowd as f64 * 60.0 / pause.as_secs_f64();
                assert!(a_minute <= 750.0, "{crowd}: {a_minute}");
            }
        }
    }
}
