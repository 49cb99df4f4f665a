//! The binary: arguments to one subcommand, nothing else.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use stylobate::cli::connect::Connection;
use stylobate::telemetry::{self, Format};
use stylobate::{cli, workload};

/// Policy-driven Postgres platform controller
#[derive(Parser)]
#[command(name = "stylobate", version)]
struct Cli {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Keep all PostgresClusters of the Kubernetes cluster
    Operator(cli::operator::OperatorArgs),
    /// Print the CustomResourceDefinitions
    Crd {
        /// Print this one alone
        #[arg(value_parser = ["postgresclusters", "postgresbackups"])]
        name: Option<String>,
    },
    /// Print a page of docs/reference/
    #[command(hide = true)]
    Reference {
        /// Plural name of a definition, or 'conditions'; the names of all pages when absent
        page: Option<String>,
    },
    /// Show members, roles, lag and conditions, warnings first
    Status(cli::status::StatusArgs),
    /// Show each setting: value, source, default, and what waits for a restart
    Tuning(cli::tuning::TuningArgs),
    /// Open a session through the pooler with the local psql
    Psql(cli::psql::PsqlArgs),
    /// Show what the operator would do, what it costs and what waits; with a file, what an edit would do
    Plan(cli::plan::PlanArgs),
    /// Let changes go on without waiting for a maintenance window
    RunNow(cli::run_now::RunNowArgs),
    /// Make every member anew, one at a time
    Restart(cli::restart::RestartArgs),
    /// Hand the primary's role to another member
    Switchover(cli::switchover::SwitchoverArgs),
    /// Make a backup now; list those that should be and are; verify one
    Backup(cli::backup::BackupArgs),
    /// Run a workload that checks its own invariants
    #[command(subcommand)]
    Workload(Workload),
}

#[derive(Subcommand)]
enum Workload {
    /// Transfers between accounts: the total is kept and no acknowledged transfer is lost
    Bank(workload::bank::BankArgs),
}

/// The arguments. As a plugin of kubectl the usage text says what the person typed.
fn arguments() -> Cli {
    let mut command = Cli::command();
    let called = std::env::args_os().next().unwrap_or_default();
    if Path::new(&called).file_stem().is_some_and(|name| name == "kubectl-stylobate") {
        command = command.bin_name("kubectl stylobate");
    }
    Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { connection, command } = arguments();
    let outcome: Result<ExitCode, Box<dyn Error>> = match command {
        Command::Operator(args) => {
            telemetry::init(Format::Json);
            cli::operator::run(args, &connection).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Crd { name } => {
            cli::print(&cli::crd(name.as_deref())).map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::Reference { page } => match cli::reference::page(page.as_deref()) {
            Ok(text) => cli::print(&text).map(|()| ExitCode::SUCCESS).map_err(Into::into),
            Err(error) => Err(error.into()),
        },
        Command::Status(args) => {
            cli::status::run(args, &connection).await.map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::Tuning(args) => {
            cli::tuning::run(args, &connection).await.map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::Psql(args) => cli::psql::run(args, &connection).await.map_err(Into::into),
        Command::Plan(args) => cli::plan::run(args, &connection).await.map_err(Into::into),
        Command::RunNow(args) => {
            cli::run_now::run(args, &connection).await.map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::Restart(args) => {
            cli::restart::run(args, &connection).await.map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::Switchover(args) => {
            cli::switchover::run(args, &connection).await.map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::Backup(args) => {
            cli::backup::run(args, &connection).await.map(|()| ExitCode::SUCCESS).map_err(Into::into)
        }
        Command::Workload(Workload::Bank(args)) => {
            let result = workload::bank::run(args).await;
            if let Err(error) = &result {
                eprintln!("{error}");
            }
            Ok(ExitCode::from(workload::bank::exit_code(&result)))
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}
