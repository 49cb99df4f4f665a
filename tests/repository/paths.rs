//! Every path of the repository that a document, a comment or an image names is there.
//!
//! A path is what begins with a folder of the root and a slash, where no longer path leads up to it: `docs/status.md` is one,
//! `/usr/local/bin` and `https://host/docs/x` are none. What stands for many (`*`, `<major>`, `{name}`, `$1`, `NAME`) ends the part
//! that is looked up. Documents are read whole, everything else in its comments, Dockerfiles also where they copy from; and `docs/`
//! everywhere, since messages lead people there.

use std::path::Path;

use crate::tree::{Text, files};

/// Folders of the root that are named by paths.
const FOLDERS: [&str; 14] = [
    "bench",
    "charts",
    "crds",
    "docs",
    "e2e",
    "images",
    "local",
    "make",
    "policies",
    "src",
    "terraform",
    "tests",
    ".ci",
    ".github",
];
/// Named and not there: made when the local cluster is started; made by a person who follows `docs/gcp/new-customer.md`.
const MADE: [&str; 2] = ["local/.state", "terraform/customers/shop"];

/// Letters of a path.
fn of_path(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_./-".contains(letter)
}

/// The paths that a line names.
fn named(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(begin) = rest.find(of_path) {
        let before = rest[..begin].chars().next_back();
        let word: &str = rest[begin..].split(|letter| !of_path(letter)).next().unwrap_or_default();
        rest = &rest[begin + word.len()..];
        // What a variable or a placeholder leads up to is the path of something else.
        let led_up = before.is_some_and(|letter| "$}>*~@".contains(letter));
        let folder = word.split('/').next().unwrap_or_default();
        if led_up || !word.contains('/') || !FOLDERS.contains(&folder) {
            continue;
        }
        let many = rest.starts_with(['*', '<', '{', '$', '?', '[', '\\']);
        found.push(fixed(word, many));
    }
    found
}

/// The part of a path that stands for one thing alone.
fn fixed(word: &str, many: bool) -> String {
    let word = word.trim_end_matches(['.', '-']);
    let mut parts: Vec<&str> = word.split('/').collect();
    if many {
        parts.pop();
    }
    let placeholder = |part: &&str| {
        let stem = part.split('.').next().unwrap_or_default();
        stem.len() > 1 && !part.contains("README") && stem.chars().all(|letter| letter.is_ascii_uppercase())
    };
    if let Some(first) =
        parts.iter().position(|part| placeholder(part) && !Path::new(&parts.join("/")).exists())
    {
        parts.truncate(first);
    }
    parts.join("/")
}

/// The part of a line that is read.
fn read_part<'a>(file: &Text, line: &'a str) -> Option<&'a str> {
    let comment = |mark: &str| line.find(mark).map(|at| &line[at..]);
    match file.kind() {
        "md" | "txt" | "mk" | "Makefile" => Some(line),
        "Dockerfile" if line.trim_start().starts_with("COPY ") && !line.contains("--from=") => copied(line),
        "rs" | "go" => comment("//"),
        "sh" | "bash" | "py" | "tf" | "hcl" | "yaml" | "yml" | "toml" | "conf" | "Dockerfile" | "tpl"
        | "tfvars" => comment("#"),
        "sql" => comment("--"),
        _ if file.text.starts_with("#!") => comment("#"),
        _ => None,
    }
}

/// The paths that a line of the file names.
fn paths(file: &Text, line: &str) -> Vec<String> {
    let mut found = read_part(file, line).map(named).unwrap_or_default();
    found.extend(named(line).into_iter().filter(|path| path.starts_with("docs/")));
    found.sort();
    found.dedup();
    found
}

/// What a Dockerfile copies from the checkout: all words but the flags and the last.
fn copied(line: &str) -> Option<&str> {
    Some(line.trim_end().rsplit_once(' ')?.0)
}

#[test]
fn every_path_that_is_named_is_there() {
    let mut missing = Vec::new();
    let mut seen = 0;
    for file in files() {
        for (number, line) in file.text.lines().enumerate() {
            for path in paths(&file, line) {
                seen += 1;
                if !MADE.iter().any(|made| path.starts_with(made)) && !Path::new(&path).exists() {
                    missing.push(format!("{}:{}: {path}", file.path, number + 1));
                }
            }
        }
    }
    assert!(seen > 300, "only {seen} paths were found: the pattern finds nothing any more");
    assert!(missing.is_empty(), "these are named and not there:\n{}", missing.join("\n"));
}

#[test]
fn every_decision_and_every_link_leads_somewhere() {
    let mut missing = Vec::new();
    for file in files() {
        for (number, line) in file.text.lines().enumerate() {
            let decisions = line.split(|letter| !of_path(letter)).filter(|word| {
                word.len() > 8
                    && word.ends_with(".md")
                    && word[..4].bytes().all(|byte| byte.is_ascii_digit())
                    && &word[4..5] == "-"
            });
            let decisions = decisions.map(|word| format!("docs/decisions/{word}"));
            let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            // What stands in back-ticks is no link.
            let prose: String = line.split('`').step_by(2).collect();
            let links = prose
                .split("](")
                .skip(1)
                .filter(|_| file.kind() == "md")
                .filter_map(|rest| rest.split(')').next());
            let links = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
            let links = links.map(|link| {
                Path::new(folder).join(link.split('#').next().unwrap_or(link)).to_string_lossy().into_owned()
            });
            missing.extend(
                decisions
                    .chain(links)
                    .filter(|path| !Path::new(path).exists())
                    .map(|path| format!("{}:{}: {path}", file.path, number + 1)),
            );
        }
    }
    assert!(missing.is_empty(), "these are named and not there:\n{}", missing.join("\n"));
}

#[test]
fn what_stands_for_many_is_looked_up_as_far_as_it_stands_for_one() {
    for (line, paths) in [
        ("see `docs/status.md`, and docs/gcp/.", vec!["docs/status.md", "docs/gcp/"]),
        ("/usr/local/bin, https://host/docs/x.md, ../docs/x and $HOME/docs/x", vec![]),
        (
            "`tests/scenarios/NAME.txt`, `src/tuning/catalog/<major>.tsv`",
            vec!["tests/scenarios", "src/tuning/catalog/"],
        ),
        ("tests/e2e/promises/*.sh and crds/{name}.yaml", vec!["tests/e2e/promises/", "crds/"]),
        ("src/plan/mod.rs: a rule", vec!["src/plan/mod.rs"]),
    ] {
        let paths: Vec<String> =
            paths.into_iter().map(|path| path.trim_end_matches('/').to_owned()).collect();
        let found: Vec<String> =
            named(line).iter().map(|path| path.trim_end_matches('/').to_owned()).collect();
        assert_eq!(found, paths, "{line}");
    }
}
