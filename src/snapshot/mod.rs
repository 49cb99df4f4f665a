//! Snapshots of volumes, by whoever can make them.
//!
//! A provider is one file here, a variant of [`crate::api::ProviderName`] and one line where the operator chooses. It only
//! does what it is told: which volume, when, under which name, and when a snapshot may go, is decided elsewhere.

pub mod csi;
pub mod gce;
mod held;
mod made;

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use jiff::Timestamp;

pub use made::{Made, backup_uid};

/// Makes, looks up and deletes snapshots. Every call can be made again after a crash.
pub trait Provider: Send + Sync {
    /// Asks for a snapshot and returns without waiting for it. When one of that name and with these labels is there already,
    /// nothing is done.
    fn order<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Error>>;

    /// Looks at a snapshot by its name; none when there is none.
    fn look<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<Option<Seen>, Error>>;

    /// Looks at a snapshot whose handle is known: that counts, not the objects that hold it in Kubernetes. None when it is gone.
    fn health<'a>(&'a self, held: &'a Held) -> BoxFuture<'a, Result<Option<Seen>, Error>> {
        self.look(&held.namespace, &held.name)
    }

    /// Takes a snapshot in by its handle, so that Kubernetes knows it under its name again. It is not deleted with what holds it.
    fn import<'a>(&'a self, _held: &'a Held) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Deletes a snapshot and what it holds. One that is not there counts as deleted.
    fn delete<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// From now on only [`Provider::delete`] lets go of what the snapshot holds, not the end of its namespace.
    fn keep<'a>(&'a self, namespace: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// All snapshots that backups of this installation made, to find those that no backup knows.
    fn made(&self) -> BoxFuture<'_, Result<Vec<Made>, Error>>;
}

/// A snapshot to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Namespace of the backup.
    pub namespace: String,
    /// Name, the same whenever the order is given again: a DNS label of at most 63 characters.
    pub name: String,
    /// Volume to take it of.
    pub volume: Volume,
    /// Labels, as Kubernetes takes them. They carry the backup, the cluster and its UID.
    pub labels: BTreeMap<String, String>,
    /// VolumeSnapshotClass, for providers that know classes.
    pub class: Option<String>,
    /// Where to store it, for providers that let one choose.
    pub location: Option<String>,
}

/// A snapshot that was made, as its backup knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Namespace of the backup.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// What the provider calls it.
    pub handle: String,
    /// Driver that made it.
    pub driver: String,
    /// Labels that it was ordered with.
    pub labels: BTreeMap<String, String>,
}

/// A volume in Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// The claim.
    pub claim: String,
    /// The PersistentVolume.
    pub name: String,
    /// Driver of the volume, as `pd.csi.storage.gke.io`.
    pub driver: String,
    /// The driver's handle, as `projects/P/zones/Z/disks/D`.
    pub handle: String,
}

/// A snapshot as seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// What a volume can be made from later: the CSI handle, or the self link of the Compute API.
    pub handle: Option<String>,
    /// Driver that made it.
    pub driver: Option<String>,
    /// How far it is.
    pub stage: Stage,
    /// The moment of the cut, by the provider's clock; from [`Stage::Cut`] on.
    pub cut_at: Option<Timestamp>,
    /// Bytes that a volume made from it has at least, once known.
    pub restore_bytes: Option<i64>,
    /// What its maker complains of at the moment; it may still come right.
    pub trouble: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// How far a snapshot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Asked for: the disk's content of this moment is not held yet.
    Ordered,
    /// The content is held: what is written from now on is not in it. It can't be restored yet.
    Cut,
    /// A volume can be made from it.
    Ready,
    /// It will never be.
    Failed(String),
    /// What held it in Kubernetes is gone, and why that is known. The provider has it all the same, as far as anybody knows.
    Adrift(String),
}

/// Why a provider did not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It will not do so later either, unless somebody changes something.
    #[error("failed to {what}: {cause}")]
    Refused {
        /// What was asked, in words.
        what: String,
        /// Its words, and what to do.
        cause: String,
    },
    /// Not now: a quota, a rate, or a pause between two snapshots of a disk.
    #[error("failed to {what} yet: {cause}; it is tried again in {again_seconds} s")]
    Busy {
        /// What was asked, in words.
        what: String,
        /// Its words.
        cause: String,
        /// Seconds after which it is worth another try.
        again_seconds: u32,
    },
    /// No answer, or none that says anything.
    #[error("failed to {what}: {cause}; it is tried again")]
    Unreachable {
        /// What was asked, in words.
        what: String,
        /// What happened.
        cause: String,
    },
}
