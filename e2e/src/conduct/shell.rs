//! Suites in shell: each file of `tests/e2e/promises/` is a program of its own, whose lines are read and shown.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::broken::Kept;
use crate::ensure;
use crate::harness::World;
use crate::told::{self, Told};

/// What runs one file.
const RUNNER: &str = "tests/e2e/suite.sh";

/// A run of one file.
pub struct Shell<'a> {
    /// The cluster, and what all suites share.
    pub world: &'a World,
    /// Name of the suite.
    pub suite: &'static str,
    /// The file, by its name without `.sh`.
    pub file: &'static str,
    /// The namespace of this run.
    pub namespace: &'a str,
    /// Waits are so many times those of an idle machine.
    pub patience: u32,
    /// The last promise to prove, by its whole name; all when none is given.
    pub last: Option<&'a str>,
    /// A file that takes longer is ended.
    pub limit: Duration,
}

impl Shell<'_> {
    /// Runs it to its end; what it told. That it came to its end is a promise too, told only when it is broken.
    pub async fn prove(&self) -> Vec<Told> {
        let mut told = Vec::new();
        if let Err(why) = self.run(&mut told).await {
            let what = format!("{} runs to its end", self.file);
            let why = why.to_string();
            let broken = Told { suite: self.suite, what, kept: false, seconds: 0, why: Some(why.clone()) };
            println!("{broken}");
            told::detail(self.suite, &why);
            told.push(broken);
        }
        told
    }

    async fn run(&self, told: &mut Vec<Told>) -> Kept {
        let mut child = self.command().stdout(Stdio::piped()).spawn()?;
        let read = tokio::time::timeout(self.limit, self.lines(&mut child, told)).await;
        if read.is_err() {
            end_group(&child).await;
        }
        let status = child.wait().await?;
        ensure!(read.is_ok(), "it was ended after {} s", self.limit.as_secs());
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    async fn lines(&self, child: &mut Child, told: &mut Vec<Told>) {
        let Some(out) = child.stdout.take() else { return };
        let mut lines = BufReader::new(out).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match told::read(self.suite, &line) {
                Some(promise) => {
                    println!("{promise}");
                    told.push(promise);
                }
                None => {
                    let line = line.trim_start();
                    if let (Some(why), Some(broken)) = (told::read_why(line), told.last_mut()) {
                        broken.why.get_or_insert_with(|| why.to_owned());
                    }
                    told::detail(self.suite, line);
                }
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.world.root.join(RUNNER));
        command
            .arg(self.file)
            .current_dir(&self.world.root)
            .envs(self.world.versions.environment())
            .env("NS", self.namespace)
            .env("PATIENCE", self.patience.to_string())
            .env("E2E_ROOM", self.world.room.dir())
            .env("E2E_ASKS", self.world.asks.to_string())
            .env("E2E_LAST", self.last.and_then(|name| name.split_once(": ")).map_or("", |(_, what)| what))
            .stdin(Stdio::null())
            // A group of its own, so that all that it started can be ended with it.
            .process_group(0)
            .kill_on_drop(true);
        if let Ok(me) = std::env::current_exe() {
            command.env("E2E_BIN", me);
        }
        command
    }

    /// The sentences of its promises; nothing is done.
    pub async fn names(&self) -> Kept<Vec<String>> {
        let listed = self.command().env("E2E_LIST", "1").output().await?;
        let errors = String::from_utf8_lossy(&listed.stderr);
        ensure!(
            listed.status.success(),
            "failed to list the promises of {}: {}",
            self.file,
            errors.trim_end()
        );
        let names = String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect();
        Ok(names)
    }
}

/// Ends a file with all that it started.
async fn end_group(child: &Child) {
    if let Some(id) = child.id() {
        // When it is gone meanwhile, there is nothing to end.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{id}")]).status().await;
    }
}
