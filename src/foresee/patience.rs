//! The rules as they are asked for a plan that goes forward: what waits for its time is told and goes on, what waits for a person ends it.

use crate::maintenance::{Phase, Windows};
use crate::plan::Step;
use crate::policy::{CATALOG, Case, MaintenanceWindow, Objection, OneAtATime, Policy};

/// The rules of the operator, where time alone lifts an objection: a window that opens, a slot that another cluster gives back.
pub(super) fn patient() -> Vec<&'static dyn Policy> {
    let timed = [MaintenanceWindow.id(), OneAtATime.id()];
    let lasting = CATALOG.iter().copied().filter(|policy| !timed.contains(&policy.id()));
    lasting.chain([&Closed as &dyn Policy]).collect()
}

/// The rules that time alone satisfies: their objection is told with each step that waits for it.
pub(super) fn timed() -> [&'static dyn Policy; 2] {
    [&MaintenanceWindow, &OneAtATime]
}

/// Windows of which none ever opens.
struct Closed;

impl Policy for Closed {
    fn id(&self) -> &'static str {
        MaintenanceWindow.id()
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let windows = Windows::read(&case.seen.cluster.spec.maintenance).ok()?;
        match windows.phase(case.now) {
            Phase::Closed { opens: Some(_) } => None,
            Phase::Closed { opens: None } | Phase::Open { .. } | Phase::Unrestricted => {
                MaintenanceWindow.judge(step, case)
            }
        }
    }
}
