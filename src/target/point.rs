//! The point in time that a new cluster is brought to, from a backup and the archive of its source.

use jiff::Timestamp;

use crate::api::{BackupMethod, BackupStatus, FromCluster, PointInTime, PostgresBackup};
use crate::archive::{
    ArchiveTarget, Login, PASSPHRASE, Place, SOURCE, conf, generation_of, position, stanza,
};
use crate::name::ClusterName;
use crate::observe::{Observed, OriginSeen, SecretData};
use crate::restore::{Point, Recovery};

use super::Problem;
use super::origin::Origin;
use super::reach::{Reach, reaches};

const FIELD: &str = "spec.bootstrap.pointInTime";
const LATEST: &str = "targetLatest";

/// Where recovery stops and where its WAL is; none for a snapshot whose own moment is wanted.
pub fn recovery(
    seen: &Observed,
    origin: &Origin,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Option<Recovery> {
    let bootstrap = &seen.cluster.spec.bootstrap;
    let status = origin.backup.status.clone().unwrap_or_default();
    let source = &seen.restore.source;
    let told = |refusal| match refusal {
        Refusal::Spec(problem) => problem,
        Refusal::Backup(remedy) => origin.problem(remedy),
    };
    let Some(wanted) = bootstrap.point_in_time.as_ref() else {
        if origin.backup.spec.method == BackupMethod::Snapshot {
            return None;
        }
        let archive = archive(seen, origin.backup, &status);
        let archive = archive.map_err(|refusal| problems.push(told(refusal))).ok()?;
        return Some(Recovery { point: Point::Own, stanza: archive.stanza });
    };
    let reach = match &bootstrap.from_cluster {
        Some(from) => Reach::of_cluster(&from.name, &origin.candidates, source, now),
        None => Reach::of_backup(origin.backup, source),
    };
    let point = point(wanted, &status, &reach, now).map_err(|problem| problems.push(problem));
    if let (Ok(Point::Latest), Some(from), Some(began)) = (&point, &bootstrap.from_cluster, source.left_at) {
        problems.push(left(from, began, &seen.name().namespace));
    }
    if let (Ok(Point::Latest), Some(lost)) = (&point, source.lost_at) {
        problems.push(broken(origin.backup, lost));
    }
    let archive = archive(seen, origin.backup, &status).map_err(|refusal| problems.push(told(refusal)));
    let (point, archive) = (point.ok()?, archive.ok()?);
    if !reaches(&origin.candidates, origin.backup, source, now) {
        problems.push(match &point {
            Point::Time(_) => reach.outside("targetTime", wanted.target_time.as_deref().unwrap_or_default()),
            Point::Lsn(lsn) => reach.outside("targetLsn", lsn),
            Point::Name(name) => reach.outside("targetName", name),
            Point::Latest => reach.outside(LATEST, "true"),
            Point::Own => return None,
        });
    }
    Some(Recovery { point, stanza: archive.stanza })
}

/// The files by which the first member reads the source's archive; none while something of them is missing.
pub fn files(seen: &Observed, backup: &PostgresBackup) -> Option<SecretData> {
    let status = backup.status.clone().unwrap_or_default();
    let archive = archive(seen, backup, &status).ok()?;
    let secrets = &seen.restore.source.secrets;
    let mut files = SecretData::from([(
        format!("{SOURCE}pgbackrest.conf"),
        conf(&archive, SOURCE, secrets.get(PASSPHRASE)?),
    )]);
    if let Place::Gcs { login, authority, .. } = &archive.place {
        if let Login::Key(_) = login {
            files.insert(format!("{SOURCE}key.json"), secrets.get("key.json")?.clone());
        }
        if authority.is_some() {
            files.insert(format!("{SOURCE}ca.crt"), secrets.get("ca.crt")?.clone());
        }
    }
    Some(files)
}

/// True when all that is wrong is that the archive which the new cluster would be made from can't be read by what its Secrets and the backup's
/// record have.
pub fn archive_refused(seen: &Observed, problems: &[Problem]) -> bool {
    let OriginSeen::Found(backup) = &seen.restore.backup else { return false };
    let reads =
        backup.spec.method == BackupMethod::Archive || seen.cluster.spec.bootstrap.point_in_time.is_some();
    let status = backup.status.clone().unwrap_or_default();
    let of_source = problems.iter().all(|problem| problem.field.starts_with("spec.bootstrap"));
    reads && of_source && archive(seen, backup, &status).is_err()
}

fn point(
    wanted: &PointInTime,
    status: &BackupStatus,
    reach: &Reach,
    now: Timestamp,
) -> Result<Point, Problem> {
    match (&wanted.target_time, &wanted.target_lsn, &wanted.target_name, wanted.target_latest) {
        (Some(text), None, None, None) => {
            let time: Timestamp = text.parse().map_err(|_| {
                let remedy = "write a time with its zone (RFC 3339), as 2026-11-21T12:34:56.7Z or 2026-11-21T13:34:56+01:00";
                Problem::new(format!("{FIELD}.targetTime"), text, remedy)
            })?;
            let early = status.cut_at.as_ref().is_some_and(|cut| time <= cut.0);
            if early || reach.ends_before(time, now) {
                Err(reach.outside("targetTime", text))
            } else {
                Ok(Point::Time(time))
            }
        }
        (None, Some(text), None, None) => {
            let there = position(text).ok_or_else(|| {
                Problem::new(
                    format!("{FIELD}.targetLsn"),
                    text,
                    "write a position as PostgreSQL does, as 2A/3000028",
                )
            })?;
            let cut = status.groups.first().and_then(|group| position(group.cut_lsn.as_deref()?));
            if cut.is_some_and(|cut| there < cut) {
                let cut = status.groups[0].cut_lsn.clone().unwrap_or_default();
                let remedy = format!(
                    "this backup has all up to {cut} already: name a later position, or an earlier backup"
                );
                return Err(Problem::new(format!("{FIELD}.targetLsn"), text, remedy));
            }
            Ok(Point::Lsn(text.clone()))
        }
        (None, None, Some(name), None) => Ok(Point::Name(name.clone())),
        (None, None, None, Some(true)) => Ok(Point::Latest),
        (None, None, None, Some(false)) => Err(Problem::new(
            format!("{FIELD}.{LATEST}"),
            "false",
            "write true for all that was archived, or leave it out and name another point",
        )),
        (.., Some(_)) => Err(Problem::new(
            format!("{FIELD}.{LATEST}"),
            "beside another point",
            "give one of targetTime, targetLsn, targetName and targetLatest",
        )),
        _ => Err(Problem::new(FIELD, "", "give one of targetTime, targetLsn, targetName and targetLatest")),
    }
}

/// All that was archived is asked of a cluster whose newest data no backup leads to.
fn left(from: &FromCluster, began: Timestamp, own: &str) -> Problem {
    let (name, namespace) = (&from.name, from.namespace.as_deref().unwrap_or(own));
    let remedy = format!(
        "cluster '{name}' went back to a backup in place at {began:.0} and has none from since, so that its newest data can't be reached: make one \
         (stylobate backup {name} -n {namespace}); or, for what was archived up to then, name the backup by spec.bootstrap.fromBackup"
    );
    Problem::new(format!("{FIELD}.{LATEST}"), "true", remedy)
}

/// All that was archived is asked of an archive with a gap: a replay would end there, and take it for the end.
fn broken(backup: &PostgresBackup, lost: Timestamp) -> Problem {
    let (cluster, namespace) =
        (&backup.spec.cluster, backup.metadata.namespace.as_deref().unwrap_or_default());
    let remedy = format!(
        "WAL of cluster '{cluster}' was lost for its archive at {lost:.0}, after the newest backup, so that nothing later can be reached: make a backup \
         (stylobate backup {cluster} -n {namespace}); or, for what was archived before, name a moment by {FIELD}.targetTime"
    );
    Problem::new(format!("{FIELD}.{LATEST}"), "true", remedy)
}

/// Why the archive of a backup's cluster can't be read.
enum Refusal {
    /// By what the spec says.
    Spec(Problem),
    /// By what the backup is, and what to do.
    Backup(String),
}

/// The part of the archive that the source wrote to.
fn archive(
    seen: &Observed,
    backup: &PostgresBackup,
    status: &BackupStatus,
) -> Result<ArchiveTarget, Refusal> {
    let namespace = backup.metadata.namespace.clone().unwrap_or_default();
    let of_source = status.source.as_ref();
    let spec = of_source.and_then(|source| source.spec().ok());
    let (Some(source), Some(spec)) = (of_source, spec) else {
        return Err(Refusal::Backup(
            "its status does not tell what its cluster was like, so its archive is not known".into(),
        ));
    };
    let Some(archive) = spec.backup.archive else {
        let remedy = "its cluster had no archive when it was made, so that its own moment alone can be brought back: remove \
                      spec.bootstrap.pointInTime, or name a later backup";
        return Err(Refusal::Backup(remedy.into()));
    };
    let Some(gcs) = archive.gcs else {
        let remedy = "its cluster's archive is on a volume; this release brings clusters to a point in time from a bucket alone: remove \
                      spec.bootstrap.pointInTime";
        return Err(Refusal::Backup(remedy.into()));
    };
    let secrets = &seen.restore.source.secrets;
    let needs = [
        (true, PASSPHRASE),
        (gcs.service_account_secret.is_some(), "key.json"),
        (gcs.ca_secret.is_some(), "ca.crt"),
    ];
    if let Some((_, key)) = needs.iter().find(|(needed, key)| *needed && !secrets.contains_key(*key)) {
        let (field, given) = seen.cluster.spec.bootstrap.archive_secret();
        return Err(match given {
            Some(secret) => Refusal::Spec(Problem::new(
                field,
                secret,
                format!("there is no entry {key} in it, or no such Secret in this namespace"),
            )),
            None => Refusal::Backup(format!(
                "to read its cluster's archive {key} is needed, and the Secrets of namespace '{namespace}' have it no more: put a copy \
                 into a Secret of this namespace and name it in {field}"
            )),
        });
    }
    let group = ClusterName::new(&namespace, &backup.spec.cluster).group(0);
    let generation = generation_of(&group, status);
    let login = match (&gcs.service_account_secret, gcs.anonymous) {
        (Some(secret), _) => Login::Key(secret.clone()),
        (None, true) => Login::Anonymous,
        (None, false) => Login::Workload,
    };
    Ok(ArchiveTarget {
        stanza: stanza(&namespace, &backup.spec.cluster, &source.cluster_uid, generation),
        place: Place::Gcs {
            bucket: gcs.bucket,
            prefix: gcs.prefix,
            endpoint: gcs.endpoint,
            login,
            authority: gcs.ca_secret,
        },
        max_backlog: None,
        retention_days: None,
        escrow: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{entries, observed, start};
    use crate::observe::{OriginSeen, SourceFault};
    use crate::target::validate;
    use serde_json::{Value, json};

    /// A backup that was cut at 10:00, of a cluster with this archive.
    fn backup(archive: Value) -> PostgresBackup {
        let spec = json!({"engine": {"version": "17.91"}, "storage": {"size": "2Gi"}, "backup": {"archive": archive}});
        let source = json!({
            "clusterUid": "0b5a4f4e-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
            "clusterSpec": spec.to_string(),
        });
        let group = json!({
            "group": 0, "member": "old-0", "claim": "d", "volume": "v", "systemIdentifier": "1", "timeline": 1,
            "checkpointLsn": "0/3000000", "cutLsn": "0/3000100",
            "snapshot": {"name": "s", "handle": "h", "driver": "d", "ready": true},
        });
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": "b", "namespace": "shop", "uid": "b-1"},
            "spec": {"cluster": "old"},
            "status": {"phase": "Succeeded", "cutAt": "2026-11-21T10:00:00Z", "provider": "Csi", "source": source, "groups": [group]},
        }))
        .unwrap()
    }

    fn world(point: Value, archive: Value, secrets: &[(&str, &str)]) -> Observed {
        let mut seen = observed(json!({"bootstrap": {"fromBackup": {"name": "b"}, "pointInTime": point}}));
        seen.given.provisioner = Some("d".into());
        seen.restore.backup = OriginSeen::Found(Box::new(backup(archive)));
        seen.restore.source.secrets = entries(secrets);
        seen.restore.source.archived_until = Some("2026-11-21T11:00:00Z".parse().unwrap());
        seen
    }

    fn told(point: Value) -> Result<Option<String>, Vec<String>> {
        let seen = world(point, json!({"gcs": {"bucket": "wal"}}), &[(PASSPHRASE, "p")]);
        let texts = |problems: Vec<Problem>| problems.iter().map(Problem::to_string).collect::<Vec<_>>();
        validate(&seen, start())
            .map(|target| target.restore.map(|restore| format!("{:?}", restore.course.recovery)))
            .map_err(texts)
    }

    #[test]
    fn a_moment_between_the_cut_and_the_last_archived_wal_is_taken() {
        let settings = told(json!({"targetTime": "2026-11-21T10:30:00.5Z"})).unwrap().unwrap();
        assert!(settings.contains("2026-11-21 10:30:00.500000+00"), "{settings}");
        assert!(settings.contains("--stanza=shop-old-0b5a4f4e archive-get"), "{settings}");
        assert!(
            told(json!({"targetTime": "2026-11-21T11:09:00Z"})).is_ok(),
            "the status is up to ten minutes behind"
        );
    }

    #[test]
    fn a_moment_outside_is_answered_with_the_range() {
        let range = "from 2026-11-21T10:00:00Z to about 2026-11-21T11:00:00Z";
        for outside in
            ["2026-11-21T09:59:59Z", "2026-11-21T10:00:00Z", "2026-11-21T11:10:01Z", "2027-01-01T00:00:00Z"]
        {
            let problems = told(json!({"targetTime": outside})).unwrap_err();
            assert!(problems[0].starts_with(&format!("{FIELD}.targetTime is '{outside}'")), "{problems:?}");
            assert!(problems[0].contains(range), "{problems:?}");
        }
        let behind = told(json!({"targetLsn": "0/30000FF"})).unwrap_err();
        assert!(behind[0].contains("has all up to 0/3000100 already"), "{behind:?}");
        assert!(told(json!({"targetLsn": "1/0"})).is_ok());
    }

    #[test]
    fn what_is_no_time_and_what_is_no_point_is_told_with_the_form() {
        assert!(told(json!({"targetTime": "yesterday at noon"})).unwrap_err()[0].contains("RFC 3339"));
        assert!(told(json!({})).unwrap_err()[0].contains("give one of"));
        assert!(told(json!({"targetLsn": "1/0", "targetName": "x"})).unwrap_err()[0].contains("give one of"));
        assert!(told(json!({"targetName": "before-release"})).unwrap().unwrap().contains("before-release"));
    }

    #[test]
    fn all_that_was_archived_has_no_target_and_stands_alone() {
        let settings = told(json!({"targetLatest": true})).unwrap().unwrap();
        assert!(!settings.contains("recovery_target"), "{settings}");
        assert!(settings.contains("--stanza=shop-old-0b5a4f4e archive-get"), "{settings}");
        let problem = |point: Value| told(point).unwrap_err()[0].clone();
        let beside = problem(json!({"targetLatest": true, "targetTime": "2026-11-21T10:30:00Z"}));
        assert!(beside.starts_with(&format!("{FIELD}.targetLatest is 'beside another point'")), "{beside}");
        assert!(problem(json!({"targetLatest": false, "targetName": "x"})).contains("give one of"));
        let no = problem(json!({"targetLatest": false}));
        assert!(no.starts_with(&format!("{FIELD}.targetLatest is 'false': write true")), "{no}");
    }

    #[test]
    fn a_backup_without_an_archive_or_whose_passphrase_is_gone_says_what_to_do() {
        let problem = |archive: Value, secrets: &[(&str, &str)], point: Value| {
            validate(&world(point, archive, secrets), start()).unwrap_err()[0].to_string()
        };
        let point = json!({"targetLsn": "1/0"});
        let none = problem(json!(null), &[], point.clone());
        assert!(none.contains("had no archive"), "{none}");
        let gone = problem(json!({"gcs": {"bucket": "wal"}}), &[], point);
        assert!(gone.contains("archive-passphrase is needed") && gone.contains("archiveSecret"), "{gone}");
        let named = json!({"targetLsn": "1/0", "archiveSecret": "mine"});
        let wrong = problem(json!({"gcs": {"bucket": "wal", "caSecret": "ca"}}), &[(PASSPHRASE, "p")], named);
        assert!(wrong.contains("archiveSecret is 'mine': there is no entry ca.crt"), "{wrong}");
    }

    /// A cluster from a copy, whose own moment is wanted.
    fn from_copy(secrets: &[(&str, &str)]) -> Observed {
        let mut seen = world(json!({}), json!({"gcs": {"bucket": "wal"}}), secrets);
        std::sync::Arc::make_mut(&mut seen.cluster).spec.bootstrap.point_in_time = None;
        let OriginSeen::Found(backup) = &mut seen.restore.backup else { panic!("it is there") };
        backup.spec.method = BackupMethod::Archive;
        let group = &mut backup.status.as_mut().unwrap().groups[0];
        group.snapshot = None;
        group.archived = serde_json::from_value(json!({
            "stanza": "shop-old-0b5a4f4e", "label": "20261121-095900F", "startLsn": "0/3000000", "stopLsn": "0/3000100",
            "startWal": "000000010000000000000003", "stopWal": "000000010000000000000003", "databaseBytes": 1,
            "stoppedAt": "2026-11-21T10:00:00Z",
        }))
        .unwrap();
        seen
    }

    #[test]
    fn a_copy_comes_back_at_its_own_moment_by_the_archive_and_into_an_empty_volume() {
        let mut seen = from_copy(&[(PASSPHRASE, "hush")]);
        crate::fixture::step(&mut seen, start());
        crate::fixture::step(&mut seen, start());
        let files = seen.children.secret("c-archive").expect("the files come before the members");
        assert!(files["source-pgbackrest.conf"].expose().contains("repo1-cipher-pass=hush"));
        let target = crate::fixture::target(&seen);
        let course = &target.restore.as_ref().expect("it is under way").course;
        assert_eq!(course.copy.as_ref().map(|copy| copy.label.as_str()), Some("20261121-095900F"));
        assert_eq!(course.recovery()["recovery_target"], "immediate");
        let claim = crate::build::restore::claim(&target, &target.groups[0], course, 0);
        assert_eq!((claim["spec"].get("dataSource"), course.clones(3)), (None, 1));
    }

    #[test]
    fn a_copy_whose_passphrase_is_gone_says_where_to_put_it() {
        let refused = |seen: &Observed| {
            let decision = crate::fixture::step(&mut seen.clone(), start());
            let found = decision.status.conditions.iter().find(|found| found.type_ == "Accepted").cloned();
            found.expect("it is told").reason
        };
        assert_eq!(refused(&from_copy(&[])), "SourceArchiveRefused");
        let mut also = from_copy(&[]);
        std::sync::Arc::make_mut(&mut also.cluster).spec.engine.version = "99".into();
        assert_eq!(refused(&also), "InvalidSpec", "what else is wrong is not of the archive");
        let problems = validate(&from_copy(&[]), start()).unwrap_err();
        assert!(problems[0].to_string().contains("name it in spec.bootstrap.archiveSecret"), "{problems:?}");
        let mut seen = from_copy(&[]);
        std::sync::Arc::make_mut(&mut seen.cluster).spec.bootstrap.archive_secret = Some("mine".into());
        let named = validate(&seen, start()).unwrap_err()[0].to_string();
        assert!(
            named.starts_with("spec.bootstrap.archiveSecret is 'mine': there is no entry archive-passphrase"),
            "{named}"
        );
    }

    #[test]
    fn a_wrong_passphrase_is_told_by_its_field_and_gives_way_to_the_right_one() {
        let named = json!({"targetLsn": "1/0", "archiveSecret": "mine"});
        let mut seen = world(named, json!({"gcs": {"bucket": "wal"}}), &[(PASSPHRASE, "wrong")]);
        crate::fixture::step(&mut seen, start());
        crate::fixture::step(&mut seen, start());
        let pass = |seen: &Observed| {
            let files = seen.children.secret("c-archive").expect("the files come before the members");
            files["source-pgbackrest.conf"].expose().contains("repo1-cipher-pass=right")
        };
        assert!(!pass(&seen));
        seen.pods.insert("c-0".into(), crate::observe::PodSeen::default());
        let told = |seen: &Observed| {
            let target = crate::fixture::target(seen);
            let status = json!({"backup": "shop/b", "backupUid": "b-1", "phase": "Recovering"});
            crate::status::restored(seen, Some(&target), Some(&serde_json::from_value(status).unwrap()))
                .unwrap()
        };
        assert_eq!(told(&seen).1, crate::status::reason::IN_PROGRESS);
        for (fault, reason, part) in [
            (
                SourceFault::Key,
                "RestoreKeyWrong",
                "Secret mine (spec.bootstrap.pointInTime.archiveSecret), entry archive-passphrase",
            ),
            (SourceFault::Unread(39), "RestoreArchiveUnread", "pgBackRest's code 39"),
            (SourceFault::Absent, "RestoreFailed", "there is no archive"),
        ] {
            seen.pods.get_mut("c-0").unwrap().source_fault = Some(fault);
            let (fine, why, message) = told(&seen);
            assert!(!fine && why == reason && message.contains(part), "{why}: {message}");
        }
        // The operator reads the Secrets again while the condition says so, and writes what it finds.
        seen.restore.source.secrets = entries(&[(PASSPHRASE, "right")]);
        crate::fixture::step(&mut seen, start());
        assert!(pass(&seen));
        seen.restore.source.secrets.clear();
        crate::fixture::step(&mut seen, start());
        assert!(pass(&seen), "what was written is kept");
    }

    #[test]
    fn the_first_member_alone_is_a_clone_and_gets_the_files_of_the_source() {
        let mut seen =
            world(json!({"targetLsn": "1/0"}), json!({"gcs": {"bucket": "wal"}}), &[(PASSPHRASE, "hush")]);
        crate::fixture::step(&mut seen, start());
        crate::fixture::step(&mut seen, start());
        let files = seen.children.secret("c-archive").expect("the files come before the members");
        assert!(files["source-pgbackrest.conf"].expose().contains("repo1-cipher-pass=hush"));
        assert!(!files.contains_key("pgbackrest.conf"), "the new cluster has no archive of its own");
        let restore = crate::fixture::target(&seen).restore.expect("it is under way");
        assert_eq!((restore.course.clones(3), restore.course.reads_archive()), (1, true));
    }
}
