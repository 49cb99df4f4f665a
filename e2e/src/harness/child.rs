//! Programs beside us: the scripts that boot, and nothing that the API server would answer.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::broken::Kept;
use crate::ensure;

/// Runs a program in the repository's root; its standard output.
///
/// # Errors
/// With the last lines of what it printed, when it fails.
pub async fn output(root: &Path, arguments: &[&str]) -> Kept<String> {
    let command = arguments.join(" ");
    let (program, arguments) = arguments.split_first().map_or(("true", [].as_slice()), |(p, a)| (*p, a));
    let done = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    let errors = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(
        done.status.success(),
        "{command} ended with {}: {}",
        done.status,
        tail(&format!("{out}{errors}"), 25)
    );
    Ok(out)
}

/// The last lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_tells_what_was_printed() {
        let here = Path::new(".");
        assert_eq!(output(here, &["sh", "-c", "echo yes"]).await.unwrap(), "yes\n");
        let why = output(here, &["sh", "-c", "echo no >&2; exit 3"]).await.unwrap_err().to_string();
        assert!(why.contains("no") && why.contains('3'), "{why}");
    }

    #[test]
    fn a_tail_is_the_end() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
    }
}
