//! Compares what a plan foresees at each edit of a script with the steps that the script then takes.

use stylobate::decide::Decision;
use stylobate::foresee::{Foresight, foresee};
use stylobate::observe::Observed;
use stylobate::plan::Step;

use super::World;

/// Commands by which a person changes what is wanted.
const EDITS: [&str; 8] = ["create", "edit", "pause", "resume", "tuning", "annotate", "catalog", "secret"];
/// Commands by which rounds and time pass, or something is shown.
const QUIET: [&str; 6] = ["round", "settle", "show", "clock", "wait", "undisrupt"];

/// The plan of an edit, and what followed.
#[derive(Clone)]
pub struct Kept {
    /// The commands of the edit.
    pub edit: String,
    /// The plan.
    pub plan: Foresight,
    /// Steps that were taken until the next edit, or until the script did something that no plan can know.
    pub taken: Vec<Step>,
    /// The world came to rest.
    pub rested: bool,
    /// Something was still held back at the end.
    pub held: bool,
}

/// Who compares.
#[derive(Default)]
pub struct Watch {
    /// Commands of an edit for which no plan was made yet.
    edit: Vec<String>,
    now: Option<Kept>,
    kept: Vec<Kept>,
}

impl Watch {
    /// A command of the script comes.
    pub fn hear(&mut self, words: &[&str], line: &str) {
        if matches!(words, ["also", ..] | ["settle", "together", ..]) {
            // Several clusters take turns: the plan of one knows of the others what holds the slots.
            (self.now, self.edit) = (None, Vec::new());
        } else if EDITS.contains(&words[0]) || matches!(words, ["delete", "tuning" | "cluster", ..]) {
            self.kept.extend(self.now.take());
            self.edit.push(line.trim().to_owned());
        } else if !QUIET.contains(&words[0]) {
            self.kept.extend(self.now.take());
        }
    }

    /// A round begins: the plan of an edit that came before it, from what `stylobate plan` can know.
    pub fn plan(&mut self, world: &World) {
        if self.edit.is_empty() {
            return;
        }
        let seen = of_the_api_server(world);
        let plan = foresee(&seen, world.now, |_| true);
        let edit = std::mem::take(&mut self.edit).join("; ");
        self.now = Some(Kept { edit, plan, taken: Vec::new(), rested: false, held: false });
    }

    /// What a round did.
    pub fn see(&mut self, decision: &Decision, cut: Option<usize>, same: bool) {
        let Some(now) = &mut self.now else { return };
        now.taken.extend(decision.steps.iter().take(cut.unwrap_or(usize::MAX)).cloned());
        now.rested = same && decision.steps.is_empty();
        now.held = !decision.verdicts.is_empty();
    }

    /// All of them.
    pub fn end(mut self) -> Vec<Kept> {
        self.kept.extend(self.now.take());
        self.kept
    }
}

/// What the API server alone tells, as `src/observe/offline.rs` reads it: neither catalogs nor settings of a server, nor events.
fn of_the_api_server(world: &World) -> Observed {
    let mut seen = world.observe();
    (seen.database, seen.server, seen.database_unread) = (None, None, None);
    seen.refusals.clear();
    seen
}
