//! The reads for one backup. A cluster that does not answer is a fact; an API server or provider that does not is an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolume};
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Api, ResourceExt};
use serde_json::Value;

use crate::api::{
    Archive, BackupMethod, BackupPhase, BackupPolicy, BackupSource, GcsArchive, PostgresBackup,
    PostgresCluster, ProviderName, SharedWith,
};
use crate::name::{ClusterName, manifest, snapshot};
use crate::observe::{self, Links, Observed, tenancy};
use crate::restore::in_service;
use crate::snapshot::{Error as SnapshotError, Volume, csi};
use crate::target::Version;

use super::control::Context;
use super::copy::{self, Errand, Verb};
use super::facts::{CopySeen, GroupFacts, Seen, Shelf, Source, SourceFacts};
use super::held::held;
use super::manifest as stored;
use super::shelved::is_due;

/// Settings that a standby or a restored server must not have smaller than they were, or recovery stops ("insufficient
/// parameter settings" in PostgreSQL's chapter on hot standby).
const SETTINGS: &str = "SELECT name::text, setting FROM pg_catalog.pg_settings WHERE name IN ('max_connections', \
    'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction')";

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server.
    #[error("failed to observe the backup: {0}")]
    Api(#[from] kube::Error),
    /// The provider.
    #[error(transparent)]
    Provider(#[from] SnapshotError),
}

/// Everything, and the ways to the members where they were needed.
pub(super) async fn observe(
    context: &Context,
    backup: Arc<PostgresBackup>,
) -> Result<(Seen, Option<Links>), Error> {
    let status = backup.status.clone().unwrap_or_default();
    let deleting = backup.metadata.deletion_timestamp.is_some();
    let uid = backup.uid().unwrap_or_default();
    let maps: Api<ConfigMap> = Api::namespaced(context.client.clone(), &context.platform.namespace);
    let found = maps.get_opt(&manifest(&uid)).await?;
    let namespace_ends = deleting && namespace_ends(context, &backup).await?;
    let mut seen = Seen {
        shares: shares(context, &backup).await?,
        reader: if deleting && !namespace_ends { reader(context, &backup).await? } else { None },
        namespace_ends,
        ahead: None,
        turn: true,
        crowd: crowd(context, status.phase),
        source: Source::Unasked,
        snapshots: BTreeMap::new(),
        copy: CopySeen::Unasked,
        manifest: found.as_ref().and_then(stored::stored),
        shelf: Shelf::Unasked,
        backup,
    };
    let begins = matches!(status.phase, BackupPhase::Pending | BackupPhase::Checkpointing);
    let works = begins || matches!(status.phase, BackupPhase::Cutting | BackupPhase::Copying);
    let mut links = None;
    if seen.is_copy() {
        if deleting && !seen.namespace_ends
            || matches!(status.phase, BackupPhase::Succeeded | BackupPhase::Failed)
        {
            (seen.copy, links) = copy_seen(context, &seen.backup).await?;
        }
    } else if deleting || !begins && status.phase != BackupPhase::Missed {
        seen.snapshots = snapshots(context, &seen).await?;
    }
    if !seen.namespace_ends && is_due(&seen.backup) {
        let found = way(context, &seen.backup).await?;
        (seen.shelf, links) = match found {
            Ok((member, found)) => (Shelf::Reached(member), Some(found)),
            Err(CopySeen::Silent(why)) => (Shelf::Silent(why), links),
            Err(_) => (Shelf::OutOfReach, links),
        };
    }
    if deleting || !works {
        return Ok((seen, links));
    }
    if status.phase == BackupPhase::Pending {
        seen.turn = context.has_turn(&seen.backup);
        seen.ahead = ahead(context, &seen.backup).await?;
        if seen.ahead.is_some() || !seen.turn {
            return Ok((seen, None));
        }
    }
    let (source, links) = source(context, &seen.backup).await?;
    seen.source = source;
    Ok((seen, links))
}

/// Backups of all clusters in this phase.
fn crowd(context: &Context, phase: BackupPhase) -> usize {
    let all = context.stores.all_backups();
    all.iter().filter(|one| one.status.as_ref().is_some_and(|status| status.phase == phase)).count()
}

async fn namespace_ends(context: &Context, backup: &PostgresBackup) -> Result<bool, kube::Error> {
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    let found = namespaces.get_opt(&backup.namespace().unwrap_or_default()).await?;
    Ok(found.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()))
}

/// Namespaces that the backup is newly shared with, as they are today.
async fn shares(context: &Context, backup: &PostgresBackup) -> Result<Vec<SharedWith>, kube::Error> {
    let known = backup.status.as_ref().map(|status| status.shared_with.as_slice()).unwrap_or_default();
    let mut found = Vec::new();
    for name in &backup.spec.share_with {
        if known.iter().any(|one| one.namespace == *name) {
            continue;
        }
        let uid = tenancy::today(&context.client, name, false).await?.and_then(|today| today.uid);
        found.extend(uid.map(|uid| SharedWith { namespace: name.clone(), uid }));
    }
    Ok(found)
}

/// The restore that reads the backup. Asked of the API server itself: what goes does not come back.
async fn reader(context: &Context, backup: &PostgresBackup) -> Result<Option<String>, kube::Error> {
    let clusters: Api<PostgresCluster> = Api::all(context.client.clone());
    Ok(observe::reader(&clusters.list(&ListParams::default()).await?.items, backup))
}

/// The set's snapshots that exist.
async fn snapshots(
    context: &Context,
    seen: &Seen,
) -> Result<BTreeMap<String, crate::snapshot::Seen>, SnapshotError> {
    let status = seen.backup.status.clone().unwrap_or_default();
    let provider = context.provider(status.provider.unwrap_or_default());
    let namespace = seen.backup.namespace().unwrap_or_default();
    let mut found = BTreeMap::new();
    for group in &status.groups {
        let name = snapshot(seen.uid(), group.group);
        let found_there = match held(&seen.backup, group) {
            Some(held) => provider.health(&held).await?,
            None => provider.look(&namespace, &name).await?,
        };
        if let Some(there) = found_there {
            found.insert(name, there);
        }
    }
    Ok(found)
}

/// Another backup of the cluster that has begun or was made before this one. Asked of the API server itself, since a
/// store may lag behind a backup that has just begun.
async fn ahead(context: &Context, backup: &PostgresBackup) -> Result<Option<String>, kube::Error> {
    let all: Api<PostgresBackup> =
        Api::namespaced(context.client.clone(), &backup.namespace().unwrap_or_default());
    let order =
        |one: &PostgresBackup| (one.metadata.creation_timestamp.as_ref().map(|at| at.0), one.name_any());
    let others = all.list(&ListParams::default()).await?.items.into_iter().filter(|other| {
        let phase = other.status.as_ref().map_or(BackupPhase::Pending, |status| status.phase);
        other.uid() != backup.uid()
            && other.spec.cluster == backup.spec.cluster
            && other.metadata.deletion_timestamp.is_none()
            && !phase.is_over()
            && (phase != BackupPhase::Pending || order(other) < order(backup))
    });
    Ok(others.min_by_key(order).map(|other| other.name_any()))
}

async fn source(context: &Context, backup: &PostgresBackup) -> Result<(Source, Option<Links>), kube::Error> {
    let name = ClusterName::new(backup.namespace().unwrap_or_default(), &backup.spec.cluster);
    let clusters: Api<PostgresCluster> = Api::namespaced(context.client.clone(), &name.namespace);
    let Some(cluster) = clusters.get_opt(&name.name).await? else { return Ok((Source::Missing, None)) };
    let seen =
        observe::observe(&context.client, &context.stores, &context.platform, Arc::new(cluster)).await?;
    let links = observe::links(&name, &context.platform.domain, &seen.children, &seen.pods);
    let Some(group) = group(&seen) else {
        let why = "no member that takes writes answers".into();
        return Ok((Source::Silent(why), links));
    };
    let (group, image, number) = group;
    let policy = seen.cluster.spec.backup.clone();
    let fit = match backup.spec.method {
        BackupMethod::Archive => bucket(&policy).map(|_| (group.volume.clone(), None)).map_err(Source::Unfit),
        BackupMethod::Snapshot => storage(context, &policy, group.volume.clone()).await?,
    };
    let (volume, class) = match fit {
        Ok(fit) => fit,
        Err(unfit) => return Ok((unfit, links)),
    };
    let settings = match &links {
        Some(links) => settings(links, &group.member).await,
        None => Err("the operator has no way to the members yet".into()),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(why) => return Ok((Source::Silent(why), links)),
    };
    let spec = &seen.cluster.spec;
    let source = BackupSource {
        cluster_uid: seen.cluster.uid().unwrap_or_default(),
        namespace_uid: tenancy::today(&context.client, &name.namespace, false)
            .await?
            .and_then(|today| today.uid),
        flavor: spec.engine.flavor,
        version: Version::from_number(number).to_string(),
        image,
        storage: spec.storage.size.0.clone(),
        settings,
        cluster_spec: serde_json::to_string(spec).expect("a spec serializes"),
        archived: Some(spec.backup.archive.is_some()),
    };
    let group = GroupFacts { volume, ..group };
    Ok((Source::Ready(Box::new(SourceFacts { source, policy, class, groups: vec![group] })), links))
}

/// The copy in the archive, by the member that takes writes. Which member that was when it was made does not matter: all have the way to
/// the cluster's archive. One of another cluster of the same name, or of one that archives elsewhere by now, says nothing of it.
async fn copy_seen(
    context: &Context,
    backup: &PostgresBackup,
) -> Result<(CopySeen, Option<Links>), kube::Error> {
    let Some(errand) = Errand::of(backup) else { return Ok((CopySeen::Unasked, None)) };
    let (member, links) = match way(context, backup).await? {
        Ok(way) => way,
        Err(nobody) => return Ok((nobody, None)),
    };
    let copy = match copy::ask(&links, &member, Verb::Look, &errand).await {
        Ok(answer) => CopySeen::Told { member, answer },
        Err(error) => CopySeen::Silent(error.to_string()),
    };
    Ok((copy, Some(links)))
}

/// The member that takes writes, which leads to the archive that a backup is in; else why nobody does.
async fn way(
    context: &Context,
    backup: &PostgresBackup,
) -> Result<Result<(String, Links), CopySeen>, kube::Error> {
    let name = ClusterName::new(backup.namespace().unwrap_or_default(), &backup.spec.cluster);
    let clusters: Api<PostgresCluster> = Api::namespaced(context.client.clone(), &name.namespace);
    let cluster = clusters.get_opt(&name.name).await?;
    let cluster = match cluster.as_ref().map(|cluster| (cluster, out_of_reach(backup, cluster))) {
        Some((cluster, None)) => cluster.clone(),
        Some((_, Some(far))) => return Ok(Err(far)),
        None => return Ok(Err(CopySeen::OutOfReach(format!("cluster {} is gone", name.name)))),
    };
    let seen =
        observe::observe(&context.client, &context.stores, &context.platform, Arc::new(cluster)).await?;
    let links = observe::links(&name, &context.platform.domain, &seen.children, &seen.pods);
    Ok(match (group(&seen), links) {
        (Some((group, _, _)), Some(links)) => Ok((group.member, links)),
        _ => Err(CopySeen::Silent("no member that takes writes answers".into())),
    })
}

/// Why this cluster does not lead to the archive that a backup is in.
fn out_of_reach(backup: &PostgresBackup, cluster: &PostgresCluster) -> Option<CopySeen> {
    let name = cluster.name_any();
    let source = backup.status.as_ref()?.source.as_ref()?;
    if cluster.uid().as_ref() != Some(&source.cluster_uid) {
        let why = format!("cluster {name} is gone; the one of today is another one of its name");
        return Some(CopySeen::OutOfReach(why));
    }
    let then = source.spec().ok().and_then(|spec| spec.backup.archive);
    let now = cluster.spec.backup.archive.as_ref();
    match (then.as_ref().and_then(place), now.and_then(place)) {
        (Some(then), Some(now)) if then == now => None,
        (Some((place, _)), _) => {
            let why = format!("cluster {name} does not archive to {place} any more");
            Some(CopySeen::Elsewhere(why))
        }
        (None, _) => {
            let why = "its status does not tell where the archive of its cluster was";
            Some(CopySeen::OutOfReach(why.into()))
        }
    }
}

/// Where an archive is, and the endpoint that leads there.
fn place(archive: &Archive) -> Option<(String, Option<String>)> {
    let bucket =
        archive.gcs.as_ref().map(|gcs| (format!("gs://{}/{}", gcs.bucket, gcs.prefix), gcs.endpoint.clone()));
    bucket.or_else(|| Some((format!("volume claim {}", archive.volume.as_ref()?.claim), None)))
}

/// The bucket that a copy goes to.
fn bucket(policy: &BackupPolicy) -> Result<&GcsArchive, String> {
    policy.archive.as_ref().and_then(|archive| archive.gcs.as_ref()).ok_or_else(|| {
        "a backup by method Archive needs a bucket to be in: give the cluster spec.backup.archive.gcs, or make a backup by method Snapshot"
            .into()
    })
}

/// What snapshots are taken of, and by which class.
async fn storage(
    context: &Context,
    policy: &BackupPolicy,
    of: Volume,
) -> Result<Result<(Volume, Option<String>), Source>, kube::Error> {
    let volume = match volume(context, of).await? {
        Ok(volume) => volume,
        Err(unfit) => return Ok(Err(unfit)),
    };
    Ok(match policy.provider {
        ProviderName::Csi => class(context, policy.snapshot_class.as_deref(), &volume)
            .await?
            .map(|class| (volume, Some(class))),
        ProviderName::Gce => Ok((volume, None)),
    })
}

/// The primary as the members tell it, with its image and version; the volume is known by its claim alone.
fn group(seen: &Observed) -> Option<(GroupFacts, String, i64)> {
    let primary = seen.primary()?;
    let member =
        seen.members.get(primary).filter(|member| member.role == "primary" && member.state == "running")?;
    let group = seen.name().group(0);
    let claim = group.volume(in_service(seen, &group), group.ordinal(primary)?);
    let facts = GroupFacts {
        group: 0,
        member: primary.to_owned(),
        volume: Volume { name: seen.volumes.get(&claim)?.volume.clone()?, claim, ..Volume::default() },
        timeline: member.timeline?,
        system_identifier: member.system_identifier.clone()?,
    };
    Some((facts, seen.pods.get(primary)?.image().to_owned(), member.server_version?))
}

async fn volume(context: &Context, volume: Volume) -> Result<Result<Volume, Source>, kube::Error> {
    let volumes: Api<PersistentVolume> = Api::all(context.client.clone());
    let found = volumes.get_opt(&volume.name).await?;
    let Some(csi) = found.and_then(|found| found.spec?.csi) else {
        let why = format!(
            "volume {} of claim {} has no CSI driver, so no snapshot can be taken of it: use a StorageClass with a driver that makes snapshots",
            volume.name, volume.claim
        );
        return Ok(Err(Source::Unfit(why)));
    };
    Ok(Ok(Volume { driver: csi.driver, handle: csi.volume_handle, ..volume }))
}

/// The class to order by: the one that is named, or the default one of the volume's driver.
async fn class(
    context: &Context,
    named: Option<&str>,
    volume: &Volume,
) -> Result<Result<String, Source>, kube::Error> {
    let api: Api<DynamicObject> = Api::all_with(context.client.clone(), &csi::classes());
    let classes = match api.list(&ListParams::default()).await {
        Ok(classes) => classes.items,
        // The whole group is not served.
        Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(choose(&classes, named, volume).map_err(Source::Unfit))
}

fn choose(classes: &[DynamicObject], named: Option<&str>, volume: &Volume) -> Result<String, String> {
    let driver = |class: &DynamicObject| {
        class.data.get("driver").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let fitting: Vec<_> = classes.iter().filter(|class| driver(class) == volume.driver).collect();
    let names = || match fitting.iter().map(|class| class.name_any()).collect::<Vec<_>>().join(", ") {
        list if list.is_empty() => format!("there is none for driver {}, so make one", volume.driver),
        list => format!("those for driver {} are: {list}", volume.driver),
    };
    match named {
        Some(name) => match classes.iter().find(|class| class.name_any() == name) {
            None => Err(format!(
                "spec.backup.snapshotClass is '{name}': no such VolumeSnapshotClass exists; {}",
                names()
            )),
            Some(class) if driver(class) != volume.driver => Err(format!(
                "spec.backup.snapshotClass is '{name}': its driver {} can't take a snapshot of a volume of {}; {}",
                driver(class),
                volume.driver,
                names()
            )),
            Some(_) => Ok(name.to_owned()),
        },
        None => {
            let default = "snapshot.storage.kubernetes.io/is-default-class";
            let marked = |class: &&&DynamicObject| {
                class.annotations().get(default).is_some_and(|value| value == "true")
            };
            match (fitting.iter().find(marked), fitting.as_slice()) {
                (Some(class), _) | (None, [class]) => Ok(class.name_any()),
                (None, _) => Err(format!(
                    "spec.backup.snapshotClass is not set, and no VolumeSnapshotClass is the default; {}",
                    names()
                )),
            }
        }
    }
}

async fn settings(links: &Links, member: &str) -> Result<BTreeMap<String, String>, String> {
    let session = links.session(member, "postgres").await.map_err(|error| error.to_string())?;
    let rows = session.query(SETTINGS).await.map_err(|error| error.to_string())?;
    let pair = |row| Ok((session.column(row, 0)?, session.column(row, 1)?));
    rows.iter()
        .map(pair)
        .collect::<Result<_, crate::sql::session::Error>>()
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn class(name: &str, driver: &str, default: bool) -> DynamicObject {
        let mark = "snapshot.storage.kubernetes.io/is-default-class";
        let annotations = if default { json!({mark: "true"}) } else { json!({}) };
        let body = json!({"metadata": {"name": name, "annotations": annotations}, "driver": driver});
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_copy_is_asked_for_where_it_was_put_and_nowhere_else() {
        let cluster = |uid: &str, archive: Value| -> PostgresCluster {
            serde_json::from_value(json!({
                "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
                "metadata": {"name": "c", "namespace": "shop", "uid": uid},
                "spec": {"engine": {"version": "17.91"}, "storage": {"size": "2Gi"}, "backup": {"archive": archive}},
            }))
            .unwrap()
        };
        let wal = json!({"gcs": {"bucket": "wal"}});
        let spec = serde_json::to_string(&cluster("u-1", wal.clone()).spec).unwrap();
        let backup: PostgresBackup = serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup", "metadata": {"name": "b", "namespace": "shop"},
            "spec": {"cluster": "c", "method": "Archive"},
            "status": {"phase": "Succeeded", "source": {
                "clusterUid": "u-1", "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi", "settings": {},
                "clusterSpec": spec,
            }},
        }))
        .unwrap();
        let why = |uid: &str, archive: Value| out_of_reach(&backup, &cluster(uid, archive));
        assert_eq!(why("u-1", json!({"gcs": {"bucket": "wal"}, "retentionDays": 3})), None);
        let gone = why("u-2", wal).unwrap();
        assert!(
            matches!(&gone, CopySeen::OutOfReach(why) if why.contains("another one of its name")),
            "{gone:?}"
        );
        for elsewhere in
            [json!({"gcs": {"bucket": "other"}}), json!({"volume": {"claim": "wal"}}), Value::Null]
        {
            let off = why("u-1", elsewhere).unwrap();
            assert!(
                matches!(&off, CopySeen::Elsewhere(why) if why.contains("does not archive to gs://wal/stylobate any more")),
                "{off:?}"
            );
        }
    }

    #[test]
    fn a_class_is_named_or_the_drivers_default_and_anything_else_is_refused_with_what_there_is() {
        let volume = Volume { driver: "a".into(), ..Volume::default() };
        let classes = [class("a-1", "a", false), class("a-2", "a", true), class("b-1", "b", true)];
        assert_eq!(choose(&classes, None, &volume), Ok("a-2".into()));
        assert_eq!(choose(&classes, Some("a-1"), &volume), Ok("a-1".into()));
        assert_eq!(choose(&classes[..1], None, &volume), Ok("a-1".into()), "the only one needs no mark");
        let missing = choose(&classes, Some("x"), &volume).unwrap_err();
        assert!(missing.contains("no such VolumeSnapshotClass") && missing.contains("a-1, a-2"), "{missing}");
        let other = choose(&classes, Some("b-1"), &volume).unwrap_err();
        assert!(other.contains("its driver b can't"), "{other}");
        let none = choose(&classes[2..], None, &volume).unwrap_err();
        assert!(none.contains("there is none for driver a"), "{none}");
    }
}
