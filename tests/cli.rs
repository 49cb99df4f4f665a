//! The binary as a person calls it: what it says when something is missing, and under its other name.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of this test alone, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stylobate-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Runs the binary without any Kubernetes around it.
fn run(binary: &Path, arguments: &[&str], path: Option<&Path>) -> Output {
    let mut command = Command::new(binary);
    command.args(arguments).env_remove("KUBECONFIG").env("HOME", "/nonexistent");
    for inside in ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"] {
        command.env_remove(inside);
    }
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command.output().unwrap()
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_stylobate"))
}

fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// A kubeconfig whose one context is `here`.
fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         clusters: [{{name: c, cluster: {{server: \"{server}\"}}}}]\n\
         contexts: [{{name: here, context: {{cluster: c, user: u}}}}]\n\
         users: [{{name: u, user: {{token: t}}}}]\n"
    )
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn without_a_kubeconfig_every_command_says_how_to_give_one() {
    for arguments in [
        &["status"][..],
        &["switchover", "db", "--yes"],
        &["operator", "--pooler-image", "localhost/stylobate/pgpool:4"],
        &["backup", "db", "--hold"],
        &["backup", "create", "list"],
        &["backup", "list", "db", "--days", "90"],
        &["backup", "verify", "db-nightly-202611220200"],
        &["backup", "import", "--from", "gs://acme-wal/shop/db", "--archive-secret", "old", "--all"],
    ] {
        let complaint = complaint(&run(binary(), arguments, None));
        assert!(complaint.contains("give --kubeconfig FILE"), "{arguments:?}: {complaint}");
    }
}

#[test]
fn a_backup_of_no_cluster_is_answered_with_the_usage() {
    let output = run(binary(), &["backup"], None);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("NAME"), "{told}");
}

#[test]
fn an_import_from_no_archive_is_refused_before_anything_is_asked() {
    let asked = ["backup", "import", "--archive-secret", "old"];
    let with = |more: &[&str]| run(binary(), &[&asked[..], more].concat(), None);
    for (from, why) in
        [("s3://acme/db", "no place of an archive"), ("gs://a/db", "no bucket has such a name")]
    {
        let told = complaint(&with(&["--all", "--from", from]));
        assert!(told.contains(&format!("--from is '{from}'")) && told.contains(why), "{told}");
    }
    let odd = complaint(&with(&["--from", "gs://acme-wal/db", "--cluster", "db; rm"]));
    assert!(odd.contains("--cluster is 'db; rm'"), "{odd}");
    let odd = complaint(&with(&[
        "--from",
        "gs://acme-wal/db",
        "--all",
        "--snapshot",
        "s-1",
        "--snapshot",
        "x'; rm",
    ]));
    assert!(odd.contains("--snapshot is 'x'; rm'"), "{odd}");
    let output = with(&["--from", "gs://acme-wal/db"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("--cluster") && told.contains("--all"), "{told}");
}

#[test]
fn an_api_server_that_is_down_is_named_with_its_address() {
    let folder = Folder::new("down");
    let server = format!("https://127.0.0.1:{}", closed_port());
    let file = folder.write("kubeconfig", &kubeconfig(&server));
    let complaint = complaint(&run(binary(), &["status", "--kubeconfig", file.to_str().unwrap()], None));
    assert!(
        complaint.starts_with(&format!("failed to reach the Kubernetes API server at {server}")),
        "{complaint}"
    );
    assert!(complaint.contains("Connection refused"), "{complaint}");
}

#[test]
fn an_unknown_context_is_answered_with_those_that_exist() {
    let folder = Folder::new("context");
    let file = folder.write("kubeconfig", &kubeconfig("https://127.0.0.1:1"));
    let arguments = ["--kubeconfig", file.to_str().unwrap(), "--context", "there", "status"];
    let complaint = complaint(&run(binary(), &arguments, None));
    assert!(complaint.contains("--context names one of: here"), "{complaint}");
}

#[test]
fn without_psql_the_way_to_install_it_is_told_before_anything_is_asked() {
    let folder = Folder::new("psql");
    let complaint = complaint(&run(binary(), &["psql", "db"], Some(&folder.0)));
    assert!(complaint.contains("apt install postgresql-client"), "{complaint}");
}

#[test]
fn as_a_plugin_of_kubectl_the_usage_says_what_the_person_typed() {
    let folder = Folder::new("plugin");
    let plugin = folder.0.join("kubectl-stylobate");
    symlink(binary(), &plugin).unwrap();
    let usage = |binary: &Path| {
        let output = run(binary, &["switchover", "--help"], None);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(usage(&plugin).contains("Usage: kubectl stylobate switchover"), "{}", usage(&plugin));
    assert!(usage(binary()).contains("Usage: stylobate switchover"));
    for flag in ["--kubeconfig", "--context", "-n, --namespace"] {
        assert!(usage(&plugin).contains(flag), "{flag}");
    }
}
