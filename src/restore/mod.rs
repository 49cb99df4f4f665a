//! A cluster made from a backup, or brought back to one, as a course that goes on where it was cut. Pure.
//!
//! What is restored stands in `restore.json`, an entry of the ConfigMap that members mount (`<group>-patroni`). So the record
//! of the operator and the order to the members are one object: no member starts on a clone without knowing that it is one.
//! What of the record may be acted on is said by `trust`. How it is done: `docs/decisions/0016-restore.md`.

pub mod in_place;
pub mod nearest;
mod point;
mod trust;
#[cfg(test)]
mod trust_tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::{BackupMethod, BackupStatus, PostgresBackup, ProviderName};
use crate::child::Kind;
use crate::name::GroupName;
use crate::observe::{Children, Observed};

pub use in_place::{Asked, InPlace, STOP_RECORD, asked, in_service};
pub use point::{Point, Recovery};
pub use trust::{Trusted, believe, followed, halting, was_served, wish};

/// Entry of the ConfigMap with the course.
pub const RECORD: &str = "restore.json";
/// Driver of Google's disks, which clones what the Compute API has cut.
const GCE_DRIVER: &str = "pd.csi.storage.gke.io";

/// A restore under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// UID of the backup: by it a member knows a volume that is a clone of it.
    pub key: String,
    /// The backup, as `namespace/name`.
    pub backup: String,
    /// Why this one, where the operator chose it; none when a person named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// What the spec began with, by its digest; none in place, and in the record of an older operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<String>,
    /// Handle of the snapshot, as its CSI driver takes it; empty for a copy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub handle: String,
    /// CSI driver; empty for a copy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// The copy in the archive that takes the place of a snapshot: who is asked to be the first member fetches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyOrder>,
    /// When the snapshot was cut, or the copy was whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_at: Option<Timestamp>,
    /// When the restore began.
    pub started_at: Timestamp,
    /// Settings of Postgres' recovery in the first member beside or in place of [`Course::recovery`]'s own; empty to recover what the
    /// snapshot has and no more. An archive of WAL and a target to stop at go here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recovery: BTreeMap<String, String>,
    /// What a restore in place has beyond that of a new cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place: Option<InPlace>,
}

/// A copy in an archive, as members are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyOrder {
    /// The source's part of the archive.
    pub stanza: String,
    /// pgBackRest's name of the copy.
    pub label: String,
}

/// A course, and how near it is to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// What is restored.
    pub course: Course,
    /// How near its end is.
    pub stage: Stage,
    /// Why nothing more is made from the backup; none while it may be.
    pub unproven: Option<String>,
}

/// How near the end of a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// In place: members stop, and what Patroni knows of the old data goes.
    Stopping,
    /// Members are made from the snapshot.
    UnderWay,
    /// All members run: what made the snapshot known is removed.
    Over,
    /// That is gone too: the record goes.
    Ended,
}

impl Restore {
    /// What members are told; none once the record goes.
    pub fn order(&self) -> Option<&Course> {
        match self.stage {
            Stage::UnderWay | Stage::Over => Some(&self.course),
            Stage::Stopping | Stage::Ended => None,
        }
    }

    /// The course for which members stop.
    pub fn halts(&self) -> Option<&Course> {
        match self.stage {
            Stage::Stopping => Some(&self.course),
            Stage::UnderWay | Stage::Over | Stage::Ended => None,
        }
    }
}

/// Why a backup can't be taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete(pub String);

impl Course {
    /// The course that begins with a backup that has succeeded.
    ///
    /// # Errors
    /// What its status lacks.
    pub fn begin(backup: &PostgresBackup, now: Timestamp) -> Result<Self, Incomplete> {
        let status = backup.status.clone().unwrap_or_default();
        let lacks =
            |what: &str| Incomplete(format!("its status has no {what}, so nothing can be cloned from it"));
        let group = status.groups.first().ok_or_else(|| lacks("group"))?;
        let (handle, driver, copy) = match backup.spec.method {
            BackupMethod::Snapshot => {
                let snapshot = group.snapshot.as_ref().ok_or_else(|| lacks("snapshot"))?;
                let handle = snapshot.handle.as_ref().ok_or_else(|| lacks("snapshot handle"))?;
                let driver = driver(&status).ok_or_else(|| lacks("snapshot driver"))?;
                (csi_handle(handle).to_owned(), driver, None)
            }
            BackupMethod::Archive => {
                let copy = group.archived.as_ref().ok_or_else(|| lacks("copy"))?;
                let order = CopyOrder { stanza: copy.stanza.clone(), label: copy.label.clone() };
                (String::new(), String::new(), Some(order))
            }
        };
        let meta = &backup.metadata;
        Ok(Self {
            key: meta.uid.clone().ok_or_else(|| lacks("UID"))?,
            backup: format!(
                "{}/{}",
                meta.namespace.as_deref().unwrap_or_default(),
                meta.name.as_deref().unwrap_or_default()
            ),
            chosen: None,
            wish: None,
            handle,
            driver,
            copy,
            cut_at: status.cut_at.map(|time| time.0),
            started_at: now,
            recovery: BTreeMap::new(),
            in_place: None,
        })
    }

    /// Settings of recovery in the first member, by name.
    ///
    /// Archive recovery, not that of a crash: it ends on a timeline of its own, so that what the restored cluster writes can
    /// never be taken for a continuation of the source's WAL. It asks for a `restore_command`; `false` says that there is
    /// nothing but the WAL of the snapshot (PostgreSQL's manual, 26.3.4; `InitWalRecovery` first replays the local WAL).
    pub fn recovery(&self) -> BTreeMap<String, String> {
        let own = [
            ("restore_command", "false"),
            ("recovery_target_timeline", "latest"),
            ("recovery_target_action", "promote"),
        ];
        let mut all: BTreeMap<String, String> =
            own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        all.extend(self.recovery.clone());
        all
    }

    /// Members whose volume is made for the restore. A point after the backup is reached by the first one alone: the others copy it, since
    /// the WAL between the backup and the point is in no member's own. A copy needs such WAL for its own moment too.
    pub fn clones(&self, instances: i32) -> i32 {
        if self.reads_archive() { instances.min(1) } else { instances }
    }

    /// True when WAL comes from the archive of the source.
    pub fn reads_archive(&self) -> bool {
        self.recovery.contains_key("restore_command")
    }

    /// The one that stands in the group's ConfigMap, whoever wrote it: a pointer, and nothing to act on (see [`followed`]).
    pub fn recorded(children: &Children, group: &GroupName) -> Option<Self> {
        written(children, group, RECORD)
    }

    /// As the entry [`RECORD`].
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("a course is plain data")
    }
}

/// Driver that clones from the snapshot.
pub fn driver(status: &BackupStatus) -> Option<String> {
    let snapshot = status.groups.first()?.snapshot.as_ref()?;
    snapshot.driver.clone().or_else(|| match status.provider? {
        ProviderName::Gce => Some(GCE_DRIVER.to_owned()),
        ProviderName::Csi => None,
    })
}

/// The Compute API names a snapshot by a link, the CSI driver by the part of it that begins with the project.
fn csi_handle(handle: &str) -> &str {
    match handle.find("/projects/") {
        Some(at) if handle.starts_with("https://") => &handle[at + 1..],
        _ => handle,
    }
}

/// The course that members are told to follow; none when no restore is under way.
pub fn recorded(seen: &Observed, group: &GroupName) -> Option<Course> {
    followed(seen, group).map(|trusted| trusted.course)
}

/// The course in this entry of the ConfigMap that members mount. None where what leads to the backup is no name and no UID: objects
/// are looked up by both.
fn written(children: &Children, group: &GroupName, entry: &str) -> Option<Course> {
    let map = children.get(Kind::ConfigMap, &group.patroni())?;
    let course: Course = serde_json::from_str(map["data"][entry].as_str()?).ok()?;
    let word = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|one| one.is_ascii_alphanumeric() || more.contains(one))
    };
    let (namespace, name) = course.backup.split_once('/')?;
    (word(&course.key, "-") && word(namespace, "-") && word(name, "-.")).then_some(course)
}

/// True for a cluster that was never served: `spec.bootstrap` counts then, and never again.
pub fn is_new(seen: &Observed, group: &GroupName) -> bool {
    let status = seen.cluster.status.as_ref();
    seen.children.get(Kind::StatefulSet, &group.scope()).is_none()
        && status.is_none_or(|status| status.system_identifier.is_none())
        && !seen.pods.keys().any(|pod| group.ordinal(pod).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_of_the_compute_api_is_named_as_its_csi_driver_names_it() {
        let link = "https://www.googleapis.com/compute/v1/projects/p/global/snapshots/s";
        assert_eq!(csi_handle(link), "projects/p/global/snapshots/s");
        assert_eq!(csi_handle("projects/p/global/snapshots/s"), "projects/p/global/snapshots/s");
        assert_eq!(csi_handle("snap-1"), "snap-1");
    }

    #[test]
    fn what_a_target_in_time_needs_takes_the_place_of_the_own_settings() {
        let mut course = Course {
            key: "u".into(),
            backup: "shop/b".into(),
            chosen: None,
            wish: None,
            handle: "h".into(),
            driver: "d".into(),
            copy: None,
            cut_at: None,
            started_at: "2026-11-21T12:00:00Z".parse().unwrap(),
            recovery: BTreeMap::new(),
            in_place: None,
        };
        assert_eq!(course.recovery()["restore_command"], "false");
        course.recovery.insert("restore_command".into(), "fetch %f %p".into());
        assert_eq!(course.recovery()["restore_command"], "fetch %f %p");
        assert_eq!(course.recovery()["recovery_target_action"], "promote");
        let read: Course = serde_json::from_str(&course.text()).unwrap();
        assert_eq!(read, course);
    }
}
