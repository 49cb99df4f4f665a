//! The image catalog between the chart, which writes it, and the operator, which reads it: names, shapes and majors are the same.

use std::fs;

use serde_json::Value;
use stylobate::images::{CONFIG_MAP, KEY, parse};
use stylobate::target::MAJORS;

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|cause| panic!("failed to read {path}: {cause}"))
}

fn schema(chart: &str) -> Value {
    serde_json::from_str(&read(&format!("charts/{chart}/values.schema.json"))).expect("the schema is JSON")
}

#[test]
fn the_chart_writes_the_config_map_that_the_operator_reads() {
    let template = read("charts/stylobate/templates/images.yaml");
    assert!(template.contains(&format!("kind: ConfigMap\nmetadata:\n  name: {CONFIG_MAP}\n")), "{template}");
    assert!(template.contains(&format!("\n  {KEY}: |\n")), "{template}");
    assert!(template.contains(&format!("resourceNames: [{CONFIG_MAP}]")), "{template}");
}

#[test]
fn what_the_charts_tests_render_is_a_catalog() {
    let values: Value =
        serde_saphyr::from_str(&read("charts/tests/images.yaml")).expect("the values are YAML");
    let catalog = parse(&values["engineImages"].to_string()).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(catalog.entries().len(), 3);
}

#[test]
fn the_charts_schema_has_the_fields_of_an_entry_and_the_majors_of_this_release() {
    let schema = schema("stylobate");
    let entry = &schema["properties"]["engineImages"]["items"];
    let fields = entry["properties"].as_object().expect("an entry has fields");
    let given = fields.keys().map(|field| format!("{field}: null")).collect::<Vec<_>>().join(", ");
    let unknown = parse(&format!("- {{{given}}}")).unwrap_err();
    assert!(!unknown.iter().any(|fault| fault.remedy.starts_with("there is no such field")), "{unknown:?}");
    let told = parse("- {nothing: 1}").unwrap_err();
    let listed =
        told.iter().find(|fault| fault.field.ends_with(".nothing")).expect("an unknown field is told");
    for field in fields.keys() {
        assert!(listed.remedy.contains(field.as_str()), "{field} in {}", listed.remedy);
    }
    let mut majors = MAJORS;
    majors.sort_unstable();
    let any = majors.map(|major| major.to_string()).join("|");
    let pattern = |value: &Value| value["pattern"].as_str().expect("a pattern").to_owned();
    assert!(pattern(&fields["version"]).starts_with(&format!("^({any})[.]")));
    let older: Vec<i64> =
        majors.iter().map(|major| i64::from(*major)).filter(|major| *major < i64::from(MAJORS[0])).collect();
    assert_eq!(fields["upgradesFrom"]["enum"], serde_json::json!(older));
    let cluster = self::schema("postgres-cluster");
    assert!(
        pattern(&cluster["properties"]["engine"]["properties"]["version"])
            .starts_with(&format!("^({any})([.]"))
    );
    assert!(read("crds/postgresclusters.yaml").contains(&format!("^({any})([.](0|[1-9][0-9]{{0,3}}))?$")));
}

#[test]
fn the_default_of_a_new_cluster_is_a_major() {
    for (path, text) in [
        ("charts/postgres-cluster/values.yaml", format!("  version: \"{}\"\n", MAJORS[0])),
        ("docs/examples/ledger.yaml", format!("  engine: {{version: \"{}\"}}\n", MAJORS[0])),
    ] {
        assert!(read(path).contains(&text), "{path} has no {text}");
    }
}
