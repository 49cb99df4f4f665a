//! The continuous archive of WAL, kept by pgBackRest: where it is, what it is configured with, and what of it is kept.
//!
//! All pure. Snapshots bring back their own moments; with the WAL between them any moment can be brought back. Why it is as it
//! is: `docs/decisions/0015-wal-archive.md`.

mod conf;
mod escrow;
mod health;
mod keep;
mod settings;
mod window;

use crate::api::BackupStatus;
use crate::name::GroupName;

pub use conf::{CONF, conf, files, passphrase_of};
pub use escrow::unfit as unfit_to_seal;
pub use health::{Health, backlog, explain, health};
pub use keep::{Base, Keep, keep, position, segment_before};
pub use settings::{COMMAND, NO_COMMAND, settings};
pub use window::needed;

/// Key of the Secret with the passphrase that a cluster's archive is encrypted with (`ClusterName::archive_key`).
pub const PASSPHRASE: &str = "archive-passphrase";

/// Prefix of the files that read the archive of another cluster.
pub const SOURCE: &str = "source-";

/// Bytes of a WAL segment: initdb's default, which the operator never changes.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// The archive that a cluster writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveTarget {
    /// pgBackRest's word for a cluster's own part of an archive.
    pub stanza: String,
    /// Where it is.
    pub place: Place,
    /// WAL in bytes that may wait before it is given up; none gives nothing up.
    pub max_backlog: Option<u64>,
    /// Days back to which any moment can be brought back; none for as far as backups are kept.
    pub retention_days: Option<i32>,
    /// Public key in PEM that the passphrase is sealed to.
    pub escrow: Option<String>,
}

/// Where an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A bucket.
    Gcs {
        /// Bucket.
        bucket: String,
        /// Folder in it.
        prefix: String,
        /// Host and port in place of Google's.
        endpoint: Option<String>,
        /// How members show who they are.
        login: Login,
        /// Secret with the authority of the endpoint's certificate.
        authority: Option<String>,
    },
    /// A volume that members mount.
    Volume {
        /// Claim.
        claim: String,
    },
}

impl Place {
    /// As a person would name it.
    pub fn human(&self) -> String {
        match self {
            Place::Gcs { bucket, prefix, endpoint: None, .. } => format!("gs://{bucket}/{prefix}"),
            Place::Gcs { bucket, prefix, endpoint: Some(host), .. } => {
                format!("gs://{bucket}/{prefix} at {host}")
            }
            Place::Volume { claim } => format!("volume claim {claim}"),
        }
    }
}

/// How members show who they are to a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// As their ServiceAccount, by Workload Identity.
    Workload,
    /// By the key of a service account, in this Secret.
    Key(String),
    /// Not at all.
    Anonymous,
}

/// The part of an archive that belongs to one cluster. The UID makes it another one for a cluster that is made again under
/// the same name, and for one that was restored: nobody writes into what another one may have to be restored from. The generation
/// does the same for a restore in place: its timeline may have the number of one that was archived before.
pub fn stanza(namespace: &str, cluster: &str, uid: &str, generation: u32) -> String {
    let short: String = uid.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    let first = format!("{namespace}-{cluster}-{short}");
    if generation > 1 { format!("{first}-{generation}") } else { first }
}

/// Generation of the volume that a backup was cut from, which tells the part of the archive that goes with it.
pub fn generation_of(cluster: &GroupName, backup: &BackupStatus) -> u32 {
    let claim = backup.groups.first().and_then(|group| cluster.claim(&group.claim));
    claim.map_or(1, |(generation, _)| generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_is_made_again_has_another_part_of_the_archive() {
        let first = stanza("shop", "c", "0b5a4f4e-1111-2222-3333-444455556666", 1);
        assert_eq!(first, "shop-c-0b5a4f4e");
        assert_ne!(first, stanza("shop", "c", "1b5a4f4e-1111-2222-3333-444455556666", 1));
    }

    #[test]
    fn a_restore_in_place_begins_another_part_and_a_backup_tells_its_own() {
        let uid = "0b5a4f4e-1111-2222-3333-444455556666";
        assert_eq!(stanza("shop", "c", uid, 2), "shop-c-0b5a4f4e-2");
        let group = crate::name::ClusterName::new("shop", "c").group(0);
        let of = |claim: &str| {
            let group = crate::api::GroupBackup { claim: claim.into(), ..Default::default() };
            BackupStatus { groups: vec![group], ..BackupStatus::default() }
        };
        assert_eq!(generation_of(&group, &of("data-c-1")), 1);
        assert_eq!(generation_of(&group, &of("data2-c-0")), 2);
    }
}
