//! The arguments of `stylobate workload bank`, and how their text becomes values.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::SignedDuration;

/// Accounts that `--init` makes when the caller names no number: enough that eight workers seldom want the
/// same row, few enough to load in a moment.
pub(super) const DEFAULT_ACCOUNTS: u32 = 1000;

/// Move money between accounts, and prove that no acknowledged transfer is ever lost.
#[derive(Debug, Clone, Args)]
pub struct BankArgs {
    /// Where the database is: postgres://user@host:5432/db?sslmode=verify-full&sslrootcert=FILE
    /// (DATABASE_URL is read where this is not given). Understands libpq's sslmode (disable, prefer, require,
    /// verify-ca, verify-full), sslrootcert, sslcert, sslkey and hostaddr.
    #[arg(long, env = "STYLOBATE_URL", hide_env_values = true, value_name = "URL")]
    pub url: Option<String>,

    /// A file that holds the password, so that it stands in no argument; PGPASSWORD is the other way.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Drop this workload's own tables in the schema `bank` and make them anew, then run.
    #[arg(long)]
    pub init: bool,

    /// Number of accounts: what --init makes (1000 if not given); without --init, what must be there.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    pub accounts: Option<u32>,

    /// Workers, each with a connection of its own.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub concurrency: u16,

    /// How long to move money: 30s, 5m, 1h30m, or a number of seconds.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub duration: Duration,

    /// How long one transfer may take before its connection is given up.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub deadline: Duration,

    /// How long one attempt to connect may take, from name look-up to the end of authentication.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub connect_timeout: Duration,

    /// How long to wait at the end for a database that can be read, before giving up with exit code 2.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub verify_timeout: Duration,

    /// How transfers are sent. Through Pgpool-II stay with `simple`: its extended protocol can block for ever
    /// under load balancing (pgpool2 issue 136).
    #[arg(long, value_enum, default_value_t = Protocol::Simple)]
    pub protocol: Protocol,

    /// One JSON object a line: {"second": …} each second, {"summary": …} last.
    #[arg(long)]
    pub json: bool,
}

/// The Postgres protocol that carries the statements of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// One text message a statement. Every value is a number or an identifier this program made, so nothing
    /// needs quoting.
    Simple,
    /// Statements prepared once a connection.
    Extended,
}

/// Reads `90s`, `5m`, `1h30m` or a plain number of seconds: from 1 ms to 7 days.
fn duration(text: &str) -> Result<Duration, String> {
    const ALLOWED: &str = "give a time from 1ms to 7d, like 500ms, 30s, 5m or a number of seconds";
    const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
    let parsed = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok()),
    };
    match parsed {
        Some(time) if time >= Duration::from_millis(1) && time <= LONGEST => Ok(time),
        _ => Err(ALLOWED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        bank: BankArgs,
    }

    fn refused(flag: &str, value: &str) -> String {
        Cli::try_parse_from(["bank", &format!("{flag}={value}")]).unwrap_err().to_string()
    }

    #[test]
    fn times_are_read() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2.5"), Ok(Duration::from_millis(2500)));
    }

    #[test]
    fn senseless_values_are_refused_with_field_value_and_what_is_allowed() {
        for (flag, value, allowed) in [
            ("--concurrency", "0", "1..=1000"),
            ("--accounts", "1", "2..=10000000"),
            ("--duration", "0", "from 1ms to 7d"),
            ("--duration", "-3s", "from 1ms to 7d"),
            ("--deadline", "soon", "from 1ms to 7d"),
            ("--protocol", "carrier-pigeon", "simple, extended"),
        ] {
            let said = refused(flag, value);
            assert!(said.contains(flag) && said.contains(value) && said.contains(allowed), "{said}");
        }
    }
}
