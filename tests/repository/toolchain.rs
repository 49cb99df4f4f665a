//! One release of Rust: what rustup takes is what Cargo.toml asks for, README names and the operator's image is built with.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::tree::{files, read};

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
    for file in files().iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        assert_eq!(between(&file.path, "rust-version = \"", "\""), minor, "{}", file.path);
    }
    assert_eq!(between("README.md", ", Rust ", ","), minor);
    assert_eq!(between("images/operator/Dockerfile", "ARG RUST=rust:", "-"), tested);
}

#[test]
fn what_readme_asks_of_a_machine_is_what_make_up_checks() {
    let asked = |name: &str| between("local/lib/check.sh", &format!("\n{name}="), "\n");
    let gib = |name: &str| asked(name).parse::<u32>().expect("MiB") / 1024;
    let readme = read("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        format!("Go {},", asked("MIN_GO")),
        format!("{} GiB of free memory", gib("MIN_MEMORY_MIB")),
        format!("{} GiB of free disk for the first build", gib("MIN_BUILD_DISK_MIB")),
    ] {
        assert!(readme.contains(&wanted), "README.md does not say: {wanted}");
    }
    let kubernetes = between("local/lib/build.sh", "KUBERNETES_VERSION=", "\n");
    let minor = kubernetes.rsplit_once('.').expect("a version with its patch").0;
    assert!(
        read("local/README.md").contains(&format!("Kubernetes {minor} ")),
        "local/README.md names another Kubernetes"
    );
}

/// A rustup that has one toolchain, under this name, with this release of rustc, and fetches none.
fn names(toolchain: &str, release: &str) -> String {
    let folder = std::env::temp_dir()
        .join(format!("stylobate-toolchain-{}-{toolchain}-{release}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let programs = [
        ("rustup", format!("echo {toolchain}")),
        ("cargo", format!("[ \"${{RUSTUP_TOOLCHAIN:-}}\" = {toolchain} ]")),
        (
            "rustc",
            format!("[ \"$RUSTUP_TOOLCHAIN\" = {toolchain} ] && echo 'rustc {release} (0123456 2026-01-01)'"),
        ),
    ];
    for (name, body) in programs {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let run =
        Command::new("make/toolchain.sh").env("PATH", path).env_remove("RUSTUP_TOOLCHAIN").output().unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert!(run.status.success(), "{run:?}");
    String::from_utf8(run.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_tested_release_is_found_under_another_name_and_no_other_is_taken_for_it() {
    let tested = between("rust-toolchain.toml", "channel = \"", "\"");
    assert_eq!(names("stable", &tested), "stable");
    assert_eq!(names("stable", "1.0.0"), "");
}
