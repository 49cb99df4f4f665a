//! Scripts of scenarios: one command a line, `#` begins a comment. What each command prints is the golden text.

use std::fmt::Write as _;

use serde_json::Value;

use stylobate::child::{ChildRef, Kind};
use stylobate::decide::Decision;
use stylobate::name::ClusterName;
use stylobate::observe::Refusal;

use super::World;
use super::drills::DrillsEnd;
use super::fleet;
use super::watch::{Kept, Watch};
use super::world::BackupsEnd;

/// More rounds than any way to rest takes; one that takes more never comes to rest.
const ENOUGH: usize = 40;

/// Runs a script and gives its output.
pub fn run(script: &str) -> String {
    play(script, None).out
}

/// Runs a script, and gives the plan of each edit in it with the steps that followed.
pub fn watch(script: &str) -> Vec<Kept> {
    play(script, Some(Watch::default())).watch.map(Watch::end).unwrap_or_default()
}

fn play(script: &str, watch: Option<Watch>) -> Stage {
    let mut stage = Stage { world: None, others: Vec::new(), cut: None, round: 0, out: String::new(), watch };
    for line in script.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() || line.starts_with('#') {
            let _ = writeln!(stage.out, "{line}");
            continue;
        }
        let _ = writeln!(stage.out, "> {line}");
        if let Some(watch) = &mut stage.watch {
            watch.hear(&words, line);
        }
        stage.command(&words, line);
    }
    stage
}

struct Stage {
    world: Option<World>,
    /// Further clusters of the fleet.
    others: Vec<World>,
    cut: Option<usize>,
    round: usize,
    out: String,
    /// Who compares plans with what follows.
    watch: Option<Watch>,
}

impl Stage {
    fn world(&mut self) -> &mut World {
        self.world.as_mut().expect("a script begins with create")
    }

    fn command(&mut self, words: &[&str], line: &str) {
        match words {
            ["create", file] => self.world = Some(World::new(&example(file))),
            ["also", "create", file, name] => {
                let mut world = World::new(&example(file));
                world.cluster.metadata.name = Some((*name).to_owned());
                self.others.push(world);
            }
            ["catalog", change @ ..] => {
                self.others.iter_mut().for_each(|world| world.change_catalog(change));
                self.world().change_catalog(change);
            }
            ["settle", "together"] => self.together(true),
            ["settle", "together", "quietly"] => {
                let said = self.out.len();
                self.together(false);
                self.out.truncate(said);
            }
            ["show", what, "of", name] => {
                let other = self.others.iter().find(|world| world.name().name == **name);
                let text = other.unwrap_or_else(|| panic!("no cluster {name}")).show(what);
                self.out.push_str(&text);
            }
            ["round"] => self.rounds(1),
            ["round", count] => self.rounds(count.parse().expect("a number of rounds")),
            ["settle"] => self.settle(),
            ["settle", "quietly"] => {
                let said = self.out.len();
                self.settle();
                self.out.truncate(said);
            }
            ["edit", path, ..] => {
                let value = line.split_once(path).expect("the path is in the line").1.trim();
                self.world().edit(path, value);
            }
            ["pause"] => self.world().edit("spec.paused", "true"),
            ["resume"] => self.world().edit("spec.paused", "false"),
            ["delete", "cluster"] => {
                let now = self.world().now;
                self.world().cluster.metadata.deletion_timestamp =
                    Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now));
            }
            ["delete", "pod", pod] => self.world().end(pod),
            ["delete", "tuning", name] => {
                let gone = self.world().tuning.remove(*name);
                assert!(gone.is_some(), "there is no ConfigMap {name}");
            }
            ["tuning", name, "without", key] => {
                let map = self.world().tuning.get_mut(*name).expect("the ConfigMap exists");
                assert!(map.remove(*key).is_some(), "there is no {key} in {name}");
            }
            ["tuning", name, key, ..] => {
                let text = line.split_once(key).expect("the key is in the line").1.trim();
                self.world().give_tuning(name, key, text);
            }
            ["others", kind, name, ..] => {
                let whose = line.split_once(name).expect("the name is in the line").1.trim();
                let whose = if whose.is_empty() { "no owner and no label say whose it is" } else { whose };
                self.world().make_other(kind, name, whose);
            }
            ["meanwhile", kind, name] => {
                self.world().meanwhile.push(((*kind).to_owned(), (*name).to_owned()));
            }
            ["others-remove", kind, name] => self.world().remove_other(kind, name),
            ["delete", kind, name] => {
                let reference = ChildRef::new(child_kind(kind), *name);
                let gone = self.world().children.remove(&reference);
                assert!(gone.is_some(), "there is no {reference}");
            }
            ["drift", kind, name, pointer, ..] => {
                let reference = ChildRef::new(child_kind(kind), *name);
                let value = yaml(line.split_once(pointer).expect("the pointer is in the line").1);
                let live = self.world().children.get_mut(&reference).expect("the child exists");
                let (parent, key) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
                let parent = live.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent} in {reference}"));
                match parent {
                    Value::Object(fields) => drop(fields.insert(key.replace("~1", "/"), value)),
                    list => list[key.parse::<usize>().expect("a place in a list")] = value,
                }
            }
            ["admission", kind, name, pointer, ..] => {
                let value = yaml(line.split_once(pointer).expect("the pointer is in the line").1);
                self.world().rewrite(ChildRef::new(child_kind(kind), *name), pointer, value);
            }
            ["secret", name, key, ..] => {
                let text = yaml(line.split_once(key).expect("the key is in the line").1);
                self.world().give_secret(name, key, text.as_str().expect("a text"));
            }
            ["annotate", key, value] => {
                let annotations = self.world().cluster.metadata.annotations.get_or_insert_default();
                annotations.insert((*key).to_owned(), (*value).to_owned());
            }
            ["annotate", key] => {
                let annotations = self.world().cluster.metadata.annotations.get_or_insert_default();
                assert!(annotations.remove(*key).is_some(), "there is no annotation {key}");
            }
            ["origin", name] => self.world().give_backup(name, ""),
            ["origin", name, ..] => {
                let change = line.split_once(name).expect("the name is in the line").1.trim();
                self.world().give_backup(name, change);
            }
            ["delete-origin", name] => self.world().delete_origin(name),
            ["archive", "until", time] => {
                self.world().archive_until(time.parse().expect("a time"));
            }
            ["provisioner", driver] => self.world().provisioner = (*driver).to_owned(),
            ["snapshot", "fails", ..] => {
                self.world().snapshot.error = Some(line.trim_start_matches("snapshot fails ").to_owned());
            }
            ["snapshot", "works"] => self.world().snapshot.error = None,
            ["check", "finds", "nothing"] => self.world().findings.clear(),
            ["check", "finds", ..] => {
                self.world().findings = vec![line.trim_start_matches("check finds ").to_owned()];
            }
            ["pg_upgrade", "succeeds"] => self.world().upgrade_fails = None,
            ["pg_upgrade", "fails", ..] => {
                self.world().upgrade_fails = Some(line.trim_start_matches("pg_upgrade fails ").to_owned());
            }
            ["backup", name] => self.world().backup_by_hand(name),
            ["backups", "succeed"] => self.world().backups_end = BackupsEnd::Well,
            ["backups", "hang"] => self.world().backups_end = BackupsEnd::Never,
            ["backups", "fail", ..] => {
                let why = line.trim_start_matches("backups fail ").to_owned();
                self.world().backups_end = BackupsEnd::Badly(why);
            }
            ["verify", backup] => self.world().verify_by_hand(backup),
            ["drills", "pass"] => self.world().drills_end = DrillsEnd::Well,
            ["drills", "hang"] => self.world().drills_end = DrillsEnd::Never,
            ["drills", "fail", ..] => {
                let why = line.trim_start_matches("drills fail ").to_owned();
                self.world().drills_end = DrillsEnd::Badly(why);
            }
            ["lose", backup] => {
                let backup = self.world().backups.get_mut(*backup).expect("the backup exists");
                backup.status.phase = stylobate::api::BackupPhase::Lost;
                backup.status.reason = Some("its snapshot is not there any more".into());
            }
            ["hold", backup] => {
                self.world().backups.get_mut(*backup).expect("the backup exists").spec.hold = true;
            }
            ["kill-container", pod] => self.world().kill(pod),
            ["lose-node", node] => self.world().lose_node(node),
            ["find-node", node] => self.world().find_node(node),
            ["pretend", "nobody"] => self.world().pretender = None,
            ["pretend", pod] => self.world().pretender = Some((*pod).to_owned()),
            ["refuse", "nothing"] => self.world().refusals.clear(),
            ["refuse", kind, name, ..] => {
                let words = line.split_once(name).expect("the name is in the line").1.trim().to_owned();
                let owner = ChildRef::new(child_kind(kind), *name);
                self.world().refusals.push(Refusal { owner, words });
            }
            ["cordon", node] => {
                self.world().draining.insert((*node).to_owned(), "it is cordoned".into());
            }
            ["uncordon", node] => {
                assert!(self.world().draining.remove(*node).is_some(), "{node} is not cordoned")
            }
            ["fill", pod, word] => {
                let pod = self.world().pods.get_mut(*pod).expect("the pod exists");
                pod.disk =
                    stylobate::observe::DiskUse::parse(Some(word).filter(|word| **word != "not").copied());
            }
            ["lethal", name, value, ..] => {
                let words = line.split_once(value).expect("the value is in the line").1.trim().to_owned();
                self.world().broken.lethal = Some(((*name).to_owned(), (*value).to_owned(), words));
            }
            ["lethal-with-container"] => self.world().broken.with_its_container = true,
            ["deaf", name, value] => {
                self.world().broken.deaf = Some(((*name).to_owned(), (*value).to_owned()));
            }
            ["fix-class", class] => self.world().fixed_class = Some((*class).to_owned()),
            ["lead", pod] => self.world().lead(pod),
            ["lose-image", image] => {
                for world in self.others.iter_mut().chain(&mut self.world) {
                    world.missing_images.insert((*image).to_owned());
                }
            }
            ["find-image", image] => {
                for world in self.others.iter_mut().chain(&mut self.world) {
                    assert!(world.missing_images.remove(*image), "{image} is not missing");
                }
            }
            ["clock", length] => {
                let length: jiff::SignedDuration =
                    length.trim_start_matches('+').parse().expect("a length as 1h");
                self.world().now += length;
            }
            ["annotate", key, ..] => {
                let value = line.split_once(key).expect("the key is in the line").1.trim().to_owned();
                let notes = self.world().cluster.metadata.annotations.get_or_insert_default();
                if value.is_empty() {
                    notes.remove(*key)
                } else {
                    notes.insert((*key).to_owned(), value)
                };
            }
            ["disrupt", name] => {
                self.world().disrupted.insert(ClusterName::new("ledger", *name));
            }
            ["undisrupt", name] => {
                self.world().disrupted.remove(&ClusterName::new("ledger", *name));
            }
            ["crash", "after", "step", count] => self.cut = Some(count.parse().expect("a number of steps")),
            ["wait", seconds] => {
                let seconds = jiff::SignedDuration::from_secs(seconds.parse().expect("a number of seconds"));
                self.others.iter_mut().chain(&mut self.world).for_each(|world| world.now += seconds);
            }
            ["show", what] => {
                let text = self.world().show(what);
                self.out.push_str(&text);
            }
            other => panic!("no such command: {other:?}"),
        }
    }

    fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            self.one();
        }
    }

    fn one(&mut self) -> Decision {
        let cut = self.cut.take();
        self.round += 1;
        let before = self.world().cluster.status.clone();
        if let (Some(watch), Some(world)) = (&mut self.watch, &self.world) {
            watch.plan(world);
        }
        let decision = self.world().round(cut);
        let _ = writeln!(self.out, "round {}", self.round);
        let same = before.as_ref() == Some(&decision.status);
        if let Some(watch) = &mut self.watch {
            watch.see(&decision, cut, same);
        }
        self.out.push_str(&told(&decision, cut, same));
        decision
    }

    /// Rounds of all clusters in turn.
    fn together(&mut self, turns: bool) {
        let mut worlds: Vec<World> = self.world.take().into_iter().chain(self.others.drain(..)).collect();
        self.out.push_str(&fleet::settle(&mut worlds, turns));
        self.others = worlds.split_off(1);
        self.world = worlds.pop();
    }

    /// Rounds until one has nothing to do and says what the one before said.
    fn settle(&mut self) {
        for _ in 0..ENOUGH {
            let before = self.world().cluster.status.clone();
            let decision = self.one();
            let gone = !self.world().exists;
            if gone || (decision.steps.is_empty() && before.as_ref() == Some(&decision.status)) {
                return;
            }
        }
        panic!("no rest after {ENOUGH} rounds:\n{}", self.out);
    }
}

/// What a decision does and says, as text; a status that is the same as before is not said again.
fn told(decision: &Decision, cut: Option<usize>, same: bool) -> String {
    let mut text = String::new();
    for (number, step) in decision.steps.iter().enumerate() {
        if Some(number) == cut {
            let _ = writeln!(text, "  -- the operator crashes here --");
        }
        let _ = writeln!(text, "  {:?}: {step}", step.hazard());
    }
    for verdict in &decision.verdicts {
        let _ = writeln!(text, "  {verdict}");
    }
    if let Some(answer) = &decision.answer {
        let _ = writeln!(text, "  answer: {:?}, {}", answer.outcome, answer.message);
    }
    if same {
        let steps = if decision.steps.is_empty() { "no steps, " } else { "" };
        let _ = writeln!(text, "  {steps}status as before");
        return text;
    }
    let status = &decision.status;
    let primary = status.primary.as_deref().unwrap_or("none");
    let _ = writeln!(
        text,
        "  {:?}, {} ready, primary {primary}, pooler {}/{}",
        status.state, status.ready, status.pooler.ready, status.pooler.wanted
    );
    for condition in &status.conditions {
        let _ = writeln!(
            text,
            "  {}={} {}: {}",
            condition.type_, condition.status, condition.reason, condition.message
        );
    }
    text
}

fn example(file: &str) -> String {
    let path = format!("docs/examples/{file}");
    std::fs::read_to_string(&path).unwrap_or_else(|cause| panic!("failed to read {path}: {cause}"))
}

fn child_kind(name: &str) -> Kind {
    Kind::ALL.into_iter().find(|kind| kind.to_string() == name).unwrap_or_else(|| panic!("no kind {name}"))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text.trim()).unwrap_or_else(|cause| panic!("{text} is no YAML: {cause}"))
}

impl World {
    /// Changes a field of the spec, as `kubectl edit` does.
    pub fn edit(&mut self, path: &str, value: &str) {
        let mut object = serde_json::to_value(&self.cluster).expect("it serializes");
        let mut at = &mut object;
        for part in path.split('.') {
            at = match part.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[part],
            };
        }
        *at = yaml(value);
        self.cluster = serde_json::from_value(object).expect("the edit keeps the schema");
        self.cluster.metadata.generation = self.cluster.metadata.generation.map(|number| number + 1);
    }
}
