//! Settings of Postgres for the archive.

use crate::api::Archive;
use crate::tuning::Settings;

/// Gives one file to the archive (`images/postgres/archive-wal`). The shell takes the last word for a comment; pgBackRest makes no copy of
/// a server whose command does not have it ("archive_command must contain pgbackrest").
pub const COMMAND: &str = "archive-wal \"%p\" # pgbackrest";
/// Says of each file that it is archived: there is no archive. An empty command would keep all WAL for one that may come.
pub const NO_COMMAND: &str = "/bin/true";

/// WAL that members keep beside what they need: a replica that is promoted has to have what the dead primary had not archived
/// yet (`images/postgres/archive-gap`), and its first checkpoint removes all that is not kept. 16 segments are four seconds
/// of 64 MB/s; a push takes one.
const KEEP: &str = "256MB";
/// Patroni's own default. It takes nothing below 16 MB: with 0 it sets this too, and warns at each reload.
const KEEP_WITHOUT: &str = "128MB";

/// The settings with this archive, or without one. `mounted` is false while some member lacks the volume that the archive is on: until it
/// is there, each file would fail and the members' own volumes fill; no WAL of before can belong to the archive that begins. `archive_mode` is the only one that needs a restart, so it is on from the
/// first start: an archive is turned on and off without one. What that costs without an archive is one `/bin/true` for
/// each segment of 16 MiB.
pub fn settings(archive: Option<&Archive>, mounted: bool) -> Settings {
    let (command, timeout) = match archive {
        Some(archive) if archive.volume.is_some() && !mounted => {
            (NO_COMMAND, format!("{}s", archive.switch_seconds))
        }
        Some(archive) => (COMMAND, format!("{}s", archive.switch_seconds)),
        None => (NO_COMMAND, "0".into()),
    };
    let keep = if archive.is_some() { KEEP } else { KEEP_WITHOUT };
    Settings::from([
        ("wal_keep_size".into(), keep.into()),
        ("archive_mode".into(), "on".into()),
        ("archive_command".into(), command.into()),
        ("archive_timeout".into(), timeout),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::Catalog;
    use crate::tuning::catalog::Context;
    use serde_json::json;

    #[test]
    fn an_archive_is_turned_on_without_a_restart() {
        let archive = serde_json::from_value(json!({"gcs": {"bucket": "wal"}})).unwrap();
        let (with, without) = (settings(Some(&archive), true), settings(None, true));
        for major in crate::target::MAJORS {
            let catalog = Catalog::bundled(major).unwrap();
            for (name, value) in &with {
                let entry = catalog.get(name).unwrap_or_else(|| panic!("no setting {name} in {major}"));
                crate::tuning::value::check(entry, value)
                    .unwrap_or_else(|why| panic!("{name} = {value}: {why}"));
                assert!(*value == without[name] || entry.context == Context::Reload, "{name}");
            }
        }
        assert_eq!(with["archive_timeout"], "60s");
        assert_eq!(settings(Some(&archive), false), with, "a bucket needs no mount");
        let volume = serde_json::from_value(json!({"volume": {"claim": "wal"}})).unwrap();
        let command = |mounted| settings(Some(&volume), mounted)["archive_command"].clone();
        assert_eq!([command(false), command(true)], [NO_COMMAND, COMMAND]);
    }
}
