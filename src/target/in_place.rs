//! A request for a restore in place: fit to begin, or refused with the reason while everything still runs.
//!
//! A refusal is no problem of the spec: the cluster is kept as it is wanted meanwhile.

use jiff::Timestamp;
use kube::ResourceExt;

use crate::api::{BackupMethod, FromBackup};
use crate::name::{ANNOTATION_FORGET_OLD_VOLUMES, ANNOTATION_RESTORE_IN_PLACE};
use crate::observe::Observed;
use crate::restore::{Asked, Course, Restore, asked, in_place, is_new};

use super::origin::Origin;
use super::restore::{fits, usable};
use super::{GroupTarget, Problem, Version};

/// What is asked for, as it was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Nothing, or what was done already.
    Nothing,
    /// It can't be done as it stands: why, and what to do.
    Refused(String),
    /// It can begin.
    Fit(Box<Course>),
}

/// What the backup has to fit.
pub struct Wanted {
    /// Version of the spec.
    pub version: Version,
    /// Size of volumes in bytes.
    pub storage_bytes: u64,
    /// A major upgrade is wanted or under way.
    pub upgrades: bool,
}

/// Judges the request. `under_way`: the restore that goes on.
pub fn request(
    seen: &Observed,
    group: &GroupTarget,
    wanted: Wanted,
    under_way: Option<&Restore>,
    now: Timestamp,
) -> Request {
    let (backup, request) = match asked(&seen.cluster, &seen.children, &seen.volumes) {
        Asked::Nothing | Asked::Served => return Request::Nothing,
        Asked::Half(why) if under_way.is_none() => return Request::Refused(why),
        // What goes on was confirmed when it began; taking a word back changes nothing any more.
        Asked::Half(_) => return Request::Nothing,
        Asked::Backup { name, request } => (name, request),
    };
    if let Some(restore) = under_way {
        let same = restore.course.in_place.as_ref().is_some_and(|in_place| in_place.request == request);
        let told = format!(
            "{ANNOTATION_RESTORE_IN_PLACE} is '{request}', but a restore from backup {} goes on, see status.restore: it begins when \
             that one is done",
            restore.course.backup
        );
        return if same { Request::Nothing } else { Request::Refused(told) };
    }
    match fit(seen, group, wanted, &backup, &request, now) {
        Ok(course) => Request::Fit(Box::new(course)),
        Err(why) => Request::Refused(format!(
            "{ANNOTATION_RESTORE_IN_PLACE} is '{request}': {why}. Nothing was stopped"
        )),
    }
}

/// The course, or why there is none.
fn fit(
    seen: &Observed,
    group: &GroupTarget,
    wanted: Wanted,
    backup: &str,
    request: &str,
    now: Timestamp,
) -> Result<Course, String> {
    let name = seen.cluster_name();
    if is_new(seen, &group.name) {
        return Err("the cluster has no data yet: name the backup in spec.bootstrap.fromBackup".into());
    }
    if wanted.upgrades {
        return Err(
            "a major upgrade is under way: put spec.engine.version back, or wait until it is done".into()
        );
    }
    if seen.cluster.annotations().contains_key(ANNOTATION_FORGET_OLD_VOLUMES) {
        return Err(format!(
            "{ANNOTATION_FORGET_OLD_VOLUMES} is still there, so the volumes of today would go as soon as they are out of service: \
             remove it first (kubectl annotate pgc {name} {ANNOTATION_FORGET_OLD_VOLUMES}-)"
        ));
    }
    let mut problems = Vec::new();
    let from = FromBackup { name: backup.to_owned(), namespace: None };
    let told = |problems: &[Problem]| problems.iter().map(said).collect::<Vec<_>>().join("; ");
    let found = usable(seen, &from, ANNOTATION_RESTORE_IN_PLACE, &mut problems);
    let Some(found) = found else { return Err(told(&problems)) };
    if found.spec.cluster != name {
        return Err(format!(
            "it is a backup of cluster '{}': name one of '{name}' (stylobate backup list {name}), or make a new cluster from it \
             (spec.bootstrap.fromBackup)",
            found.spec.cluster
        ));
    }
    if found.spec.method == BackupMethod::Archive {
        return Err(format!(
            "it is a copy in the archive, which only a new cluster is restored from: make one from it (spec.bootstrap.fromBackup), or name \
             a backup by method Snapshot (stylobate backup list {name})"
        ));
    }
    let made_by = found.status.as_ref().and_then(|status| Version::read(&status.source.as_ref()?.version));
    if let Some(made_by) = made_by.filter(|made_by| made_by.major != wanted.version.major) {
        return Err(format!(
            "it is a backup of PostgreSQL {made_by}, and this cluster runs {}, which can't read it: name one of that major, or make \
             a new cluster of version {made_by} from it (spec.bootstrap.fromBackup)",
            wanted.version
        ));
    }
    let origin = Origin::named(found, ANNOTATION_RESTORE_IN_PLACE, backup);
    fits(seen, &origin, wanted.version, wanted.storage_bytes, &mut problems);
    if !problems.is_empty() {
        return Err(told(&problems));
    }
    in_place::begin(seen, &group.name, found, request, now).map_err(|lack| lack.0)
}

/// A problem in words; that of the request itself is told after its name.
fn said(problem: &Problem) -> String {
    if problem.field == ANNOTATION_RESTORE_IN_PLACE { problem.remedy.clone() } else { problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PostgresBackup;
    use crate::child::{ChildRef, Kind};
    use crate::fixture::{observed, target};
    use crate::name::ANNOTATION_CONFIRM_RESTORE;
    use crate::observe::{OriginSeen, VolumeSeen};
    use serde_json::{Value, json};
    use std::sync::Arc;

    /// A cluster that has data, with both words, and the backup `b` of it but for `change`.
    fn judged(spec: Value, notes: &[(&str, &str)], change: impl Fn(&mut Value)) -> Request {
        let mut seen = observed(spec);
        seen.children.0.insert(ChildRef::new(Kind::StatefulSet, "c"), json!({"metadata": {"name": "c"}}));
        seen.volumes.insert("data-c-0".into(), VolumeSeen::default());
        seen.volumes.insert("data2-c-0".into(), VolumeSeen { retired: true, ..VolumeSeen::default() });
        let words = [(ANNOTATION_RESTORE_IN_PLACE, "b"), (ANNOTATION_CONFIRM_RESTORE, "c")];
        let notes = words.iter().chain(notes).map(|(key, word)| ((*key).to_owned(), (*word).to_owned()));
        Arc::make_mut(&mut seen.cluster).metadata.annotations = Some(notes.collect());
        let mut backup = json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": "b", "namespace": "shop", "uid": "u-b"}, "spec": {"cluster": "c"},
            "status": {
                "phase": "Succeeded", "provider": "Csi", "cutAt": "2026-11-21T11:00:00Z",
                "source": {"clusterUid": "u-1", "flavor": "Postgres", "version": "17.90", "image": "i", "storage": "2Gi",
                    "settings": {}, "clusterSpec": "{}"},
                "groups": [{"group": 0, "member": "c-0", "claim": "data-c-0", "volume": "v", "systemIdentifier": "7",
                    "timeline": 1, "snapshot": {"name": "s", "handle": "h", "driver": "d", "ready": true}}],
            },
        });
        change(&mut backup);
        let backup: PostgresBackup = serde_json::from_value(backup).unwrap();
        seen.restore.backup = OriginSeen::Found(Box::new(backup));
        target(&seen).request
    }

    fn why(request: Request) -> String {
        match request {
            Request::Refused(why) => why,
            other => panic!("it is not refused: {other:?}"),
        }
    }

    #[test]
    fn a_fit_backup_gets_volumes_that_no_claim_had_before() {
        let Request::Fit(course) = judged(json!({}), &[], |_| {}) else { panic!("it is refused") };
        assert_eq!(course.in_place.as_ref().map(|in_place| in_place.generation), Some(3));
        assert_eq!((course.key.as_str(), course.backup.as_str()), ("u-b", "shop/b"));
    }

    #[test]
    fn a_backup_that_does_not_fit_is_refused_with_what_would_and_the_spec_stays_good() {
        let lost = why(judged(json!({}), &[], |backup| backup["status"]["phase"] = json!("Lost")));
        assert!(
            lost.contains("snapshots or its copy are gone") && lost.ends_with("Nothing was stopped"),
            "{lost}"
        );
        let running = why(judged(json!({}), &[], |backup| backup["status"]["phase"] = json!("Cutting")));
        assert!(running.contains("not done yet (phase Cutting)"), "{running}");
        let older =
            why(judged(json!({}), &[], |backup| backup["status"]["source"]["version"] = json!("15.90")));
        assert!(older.contains("a backup of PostgreSQL 15.90, and this cluster runs 17.91"), "{older}");
        let larger =
            why(judged(json!({}), &[], |backup| backup["status"]["source"]["storage"] = json!("5Gi")));
        assert!(larger.contains("spec.storage.size is '2Gi'") && larger.contains("5Gi"), "{larger}");
        let other = why(judged(json!({}), &[], |backup| backup["spec"]["cluster"] = json!("books")));
        assert!(other.contains("a backup of cluster 'books'"), "{other}");
        let copy = why(judged(json!({}), &[], |backup| backup["spec"]["method"] = json!("Archive")));
        assert!(copy.contains("a copy in the archive, which only a new cluster is restored from"), "{copy}");
        let torn = why(judged(json!({}), &[], |backup| backup["status"]["groups"] = json!([])));
        assert!(torn.contains("its status has no group"), "{torn}");
    }

    #[test]
    fn volumes_of_today_are_not_put_aside_while_an_order_to_forget_old_ones_stands() {
        let told = why(judged(json!({}), &[(ANNOTATION_FORGET_OLD_VOLUMES, "c")], |_| {}));
        assert!(told.contains("forget-old-volumes is still there"), "{told}");
    }
}
