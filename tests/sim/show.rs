//! Parts of the world as text, for the goldens.

use std::fmt::Write as _;

use stylobate::child::Kind;

use super::World;
use super::upgrade::tag;

impl World {
    /// Part of the world as text.
    pub fn show(&self, what: &str) -> String {
        let mut text = String::new();
        match what {
            "children" => {
                for reference in self.children.keys() {
                    let _ = writeln!(text, "  {reference}");
                }
            }
            "others" => text.push_str(&self.show_others()),
            "engine" => text.push_str(&self.show_engine()),
            "backups" => text.push_str(&self.show_backups()),
            "drills" => text.push_str(&self.show_drills()),
            "slot" => {
                let slot = self.cluster.status.as_ref().and_then(|status| status.slot.as_ref());
                let held = slot.map_or("no slot".into(), |slot| format!("a slot since {}", slot.last_step.0));
                let _ = writeln!(text, "  {held}");
            }
            "volumes" => {
                for (name, volume) in &self.volumes {
                    let aside = if volume.retired { ", out of service" } else { "" };
                    let _ = writeln!(text, "  {name}: {} MiB{aside}", volume.requested >> 20);
                }
            }
            "pods" => {
                for (name, pod) in &self.pods {
                    let role = pod.role.as_deref().unwrap_or("-");
                    let _ =
                        writeln!(text, "  {name}: {role}, {}", if pod.ready { "ready" } else { "not ready" });
                }
            }
            "machines" => {
                for (name, pod) in self.pods.iter().filter(|(name, _)| self.group().ordinal(name).is_some()) {
                    let tag = tag(&pod.main.image);
                    let _ =
                        writeln!(text, "  {name}: {tag}, CPU {}, memory {}", pod.main.cpu, pod.main.memory);
                }
            }
            "rollout" => {
                let status = self.cluster.status.as_ref().and_then(|status| status.rollout.as_ref());
                let rollout = status.expect("there was a rollout");
                let _ = writeln!(text, "  {:?}: {}", rollout.phase, rollout.message);
                for reason in &rollout.reasons {
                    let _ = writeln!(text, "  because of {reason}");
                }
            }
            "database" => {
                for (name, role) in &self.database.roles {
                    let password =
                        if role.verifier.is_some() { "with a password" } else { "without a password" };
                    let _ = writeln!(text, "  role {name:?}: {password}");
                }
                for (name, facts) in &self.database.databases {
                    let extensions: Vec<&String> =
                        facts.inside.contents().iter().flat_map(|found| found.extensions.keys()).collect();
                    let _ = writeln!(text, "  database {name:?} of {:?}: {extensions:?}", facts.owner);
                }
            }
            "restore" => {
                let pair = &self.snapshot;
                let _ = writeln!(
                    text,
                    "  snapshot {}, content {}",
                    pair.snapshot.is_some(),
                    pair.content.is_some()
                );
                let map = self.child(Kind::ConfigMap, &self.group().patroni());
                let told = map.is_some_and(|map| map["data"]["restore.json"].is_string());
                let _ = writeln!(
                    text,
                    "  members are {} to take up a clone",
                    if told { "told" } else { "not told" }
                );
            }
            "files" => {
                let files = self.observe().children.secret(&self.name().archive()).unwrap_or_default();
                for name in files.keys() {
                    let _ = writeln!(text, "  {name}");
                }
            }
            "base" => text.push_str(&self.show_base()),
            "pool-passwd" => {
                let name = self.name().pooler_users();
                let data = self.observe().children.secret(&name).expect("the pooler has its Secret");
                for line in data["pool_passwd"].expose().lines() {
                    let _ = writeln!(text, "  {line}");
                }
            }
            "tuning" => {
                let status = self.cluster.status.as_ref().expect("it was told");
                for row in status.tuning.iter().chain(&status.pooler.tuning) {
                    let overrides: Vec<String> = row
                        .overrides
                        .iter()
                        .map(|earlier| format!(" over {} {}", earlier.source, earlier.value))
                        .collect();
                    if row.source != stylobate::status::COMPUTED {
                        let _ = writeln!(
                            text,
                            "  {} = {} ({}{})",
                            row.name,
                            row.value,
                            row.source,
                            overrides.concat()
                        );
                    }
                }
                let parameters = &self.config.as_ref().expect("Patroni runs")["postgresql"]["parameters"];
                for row in &status.tuning {
                    assert_eq!(
                        parameters[&row.name],
                        row.value.as_str(),
                        "{} is sent as it is told",
                        row.name
                    );
                }
                assert_eq!(parameters.as_object().map(|all| all.len()), Some(status.tuning.len()));
            }
            "cluster" => {
                let _ = writeln!(
                    text,
                    "  {}",
                    if self.exists { "the object exists" } else { "the object is gone" }
                );
            }
            other => panic!("nothing to show as {other}"),
        }
        text
    }
}
