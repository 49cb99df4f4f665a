//! What happens by itself between two rounds of the operator: controllers make pods, the kubelet starts them, Patroni
//! elects and reports.

use std::collections::BTreeMap;

use serde_json::Value;

use stylobate::child::Kind;
use stylobate::foresee::pods::{deployment_status, made_by};
use stylobate::foresee::settings::{pending, started_with};
use stylobate::name::{COMPONENT_MEMBER, ROLE_PRIMARY, ROLE_REPLICA};
use stylobate::observe::{DatabaseFacts, DiskUse, MemberSeen, PodSeen, RoleSeen, VolumeSeen};
use stylobate::pooler::{Way, is_pooler};
use stylobate::tuning::Catalog;
use stylobate::tuning::units::quantity_bytes;

use super::{World, upgrade};

impl World {
    /// Lets the others go on by one round.
    pub fn live(&mut self) {
        self.start_containers();
        self.elect();
        self.report();
        self.keep_members();
        self.keep_poolers();
        let provides = self.snapshot.snapshot.is_some() && self.snapshot.error.is_none();
        self.make_backups();
        self.make_drills();
        for volume in self.volumes.values_mut() {
            volume.capacity = volume.requested;
            if volume.volume.is_none() && provides {
                volume.volume = Some(format!("pv-of-{}", volume.uid));
            }
        }
    }

    /// The kubelet: a container starts once all that its pod mounts is there and its image can be had.
    fn start_containers(&mut self) {
        let names: Vec<String> = self.pods.keys().cloned().collect();
        for name in names {
            let pod = &self.pods[&name];
            // A container that died while its pod leads waits for the kubelet's back-off, longer than any scenario.
            if self.is_lost(pod) {
                continue;
            }
            if pod.main.running || (pod.main.ended.is_some() && self.claim.as_ref() == Some(&name)) {
                continue;
            }
            let template = self.template(&pod.component);
            // One whose set went before it ran is on its way out.
            if template.is_none() && pod.ip.is_none() {
                continue;
            }
            let waiting = if self.is_missing(&pod.main.image) {
                Some(("ImagePullBackOff".to_owned(), "not found".to_owned()))
            } else {
                template
                    .and_then(|template| self.unmounted(&template).or_else(|| self.unbound(&name)))
                    .map(|missing| ("ContainerCreating".to_owned(), format!("{missing} not found")))
            };
            let waiting = match waiting {
                None if !self.init(&name) => Some(("PodInitializing".to_owned(), String::new())),
                other => other,
            };
            let number = self.next();
            let pod = self.pods.get_mut(&name).expect("the name is from the map");
            pod.main.running = waiting.is_none();
            if waiting.is_none() {
                pod.ip.get_or_insert_with(|| format!("10.0.0.{number}"));
                pod.ready = is_pooler(&pod.component);
            }
            pod.main.waiting = waiting;
        }
    }

    fn template(&self, component: &str) -> Option<Value> {
        let name = self.name();
        let way = Way::of(component);
        let owner = match way {
            Some(way) => self.child(Kind::Deployment, &way.name(&name)).cloned(),
            None => self.child(Kind::StatefulSet, &name.group(0).scope()).cloned(),
        };
        owner.map(|owner| owner["spec"]["template"]["spec"].clone())
    }

    /// The first object that a pod needs and that is not there.
    fn unmounted(&self, template: &Value) -> Option<String> {
        let volumes = template["volumes"].as_array().into_iter().flatten();
        let variables = template["containers"][0]["env"].as_array().into_iter().flatten();
        let secrets = volumes
            .clone()
            .filter(|volume| volume["secret"]["optional"] != true)
            .filter_map(|volume| volume["secret"]["secretName"].as_str())
            .chain(variables.filter_map(|one| one["valueFrom"]["secretKeyRef"]["name"].as_str()))
            .map(|name| (Kind::Secret, name));
        let maps =
            volumes.filter_map(|volume| Some((Kind::ConfigMap, volume["configMap"]["name"].as_str()?)));
        let account = template["serviceAccountName"].as_str().map(|name| (Kind::ServiceAccount, name));
        secrets
            .chain(maps)
            .chain(account)
            .find(|(kind, name)| {
                self.child(*kind, name).is_none()
                    && !(*kind == Kind::Secret && self.secrets.contains_key(*name))
            })
            .map(|(kind, name)| format!("{kind} {name}"))
    }

    /// Patroni: a free claim goes to the member that is best fit, the first start to the first member.
    fn elect(&mut self) {
        let running: Vec<String> = self
            .pods
            .iter()
            .filter(|(_, pod)| pod.component == COMPONENT_MEMBER && pod.main.running && !self.is_lost(pod))
            .map(|(name, _)| name.clone())
            .collect();
        self.members.retain(|name, _| running.contains(name));
        self.started_with.retain(|name, _| running.contains(name));
        for name in &running {
            self.members
                .entry(name.clone())
                .or_insert_with(|| MemberSeen { state: "starting".into(), ..MemberSeen::default() });
        }
        self.start_servers();
        // The claim of a member whose node is lost runs out.
        let holder = self.claim.as_ref().and_then(|claim| self.pods.get(claim));
        if holder.is_some_and(|holder| self.is_lost(holder)) {
            self.claim = None;
        }
        if self.claim.as_ref().is_some_and(|claim| running.contains(claim)) {
            self.renewed = Some(self.now);
        }
        if self.claim.is_some() || self.patroni_is_kept_out() {
            return;
        }
        let fit = running
            .iter()
            .filter(|name| self.able(name))
            .max_by_key(|name| (self.members[*name].synchronous, std::cmp::Reverse((*name).clone())))
            .cloned();
        let Some(leader) = fit else { return };
        self.lead(&leader);
        if self.database.roles.is_empty() {
            self.bootstrap();
        }
    }

    fn bootstrap(&mut self) {
        let name = self.group().patroni();
        let map = self.child(Kind::ConfigMap, &name).cloned().expect("it is mounted");
        let text = map["data"]["patroni.yml"].as_str().expect("patroni.yml");
        let parsed: Value = serde_saphyr::from_str(text).expect("patroni.yml is YAML");
        self.config = Some(parsed["bootstrap"]["dcs"].clone());
        // Data that came with a clone stays; its roles have the passwords of their source.
        self.take_up_clone(&parsed);
        for system in ["postgres", "standby", "rewind"] {
            self.database.roles.insert(system.into(), RoleSeen { login: true, ..RoleSeen::default() });
        }
        let postgres = DatabaseFacts { owner: "postgres".into(), ..DatabaseFacts::default() };
        self.database.databases.insert("postgres".into(), postgres);
    }

    /// What each member says of itself, and how ready it is.
    fn report(&mut self) {
        // Nobody was elected yet, so there is nothing to follow.
        if self.config.is_none() {
            return;
        }
        let leader = self.claim.clone().filter(|claim| self.members.contains_key(claim));
        let quorum = self.config.as_ref().is_some_and(|config| config["synchronous_mode"] == "quorum");
        let catalog = self.server.as_ref().map(|server| server.catalog.clone());
        let catalog = catalog.or_else(|| Catalog::bundled(17)).expect("17 is bundled");
        let versions: BTreeMap<String, Option<i64>> = self
            .members
            .keys()
            .map(|name| (name.clone(), self.server_version(name, &self.pods[name])))
            .collect();
        let able: Vec<String> = self.members.keys().filter(|name| self.able(name)).cloned().collect();
        for (name, member) in self.members.iter_mut().filter(|(name, _)| able.contains(name)) {
            let leads = leader.as_ref() == Some(name) || self.pretender.as_ref() == Some(name);
            let known = member.state == "running";
            let pod = self.pods.get_mut(name).expect("members are pods");
            // Patroni gives the role first; `pg_ctl promote` then needs a file on the disk.
            let promoted = leads && (member.role == "primary" || pod.disk != DiskUse::Full);
            let version = versions[name];
            // A new or set aside volume gets a copy of the leader's data.
            let major = version.map(|version| version / 10_000).unwrap_or_default();
            self.data.entry(name.clone()).or_insert(major);
            let wanted = &self.config.as_ref().expect("a group that runs has a configuration")["postgresql"]
                ["parameters"];
            let of_primary = leader.as_ref().and_then(|leader| self.started_with.get(leader)).cloned();
            let runs = self
                .started_with
                .entry(name.clone())
                .or_insert_with(|| started_with(wanted, of_primary.as_ref().filter(|_| !leads)));
            let pending = pending(runs, wanted, &catalog);
            // A replica follows one round after it started.
            let streams = known && !leads && leader.is_some();
            *member = MemberSeen {
                state: "running".into(),
                role: if promoted { "primary" } else { "replica" }.into(),
                timeline: Some(self.timeline),
                server_version: version,
                system_identifier: Some(upgrade::identity(major)),
                synchronous: streams && quorum,
                replication: streams.then(|| "streaming".into()),
                position: Some(self.timeline * 1000),
                pending_restart: !pending.is_empty(),
                pending,
                ..MemberSeen::default()
            };
            pod.role = Some(if leads { ROLE_PRIMARY } else { ROLE_REPLICA }.into());
            pod.ready = leads || streams;
        }
        self.tell_config();
    }

    /// The StatefulSet controller.
    fn keep_members(&mut self) {
        let group = self.group();
        let set = self.child(Kind::StatefulSet, &group.scope()).cloned();
        let wanted = set.as_ref().and_then(|set| set["spec"]["replicas"].as_i64()).unwrap_or(0) as i32;
        let gone: Vec<String> = self
            .pods
            .iter()
            .filter(|(name, pod)| {
                let extra = group.ordinal(name).is_none_or(|ordinal| ordinal >= wanted);
                // Nobody stops a pod that is left without a set, and nobody makes it again.
                pod.component == COMPONENT_MEMBER && ((extra && !pod.orphan) || pod.deleting)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.end(&name);
        }
        let Some(set) = set else { return };
        self.pods.values_mut().for_each(|pod| pod.orphan = false);
        let size = &set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"];
        let bytes = size.as_str().and_then(quantity_bytes).expect("the claim template has a size");
        let template = &set["spec"]["template"];
        for ordinal in 0..wanted {
            let pod = group.pod(ordinal);
            let claim = self.claim_of(&pod).expect("the set has a claim template");
            if !self.volumes.contains_key(&claim) {
                let uid = format!("uid-{}", self.next());
                let volume = VolumeSeen {
                    uid,
                    requested: bytes,
                    volume: Some(format!("pv-{claim}")),
                    ..Default::default()
                };
                self.volumes.insert(claim, volume);
            }
            if !self.pods.contains_key(&pod) && !self.refuses(Kind::StatefulSet) {
                let seen = self.new_pod(COMPONENT_MEMBER, template, ordinal);
                self.pods.insert(pod, seen);
            }
        }
    }

    /// The Deployment controller.
    fn keep_poolers(&mut self) {
        for way in Way::ALL {
            self.keep_pooler(way);
        }
    }

    fn keep_pooler(&mut self, way: Way) {
        let (name, component) = (way.name(&self.name()), way.component());
        let live = self.child(Kind::Deployment, &name).cloned();
        let wanted = live.as_ref().and_then(|live| live["spec"]["replicas"].as_i64()).unwrap_or(0) as i32;
        let wanted: Vec<(String, i32)> =
            (0..wanted).map(|number| (format!("{name}-{number}"), number)).collect();
        self.pods.retain(|pod, seen| {
            seen.component != component || (!seen.deleting && wanted.iter().any(|(name, _)| name == pod))
        });
        let Some(live) = live else { return };
        let template = &live["spec"]["template"];
        for (pod, number) in wanted {
            if !self.pods.contains_key(&pod) && !self.refuses(Kind::Deployment) {
                let seen = self.new_pod(component, template, number);
                self.pods.insert(pod, seen);
            }
        }
        let ready = self.pods.values().filter(|pod| pod.component == component && pod.ready).count();
        let before = self.pooler_templates.insert(way, template.clone());
        let rolls = before.is_some_and(|before| before != *template);
        let reference = stylobate::child::ChildRef::new(Kind::Deployment, name);
        self.children.get_mut(&reference).expect("it is live")["status"] = deployment_status(ready, rolls);
    }

    fn new_pod(&mut self, component: &str, template: &Value, number: i32) -> PodSeen {
        let uid = format!("uid-{}", self.next());
        PodSeen { node: Some(format!("node-{}", number % 3)), ..made_by(template, component, uid, self.now) }
    }

    /// A pod ends in order: a primary gives up its claim. One on a lost node stays until somebody hears of that node again.
    pub fn end(&mut self, pod: &str) {
        if self.pods.get(pod).is_some_and(|seen| self.is_lost(seen)) {
            self.pods.get_mut(pod).expect("it is there").deleting = true;
            return;
        }
        self.pods.remove(pod);
        self.members.remove(pod);
        if self.claim.as_deref() == Some(pod) {
            self.claim = None;
        }
    }

    /// A container dies at once, as by `kill -9`: a claim that its pod holds stays held.
    pub fn kill(&mut self, pod: &str) {
        self.members.remove(pod);
        let number = self.next();
        let seen = self.pods.get_mut(pod).unwrap_or_else(|| panic!("no pod {pod}"));
        seen.ready = false;
        seen.main.running = false;
        seen.main.ended = Some(format!("run {number} exit code 137"));
        seen.main.ended_at = Some(self.now);
    }

    /// A node is gone at once: Kubernetes says that its pods are not ready, and they keep what Patroni wrote on them.
    pub fn lose_node(&mut self, node: &str) {
        self.lost.insert(node.to_owned());
        let gone = self.pods.iter_mut().filter(|(_, pod)| pod.node.as_deref() == Some(node));
        for (name, pod) in gone {
            pod.ready = false;
            pod.unready_since = Some(self.now);
            self.members.remove(name);
        }
    }

    /// The node is back, and its pods start again.
    pub fn find_node(&mut self, node: &str) {
        assert!(self.lost.remove(node), "{node} is not lost");
        for pod in self.pods.values_mut().filter(|pod| pod.node.as_deref() == Some(node)) {
            pod.main.running = false;
            pod.unready_since = None;
        }
    }

    /// A quota takes no pod of this kind of owner.
    fn refuses(&self, kind: Kind) -> bool {
        self.refusals.iter().any(|refusal| refusal.owner.kind == kind)
    }

    fn is_lost(&self, pod: &PodSeen) -> bool {
        pod.node.as_ref().is_some_and(|node| self.lost.contains(node))
    }
}
