//! The generated pages are what the code says, and each of them is there.

use std::fs;

use stylobate::cli::reference::pages;

use crate::tree::read;

#[test]
fn the_committed_pages_are_what_the_code_says() {
    let mut names = Vec::new();
    for (name, text) in pages() {
        assert!(
            read(&format!("docs/reference/{name}.md")) == text,
            "docs/reference/{name}.md differs: run `make docs` and commit the result"
        );
        names.push(format!("{name}.md"));
    }
    let there = fs::read_dir("docs/reference").expect("docs/reference is a folder");
    let stale = there
        .flatten()
        .map(|file| file.file_name().into_string().unwrap())
        .filter(|file| !names.contains(file));
    assert_eq!(stale.collect::<Vec<_>>(), Vec::<String>::new(), "nothing generates these");
    for name in names {
        let told = read("README.md").contains("docs/reference/") || read("README.md").contains(&name);
        assert!(told, "README.md leads nobody to docs/reference/{name}");
    }
}
