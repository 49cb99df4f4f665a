//! From a libpq-style URL to something that can be connected to.
//!
//! tokio-postgres does not know `verify-ca`, `verify-full`, `sslrootcert`, `sslcert` and `sslkey`: those are
//! taken out of the URL here, and the rest is left to its own parser.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::sql::tls::{self, Identity, Verify};

use super::error::Error;

/// Unacknowledged bytes and unanswered keepalive probes end a connection after this: a node that vanished
/// sends no reset, and the gap we report should be the database's, not our patience.
const NETWORK_SILENCE: Duration = Duration::from_secs(2);
/// Keepalive probes start after this much silence, so that waiting for an answer notices a dead peer too.
const KEEPALIVE: Duration = Duration::from_secs(1);
const MODES: &str = "disable, prefer, require, verify-ca or verify-full";

/// A database and how to speak to it.
#[derive(Clone)]
pub(super) struct Target {
    pub config: Config,
    pub tls: MakeRustlsConnect,
}

/// The parts of the URL that tokio-postgres does not know.
#[derive(Debug, Default, PartialEq)]
struct TlsParameters {
    mode: Option<String>,
    root: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// Reads a URL. A password file goes before a password in the URL, and that before `fallback_password`
/// (PGPASSWORD).
///
/// # Errors
/// [`Error::Url`], [`Error::File`] and [`Error::Tls`], each naming the parameter.
pub(super) fn parse(
    url: &str,
    password_file: Option<&Path>,
    fallback_password: Option<&str>,
) -> Result<Target, Error> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        let problem = "is neither postgres:// nor postgresql://".to_owned();
        return Err(Error::Url { field: "its scheme", problem });
    }
    let (plain, parameters) = take_tls_parameters(url)?;
    let mut config: Config = plain
        .parse()
        .map_err(|cause: tokio_postgres::Error| Error::Url { field: "it", problem: with_source(&cause) })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(Error::Url { field: "host", problem: "is missing".to_owned() });
    }
    let (mode, connector) = tls_of(&parameters)?;
    if let Some(path) = password_file {
        let text = read("the --password-file", path)?;
        config.password(
            text.strip_suffix(b"\n").map_or(&text[..], |line| line.strip_suffix(b"\r").unwrap_or(line)),
        );
    } else if let (None, Some(password)) = (config.get_password(), fallback_password) {
        config.password(password);
    }
    config
        .ssl_mode(mode)
        .application_name("stylobate-bank")
        .keepalives(true)
        .keepalives_idle(KEEPALIVE)
        .keepalives_interval(KEEPALIVE)
        .tcp_user_timeout(NETWORK_SILENCE);
    Ok(Target { config, tls: connector })
}

/// Takes our parameters out of the query part; the rest of the URL stays as it was.
fn take_tls_parameters(url: &str) -> Result<(String, TlsParameters), Error> {
    let mut found = TlsParameters::default();
    // A password may hold a bare `?`, so the query starts after the credentials.
    let credentials = url.find('@').unwrap_or(0);
    let Some(mark) = url[credentials..].find('?').map(|at| at + credentials) else {
        return Ok((url.to_owned(), found));
    };
    let mut rest = Vec::new();
    for pair in url[mark + 1..].split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "sslmode" => found.mode = Some(decode(value, "sslmode")?),
            "sslrootcert" => found.root = Some(decode(value, "sslrootcert")?.into()),
            "sslcert" => found.certificate = Some(decode(value, "sslcert")?.into()),
            "sslkey" => found.key = Some(decode(value, "sslkey")?.into()),
            _ => rest.push(pair),
        }
    }
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Ok((format!("{}{query}", &url[..mark]), found))
}

/// libpq's rules: `prefer` if nothing is said, `require` checks the chain where a root certificate is given.
fn tls_of(parameters: &TlsParameters) -> Result<(SslMode, MakeRustlsConnect), Error> {
    let pem = |what, path: &Option<PathBuf>| path.as_deref().map(|path| read(what, path)).transpose();
    let root = pem("the file of sslrootcert", &parameters.root)?;
    let certificate = pem("the file of sslcert", &parameters.certificate)?;
    let key = pem("the file of sslkey", &parameters.key)?;
    let identity = match (&certificate, &key) {
        (Some(certificates), Some(key)) => Some(Identity { certificates, key }),
        (None, None) => None,
        _ => {
            let problem = "need each other: give both or neither".to_owned();
            return Err(Error::Url { field: "sslcert and sslkey", problem });
        }
    };
    let mode = parameters.mode.as_deref().unwrap_or("prefer");
    let (ssl, verify) = match (mode, &root) {
        ("disable", _) => (SslMode::Disable, Verify::None),
        ("prefer", _) => (SslMode::Prefer, Verify::None),
        ("require", None) => (SslMode::Require, Verify::None),
        ("require" | "verify-ca", Some(root)) => (SslMode::Require, Verify::Ca(root)),
        ("verify-full", Some(root)) => (SslMode::Require, Verify::Full(root)),
        ("verify-ca" | "verify-full", None) => {
            let problem = format!("is missing, and sslmode={mode} checks against it");
            return Err(Error::Url { field: "sslrootcert", problem });
        }
        _ => {
            let problem = format!("is '{mode}', allowed is {MODES}");
            return Err(Error::Url { field: "sslmode", problem });
        }
    };
    Ok((ssl, tls::connector(verify, identity)?))
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|cause| Error::File { what, path: path.to_owned(), cause })
}

/// Undoes `%41`; a `+` stays a plus, as in libpq.
fn decode(text: &str, field: &'static str) -> Result<String, Error> {
    let bad = || Error::Url {
        field,
        problem: format!("is '{text}', with a % that two hexadecimal digits must follow"),
    };
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok()).ok_or_else(bad)?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// tokio-postgres keeps the interesting half of its message in the source.
fn with_source(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error)
        .map_or_else(|| format!("is refused: {error}"), |cause| format!("is refused: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        parse(url, None, None).err().expect("a refusal").to_string()
    }

    #[test]
    fn our_parameters_are_taken_and_the_rest_stays() {
        let url = "postgres://u:p?w@h:1/d?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=%2Fa%20b.pem&options=-c";
        let (plain, found) = take_tls_parameters(url).unwrap();
        assert_eq!(plain, "postgres://u:p?w@h:1/d?hostaddr=127.0.0.1&options=-c");
        assert_eq!(found.mode.as_deref(), Some("verify-full"));
        assert_eq!(found.root, Some("/a b.pem".into()));
    }

    #[test]
    fn passwords_come_from_file_then_url_then_environment() {
        let password = |url: &str, file: Option<&Path>| {
            let target = parse(url, file, Some("environment")).unwrap();
            String::from_utf8(target.config.get_password().unwrap().to_vec()).unwrap()
        };
        let file = std::env::temp_dir().join(format!("stylobate-password-{}", std::process::id()));
        std::fs::write(&file, "from file\n").unwrap();
        assert_eq!(password("postgres://u@h/d", None), "environment");
        assert_eq!(password("postgres://u:url@h/d", None), "url");
        assert_eq!(password("postgres://u:url@h/d", Some(&file)), "from file");
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn refusals_name_field_value_and_what_is_allowed_but_no_secret() {
        for (url, expected) in [
            ("mysql://u:hush@h/d", "scheme"),
            ("host=h password=hush", "scheme"),
            (
                "postgres://u:hush@h/d?sslmode=maybe",
                "sslmode is 'maybe', allowed is disable, prefer, require",
            ),
            ("postgres://u:hush@h/d?sslmode=verify-full", "sslrootcert is missing"),
            ("postgres://u:hush@h/d?sslcert=/dev/null", "give both or neither"),
            (
                "postgres://u:hush@h/d?sslrootcert=/no/such&sslmode=verify-ca",
                "sslrootcert /no/such: No such file",
            ),
            ("postgres://u:hush@h/d?sslmode=%zz", "hexadecimal"),
            ("postgres://u:hush@h:port/d", "port"),
            ("postgres:///d", "host is missing"),
        ] {
            let said = refused(url);
            assert!(said.contains(expected) && !said.contains("hush"), "{url}: {said}");
        }
    }
}
