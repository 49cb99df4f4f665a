//! The cluster of a backup, as far as a drill has to do with it: whether its archive can be replayed, and the mark that is to come back.

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{DrillReplays, GcsArchive, PostgresBackup, PostgresCluster};
use crate::archive::{Base, generation_of, keep, position, stanza};
use crate::name::ClusterName;
use crate::restore::nearest::part;
use crate::sql::session::{Error, Session};

use super::facts::{Source, SourceMark};

/// How long a mark stays: no drill is longer than a day, and a table of a customer's server has to stay small.
const MARKS_KEPT: &str = "8 days";

/// Whether WAL of the archive can be replayed, by what the two objects say. [`Source::Fit`] without a mark: the server has to be asked.
pub fn fit(backup: &PostgresBackup, live: Option<&PostgresCluster>, wanted: DrillReplays) -> Source {
    let Some((uid, then)) = archive_of(backup).filter(|_| wanted != DrillReplays::Never) else {
        return Source::Silent;
    };
    let cluster = &backup.spec.cluster;
    let unfit = |why: String| Source::Unfit(why);
    let Some(live) = live.filter(|live| live.uid().as_ref() == Some(&uid)) else {
        return unfit(format!("cluster {cluster} is gone, so nothing more is archived"));
    };
    let now = live.spec.backup.archive.as_ref().and_then(|archive| archive.gcs.as_ref());
    let place = |gcs: &GcsArchive| (gcs.bucket.clone(), gcs.prefix.clone(), gcs.endpoint.clone());
    if now.is_none_or(|now| place(now) != place(&then)) {
        return unfit(format!("cluster {cluster} does not archive to where it did when the backup was made"));
    }
    let name = ClusterName::new(backup.namespace().unwrap_or_default(), cluster);
    let generation = backup.status.as_ref().map_or(1, |status| generation_of(&name.group(0), status));
    let part = stanza(&name.namespace, &name.name, &uid, generation);
    let status = live.status.as_ref();
    match status.and_then(|status| status.archive.as_ref()) {
        None => return Source::Waits(format!("cluster {cluster} does not tell of its archive yet")),
        Some(archive) if archive.stanza != part => {
            return unfit(format!(
                "cluster {cluster} archives to another part of the archive since it was brought back in place"
            ));
        }
        Some(_) => {}
    }
    // Its members show who they are by the name of their cluster, and a drill's has another one.
    if wanted == DrillReplays::Auto && then.service_account_secret.is_none() && !then.anonymous {
        return unfit(
            "members come to the bucket by Workload Identity, and the ServiceAccount of a drill may have no right to it: give it that right, \
             and set spec.backup.drill.replay to Always"
                .into(),
        );
    }
    if live.spec.paused {
        return unfit(format!("spec.paused of cluster {cluster} is true, so that nothing is written there"));
    }
    if status.is_none_or(|status| status.primary.is_none()) {
        return Source::Waits(format!(
            "no member of cluster {cluster} takes writes, so that nothing can be marked"
        ));
    }
    Source::Fit(None)
}

/// Why the WAL after this backup is not to be had any more: it was removed, by the rule by which WAL is removed. None while it is kept. `all` are the
/// backups of all clusters, this one among them.
pub fn pruned<'a>(
    backup: &PostgresBackup,
    live: &PostgresCluster,
    all: impl IntoIterator<Item = &'a PostgresBackup>,
    now: Timestamp,
) -> Option<String> {
    let of = part(backup)?;
    let namespace = backup.namespace();
    let beside = |other: &&PostgresBackup| {
        let archived = other.status.as_ref().and_then(|status| status.source.as_ref()?.archived);
        let stays = other.metadata.deletion_timestamp.is_none() || other.spec.hold;
        other.namespace() == namespace && part(other) == Some(of) && stays && archived != Some(false)
    };
    let base = |backup: &PostgresBackup| backup.status.as_ref().and_then(Base::of);
    let bases: Vec<Base> = all.into_iter().filter(beside).filter_map(base).collect();
    let own = base(backup)?;
    let days = live.spec.backup.archive.as_ref().and_then(|archive| archive.retention_days);
    let serving = bases.iter().map(|base| base.major).max()?;
    let gone = keep(&bases, days, serving, now).is_some_and(|kept| !kept.covers(&own));
    gone.then(|| {
        let cluster = &backup.spec.cluster;
        let (cut, days) = (own.cut_at, days.map(|days| format!(" is {days}")).unwrap_or_default());
        format!(
            "the WAL after this backup, cut at {cut:.0}, is not kept any more: spec.backup.archive.retentionDays of cluster {cluster}{days}, and \
             a newer backup leads as far back as that. For a replay ask for a drill of a newer backup"
        )
    })
}

/// UID of the backup's cluster and its bucket, when it archived to one.
fn archive_of(backup: &PostgresBackup) -> Option<(String, GcsArchive)> {
    let source = backup.status.as_ref()?.source.as_ref()?;
    let gcs = source.spec().ok()?.backup.archive?.gcs?;
    (source.archived != Some(false)).then(|| (source.cluster_uid.clone(), gcs))
}

/// The mark of a drill on the cluster of its backup; none while it is not written, or not to its end.
///
/// # Errors
/// Those of the session.
pub async fn marked(session: &Session, key: &str) -> Result<Option<SourceMark>, Error> {
    if !known(session).await? {
        return Ok(None);
    }
    let key = postgres_protocol::escape::escape_literal(key);
    let rows = session
        .query(&format!(
            "SELECT (extract(epoch FROM m.at) * 1000)::bigint, left(m.lsn::text, 64), left(m.wal, 64), COALESCE(a.last_archived_wal, '') COLLATE \"C\" >= m.wal \
             AND a.last_archived_wal ~ '^[0-9A-F]{{24}}$' FROM stylobate.drill_mark m, pg_catalog.pg_stat_archiver a \
             WHERE m.drill = {key} AND m.lsn IS NOT NULL AND m.wal IS NOT NULL"
        ))
        .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let Ok(at) = Timestamp::from_millisecond(session.column(row, 0)?) else { return Ok(None) };
    let mark = SourceMark {
        at,
        lsn: session.column(row, 1)?,
        wal: session.column(row, 2)?,
        archived: session.column::<Option<bool>>(row, 3)?.unwrap_or_default(),
    };
    let segment = mark.wal.len() == 24 && mark.wal.bytes().all(|digit| digit.is_ascii_hexdigit());
    Ok((segment && position(&mark.lsn).is_some()).then_some(mark))
}

/// When the mark of a drill was written, by what the restored server has.
///
/// # Errors
/// Those of the session.
pub async fn came_back(session: &Session, key: &str) -> Result<Option<Timestamp>, Error> {
    if !known(session).await? {
        return Ok(None);
    }
    let key = postgres_protocol::escape::escape_literal(key);
    let rows = session
        .query(&format!(
            "SELECT (extract(epoch FROM at) * 1000)::bigint FROM stylobate.drill_mark WHERE drill = {key}"
        ))
        .await?;
    Ok(session.first(&rows)?.and_then(|at| Timestamp::from_millisecond(at).ok()))
}

async fn known(session: &Session) -> Result<bool, Error> {
    let rows = session.query("SELECT pg_catalog.to_regclass('stylobate.drill_mark') IS NOT NULL").await?;
    Ok(session.first(&rows)?.unwrap_or_default())
}

/// Writes the mark, notes the position just after it, and has that segment archived. What was done to its end stays.
///
/// # Errors
/// Those of the session.
pub async fn mark(session: &Session, key: &str) -> Result<(), Error> {
    let literal = postgres_protocol::escape::escape_literal(key);
    session.execute("CREATE SCHEMA IF NOT EXISTS stylobate").await?;
    session
        .execute(
            "CREATE TABLE IF NOT EXISTS stylobate.drill_mark (drill text PRIMARY KEY, at timestamptz NOT NULL, lsn pg_catalog.pg_lsn, wal text)",
        )
        .await?;
    session
        .execute(&format!(
            "INSERT INTO stylobate.drill_mark (drill, at) VALUES ({literal}, pg_catalog.clock_timestamp()) ON CONFLICT (drill) DO NOTHING"
        ))
        .await?;
    session
        .execute(&format!(
            "DELETE FROM stylobate.drill_mark WHERE at < pg_catalog.now() - interval '{MARKS_KEPT}'"
        ))
        .await?;
    // A record of its own after the mark: replay ends at the first record that begins at the position or after it, and the switch that
    // follows is one, in the same segment.
    session
        .execute(&format!(
            "UPDATE stylobate.drill_mark SET (lsn, wal) = (SELECT p.at, pg_catalog.pg_walfile_name(p.at) \
             FROM pg_catalog.pg_create_restore_point('stylobate drill') AS p(at)) WHERE drill = {literal} AND lsn IS NULL"
        ))
        .await?;
    // Only while that segment is still the one that is written: doing it again costs no segment.
    session
        .execute(&format!(
            "SELECT pg_catalog.pg_switch_wal() FROM stylobate.drill_mark WHERE drill = {literal} \
             AND wal = pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn())"
        ))
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn backup(archive: &Value) -> PostgresBackup {
        let spec = json!({"engine": {"version": "17.91"}, "storage": {"size": "2Gi"}, "backup": {"archive": archive}});
        let source = json!({
            "clusterUid": "0b5a4f4e-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
            "clusterSpec": spec.to_string(),
        });
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": "b", "namespace": "shop", "uid": "b-1"}, "spec": {"cluster": "books"},
            "status": {"phase": "Succeeded", "cutAt": "2026-11-21T10:00:00Z", "source": source},
        }))
        .unwrap()
    }

    fn live(uid: &str, archive: &Value, stanza: &str, primary: Option<&str>) -> PostgresCluster {
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
            "metadata": {"name": "books", "namespace": "shop", "uid": uid},
            "spec": {"engine": {"version": "17.91"}, "storage": {"size": "2Gi"}, "backup": {"archive": archive}},
            "status": {"state": "Healthy", "ready": "3/3", "primary": primary, "archive": {"place": "gs://wal", "stanza": stanza}},
        }))
        .unwrap()
    }

    const PART: &str = "shop-books-0b5a4f4e";

    #[test]
    fn wal_that_retention_has_removed_is_not_looked_for() {
        let key = |days: Option<i32>| json!({"gcs": {"bucket": "wal", "serviceAccountSecret": "sa"}, "retentionDays": days});
        let made = |name: &str, cut: &str, redo: &str| {
            let mut made = backup(&key(Some(7)));
            made.metadata.name = Some(name.into());
            let status = made.status.as_mut().unwrap();
            status.cut_at = serde_json::from_value(json!(cut)).unwrap();
            let group = json!({"group": 0, "member": "books-0", "claim": "data-books-0", "volume": "v", "systemIdentifier": "1", "timeline": 1,
                "checkpointLsn": redo});
            status.groups = vec![serde_json::from_value(group).unwrap()];
            made
        };
        let old = made("old", "2026-11-01T02:00:00Z", "1/28");
        let base = made("base", "2026-11-10T02:00:00Z", "5/28");
        let new = made("new", "2026-11-20T02:00:00Z", "9/28");
        let all = [old.clone(), base.clone(), new.clone()];
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let why = |of: &PostgresBackup, days: Option<i32>| {
            pruned(of, &live("0b5a4f4e-1", &key(days), PART, Some("books-0")), &all, now)
        };
        let told = why(&old, Some(7)).expect("it is removed");
        assert!(told.contains("spec.backup.archive.retentionDays of cluster books is 7"), "{told}");
        assert_eq!((why(&base, Some(7)), why(&new, Some(7))), (None, None), "seven days begin with it");
        assert_eq!(why(&old, None), None, "all is kept from the oldest backup on");
    }

    #[test]
    fn wal_is_replayed_where_the_same_cluster_still_archives_to_the_same_part() {
        let key = json!({"gcs": {"bucket": "wal", "serviceAccountSecret": "sa"}});
        let same = live("0b5a4f4e-1", &key, PART, Some("books-0"));
        assert_eq!(fit(&backup(&key), Some(&same), DrillReplays::Auto), Source::Fit(None));
        assert_eq!(fit(&backup(&key), Some(&same), DrillReplays::Never), Source::Silent);
        assert_eq!(fit(&backup(&Value::Null), Some(&same), DrillReplays::Always), Source::Silent);
        let unfit =
            |live: Option<&PostgresCluster>, part: &str| match fit(&backup(&key), live, DrillReplays::Auto) {
                Source::Unfit(why) => assert!(why.contains(part), "{why}"),
                other => panic!("{other:?}"),
            };
        unfit(None, "is gone");
        unfit(Some(&live("another", &key, PART, Some("books-0"))), "is gone");
        unfit(Some(&live("0b5a4f4e-1", &Value::Null, PART, Some("books-0"))), "where it did");
        let elsewhere = json!({"gcs": {"bucket": "other", "serviceAccountSecret": "sa"}});
        unfit(Some(&live("0b5a4f4e-1", &elsewhere, PART, Some("books-0"))), "where it did");
        unfit(Some(&live("0b5a4f4e-1", &key, "shop-books-0b5a4f4e-2", Some("books-0"))), "in place");
        let silent = live("0b5a4f4e-1", &key, PART, None);
        assert!(matches!(fit(&backup(&key), Some(&silent), DrillReplays::Auto), Source::Waits(_)));
    }

    #[test]
    fn another_service_account_is_let_in_only_where_somebody_says_so() {
        let workload = json!({"gcs": {"bucket": "wal"}});
        let same = live("0b5a4f4e-1", &workload, PART, Some("books-0"));
        let auto = fit(&backup(&workload), Some(&same), DrillReplays::Auto);
        assert!(matches!(&auto, Source::Unfit(why) if why.contains("replay to Always")), "{auto:?}");
        assert_eq!(fit(&backup(&workload), Some(&same), DrillReplays::Always), Source::Fit(None));
    }
}
