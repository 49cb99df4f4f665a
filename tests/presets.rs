//! The presets in `policies/tuning/`: each is taken by the checker on the machine that it is made for, and each setting has a
//! reason beside it.

// Each test program uses a part of the shared simulator.
#[allow(dead_code)]
mod sim;

use std::collections::BTreeMap;
use std::fs;

use k8s_openapi::api::core::v1::ConfigMap;
use sim::World;

/// A preset, and the size of a member that it is for.
const PRESETS: [(&str, &str, &str); 3] =
    [("oltp", "4Gi", "2"), ("analytics", "4Gi", "4"), ("small", "512Mi", "250m")];

fn text(name: &str) -> String {
    fs::read_to_string(format!("policies/tuning/{name}.yaml")).expect("the preset is there")
}

fn settings(name: &str) -> BTreeMap<String, String> {
    let map: ConfigMap = serde_saphyr::from_str(&text(name)).expect("it is a ConfigMap");
    map.data.expect("it has settings")
}

#[test]
fn every_preset_is_taken_on_the_machine_that_it_is_for() {
    let yaml = fs::read_to_string("docs/examples/ledger.yaml").expect("the example is there");
    for (name, memory, cpu) in PRESETS {
        let mut world = World::new(&yaml);
        world.tuning.insert("preset".into(), settings(name));
        world.edit("spec.tuning", r#"[{"configMap": "preset"}]"#);
        world.edit("spec.resources", &format!(r#"{{"memory": "{memory}", "cpu": "{cpu}"}}"#));
        let decision = world.decide();
        assert!(decision.problems.is_empty(), "{name}: {:?}", decision.problems);
        assert!(decision.refused.is_empty(), "{name}: {:?}", decision.refused);
        let sources = decision.status.tuning.iter().filter(|row| row.source == "preset").count();
        assert_eq!(sources, settings(name).len(), "{name}: every setting is in force");
    }
}

#[test]
fn every_preset_of_the_folder_is_tested_and_every_setting_has_its_reason() {
    let files = fs::read_dir("policies/tuning").expect("the folder is there");
    assert_eq!(files.count(), PRESETS.len());
    for (name, _, _) in PRESETS {
        let text = text(name);
        let data = text.split_once("\ndata:\n").expect("it has data").1;
        assert!(data.starts_with("  # "), "{name} begins with a reason");
        for pair in data.lines().collect::<Vec<_>>().windows(2) {
            let is_reason = |line: &str| line.trim_start().starts_with('#');
            assert!(!is_reason(pair[0]) || pair[1].starts_with("  "), "{name}: {} says nothing", pair[0]);
        }
    }
}
