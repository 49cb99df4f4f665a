//! What the pods of a cluster ask for is what `local/room.sh` reckons with, or a tour that found room would stand still all the same.

use serde_json::{Value, json};

use crate::child::Kind;
use crate::fixture::{observed, settle, start};
use crate::tuning::units::{MIB, quantity_bytes, quantity_millis};

/// A number that the shell reckons with.
fn constant(name: &str) -> u64 {
    let script = include_str!("../../local/room.sh");
    let line = script.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    line.unwrap_or_else(|| panic!("local/room.sh has no {name}")).parse().expect("a number")
}

/// Thousandths of a CPU and MiB that one pod of this template asks for.
fn asks(template: &Value) -> (u64, u64) {
    let containers =
        template.pointer("/spec/template/spec/containers").and_then(Value::as_array).expect("containers");
    let sum = |resource: &str, read: fn(&str) -> Option<u64>| -> u64 {
        let requests =
            containers.iter().map(|one| one["resources"]["requests"][resource].as_str().expect("a request"));
        requests.map(|quantity| read(quantity).expect("a quantity")).sum()
    };
    (sum("cpu", quantity_millis), sum("memory", quantity_bytes).div_ceil(MIB))
}

#[test]
fn tours_reckon_with_what_pods_ask_for() {
    let pooler_pods = 2;
    let mut seen = observed(
        json!({"resources": {"cpu": "200m", "memory": "1Gi"}, "pooler": {"instances": pooler_pods}}),
    );
    settle(&mut seen, start());
    let set = seen.children.get(Kind::StatefulSet, "c").expect("the members");
    assert_eq!(asks(set), (200 + constant("EXPORTER_CPU"), 1024 + constant("EXPORTER_MIB")));
    let pooler = seen.children.get(Kind::Deployment, "c-pooler").expect("the pooler");
    let (cpu, memory) = asks(pooler);
    assert_eq!(cpu, constant("POOLER_CPU"));
    let reckoned = pooler_pods * constant("POOLER_MIB") + constant("CONNECTIONS_MIB");
    assert!(
        (reckoned - 200..=reckoned).contains(&(pooler_pods * memory)),
        "{reckoned} MiB reckoned, {memory} MiB a pod"
    );
}
