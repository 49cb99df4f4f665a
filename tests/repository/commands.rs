//! Every command that a document tells a person to type exists: targets of make, subcommands of stylobate.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::tree::{files, read};

/// The first word after `before` wherever that stands at the beginning of a command: after a back-tick, or first in a line.
fn typed<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    let begins = move |at: usize| {
        let ahead = text[..at].trim_end_matches([' ', '\t', '>']);
        text[..at].ends_with('`') || ahead.is_empty() || ahead.ends_with('\n')
    };
    text.match_indices(before).filter(move |(at, _)| begins(*at)).filter_map(move |(at, _)| {
        let rest = &text[at + before.len()..];
        let word = rest.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-')).next()?;
        (!word.is_empty() && !word.starts_with('-')).then_some(word)
    })
}

/// The words that documents have after this, each with a file that has it.
fn in_documents(before: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for file in files().iter().filter(|file| file.kind() == "md" && file.path != "CHANGELOG.md") {
        for word in typed(&file.text, before) {
            found.entry(word.to_owned()).or_insert_with(|| file.path.clone());
        }
    }
    found
}

fn targets() -> BTreeSet<String> {
    let makefiles = files().into_iter().filter(|file| file.kind() == "mk" || file.path == "Makefile");
    let text: String = makefiles.map(|file| file.text).collect();
    let rules = text.lines().filter(|line| !line.starts_with(['\t', '.', '#']));
    rules
        .filter_map(|line| line.split_once(':'))
        .flat_map(|(names, _)| names.split_whitespace())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_target_of_make_that_a_document_names_is_there() {
    let (named, there) = (in_documents("make "), targets());
    assert!(named.len() > 10, "{named:?}");
    let missing: Vec<_> = named.iter().filter(|(target, _)| !there.contains(*target)).collect();
    assert!(missing.is_empty(), "no such target: {missing:?}");
}

#[test]
fn every_subcommand_that_a_document_names_is_there() {
    let named = in_documents("stylobate ");
    assert!(named.len() > 5, "{named:?}");
    let known = |name: &str| {
        let run = Command::new(env!("CARGO_BIN_EXE_stylobate"))
            .args([name, "--help"])
            .output()
            .expect("the binary runs");
        run.status.success()
    };
    let missing: Vec<_> = named.iter().filter(|(name, _)| !known(name)).collect();
    assert!(missing.is_empty(), "no such subcommand: {missing:?}");
}

#[test]
fn the_table_of_tests_in_readme_has_every_ring() {
    let script = read("tests/rings.sh");
    let rings =
        script.lines().find_map(|line| line.strip_prefix("RINGS=(")).expect("tests/rings.sh lists the rings");
    let readme = read("README.md");
    for ring in rings.trim_end_matches(')').split_whitespace() {
        assert!(
            readme.contains(&format!("| `make test-{ring}` |")),
            "README.md has no row for make test-{ring}"
        );
    }
}
