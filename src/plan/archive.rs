//! Takes WAL out of the archive that no backup needs. The work is the image's `archive-prune`, on the primary: it has the way to
//! the archive and its passphrase.

use jiff::Timestamp;

use crate::archive::{Base, generation_of, keep};
use crate::observe::{BackupSeen, Observed};
use crate::target::Target;

use super::step::{SqlTask, Statement, Step};

/// Name of the program in the image.
const PROGRAM: &str = "archive-prune";

/// The step, when the primary's archive was not pruned by what these backups need. It is taken again until the program has
/// come to its end, and once by each new primary, which finds nothing left to do.
pub fn prune(target: &Target, seen: &Observed, now: Timestamp) -> Option<Step> {
    let archive = target.archive.as_ref()?;
    let found = seen.database.as_ref()?.archive.as_ref()?;
    // While backups are not known, nobody knows what they need.
    seen.backups.as_ref()?;
    let bases: Vec<Base> = bases(target, seen).into_iter().map(|(_, base)| base).collect();
    let words = keep(&bases, archive.retention_days, target.serving(), now)?.words();
    if found.pruned.as_ref() == Some(&words) || found.trouble.is_some() {
        return None;
    }
    let task = SqlTask {
        database: "postgres".into(),
        summary: format!("remove WAL that no backup needs from the archive (kept: {words})"),
        statements: vec![Statement::plain(format!("COPY (SELECT) TO PROGRAM '{PROGRAM} {words}'"))],
    };
    Some(Step::Sql { pod: seen.primary()?.to_owned(), task })
}

/// Backups of the cluster that a point in time can begin with, by what is archived today.
pub fn bases<'a>(target: &Target, seen: &'a Observed) -> Vec<(&'a String, Base)> {
    let Some(group) = target.groups.first() else { return Vec::new() };
    let archived = |backup: &BackupSeen| backup.status.source.as_ref().and_then(|source| source.archived);
    let kept = seen.backups.iter().flatten().filter(|(_, backup)| {
        // Those of before a restore in place need another part of the archive, and say nothing of this one.
        let here = generation_of(&group.name, &backup.status) == group.generation;
        // What is held is kept, also while its object waits for the hold to be lifted: so is the WAL that it needs.
        here && (!backup.deleting || backup.spec.hold) && archived(backup) != Some(false)
    });
    let base = |(name, backup): (&'a String, &BackupSeen)| {
        Some((name, Base { in_use: backup.used_by.is_some(), ..Base::of(&backup.status)? }))
    };
    kept.filter_map(base).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::BackupStatus;
    use crate::fixture::{backup as backup_seen, observed, put_pods, start, target};
    use crate::observe::{ArchiveSeen, DatabaseSeen};
    use serde_json::json;
    use std::sync::Arc;

    fn world(pruned: Option<&str>) -> Observed {
        let mut seen =
            observed(json!({"backup": {"archive": {"gcs": {"bucket": "wal"}, "retentionDays": 7}}}));
        put_pods(&mut seen);
        let archive = ArchiveSeen { pruned: pruned.map(str::to_owned), ..ArchiveSeen::default() };
        seen.database = Some(DatabaseSeen { archive: Some(archive), ..DatabaseSeen::default() });
        seen
    }

    fn backup(phase: &str, redo: &str) -> BackupStatus {
        let source = json!({
            "clusterUid": "u-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
            "clusterSpec": "{}",
        });
        let group = json!({
            "group": 0, "member": "c-0", "claim": "d", "volume": "v", "systemIdentifier": "1", "timeline": 1,
            "checkpointLsn": redo,
        });
        let status =
            json!({"phase": phase, "cutAt": "2026-11-01T02:00:00Z", "source": source, "groups": [group]});
        serde_json::from_value(status).unwrap()
    }

    fn step(seen: &Observed, backups: &[BackupStatus]) -> Option<String> {
        let mut seen = seen.clone();
        let known = |(number, status): (usize, &BackupStatus)| {
            (format!("b-{number}"), BackupSeen { status: status.clone(), ..backup_seen(start()) })
        };
        seen.backups = Some(backups.iter().enumerate().map(known).collect());
        prune(&target(&seen), &seen, start()).map(|step| match step {
            Step::Sql { task, .. } => task.statements[0].text.clone(),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn wal_before_the_oldest_backup_that_is_needed_is_removed_once() {
        let backups = [backup("Succeeded", "2A/3000028"), backup("Failed", "1/28"), backup("Lost", "2/28")];
        let sql = "COPY (SELECT) TO PROGRAM 'archive-prune 17:0000002A'";
        assert_eq!(
            step(&world(None), &backups).as_deref(),
            Some(sql),
            "a backup that can't be restored needs no WAL"
        );
        assert_eq!(step(&world(Some("17:00000029")), &backups).as_deref(), Some(sql));
        assert_eq!(step(&world(Some("17:0000002A")), &backups), None);
    }

    #[test]
    fn wal_that_a_restore_reads_stays_and_backups_from_before_a_restore_in_place_say_nothing() {
        let kept = |used_by: Option<&str>, claim: &str| {
            let mut older = backup("Succeeded", "1/28");
            older.groups[0].claim = claim.into();
            let mut newer = backup("Succeeded", "2/28");
            newer.cut_at.as_mut().unwrap().0 = "2026-11-10T02:00:00Z".parse().unwrap();
            let of = |status: BackupStatus, used_by: Option<&str>| BackupSeen {
                status,
                used_by: used_by.map(str::to_owned),
                ..backup_seen(start())
            };
            let mut seen = world(None);
            seen.backups =
                Some([("older".into(), of(older, used_by)), ("newer".into(), of(newer, None))].into());
            let found = prune(&target(&seen), &seen, start()).map(|step| step.to_string());
            found.expect("it was not pruned yet")
        };
        let reads = Some("restore to shop/copy");
        assert!(
            kept(None, "data-c-0").contains("17:00000002"),
            "the last seven days begin with the newer one"
        );
        assert!(kept(reads, "data-c-0").contains("17:00000001"));
        assert!(
            kept(reads, "data2-c-0").contains("17:00000002"),
            "its WAL is in another part of the archive"
        );
    }

    #[test]
    fn what_is_held_keeps_its_wal_also_while_its_object_is_being_deleted() {
        let older =
            BackupSeen { status: backup("Succeeded", "1/28"), deleting: true, ..backup_seen(start()) };
        let mut newer = backup("Succeeded", "2/28");
        newer.cut_at.as_mut().unwrap().0 = "2026-11-10T02:00:00Z".parse().unwrap();
        let newer = BackupSeen { status: newer, ..backup_seen(start()) };
        let words = |older: BackupSeen| {
            let mut seen = world(None);
            Arc::make_mut(&mut seen.cluster).spec.backup.archive.as_mut().unwrap().retention_days = None;
            seen.backups = Some([("older".into(), older), ("newer".into(), newer.clone())].into());
            prune(&target(&seen), &seen, start()).expect("it was not pruned yet").to_string()
        };
        assert!(words(older.clone()).contains("17:00000002"), "it goes, and its WAL with it");
        let mut held = older;
        held.spec.hold = true;
        assert!(words(held).contains("17:00000001"));
    }

    #[test]
    fn nothing_is_removed_without_a_backup_or_while_the_archive_is_in_trouble() {
        assert_eq!(step(&world(None), &[]), None);
        let unread = Observed { backups: None, ..world(None) };
        assert_eq!(prune(&target(&unread), &unread, start()), None);
        let mut seen = world(None);
        let database = seen.database.as_mut().unwrap();
        database.archive.as_mut().unwrap().trouble = Some("ERROR".into());
        assert_eq!(step(&seen, &[backup("Succeeded", "2A/28")]), None);
    }
}
