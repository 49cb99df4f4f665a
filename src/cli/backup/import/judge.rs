//! What becomes of each backup that an archive tells of. Pure: what the archive told and what is known here come in.
//!
//! A manifest is signed with the archive's own key, which its cluster's namespace has: so it proves that nobody between changed it, and not
//! that its owner tells the truth. A copy can be read with that key alone, whatever a manifest says. The handle of a snapshot is believed by
//! whoever clones it: only those are taken in that the administrator names.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::api::{BackupMethod, BackupPhase, PostgresBackup};
use crate::archive::{explain, generation_of, stanza};
use crate::name::ClusterName;

use super::answer::{Fault, Manifest, Told};
use super::found::by_copy;
use super::known::Known;
use super::place::{Way, is_handle, is_label, is_uid, is_word};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Name or UID of the cluster; none for all.
    pub which: Option<String>,
    /// Handles of the snapshots that are taken in too.
    pub snapshots: BTreeSet<String>,
    /// UID of the namespace that may have the backups.
    pub owner: String,
    /// Where the archive is by now.
    pub way: Way,
}

/// A backup, and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// UID.
    pub uid: String,
    /// Part of the archive that it is in.
    pub part: String,
    /// The backup; none where its manifest is not believed.
    pub backup: Option<Box<PostgresBackup>>,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is imported.
    Import,
    /// It was imported for this namespace before.
    There,
    /// It is known here, and was given to no namespace.
    Known,
    /// It is known here, and another namespace has it: that one's UID.
    Given(String),
    /// It is known here by its object alone.
    Living,
    /// It is not imported, for this reason.
    LeftOut(String),
    /// It is not believed, for this reason.
    Faulty(Fault, String),
}

impl Row {
    /// Handle of its snapshot.
    pub fn handle(&self) -> Option<&String> {
        let status = self.backup.as_ref()?.status.as_ref()?;
        status.groups.first()?.snapshot.as_ref()?.handle.as_ref()
    }
}

/// Each backup that was asked for, by cluster and cut. `known`: backups that are known here, by UID.
pub fn judge(told: &Told, ask: &Ask, known: &BTreeMap<String, Known>) -> Vec<Row> {
    let mut rows: Vec<Row> =
        told.manifests.iter().filter_map(|one| by_manifest(told, one, ask, known)).collect();
    for (part, read) in &told.read {
        let Ok(read) = read else { continue };
        let mut seen = BTreeSet::new();
        for copy in read.copies.iter().filter(|copy| copy.error != Some(true)) {
            let Some(uid) = copy.owner() else { continue };
            // A copy that was made twice for its backup counts by the first, as in archive-backup.
            if !seen.insert(uid) || told.manifests.iter().any(|one| one.stanza == *part && one.backup == *uid)
            {
                continue;
            }
            let found = ask.which.as_ref().and_then(|cluster| by_copy(part, read, copy, cluster));
            let verdict = match &found {
                Some(backup) => verdict(backup, part, ask, known),
                None if !is_uid(uid) || !is_label(&copy.label) => Verdict::Faulty(
                    Fault::Forged,
                    format!(
                        "a copy of {part} says '{}' and is noted as of backup '{uid}': one of the two is no name that the operator gives",
                        copy.label
                    ),
                ),
                None => Verdict::LeftOut(format!(
                    "copy {} of {part} has no manifest: name its cluster by --cluster NAME",
                    copy.label
                )),
            };
            let backup = found.map(|backup| Box::new(handed_over(backup, ask)));
            rows.push(Row { uid: uid.clone(), part: part.clone(), backup, verdict });
        }
    }
    twice(&mut rows);
    let order = |row: &Row| {
        let backup = row.backup.as_ref();
        let cut = backup.and_then(|backup| Some(backup.status.as_ref()?.cut_at.as_ref()?.0));
        (backup.map(|backup| (backup.namespace(), backup.spec.cluster.clone())), cut, row.uid.clone())
    };
    rows.sort_by_key(order);
    rows
}

/// What two rows claim is had by neither: who wrote a manifest may have taken the UID, or the handle, of somebody else's.
fn twice(rows: &mut [Row]) {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let claims = |row: &Row| {
        let handle = row.handle().map(|handle| format!("snapshot {handle}"));
        [Some(format!("UID {}", row.uid)), handle].into_iter().flatten()
    };
    for claim in rows.iter().filter(|row| row.backup.is_some()).flat_map(claims) {
        *places.entry(claim).or_default() += 1;
    }
    for row in rows.iter_mut().filter(|row| row.verdict == Verdict::Import) {
        if let Some(claim) = claims(row).find(|claim| places.get(claim).is_some_and(|count| *count > 1)) {
            let cause = format!(
                "{claim} is told by another manifest of the archive too, and one of them is forged: import the cluster that it is of by --cluster"
            );
            row.verdict = Verdict::Faulty(Fault::Forged, cause);
        }
    }
}

/// Handles that are asked for and that no manifest has.
pub fn strange<'a>(rows: &[Row], ask: &'a Ask) -> Vec<&'a String> {
    let there: BTreeSet<&String> = rows.iter().filter_map(Row::handle).collect();
    ask.snapshots.iter().filter(|handle| !there.contains(handle)).collect()
}

/// None for a backup of another cluster than is asked for.
fn by_manifest(told: &Told, one: &Manifest, ask: &Ask, known: &BTreeMap<String, Known>) -> Option<Row> {
    let (uid, part) = (one.backup.clone(), one.stanza.clone());
    let faulty = |fault, cause: String| {
        let verdict = Verdict::Faulty(fault, cause);
        Some(Row { uid: uid.clone(), part: part.clone(), backup: None, verdict })
    };
    let Some(text) = &one.text else {
        let cause = one.cause.clone().unwrap_or_else(|| "the reader does not say why".into());
        return faulty(one.fault.unwrap_or(Fault::Unread), cause);
    };
    let backup: PostgresBackup = match serde_json::from_str(text) {
        Ok(backup) => backup,
        Err(cause) => {
            let cause = format!(
                "it is no PostgresBackup that this release knows ({cause}): import with a newer stylobate"
            );
            return faulty(Fault::Newer, cause);
        }
    };
    let source = backup.status.as_ref().and_then(|status| status.source.as_ref());
    let of = |which: &String| {
        backup.spec.cluster == *which || source.is_some_and(|source| source.cluster_uid == *which)
    };
    if ask.which.as_ref().is_some_and(|which| !of(which)) {
        return None;
    }
    if let Some(cause) = untrue(&backup, one) {
        return faulty(Fault::Forged, cause);
    }
    let verdict = gone(told, one, &backup, ask, known).unwrap_or_else(|| verdict(&backup, &part, ask, known));
    Some(Row { uid, part, backup: Some(Box::new(handed_over(backup, ask))), verdict })
}

/// Why a manifest can't be what the operator wrote for this place.
fn untrue(backup: &PostgresBackup, one: &Manifest) -> Option<String> {
    let name = ClusterName::new(backup.namespace().unwrap_or_default(), &backup.spec.cluster);
    let words = [&name.namespace, &name.name, &backup.name_any(), &one.backup];
    let told = backup.status.as_ref().and_then(|status| Some((status, status.source.as_ref()?)));
    let Some((status, source)) = told else { return Some("it does not tell what it is of".into()) };
    let part =
        stanza(&name.namespace, &name.name, &source.cluster_uid, generation_of(&name.group(0), status));
    let copies = status.groups.iter().filter_map(|group| group.archived.as_ref());
    if !is_uid(&one.backup) {
        return Some(format!("what it is called, '{}', is no UID of a backup", one.backup));
    }
    let strange = backup.uid().as_ref() != Some(&one.backup)
        || part != one.stanza
        || !words.iter().all(|word| is_word(word, "-."))
        || copies.into_iter().any(|copy| copy.stanza != one.stanza || !is_label(&copy.label));
    let handles = status.groups.iter().filter_map(|group| group.snapshot.as_ref()?.handle.as_ref());
    if let Some(handle) = handles.into_iter().find(|handle| !is_handle(handle)) {
        return Some(format!("its snapshot is '{handle}', and no driver has such a handle"));
    }
    strange.then(|| {
        format!("it tells of {name} and lies in {}, which is another's part of the archive", one.stanza)
    })
}

/// Why there is nothing to restore from it.
fn gone(
    told: &Told,
    one: &Manifest,
    backup: &PostgresBackup,
    ask: &Ask,
    known: &BTreeMap<String, Known>,
) -> Option<Verdict> {
    let status = backup.status.clone().unwrap_or_default();
    if status.phase != BackupPhase::Succeeded {
        return Some(Verdict::LeftOut(format!("its phase is {:?}", status.phase)));
    }
    let group = status.groups.first();
    match backup.spec.method {
        BackupMethod::Snapshot => {
            let snapshot = group.and_then(|group| group.snapshot.as_ref());
            match snapshot.and_then(|snapshot| snapshot.handle.as_ref()) {
                None => Some(Verdict::LeftOut("it has no handle of its snapshot".into())),
                Some(handle) if ask.snapshots.contains(handle) || known.contains_key(&one.backup) => None,
                Some(handle) => Some(Verdict::LeftOut(format!(
                    "snapshot {handle} is had at the word of whoever has the passphrase; when you know it for this cluster's: --snapshot '{handle}'"
                ))),
            }
        }
        BackupMethod::Archive => {
            let copy = group.and_then(|group| group.archived.as_ref());
            let label = copy.map(|copy| copy.label.clone()).unwrap_or_default();
            match told.read.get(&one.stanza) {
                Some(Ok(part)) => {
                    let there = part
                        .copies
                        .iter()
                        .any(|there| there.label == label && there.owner() == Some(&one.backup));
                    (!there).then(|| Verdict::LeftOut(format!("copy {label} is not in the archive any more")))
                }
                Some(Err(cause)) => Some(Verdict::Faulty(Fault::Unread, explain(cause))),
                None => Some(Verdict::Faulty(Fault::Unread, "pgBackRest said nothing of its copy".into())),
            }
        }
    }
}

/// A UID alone makes no backup of here: it is the manifest's own word, and somebody else's may be named.
fn verdict(backup: &PostgresBackup, part: &str, ask: &Ask, known: &BTreeMap<String, Known>) -> Verdict {
    let Some(one) = backup.uid().and_then(|uid| known.get(&uid)) else { return Verdict::Import };
    if let Some(cause) = one.other_than(backup, part) {
        return Verdict::Faulty(Fault::Forged, cause);
    }
    match one {
        Known::Object { .. } => Verdict::Living,
        Known::Manifest { given: None, .. } => Verdict::Known,
        Known::Manifest { given: Some(owner), .. } if *owner == ask.owner => Verdict::There,
        Known::Manifest { given: Some(owner), .. } => Verdict::Given(owner.clone()),
    }
}

/// The backup as the namespace has it that it is imported for. With whom it was shared was said of namespaces of another Kubernetes; and the
/// archive is where it was found.
fn handed_over(mut backup: PostgresBackup, ask: &Ask) -> PostgresBackup {
    backup.spec.share_with.clear();
    if let Some(status) = &mut backup.status {
        status.shared_with.clear();
        status.archive_manifest = None;
        if let Some(source) = &mut status.source {
            source.namespace_uid = Some(ask.owner.clone());
            source.cluster_spec = moved(&source.cluster_spec, &ask.way);
        }
    }
    backup
}

fn moved(spec: &str, way: &Way) -> String {
    let mut spec: Value = serde_json::from_str(spec).unwrap_or_else(|_| json!({}));
    let days = spec.pointer("/backup/archive/retentionDays").cloned();
    let mut archive = way.archive();
    if let Some(days) = days {
        archive["retentionDays"] = days;
    }
    if !spec["backup"].is_object() {
        spec["backup"] = json!({});
    }
    spec["backup"]["archive"] = archive;
    spec.to_string()
}
