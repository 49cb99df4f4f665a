//! What happens by itself between two rounds of the operator, when all goes well: controllers make pods, the kubelet starts them, Patroni
//! elects and reports.

use std::cmp::Reverse;

use serde_json::{Value, json};

use crate::child::{ChildRef, Kind};
use crate::name::{COMPONENT_MEMBER, ROLE_PRIMARY, ROLE_REPLICA};
use crate::observe::{
    DatabaseSeen, DiskUse, Growth, MemberSeen, Observed, OriginSeen, PatroniMap, PodSeen, RestoreSeen,
    SnapshotSeen, SourceSeen, VolumeSeen,
};
use crate::pooler::{Way, is_pooler};
use crate::restore::in_place::ordered_to_stop;
use crate::restore::{Asked, Course, RECORD, STOP_RECORD, asked};
use crate::target::Version;

use super::pods::{deployment_status, made_by};
use super::settings::{pending, started_with};
use super::take::template_bytes;
use super::world::World;

/// What the data of a cluster that is made or upgraded is known by: any other than before.
const NEW_DATA: &str = "foreseen";

impl World {
    /// Lets the others go on by one round.
    pub fn live(&mut self) {
        self.start_containers();
        if !self.contested {
            self.elect();
            self.report();
        }
        self.tell_config();
        self.keep_members();
        self.keep_poolers();
        self.keep_volumes();
        self.read();
    }

    fn is_stuck(&self, pod: &PodSeen) -> bool {
        self.stuck.contains(&pod.uid) || (!pod.main.running && self.images.contains(&pod.main.image))
    }

    /// The kubelet.
    fn start_containers(&mut self) {
        let names: Vec<String> = self.seen.pods.keys().cloned().collect();
        for name in names {
            let pod = &self.seen.pods[&name];
            let holds = self.seen.leaders.values().any(|leader| leader.holder == name);
            if pod.main.running || self.is_stuck(pod) || (pod.main.ended.is_some() && holds) {
                continue;
            }
            let starts = self.has_volume(&name) && self.init(&name);
            let Some(pod) = self.seen.pods.get_mut(&name) else { continue };
            pod.main.running = starts;
            pod.main.waiting = (!starts).then(|| ("PodInitializing".to_owned(), String::new()));
            if starts {
                pod.ip.get_or_insert_with(|| "foreseen".into());
                pod.ready = is_pooler(&pod.component);
            }
        }
    }

    /// False for a member whose claim has no volume behind it yet.
    fn has_volume(&self, pod: &str) -> bool {
        let Some(ordinal) = self.group().ordinal(pod) else { return true };
        let generation = crate::restore::in_service(&self.seen, &self.group());
        let claim = self.seen.volumes.get(&self.group().volume(generation, ordinal));
        claim.is_none_or(|claim| claim.volume.is_some() || claim.capacity > 0)
    }

    /// The init container of a pod, which works for a major upgrade: whether the main one may start.
    fn init(&mut self, name: &str) -> bool {
        let Some(mark) = self.seen.pods[name].upgrade.clone() else { return true };
        let words: Vec<&str> = mark.split(' ').collect();
        let [phase, from, to, leader] = words.as_slice() else { return true };
        let (Ok(from), Ok(to)) = (from.parse::<i32>(), to.parse::<i32>()) else { return true };
        let is_new = |version: Option<&Version>| version.is_some_and(|version| version.major == to);
        let wanted = self.seen.pods[name].engine_version.unwrap_or(Version { major: to, minor: 0 });
        let new = is_new(self.data.get(name));
        let upgraded = match *phase {
            "Stop" => return false,
            "Upgrade" if name != *leader => return false,
            "Upgrade" if !new => {
                if let Some(pod) = self.seen.pods.get_mut(name) {
                    pod.init.ended = Some((0, String::new()));
                }
                true
            }
            // Patroni copies from the primary, as soon as there is one.
            "Rejoin" if self.data.get(name).is_some_and(|version| version.major == from) => {
                if !is_new(self.leader.as_ref().and_then(|leader| self.data.get(leader))) {
                    return false;
                }
                true
            }
            _ => false,
        };
        if upgraded {
            self.data.insert(name.to_owned(), wanted);
        }
        true
    }

    /// Patroni: a free claim goes to the member that is best fit, the first start to the first member.
    fn elect(&mut self) {
        let runs = |pod: &PodSeen| pod.component == COMPONENT_MEMBER && pod.main.running;
        let running: Vec<String> = self
            .seen
            .pods
            .iter()
            .filter(|(_, pod)| runs(pod) && !self.is_stuck(pod))
            .map(|(name, _)| name.clone())
            .collect();
        self.started.retain(|name, _| running.contains(name));
        for name in &running {
            let new = || MemberSeen { state: "starting".into(), ..MemberSeen::default() };
            self.seen.members.entry(name.clone()).or_insert_with(new);
        }
        if self.leader.is_some() {
            return;
        }
        let fit = running.iter().filter(|name| self.is_able(name)).max_by_key(|name| {
            let member = &self.seen.members[*name];
            (member.synchronous, member.position, Reverse((*name).clone()))
        });
        let Some(leader) = fit.cloned() else { return };
        self.lead(&leader);
        if self.config.is_none() {
            self.bootstrap();
        }
    }

    fn is_able(&self, name: &str) -> bool {
        let state = self.seen.members.get(name).map(|member| member.state.as_str());
        matches!(state, Some("starting" | "running"))
    }

    /// The first member of a group takes up the configuration that its file names.
    pub fn bootstrap(&mut self) {
        let map = self.seen.children.get(Kind::ConfigMap, &self.group().patroni());
        let text = map.and_then(|map| map["data"]["patroni.yml"].as_str());
        let parsed: Option<Value> = text.and_then(|text| serde_saphyr::from_str(text).ok());
        self.config = parsed.map(|parsed| parsed["bootstrap"]["dcs"].clone());
    }

    /// What each member says of itself, and how ready it is.
    fn report(&mut self) {
        let Some(config) = self.config.clone() else { return };
        let wanted = &config["postgresql"]["parameters"];
        let (known, leader) = (self.known(), self.leader.clone());
        let quorum = config["synchronous_mode"] == "quorum";
        let able: Vec<String> = self.seen.members.keys().filter(|name| self.is_able(name)).cloned().collect();
        let of_leader = leader.as_ref().and_then(|leader| self.started.get(leader)).cloned();
        // Whoever streams has all that the primary has.
        let newest = self.seen.members.values().filter_map(|member| member.position).max().unwrap_or(0);
        let identity = self.seen.cluster.status.as_ref().and_then(|status| status.system_identifier.clone());
        for name in able {
            let leads = leader.as_ref() == Some(&name);
            let version = self.version_of(&name);
            let runs = self
                .started
                .entry(name.clone())
                .or_insert_with(|| started_with(wanted, of_leader.as_ref().filter(|_| !leads)));
            let pending = pending(runs, wanted, &known);
            let (Some(member), Some(pod)) = (self.seen.members.get_mut(&name), self.seen.pods.get_mut(&name))
            else {
                continue;
            };
            // A replica follows one round after it started; a full disk keeps a server from being promoted.
            let streams = member.state == "running" && !leads && leader.is_some();
            let promoted = leads && (member.role == ROLE_PRIMARY || pod.disk != DiskUse::Full);
            let upgraded = pod.upgrade.is_some() && pod.init.ended.is_some();
            *member = MemberSeen {
                state: "running".into(),
                role: if promoted { ROLE_PRIMARY } else { ROLE_REPLICA }.into(),
                timeline: member.timeline.or(Some(1)),
                server_version: version.map(number),
                system_identifier: identity.clone().filter(|_| !upgraded).or(Some(NEW_DATA.into())),
                synchronous: streams && quorum,
                replication: streams.then(|| "streaming".into()),
                position: Some(newest),
                pending_restart: !pending.is_empty(),
                pending,
                ..MemberSeen::default()
            };
            pod.role = Some(if leads { ROLE_PRIMARY } else { ROLE_REPLICA }.into());
            pod.ready = leads || streams;
            if pod.ready {
                (pod.unready_since, pod.fault) = (None, None);
            }
        }
    }

    /// Patroni tells its configuration by one member: the primary, or any other.
    fn tell_config(&mut self) {
        let Some(config) = &self.config else { return };
        let leader = self.leader.clone().filter(|leader| self.seen.members.contains_key(leader));
        let teller = leader.or_else(|| self.seen.members.keys().next().cloned());
        for (name, member) in &mut self.seen.members {
            member.config = (teller.as_ref() == Some(name)).then(|| config.clone());
        }
        self.seen.stored.retain(|_, _| teller.is_none());
        for stored in self.seen.stored.values_mut() {
            stored.config = config.clone();
        }
    }

    /// Version of the server that a member runs: of its data, where the image has more than one. New data is of the image's.
    fn version_of(&mut self, name: &str) -> Option<Version> {
        let made_for = self.seen.pods.get(name)?.engine_version;
        let data = self.data.get(name).copied();
        let runs = match (made_for, data) {
            (Some(made_for), Some(data)) if made_for.major != data.major => data,
            (made_for, data) => made_for.or(data)?,
        };
        self.data.insert(name.to_owned(), runs);
        Some(runs)
    }

    /// The StatefulSet controller.
    fn keep_members(&mut self) {
        let group = self.group();
        let reference = ChildRef::new(Kind::StatefulSet, group.scope());
        let set = self.seen.children.0.get(&reference).cloned();
        let wanted = set.as_ref().and_then(|set| set["spec"]["replicas"].as_i64()).unwrap_or(0) as i32;
        let gone = |(name, pod): &(&String, &PodSeen)| {
            let extra = group.ordinal(name).is_none_or(|ordinal| ordinal >= wanted);
            pod.component == COMPONENT_MEMBER && ((extra && !pod.orphan) || pod.deleting)
        };
        let gone: Vec<String> = self.seen.pods.iter().filter(gone).map(|(name, _)| name.clone()).collect();
        gone.iter().for_each(|name| self.end(name));
        let Some(set) = set else { return };
        self.seen.pods.values_mut().for_each(|pod| pod.orphan = false);
        let generation = crate::restore::in_service(&self.seen, &group);
        for ordinal in 0..wanted {
            let claim = group.volume(generation, ordinal);
            if !self.seen.volumes.contains_key(&claim) {
                let volume = VolumeSeen {
                    uid: self.uid(),
                    requested: template_bytes(&set),
                    volume: Some(format!("volume of {claim}")),
                    ..VolumeSeen::default()
                };
                self.seen.volumes.insert(claim, volume);
            }
            let pod = group.pod(ordinal);
            if !self.seen.pods.contains_key(&pod) && !self.refuses(Kind::StatefulSet) {
                let uid = self.uid();
                let made = made_by(&set["spec"]["template"], COMPONENT_MEMBER, uid, self.now);
                self.seen.pods.insert(pod, made);
            }
        }
        let there = self.seen.pods.values().filter(|pod| pod.component == COMPONENT_MEMBER).count();
        if let Some(live) = self.seen.children.0.get_mut(&reference) {
            live["status"]["replicas"] = json!(there);
        }
    }

    /// The Deployment controller. What it names its pods can't be foreseen: they are counted.
    fn keep_poolers(&mut self) {
        for way in Way::ALL {
            self.keep_pooler(way);
        }
    }

    fn keep_pooler(&mut self, way: Way) {
        let (name, component) = (way.name(&self.seen.name()), way.component());
        let reference = ChildRef::new(Kind::Deployment, &name);
        let live = self.seen.children.0.get(&reference).cloned();
        let wanted = live.as_ref().and_then(|live| live["spec"]["replicas"].as_u64()).unwrap_or(0) as usize;
        let is_its = |pod: &PodSeen| pod.component == component;
        self.seen.pods.retain(|_, pod| !(is_its(pod) && pod.deleting));
        let there: Vec<String> =
            self.seen.pods.iter().filter(|(_, pod)| is_its(pod)).map(|(name, _)| name.clone()).collect();
        there.iter().skip(wanted).for_each(|extra| drop(self.seen.pods.remove(extra)));
        let Some(live) = live else { return };
        let template = &live["spec"]["template"];
        let missing = wanted.saturating_sub(there.len());
        let free = (0..).map(|number| format!("{name}-{number}")).filter(|name| !there.contains(name));
        for pod in free.take(if self.refuses(Kind::Deployment) { 0 } else { missing }) {
            let uid = self.uid();
            let made = made_by(template, component, uid, self.now);
            self.seen.pods.insert(pod, made);
        }
        let ready = self.seen.pods.values().filter(|pod| is_its(pod) && pod.ready).count();
        let rolls = self.poolers.insert(way, template.clone()).is_some_and(|before| before != *template);
        if let Some(live) = self.seen.children.0.get_mut(&reference) {
            live["status"] = deployment_status(ready, rolls);
        }
    }

    /// The storage.
    fn keep_volumes(&mut self) {
        let snapshot = &self.origin.snapshot;
        let provides = snapshot.snapshot.is_some() && snapshot.error.is_none();
        for (claim, volume) in &mut self.seen.volumes {
            (volume.capacity, volume.growth) = (volume.requested, Growth::Quiet);
            if volume.volume.is_none() && provides {
                volume.volume = Some(format!("volume of {claim}"));
            }
        }
    }

    fn refuses(&self, kind: Kind) -> bool {
        self.seen.refusals.iter().any(|refusal| refusal.owner.kind == kind)
    }

    /// What the operator reads besides.
    fn read(&mut self) {
        self.seen.restore = self.restore();
        self.seen.patroni = self.patroni();
        let children: Vec<&String> =
            self.seen.children.0.keys().filter(|child| child.kind == Kind::Secret).map(|c| &c.name).collect();
        self.seen.given.secrets.retain(|name, _| !children.contains(&name));
        let answers = self.seen.primary().is_some_and(|pod| self.seen.members.contains_key(pod));
        let reports = &self.reports;
        // While an upgrade is under way its reports are read, whatever else the catalogs hold.
        let any = reports.check.is_some() || reports.finish.is_some() || self.order("key").is_some();
        let catalogs = self.catalogs.clone().or_else(|| any.then(DatabaseSeen::default));
        self.seen.database = catalogs
            .filter(|_| answers)
            .map(|catalogs| DatabaseSeen { upgrade: reports.clone(), ..catalogs });
    }

    /// Patroni's ConfigMaps, where the operator looks for them.
    fn patroni(&self) -> Option<Vec<PatroniMap>> {
        let Observed { cluster, pods, children, .. } = &self.seen;
        let led = pods.values().any(|pod| pod.role.as_deref() == Some(ROLE_PRIMARY));
        let looks = match cluster.metadata.deletion_timestamp {
            Some(_) => pods.is_empty(),
            None => children.get(Kind::StatefulSet, &self.group().scope()).is_none() || !led,
        };
        let names = self.group().patroni_state().into_iter().filter(|_| self.config.is_some());
        looks.then(|| names.map(|name| PatroniMap { uid: format!("uid of {name}"), name }).collect())
    }

    /// What a restore is made from, as `src/observe/restore.rs` reads it.
    fn restore(&self) -> RestoreSeen {
        let (children, group) = (self.children(), self.group());
        let map = children.get(Kind::ConfigMap, &group.patroni());
        let written = |entry: &str| map.is_some_and(|map| map["data"][entry].is_string());
        let course = match written(STOP_RECORD) {
            true => ordered_to_stop(children, &group),
            false => Course::recorded(children, &group),
        };
        let backup = match (&course, &self.origin.backup) {
            (Some(course), OriginSeen::Several { backups, .. }) => {
                let same = backups.iter().find(|backup| backup.metadata.uid.as_ref() == Some(&course.key));
                same.map_or(OriginSeen::NotRead, |found| OriginSeen::Found(Box::new(found.clone())))
            }
            (_, backup) => backup.clone(),
        };
        let snapshot = if written(RECORD) { self.origin.snapshot.clone() } else { SnapshotSeen::default() };
        if course.is_some() {
            let lacks = !written(STOP_RECORD) && crate::observe::lacks_files(&self.seen.cluster, children);
            let source = if lacks { self.origin.source.clone() } else { SourceSeen::default() };
            return RestoreSeen { backup, snapshot, source };
        }
        let served = children.get(Kind::StatefulSet, &group.scope()).is_some()
            || self.seen.cluster.status.as_ref().is_some_and(|status| status.system_identifier.is_some());
        let in_place =
            matches!(asked(&self.seen.cluster, children, &self.seen.volumes), Asked::Backup { .. });
        if served {
            let backup = if in_place { self.origin.backup.clone() } else { OriginSeen::NotRead };
            return RestoreSeen { backup, snapshot, source: SourceSeen::default() };
        }
        RestoreSeen { backup, snapshot, source: self.origin.source.clone() }
    }
}

/// As the server writes it, as 170091.
fn number(version: Version) -> i64 {
    i64::from(version.major) * 10_000 + i64::from(version.minor)
}
