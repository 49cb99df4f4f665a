//! The plan of every edit in every script is held against the steps that the script then takes: the same, or it fails. What no plan can
//! know is named below with its reason, and a name that is not needed fails too.

use std::collections::BTreeMap;
use std::fs;

use stylobate::foresee::Foreseen;
use stylobate::plan::{Hazard, Step};

use super::sim::script;
use super::sim::watch::Kept;

/// What no plan can know.
struct Named {
    script: &'static str,
    /// Part of the commands of the edit.
    edit: &'static str,
    /// Beginning of what is told as wrong; empty for all of it, where the rest of the way is another one.
    wrong: &'static str,
    /// What the script does that no plan can know.
    reason: &'static str,
}

const NAMED: &[Named] = &[
    Named {
        script: "major",
        edit: "stylobate.dev/upgrade-without-backup 17",
        wrong: "Sql check whether PostgreSQL 15.90 can become 17.91 is planned 1 times, and taken 0 times",
        reason: "the check was made before: its report is in the catalogs, which a plan does not read",
    },
    Named {
        script: "major-fails",
        edit: "stylobate.dev/upgrade-without-backup 17",
        wrong: "",
        reason: "pg_upgrade fails, and the way back is another one",
    },
    Named {
        script: "contested",
        edit: "spec.pooler.clients 20",
        wrong: "RefreshFiles ledger-pooler-",
        reason: "admission has five pods of the pooler made where the spec says two",
    },
    Named {
        script: "refused-pods",
        edit: "create ledger.yaml",
        wrong: "RefreshFiles ",
        reason: "a quota refuses the pods: that is told by events, which a plan does not read",
    },
];

/// What a step is and what it is done to.
type Key = (&'static str, String);

fn key(step: &Step) -> Key {
    let of = match step {
        Step::Mint(mint) => mint.secret().to_owned(),
        Step::Apply { child, .. } => child.reference.to_string(),
        Step::Delete { reference, .. } => reference.to_string(),
        Step::ReleasePods { set, .. } => set.clone(),
        Step::StopPod { pod, .. }
        | Step::ReplacePod { pod, .. }
        | Step::ResizePod { pod, .. }
        | Step::RestartServer { pod, .. }
        | Step::MarkPod { pod, .. }
        | Step::RefreshFiles { pod, .. } => pod.clone(),
        Step::Expand { claim, .. }
        | Step::CloneVolume { claim, .. }
        | Step::DropOrders { map: claim, .. }
        | Step::SettleVolume { claim }
        | Step::RetireVolume { claim, .. }
        | Step::HandOverVolume { claim, .. } => claim.clone(),
        Step::Switchover { from, to, .. } => format!("{from} to {to}"),
        Step::Configure { group, .. } | Step::StoreSettings { group, .. } => group.scope(),
        Step::Sql { task, .. } => task.summary.clone(),
        Step::DeleteBackup { backup, .. } | Step::NoteKept { backup, .. } => backup.clone(),
        other => other.to_string(),
    };
    (step.action(), of)
}

/// What follows from the clock or from what the catalogs hold, and not from an edit: `stylobate plan` says that it does not tell it.
fn is_told(step: &Step) -> bool {
    match step {
        Step::Sql { task, .. } => task.statements.iter().any(|one| one.text.contains("TO PROGRAM")),
        Step::CreateBackup { .. }
        | Step::RecordMissed { .. }
        | Step::RequestDrill { .. }
        | Step::NoteKept { .. }
        | Step::DeleteBackup { .. } => false,
        _ => true,
    }
}

/// How often each is done; what nobody notices counts once, however many rounds it takes.
fn counted<'a>(steps: impl Iterator<Item = &'a Step>) -> BTreeMap<Key, usize> {
    let mut all = BTreeMap::new();
    for step in steps.filter(|step| is_told(step)) {
        let count = all.entry(key(step)).or_default();
        *count = if step.hazard() == Hazard::Routine { 1 } else { *count + 1 };
    }
    all
}

/// What is wrong with the plan of one edit; nothing when it told what came.
fn wrong(kept: &Kept) -> Vec<String> {
    let plan = &kept.plan.steps;
    let (planned, taken) = (counted(plan.iter().map(|found| &found.step)), counted(kept.taken.iter()));
    // What waits for its time when the script goes on, and what comes after it, is not taken.
    let waits = |found: &Foreseen| found.waits.is_some();
    let sure = plan.iter().take_while(|found| !(kept.held && waits(found)));
    let sure = counted(sure.map(|found| &found.step));
    let mut wrong = Vec::new();
    for (key, count) in &taken {
        let told = planned.get(key).copied().unwrap_or_default();
        if told < *count {
            wrong.push(format!("{} {} is taken {count} times, and planned {told} times", key.0, key.1));
        }
    }
    for (key, count) in sure.iter().filter(|_| kept.rested) {
        let done = taken.get(key).copied().unwrap_or_default();
        if done < *count {
            wrong.push(format!("{} {} is planned {count} times, and taken {done} times", key.0, key.1));
        }
    }
    wrong
}

/// All scripts by name.
fn scripts() -> Vec<(String, String)> {
    let entries = fs::read_dir("tests/scenarios").expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut scripts: Vec<(String, String)> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a script"))
        })
        .collect();
    scripts.sort();
    scripts
}

#[test]
fn the_plan_of_every_edit_in_every_script_is_what_the_script_then_does() {
    let (mut edits, mut told, mut needed) = (0, String::new(), vec![false; NAMED.len()]);
    for (name, text) in scripts() {
        for kept in script::watch(&text) {
            edits += 1;
            let mut wrong = wrong(&kept);
            for (index, named) in NAMED.iter().enumerate() {
                if named.script == name && kept.edit.contains(named.edit) {
                    let before = wrong.len();
                    wrong.retain(|line| !line.starts_with(named.wrong));
                    needed[index] |= wrong.len() < before;
                }
            }
            if !wrong.is_empty() {
                let stands = kept.plan.stands.as_deref().unwrap_or("it goes to its end");
                let lines = wrong.join("\n  ");
                told.push_str(&format!("{name}: {}\n  {lines}\n  the plan: {stands}\n", kept.edit));
            }
        }
    }
    assert!(edits > 100, "{edits} edits were held against their plans");
    assert!(told.is_empty(), "plans that hide or invent steps:\n{told}");
    for (named, needed) in NAMED.iter().zip(needed) {
        assert!(needed, "named without need: {}: {}: {}", named.script, named.edit, named.reason);
    }
}

#[test]
fn a_plan_that_hides_or_invents_one_kind_of_step_is_found() {
    let text = fs::read_to_string("tests/scenarios/resize.txt").expect("the script is there");
    let kept = script::watch(&text);
    let memory = kept.iter().find(|kept| kept.edit.ends_with("spec.resources.memory 2Gi"));
    let memory = memory.expect("the script has this edit").clone();
    assert_eq!(wrong(&memory), [""; 0]);
    for kind in ["Configure", "ResizePod", "RestartServer", "Apply"] {
        let mut hides = memory.clone();
        hides.plan.steps.retain(|found| found.step.action() != kind);
        assert!(hides.plan.steps.len() < memory.plan.steps.len(), "the plan has no {kind}");
        assert!(wrong(&hides).iter().any(|told| told.contains(kind)), "{kind}: {:?}", wrong(&hides));
        let mut invents = memory.clone();
        invents.taken.retain(|step| step.action() != kind);
        assert!(wrong(&invents).iter().any(|told| told.contains(kind)), "{kind}: {:?}", wrong(&invents));
    }
}
