//! The binary: arguments to one subcommand, nothing else.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stylobate::telemetry::{self, Format};
use stylobate::{cli, workload};

/// Policy-driven Postgres platform controller
#[derive(Parser)]
#[command(name = "stylobate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Keep all PostgresClusters of the Kubernetes cluster
    Operator(cli::operator::OperatorArgs),
    /// Print the CustomResourceDefinition
    Crd,
    /// Show members, roles and conditions
    Status(cli::status::StatusArgs),
    /// Run a workload that checks its own invariants
    #[command(subcommand)]
    Workload(Workload),
}

#[derive(Subcommand)]
enum Workload {
    /// Transfers between accounts: the total is kept and no acknowledged transfer is lost
    Bank(workload::bank::BankArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Operator(args) => {
            telemetry::init(Format::Json);
            cli::operator::run(args).await
        }
        Command::Crd => {
            print!("{}", cli::crd());
            Ok(())
        }
        Command::Status(args) => {
            telemetry::init(Format::Human);
            cli::status::run(args).await
        }
        Command::Workload(Workload::Bank(args)) => {
            let result = workload::bank::run(args).await;
            if let Err(error) = &result {
                eprintln!("{error}");
            }
            return ExitCode::from(workload::bank::exit_code(&result));
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
