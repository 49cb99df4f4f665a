//! Times, sizes and columns for a person's eye.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The time since `then`, in at most two units, as kubectl shows ages; `?` when it is not known.
pub fn since(then: Option<&Time>, now: Timestamp) -> String {
    then.map_or_else(|| "?".into(), |then| span(now.duration_since(then.0)))
}

fn span(duration: SignedDuration) -> String {
    // Another machine's clock may be ahead.
    let seconds = duration.as_secs().max(0);
    let two = |large: i64, one: &str, small: i64, two: &str| match seconds % large / small {
        0 => format!("{}{one}", seconds / large),
        rest => format!("{}{one}{rest}{two}", seconds / large),
    };
    match seconds {
        ..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        HOUR..DAY => two(HOUR, "h", MINUTE, "m"),
        _ => two(DAY, "d", HOUR, "h"),
    }
}

/// The coarse lag of a status: what it says and no more.
pub fn lag(bytes: Option<i64>) -> String {
    const UNITS: [&str; 4] = ["MiB", "GiB", "TiB", "PiB"];
    match bytes {
        None => "?".into(),
        Some(..=0) => "<16MiB".into(),
        Some(bytes) => {
            let mut rest = (bytes / (1024 * 1024)).max(1);
            let mut unit = 0;
            while rest >= 1024 && unit + 1 < UNITS.len() {
                rest /= 1024;
                unit += 1;
            }
            format!("<={rest}{}", UNITS[unit])
        }
    }
}

/// Rows under each other, columns as wide as needed, two blanks between; the last column is not padded.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_those_of_kubectl() {
        let age = |seconds| span(SignedDuration::from_secs(seconds));
        let ages = [-5, 0, 59, 61, 3600, 3660, 86_400, 90_000].map(age);
        assert_eq!(ages, ["0s", "0s", "59s", "1m", "1h", "1h1m", "1d", "1d1h"]);
    }

    #[test]
    fn a_coarse_lag_is_shown_as_a_bound() {
        assert_eq!(
            [None, Some(0), Some(1 << 26), Some(1 << 31)].map(lag),
            ["?", "<16MiB", "<=64MiB", "<=2GiB"]
        );
    }

    #[test]
    fn columns_line_up_without_blanks_at_the_end() {
        let rows = [vec!["a".into(), "bb".into()], vec!["ccc".into(), String::new()]];
        assert_eq!(columns(&rows), "a    bb\nccc\n");
    }
}
