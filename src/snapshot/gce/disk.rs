//! Disks of the Compute API, as the PD CSI driver names them in a PersistentVolume.

use std::fmt;

use super::super::{Error, Volume};

/// The driver whose volumes are disks of the Compute API.
pub const DRIVER: &str = "pd.csi.storage.gke.io";

/// A persistent disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Project that it belongs to; its snapshots are in the same.
    pub project: String,
    /// Where it is.
    pub place: Place,
    /// Name.
    pub name: String,
}

/// Where a disk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One zone, as `europe-west3-b`.
    Zone(String),
    /// Two zones of a region, as `europe-west3`.
    Region(String),
}

impl Disk {
    /// The disk behind a volume.
    ///
    /// # Errors
    /// [`Error::Refused`] for a volume of another driver, and for a handle that names no project, zone or region.
    pub fn of(volume: &Volume, what: &str) -> Result<Self, Error> {
        let refused = |cause| Error::Refused { what: what.to_owned(), cause };
        if volume.driver != DRIVER {
            return Err(refused(format!(
                "volume {} is of driver {:?}, and provider Gce takes {DRIVER} alone; set spec.backup.provider to Csi",
                volume.name, volume.driver
            )));
        }
        Self::parse(&volume.handle).ok_or_else(|| {
            refused(format!(
                "the handle {:?} of volume {} names no disk; allowed is projects/P/zones/Z/disks/D or \
                 projects/P/regions/R/disks/D",
                volume.handle, volume.name
            ))
        })
    }

    fn parse(handle: &str) -> Option<Self> {
        let parts: Vec<&str> = handle.split('/').collect();
        let ["projects", project, kind, place, "disks", name] = parts[..] else { return None };
        if ![project, place, name].iter().all(|part| is_plain(part)) {
            return None;
        }
        let place = match kind {
            "zones" => Place::Zone(place.to_owned()),
            "regions" => Place::Region(place.to_owned()),
            _ => return None,
        };
        Some(Self { project: project.to_owned(), place, name: name.to_owned() })
    }
}

/// True for what may stand between two slashes of a URL: no empty part, and nothing that leads to another resource. A project may
/// carry its domain (`example.com:shop`). The driver writes UNSPECIFIED where it does not know, which is refused as upper case.
fn is_plain(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:".contains(c);
    part.starts_with(|c: char| c.is_ascii_lowercase()) && part.chars().all(allowed)
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { project, place, name } = self;
        match place {
            Place::Zone(zone) => write!(f, "projects/{project}/zones/{zone}/disks/{name}"),
            Place::Region(region) => write!(f, "projects/{project}/regions/{region}/disks/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(handle: &str) -> Result<Disk, Error> {
        let volume = Volume { handle: handle.into(), driver: DRIVER.into(), ..Volume::default() };
        Disk::of(&volume, "snapshot volume pv-1")
    }

    #[test]
    fn a_zonal_and_a_regional_handle_are_read_back_as_written() {
        for handle in
            ["projects/shop-1/zones/europe-west3-b/disks/pvc-9", "projects/x.com:p/regions/r1/disks/d"]
        {
            assert_eq!(of(handle).unwrap().to_string(), handle);
        }
        assert_eq!(of("projects/p/regions/r1/disks/d").unwrap().place, Place::Region("r1".into()));
    }

    #[test]
    fn a_handle_that_names_no_disk_is_refused_with_its_text() {
        for handle in [
            "",
            "disks/d",
            "projects/p/zones/z/disks/",
            "projects/p/zones/z/disks/d/x",
            "projects/UNSPECIFIED/zones/UNSPECIFIED/disks/d",
            "projects/p/zones/../disks/d",
            "projects/p/global/z/disks/d",
            "projects/p/zones/z/disks/d?x=1",
        ] {
            let said = of(handle).unwrap_err().to_string();
            assert!(
                said.contains(&format!("{handle:?}")) && said.contains("projects/P/zones/Z/disks/D"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_volume_of_another_driver_is_refused_with_what_to_set() {
        let volume = Volume { name: "pv-1".into(), driver: "ebs".into(), ..Volume::default() };
        let said = Disk::of(&volume, "snapshot volume pv-1").unwrap_err().to_string();
        assert!(said.contains("\"ebs\"") && said.contains("spec.backup.provider"), "{said}");
    }
}
