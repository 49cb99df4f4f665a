//! The files of the checkout, without what is built or made beside them.

use std::fs;
use std::path::Path;

/// Folders that are made and not kept: cargo's, git's, the local cluster's, Terraform's, an editor's.
const MADE: [&str; 6] = ["target", ".git", ".state", ".terraform", ".claude", "__pycache__"];

/// A file that people read.
pub struct Text {
    /// Path from the root, as `docs/status.md`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl Text {
    /// Last part of the name after a dot; the name itself where there is none, as `Dockerfile`.
    pub fn kind(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.rsplit('.').next().unwrap_or(name)
    }
}

/// All files whose text can be read.
pub fn files() -> Vec<Text> {
    let mut found = Vec::new();
    collect(Path::new("."), &mut found);
    assert!(found.len() > 500, "only {} files were found: does the test run in the checkout?", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<Text>) {
    for entry in fs::read_dir(folder).expect("a folder of the checkout can be listed").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("the kind of a file");
        if kind.is_dir() && !MADE.contains(&name.to_string_lossy().as_ref()) {
            collect(&path, found);
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(&path)
        {
            found.push(Text { path: path.to_string_lossy().trim_start_matches("./").to_owned(), text });
        }
    }
}

/// The text of one file.
pub fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|cause| panic!("{path}: {cause}"))
}
