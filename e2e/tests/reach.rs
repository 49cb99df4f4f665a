//! `tests/rings.txt`, by which `make test-changed` knows which rings a change can reach: no file is forgotten, and no rule is left over.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Files that git knows, and new ones that it does not ignore.
fn files() -> Vec<String> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(arguments).current_dir(root()).output().expect("git is there");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).expect("paths are text");
    // A file that was removed and is not committed yet is still listed.
    listed.lines().map(str::to_owned).filter(|path| root().join(path).exists()).collect()
}

/// What `rings.sh reach` says to these paths.
fn reach(paths: &[&str]) -> Output {
    let mut script = Command::new("tests/rings.sh")
        .arg("reach")
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the script runs");
    let mut stdin = script.stdin.take().expect("it has a standard input");
    stdin.write_all((paths.join("\n") + "\n").as_bytes()).expect("it reads");
    drop(stdin);
    script.wait_with_output().expect("it ends")
}

fn rings(paths: &[&str]) -> Vec<String> {
    let output = reach(paths);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("rings are text").lines().map(str::to_owned).collect()
}

/// Patterns and their rings, in order.
fn rules() -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(root().join("tests/rings.txt")).expect("the rules are there");
    let mut rules = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace().map(str::to_owned);
        rules.push((words.next().expect("a pattern"), words.collect()));
    }
    rules
}

/// As bash matches, for patterns with at most one `*`.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((head, tail)) => {
            path.len() >= head.len() + tail.len() && path.starts_with(head) && path.ends_with(tail)
        }
    }
}

#[test]
fn every_file_reaches_a_ring_or_is_declared_to_reach_none() {
    let files = files();
    assert!(files.len() > 500, "git lists {} files", files.len());
    let paths: Vec<&str> = files.iter().map(String::as_str).collect();
    let output = reach(&paths);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_rule_decides_for_a_file() {
    let (files, rules) = (files(), rules());
    for (index, (pattern, _)) in rules.iter().enumerate() {
        let first = |path: &&String| rules.iter().position(|(other, _)| matches(other, path)) == Some(index);
        assert!(
            files.iter().any(|path| first(&path)),
            "no file is left for the rule {pattern}: remove or move it"
        );
    }
}

#[test]
fn every_ring_is_a_target() {
    let mut targets = String::new();
    for file in std::fs::read_dir(root().join("make")).expect("make/ is there") {
        targets += &std::fs::read_to_string(file.expect("a file").path()).expect("a text");
    }
    for (pattern, rings) in rules() {
        for ring in
            rings.iter().map(|ring| ring.split(':').next().unwrap_or_default()).filter(|ring| *ring != "all")
        {
            assert!(
                targets.contains(&format!("\ntest-{ring}:")),
                "{pattern} names ring {ring}, which is no target"
            );
        }
    }
}

#[test]
fn rings_come_in_their_order_and_once() {
    assert_eq!(
        rings(&["src/decide.rs", "src/api/parts.rs", "README.md"]),
        ["rust", "charts", "admission", "e2e"]
    );
    assert_eq!(rings(&["make/test.mk"]).len(), 9, "what runs the rings reaches all");
    assert_eq!(rings(&["bench/run.sh"]), Vec::<String>::new());
}

#[test]
fn a_suite_is_reached_alone_unless_all_are() {
    let (archive, in_place) = ("tests/e2e/promises/56-archive.sh", "e2e/src/suites/in_place.rs");
    assert_eq!(rings(&[archive, in_place]), ["rust", "e2e:archive", "e2e:in-place"]);
    assert_eq!(rings(&[archive, "tests/e2e/lib.sh"]), ["rust", "e2e"]);
}

#[test]
fn a_path_without_a_rule_is_a_fault_that_says_where_to_add_one() {
    let output = reach(&["nowhere/x"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("nowhere/x") && said.contains("tests/rings.txt"), "{said}");
}
