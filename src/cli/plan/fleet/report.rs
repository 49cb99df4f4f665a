//! What is told of the fleet: as text for a person, as JSON for a pipeline. Pure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::api::Flavor;
use crate::images::{ImageCatalog, short};
use crate::policy::Verdict;

use super::{Outcome, Row};

/// All that is told of an edit.
pub struct FleetReport {
    /// The file.
    of: String,
    /// What it offers.
    edited: ImageCatalog,
    rows: Vec<Row>,
}

impl FleetReport {
    /// The report of these clusters, in order of their names.
    pub fn new(of: String, edited: ImageCatalog, mut rows: Vec<Row>) -> Self {
        rows.sort_by(|one, other| one.cluster.cmp(&other.cluster));
        Self { of, edited, rows }
    }

    fn rolls(&self) -> impl Iterator<Item = (&Row, usize, Option<&Verdict>)> {
        self.rows.iter().filter_map(|row| match &row.outcome {
            Outcome::Rolls { members, waits } => Some((row, *members, waits.as_ref())),
            Outcome::Stays(_) | Outcome::Refused { .. } => None,
        })
    }

    /// 0 when nothing would roll, 2 when something would, 1 when the spec of a cluster could not be carried out any more.
    pub fn exit_code(&self) -> u8 {
        let breaks = |row: &Row| matches!(row.outcome, Outcome::Refused { already: false, .. });
        match (self.rows.iter().any(breaks), self.rolls().next()) {
            (true, _) => 1,
            (false, Some(_)) => 2,
            (false, None) => 0,
        }
    }

    /// For a person.
    pub fn text(&self) -> String {
        let rolls = self.rolls().count();
        let mut text =
            format!("{}, {}: {rolls} of {} clusters would roll\n", self.of, self.offers(), self.rows.len());
        if rolls > 0 {
            let _ = writeln!(text, "\nWOULD ROLL");
        }
        for (row, members, waits) in self.rolls() {
            let _ = writeln!(text, "  {}: {}, {members} members, {}", row.cluster, row.step(), when(waits));
            if let Some(verdict) = waits {
                let _ = writeln!(text, "    to go on: {}", verdict.objection.remedy);
            }
            let _ = writeln!(text, "    to {}", short(row.engine.image.as_deref().unwrap_or_default()));
        }
        if let Some(slots) = self.rolls().map(|(row, ..)| row.slots).max().filter(|_| rolls > 1) {
            let turns = if slots == 1 {
                "one cluster after the other".into()
            } else {
                format!("{slots} clusters at a time")
            };
            let _ = writeln!(text, "  {turns} (chart value disruptionSlots)");
        }
        let stays: Vec<(&Row, &String)> = self
            .rows
            .iter()
            .filter_map(|row| match &row.outcome {
                Outcome::Stays(why) => Some((row, why)),
                Outcome::Rolls { .. } | Outcome::Refused { .. } => None,
            })
            .collect();
        if !stays.is_empty() {
            let _ = writeln!(text, "\nSTAYS");
        }
        for (row, why) in stays {
            let _ = writeln!(
                text,
                "  {}: {}: {why}",
                row.cluster,
                row.engine.running.as_deref().unwrap_or("nothing runs")
            );
        }
        let mut head = "\nCAN'T BE CARRIED OUT, and what runs is not touched";
        for row in &self.rows {
            if let Outcome::Refused { problems, already } = &row.outcome {
                let _ =
                    writeln!(text, "{head}\n  {}{}:", row.cluster, if *already { ", as today" } else { "" });
                for problem in problems {
                    let _ = writeln!(text, "    !! {problem}");
                }
                head = "";
            }
        }
        let mut unknown: Vec<&String> = Vec::new();
        for lack in self.rows.iter().flat_map(|row| &row.unknown) {
            if !unknown.contains(&lack) {
                unknown.push(lack);
            }
        }
        if !unknown.is_empty() {
            let _ = writeln!(text, "\nNOT KNOWN FROM HERE");
            for lack in unknown {
                let _ = writeln!(text, "  {lack}");
            }
        }
        text
    }

    /// What the file offers, in words.
    fn offers(&self) -> String {
        let flavor = Flavor::Postgres;
        let gone: Vec<String> = self
            .edited
            .entries()
            .iter()
            .filter_map(|entry| Some(format!("{} ({})", entry.version, entry.withdrawn.as_ref()?)))
            .collect();
        let gone =
            if gone.is_empty() { String::new() } else { format!(", and has withdrawn {}", gone.join(", ")) };
        format!("which offers {}{gone}", self.edited.offered(flavor))
    }

    /// For a pipeline. New fields may come; none changes its meaning.
    pub fn json(&self) -> Value {
        let one = |row: &Row| {
            let (change, members, waits, why, problems) = match &row.outcome {
                Outcome::Rolls { members, waits } => ("Rolls", *members, waits.as_ref(), None, &Vec::new()),
                Outcome::Stays(why) => ("Stays", 0, None, Some(why), &Vec::new()),
                Outcome::Refused { problems, .. } => ("Refused", 0, None, None, problems),
            };
            json!({
                "cluster": row.cluster,
                "change": change,
                "running": row.engine.running,
                "wanted": row.engine.wanted,
                "image": row.engine.image,
                "source": row.engine.source,
                "members": members,
                "waits": waits.map(|verdict| json!({
                    "policy": verdict.policy,
                    "reason": verdict.objection.reason,
                    "remedy": verdict.objection.remedy,
                })),
                "why": why,
                "problems": problems,
            })
        };
        json!({"of": self.of, "clusters": self.rows.iter().map(one).collect::<Vec<_>>()})
    }
}

impl Row {
    /// From what runs to what would.
    fn step(&self) -> String {
        let none = || "nothing".to_owned();
        let (from, to) = (
            self.engine.running.clone().unwrap_or_else(none),
            self.engine.wanted.clone().unwrap_or_else(none),
        );
        if from == to { format!("another image of {to}") } else { format!("{from} -> {to}") }
    }
}

fn when(waits: Option<&Verdict>) -> String {
    waits.map_or("at once".into(), |verdict| {
        format!("waits ({}): {}", verdict.policy, verdict.objection.reason)
    })
}
