//! A point in time after a backup's cut, or the own moment of a copy: where recovery stops, and how it gets WAL. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::archive::SOURCE;
use crate::engine::paths;

/// What recovery does beyond what the snapshot has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Where it stops.
    pub point: Point,
    /// The source's part of the archive, which is read and never written.
    pub stanza: String,
}

/// Where recovery stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before the first transaction that was committed after this moment.
    Time(Timestamp),
    /// After the record at this position.
    Lsn(String),
    /// At the restore point of this name.
    Name(String),
    /// As soon as a copy is one moment: its own.
    Own,
    /// Where the archive ends.
    Latest,
}

impl Recovery {
    /// Settings of Postgres' recovery, as `Course::recovery` takes them. A target that is never reached ends the server
    /// ("recovery ended before configured recovery target was reached"): a cluster of another moment than the wanted one
    /// is never opened. Where there is none the command itself tells an archive that ends from one that can't be read.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let fetch = format!(
            "pgbackrest --config={}/{SOURCE}pgbackrest.conf --stanza={} archive-get %f \"%p\"",
            paths::ARCHIVE,
            self.stanza
        );
        let (name, value) = match &self.point {
            Point::Time(at) => ("recovery_target_time", at.strftime("%Y-%m-%d %H:%M:%S.%6f+00").to_string()),
            Point::Lsn(lsn) => ("recovery_target_lsn", lsn.clone()),
            Point::Name(name) => ("recovery_target_name", name.clone()),
            Point::Own => ("recovery_target", "immediate".to_owned()),
            Point::Latest => return BTreeMap::from([("restore_command".to_owned(), to_its_end(&fetch))]),
        };
        let mut settings = BTreeMap::from([("restore_command".to_owned(), fetch), (name.to_owned(), value)]);
        if self.point == Point::Own {
            // A failover after it, or one that left its branch, does not matter to what it has itself.
            settings.insert("recovery_target_timeline".into(), "current".into());
        }
        settings
    }
}

/// What an archive has no more of, by pgBackRest's code; all others are trouble with it.
const NOT_THERE: i32 = 1;
/// Tries of a file, and seconds between them: half a minute without the network is no reason to begin a long replay anew.
const TRIES: i32 = 6;
const PAUSE_SECONDS: i32 = 5;
/// PostgreSQL takes every code up to 125 for the end of the archive, and would open a cluster that lacks the rest; by one above that the
/// server stops, and the restore is tried again (`RestoreArchivedFile`, xlogarchive.c).
const NO_END: i32 = 254;

/// The command for a replay without a target. It tries again, and never takes an archive that can't be read for one that ends.
fn to_its_end(fetch: &str) -> String {
    format!(
        "n=0; until {fetch}; do c=$?; n=$((n+1)); [ $c -ne {NOT_THERE} ] || exit {NOT_THERE}; [ $n -lt {TRIES} ] || exit {NO_END}; \
         sleep {PAUSE_SECONDS}; done"
    )
}

/// True of settings that [`Recovery::settings`] makes, or of none: a record has a `restore_command`, which is a line for a shell. With
/// `part` it has to fetch from that part of the archive and from no other.
pub fn lawful(settings: &BTreeMap<String, String>, part: Option<&str>) -> bool {
    let Some(command) = settings.get("restore_command") else { return settings.is_empty() };
    let told = command.split_once("--stanza=").and_then(|(_, rest)| rest.split_once(' '));
    let Some((stanza, _)) = told else { return false };
    let word =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    let made =
        [Point::Own, Point::Latest].map(|point| Recovery { point, stanza: stanza.to_owned() }.settings());
    let known = ["recovery_target_time", "recovery_target_lsn", "recovery_target_name"];
    word(stanza)
        && part.is_none_or(|part| part == stanza)
        && settings.iter().all(|(name, value)| {
            made.iter().any(|made| made.get(name) == Some(value)) || known.contains(&name.as_str())
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn settings(point: Point) -> BTreeMap<String, String> {
        Recovery { point, stanza: "shop-c-1".into() }.settings()
    }

    #[test]
    fn wal_comes_from_the_sources_part_of_the_archive() {
        let all = settings(Point::Lsn("2A/28".into()));
        assert_eq!(
            all["restore_command"],
            "pgbackrest --config=/etc/stylobate/archive/source-pgbackrest.conf --stanza=shop-c-1 archive-get %f \"%p\""
        );
        assert_eq!(all["recovery_target_lsn"], "2A/28");
    }

    #[test]
    fn the_own_moment_of_a_copy_is_on_its_own_timeline() {
        let all = settings(Point::Own);
        assert_eq!(all["recovery_target"], "immediate");
        assert_eq!(all["recovery_target_timeline"], "current");
        assert!(
            all["restore_command"].contains("archive-get"),
            "it lacks the WAL that was written as it was made"
        );
    }

    /// The code of the command for this file by a shell in which `pgbackrest` ends with these codes one after the other, the last one for
    /// good; and how often it was asked.
    fn fetched(name: &str, codes: &str) -> (Option<i32>, usize) {
        let folder = std::env::temp_dir().join(format!("stylobate-fetch-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let put = |tool: &str, text: &str| {
            let path = folder.join(tool);
            std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        let asked = folder.join("asked");
        put(
            "pgbackrest",
            &format!(
                "echo \"$@\" >>{asked}; set -- {codes}; n=$(wc -l <{asked}); [ $n -le $# ] || n=$#; shift $((n-1)); exit $1",
                asked = asked.display()
            ),
        );
        put("sleep", "");
        let command = settings(Point::Latest)["restore_command"].replace("%f", "F").replace("%p", "pg_wal/P");
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let ended =
            std::process::Command::new("sh").args(["-c", &command]).env("PATH", path).status().unwrap();
        let asked = std::fs::read_to_string(asked).unwrap();
        assert!(
            asked.lines().all(|line| line.ends_with("--stanza=shop-c-1 archive-get F pg_wal/P")),
            "{asked}"
        );
        std::fs::remove_dir_all(&folder).unwrap();
        (ended.code(), asked.lines().count())
    }

    #[test]
    fn an_archive_that_can_not_be_read_is_not_taken_for_one_that_ends() {
        assert_eq!(fetched("there", "0"), (Some(0), 1));
        assert_eq!(fetched("end", "1"), (Some(1), 1), "the end of the archive is told at once");
        assert_eq!(fetched("again", "39 39 0"), (Some(0), 3), "a network that was away for a moment");
        assert_eq!(fetched("end-later", "103 1"), (Some(1), 2));
        assert_eq!(fetched("away", "39"), (Some(254), 6), "above 125 the server stops and opens nothing");
        assert_eq!(fetched("absent", "127"), (Some(254), 6));
    }

    #[test]
    fn without_a_target_nothing_but_the_command_is_set() {
        let all = settings(Point::Latest);
        assert_eq!(
            all.keys().collect::<Vec<_>>(),
            ["restore_command"],
            "no target, on the timeline of the course"
        );
        assert!(!all["restore_command"].contains('\''), "Patroni writes it between quotes");
    }

    #[test]
    fn settings_that_the_operator_does_not_write_are_known_in_a_record() {
        let points = [Point::Own, Point::Latest, Point::Lsn("2A/28".into()), Point::Name("x y".into())];
        for all in points.map(settings) {
            assert!(lawful(&all, Some("shop-c-1")) && lawful(&all, None), "{all:?}");
            assert!(!lawful(&all, Some("shop-c-2")), "that is another cluster's WAL");
            let mut forged = all.clone();
            forged.insert("restore_command".into(), "pgbackrest --stanza=shop-c-1 x; touch /tmp/x".into());
            assert!(!lawful(&forged, None));
            forged = all;
            forged.insert("archive_cleanup_command".into(), "touch /tmp/x".into());
            assert!(!lawful(&forged, None));
        }
        assert!(lawful(&BTreeMap::new(), Some("shop-c-1")));
        assert!(!lawful(&[("primary_conninfo".to_owned(), "host=x".to_owned())].into(), None));
    }

    #[test]
    fn a_moment_is_told_to_the_microsecond_and_in_utc() {
        let all = settings(Point::Time("2026-11-21T13:34:56.7+01:00".parse().unwrap()));
        assert_eq!(all["recovery_target_time"], "2026-11-21 12:34:56.700000+00");
        assert_eq!(settings(Point::Name("before".into()))["recovery_target_name"], "before");
    }
}
