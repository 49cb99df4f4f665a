//! What an edit of the image catalog would roll over the whole fleet: for each cluster the version and image that it would go to, how
//! many members, when, and what stays and why. Pure but for the reading of the clusters.

mod report;

use jiff::Timestamp;

use crate::api::EngineStatus;
use crate::decide::{Input, decide};
use crate::images::{CatalogSeen, ImageCatalog};
use crate::name::COMPONENT_MEMBER;
use crate::observe::Offline;
use crate::plan::Step;
use crate::policy::{CATALOG, Verdict};
use crate::status::kind;

use super::{Report, report as decided, sighted};

pub use report::FleetReport;

/// One cluster of the fleet.
pub struct Row {
    /// Namespace and name.
    cluster: String,
    /// What becomes of it.
    outcome: Outcome,
    /// What it would be brought to.
    engine: EngineStatus,
    /// Disruption slots of the operator that keeps it.
    slots: i64,
    /// What can't be told from here.
    unknown: Vec<String>,
}

/// What an edit does to a cluster.
enum Outcome {
    /// Members are made anew.
    Rolls {
        /// How many.
        members: usize,
        /// What they wait for first; none when they would begin at once.
        waits: Option<Verdict>,
    },
    /// Nothing changes, and why.
    Stays(String),
    /// Its spec can't be carried out with it; `already`: nor can it today.
    Refused {
        /// Every problem.
        problems: Vec<String>,
        /// The same is told of it today.
        already: bool,
    },
}

/// Decides on one cluster with the catalog that it has and with the edited one.
pub fn row(mut offline: Offline, edited: &ImageCatalog, now: Timestamp) -> Row {
    sighted(&mut offline);
    let today = decide(&Input { seen: &offline.seen, catalog: CATALOG, now });
    let pods = offline.seen.pods.values().filter(|pod| pod.component == COMPONENT_MEMBER);
    let images: Vec<String> = pods.map(|pod| pod.image().to_owned()).collect();
    let slots = offline.seen.slots.total as i64;
    offline.seen.images = CatalogSeen::Good(edited.clone().into());
    let report = decided(offline, String::new(), now);
    let told =
        |problems: &[crate::target::Problem]| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    let problems = told(&report.decision.problems);
    let engine = report.decision.status.engine.clone().unwrap_or_default();
    let before = today.status.engine.clone().unwrap_or_default();
    let members = images.iter().filter(|image| Some(*image) != engine.image.as_ref()).count();
    let outcome = if !problems.is_empty() {
        Outcome::Refused { already: told(&today.problems) == problems, problems }
    } else if engine.image == before.image {
        Outcome::Stays(why(&report, members > 0))
    } else {
        Outcome::Rolls { members, waits: waits(&report) }
    };
    Row { cluster: report.name.to_string(), outcome, engine, slots, unknown: report.unknown }
}

/// Why nothing changes, in the words of the condition.
fn why(report: &Report, rolling: bool) -> String {
    let conditions = &report.decision.status.conditions;
    let told = conditions.iter().find(|condition| condition.type_ == kind::ENGINE);
    let told = told.map(|condition| condition.message.clone()).unwrap_or_default();
    if rolling { format!("it is on its way there already; {told}") } else { told }
}

/// What the first member waits for.
fn waits(report: &Report) -> Option<Verdict> {
    let restarts = |step: &Step| matches!(step, Step::ReplacePod { .. } | Step::Switchover { .. });
    let mut steps = report.foresight.steps.iter().filter(|found| restarts(&found.step));
    let held = report.decision.verdicts.first();
    let first = held.cloned().or_else(|| steps.next()?.waits.clone());
    first.or_else(|| report.foresight.held.iter().find(|verdict| restarts(&verdict.step)).cloned())
}
