//! The methods of the Compute API that the operator calls, their addresses, and the permissions that they need.
//!
//! Nothing else is called: a request can only be made from one of these, and a test holds `terraform/gce-provider-needs.json` to
//! them. The permissions are those of the section "IAM Permissions" of each method's page in the reference.

use super::disk::{Disk, Place};

/// Where the Compute API answers.
pub const ENDPOINT: &str = "https://compute.googleapis.com/compute/v1";

/// Hosts that must be reachable: the API, and the metadata server that gives tokens to pods (also through GKE's own).
pub const HOSTS: [&str; 2] = ["compute.googleapis.com", "metadata.google.internal"];

/// A method of the Compute API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Cuts a snapshot of a zonal disk.
    DisksCreateSnapshot,
    /// Cuts a snapshot of a regional disk.
    RegionDisksCreateSnapshot,
    /// Looks at a snapshot.
    SnapshotsGet,
    /// Looks at all that match.
    SnapshotsList,
    /// Deletes a snapshot.
    SnapshotsDelete,
    /// Looks at what became of a call in a zone.
    ZoneOperationsGet,
    /// Looks at what became of a call in a region.
    RegionOperationsGet,
    /// Looks at what became of a call that has no place.
    GlobalOperationsGet,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::DisksCreateSnapshot,
        Self::RegionDisksCreateSnapshot,
        Self::SnapshotsGet,
        Self::SnapshotsList,
        Self::SnapshotsDelete,
        Self::ZoneOperationsGet,
        Self::RegionOperationsGet,
        Self::GlobalOperationsGet,
    ];

    /// What the caller has to be allowed. The right to write labels is one of its own, even when they come with the snapshot.
    pub fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::DisksCreateSnapshot | Self::RegionDisksCreateSnapshot => {
                &["compute.disks.createSnapshot", "compute.snapshots.create", "compute.snapshots.setLabels"]
            }
            Self::SnapshotsGet => &["compute.snapshots.get"],
            Self::SnapshotsList => &["compute.snapshots.list"],
            Self::SnapshotsDelete => &["compute.snapshots.delete"],
            Self::ZoneOperationsGet => &["compute.zoneOperations.get"],
            Self::RegionOperationsGet => &["compute.regionOperations.get"],
            Self::GlobalOperationsGet => &["compute.globalOperations.get"],
        }
    }
}

/// A method and the address to call it at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path below the endpoint, without a leading slash.
    pub path: String,
}

impl Call {
    /// Cuts a snapshot of a disk.
    pub fn create_snapshot(disk: &Disk) -> Self {
        let method = match disk.place {
            Place::Zone(_) => Method::DisksCreateSnapshot,
            Place::Region(_) => Method::RegionDisksCreateSnapshot,
        };
        Self { method, path: format!("{disk}/createSnapshot") }
    }

    /// Looks at a snapshot.
    pub fn get(project: &str, name: &str) -> Self {
        Self { method: Method::SnapshotsGet, path: handle(project, name) }
    }

    /// Looks at all snapshots.
    pub fn list(project: &str) -> Self {
        Self { method: Method::SnapshotsList, path: format!("projects/{project}/global/snapshots") }
    }

    /// Deletes a snapshot.
    pub fn delete(project: &str, name: &str) -> Self {
        Self { method: Method::SnapshotsDelete, path: handle(project, name) }
    }

    /// Looks at an operation of a place, or of none: snapshots are global.
    pub fn operation(project: &str, place: Option<&Place>, name: &str) -> Self {
        let (method, place) = match place {
            Some(Place::Zone(zone)) => (Method::ZoneOperationsGet, format!("zones/{zone}")),
            Some(Place::Region(region)) => (Method::RegionOperationsGet, format!("regions/{region}")),
            None => (Method::GlobalOperationsGet, "global".to_owned()),
        };
        Self { method, path: format!("projects/{project}/{place}/operations/{name}") }
    }
}

/// What the PD CSI driver calls a snapshot: a volume is made from it by this.
pub fn handle(project: &str, name: &str) -> String {
    format!("projects/{project}/global/snapshots/{name}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn terraform_grants_what_the_calls_need_and_nothing_else() {
        let needs: serde_json::Value =
            serde_json::from_str(include_str!("../../../terraform/gce-provider-needs.json")).unwrap();
        let texts = |list: &serde_json::Value, field: &str| -> Vec<String> {
            let items = list.as_array().unwrap().iter();
            items.map(|item| item[field].as_str().unwrap().to_owned()).collect()
        };
        let calls = needs["calls"].as_array().unwrap();
        let granted: BTreeSet<String> =
            calls.iter().flat_map(|call| texts(&call["permissions"], "name")).collect();
        let needed: BTreeSet<String> = Method::ALL
            .iter()
            .flat_map(|method| method.permissions())
            .map(|name| (*name).to_owned())
            .collect();
        assert_eq!(granted, needed, "each permission is needed by a call, and each call has its permissions");
        assert_eq!(calls.len(), Method::ALL.len(), "no call that the provider does not make");
        assert_eq!(texts(&needs["hosts"], "host"), HOSTS);
        assert_eq!(reqwest::Url::parse(ENDPOINT).unwrap().host_str(), Some(HOSTS[0]));
    }

    #[test]
    fn each_method_has_an_address() {
        let disk = |place| Disk { project: "p".into(), place, name: "d".into() };
        let (zone, region) = (Place::Zone("z".into()), Place::Region("r".into()));
        let calls = [
            Call::create_snapshot(&disk(zone.clone())),
            Call::create_snapshot(&disk(region.clone())),
            Call::get("p", "s"),
            Call::list("p"),
            Call::delete("p", "s"),
            Call::operation("p", Some(&zone), "o"),
            Call::operation("p", Some(&region), "o"),
            Call::operation("p", None, "o"),
        ];
        assert_eq!(calls.each_ref().map(|call| call.method), Method::ALL);
        let paths = calls.each_ref().map(|call| call.path.as_str());
        assert_eq!(paths[0], "projects/p/zones/z/disks/d/createSnapshot");
        assert_eq!(paths[1], "projects/p/regions/r/disks/d/createSnapshot");
        assert_eq!(paths[2], paths[4]);
        assert_eq!(
            paths[5..],
            [
                "projects/p/zones/z/operations/o",
                "projects/p/regions/r/operations/o",
                "projects/p/global/operations/o"
            ]
        );
    }
}
