//! Resources of the Compute API as its answers carry them, and a snapshot as a provider shows it.
//!
//! When is a snapshot *cut*? When its status leaves `CREATING`. The CSI specification was written with Google's states in hand and
//! says of `UPLOADING` that the snapshot is cut and the application may be thawed; the PD CSI driver returns from CreateSnapshot,
//! which means "cut", as soon as the status is no longer `CREATING`. What is uploaded then can take hours and does not change.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::{Seen, Stage};
use super::disk::DRIVER;
use super::fault::OperationError;
use super::{labels, method};

/// Bytes of what the Compute API calls a GB in the size of a disk.
const GB: i64 = 1 << 30;

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Number of this very snapshot: another one of the same name has another.
    #[serde(default)]
    pub id: String,
    /// Name.
    pub name: String,
    /// `CREATING`, `UPLOADING`, `READY`, `FAILED` or `DELETING`.
    pub status: String,
    /// When it was asked for, by Google's clock, as RFC 3339.
    #[serde(default)]
    pub creation_timestamp: Option<String>,
    /// Size of the disk in GB (of 2^30 bytes), a number written as text.
    #[serde(default)]
    disk_size_gb: Option<String>,
    /// URL of the disk.
    #[serde(default)]
    pub source_disk: String,
    /// Labels, as the Compute API has them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// A page of snapshots.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The snapshots; absent when there is none.
    #[serde(default)]
    pub items: Vec<Snapshot>,
    /// What to ask for the next page with; absent or empty on the last.
    #[serde(default)]
    pub next_page_token: String,
}

/// What became of a call that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Name.
    pub name: String,
    /// `PENDING`, `RUNNING` or `DONE`.
    pub status: String,
    /// When it ended, by Google's clock.
    #[serde(default)]
    end_time: Option<String>,
    /// Why it ended, when it did not end well.
    #[serde(default)]
    pub error: Option<OperationError>,
}

impl Operation {
    /// True when nothing more happens to it.
    pub fn is_done(&self) -> bool {
        self.status == "DONE"
    }

    /// True when it has not begun.
    pub fn is_pending(&self) -> bool {
        self.status == "PENDING"
    }

    /// When it ended; none while it goes on.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.end_time.as_deref()?.parse().ok()
    }
}

impl Snapshot {
    /// As a provider shows it.
    pub fn seen(&self, project: &str) -> Seen {
        let stage = match self.status.as_str() {
            "UPLOADING" => Stage::Cut,
            "READY" => Stage::Ready,
            "FAILED" => {
                Stage::Failed("the Compute API marked the snapshot as FAILED; take another backup".into())
            }
            "DELETING" => Stage::Failed("somebody deletes the snapshot".into()),
            // CREATING, and what Google may add: as long as it is not known, the content does not count as held.
            _ => Stage::Ordered,
        };
        let held = matches!(stage, Stage::Cut | Stage::Ready);
        let created = self.creation_timestamp.as_deref().and_then(|text| text.parse().ok());
        let size = self.disk_size_gb.as_deref().and_then(|text| text.parse::<i64>().ok());
        Seen {
            name: self.name.clone(),
            handle: Some(method::handle(project, &self.name)),
            driver: Some(DRIVER.to_owned()),
            stage,
            cut_at: created.filter(|_| held),
            restore_bytes: size.and_then(|size| size.checked_mul(GB)),
            trouble: None,
            labels: labels::decode(&self.labels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(status: &str) -> Seen {
        let snapshot: Snapshot = serde_json::from_value(serde_json::json!({
            "id": "7", "name": "stylobate-x-0", "status": status, "diskSizeGb": "10", "storageBytes": "4096",
            "creationTimestamp": "2026-11-21T01:02:03.456-08:00", "sourceDisk": "https://h/compute/v1/projects/p/zones/z/disks/d",
            "labels": {"stylobate-cluster": "ledger"}
        }))
        .unwrap();
        snapshot.seen("p")
    }

    #[test]
    fn it_is_cut_once_it_is_no_longer_created() {
        assert_eq!((seen("CREATING").stage, seen("CREATING").cut_at), (Stage::Ordered, None));
        assert_eq!(seen("UPLOADING").stage, Stage::Cut);
        assert_eq!(seen("UPLOADING").cut_at, Some("2026-11-21T09:02:03.456Z".parse().unwrap()));
        assert_eq!(seen("READY").stage, Stage::Ready);
        for status in ["FAILED", "DELETING"] {
            assert!(matches!(seen(status).stage, Stage::Failed(_)), "{status}");
            assert_eq!(seen(status).cut_at, None);
        }
        assert_eq!(seen("SOMETHING_NEW").stage, Stage::Ordered);
    }

    #[test]
    fn it_names_what_the_driver_restores_from() {
        let seen = seen("READY");
        assert_eq!(seen.handle.as_deref(), Some("projects/p/global/snapshots/stylobate-x-0"));
        assert_eq!(seen.driver.as_deref(), Some("pd.csi.storage.gke.io"));
        assert_eq!(seen.restore_bytes, Some(10 * 1024 * 1024 * 1024));
        assert_eq!(seen.labels["stylobate.dev/cluster"], "ledger");
    }
}
