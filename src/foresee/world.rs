//! The world as a plan foresees it: what was seen, and what Kubernetes, Patroni and Postgres know besides and nobody reads. No client, no
//! clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::apply::material;
use crate::child::{ChildRef, Kind};
use crate::decide::Decision;
use crate::name::{COMPONENT_MEMBER, GroupName};
use crate::observe::{Children, DatabaseSeen, Leadership, Observed, PodSeen, RestoreSeen, SecretData};
use crate::plan::Mint;
use crate::pooler::Way;
use crate::secret::SecretText;
use crate::target::Version;
use crate::tuning::Catalog;
use crate::upgrade::Reports;

/// How soon the operator looks again while something is under way.
pub(super) const ROUND: SignedDuration = SignedDuration::from_secs(2);

/// Reasons of a container that waits for what comes by itself.
const ON_ITS_WAY: [&str; 2] = ["ContainerCreating", "PodInitializing"];
/// Reasons of a container whose image can't be had.
const NO_IMAGE: [&str; 3] = ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"];

/// Everything that exists, as far as it is foreseen.
#[derive(Clone)]
pub(super) struct World {
    /// What the operator would read.
    pub seen: Observed,
    /// The time.
    pub now: Timestamp,
    /// False once the last finalizer of a deleted cluster is gone.
    pub exists: bool,
    /// Patroni's dynamic configuration.
    pub config: Option<Value>,
    /// Parameters that each server was started with.
    pub started: BTreeMap<String, Value>,
    /// Version of the data on each member's volume.
    pub data: BTreeMap<String, Version>,
    /// Pod that leads.
    pub leader: Option<String>,
    /// Two members claim to lead: then nothing changes until a person looks.
    pub contested: bool,
    /// UIDs of pods that serve nobody and do not come back by themselves.
    pub stuck: BTreeSet<String>,
    /// Images that can't be had.
    pub images: BTreeSet<String>,
    /// Templates of the poolers' pods, as the Deployment controller saw them last.
    pub poolers: BTreeMap<Way, Value>,
    /// What the catalogs hold, while a primary answers.
    pub catalogs: Option<DatabaseSeen>,
    /// Reports of a major upgrade.
    pub reports: Reports,
    /// What a restore begins with, and the snapshot of it.
    pub origin: RestoreSeen,
    counter: u64,
}

impl World {
    /// The world as it was seen.
    pub fn new(seen: Observed, now: Timestamp) -> Self {
        let group = seen.name().group(0);
        let told = seen.members.values().find_map(|member| member.config.clone());
        let config = told.or_else(|| seen.stored.get(&0).map(|stored| stored.config.clone()));
        let members = seen.pods.iter().filter(|(_, pod)| pod.component == COMPONENT_MEMBER);
        let stuck = |(name, pod): &(&String, &PodSeen)| is_stuck(&seen, name, pod, now);
        let pooler = |way: Way| {
            let live = seen.children.get(Kind::Deployment, &way.name(&seen.name()))?;
            Some((way, live["spec"]["template"].clone()))
        };
        let version =
            seen.cluster.status.as_ref().and_then(|status| Version::read(status.version.as_deref()?));
        let data = members.clone().filter_map(|(name, _)| {
            let told = seen.members.get(name).and_then(|member| member.server_version);
            Some((name.clone(), told.map(Version::from_number).or(version)?))
        });
        let no_image = |pod: &&PodSeen| {
            pod.main.waiting.as_ref().is_some_and(|(reason, _)| NO_IMAGE.contains(&reason.as_str()))
        };
        let mut world = Self {
            now,
            exists: true,
            started: BTreeMap::new(),
            data: data.collect(),
            leader: seen.primary().map(str::to_owned),
            contested: matches!(seen.leadership(&group), Leadership::Unknown { .. }),
            stuck: members.filter(stuck).map(|(_, pod)| pod.uid.clone()).collect(),
            images: seen.pods.values().filter(no_image).map(|pod| pod.main.image.clone()).collect(),
            poolers: Way::ALL.into_iter().filter_map(pooler).collect(),
            catalogs: seen.database.clone(),
            reports: seen.database.as_ref().map(|database| database.upgrade.clone()).unwrap_or_default(),
            origin: seen.restore.clone(),
            counter: 0,
            config,
            seen,
        };
        if world.config.is_none() && world.leader.is_some() {
            // Who may not read it plans with what the members' file has.
            world.bootstrap();
        }
        world.read_servers();
        world
    }

    /// What each server runs with: what is wanted, but for what it says that waits for a restart.
    fn read_servers(&mut self) {
        let Some(config) = &self.config else { return };
        for (name, member) in &self.seen.members {
            let mut runs = config["postgresql"]["parameters"].clone();
            for (setting, change) in &member.pending {
                let known = runs
                    .as_object()
                    .and_then(|all| all.keys().find(|known| known.eq_ignore_ascii_case(setting)).cloned());
                runs[known.unwrap_or_else(|| setting.clone())] = json!(change.old);
            }
            self.started.insert(name.clone(), runs);
        }
    }

    /// The group of plain Postgres.
    pub fn group(&self) -> GroupName {
        self.seen.name().group(0)
    }

    /// Settings that the servers know.
    pub fn known(&self) -> Arc<Catalog> {
        let told = self.seen.server.as_ref().map(|server| server.catalog.clone());
        let major = self.data.values().map(|version| version.major).max().unwrap_or(crate::target::MAJORS[0]);
        told.or_else(|| Catalog::bundled(major)).unwrap_or_default()
    }

    /// A UID that was not used before.
    pub fn uid(&mut self) -> String {
        self.counter += 1;
        format!("foreseen-{}", self.counter)
    }

    /// Stores an object as the API server does: UID, time of creation and status stay.
    pub fn store(&mut self, reference: ChildRef, mut body: Value) {
        match self.seen.children.0.get(&reference) {
            Some(live) => {
                for path in ["uid", "creationTimestamp", "resourceVersion"] {
                    body["metadata"][path] = live["metadata"][path].clone();
                }
                if let Some(status) = live.get("status") {
                    body["status"] = status.clone();
                }
            }
            None => {
                body["metadata"]["uid"] = json!(self.uid());
                body["metadata"]["creationTimestamp"] = json!(self.now);
            }
        }
        self.seen.children.0.insert(reference, body);
    }

    /// A Secret with new material. What can't be made, as by an authority that may not be read, stays as it is.
    pub fn mint(&mut self, mint: &Mint) {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let signer = mint.signer().and_then(|name| self.seen.children.secret(name)).unwrap_or_default();
        let Ok(made) = material(mint, self.seen.cluster_name(), &signer, self.now) else { return };
        let mut data: SecretData = self.seen.children.secret(mint.secret()).unwrap_or_default();
        data.extend(made.set);
        made.remove.iter().for_each(|key| drop(data.remove(*key)));
        let encoded = |text: &SecretText| STANDARD.encode(text.expose());
        let data: BTreeMap<&String, String> = data.iter().map(|(key, text)| (key, encoded(text))).collect();
        let body = json!({"metadata": {"name": mint.secret()}, "type": "Opaque", "data": data});
        self.store(ChildRef::new(Kind::Secret, mint.secret()), body);
    }

    /// The operator writes the status of a round.
    pub fn tell(&mut self, decision: &Decision) {
        let mut status = decision.status.clone();
        status.switchover = decision.answer.clone().or(status.switchover);
        self.seen.slots.mine = status.slot.is_some();
        Arc::make_mut(&mut self.seen.cluster).status = Some(status);
    }

    /// A field of the order that members have mounted for a major upgrade.
    pub fn order(&self, field: &str) -> Option<String> {
        let map = self.seen.children.get(Kind::ConfigMap, &self.group().patroni())?;
        let order: Value = serde_json::from_str(map["data"]["upgrade.json"].as_str()?).ok()?;
        order[field].as_str().map(str::to_owned)
    }

    /// Children, for those who read them apart.
    pub fn children(&self) -> &Children {
        &self.seen.children
    }
}

/// True for a member that serves nobody and that waiting does not help: its image, its node or its server is at fault.
fn is_stuck(seen: &Observed, name: &str, pod: &PodSeen, now: Timestamp) -> bool {
    if pod.ready || pod.deleting {
        return false;
    }
    let limit = SignedDuration::from_secs(seen.cluster.spec.maintenance.member_deadline_seconds.into());
    let since = pod.unready_since.or(pod.created);
    let late = pod.main.running && since.is_some_and(|since| now.duration_since(since) > limit);
    let waits = pod.main.waiting.as_ref().is_some_and(|(reason, _)| !ON_ITS_WAY.contains(&reason.as_str()));
    let member = seen.members.get(name);
    // Patroni wrote its role once, and says nothing any more.
    let silent = pod.main.running && pod.role.is_some() && member.is_none();
    waits
        || silent
        || late
        || pod.unscheduled.is_some()
        || member.is_some_and(|member| member.state == "unknown")
}
