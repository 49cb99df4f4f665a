//! psql as a child process: its environment, its signals, its exit code.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdin};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};

use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::secret::SecretText;

use super::super::explain::Error;
use super::login::Login;

/// Settings of the person's shell that would lead psql elsewhere or weaken the check of the certificate.
const FOREIGN: [&str; 15] = [
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGPASSFILE",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLNEGOTIATION",
    "PGREQUIRESSL",
    "PGREQUIREAUTH",
    "PGREQUIREPEER",
    "PGCHANNELBINDING",
    "PGTARGETSESSIONATTRS",
    "PGLOADBALANCEHOSTS",
    "PGOPTIONS",
];

/// What psql needs.
pub struct Session<'a> {
    /// Name that the pooler's certificate must bear.
    pub host: String,
    /// Port on the loopback address.
    pub port: u16,
    /// Who, and which database.
    pub login: &'a Login,
    /// Password of the user.
    pub password: SecretText,
    /// Certificate of the authority, PEM.
    pub authority: String,
    /// Start transactions read-only.
    pub read_only: bool,
    /// The person's own arguments.
    pub arguments: &'a [String],
}

/// Looks for psql before anything else is done.
///
/// # Errors
/// How to install it.
pub fn check() -> Result<(), Error> {
    match std::process::Command::new("psql").arg("--version").output() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::Plain(
            "failed to start psql: it is not installed here; install it (Debian, Ubuntu: apt install postgresql-client; \
             Fedora: dnf install postgresql; macOS: brew install libpq)"
                .into(),
        )),
        Err(error) => Err(Error::Plain(format!("failed to start psql: {error}"))),
    }
}

/// Runs psql to its end.
///
/// # Errors
/// When it can't be started.
pub async fn run(session: Session<'_>) -> Result<ExitCode, Error> {
    let root = RootFile::write(&session.authority)
        .map_err(|cause| Error::Plain(format!("failed to write the authority's certificate: {cause}")))?;
    if stderr().is_terminal() && stdin().is_terminal() {
        eprintln!(
            "{} as {} on {}, certificate verified{}",
            session.login.database,
            session.login.user,
            session.host,
            if session.read_only { ", read-only" } else { "" }
        );
    }
    let failed = |cause: std::io::Error| Error::Plain(format!("failed to run psql: {cause}"));
    let mut child = command(&session, root.path()).spawn().map_err(failed)?;
    // Ctrl-C and Ctrl-\ reach psql from the terminal itself, which cancels its statement; we only must outlive them.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut quits = signal(SignalKind::quit()).map_err(failed)?;
    let mut ends = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hangups = signal(SignalKind::hangup()).map_err(failed)?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.map_err(failed)?,
            _ = interrupts.recv() => {}
            _ = quits.recv() => {}
            _ = ends.recv() => child.start_kill().map_err(failed)?,
            _ = hangups.recv() => child.start_kill().map_err(failed)?,
        }
    };
    Ok(code(status))
}

fn command(session: &Session<'_>, root: &Path) -> Command {
    let mut command = Command::new("psql");
    command.args(session.arguments).kill_on_drop(true);
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
        .env("PGHOST", &session.host)
        .env("PGHOSTADDR", "127.0.0.1")
        .env("PGPORT", session.port.to_string())
        .env("PGUSER", &session.login.user)
        .env("PGDATABASE", &session.login.database)
        .env("PGPASSWORD", session.password.expose())
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", root)
        // GSSAPI is of no use here, and asking for it costs a round trip.
        .env("PGGSSENCMODE", "disable");
    if session.read_only {
        command.env("PGOPTIONS", "-c default_transaction_read_only=on");
    }
    command
}

/// The shell's way to tell of a child that a signal ended: 128 and the signal's number.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The authority's certificate as a file, since libpq reads it from nowhere else. Removed in the end.
struct RootFile(PathBuf);

impl RootFile {
    fn write(pem: &str) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("stylobate-ca-{:016x}.crt", rand::random::<u64>()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let root = Self(path);
        file.write_all(pem.as_bytes())?;
        Ok(root)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for RootFile {
    fn drop(&mut self) {
        // Nobody is left to tell; the certificate is public.
        fs::remove_file(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::psql::login::Authority;

    fn environment(read_only: bool) -> (Vec<String>, Vec<(String, Option<String>)>) {
        let login = Login {
            user: "app".into(),
            database: "bank".into(),
            secret: "s".into(),
            key: "password".into(),
            authority: Authority::ConfigMap("c".into()),
        };
        let session = Session {
            host: "db-pooler.shop.svc".into(),
            port: 4711,
            login: &login,
            password: SecretText::new("hunter2"),
            authority: String::new(),
            read_only,
            arguments: &["-c".to_owned(), "select 1".to_owned()],
        };
        let command = command(&session, Path::new("/ca.crt"));
        let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        let command = command.as_std();
        (
            command.get_args().map(text).collect(),
            command.get_envs().map(|(name, value)| (text(name), value.map(text))).collect(),
        )
    }

    fn value<'a>(of: &'a [(String, Option<String>)], name: &str) -> Option<&'a str> {
        of.iter().find(|(found, _)| found == name).and_then(|(_, value)| value.as_deref())
    }

    #[test]
    fn the_password_never_stands_in_the_arguments() {
        let (arguments, environment) = environment(false);
        assert_eq!(arguments, ["-c", "select 1"]);
        assert_eq!(value(&environment, "PGPASSWORD"), Some("hunter2"));
    }

    #[test]
    fn the_services_name_is_verified_although_the_way_is_the_loopback_address() {
        let (_, environment) = environment(true);
        let is = |name| value(&environment, name);
        assert_eq!((is("PGHOST"), is("PGHOSTADDR")), (Some("db-pooler.shop.svc"), Some("127.0.0.1")));
        assert_eq!((is("PGSSLMODE"), is("PGSSLROOTCERT")), (Some("verify-full"), Some("/ca.crt")));
        assert_eq!(is("PGOPTIONS"), Some("-c default_transaction_read_only=on"));
        assert!(environment.contains(&("PGSERVICE".into(), None)), "the shell's own service leads elsewhere");
    }

    #[test]
    fn the_exit_code_of_psql_is_passed_on() {
        let passed = |raw: i32| format!("{:?}", code(ExitStatus::from_raw(raw)));
        assert_eq!(passed(3 << 8), format!("{:?}", ExitCode::from(3)));
        assert_eq!(passed(9), format!("{:?}", ExitCode::from(137)));
    }

    #[test]
    fn the_certificate_file_is_gone_afterwards() {
        let root = RootFile::write("pem").unwrap();
        let path = root.path().to_owned();
        assert_eq!(fs::read_to_string(&path).unwrap(), "pem");
        drop(root);
        assert!(!path.exists());
    }
}
