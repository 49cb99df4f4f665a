//! Plan policies: rules over the steps that the operator is about to take, whichever controller takes them.
//!
//! A rule is a pure function from a step and the facts to a verdict. To add one: a file here, a line in [`CATALOG`], a
//! scenario in `tests/scenarios/`. Policies judge; they never change a plan. Each controller asks the same catalog about each of its
//! steps, so that a rule such as a legal hold has one home.

mod backup_before_major;
mod backup_in_use;
mod healthy;
mod image_offered;
mod image_pulls;
mod keep_last_good_backup;
mod keep_passwords;
mod keep_volumes;
mod known_primary;
mod legal_hold;
mod one_at_a_time;
mod paused;
mod window;

use std::fmt;

use jiff::Timestamp;

use crate::observe::Observed;
use crate::plan::Step;
use crate::{backup, drill};

pub use one_at_a_time::OneAtATime;
pub use window::MaintenanceWindow;

/// A rule over one step.
pub trait Policy: Sync {
    /// Stable name, as `paused`: it stands in events, metrics and waivers.
    fn id(&self) -> &'static str;

    /// What the rule says of a step of a cluster. `None` means that it has no objection.
    fn judge(&self, step: &Step, case: &Case) -> Option<Objection>;

    /// What it says of a step of a backup.
    fn judge_backup(&self, _step: &backup::Step, _seen: &backup::Seen) -> Option<Objection> {
        None
    }

    /// What it says of a step of a drill.
    fn judge_drill(&self, _step: &drill::Step, _seen: &drill::Seen) -> Option<Objection> {
        None
    }

    /// True when what the rule says today of a step of a later round will still be so then, unless time or a person changes
    /// it. A rule that looks at the state of members can't know.
    fn foresees(&self) -> bool {
        false
    }
}

/// What a rule may look at besides the step.
pub struct Case<'a> {
    /// What is seen.
    pub seen: &'a Observed,
    /// The time.
    pub now: Timestamp,
}

/// Why a step is held back, and what would let it go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// Why.
    pub reason: String,
    /// What would unblock it.
    pub remedy: String,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; to go on: {}", self.reason, self.remedy)
    }
}

/// A step that is held back.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict<S = Step> {
    /// The rule.
    pub policy: &'static str,
    /// The step.
    pub step: S,
    /// Why, and what would unblock it.
    pub objection: Objection,
}

impl<S: fmt::Display> fmt::Display for Verdict<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "held back: {} (policy {}: {}); to go on: {}",
            self.step, self.policy, self.objection.reason, self.objection.remedy
        )
    }
}

/// All rules, in the order in which they are asked.
///
/// What waits for its time comes after what must not be at all, and the slots come last: a cluster that could not go on
/// anyway takes none.
pub static CATALOG: &[&dyn Policy] = &[
    &paused::Paused,
    &keep_volumes::KeepVolumes,
    &keep_passwords::KeepPasswords,
    &legal_hold::LegalHold,
    &backup_in_use::BackupInUse,
    &keep_last_good_backup::KeepLastGoodBackup,
    &known_primary::KnownPrimary,
    &healthy::Healthy,
    &image_offered::ImageOffered,
    &backup_before_major::BackupBeforeMajor,
    &image_pulls::ImagePulls,
    &window::MaintenanceWindow,
    &one_at_a_time::OneAtATime,
];

/// The first objection that a step of a later round will meet, as far as it can be told today.
pub fn foreseen(step: &Step, case: &Case, catalog: &[&dyn Policy]) -> Option<Verdict> {
    let foresees = catalog.iter().filter(|policy| policy.foresees());
    first(foresees, step, |policy| policy.judge(step, case))
}

/// The first objection to a step of any controller; `says` asks one rule.
pub fn first<'a, S: Clone>(
    rules: impl IntoIterator<Item = &'a &'a dyn Policy>,
    step: &S,
    says: impl Fn(&dyn Policy) -> Option<Objection>,
) -> Option<Verdict<S>> {
    rules.into_iter().find_map(|policy| {
        let objection = says(*policy)?;
        Some(Verdict { policy: policy.id(), step: step.clone(), objection })
    })
}

/// Parts the steps into those that may run and the verdicts on those that may not. The first objection to a step counts.
pub fn judge(steps: Vec<Step>, case: &Case, catalog: &[&dyn Policy]) -> (Vec<Step>, Vec<Verdict>) {
    let mut allowed = Vec::new();
    let mut verdicts = Vec::new();
    for step in steps {
        match first(catalog, &step, |policy| policy.judge(&step, case)) {
            Some(verdict) => verdicts.push(verdict),
            None => allowed.push(step),
        }
    }
    (allowed, verdicts)
}
