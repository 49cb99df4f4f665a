//! The end-to-end ring of Stylobate: one-sentence promises, proved on a real cluster in lanes side by side.
//!
//! `make test-e2e` runs all; `tests/e2e/run.sh NAME...` those whose names hold one of the texts.

mod broken;
mod conduct;
mod harness;
mod suites;
mod told;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use clap::Parser;
use kube::{Client, Config};

use broken::Kept;
use conduct::choice::Choice;
use conduct::ring::Ring;
use harness::World;
use harness::operator::Operator;
use harness::room::Room;
use harness::versions::Versions;

/// Prove what the operator promises, on the cluster of $KUBECONFIG
#[derive(Parser)]
struct Arguments {
    /// Prove promises whose name, "suite: promise", holds one of these texts, and those that they stand on; all when absent
    filters: Vec<String>,
    /// A filter is the whole name of a suite or promise
    #[arg(long)]
    exact: bool,
    /// Print names and prove nothing
    #[arg(long)]
    list: bool,
    /// Groups of suites side by side
    #[arg(long, env = "LANES", default_value_t = 3)]
    lanes: usize,
    /// Leave the namespaces
    #[arg(long)]
    keep: bool,
    /// Tell what a person would look at first in this namespace
    #[arg(long, value_name = "NAMESPACE")]
    post_mortem: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("failed to run the end-to-end ring: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Kept<bool> {
    let dir = std::env::temp_dir().join(format!("stylobate-e2e-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let done = run_in(arguments, dir.clone()).await;
    std::fs::remove_dir_all(&dir)?;
    done
}

async fn run_in(arguments: Arguments, dir: PathBuf) -> Kept<bool> {
    let root = std::env::current_dir()?;
    let config = match Config::infer().await {
        // Names are told also where no cluster is; nobody asks this address.
        Err(_) if arguments.list => Config::new("http://127.0.0.1:1".parse()?),
        config => config?,
    };
    let client = Client::try_from(config)?;
    let operator = Operator::new(&client);
    let versions = Versions::ask(&root).await?;
    let asks = harness::asks::begin(client.clone()).await?;
    let world = Rc::new(World { client, root, versions, room: Room::new(dir), asks, operator });
    if let Some(namespace) = arguments.post_mortem {
        harness::postmortem::of(&world, &namespace).await.iter().for_each(|line| println!("{line}"));
        return Ok(true);
    }
    let names = suites::all().iter().map(|suite| suite.name).collect();
    let choice = Choice { filters: arguments.filters, exact: arguments.exact, suites: names };
    let ring = Ring::new(world, arguments.lanes, arguments.keep);
    if arguments.list {
        list(&ring, &choice).await?;
        return Ok(true);
    }
    Ok(ring.run(&choice).await?.broken.is_empty())
}

/// Names of what is chosen, and how many there are.
async fn list(ring: &Ring, choice: &Choice) -> Kept {
    let mut count = 0;
    for suite in suites::all() {
        for what in ring.names(suite).await? {
            if choice.wants(suite.name, &what) {
                println!("{}", told::name(suite.name, &what));
                count += 1;
            }
        }
    }
    println!("{count} promises");
    Ok(())
}
