//! Once an hour: which snapshots are there that no backup knows. Each holds data of a customer, costs money, and is deleted by nobody: an
//! object that was deleted while its finalizer was taken off by hand, a manifest that somebody removed. They are told and not deleted,
//! since what is unknown here may be the last copy of something.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::api::ProviderName;
use crate::name::LABEL_BACKUP_UID;
use crate::snapshot::Made;

use super::control::Context;

/// How often.
const PAUSE: Duration = Duration::from_secs(3600);
/// Seconds from its making until a snapshot counts: what is being made or removed is not told.
const SETTLED: i64 = 3600;
/// So many are told one by one; the metric has the number of all.
const MOST_TOLD: usize = 20;

/// Snapshots that nobody knows: those of other backups than `known`, an hour old.
pub fn orphans(made: Vec<Made>, known: &BTreeSet<String>, now: Timestamp) -> Vec<Made> {
    let mut orphans: Vec<Made> = made
        .into_iter()
        .filter(|one| !known.contains(&one.backup_uid) && one.made_at + SETTLED <= now.as_second())
        .collect();
    orphans.sort();
    orphans
}

/// Looks again and again, while this process leads.
pub(super) async fn run(context: &Context) {
    let mut told: BTreeMap<ProviderName, usize> = BTreeMap::new();
    loop {
        tokio::time::sleep(PAUSE).await;
        if !context.claim.is_current() || !context.stores.backups_are_known() {
            continue;
        }
        for provider in [ProviderName::Csi, ProviderName::Gce] {
            match look(context, provider).await {
                Ok(Some(found)) => {
                    tell(&found);
                    told.insert(provider, found.len());
                }
                Ok(None) => {}
                Err(cause) => tracing::warn!("failed to look for snapshots that no backup knows: {cause}"),
            }
        }
        context.metrics.orphaned_snapshots(told.values().sum());
    }
}

fn tell(found: &[Made]) {
    for one in found.iter().take(MOST_TOLD) {
        tracing::warn!(
            snapshot = one.name,
            "a snapshot of a backup in namespace '{}' is at {}, and neither a PostgresBackup nor a manifest knows it: find out what it is \
             of, and delete it there if nobody needs it",
            one.namespace,
            one.place
        );
    }
}

/// None where this provider was never used.
async fn look(context: &Context, name: ProviderName) -> Result<Option<Vec<Made>>, String> {
    let backups = context.stores.all_backups();
    let used = |one: &ProviderName| *one == name;
    let of = |backup: &crate::api::PostgresBackup| backup.status.as_ref().and_then(|status| status.provider);
    if name == ProviderName::Gce && !backups.iter().filter_map(|backup| of(backup)).any(|one| used(&one)) {
        return Ok(None);
    }
    let made = context.provider(name).made().await.map_err(|cause| cause.to_string())?;
    // After the list of what is there, so that what was made meanwhile is known.
    let maps: Api<ConfigMap> = Api::namespaced(context.client.clone(), &context.platform.namespace);
    let manifests = maps.list_metadata(&ListParams::default().labels(LABEL_BACKUP_UID)).await;
    let manifests = manifests.map_err(|cause| format!("failed to list manifests: {cause}"))?;
    let mut known: BTreeSet<String> =
        context.stores.all_backups().iter().filter_map(|one| one.uid()).collect();
    known.extend(manifests.items.iter().filter_map(|map| map.labels().get(LABEL_BACKUP_UID).cloned()));
    Ok(Some(orphans(made, &known, Timestamp::now())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(uid: &str, made_at: i64) -> Made {
        let (namespace, place) = ("shop".to_owned(), "h".to_owned());
        Made { backup_uid: uid.into(), namespace, name: format!("stylobate-{uid}-0"), place, made_at }
    }

    #[test]
    fn what_neither_an_object_nor_a_manifest_knows_is_told_once_it_is_an_hour_old() {
        let now = Timestamp::from_second(10_000).unwrap();
        let known = BTreeSet::from(["object".to_owned(), "manifest".to_owned()]);
        let all = vec![
            made("z", 100),
            made("object", 100),
            made("a", 6400),
            made("manifest", 0),
            made("new", 6401),
        ];
        let found: Vec<String> = orphans(all, &known, now).into_iter().map(|one| one.backup_uid).collect();
        assert_eq!(found, ["a", "z"]);
    }
}
