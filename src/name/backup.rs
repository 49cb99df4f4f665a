//! Names of what is made for a backup: its snapshot, its manifest, its drills. Each follows from the backup alone, so that what is
//! ordered again after a crash is the same thing.

use jiff::Timestamp;

use super::digest;

/// Annotation on a `PostgresBackup` that the operator has begun: its UID. A tool that keeps objects brings it back on an object of another
/// UID and without a status: by that it is known for what it is, and not begun again.
pub const ANNOTATION_BEGUN_AS: &str = "stylobate.dev/begun-as";
/// Annotation on a manifest that was imported: where from.
pub const ANNOTATION_IMPORTED_FROM: &str = "stylobate.dev/imported-from";

/// Name of the snapshot of one group in a backup: the same whenever it is ordered again, at most 63 characters, with a prefix
/// that an IAM condition can name.
pub fn snapshot(backup_uid: &str, group: i32) -> String {
    format!("stylobate-{backup_uid}-{group}")
}

/// Characters of a cluster's name that are kept in the name of a drill, and of the digest: with the word between them at most
/// 40, the most that a cluster's name may have.
const DRILL_KEPT: usize = 24;
const DRILL_DIGITS: usize = 8;

/// Cluster that answers a request for a drill, and the object that owns it: the same whenever it is asked for.
pub fn drill(cluster: &str, backup_uid: &str, request: &str) -> String {
    let of = format!("{backup_uid} {request}");
    let head: String = cluster.chars().take(DRILL_KEPT).collect();
    format!("{}-drill-{}", head.trim_end_matches('-'), &digest(of.as_bytes())[..DRILL_DIGITS])
}

/// The request of a drill by schedule: the same whenever it is made for this moment.
pub fn scheduled_drill(moment: Timestamp) -> String {
    format!("schedule-{moment:.0}")
}

/// ConfigMap in the operator's namespace with the copy of a backup's object.
pub fn manifest(backup_uid: &str) -> String {
    format!("backup-{backup_uid}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::MAX_CLUSTER;

    #[test]
    fn a_drill_has_a_cluster_name_of_its_own_that_fits_also_for_the_longest_name() {
        let longest = "a".repeat(MAX_CLUSTER);
        let name = drill(&longest, "u-1", "schedule-1");
        assert!(name.len() <= MAX_CLUSTER, "{name}");
        assert_eq!(name, drill(&longest, "u-1", "schedule-1"));
        assert_ne!(name, drill(&longest, "u-2", "schedule-1"), "another backup");
        assert_ne!(name, drill(&longest, "u-1", "schedule-2"), "another request");
    }
}
