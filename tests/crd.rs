//! The committed definitions are the generated ones.

#[test]
fn the_committed_definitions_are_what_the_types_say() {
    for (name, yaml) in stylobate::cli::crds() {
        let file = format!("crds/{name}.yaml");
        let committed = std::fs::read_to_string(&file).unwrap_or_else(|cause| panic!("{file}: {cause}"));
        assert_eq!(committed, yaml, "run `make crd` and commit the result");
    }
}
