//! A backup of which the archive has the copy alone: it is known by pgBackRest's list and by the UID that the copy bears. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::PostgresBackup;
use crate::name::ClusterName;

use super::answer::{Copy, Part};
use super::place::{is_label, is_uid, is_word};

const MIB: i64 = 1 << 20;

/// The parts of a stanza's name, for a cluster of this name: namespace, the UID's beginning, generation of the volumes. A name of
/// several words has its namespace and cluster in no other way.
pub fn taken_apart<'a>(stanza: &'a str, cluster: &str) -> Option<(&'a str, &'a str, u32)> {
    let (at, middle) = stanza.rmatch_indices(&format!("-{cluster}-")).next()?;
    let (namespace, rest) = (&stanza[..at], &stanza[at + middle.len()..]);
    let (uid, generation) = match rest.split_once('-') {
        None => (rest, 1),
        Some((uid, generation)) => (uid, generation.parse().ok().filter(|generation| *generation > 1)?),
    };
    (is_word(namespace, "-") && is_word(uid, "") && uid.len() <= 8).then_some((namespace, uid, generation))
}

/// The object that a copy is of, as far as can be told: version and size are those of the data, and what its cluster was like is not known.
pub fn by_copy(stanza: &str, part: &Part, copy: &Copy, cluster: &str) -> Option<PostgresBackup> {
    let uid = copy.owner().filter(|uid| is_uid(uid) && is_label(&copy.label))?;
    let (namespace, short, generation) = taken_apart(stanza, cluster)?;
    let database = part.databases.iter().find(|database| database.id == copy.database.id)?;
    let major: i32 = database.version.split('.').next()?.parse().ok()?;
    let group = ClusterName::new(namespace, cluster).group(0);
    // pgBackRest leaves out what is less than a second.
    let at = |seconds: i64| Timestamp::from_second(seconds).ok().map(|at| at.to_string());
    let (began, whole) = (at(copy.timestamp.start)?, at(copy.timestamp.stop.checked_add(1)?)?);
    let (start_lsn, stop_lsn) = copy.lsn.as_ref()?.both()?;
    let (start_wal, stop_wal) = copy.archive.as_ref()?.both()?;
    let timeline = i64::from_str_radix(start_wal.get(..8)?, 16).ok()?;
    let size = format!("{}Mi", copy.info.size.max(1).checked_add(MIB - 1)? / MIB);
    let identifier = match &database.system_id {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let spec = json!({"engine": {"version": major.to_string()}, "storage": {"size": size}});
    serde_json::from_value(json!({
        "apiVersion": "stylobate.dev/v1alpha1",
        "kind": "PostgresBackup",
        "metadata": {
            "name": format!("{cluster}-{}", copy.label.to_lowercase()), "namespace": namespace, "uid": uid, "creationTimestamp": began,
        },
        "spec": {"cluster": cluster, "method": "Archive"},
        "status": {
            "phase": "Succeeded", "startedAt": began, "checkpointAt": began, "cutAt": whole, "completedAt": whole,
            "consistency": "CopyWithWal", "restoreBytes": copy.info.size,
            "source": {
                "clusterUid": short, "flavor": "Postgres", "version": format!("{major}.0"), "image": "", "storage": size,
                "settings": {}, "clusterSpec": spec.to_string(), "archived": true,
            },
            "groups": [{
                "group": 0, "member": group.pod(0), "claim": group.volume(generation, 0), "volume": "",
                "systemIdentifier": identifier, "timeline": timeline,
                "checkpointLsn": start_lsn, "cutLsn": stop_lsn,
                "archived": {
                    "stanza": stanza, "label": copy.label, "startLsn": start_lsn, "stopLsn": stop_lsn,
                    "startWal": start_wal, "stopWal": stop_wal, "databaseBytes": copy.info.size,
                    "stoppedAt": whole,
                },
            }],
        },
    }))
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Base, stanza};

    #[test]
    fn a_part_is_taken_apart_by_the_name_of_its_cluster() {
        for generation in [1, 2] {
            let name = stanza("shop-eu", "ledger-2", "0b5a4f4e-1111", generation);
            assert_eq!(taken_apart(&name, "ledger-2"), Some(("shop-eu", "0b5a4f4e", generation)));
            assert_eq!(taken_apart(&name, "ledger"), None, "{name}");
        }
        assert_eq!(taken_apart("ledger-0b5a4f4e", "ledger"), None);
    }

    #[test]
    fn a_copy_without_a_manifest_is_a_backup_that_leads_to_its_part_of_the_archive() {
        let part: Part = serde_json::from_value(json!({
            "databases": [{"id": 1, "system-id": 7_300_000_000_000_000_001_u64, "version": "17"}],
            "copies": [{
                "label": "20261122-143144F", "annotation": {"stylobate": "0b1c2d3e-0000-4000-8000-000000000001"}, "database": {"id": 1, "repo-key": 1},
                "lsn": {"start": "0/1E000028", "stop": "0/1E000120"},
                "archive": {"start": "00000002000000000000001E", "stop": "00000002000000000000001E"},
                "timestamp": {"start": 1795357500, "stop": 1795357583}, "info": {"size": 160269337},
            }],
        }))
        .unwrap();
        let name = stanza("shop", "c", "0b5a4f4e-1111", 1);
        let backup = by_copy(&name, &part, &part.copies[0], "c").unwrap();
        let status = backup.status.as_ref().unwrap();
        let source = status.source.as_ref().unwrap();
        assert_eq!(stanza("shop", "c", &source.cluster_uid, 1), name);
        assert_eq!((source.storage.as_str(), status.groups[0].timeline), ("153Mi", 2));
        assert_eq!(source.spec().unwrap().engine.version, "17");
        assert!(Base::of(status).is_some(), "moments after it can be brought back too");
        assert_eq!(by_copy(&name, &part, &part.copies[0], "d"), None);
    }
}
