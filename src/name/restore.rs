//! Marks of restores on clusters and on volume claims.

/// Annotation on a volume claim: UID of the backup that it was cloned from.
pub const ANNOTATION_RESTORED_FROM: &str = "stylobate.dev/restored-from";
/// Annotation on a volume claim that was made for a restore: UID of the `PostgresCluster` that it was made for. Another one of the same
/// name never takes it for its own clone.
pub const ANNOTATION_RESTORED_FOR: &str = "stylobate.dev/restored-for";
/// Annotation on the same: digest of the `spec.bootstrap` that it was made for.
pub const ANNOTATION_RESTORED_BY: &str = "stylobate.dev/restored-by";
/// Annotation on the same, once all members ran on what was restored: it is data in service, and no clone any more. It is never taken off.
pub const ANNOTATION_SETTLED: &str = "stylobate.dev/settled";
/// Annotation on a `PostgresCluster` that asks for a restore in place: name of a `PostgresBackup` of it, and where the same backup
/// is restored once more `@` and any text.
pub const ANNOTATION_RESTORE_IN_PLACE: &str = "stylobate.dev/restore-in-place";
/// Annotation on a `PostgresCluster`: its own name, the second word for a restore in place.
pub const ANNOTATION_CONFIRM_RESTORE: &str = "stylobate.dev/confirm-restore";
/// Annotation on a `PostgresCluster`: its own name lets the volumes go that a restore in place took out of service.
pub const ANNOTATION_FORGET_OLD_VOLUMES: &str = "stylobate.dev/forget-old-volumes";
/// Annotation on a volume claim: the value of [`ANNOTATION_RESTORE_IN_PLACE`] that it was made for. A request counts once by it, for
/// as long as the data lives, whatever becomes of status and annotations.
pub const ANNOTATION_RESTORE_REQUEST: &str = "stylobate.dev/restore-request";
/// Annotation by which a member says what is wrong with the archive that it is restored from (`images/postgres/restore-member`).
pub const ANNOTATION_SOURCE_ARCHIVE: &str = "stylobate.dev/source-archive";
/// Label of a volume claim that a restore in place took out of service: its generation. It is kept until a person lets it go.
pub const LABEL_RETIRED: &str = "stylobate.dev/retired";
