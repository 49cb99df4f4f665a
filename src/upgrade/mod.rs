//! A major upgrade as a course of phases. Pure: what phase it is follows from the phase that the StatefulSet was last made
//! for and from what is seen since.
//!
//! The phase stands in an annotation of the StatefulSet, so that it changes in one write with the template that it asks
//! for: there is no moment at which the two disagree. Why these phases: `docs/decisions/0011-major-upgrade.md`.

mod advance;
pub mod report;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::child::Kind;
use crate::name::{ANNOTATION_UPGRADE, GroupName};
use crate::observe::Observed;
use crate::target::Version;

pub use advance::{STOP_LIMIT, course, data};
pub use report::{Report, Reports};

/// How far a major upgrade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Members run the old server from the image that has both; what can be known beforehand is checked.
    Prepare,
    /// Replicas stop and wait; the primary goes on serving.
    Stop,
    /// The primary stops, its data is upgraded, and it starts as the new server.
    Upgrade,
    /// The new server takes writes: no way back. Replicas are made anew from it, statistics are rebuilt.
    Rejoin,
}

/// Why a try ended, with the old server in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What was tried: its key. The same is not tried again by itself.
    pub key: String,
    /// The cause, in words.
    pub cause: String,
}

/// A major upgrade under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// How far it is.
    pub phase: Phase,
    /// Version of the data when it began.
    pub from: Version,
    /// Version that is wanted.
    pub to: Version,
    /// Member whose data is upgraded; known from [`Phase::Upgrade`] on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// When members began to stop; none while they serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The last try that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failure>,
}

impl Course {
    /// Major of the server that members run, or ran last, by the configuration that they share.
    pub fn serving(&self) -> i32 {
        match self.phase {
            Phase::Prepare | Phase::Stop | Phase::Upgrade => self.from.major,
            Phase::Rejoin => self.to.major,
        }
    }

    /// The mark that a pod of this phase carries.
    pub fn mark(&self) -> String {
        let leader = self.leader.as_deref().unwrap_or("-");
        format!("{:?} {} {} {leader}", self.phase, self.from.major, self.to.major)
    }

    /// True while members are taken down for it: nothing else may restart them then.
    pub fn cut_over(&self) -> bool {
        match self.phase {
            Phase::Prepare => false,
            Phase::Stop | Phase::Upgrade | Phase::Rejoin => true,
        }
    }
}

/// The course that the live StatefulSet was made for.
pub fn recorded(seen: &Observed, group: &GroupName) -> Option<Course> {
    let set = seen.children.get(Kind::StatefulSet, &group.scope())?;
    let text = set["metadata"]["annotations"][ANNOTATION_UPGRADE].as_str()?;
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_reads_back_as_written() {
        let course = Course {
            phase: Phase::Upgrade,
            from: Version { major: 15, minor: 90 },
            to: Version { major: 17, minor: 91 },
            leader: Some("c-1".into()),
            since: Some("2026-11-21T12:00:00Z".parse().unwrap()),
            failed: None,
        };
        let text = serde_json::to_string(&course).unwrap();
        assert_eq!(serde_json::from_str::<Course>(&text).unwrap(), course);
        assert_eq!(course.mark(), "Upgrade 15 17 c-1");
    }
}
