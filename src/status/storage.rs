//! The condition `StorageOk`: how full the volumes are, long before it hurts, and how a growth goes. It can be told while
//! Postgres is down, since a member writes a word on its pod (`images/postgres/member_disk.py`).

use crate::observe::{DiskUse, Growth, Observed, VolumeSeen};
use crate::target::human_size;
use crate::tuning::units::quantity_bytes;

use super::conditions::{Finding, good, reason};

/// Looks at every member's volume; the worst is told first.
pub fn storage(seen: &Observed) -> Finding {
    if let Some(filling) = filling(seen) {
        return filling;
    }
    let growths = || {
        growing(seen).map(|(claim, has, wants, growth)| (format!("{claim} from {has} to {wants}"), growth))
    };
    if let Some((which, Growth::Failed(why))) =
        growths().find(|(_, growth)| matches!(growth, Growth::Failed(_)))
    {
        let message = format!(
            "failed to grow volume claim {which}: {why}. Kubernetes tries again; what it lacks stands there: quota or room \
             of the storage, or a size that its driver takes"
        );
        return (false, reason::GROWTH_FAILED, message);
    }
    if let Some((which, growth)) = growths().next() {
        return (false, reason::GROWING, format!("volume claim {which} is growing{}", waits(growth)));
    }
    good("all volumes have room: less than 85 % is used")
}

/// A member whose volume is full: why Postgres is down, where it is.
pub fn full(seen: &Observed) -> Option<Finding> {
    filling(seen).filter(|(_, why, _)| *why == reason::DISK_FULL)
}

fn filling(seen: &Observed) -> Option<Finding> {
    let worst = seen.pods.values().map(|pod| pod.disk).max()?;
    let (why, how) = match worst {
        DiskUse::Roomy => return None,
        DiskUse::Filling => (reason::DISK_FILLING, "85 % or more of the volume is used"),
        DiskUse::AlmostFull => (reason::DISK_ALMOST_FULL, "95 % or more of the volume is used"),
        DiskUse::Full => (reason::DISK_FULL, "the volume is full, so Postgres stops or can't start"),
    };
    let named: Vec<&str> =
        seen.pods.iter().filter(|(_, pod)| pod.disk == worst).map(|(name, _)| name.as_str()).collect();
    let name = seen.name();
    let remedy = match growing(seen).next() {
        Some((claim, has, wants, growth)) => {
            format!("it gets room: volume claim {claim} is growing from {has} to {wants}{}", waits(growth))
        }
        None if behind(seen) => "it gets room: the volumes are about to grow".into(),
        None => format!(
            "raise spec.storage.size, now {}: kubectl -n {} edit pgc {}. Volumes grow at once, also while Postgres is down",
            seen.cluster.spec.storage.size.0, name.namespace, name.name
        ),
    };
    Some((false, why, format!("{how} on {}: {remedy}", named.join(", "))))
}

/// A claim that asks for less than the spec: the steps of this very round raise it.
fn behind(seen: &Observed) -> bool {
    let wanted = quantity_bytes(&seen.cluster.spec.storage.size.0).unwrap_or_default();
    seen.volumes.values().any(|volume| !volume.retired && volume.requested < wanted)
}

fn waits(growth: &Growth) -> String {
    match growth {
        Growth::Quiet => String::new(),
        Growth::Waiting(words) | Growth::Failed(words) => format!(" ({words})"),
    }
}

/// Claims of members that have less than they ask for: name, what they have, what they ask for.
pub fn growing(seen: &Observed) -> impl Iterator<Item = (&str, String, String, &Growth)> {
    // A claim that is not bound yet has nothing to grow.
    let wanting =
        |volume: &VolumeSeen| !volume.retired && volume.capacity > 0 && volume.capacity < volume.requested;
    seen.volumes.iter().filter(move |(_, volume)| wanting(volume)).map(|(claim, volume)| {
        (claim.as_str(), human_size(volume.capacity), human_size(volume.requested), &volume.growth)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, put_pods};
    use serde_json::json;

    fn seen(disks: &[(&str, DiskUse)]) -> Observed {
        let mut seen = observed(json!({}));
        put_pods(&mut seen);
        for (pod, disk) in disks {
            seen.pods.get_mut(*pod).unwrap().disk = *disk;
        }
        seen
    }

    fn claim(seen: &mut Observed, growth: Growth) {
        let volume = VolumeSeen { requested: 2 << 30, capacity: 1 << 30, growth, ..VolumeSeen::default() };
        seen.volumes.insert("data-c-0".into(), volume);
    }

    #[test]
    fn the_fullest_volumes_are_named_with_the_remedy() {
        let seen = seen(&[("c-0", DiskUse::Filling), ("c-1", DiskUse::Full), ("c-2", DiskUse::Full)]);
        let (fine, why, message) = storage(&seen);
        assert_eq!((fine, why), (false, reason::DISK_FULL));
        assert!(message.contains("on c-1, c-2: raise spec.storage.size, now 2Gi"), "{message}");
        assert!(message.contains("kubectl -n shop edit pgc c"), "{message}");
    }

    #[test]
    fn a_full_volume_that_grows_is_told_so_and_nobody_is_asked_to_act() {
        let mut seen = seen(&[("c-0", DiskUse::Full)]);
        claim(&mut seen, Growth::Waiting("FileSystemResizePending".into()));
        let (_, why, message) = storage(&seen);
        assert_eq!(why, reason::DISK_FULL);
        assert!(message.contains("growing from 1Gi to 2Gi (FileSystemResizePending)"), "{message}");
        assert!(!message.contains("raise"), "{message}");
    }

    #[test]
    fn a_growth_that_failed_is_told_in_kubernetes_words() {
        let mut seen = seen(&[]);
        claim(&mut seen, Growth::Failed("ControllerResizeError, quota exceeded".into()));
        let (_, why, message) = storage(&seen);
        assert_eq!(why, reason::GROWTH_FAILED);
        assert!(
            message.contains("data-c-0 from 1Gi to 2Gi: ControllerResizeError, quota exceeded"),
            "{message}"
        );
    }
}
