//! `H` in a schedule: a value that follows from the cluster and the schedule, so that a fleet with one text does not begin in one minute.
//!
//! The letter and its two forms are those of Jenkins (<https://www.jenkins.io/doc/book/pipeline/syntax/#cron-syntax>). The value is the same for as
//! long as the cluster bears its name, on every operator. Status and messages have the text that came of it.

use crate::name::{ClusterName, digest};

/// Fields of cron with their least and greatest value; days that every month has.
const FIELDS: [(&str, u64, u64); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 28), ("month", 1, 12), ("day of week", 0, 6)];

/// The text with a number in place of each `H`. `schedule` is the schedule's name. A text without one, or with other than five fields, stays.
///
/// # Errors
/// What is wrong with an `H`.
pub fn spread(text: &str, cluster: &ClusterName, schedule: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() || !fields.iter().any(|field| is_spread(field)) {
        return Ok(text.to_owned());
    }
    let fields = fields.iter().zip(FIELDS).map(|(field, (name, low, high))| {
        let value = |low: u64, high: u64| {
            let print = digest(format!("{cluster}\n{schedule}\n{name}").as_bytes());
            low + u64::from_str_radix(&print[..15], 16).unwrap_or_default() % (high - low + 1)
        };
        let Some(rest) = field.strip_prefix('H').filter(|_| is_spread(field)) else {
            return Ok((*field).to_owned());
        };
        if rest.is_empty() {
            return Ok(value(low, high).to_string());
        }
        if let Some(every) = rest.strip_prefix('/') {
            // A longer step comes once in the range, as H alone does.
            let half = (high - low).div_ceil(2);
            let every = every.parse().ok().filter(|every| (1..=half).contains(every));
            return every
                .map(|every| format!("{}-{high}/{every}", value(low, low + every - 1)))
                .ok_or_else(|| format!("the {name} {field} takes a step from 1 to {half}, as H/{half}"));
        }
        let range = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')?.split_once('-'));
        let range = range.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        range
            .filter(|(from, to)| low <= *from && from <= to && *to <= high)
            .map(|(from, to)| value(from, to).to_string())
            .ok_or_else(|| {
                format!("the {name} {field} takes a range within {low}-{high}, as H({low}-{})", high / 2)
            })
    });
    Ok(fields.collect::<Result<Vec<String>, String>>()?.join(" "))
}

/// Days of the week have an H too, as THU.
fn is_spread(field: &str) -> bool {
    field == "H" || field.starts_with("H(") || field.starts_with("H/")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cron::Cron;

    fn of(text: &str, cluster: &str) -> String {
        spread(text, &ClusterName::new("shop", cluster), "nightly").unwrap()
    }

    #[test]
    fn a_thousand_clusters_with_one_text_are_spread_over_all_its_minutes() {
        let mut minutes: BTreeMap<String, usize> = BTreeMap::new();
        for cluster in 0..1000 {
            let text = of("H 2 * * *", &format!("c{cluster}"));
            let (minute, rest) = text.split_once(' ').unwrap();
            assert_eq!(rest, "2 * * *");
            *minutes.entry(minute.to_owned()).or_default() += 1;
        }
        assert_eq!(minutes.len(), 60);
        // Sixteen to a minute; that one has twice as many has a chance of one in ten thousand.
        assert!(minutes.values().all(|count| (3..=33).contains(count)), "{minutes:?}");
    }

    #[test]
    fn the_moment_follows_from_cluster_and_schedule_and_from_nothing_else() {
        let text = "H H(1-4) H * H";
        assert_eq!(of(text, "a"), of(text, "a"));
        assert_ne!(of(text, "a"), of(text, "b"));
        let other = spread(text, &ClusterName::new("shop", "a"), "weekly").unwrap();
        assert_ne!(of(text, "a"), other);
    }

    #[test]
    fn every_form_is_cron_within_its_range_and_all_else_stays_as_it_is() {
        for cluster in 0..200 {
            let cluster = format!("c{cluster}");
            for text in [
                "H H H H H",
                "H/15 H/6 * * *",
                "H(0-29) H(22-23) H(1-1) * *",
                "H/30 H/12 H/14 H/6 H/3",
                "H 2 * * THU",
            ] {
                let spread = of(text, &cluster);
                Cron::read("f", &spread, "UTC").unwrap_or_else(|_| panic!("{text} gave {spread}"));
            }
            let hour: u64 = of("0 H(22-23) * * *", &cluster).split(' ').nth(1).unwrap().parse().unwrap();
            assert!((22..=23).contains(&hour));
        }
        for text in ["0 2 * * THU", "0 2 * MAR *", "0 2 * *", "H 2 * *"] {
            assert_eq!(of(text, "c"), text);
        }
    }

    #[test]
    fn what_can_not_be_is_refused_with_its_field_and_range() {
        let refused = |text: &str| spread(text, &ClusterName::new("shop", "c"), "s").unwrap_err();
        assert_eq!(refused("H(0-60) 2 * * *"), "the minute H(0-60) takes a range within 0-59, as H(0-29)");
        assert_eq!(refused("0 H(5-3) * * *"), "the hour H(5-3) takes a range within 0-23, as H(0-11)");
        assert_eq!(
            refused("0 0 H(0-9) * *"),
            "the day of month H(0-9) takes a range within 1-28, as H(1-14)"
        );
        for text in [
            "H/0 * * * *",
            "H/31 * * * *",
            "H/x * * * *",
            "H( * * * *",
            "H() * * * *",
            "H(1) * * * *",
            "H/99999999999999999999 * * * *",
        ] {
            assert!(refused(text).starts_with("the minute H"), "{text}");
        }
    }
}
