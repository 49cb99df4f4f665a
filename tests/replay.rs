//! A replay to the end of an archive, by a real Postgres: all that was archived comes back, how far that is is told, and an archive that
//! can't be read opens nothing.

// Each test program uses a part of the shared server.
#[allow(dead_code)]
mod postgres;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use postgres::Postgres;
use stylobate::observe::{ENDED, reached};
use stylobate::restore::{Point, Recovery};

/// More than an archive of a few segments takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

fn within(what: &str, fact: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !fact() {
        assert!(Instant::now() < end, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A server whose WAL is archived to the folder `archive` beside its data, and that was copied before the second row came.
fn archived(name: &str) -> Option<(Postgres, String)> {
    let settings = "archive_mode = on\nwal_level = replica\narchive_command = 'mkdir -p ../archive && cp %p ../archive/%f'";
    let server = Postgres::start(name, settings)?;
    server.sql("CREATE TABLE row (n int); INSERT INTO row VALUES (1)");
    let copied = server
        .program("pg_basebackup")
        .args(["--checkpoint=fast", "--wal-method=none", "--username=bank", "--host"])
        .arg(server.sockets())
        .args(["--port", &server.port().to_string(), "-D"])
        .arg(server.sockets().join("copy"))
        .output()
        .expect("run pg_basebackup");
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    server.sql("INSERT INTO row VALUES (2)");
    let segment = server.sql("SELECT pg_walfile_name(pg_switch_wal())");
    let last = || server.sql("SELECT COALESCE(last_archived_wal, '') FROM pg_stat_archiver");
    within("the segment is archived", || last() >= segment);
    // Written, acknowledged, and lost with the server.
    server.sql("INSERT INTO row VALUES (3)");
    Some((server, segment))
}

/// The copy takes the place of the data, and recovers by the operator's settings; `pgbackrest` is a script that does this.
fn restore(server: &mut Postgres, pgbackrest: &str) -> PathBuf {
    server.kill();
    let data = server.data();
    fs::rename(&data, data.with_file_name("lost")).expect("put the lost data aside");
    fs::rename(data.with_file_name("copy"), &data).expect("take up the copy");
    let settings = Recovery { point: Point::Latest, stanza: "shop-c-1".into() }.settings();
    let tool = server.file(
        "pgbackrest",
        &format!("#!/bin/sh\n# The fourth word is a file, the fifth where it goes to.\n{pgbackrest}\n"),
    );
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o700)).expect("let the server run it");
    let command = settings["restore_command"]
        .replace("sleep 5", "sleep 0")
        .replace("until pgbackrest", "until ../pgbackrest");
    assert!(command.contains("../pgbackrest") && !command.contains("sleep 5"), "{command}");
    let file = data.join("stylobate.conf");
    let text = fs::read_to_string(&file).expect("read the settings");
    // As `Course::recovery` has it beside.
    let text = format!(
        "{text}\narchive_mode = off\nrestore_command = '{command}'\nrecovery_target_timeline = latest\nrecovery_target_action = promote\n"
    );
    fs::write(&file, text).expect("write the settings");
    fs::copy(file, data.join("recovery.signal")).expect("ask for a recovery");
    let signal = data.join("recovery.signal");
    let owner = std::os::unix::fs::MetadataExt::uid(
        &fs::metadata(data.join("PG_VERSION")).expect("the copy is there"),
    );
    std::os::unix::fs::chown(signal, Some(owner), Some(owner)).expect("give the file to the server");
    data
}

#[test]
fn all_that_was_archived_comes_back_and_its_end_is_told() {
    let Some((mut server, segment)) = archived("latest") else { return };
    let committed: i64 =
        server.sql("SELECT (extract(epoch FROM now()) * 1000)::bigint").parse().expect("milliseconds");
    restore(&mut server, "[ -e ../archive/$4 ] || exit 1\ncp ../archive/$4 $5");
    server.up();
    within("it takes writes", || server.sql("SELECT pg_is_in_recovery()") == "f");
    assert_eq!(server.sql("SELECT string_agg(n::text, ' ' ORDER BY n) FROM row"), "1 2");
    let told = server.sql(ENDED);
    let (at, history) = told.split_once('|').expect("two columns");
    let point = reached(at.parse().ok(), history).expect("a server that has recovered tells it");
    assert_eq!(point.wal, segment);
    let at = point.at.expect("it was not restarted").0;
    let off = at.duration_since(Timestamp::from_millisecond(committed).expect("a time")).abs();
    assert!(off < jiff::SignedDuration::from_mins(5), "{at}");
    server.sql("INSERT INTO row VALUES (4)");
    assert_eq!(
        server.sql(ENDED).split_once('|').map(|(_, history)| history),
        Some(history),
        "it stays where it was"
    );
}

#[test]
fn an_archive_that_can_not_be_read_opens_nothing() {
    let Some((mut server, _)) = archived("unread") else { return };
    // What is there comes; for the rest it can't be told whether it is: with code 39, which PostgreSQL takes for the end.
    let data = restore(
        &mut server,
        "case $4 in *.history) exit 1 ;; esac\n[ -e ../archive/$4 ] || exit 39\ncp ../archive/$4 $5",
    );
    let run =
        server.program("postgres").arg("-D").arg(&data).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let ended = run.expect("start postgres").wait_with_output().expect("it ends by itself");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("could not restore file"), "{said}");
    assert!(!said.contains("archive recovery complete"), "{said}");
    // It can be read again, and the same data goes on to the end.
    let tool = server.sockets().join("pgbackrest");
    let text = fs::read_to_string(&tool).expect("read the script");
    fs::write(&tool, text.replace("exit 39", "exit 1")).expect("write the script");
    server.up();
    within("it takes writes", || server.sql("SELECT pg_is_in_recovery()") == "f");
    assert_eq!(server.sql("SELECT string_agg(n::text, ' ' ORDER BY n) FROM row"), "1 2");
}

/// The operator's command by pgBackRest itself, for a file of an archive that is read with this configuration.
fn fetched(server: &Postgres, configuration: &str, file: &str) -> Option<i32> {
    let settings = Recovery { point: Point::Latest, stanza: "s".into() }.settings();
    let configuration = server.file("pgbackrest.conf", configuration);
    let command = settings["restore_command"]
        .replace("/etc/stylobate/archive/source-pgbackrest.conf", &configuration.display().to_string())
        .replace("%f", file)
        .replace("%p", &server.sockets().join("fetched").display().to_string())
        .replace("sleep 5", "sleep 0");
    assert!(!command.contains("/etc/"), "{command}");
    let ended = Command::new("sh").args(["-c", &command]).current_dir("/").stdin(Stdio::null()).output();
    ended.expect("run the command").status.code()
}

#[test]
fn pgbackrest_tells_a_file_that_is_not_there_from_an_archive_that_it_can_not_read() {
    if !Path::new("/usr/bin/pgbackrest").exists() {
        eprintln!("skipped: no pgbackrest; install the package pgbackrest");
        return;
    }
    let Some(server) = Postgres::start("codes", "") else { return };
    let place = server.sockets().display().to_string();
    let whole = format!(
        "[global]\nrepo1-path={place}/repo\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=hush\nlock-path={place}/lock\n\
         spool-path={place}/spool\nlog-level-file=off\nlog-level-stderr=off\n\
         [s]\npg1-path={place}/data\npg1-socket-path={place}\npg1-port={}\npg1-user=bank\n",
        server.port()
    );
    let configuration = server.file("own.conf", &whole);
    let of_server = |arguments: &[&str]| {
        let mut command = server.program("/usr/bin/pgbackrest");
        let told =
            command.arg(format!("--config={}", configuration.display())).arg("--stanza=s").args(arguments);
        let told = told.output().expect("run pgbackrest");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    };
    of_server(&["--no-online", "stanza-create"]);
    let segment = server.sql("SELECT pg_walfile_name(pg_switch_wal())");
    let path = server.data().join("pg_wal").join(&segment);
    of_server(&["archive-push", &path.display().to_string()]);

    assert_eq!(fetched(&server, &whole, &segment), Some(0));
    for absent in ["0000000100000000000000FF", "00000002.history"] {
        assert_eq!(fetched(&server, &whole, absent), Some(1), "{absent}: the archive ends there");
    }
    for (trouble, from, to) in [
        ("a passphrase of another archive", "hush", "wrong"),
        ("a folder that is gone", "/repo\n", "/gone\n"),
        (
            "a bucket that is not reached",
            "repo1-path=",
            "repo1-type=gcs\nrepo1-gcs-bucket=b\nrepo1-gcs-key-type=token\n\
            repo1-gcs-key=x\nrepo1-storage-host=127.0.0.1\nrepo1-storage-port=1\nio-timeout=1\nrepo1-path=",
        ),
    ] {
        let broken = whole.replacen(from, to, 1);
        assert_ne!(broken, whole);
        assert_eq!(fetched(&server, &broken, "0000000100000000000000FF"), Some(254), "{trouble}");
    }
}
