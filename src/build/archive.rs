//! What members need to archive WAL: pgBackRest's configuration in a Secret, since it holds a passphrase, and where it is mounted.
//!
//! The mount is there with and without an archive (it is optional), so that an archive in a bucket is turned on and off
//! without making pods anew.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, Secret, Volume, VolumeMount};

use crate::archive::{self, Place, SOURCE};
use crate::child::{Child, Kind};
use crate::engine::paths;
use crate::observe::{Observed, SecretData};
use crate::plan::passphrase;
use crate::restore::{Course, recorded};
use crate::target::{Target, source_files};

use super::meta::metadata;
use super::pod;

/// Name of the volume with the configuration.
const CONFIGURATION: &str = "archive";
/// Name of the volume with the archive itself.
pub const PLACE: &str = "archive-volume";

/// The Secret; none without an archive, or until its passphrase exists. When an archive is turned off the Secret is emptied: what
/// is mounted must not stay behind.
pub fn secret(target: &Target, seen: &Observed) -> Option<Child> {
    let name = target.name.archive();
    let mut files = match &target.archive {
        Some(archive) => {
            let passphrase = passphrase(seen).text()?;
            archive::files(archive, "", &passphrase, &seen.given.secrets)?
        }
        None => SecretData::new(),
    };
    files.extend(of_source(target, seen));
    if files.is_empty() {
        seen.children.get(Kind::Secret, &name)?;
    }
    let bytes = |(key, text): (String, crate::secret::SecretText)| {
        (key, ByteString(text.expose().as_bytes().to_vec()))
    };
    let object = Secret {
        metadata: metadata(target, &name),
        type_: Some("Opaque".into()),
        data: Some(files.into_iter().map(bytes).collect::<BTreeMap<_, _>>()),
        ..Secret::default()
    };
    Some(Child::new(Kind::Secret, name, &object))
}

/// What reads the archive of the source, while this cluster is brought to a point in time, and for as long as a drill looks through it. It
/// follows the record, which never changes: so it is of the very backup that is restored. What was written once is kept, since the backup and
/// its namespace may go meanwhile; a passphrase that does not open the archive gives way to one that was put in its place.
fn of_source(target: &Target, seen: &Observed) -> SecretData {
    let recorded = target.groups.first().and_then(|group| recorded(seen, &group.name));
    let live = seen.children.secret(&target.name.archive()).unwrap_or_default();
    let kept: SecretData = live.into_iter().filter(|(key, _)| key.starts_with(SOURCE)).collect();
    let Some(course) = recorded.filter(Course::reads_archive) else {
        return if target.drill { kept } else { SecretData::new() };
    };
    let backup = seen.restore.backup.of_uid(&course.key);
    match backup {
        // Secrets are read again only where the files are not there, or are of no use.
        Some(backup) if kept.is_empty() || !seen.restore.source.secrets.is_empty() => {
            source_files(seen, backup).unwrap_or(kept)
        }
        _ => kept,
    }
}

/// Volumes of a member's pod.
pub fn volumes(target: &Target) -> Vec<Volume> {
    let mut configuration = pod::secret_volume(CONFIGURATION, &target.name.archive());
    if let Some(secret) = &mut configuration.secret {
        secret.optional = Some(true);
    }
    let place = claim(target).map(|claim| Volume {
        name: PLACE.into(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim.to_owned(),
            read_only: None,
        }),
        ..Volume::default()
    });
    [configuration].into_iter().chain(place).collect()
}

/// Mounts of the main container.
pub fn mounts(target: &Target) -> Vec<VolumeMount> {
    let place = claim(target).map(|_| pod::mount(PLACE, paths::ARCHIVE_VOLUME, false));
    [pod::mount(CONFIGURATION, paths::ARCHIVE, true)].into_iter().chain(place).collect()
}

fn claim(target: &Target) -> Option<&str> {
    match &target.archive.as_ref()?.place {
        Place::Volume { claim } => Some(claim),
        Place::Gcs { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::PASSPHRASE;
    use crate::build::revision;
    use crate::fixture::{observed, settle, start, target};
    use serde_json::json;

    fn seen(archive: serde_json::Value) -> Observed {
        let spec = if archive.is_null() { json!({}) } else { json!({"backup": {"archive": archive}}) };
        observed(spec)
    }

    #[test]
    fn a_bucket_is_turned_on_without_another_pod_and_a_volume_is_not() {
        let of = |archive| {
            let target = target(&seen(archive));
            revision(&target, &target.groups[0])
        };
        let without = of(json!(null));
        assert_eq!(of(json!({"gcs": {"bucket": "wal"}})), without);
        assert_ne!(of(json!({"volume": {"claim": "wal"}})), without);
    }

    #[test]
    fn the_configuration_comes_with_the_passphrase_and_goes_with_the_archive() {
        let mut seen = seen(json!({"gcs": {"bucket": "wal"}}));
        settle(&mut seen, start());
        let files = seen.children.secret("c-archive").unwrap();
        let passphrase = &seen.children.secret("c-archive-key").unwrap()[PASSPHRASE];
        let line = format!("repo1-cipher-pass={}", passphrase.expose());
        assert!(files["pgbackrest.conf"].expose().contains(&line));

        let before = passphrase.clone();
        let mut off = (*seen.cluster).clone();
        off.spec.backup.archive = None;
        seen.cluster = std::sync::Arc::new(off);
        settle(&mut seen, start());
        assert!(seen.children.secret("c-archive").unwrap().is_empty());
        let kept = &seen.children.secret("c-archive-key").unwrap()[PASSPHRASE];
        assert_eq!(*kept, before, "what was archived can still be read");
    }
}
