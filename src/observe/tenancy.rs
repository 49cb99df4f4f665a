//! Which namespace is meant by a name. Names come again: a namespace that is deleted and made anew may be somebody else's, and has no
//! right to what the old one had backed up until an administrator says so. Why: `docs/decisions/0035-namespaces-by-uid.md`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, Client, ResourceExt};

use crate::api::PostgresBackup;
use crate::backup::read_manifest;
use crate::name::ANNOTATION_ADOPTED_BY;

/// A namespace as it is today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Today {
    /// Name.
    pub name: String,
    /// UID; none for a person who may not look. He is told what the operator would do, and the operator looks itself.
    pub uid: Option<String>,
    /// When it was made.
    pub made: Option<Timestamp>,
}

/// Reads it; none when there is none. `lenient` takes a missing right for an answer.
///
/// # Errors
/// Those of the API server.
pub async fn today(client: &Client, name: &str, lenient: bool) -> Result<Option<Today>, kube::Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let told = |uid, made| Some(Today { name: name.to_owned(), uid, made });
    match namespaces.get_opt(name).await {
        Ok(found) => Ok(found.and_then(|found| {
            told(found.uid(), found.metadata.creation_timestamp.as_ref().map(|time| time.0))
        })),
        Err(kube::Error::Api(status)) if lenient && status.code == 403 => Ok(told(None, None)),
        Err(error) => Err(error),
    }
}

/// True when the namespace of today is the one that the backup was made in. Backups of older operators do not tell its UID; then it is,
/// where it is no younger than they are.
pub fn same(backup: &PostgresBackup, today: &Today) -> bool {
    let source = backup.status.as_ref().and_then(|status| status.source.as_ref());
    let then = source.and_then(|source| source.namespace_uid.as_ref());
    backup.namespace().as_ref() == Some(&today.name)
        && match (then, &today.uid) {
            (_, None) => true,
            (Some(then), Some(now)) => then == now,
            (None, Some(_)) => no_younger(backup, today),
        }
}

fn no_younger(backup: &PostgresBackup, today: &Today) -> bool {
    let made = backup.metadata.creation_timestamp.as_ref().map(|time| time.0);
    made.zip(today.made).is_some_and(|(backup, namespace)| namespace <= backup)
}

/// What a namespace may see of a backup by its object. A name in `spec.shareWith` means the namespace that had it when it was written.
pub fn admit_object(mut backup: PostgresBackup, own: &Today) -> PostgresBackup {
    let shared = backup.status.iter().flat_map(|status| &status.shared_with);
    // One that is not recorded yet is as fresh as its edit: it means the namespace of today.
    let another = shared
        .into_iter()
        .any(|one| one.namespace == own.name && own.uid.as_ref().is_some_and(|uid| one.uid != *uid));
    if another {
        backup.spec.share_with.retain(|name| *name != own.name);
    }
    backup
}

/// The backup that a manifest holds, as far as this namespace may see it; none where it belongs to an earlier one of the name.
pub fn admit_manifest(map: &ConfigMap, own: &Today) -> Option<PostgresBackup> {
    let mut backup = read_manifest(map)?;
    let Some(uid) = &own.uid else { return Some(backup) };
    let adopted = map.annotations().get(ANNOTATION_ADOPTED_BY) == Some(uid);
    if backup.namespace().as_ref() == Some(&own.name) {
        if adopted && let Some(source) = backup.status.as_mut().and_then(|status| status.source.as_mut()) {
            source.namespace_uid = Some(uid.clone());
        }
        return (adopted || same(&backup, own)).then_some(backup);
    }
    let recorded =
        backup.status.iter().flat_map(|status| &status.shared_with).find(|one| one.namespace == own.name);
    let shared = match recorded {
        Some(one) => one.uid == *uid,
        None => no_younger(&backup, own),
    };
    if adopted && !backup.spec.share_with.contains(&own.name) {
        backup.spec.share_with.push(own.name.clone());
    } else if !adopted && !shared {
        backup.spec.share_with.retain(|name| *name != own.name);
    }
    Some(backup)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restore::nearest::may_have;
    use serde_json::{Value, json};

    /// A backup that was made at 10:00 in namespace `shop`.
    fn backup(namespace_uid: Value, share_with: Value, shared_with: Value) -> PostgresBackup {
        let source = json!({
            "clusterUid": "u-1", "namespaceUid": namespace_uid, "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi",
            "settings": {}, "clusterSpec": "{}",
        });
        serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"name": "b", "namespace": "shop", "uid": "b-1", "creationTimestamp": "2026-11-21T10:00:00Z"},
            "spec": {"cluster": "c", "shareWith": share_with},
            "status": {"phase": "Succeeded", "source": source, "sharedWith": shared_with},
        }))
        .unwrap()
    }

    fn manifest(backup: &PostgresBackup, adopted: Option<&str>) -> ConfigMap {
        let mut map = crate::backup::build_manifest(backup, "stylobate-system");
        let notes = map.metadata.annotations.get_or_insert_default();
        notes.extend(adopted.map(|uid| (ANNOTATION_ADOPTED_BY.to_owned(), uid.to_owned())));
        map
    }

    fn namespace(name: &str, uid: &str, made: &str) -> Today {
        Today { name: name.into(), uid: Some(uid.into()), made: made.parse().ok() }
    }

    /// Whether this namespace may begin with the backup by its manifest.
    fn by_manifest(backup: &PostgresBackup, adopted: Option<&str>, own: &Today) -> bool {
        admit_manifest(&manifest(backup, adopted), own).is_some_and(|found| may_have(&found, &own.name))
    }

    const BEFORE: &str = "2026-11-01T00:00:00Z";
    const AFTER: &str = "2026-11-22T00:00:00Z";

    #[test]
    fn a_new_namespace_of_an_old_name_has_no_right_to_old_backups_until_an_administrator_says_so() {
        let (old, new) = (namespace("shop", "n-1", BEFORE), namespace("shop", "n-2", AFTER));
        for told in [json!("n-1"), json!(null)] {
            let backup = backup(told, json!([]), json!([]));
            assert!(by_manifest(&backup, None, &old));
            assert!(!by_manifest(&backup, None, &new));
            assert!(!by_manifest(&backup, Some("n-3"), &new), "he said so of another one");
            assert!(by_manifest(&backup, Some("n-2"), &new));
            assert!(same(&admit_manifest(&manifest(&backup, Some("n-2")), &new).unwrap(), &new));
            assert!(!same(&backup, &new), "no Secret is read in a namespace that is another one");
        }
    }

    #[test]
    fn a_share_is_with_the_namespace_that_had_the_name_and_with_no_later_one() {
        let (old, new) = (namespace("test", "t-1", BEFORE), namespace("test", "t-2", AFTER));
        let recorded = backup(json!("n-1"), json!(["test"]), json!([{"namespace": "test", "uid": "t-1"}]));
        assert!(by_manifest(&recorded, None, &old) && !by_manifest(&recorded, None, &new));
        assert!(by_manifest(&recorded, Some("t-2"), &new));
        let object = |own: &Today| may_have(&admit_object(recorded.clone(), own), &own.name);
        assert!(object(&old) && !object(&new));
        let older = backup(json!(null), json!(["test"]), json!([]));
        assert!(by_manifest(&older, None, &old) && !by_manifest(&older, None, &new), "of an older operator");
        assert!(may_have(&admit_object(older, &new), "test"), "it was just written");
    }

    #[test]
    fn what_is_not_shared_stays_so_whatever_is_recorded() {
        let own = namespace("test", "t-1", BEFORE);
        let withdrawn = backup(json!("n-1"), json!([]), json!([{"namespace": "test", "uid": "t-1"}]));
        assert!(!by_manifest(&withdrawn, None, &own));
    }
}
