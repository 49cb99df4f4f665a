//! Settings that a server does not start with, and settings by which a standby can't be asked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use stylobate::name::COMPONENT_MEMBER;
use stylobate::observe::StoredSettings;

use super::World;

/// What is wrong with some settings.
#[derive(Clone, Debug, Default)]
pub struct Broken {
    /// A server with this does not start, and says this last.
    pub lethal: Option<(String, String, String)>,
    /// With such a server its whole container ends, so that Patroni answers no more.
    pub with_its_container: bool,
    /// A standby with this refuses every question, and so takes up no other settings.
    pub deaf: Option<(String, String)>,
    /// Pods that refuse, by UID.
    refusing: BTreeSet<String>,
}

impl World {
    /// Servers that are to start do, or don't.
    pub fn start_servers(&mut self) {
        let Some(parameters) = self.config.as_ref().map(|config| config["postgresql"]["parameters"].clone())
        else {
            return;
        };
        let has = |name: &str, value: &str| parameters[name] == *value;
        let lethal = self.broken.lethal.clone().filter(|(name, value, _)| has(name, value));
        let deaf = self.broken.deaf.as_ref().is_some_and(|(name, value)| has(name, value));
        let names: Vec<String> = self.members.keys().cloned().collect();
        for name in names {
            let leads = self.claim.as_ref() == Some(&name);
            let pod = self.pods.get_mut(&name).expect("members are pods");
            if deaf && !leads {
                self.broken.refusing.insert(pod.uid.clone());
            }
            if let Some((_, _, words)) = lethal.as_ref().filter(|_| !self.started_with.contains_key(&name)) {
                (pod.ready, pod.fault) = (false, Some(words.clone()));
                if self.broken.with_its_container {
                    pod.main.running = false;
                    pod.main.ended = Some("run 1 exit code 137".into());
                    pod.main.waiting = Some(("CrashLoopBackOff".into(), "back-off 10s".into()));
                    self.members.remove(&name);
                } else {
                    self.silence(&name, "start failed");
                }
                if leads {
                    self.claim = None;
                }
            } else if self.broken.refusing.contains(&pod.uid) {
                pod.ready = false;
                self.silence(&name, "unknown");
            } else {
                pod.fault = None;
                let member = self.members.get_mut(&name).expect("it answers");
                if member.state == "start failed" {
                    member.state = "starting".into();
                }
            }
        }
    }

    fn silence(&mut self, name: &str, state: &str) {
        let member = self.members.get_mut(name).expect("it answers");
        *member = Default::default();
        (member.state, member.role) = (state.into(), "replica".into());
    }

    /// Whether Postgres of this member runs and can be asked.
    pub fn able(&self, name: &str) -> bool {
        self.members
            .get(name)
            .is_some_and(|member| !["start failed", "unknown"].contains(&member.state.as_str()))
    }

    /// Patroni tells its configuration by one member: the primary, or any other.
    pub fn tell_config(&mut self) {
        let leader = self.claim.clone().filter(|claim| self.members.contains_key(claim));
        let teller = leader.or_else(|| self.members.keys().next().cloned());
        for (name, member) in &mut self.members {
            member.config = self.config.clone().filter(|_| teller.as_ref() == Some(name));
        }
    }

    /// What is stored, as the operator reads it while no member tells it.
    pub fn stored(&self) -> BTreeMap<i32, StoredSettings> {
        let told = self.members.values().any(|member| member.config.is_some());
        let ran = self.cluster.status.as_ref().is_some_and(|status| status.system_identifier.is_some());
        let stored = self.config.clone().filter(|_| ran && !told);
        let of = |config: Value| (0, StoredSettings { config, resource_version: "1".into() });
        stored.map(of).into_iter().collect()
    }

    /// The settings change where they are stored: nobody serves meanwhile.
    pub fn store_settings(&mut self, config: &Value) {
        let members = self.pods.values().filter(|pod| pod.component == COMPONENT_MEMBER);
        assert!(self.members.is_empty() && members.clone().all(|pod| !pod.ready), "a member serves");
        self.config = Some(config.clone());
    }
}
