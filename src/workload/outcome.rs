//! What became of a transfer, and why: every error is named by an SQLSTATE and judged by where it struck.

use std::error::Error as _;
use std::fmt;

use tokio_postgres::error::{DbError, Severity};

/// SQLSTATE `sqlclient_unable_to_establish_sqlconnection`, for connections that never came to be.
pub(super) const NO_CONNECTION: &str = "08001";
/// SQLSTATE `connection_failure`, for connections that broke without a last word from the server.
pub(super) const CONNECTION_LOST: &str = "08006";
/// SQLSTATE `no_data`, for a statement that touched no row where one must be.
pub(super) const NO_DATA: &str = "02000";
/// Not an SQLSTATE: our own deadline passed and no server had a say.
pub(super) const DEADLINE: &str = "deadline";

/// What became of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// COMMIT was answered: from here on the database owes us this transfer.
    Acknowledged,
    /// It failed before COMMIT was sent, or COMMIT was refused with the transaction rolled back: it must
    /// never appear.
    Failed(Cause),
    /// COMMIT was sent and its answer is missing or says too little: present or absent, both are legal.
    Unknown(Cause),
}

/// An error, named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Five characters of SQLSTATE, or `deadline`.
    pub code: String,
    /// One line for a person.
    pub message: String,
    /// Whether the server meant only the transaction (`ERROR`) and keeps the session.
    pub session_lives: bool,
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.message, self.code)
    }
}

impl Cause {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), session_lives: false }
    }

    /// Names an error of tokio-postgres; `otherwise` is the code where the server gave none.
    pub(super) fn of(error: &tokio_postgres::Error, otherwise: &str) -> Self {
        match error.as_db_error() {
            Some(said) => Self {
                code: said.code().code().to_owned(),
                message: said.message().lines().next().unwrap_or_default().to_owned(),
                session_lives: !ends_session(said),
            },
            None => {
                let detail = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                Self::new(otherwise, format!("{error}{detail}"))
            }
        }
    }

    /// Whether the same request may well succeed a moment later: all but wrong credentials or privileges (28,
    /// 42) and a database or schema that is not there (3D, 3F).
    pub(super) fn may_pass(&self) -> bool {
        !["28", "3D", "3F", "42"].contains(&self.class())
    }

    /// Whether only this transaction was hit (deadlock, serialization failure): the session can go on at once.
    pub(super) fn only_the_transaction(&self) -> bool {
        self.session_lives && self.class() == "40"
    }

    /// Whether an `ERROR` in answer to COMMIT proves that the transaction was rolled back. Only the classes
    /// with which Postgres itself refuses a commit count; 40003 is `statement_completion_unknown`. Anything
    /// else, such as a pooler's own words or a FATAL while the server waits for a replica, may come after the
    /// commit was written.
    fn proves_rollback(&self) -> bool {
        self.session_lives && self.code != "40003" && ["23", "25", "40", "44"].contains(&self.class())
    }

    fn class(&self) -> &str {
        self.code.get(..2).unwrap_or_default()
    }
}

/// The verdict on an error that answered COMMIT.
pub(super) fn of_commit(cause: Cause) -> Outcome {
    if cause.proves_rollback() { Outcome::Failed(cause) } else { Outcome::Unknown(cause) }
}

/// FATAL and PANIC end the session. Poolers may leave out the unlocalized field, so the old one counts as well.
fn ends_session(error: &DbError) -> bool {
    match error.parsed_severity() {
        Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
        None => error.severity() != "ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, session_lives: bool) -> Cause {
        Cause { session_lives, ..Cause::new(code, "said the server") }
    }

    #[test]
    fn a_refused_commit_failed() {
        for code in ["40001", "40P01", "23505", "25P02", "25006"] {
            assert!(matches!(of_commit(error(code, true)), Outcome::Failed(_)), "{code}");
        }
    }

    #[test]
    fn a_commit_without_a_clear_answer_is_unknown() {
        for cause in [
            error("57P01", false),
            error("57P02", false),
            error("40001", false),
            error("40003", true),
            error("XX000", true),
            error("57014", true),
            Cause::new(CONNECTION_LOST, "connection closed"),
            Cause::new(DEADLINE, "no answer"),
        ] {
            assert!(matches!(of_commit(cause.clone()), Outcome::Unknown(_)), "{cause}");
        }
    }

    #[test]
    fn only_transaction_errors_keep_the_session() {
        assert!(error("40P01", true).only_the_transaction());
        assert!(!error("40P01", false).only_the_transaction());
        assert!(!error("25006", true).only_the_transaction(), "a demoted primary must be left");
    }

    #[test]
    fn what_waiting_cannot_mend_is_told_apart() {
        assert!(error("57P03", false).may_pass() && Cause::new(DEADLINE, "").may_pass());
        assert!(!error("28P01", false).may_pass() && !error("42501", true).may_pass());
    }
}
