//! README's *Limits* are those of `docs/status.md`: each line of README is the head of one there, word for word.

use crate::tree::read;

/// The items of a list below a heading, each in one line.
fn items(text: &str, heading: &str) -> Vec<String> {
    let section = text.split_once(heading).unwrap_or_else(|| panic!("there is no '{heading}'")).1;
    let section = section.split("\n## ").next().unwrap_or(section);
    let items = section.split("\n- ").skip(1).map(|item| item.split("\n\n").next().unwrap_or(item));
    items.map(|item| item.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn what_readme_says_is_missing_is_what_status_says() {
    let readme = items(&read("README.md"), "\n## Limits");
    let status = items(&read("docs/status.md"), "# What is there and what is missing");
    assert!(readme.len() >= 4, "{readme:?}");
    for limit in &readme {
        assert!(
            status.iter().any(|item| item.starts_with(limit.as_str())),
            "docs/status.md has no item that begins with: {limit}"
        );
    }
}
