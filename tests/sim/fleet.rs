//! Several clusters under one operator: each in a world of its own, with the disruption slots between them.

use std::fmt::Write as _;

use stylobate::decide::Decision;
use stylobate::fleet::pull_failures;

use super::World;

/// More rounds than two rollouts take, one after the other.
const ENOUGH: usize = 80;

/// Rounds of all clusters in turn, until all are at rest; what each does is told. With `turns` no two may have a member away at once.
pub fn settle(worlds: &mut [World], turns: bool) -> String {
    let mut out = String::new();
    for number in 1..=ENOUGH {
        let mut still = true;
        for index in 0..worlds.len() {
            worlds[index].disrupted = held(worlds, index);
            let clusters = worlds.iter().map(|world| &world.cluster);
            worlds[index].pull_failures = pull_failures(&worlds[index].name(), clusters);
            let world = &mut worlds[index];
            let before = world.cluster.status.clone();
            let decision = world.round(None);
            if decision.steps.is_empty() && before == world.cluster.status {
                continue;
            }
            still = false;
            out.push_str(&told(number, world, &decision));
            if turns {
                taking_turns(worlds, number);
            }
        }
        if still {
            return out;
        }
    }
    panic!("no rest after {ENOUGH} rounds:\n{out}")
}

/// Clusters but this one that hold a slot.
fn held(worlds: &[World], but: usize) -> std::collections::BTreeSet<stylobate::name::ClusterName> {
    let others = worlds.iter().enumerate().filter(|(index, _)| *index != but).map(|(_, world)| world);
    let holds = |world: &&World| world.cluster.status.as_ref().is_some_and(|status| status.slot.is_some());
    others.filter(holds).map(World::name).collect()
}

/// Two clusters with a member away at the same time are what the slots are there to prevent.
fn taking_turns(worlds: &[World], number: usize) {
    let away = |world: &&World| {
        let ready = |ordinal: i32| world.pods.get(&world.group().pod(ordinal)).is_some_and(|pod| pod.ready);
        !(0..world.cluster.spec.instances).all(ready)
    };
    let disrupted: Vec<String> = worlds.iter().filter(away).map(|world| world.name().to_string()).collect();
    assert!(disrupted.len() <= 1, "round {number}: members of {disrupted:?} are away at once");
}

fn told(number: usize, world: &World, decision: &Decision) -> String {
    let mut text = String::new();
    let name = world.name().name;
    for step in &decision.steps {
        let _ = writeln!(text, "  {number} {name}: {:?}: {step}", step.hazard());
    }
    for verdict in &decision.verdicts {
        let _ = writeln!(text, "  {number} {name}: {verdict}");
    }
    text
}
