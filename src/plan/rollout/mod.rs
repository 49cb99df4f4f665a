//! Bringing members to what the spec says, one at a time: a resize in place where that is enough, else a restart of
//! Postgres, else a new pod on the same volume. Replicas first; the primary hands over before its pod goes.
//!
//! Nothing is remembered: each round looks at what there is, so a plan that is cut off anywhere goes on where it was. A
//! member that does not come back stops the sequence there, while the others go on serving.

mod need;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::api::{RolloutStatus, Synchronous};
use crate::build::{self, CONTAINER, Revision};
use crate::child::{ChildRef, Kind, container};
use crate::contest::{size, size_of};
use crate::name::image_of;
use crate::observe::{Leadership, Observed, PodSeen, Restarts};
use crate::quantity::same_resource;
use crate::target::{GroupTarget, Target};
use crate::tuning::units::quantity_bytes;

use super::children::Contested;
use super::handover::{successor, switchover};
use super::step::{Cause, Step};
pub use need::STANDBY_CRITICAL;
use need::{Need, late, lost, need, primary_first, resized, waits_for_primary};

/// What is done now and what follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollout {
    /// Steps that may be taken now.
    pub now: Vec<Step>,
    /// Steps that follow, in order.
    pub later: Vec<Step>,
    /// Why the sequence stands still.
    pub halt: Option<Halt>,
    /// What is left as somebody else wants it.
    pub contested: Vec<Contested>,
}

impl Rollout {
    /// Puts off every step, for something else that comes first.
    pub(super) fn wait(&mut self, first: &str) {
        if !self.now.is_empty() {
            self.later.splice(0..0, self.now.drain(..));
            self.halt.get_or_insert_with(|| Halt::Waits(first.to_owned()));
        }
    }
}

/// Why a sequence stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Something is on its way.
    Waits(String),
    /// A member does not come back; a person has to look.
    Blocked(String),
}

/// Looks at each group. `settings_sent`: Patroni has all settings that are wanted.
pub fn rollout(target: &Target, seen: &Observed, settings_sent: bool, now: Timestamp) -> Rollout {
    let mut all = Rollout::default();
    for group in &target.groups {
        let one = Sight::new(target, group, seen, settings_sent, now).rollout();
        all.now.extend(one.now);
        all.later.extend(one.later);
        all.halt = all.halt.or(one.halt);
        all.contested.extend(one.contested);
    }
    all
}

/// One group as the planner sees it.
struct Sight<'a> {
    target: &'a Target,
    group: &'a GroupTarget,
    seen: &'a Observed,
    settings_sent: bool,
    now: Timestamp,
    /// What tells a pod as it is wanted from another.
    wanted: Revision,
    primary: Option<String>,
    /// Pods of the group, highest ordinal first: the order in which replicas are dealt with.
    pods: Vec<(&'a String, &'a PodSeen)>,
    needs: BTreeMap<&'a String, Need>,
}

impl<'a> Sight<'a> {
    fn new(
        target: &'a Target,
        group: &'a GroupTarget,
        seen: &'a Observed,
        settings_sent: bool,
        now: Timestamp,
    ) -> Self {
        let wanted = build::revision(target, group);
        let set = seen.children.get(Kind::StatefulSet, &group.name.scope());
        let restarts = set.map(|set| Restarts::read(&made_for(set))).unwrap_or_default();
        let mut pods: Vec<_> =
            seen.pods.iter().filter(|(name, _)| group.name.ordinal(name).is_some()).collect();
        pods.sort_by_key(|(name, _)| std::cmp::Reverse(group.name.ordinal(name)));
        let mut needs: BTreeMap<&String, Need> = pods
            .iter()
            .filter(|(_, pod)| !pod.deleting)
            .filter_map(|(name, pod)| {
                Some((*name, need(target, &wanted, &restarts, pod, seen.members.get(*name))?))
            })
            .collect();
        let primary = seen.primary_of(&group.name).map(str::to_owned);
        // The primary is dealt with last when its pod goes, and only then can these settings of its standbys go down.
        if primary.as_ref().is_some_and(|name| matches!(needs.get(name), Some(Need::Pod { .. }))) {
            needs.retain(|name, need| {
                let waits = seen.members.get(*name).is_some_and(waits_for_primary);
                !(matches!(need, Need::Server { .. }) && waits)
            });
        }
        Self { target, group, seen, settings_sent, now, wanted, primary, pods, needs }
    }

    fn rollout(&self) -> Rollout {
        let (resizes, shrinks) = self.resizes();
        let sequence: Vec<Step> = self.sequence().into_iter().chain(shrinks).collect();
        if resizes.is_empty() && sequence.is_empty() {
            let halt = self.open_since().and_then(|_| self.broken().or_else(|| self.unsettled()));
            return Rollout { halt, contested: self.contested(), ..Rollout::default() };
        }
        let halt = self.halt(&sequence);
        let mut rollout = Rollout { now: resizes, halt, contested: self.contested(), ..Rollout::default() };
        let mut sequence = sequence.into_iter();
        if rollout.halt.is_none() && rollout.now.is_empty() {
            rollout.now.extend(sequence.next());
        } else if rollout.now.is_empty()
            && let Some(repair) = self.repair()
        {
            // What serves nobody can go at once: that is the way out of an image that does not start.
            rollout.now.push(repair);
        }
        rollout.later = sequence.collect();
        rollout
    }

    /// Pods that get other CPU or memory without a restart: those that can have it now, and those whose memory shrinks
    /// once Postgres needs it no more.
    fn resizes(&self) -> (Vec<Step>, Vec<Step>) {
        let bytes = |text: &str| quantity_bytes(text).unwrap_or(0);
        let resize = |(name, _): &(&String, &PodSeen)| Step::ResizePod {
            pod: (*name).clone(),
            cpu: self.target.cpu.clone(),
            memory: self.target.memory.clone(),
        };
        let (wait, now): (Vec<_>, Vec<_>) = self
            .pods
            .iter()
            .filter(|(name, pod)| {
                !pod.deleting && pod.main.running && resized(self.target, pod) && !self.keeps_its_size(name)
            })
            .partition(|(name, pod)| {
                bytes(&self.target.memory) < bytes(&pod.main.memory) && !self.settings_in_force(name)
            });
        (now.iter().map(resize).collect(), wait.iter().map(resize).collect())
    }

    /// Somebody else, as a vertical autoscaler, gives the pod another size each time.
    fn keeps_its_size(&self, pod: &str) -> bool {
        let wanted = size(&self.target.cpu, &self.target.memory);
        self.seen.contests.get(&size_of(pod)).is_some_and(|contest| contest.rests(&wanted, self.now))
    }

    /// What of the pods is left as others want it: images that admission puts in, and sizes.
    fn contested(&self) -> Vec<Contested> {
        let pods = self.pods.iter().filter(|(_, pod)| !pod.deleting);
        pods.flat_map(|(name, pod)| {
            let image = pod.made_for.as_ref().map(|_| Contested {
                object: format!("Pod {name}"),
                parts: vec![format!(".spec.containers[{CONTAINER}].image")],
                guarded: false,
            });
            let size = (resized(self.target, pod) && self.keeps_its_size(name)).then(|| Contested {
                object: size_of(name),
                parts: Vec::new(),
                guarded: false,
            });
            image.into_iter().chain(size)
        })
        .collect()
    }

    fn settings_in_force(&self, pod: &str) -> bool {
        self.settings_sent
            && self.open_since().is_some_and(|since| self.now.duration_since(since) >= PENDING_SHOWS)
            && self
                .seen
                .members
                .get(pod)
                .is_some_and(|member| !member.pending_restart && member.state == "running")
    }

    /// All that is to be done, in order.
    fn sequence(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (name, pod) in self.pods.iter().filter(|(name, _)| !self.leads(name)) {
            steps.extend(self.step(name, pod, false));
        }
        let Some((name, pod)) = self.pods.iter().find(|(name, _)| self.leads(name)) else { return steps };
        match self.needs.get(*name) {
            Some(Need::Pod { reason, cause }) if self.pods.len() > 1 => {
                let to = self
                    .heir()
                    .or_else(|| Some(self.pods.iter().find(|(other, _)| !self.leads(other))?.0.clone()));
                if let Some(to) = to {
                    steps.push(switchover(&self.group.name, (*name).clone(), to, reason.clone(), *cause));
                }
                steps.extend(self.step(name, pod, false));
            }
            Some(Need::Server { .. }) if self.seen.members.get(*name).is_some_and(primary_first) => {
                steps.splice(0..0, self.step(name, pod, true));
            }
            _ => steps.extend(self.step(name, pod, true)),
        }
        steps
    }

    fn leads(&self, name: &str) -> bool {
        self.primary.as_deref() == Some(name)
    }

    /// The best fit member that is as wanted already.
    fn heir(&self) -> Option<String> {
        successor(&self.group.name, self.seen, |ordinal| {
            !self.needs.contains_key(&self.group.name.pod(ordinal))
        })
    }

    fn step(&self, name: &str, pod: &PodSeen, primary: bool) -> Option<Step> {
        let name = name.to_owned();
        Some(match self.needs.get(&name)?.clone() {
            Need::Pod { reason, cause } => {
                Step::ReplacePod { pod: name, uid: pod.uid.clone(), primary, reason, cause }
            }
            Need::Server { reason } => Step::RestartServer {
                group: self.group.name.clone(),
                pod: name,
                primary,
                reason,
                cause: Cause::Change,
            },
        })
    }

    /// A pod that is not as wanted and serves nobody.
    fn repair(&self) -> Option<Step> {
        if !self.template_is_live() {
            return None;
        }
        let (name, pod) = self.pods.iter().find(|(name, pod)| {
            self.needs.contains_key(*name) && lost(pod, self.target.member_deadline, self.now)
        })?;
        let Need::Pod { reason, .. } = &self.needs[*name] else { return None };
        Some(Step::ReplacePod {
            pod: (*name).clone(),
            uid: pod.uid.clone(),
            primary: false,
            reason: format!("it is not ready, and {reason}"),
            cause: Cause::Repair,
        })
    }

    /// Why no member may be taken away now.
    fn halt(&self, sequence: &[Step]) -> Option<Halt> {
        if !self.template_is_live() {
            return Some(Halt::Waits("the StatefulSet does not have the new template yet".into()));
        }
        let leadership = self.seen.leadership(&self.group.name);
        if matches!(leadership, Leadership::Unknown { .. }) {
            return Some(Halt::Waits("it is not known who takes writes, see Ready".into()));
        }
        if let Some(halt) = self.broken() {
            return Some(halt);
        }
        if leadership == Leadership::None {
            return Some(Halt::Waits("no member takes writes".into()));
        }
        let first = sequence.first();
        if matches!(first, Some(Step::ResizePod { .. })) {
            return Some(Halt::Waits("Postgres gives back memory before its pod does".into()));
        }
        if !matches!(first, Some(Step::Switchover { .. })) {
            return None;
        }
        let safe =
            |to: String| self.target.synchronous == Synchronous::Off || self.seen.members[&to].synchronous;
        (!self.heir().is_some_and(safe))
            .then(|| Halt::Waits("no member that is as wanted is in the synchronous quorum yet".into()))
    }

    /// The first member that is away or does not follow.
    fn broken(&self) -> Option<Halt> {
        let ordinals = (0..self.group.instances).rev();
        ordinals.map(|ordinal| self.group.name.pod(ordinal)).find_map(|name| {
            let Some((name, pod)) = self.pods.iter().find(|(pod, _)| **pod == name) else {
                return Some(self.unmade(&name));
            };
            let why = self.unfit(name, pod)?;
            let halt = if late(pod, self.target.member_deadline, self.now) {
                let others = if self.primary.is_some() { "The others serve as before. " } else { "" };
                Halt::Blocked(format!(
                    "{name} is not back after {} s: {why}. {others}Correct what was changed, or look at: \
                     kubectl -n {} describe pod {name}",
                    self.target.member_deadline.as_secs(),
                    self.target.name.namespace,
                ))
            } else {
                Halt::Waits(format!("{name} is not back yet: {why}"))
            };
            Some(halt)
        })
    }

    /// A member without a pod: on its way, or refused by a rule that a person has to look at.
    fn unmade(&self, name: &str) -> Halt {
        let set = ChildRef::new(Kind::StatefulSet, self.group.name.scope());
        match self.seen.refusals.iter().find(|refusal| refusal.owner == set) {
            Some(refusal) => Halt::Blocked(refusal.told(&self.target.name.namespace)),
            None => Halt::Waits(format!("{name} is being made")),
        }
    }

    /// What was set in motion and has not come to its end, though every member serves.
    fn unsettled(&self) -> Option<Halt> {
        let wanted = quantity_bytes(&self.target.memory);
        let late = |pod: &PodSeen| pod.main.memory_in_force.is_some_and(|bytes| Some(bytes) != wanted);
        let late = |name: &str, pod: &PodSeen| late(pod) && !self.keeps_its_size(name);
        if let Some((name, pod)) = self.pods.iter().find(|(name, pod)| late(name, pod)) {
            let why = pod.resizing.as_deref().unwrap_or("the kubelet is at it");
            return Some(Halt::Waits(format!("the new size of {name} is not in force yet: {why}")));
        }
        let sent = self.status()?.settings_sent_at.as_ref()?.0;
        (self.now.duration_since(sent) < PENDING_SHOWS).then(|| {
            Halt::Waits("members tell within some seconds whether new settings need a restart".into())
        })
    }

    fn unfit(&self, name: &str, pod: &PodSeen) -> Option<String> {
        if pod.deleting {
            return Some("its pod ends".into());
        }
        if let Some(why) = &pod.unscheduled {
            return Some(format!("it finds no node, {why}"));
        }
        if let Some((reason, message)) = &pod.main.waiting {
            return Some(format!("{reason} {message}{}", said(pod)).trim().to_owned());
        }
        let Some(member) = self.seen.members.get(name) else { return Some("Patroni does not answer".into()) };
        if member.state != "running" && member.state != "streaming" {
            return Some(format!("Postgres is {}{}", member.state, said(pod)));
        }
        if !self.leads(name) && member.replication.as_deref() != Some("streaming") {
            return Some("it does not stream from the primary".into());
        }
        (!pod.ready).then(|| "it is not ready".into())
    }

    /// True once the controller of the set would make pods as they are wanted.
    fn template_is_live(&self) -> bool {
        let Some(set) = self.seen.children.get(Kind::StatefulSet, &self.group.name.scope()) else {
            return false;
        };
        let postgres = container(&set["spec"]["template"]["spec"], CONTAINER);
        let memory =
            postgres.and_then(|one| one["resources"]["limits"]["memory"].as_str()).unwrap_or_default();
        // What a webhook makes of it is what there will be.
        let object = ChildRef::new(Kind::StatefulSet, self.group.name.scope()).to_string();
        let part = format!(".spec.template.spec.containers[{CONTAINER}].resources.limits.memory");
        let lost = self.seen.contests.get(&object).is_some_and(|contest| contest.lost(&part));
        let number = |path: &str| set.pointer(path).and_then(Value::as_i64);
        let revision = Revision::read(&made_for(set));
        let seen = number("/status/observedGeneration")
            .is_none_or(|seen| Some(seen) >= number("/metadata/generation"));
        seen && revision == self.wanted
            && image_of(set) == Some(&self.target.image)
            && (same_resource(memory, &self.target.memory) || lost)
    }

    /// When the rollout that is under way began, by the status.
    fn open_since(&self) -> Option<Timestamp> {
        self.status().filter(|rollout| rollout.phase.is_open())?.started_at.as_ref().map(|at| at.0)
    }

    fn status(&self) -> Option<&RolloutStatus> {
        self.seen.cluster.status.as_ref()?.rollout.as_ref()
    }
}

/// What is known of a server that does not start, to follow what is said of it.
fn said(pod: &PodSeen) -> String {
    pod.last_words().map(|words| format!("; {words}")).unwrap_or_default()
}

/// Annotations of a set's template.
fn made_for(set: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(set["spec"]["template"]["metadata"]["annotations"].clone()).unwrap_or_default()
}

/// A member says that settings wait for a restart in Patroni's next round, 5 s later at most; until twice that has passed,
/// silence does not mean that none do.
const PENDING_SHOWS: SignedDuration = SignedDuration::from_secs(10);
