//! One release of Rust: what rustup takes is what Cargo.toml asks for, README names and the operator's image is built with.

use crate::tree::read;

/// The text between these two, in this file.
fn between(path: &str, before: &str, after: &str) -> String {
    let text = read(path);
    let rest = text.split_once(before).unwrap_or_else(|| panic!("{path} does not say {before}")).1;
    rest.split_once(after).unwrap_or_else(|| panic!("{path} has no {after} after {before}")).0.to_owned()
}

#[test]
fn one_release_of_rust_is_tested_asked_for_named_and_built_with() {
    let tested = between("rust-toolchain.toml", "channel = \"", "\"");
    let minor = tested.rsplit_once('.').expect("a release with its patch, as 1.95.0").0;
    assert_eq!(between("Cargo.toml", "rust-version = \"", "\""), minor);
    assert_eq!(between("README.md", ", Rust ", ","), minor);
    assert_eq!(between("images/operator/Dockerfile", "ARG RUST=rust:", "-"), tested);
}
