//! Why a workload could not run at all. A broken invariant is no error: it is a result, in the summary.

use std::path::PathBuf;

use crate::sql::tls;

use super::outcome::Cause;

/// Why the workload could not run: the command ends with code 2.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither --url nor an environment variable says where the database is.
    #[error("failed to find the database: --url is not given; give it, or set STYLOBATE_URL or DATABASE_URL")]
    NoUrl,
    /// The URL is of no form we understand. The text never repeats the URL: it may hold a password.
    #[error(
        "failed to read the URL: {field} {problem}; give postgres://user@host:5432/db?sslmode=verify-full&sslrootcert=FILE"
    )]
    Url {
        /// Which part of the URL.
        field: &'static str,
        /// What is wrong with it, with its value where that is no secret.
        problem: String,
    },
    /// A file that an argument names could not be read.
    #[error("failed to read {what} {}: {cause}", path.display())]
    File {
        /// What the file is for, with the argument's name.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Certificates or keys that do not serve.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The database could not be reached, or refused something at the start.
    #[error("failed to {doing}: {cause}; {hint}")]
    Start {
        /// What was being done.
        doing: &'static str,
        /// SQLSTATE and message.
        cause: Cause,
        /// What to do.
        hint: &'static str,
    },
    /// The tables are not there.
    #[error("failed to find the tables of the schema bank: {0}; run once with --init")]
    NotInitialised(Cause),
    /// The tables are there but do not fit.
    #[error("failed to use the table bank.account: {0}; run with --init to make it anew")]
    Accounts(String),
    /// Signals could not be listened to, or standard output could not be written.
    #[error("failed to {0}: {1}")]
    System(&'static str, std::io::Error),
    /// A worker ended in a way that is a fault of this program.
    #[error("failed to run a worker: {0}; this is a fault of stylobate, report it")]
    Worker(tokio::task::JoinError),
}
