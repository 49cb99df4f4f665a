//! A major upgrade can't be undone once the new server has taken writes, so there has to be a way back that does not need
//! the old data: a fresh backup of it, or a person's word that none is needed.

use jiff::SignedDuration;
use kube::ResourceExt;

use crate::name::ANNOTATION_WITHOUT_BACKUP;
use crate::observe::{BackupSeen, Observed};
use crate::plan::Step;
use crate::schedule::retention::is_restorable;
use crate::target::Version;

use super::{Case, Objection, Policy};

/// How old the backup may be: what a nightly schedule gives. What is written after it is lost when the upgrade has to be
/// taken back.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// The rule `backup-before-major`.
pub struct BackupBeforeMajor;

impl Policy for BackupBeforeMajor {
    fn id(&self) -> &'static str {
        "backup-before-major"
    }

    fn judge(&self, step: &Step, case: &Case) -> Option<Objection> {
        let Step::BeginUpgrade { from, to, .. } = step else { return None };
        let cluster = &case.seen.cluster;
        let major = to.major.to_string();
        if cluster.annotations().get(ANNOTATION_WITHOUT_BACKUP) == Some(&major) {
            return None;
        }
        let of_this_data =
            case.seen.backups.iter().flatten().filter(|(_, backup)| serves(backup, *from, case));
        let (refuted, good): (Vec<_>, Vec<_>) =
            of_this_data.partition(|(_, backup)| backup.status.refuted().is_some());
        if !good.is_empty() {
            return None;
        }
        // The newest tells most: what its drill found may be in the server itself.
        let refuted = refuted.into_iter().max_by_key(|(_, backup)| backup.moment());
        let refuted = refuted.map(|(name, _)| format!(" (backup {name} is, and its drill failed)"));
        let (namespace, name) = (cluster.namespace().unwrap_or_default(), cluster.name_any());
        Some(Objection {
            reason: format!(
                "no good backup of the data of PostgreSQL {from} is younger than {} h{}, and once {to} has taken writes there is no \
                 other way back",
                FRESH.as_hours(),
                refuted.unwrap_or_default()
            ),
            remedy: format!(
                "make one: stylobate backup {name} -n {namespace}; or take one of your own and say that none of the operator's \
                 is needed: kubectl -n {namespace} annotate pgc {name} {ANNOTATION_WITHOUT_BACKUP}={major}"
            ),
        })
    }
}

/// True for a backup that brings back this very data as it was a day ago at most. An upgrade gives the data another system
/// identifier, so one that was cut before the last upgrade is no way back.
fn serves(backup: &BackupSeen, from: Version, case: &Case) -> bool {
    let fresh = case.now.duration_since(backup.moment()) <= FRESH;
    let source = backup.status.source.as_ref().and_then(|source| Version::read(&source.version));
    let same_major = source.is_some_and(|version| version.major == from.major);
    is_restorable(backup) && fresh && same_major && of_the_data(backup, case.seen)
}

fn of_the_data(backup: &BackupSeen, seen: &Observed) -> bool {
    let now = seen.cluster.status.as_ref().and_then(|status| status.system_identifier.as_deref());
    let cut = backup.status.groups.first().map(|group| group.system_identifier.as_str());
    now.is_none() || now == cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{BackupPhase, GroupBackup};
    use crate::child::{Child, ChildRef, Kind};
    use crate::fixture::{backup, observed, start};
    use std::sync::Arc;

    fn held(change: impl Fn(&mut BackupSeen)) -> Option<String> {
        let mut seen = observed(serde_json::json!({}));
        Arc::make_mut(&mut seen.cluster).status.get_or_insert_default().system_identifier = Some("7".into());
        let mut fresh = backup(start() - SignedDuration::from_hours(23));
        fresh.status.source = serde_json::from_value(serde_json::json!({
            "clusterUid": "u-1", "flavor": "Postgres", "version": "15.90", "image": "i", "storage": "2Gi", "settings": {},
            "clusterSpec": "",
        }))
        .unwrap();
        let group = GroupBackup { system_identifier: "7".into(), ..GroupBackup::default() };
        fresh.status.groups = vec![group];
        change(&mut fresh);
        seen.backups.as_mut().unwrap().insert("b".into(), fresh);
        let set = Child { reference: ChildRef::new(Kind::StatefulSet, "c"), body: serde_json::Value::Null };
        let version = |major| Version { major, minor: 90 };
        let step = Step::BeginUpgrade { set: Box::new(set), from: version(15), to: version(17) };
        let judged = BackupBeforeMajor.judge(&step, &Case { seen: &seen, now: start() });
        judged.map(|objection| objection.to_string())
    }

    #[test]
    fn a_good_backup_of_the_same_data_from_the_last_day_is_enough() {
        assert_eq!(held(|_| {}), None);
    }

    #[test]
    fn one_that_is_old_failed_lost_or_of_other_data_is_not() {
        let cut = |backup: &mut BackupSeen, hours| {
            let at = start() - SignedDuration::from_hours(hours);
            backup.status.cut_at = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at));
        };
        let why = held(|backup| cut(backup, 25)).unwrap();
        assert!(
            why.starts_with("no good backup of the data of PostgreSQL 15.90 is younger than 24 h"),
            "{why}"
        );
        assert!(why.contains("stylobate backup c -n shop"), "{why}");
        for phase in [BackupPhase::Failed, BackupPhase::Lost, BackupPhase::Finishing] {
            assert!(held(|backup| backup.status.phase = phase).is_some(), "{phase:?}");
        }
        assert!(held(|backup| backup.status.source.as_mut().unwrap().version = "13.9".into()).is_some());
        assert!(held(|backup| backup.status.groups[0].system_identifier = "6".into()).is_some());
        assert!(held(|backup| backup.deleting = true).is_some());
    }

    #[test]
    fn one_that_failed_its_drill_is_none_and_is_named() {
        let report = |outcome: &str| {
            let report =
                serde_json::json!({"cluster": "d", "outcome": outcome, "startedAt": start(), "at": start()});
            serde_json::from_value(report).ok()
        };
        let why = held(|backup| backup.status.drill = report("Failed")).unwrap();
        assert!(why.contains("backup b is, and its drill failed"), "{why}");
        assert_eq!(held(|backup| backup.status.drill = report("Passed")), None);
    }
}
