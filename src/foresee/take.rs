//! What becomes of a step that is taken, when all goes well. A new kind of step does not compile until this knows it.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

use crate::child::{ChildRef, Kind};
use crate::name::{ANNOTATION_MARKS, COMPONENT_MEMBER, FINALIZER, ROLE_PRIMARY, ROLE_REPLICA};
use crate::observe::{SnapshotSeen, VolumeSeen};
use crate::plan::{SqlTask, Step, merge_settings};
use crate::tuning::units::quantity_bytes;
use crate::upgrade::Report;

use super::world::World;

/// Word of the program that members run for a major upgrade, in SQL.
const PROGRAM: &str = "TO PROGRAM";

/// The piece of work of a major upgrade that SQL asks for, as `check`; none for all other SQL.
pub(super) fn program(task: &SqlTask) -> Option<&str> {
    let text = &task.statements.first()?.text;
    text.contains(PROGRAM).then(|| text.trim_end_matches('\'').rsplit(' ').next().unwrap_or_default())
}

impl World {
    /// Takes one step.
    pub fn take(&mut self, step: &Step) {
        match step {
            Step::Guard => {
                let meta = &mut Arc::make_mut(&mut self.seen.cluster).metadata;
                meta.finalizers.get_or_insert_default().push(FINALIZER.into());
            }
            Step::Unguard => self.exists = false,
            Step::Mint(mint) => self.mint(mint),
            Step::Apply { child, .. } => self.store(child.reference.clone(), child.body.clone()),
            Step::BeginUpgrade { set, .. } => self.store(set.reference.clone(), set.body.clone()),
            Step::BeginRestore { map, .. } => self.store(map.reference.clone(), map.body.clone()),
            Step::Delete { reference, .. } | Step::Withdraw { reference, .. } => {
                if reference.kind == Kind::ConfigMap && self.group().patroni_state().contains(&reference.name)
                {
                    (self.config, self.leader) = (None, None);
                }
                self.seen.children.0.remove(reference);
            }
            Step::ReleasePods { set, .. } => {
                self.seen.children.0.remove(&ChildRef::new(Kind::StatefulSet, set));
                let members = self.seen.pods.values_mut().filter(|pod| pod.component == COMPONENT_MEMBER);
                members.for_each(|pod| pod.orphan = true);
            }
            Step::StopPod { pod, .. } | Step::ReplacePod { pod, .. } => self.end(pod),
            Step::RefreshFiles { pod, digest } => {
                if let Some(pod) = self.seen.pods.get_mut(pod) {
                    pod.files = Some(digest.clone());
                }
            }
            Step::MarkPod { pod, metadata, .. } => {
                if let Some(pod) = self.seen.pods.get_mut(pod) {
                    pod.marks = metadata["annotations"][ANNOTATION_MARKS].as_str().map(str::to_owned);
                }
            }
            Step::ResizePod { pod, cpu, memory } => {
                if let Some(pod) = self.seen.pods.get_mut(pod) {
                    (pod.main.cpu, pod.main.memory) = (cpu.clone(), memory.clone());
                    pod.main.memory_in_force = quantity_bytes(memory);
                    pod.resizing = None;
                }
            }
            Step::RestartServer { pod, .. } => drop(self.started.remove(pod)),
            Step::Configure { patch, .. } => {
                if let Some(config) = &mut self.config {
                    merge_settings(config, patch);
                }
                self.servers_start_again();
            }
            Step::StoreSettings { config, .. } => {
                self.config = Some(config.clone());
                self.servers_start_again();
            }
            Step::Sql { task, .. } => self.run(task),
            Step::Switchover { to, .. } => self.lead(&to.clone()),
            Step::ReleaseClaim { group, .. } => {
                self.leader = None;
                self.seen.leaders.remove(&group.number);
            }
            Step::Expand { claim, size } => {
                let bytes = quantity_bytes(size).unwrap_or_default();
                if let Some(volume) = self.seen.volumes.get_mut(claim) {
                    volume.requested = bytes;
                }
            }
            Step::ImportSnapshot { .. } => {
                let (snapshot, content) = (Some(self.uid()), Some(self.uid()));
                self.origin.snapshot = SnapshotSeen { snapshot, content, ..SnapshotSeen::default() };
            }
            Step::ForgetSnapshot { .. } => self.origin.snapshot = SnapshotSeen::default(),
            Step::CloneVolume { claim, body, .. } => {
                let note = |key: &str| body["metadata"]["annotations"][key].as_str().map(str::to_owned);
                let size = body["spec"]["resources"]["requests"]["storage"].as_str().and_then(quantity_bytes);
                let empty = body["spec"]["dataSource"].is_null();
                let volume = VolumeSeen {
                    uid: self.uid(),
                    requested: size.unwrap_or_default(),
                    // An empty one is there at once; a clone when its snapshot is known.
                    volume: empty.then(|| format!("volume of {claim}")),
                    restored_from: note(crate::name::ANNOTATION_RESTORED_FROM),
                    restored_for: note(crate::name::ANNOTATION_RESTORED_FOR),
                    wish: note(crate::name::ANNOTATION_RESTORED_BY),
                    request: note(crate::name::ANNOTATION_RESTORE_REQUEST),
                    ..VolumeSeen::default()
                };
                self.seen.volumes.entry(claim.clone()).or_insert(volume);
            }
            Step::ClearPatroni { .. } => {
                (self.config, self.leader) = (None, None);
                self.data.clear();
            }
            Step::DropOrders { map, entries, .. } => {
                let map = self.seen.children.0.get_mut(&ChildRef::new(Kind::ConfigMap, map));
                if let Some(data) = map.and_then(|map| map["data"].as_object_mut()) {
                    entries.iter().for_each(|entry| drop(data.remove(entry)));
                }
            }
            Step::SettleVolume { claim } => {
                if let Some(volume) = self.seen.volumes.get_mut(claim) {
                    volume.settled = true;
                }
            }
            Step::RetireVolume { claim, .. } => {
                if let Some(volume) = self.seen.volumes.get_mut(claim) {
                    volume.retired = true;
                }
            }
            Step::HandOverVolume { claim, uid, .. } => {
                if let Some(volume) = self.seen.volumes.get_mut(claim) {
                    volume.owner = Some(uid.clone());
                }
            }
            Step::ForgetVolumes { owner, uid, .. } => {
                self.seen.children.0.remove(&ChildRef::new(Kind::ConfigMap, owner));
                self.seen.volumes.retain(|_, volume| volume.owner.as_ref() != Some(uid));
            }
            Step::DeleteBackup { backup, .. } => {
                self.seen.backups.iter_mut().for_each(|all| drop(all.remove(backup)));
            }
            Step::NoteKept { backup, until, by } => {
                let live = self.seen.backups.as_mut().and_then(|all| all.get_mut(backup));
                if let Some(live) = live {
                    (live.status.kept_by, live.status.kept_until) = (by.clone(), until.map(Time));
                }
            }
            // Their own controllers go on with them, and the clock with the next: neither follows from an edit.
            Step::CreateBackup { .. } | Step::RecordMissed { .. } | Step::RequestDrill { .. } => {}
        }
    }

    /// Work for a major upgrade finds nothing and succeeds. Other SQL is not followed: the catalogs are not known.
    fn run(&mut self, task: &SqlTask) {
        let Some(work) = program(task) else { return };
        let key = self.order("key").unwrap_or_default();
        let report = Report { key, state: "done".into(), at: self.now, problems: Vec::new() };
        match work {
            "check" => self.reports.check = Some(report),
            _ => self.reports.finish = Some(report),
        }
    }

    /// Patroni tries again to start servers that did not start with the settings of before, and the kubelet containers that ended with
    /// them, after its back-off at the latest.
    fn servers_start_again(&mut self) {
        for pod in self.seen.pods.values() {
            if pod.main.waiting.as_ref().is_some_and(|(reason, _)| reason == "CrashLoopBackOff") {
                self.stuck.remove(&pod.uid);
            }
        }
        for member in self.seen.members.values_mut().filter(|member| member.state == "start failed") {
            member.state = "starting".into();
        }
    }

    /// A pod ends in order: a primary gives up its claim.
    pub fn end(&mut self, pod: &str) {
        self.seen.pods.remove(pod);
        self.seen.members.remove(pod);
        self.started.remove(pod);
        if self.leader.as_deref() == Some(pod) {
            self.leader = None;
        }
    }

    /// Makes a member the primary and all others followers.
    pub fn lead(&mut self, leader: &str) {
        self.leader = Some(leader.to_owned());
        self.seen.leaders.clear();
        for (name, member) in &mut self.seen.members {
            let role = if name == leader { ROLE_PRIMARY } else { ROLE_REPLICA };
            member.timeline = member.timeline.map(|timeline| timeline + 1);
            if member.state == "running" {
                member.role = role.into();
            }
            if let Some(pod) = self.seen.pods.get_mut(name) {
                pod.role = Some(role.into());
            }
        }
    }
}

/// The size in the claim template of a set, in bytes.
pub(super) fn template_bytes(set: &Value) -> u64 {
    let size = &set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"];
    size.as_str().and_then(quantity_bytes).unwrap_or_default()
}
