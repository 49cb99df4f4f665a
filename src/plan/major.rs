//! A major upgrade, phase by phase: what is asked of members, and which pods are made anew for it.
//!
//! Phases follow each other in `src/upgrade/`, and the StatefulSet is rendered for the one that it is; here are the steps
//! that a phase needs. While members are down for it, nothing else restarts them: this takes the place of the rollout. The
//! steps count as repairs from there on, since a halt half-way would only lengthen the outage.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::build;
use crate::child::Kind;
use crate::name::{ANNOTATION_RETRY_UPGRADE, ANNOTATION_UPGRADE};
use crate::observe::{Observed, PodSeen};
use crate::target::{GroupTarget, Target};
use crate::upgrade::report::Stand;
use crate::upgrade::{Course, Phase, Report};

use super::rollout::{Halt, Rollout};
use super::step::{Cause, SqlTask, Statement, Step};

/// How long a check that found nothing counts: pg_upgrade itself looks again before it changes anything.
const CHECK_VALID: SignedDuration = SignedDuration::from_hours(1);
/// How soon a check that found something is made again: what it found may be mended in the database.
const CHECK_AGAIN: SignedDuration = SignedDuration::from_mins(2);
/// The program in the image that does the work in a member.
const PROGRAM: &str = "/usr/local/bin/upgrade-member";

/// The rollout, or what a major upgrade does in its place.
pub fn around(rollout: Rollout, target: &Target, seen: &Observed, now: Timestamp) -> Rollout {
    let (Some(course), Some(group)) = (&target.upgrade, target.groups.first()) else { return rollout };
    let sight = Sight { target, course, group, seen, now };
    match course.phase {
        // Members are rolled to the image with both servers like to any other image.
        Phase::Prepare if rollout != Rollout::default() => rollout,
        Phase::Prepare => sight.prepare(),
        Phase::Stop | Phase::Upgrade | Phase::Rejoin if !sight.template_is_live() => {
            waits("the StatefulSet does not have the template of this phase yet")
        }
        Phase::Stop => sight.stop(),
        Phase::Upgrade => sight.upgrade(),
        Phase::Rejoin => sight.rejoin(),
    }
}

fn waits(why: impl Into<String>) -> Rollout {
    Rollout { halt: Some(Halt::Waits(why.into())), ..Rollout::default() }
}

fn now(steps: Vec<Step>, why: impl Into<String>) -> Rollout {
    Rollout { now: steps, halt: Some(Halt::Waits(why.into())), ..Rollout::default() }
}

struct Sight<'a> {
    target: &'a Target,
    course: &'a Course,
    group: &'a GroupTarget,
    seen: &'a Observed,
    now: Timestamp,
}

impl Sight<'_> {
    fn primary(&self) -> Option<&str> {
        self.seen.primary_of(&self.group.name)
    }

    fn prepare(&self) -> Rollout {
        if let Some(failed) =
            self.course.failed.as_ref().filter(|failed| failed.key == self.target.upgrade_key)
        {
            return Rollout {
                halt: Some(Halt::Blocked(failed_upgrade(self.target, self.course, &failed.cause))),
                ..Rollout::default()
            };
        }
        if let Some(why) = self.unfit() {
            return waits(format!("the major upgrade waits: {why}"));
        }
        let Some(primary) = self.primary() else {
            return waits("no member takes writes");
        };
        let reports = self.seen.database.as_ref().map(|database| &database.upgrade);
        let report = reports.and_then(|reports| reports.check.as_ref());
        let age = |report: &Report| self.now.duration_since(report.at);
        let (from, to) = (self.course.from, self.course.to);
        match Report::stand(report, &self.target.upgrade_key, self.now) {
            Stand::Running => waits(format!("{primary} checks whether PostgreSQL {from} can become {to}")),
            Stand::Done(report) if report.problems.is_empty() && age(report) < CHECK_VALID => {
                Rollout { now: vec![self.begin()], ..Rollout::default() }
            }
            Stand::Done(report) if !report.problems.is_empty() && age(report) < CHECK_AGAIN => Rollout {
                halt: Some(Halt::Blocked(format!(
                    "the check for the upgrade to PostgreSQL {to} found something, see UpgradeChecked; {from} serves as before"
                ))),
                ..Rollout::default()
            },
            Stand::Done(_) | Stand::Missing => {
                let task = work("check", format!("check whether PostgreSQL {from} can become {to}"));
                now(vec![Step::Sql { pod: primary.to_owned(), task }], "the check before the upgrade runs")
            }
        }
    }

    /// The set for the next phase: from then on members stop.
    fn begin(&self) -> Step {
        let course = Course {
            phase: Phase::Stop,
            since: Some(self.now),
            leader: None,
            failed: None,
            ..self.course.clone()
        };
        let target = Target { upgrade: Some(course), ..self.target.clone() };
        let sets = build::stateful_sets(&target, self.seen);
        let set = sets.into_iter().next().map(build::stamp).expect("a cluster has a group");
        Step::BeginUpgrade { set: Box::new(set), from: self.course.from, to: self.course.to }
    }

    fn stop(&self) -> Rollout {
        let Some(primary) = self.primary() else {
            return waits("no member takes writes, so none is known to have all data");
        };
        let steps = self
            .replace(|name, _| *name != primary, "it stops, so that the primary alone has the newest data");
        now(steps, format!("replicas stop; {primary} goes on serving until they have"))
    }

    fn upgrade(&self) -> Rollout {
        let leader = self.course.leader.clone().unwrap_or_default();
        let reason = format!("its data is upgraded to PostgreSQL {}", self.course.to);
        let steps = self.replace(|name, _| *name == leader, &reason);
        now(steps, format!("the data of {leader} is upgraded"))
    }

    fn rejoin(&self) -> Rollout {
        let leader = self.course.leader.clone().unwrap_or_default();
        let reason = format!("it is made anew from {leader}, which runs PostgreSQL {}", self.course.to);
        let mut steps = self.replace(|name, pod| *name != leader && !pod.main.running, &reason);
        let report = self.seen.database.as_ref().map(|database| database.upgrade.finish.as_ref());
        if let (Some(primary), Some(report)) = (self.primary(), report)
            && Report::stand(report, &self.target.upgrade_key, self.now) == Stand::Missing
        {
            let task = work("finish", "rebuild statistics and update extensions".into());
            steps.push(Step::Sql { pod: primary.to_owned(), task });
        }
        now(steps, "replicas are made anew, and statistics are rebuilt")
    }

    /// Pods that were made for an earlier phase.
    fn replace(&self, which: impl Fn(&String, &PodSeen) -> bool, reason: &str) -> Vec<Step> {
        let mark = self.course.mark();
        self.seen
            .pods
            .iter()
            .filter(|(name, pod)| {
                self.group.name.ordinal(name).is_some()
                    && !pod.deleting
                    && pod.upgrade.as_ref() != Some(&mark)
            })
            .filter(|(name, pod)| which(name, pod))
            .map(|(name, pod)| Step::ReplacePod {
                pod: name.clone(),
                uid: pod.uid.clone(),
                primary: self.primary() == Some(name.as_str()),
                reason: reason.to_owned(),
                cause: Cause::Repair,
            })
            .collect()
    }

    /// Why members are not all there, if so.
    fn unfit(&self) -> Option<String> {
        let primary = self.primary();
        (0..self.group.instances).map(|ordinal| self.group.name.pod(ordinal)).find_map(|name| {
            let pod = self.seen.pods.get(&name).filter(|pod| pod.ready && !pod.deleting);
            let member = self.seen.members.get(&name);
            let follows = member.is_some_and(|member| member.replication.as_deref() == Some("streaming"));
            match pod {
                None => Some(format!("{name} is not ready")),
                Some(_) if primary != Some(name.as_str()) && !follows => {
                    Some(format!("{name} does not stream"))
                }
                Some(_) => None,
            }
        })
    }

    /// True once the controller of the set makes pods for this phase.
    fn template_is_live(&self) -> bool {
        let Some(set) = self.seen.children.get(Kind::StatefulSet, &self.group.name.scope()) else {
            return false;
        };
        let number = |path: &str| set.pointer(path).and_then(Value::as_i64);
        let seen = number("/status/observedGeneration")
            .is_none_or(|seen| Some(seen) >= number("/metadata/generation"));
        let mark = set["spec"]["template"]["metadata"]["annotations"][ANNOTATION_UPGRADE].as_str();
        seen && mark == Some(self.course.mark().as_str())
    }
}

/// Why an upgrade was given up, what serves, and how it is tried again.
pub fn failed_upgrade(target: &Target, course: &Course, cause: &str) -> String {
    format!(
        "the upgrade to PostgreSQL {} failed and was taken back, {} serves as before: {cause}. To try again, mend the cause \
         and: kubectl -n {} annotate pgc {} --overwrite {ANNOTATION_RETRY_UPGRADE}=\"$(date +%s)\"",
        course.to, course.from, target.name.namespace, target.name.name
    )
}

/// A piece of work in the member: the program starts it and returns at once; its report is a file that is read.
fn work(name: &str, summary: String) -> SqlTask {
    let text = format!("COPY (SELECT) TO PROGRAM '{PROGRAM} {name}'");
    SqlTask { database: "postgres".into(), summary, statements: vec![Statement::plain(text)] }
}
