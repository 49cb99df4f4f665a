//! What becomes of a step that is taken. A new kind of step does not compile until the world knows it.

use serde_json::Value;

use stylobate::child::{Child, Kind};
use stylobate::name::{COMPONENT_MEMBER, FINALIZER, ROLE_PRIMARY, ROLE_REPLICA};
use stylobate::observe::DiskUse;
use stylobate::plan::{Step, merge_settings};
use stylobate::tuning::units::quantity_bytes;

use super::{World, material, spelling, sql};

impl World {
    /// Takes one step.
    pub fn take(&mut self, step: &Step) {
        match step {
            Step::Guard => {
                self.cluster.metadata.finalizers.get_or_insert_default().push(FINALIZER.into());
            }
            Step::Unguard => {
                self.cluster.metadata.finalizers = None;
                self.exists = false;
                // The garbage collector takes all that the cluster owns. No volume is among it, nor the passwords in them.
                let kept = [self.name().credentials(), self.name().archive_key()];
                self.children.retain(|reference, _| kept.contains(&reference.name));
            }
            Step::Mint(mint) => {
                if !self.conflicts(Kind::Secret, mint.secret()) {
                    material::mint(self, mint);
                }
            }
            Step::Apply { child, reason: _, cause: _ } => {
                if self.conflicts(child.reference.kind, &child.reference.name) {
                    return;
                }
                self.refuse_immutable(child);
                let before = self.children.get(&child.reference).cloned();
                self.store(child.reference.clone(), child.body.clone());
                let answer = self.children.get(&child.reference);
                self.contests.note(&self.name(), step, before.as_ref(), answer, self.now);
            }
            Step::Delete { reference, uid } | Step::Withdraw { reference, uid } => {
                if reference.kind == Kind::ConfigMap && self.group().patroni_state().contains(&reference.name)
                {
                    assert_eq!(*uid, format!("uid-of-{}", reference.name), "its UID goes with the deletion");
                    assert!(
                        !self.conflicts(reference.kind, &reference.name),
                        "{reference} is somebody else's"
                    );
                    self.config = None;
                    self.claim = None;
                }
                let live = self.children.get(reference).map(|live| live["metadata"]["uid"].as_str());
                if live == Some(Some(uid.as_str())) {
                    self.children.remove(reference);
                }
            }
            Step::ReleasePods { set, uid, field: _ } => {
                let reference = stylobate::child::ChildRef::new(Kind::StatefulSet, set);
                let live = self.children.get(&reference).map(|live| live["metadata"]["uid"].as_str());
                if live == Some(Some(uid)) {
                    self.children.remove(&reference);
                    let members = self.pods.values_mut().filter(|pod| pod.component == COMPONENT_MEMBER);
                    members.for_each(|pod| pod.orphan = true);
                }
            }
            Step::Expand { claim, size } => {
                let volume = self.volumes.get_mut(claim).expect("only claims that exist are grown");
                let bytes = quantity_bytes(size).expect("a size");
                assert!(bytes >= volume.requested, "{claim} can't shrink");
                volume.requested = bytes;
            }
            Step::RefreshFiles { pod, digest } => {
                self.pods.get_mut(pod).expect("only pods that exist are refreshed").files =
                    Some(digest.clone());
            }
            Step::ImportSnapshot { name: _, handle, content, snapshot: _ } => self.import(handle, content),
            Step::CloneVolume { claim, backup: _, body } => self.clone_volume(claim, body),
            Step::ForgetSnapshot { .. } => self.snapshot = Default::default(),
            Step::BeginRestore { map, backup: _, kept } => {
                assert!(kept.iter().all(|claim| self.volumes.contains_key(claim)));
                self.store(map.reference.clone(), map.body.clone());
            }
            Step::ClearPatroni { maps } => {
                assert!(maps.iter().all(|map| map.uid == format!("uid-of-{}", map.name)), "{maps:?}");
                self.clear_patroni();
            }
            Step::DropOrders { map, uid, entries } => {
                let map = stylobate::child::ChildRef::new(Kind::ConfigMap, map);
                let map = self.children.get_mut(&map).expect("only what is there is changed");
                assert_eq!(map["metadata"]["uid"].as_str(), Some(uid.as_str()));
                let data = map["data"].as_object_mut().expect("entries");
                entries.iter().for_each(|entry| drop(data.remove(entry)));
            }
            Step::SettleVolume { claim } => {
                self.volumes.get_mut(claim).expect("only claims that exist are marked").settled = true;
            }
            Step::RetireVolume { claim, generation: _ } => {
                self.volumes.get_mut(claim).expect("only claims that exist are marked").retired = true;
            }
            Step::HandOverVolume { claim, claim_uid, owner: _, uid } => {
                let volume = self.volumes.get_mut(claim).expect("only claims that exist are handed over");
                assert!(volume.retired && volume.uid == *claim_uid, "{claim} is in service");
                volume.owner = Some(uid.clone());
            }
            Step::ForgetVolumes { owner, uid, claims: _ } => {
                let reference = stylobate::child::ChildRef::new(Kind::ConfigMap, owner);
                let live = self.children.remove(&reference).expect("the owner exists");
                assert_eq!(live["metadata"]["uid"].as_str(), Some(uid.as_str()));
                self.volumes.retain(|_, volume| volume.owner.as_ref() != Some(uid));
            }
            Step::MarkPod { pod, uid, metadata } => {
                let pod = self.pods.get_mut(pod).expect("only pods that exist are marked");
                assert_eq!(pod.uid, *uid, "its successor comes with them");
                pod.marks = metadata["annotations"]["stylobate.dev/marks"].as_str().map(str::to_owned);
            }
            Step::ReplacePod { pod, uid, .. } | Step::StopPod { pod, uid } => {
                if self.pods.get(pod).is_some_and(|seen| seen.uid == *uid) {
                    self.end(pod);
                }
            }
            Step::ResizePod { pod, cpu, memory } => {
                let pod = self.pods.get_mut(pod).expect("only pods that exist are resized");
                (pod.main.cpu, pod.main.memory) = (spelling::quantity(cpu), spelling::quantity(memory));
                pod.main.memory_in_force = quantity_bytes(memory);
            }
            Step::RestartServer { group: _, pod, primary, reason: _, cause: _ } => {
                assert_eq!(self.claim.as_ref() == Some(pod), *primary, "the plan knows who takes writes");
                assert!(self.members.contains_key(pod), "only members that answer are restarted");
                self.started_with.remove(pod);
            }
            Step::Configure { group: _, pod, patch } => {
                assert!(self.members.contains_key(pod), "{pod} does not answer");
                merge_settings(self.config.as_mut().expect("a group that runs has a configuration"), patch);
            }
            Step::StoreSettings { config, .. } => self.store_settings(config),
            Step::Sql { pod, task } => {
                assert!(self.claim.as_ref() == Some(pod), "{pod} takes no writes");
                match task.statements.first().filter(|first| first.text.contains("TO PROGRAM")) {
                    Some(statement) => self.program(&statement.text),
                    None => sql::run(&mut self.database, task),
                }
            }
            Step::Switchover { group: _, from, to, reason: _, cause: _ } => {
                assert!(self.claim.as_ref() == Some(from), "{from} does not lead");
                assert!(self.members.contains_key(to), "{to} does not answer");
                self.lead(to);
            }
            Step::CreateBackup { backup } => self.store_backup(backup),
            Step::RecordMissed { backup, reason, at } => self.end_missed(backup, reason, *at),
            Step::DeleteBackup { backup, uid, .. } => {
                assert!(self.backups.get(backup).is_none_or(|live| live.uid == *uid && !live.spec.hold));
                self.backups.remove(backup);
            }
            Step::NoteKept { backup, until, by } => {
                let live = self.backups.get_mut(backup).expect("only backups that exist are kept");
                live.status.kept_by = by.clone();
                live.status.kept_until = until.map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time);
            }
            Step::RequestDrill { backup, uid, moment, resource_version: _ } => {
                self.ask_for_drill(backup, uid, *moment)
            }
            Step::BeginUpgrade { set, from: _, to: _ } => self.store(set.reference.clone(), set.body.clone()),
            Step::ReleaseClaim { group: _, holder, resource_version: _, proof: _ } => {
                assert!(!self.members.contains_key(holder), "{holder} still runs");
                assert!(self.claim.as_ref() == Some(holder), "{holder} holds no claim");
                self.claim = None;
            }
        }
    }

    /// The API server takes no other claim template for a set that exists.
    fn refuse_immutable(&self, child: &Child) {
        let fixed = |body: &Value| body["spec"]["volumeClaimTemplates"].clone();
        if let Some(live) =
            self.children.get(&child.reference).filter(|_| child.reference.kind == Kind::StatefulSet)
        {
            assert_eq!(fixed(live), fixed(&child.body), "{} is immutable there", child.reference);
        }
    }

    /// Makes a member the primary and all others followers.
    pub fn lead(&mut self, leader: &str) {
        if self.database.roles.contains_key("postgres") {
            self.timeline += 1;
        }
        self.claim = Some(leader.to_owned());
        self.newest = Some(leader.to_owned());
        for (name, pod) in self.pods.iter_mut().filter(|(name, _)| self.members.contains_key(*name)) {
            let role = if name == leader { ROLE_PRIMARY } else { ROLE_REPLICA };
            pod.role = Some(role.into());
        }
        // A member says of itself what Patroni has just made of it.
        for (name, member) in self.members.iter_mut().filter(|(_, member)| member.state == "running") {
            let leads = name == leader && self.pods[name].disk != DiskUse::Full;
            member.role = if leads { ROLE_PRIMARY } else { ROLE_REPLICA }.into();
        }
    }
}
