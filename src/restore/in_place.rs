//! A restore in place: the same cluster goes back to a backup. Pure.
//!
//! Volumes that are in service are never touched. Those of a restore have another *generation*: `data-c-0` is of the first one,
//! `data2-c-0` of the second. Which one is in service is read from what lasts: the order that members follow, the claim
//! template of their set, and the label on claims that were taken out of service. Why: `docs/decisions/0016-restore.md`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;
use serde::{Deserialize, Serialize};

use crate::api::{PostgresBackup, PostgresCluster};
use crate::child::Kind;
use crate::name::{
    ANNOTATION_CONFIRM_RESTORE, ANNOTATION_RESTORE_IN_PLACE, ClusterName, GroupName, data_generation,
};
use crate::observe::{Children, Observed, VolumeSeen};

use super::{Course, Incomplete, RECORD, followed, halting, written};

/// Entry of the ConfigMap that members mount with the course while they stop. Members know nothing of it: one that the kubelet
/// starts again meanwhile must not take its own data for a clone.
pub const STOP_RECORD: &str = "stop-for-restore.json";

/// What a course has beyond that of a new cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InPlace {
    /// Generation of the volumes that are made.
    pub generation: u32,
    /// The request as it was written.
    pub request: String,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing.
    Nothing,
    /// The data in service was made for this very request.
    Served,
    /// It can't be taken as it is, as when one of the two words is missing: what is lacking, and what to do.
    Half(String),
    /// This backup, by both words.
    Backup {
        /// Name of the backup.
        name: String,
        /// The request as it is written.
        request: String,
    },
}

/// Reads the two words. What was served once stays served while its data is in service, also when the cluster is made again
/// with the same annotations; and what was begun once is never begun again, whatever becomes of its record.
pub fn asked(
    cluster: &PostgresCluster,
    children: &Children,
    volumes: &BTreeMap<String, VolumeSeen>,
) -> Asked {
    let notes = cluster.annotations();
    let (name, namespace) = (cluster.name_any(), cluster.namespace().unwrap_or_default());
    let confirmed = notes.get(ANNOTATION_CONFIRM_RESTORE);
    let Some(request) = notes.get(ANNOTATION_RESTORE_IN_PLACE) else {
        return match confirmed {
            None => Asked::Nothing,
            Some(_) => Asked::Half(format!(
                "{ANNOTATION_CONFIRM_RESTORE} is there without {ANNOTATION_RESTORE_IN_PLACE}, so nothing is restored: name the \
                 backup (kubectl -n {namespace} annotate pgc {name} {ANNOTATION_RESTORE_IN_PLACE}=<backup>), or remove the word"
            )),
        };
    };
    let group = ClusterName::new(&namespace, &name).group(0);
    let current = generation(children, volumes, &group);
    let made_for_it = volumes
        .iter()
        .filter(|(_, volume)| volume.request.as_ref() == Some(request) && !volume.retired)
        .filter_map(|(claim, _)| Some((claim, group.claim(claim)?.0)));
    let (served, begun): (Vec<_>, Vec<_>) = made_for_it.partition(|(_, generation)| *generation == current);
    if !served.is_empty() {
        return Asked::Served;
    }
    if let Some((claim, _)) = begun.first() {
        return Asked::Half(format!(
            "{ANNOTATION_RESTORE_IN_PLACE} is '{request}', and for this very request volume claim {claim} was made, which is not in \
             service: the record of that restore in ConfigMap {} was taken away. Nothing more is stopped or restored for it. To \
             restore, ask anew with another text after the @, as {}@again",
            group.patroni(),
            request.split('@').next().unwrap_or_default()
        ));
    }
    if confirmed != Some(&name) {
        let found = confirmed.map_or("missing".to_owned(), |word| format!("'{word}'"));
        return Asked::Half(format!(
            "{ANNOTATION_RESTORE_IN_PLACE} is '{request}', and its second word {ANNOTATION_CONFIRM_RESTORE} is {found}, so nothing \
             is restored. The data of today would go out of service; if that is meant: kubectl -n {namespace} annotate pgc {name} \
             --overwrite {ANNOTATION_CONFIRM_RESTORE}={name}"
        ));
    }
    let backup = request.split('@').next().unwrap_or_default().to_owned();
    Asked::Backup { name: backup, request: request.clone() }
}

/// Generation of the volumes that are in service: by the order that members follow, else by their set, else, without a set, the
/// first that nobody took out of service. Where all were, a new one: their data comes back by a person's hand alone.
pub fn generation(children: &Children, volumes: &BTreeMap<String, VolumeSeen>, group: &GroupName) -> u32 {
    told(written(children, group, RECORD).as_ref(), children, volumes, group)
}

fn told(
    record: Option<&Course>,
    children: &Children,
    volumes: &BTreeMap<String, VolumeSeen>,
    group: &GroupName,
) -> u32 {
    let ordered = record.and_then(|course| course.in_place.as_ref());
    let template = || {
        let set = children.get(Kind::StatefulSet, &group.scope())?;
        data_generation(set.pointer("/spec/volumeClaimTemplates/0/metadata/name")?.as_str()?)
    };
    let claims =
        || volumes.iter().filter_map(|(claim, volume)| Some((group.claim(claim)?.0, volume.retired)));
    let kept = || claims().filter(|(_, retired)| !retired).map(|(generation, _)| generation).min();
    let beyond = || claims().map(|(generation, _)| generation).max().map_or(1, |last| last + 1);
    ordered.map(|in_place| in_place.generation).or_else(template).or_else(kept).unwrap_or_else(beyond)
}

/// [`generation`] of what is seen, by a record that is borne out.
pub fn in_service(seen: &Observed, group: &GroupName) -> u32 {
    let record = followed(seen, group).map(|trusted| trusted.course);
    told(record.as_ref(), &seen.children, &seen.volumes, group)
}

/// Claims of the group that are of another generation than this one, in order of their names.
pub fn others<'a>(
    seen: &'a Observed,
    group: &'a GroupName,
    current: u32,
) -> impl Iterator<Item = (&'a String, u32, &'a VolumeSeen)> {
    seen.volumes.iter().filter_map(move |(claim, volume)| {
        let (generation, _) = group.claim(claim)?;
        (generation != current).then_some((claim, generation, volume))
    })
}

/// The course that goes back to a backup, on volumes that no claim of the group has had before.
///
/// # Errors
/// What the backup's status lacks.
pub fn begin(
    seen: &Observed,
    group: &GroupName,
    backup: &PostgresBackup,
    request: &str,
    now: Timestamp,
) -> Result<Course, Incomplete> {
    let claims = seen.volumes.keys().filter_map(|claim| Some(group.claim(claim)?.0));
    let last = claims.max().unwrap_or(1).max(in_service(seen, group));
    let in_place = InPlace { generation: last + 1, request: request.to_owned() };
    Ok(Course { in_place: Some(in_place), ..Course::begin(backup, now)? })
}

/// The one that stands in the group's ConfigMap, whoever wrote it: as [`Course::recorded`].
pub fn ordered_to_stop(children: &Children, group: &GroupName) -> Option<Course> {
    written(children, group, STOP_RECORD)
}

/// The course for which members stop; none once they were told to take up clones, and without a restore in place.
pub fn stopping(seen: &Observed, group: &GroupName) -> Option<Course> {
    halting(seen, group).map(|trusted| trusted.course)
}

/// True when nothing of the old group is left that could serve or be taken for the new one: no set, no pod, and none of
/// Patroni's state.
pub fn stopped(seen: &Observed, group: &GroupName) -> bool {
    seen.children.get(Kind::StatefulSet, &group.scope()).is_none()
        && !seen.pods.keys().any(|pod| group.ordinal(pod).is_some())
        && seen.patroni.as_ref().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child::ChildRef;
    use crate::fixture::observed;
    use serde_json::json;
    use std::sync::Arc;

    fn claims(named: &[(&str, bool)]) -> Observed {
        let mut seen = observed(json!({}));
        for (claim, retired) in named {
            let volume = VolumeSeen { retired: *retired, ..VolumeSeen::default() };
            seen.volumes.insert((*claim).to_owned(), volume);
        }
        seen
    }

    fn current(seen: &Observed) -> u32 {
        in_service(seen, &seen.name().group(0))
    }

    #[test]
    fn without_a_set_the_volumes_that_nobody_took_out_of_service_are_in_service() {
        assert_eq!(current(&claims(&[])), 1);
        assert_eq!(current(&claims(&[("data-c-0", true), ("data2-c-0", false)])), 2);
        // A restore that was cut before it served: the data of before is still the data.
        assert_eq!(current(&claims(&[("data-c-0", false), ("data2-c-0", false)])), 1);
    }

    #[test]
    fn volumes_that_were_taken_out_of_service_never_come_back_by_themselves() {
        assert_eq!(current(&claims(&[("data-c-0", true), ("data2-c-0", true)])), 3);
    }

    #[test]
    fn a_set_says_what_is_in_service_whatever_the_labels_say() {
        let mut seen = claims(&[("data-c-0", false), ("data2-c-0", false)]);
        let set = json!({"spec": {"volumeClaimTemplates": [{"metadata": {"name": "data2"}}]}});
        seen.children.0.insert(ChildRef::new(Kind::StatefulSet, "c"), set);
        assert_eq!(current(&seen), 2);
    }

    fn words(request: Option<&str>, confirmed: Option<&str>) -> Asked {
        let mut seen = observed(json!({}));
        let made_for = VolumeSeen { request: Some("done".into()), ..VolumeSeen::default() };
        seen.volumes.insert("data-c-0".into(), made_for);
        let given = [(ANNOTATION_RESTORE_IN_PLACE, request), (ANNOTATION_CONFIRM_RESTORE, confirmed)];
        let given = given.into_iter().filter_map(|(key, word)| Some((key.to_owned(), word?.to_owned())));
        Arc::make_mut(&mut seen.cluster).metadata.annotations = Some(given.collect());
        asked(&seen.cluster, &seen.children, &seen.volumes)
    }

    #[test]
    fn both_words_are_needed_and_a_half_request_says_which_one_is_lacking() {
        assert_eq!(words(None, None), Asked::Nothing);
        let half = |asked| match asked {
            Asked::Half(why) => why,
            other => panic!("{other:?}"),
        };
        let why = half(words(Some("nightly"), None));
        assert!(why.contains("confirm-restore is missing") && why.contains("confirm-restore=c"), "{why}");
        assert!(half(words(Some("nightly"), Some("d"))).contains("is 'd'"));
        assert!(half(words(None, Some("c"))).contains("without stylobate.dev/restore-in-place"));
        let both = Asked::Backup { name: "nightly".into(), request: "nightly".into() };
        assert_eq!(words(Some("nightly"), Some("c")), both);
    }

    #[test]
    fn a_request_counts_once_and_the_same_backup_can_be_asked_for_again() {
        assert_eq!(words(Some("done"), Some("c")), Asked::Served);
        let again = Asked::Backup { name: "done".into(), request: "done@2".into() };
        assert_eq!(words(Some("done@2"), Some("c")), again);
    }

    #[test]
    fn a_request_whose_record_is_lost_is_never_begun_again() {
        let mut seen = claims(&[("data-c-0", false), ("data2-c-0", false)]);
        seen.volumes.get_mut("data2-c-0").unwrap().request = Some("nightly".into());
        let notes = [(ANNOTATION_RESTORE_IN_PLACE, "nightly"), (ANNOTATION_CONFIRM_RESTORE, "c")];
        let notes = notes.map(|(key, word)| (key.to_owned(), word.to_owned()));
        Arc::make_mut(&mut seen.cluster).metadata.annotations = Some(notes.into());
        let asked = |seen: &Observed| asked(&seen.cluster, &seen.children, &seen.volumes);
        match asked(&seen) {
            Asked::Half(why) => assert!(why.contains("data2-c-0") && why.contains("nightly@again"), "{why}"),
            other => panic!("{other:?}"),
        }
        // Taken out of service by a later one, it may be asked for like any other.
        seen.volumes.get_mut("data2-c-0").unwrap().retired = true;
        assert!(matches!(asked(&seen), Asked::Backup { .. }));
    }
}
