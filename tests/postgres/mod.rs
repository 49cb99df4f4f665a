//! A real Postgres server for tests: in a folder of its own, on loopback, ended and removed with the value.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Postgres refuses to run as root: a test that does hands it to this user of every Debian system.
const NOBODY: u32 = 65534;
/// Backends that outlive a killed postmaster hold its shared memory for a moment; recovery takes another.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server.
pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    port: u16,
    owner: &'static str,
    server: Option<Child>,
}

impl Postgres {
    /// Makes and starts a server; nothing where Postgres is not installed, which is said on standard error.
    /// `settings` are lines for postgresql.conf.
    pub fn start(name: &str, settings: &str) -> Option<Self> {
        Self::start_as("bank", name, settings)
    }

    /// The same with another name for its owner.
    pub fn start_as(owner: &'static str, name: &str, settings: &str) -> Option<Self> {
        let Some(bin) = newest_installed() else {
            eprintln!("skipped: no initdb under /usr/lib/postgresql/*/bin; install the package postgresql");
            return None;
        };
        let folder = std::env::temp_dir().join(format!("stylobate-{name}-{}", std::process::id()));
        fs::create_dir(&folder).expect("make the server's folder");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("protect the server's folder");
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).expect("give the server's folder away");
        }
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|free| free.local_addr())
            .expect("find a port")
            .port();
        let mut postgres = Self { bin, folder, port, owner, server: None };
        let made = postgres
            .command("initdb")
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--username", owner, "-D"])
            .arg(postgres.data())
            .output()
            .expect("run initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let sockets = postgres.folder.display();
        let text = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{sockets}'\n{settings}\n"
        );
        fs::write(postgres.data().join("stylobate.conf"), text).expect("write the settings");
        let conf = postgres.data().join("postgresql.conf");
        let with_include =
            fs::read_to_string(&conf).expect("read the settings") + "\ninclude 'stylobate.conf'\n";
        fs::write(&conf, with_include).expect("include the settings");
        postgres.up();
        Some(postgres)
    }

    /// Its URL for the user and database that initdb made.
    pub fn url(&self, parameters: &str) -> String {
        format!("postgres://{}@127.0.0.1:{}/postgres?{parameters}", self.owner, self.port)
    }

    /// Its port on the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Folder of its Unix sockets.
    pub fn sockets(&self) -> &Path {
        &self.folder
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs SQL by socket as this role in this database: what it printed, or what was said against it. Statements are run one by one,
    /// all of them, whatever becomes of those before.
    pub fn sql_as(&self, role: &str, database: &str, sql: &[&str]) -> Result<String, String> {
        let statements = sql.iter().flat_map(|statement| ["-c", statement]);
        let said = self
            .command("psql")
            .args(["-XAtq"])
            .args(statements)
            .env("PGHOST", self.sockets())
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", role)
            .env("PGDATABASE", database)
            .output()
            .expect("run psql");
        let errors = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        let output = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        if errors.contains("ERROR:") || !said.status.success() { Err(errors) } else { Ok(output) }
    }

    /// A program of its version, in its folder and as its user.
    pub fn program(&self, program: &str) -> Command {
        self.command(program)
    }

    /// A file in the server's folder that it may read.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("write a file for the server");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("protect a file of the server");
        if is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("give a file to the server");
        }
        path
    }

    /// Kills the postmaster as the kernel would for want of memory: no shutdown, no good-bye.
    pub fn kill(&mut self) {
        let mut server = self.server.take().expect("a running server");
        server.kill().expect("kill the postmaster");
        server.wait().expect("reap the postmaster");
    }

    /// Starts the server, again and again until it takes connections.
    pub fn up(&mut self) {
        let end = Instant::now() + START_LIMIT;
        while Instant::now() < end {
            let running = self.server.as_mut().is_some_and(|server| matches!(server.try_wait(), Ok(None)));
            if !running {
                let log = fs::File::options().append(true).create(true).open(self.folder.join("log"));
                let log = log.expect("open the server's log");
                let mut command = self.command("postgres");
                command.arg("-D").arg(self.data()).stdout(Stdio::null()).stderr(log);
                self.server = Some(command.spawn().expect("start postgres"));
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.is_ready() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!(
            "postgres did not start:\n{}",
            fs::read_to_string(self.folder.join("log")).unwrap_or_default()
        );
    }

    /// Runs SQL as the server's owner; what it printed.
    pub fn sql(&self, sql: &str) -> String {
        let said = self
            .command("psql")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .env("PGHOST", self.sockets())
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", self.owner)
            .env("PGDATABASE", "postgres")
            .output()
            .expect("run psql");
        assert!(said.status.success(), "psql: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    fn is_ready(&self) -> bool {
        let port = self.port.to_string();
        let asked = self.command("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
        asked.expect("run pg_isready").success()
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        // psql looks for certificates in the home of who calls it, which the server's user may not read.
        command.current_dir(&self.folder).env("HOME", &self.folder);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn newest_installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let bins = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    bins.max_by_key(|bin| {
        let version = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        version.and_then(|version| version.parse::<u32>().ok())
    })
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
