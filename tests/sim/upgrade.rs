//! Data of two majors: what `upgrade-member` does in an init container and in a server that runs, and what would go wrong if
//! it were asked for at the wrong time.

use serde_json::Value;

use stylobate::child::Kind;
use stylobate::observe::PodSeen;
use stylobate::upgrade::report::Report;

use super::World;

/// What the data of a new or upgraded cluster is known by, by major.
pub fn identity(major: i64) -> String {
    if major == 15 { "7300000000000000015".into() } else { "7300000000000000001".into() }
}

/// The tag of an image.
pub fn tag(image: &str) -> &str {
    image.split('@').next().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}

impl World {
    /// Runs the program that a `COPY TO PROGRAM` names; its report is there at once.
    pub fn program(&mut self, statement: &str) {
        let known = |name: &str| {
            statement == format!("COPY (SELECT) TO PROGRAM '/usr/local/bin/upgrade-member {name}'")
        };
        let problems = if known("check") { self.findings.clone() } else { Vec::new() };
        let report = Report { key: self.order("key"), state: "done".into(), at: self.now, problems };
        match () {
            () if known("check") => self.database.upgrade.check = Some(report),
            () if known("finish") => self.database.upgrade.finish = Some(report),
            () => panic!("no such program: {statement}"),
        }
    }

    /// A field of the order that members have mounted.
    fn order(&self, field: &str) -> String {
        let map = self.child(Kind::ConfigMap, &self.group().patroni()).expect("it is mounted");
        let text =
            map["data"]["upgrade.json"].as_str().expect("an order is there while an upgrade is under way");
        let order: Value = serde_json::from_str(text).expect("the order is JSON");
        order[field].as_str().expect("a text").to_owned()
    }

    /// The init container of a pod: whether the main one may start.
    pub fn init(&mut self, name: &str) -> bool {
        let Some(mark) = self.pods[name].upgrade.clone() else { return true };
        let words: Vec<&str> = mark.split(' ').collect();
        let [phase, from, to, leader] = words.as_slice() else { panic!("{mark:?} is no phase") };
        let (from, to) = (from.parse::<i64>().expect("a major"), to.parse::<i64>().expect("a major"));
        let data = self.data.get(name).copied();
        match *phase {
            "Prepare" => {
                assert_ne!(data, Some(to), "{name} has data of {to}, and no way back");
                true
            }
            "Stop" => false,
            "Upgrade" if name != *leader => false,
            "Upgrade" if data == Some(to) => true,
            "Upgrade" => {
                assert!(
                    self.members.is_empty(),
                    "nobody serves while {name} is upgraded: {:?}",
                    self.members
                );
                assert_eq!(self.newest.as_deref(), Some(name), "{name} does not have the newest data");
                let pod = self.pods.get_mut(name).expect("it is there");
                if let Some(cause) = self.upgrade_fails.clone() {
                    pod.init.ended = Some((3, cause));
                    return false;
                }
                pod.init.ended = Some((0, String::new()));
                self.data.insert(name.to_owned(), to);
                self.timeline = 0;
                true
            }
            "Rejoin" => {
                if data == Some(from) {
                    // Patroni copies from the primary, as soon as there is one.
                    let leader = self.claim.as_ref().and_then(|leader| self.data.get(leader));
                    let Some(leader) = leader else { return false };
                    assert_eq!(
                        *leader, to,
                        "there is no primary to copy from, in the place of data of {from}"
                    );
                    self.data.insert(name.to_owned(), to);
                }
                true
            }
            other => panic!("no phase {other}"),
        }
    }

    /// Version of the server that a pod runs, as a number: of the data, where the image has more than one server. A server
    /// never runs on data of another major.
    pub fn server_version(&self, name: &str, pod: &PodSeen) -> Option<i64> {
        let tag = tag(&pod.main.image);
        let number = |text: &str| {
            let (major, minor) = text.split_once('.')?;
            Some(major.parse::<i64>().ok()? * 10_000 + minor.parse::<i64>().ok()?)
        };
        let Some((_, newer)) = tag.split_once("-to-") else {
            let version = number(tag)?;
            assert!(
                self.data.get(name).is_none_or(|major| *major == version / 10_000),
                "{name} runs {tag} on data of PostgreSQL {:?}",
                self.data.get(name)
            );
            return Some(version);
        };
        let newer = number(newer)?;
        Some(if self.data.get(name) == Some(&(newer / 10_000)) { newer } else { 150_090 })
    }
}
