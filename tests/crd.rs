//! The committed CRD is the generated one.

#[test]
fn the_committed_crd_is_what_the_types_say() {
    let committed =
        std::fs::read_to_string("crds/postgresclusters.yaml").expect("crds/postgresclusters.yaml is there");
    assert_eq!(committed, stylobate::cli::crd(), "run `make crd` and commit the result");
}
