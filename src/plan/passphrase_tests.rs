//! The passphrase of an archive: no message names the Secret that has it, and none is made while an archive may be encrypted with another.

use std::sync::Arc;

use serde_json::json;

use crate::api::ClusterStatus;
use crate::archive::PASSPHRASE;
use crate::child::{ChildRef, Kind};
use crate::decide::{Input, decide};
use crate::fixture::{entries, observed, put_secret, settle, start, step};
use crate::observe::Observed;
use crate::plan::{Mint, Step, volumes_command};
use crate::policy::CATALOG;
use crate::secret::SecretText;

/// A cluster with an archive that has all its Secrets.
fn archives() -> Observed {
    let mut seen = observed(json!({"backup": {"archive": {"gcs": {"bucket": "wal"}}}}));
    settle(&mut seen, start());
    seen
}

/// WAL was archived, as the status tells.
fn has_archived(seen: &mut Observed) {
    let archive =
        json!({"place": "gs://wal", "stanza": "shop-c-u1", "archivedUntil": "2026-11-21T11:00:00Z"});
    let status = json!({"state": "Healthy", "ready": "3/3", "archive": archive});
    let status: ClusterStatus = serde_json::from_value(status).unwrap();
    Arc::make_mut(&mut seen.cluster).status = Some(status);
}

/// Names of all Secrets that hold a passphrase.
fn holders(seen: &Observed) -> Vec<String> {
    let names =
        seen.children.0.keys().filter(|child| child.kind == Kind::Secret).map(|child| child.name.clone());
    names.filter(|name| seen.children.secret(name).unwrap().contains_key(PASSPHRASE)).collect()
}

/// The passphrase is where older operators kept it, with the passwords.
fn of_an_older_operator(seen: &mut Observed) {
    let mut passwords = seen.children.secret("c-credentials").unwrap();
    passwords.insert(PASSPHRASE.into(), SecretText::new("hush"));
    put_secret(seen, "c-credentials", &passwords);
    seen.children.0.remove(&ChildRef::new(Kind::Secret, "c-archive-key"));
    seen.children.0.remove(&ChildRef::new(Kind::Secret, "c-archive"));
    has_archived(seen);
}

fn found(seen: &Observed, secret: &str) -> Option<String> {
    Some(seen.children.secret(secret)?.get(PASSPHRASE)?.expose().to_owned())
}

/// Takes the passphrase out of every Secret, and all that was rendered from it.
fn lose(seen: &mut Observed) {
    for name in holders(seen) {
        let mut data = seen.children.secret(&name).unwrap();
        data.remove(PASSPHRASE);
        put_secret(seen, &name, &data);
    }
    seen.children.0.remove(&ChildRef::new(Kind::Secret, "c-archive"));
}

fn mints_one(seen: &Observed) -> bool {
    decide(&Input { seen, catalog: CATALOG, now: start() }).steps.iter().any(|step| {
        matches!(step, Step::Mint(Mint::Passwords { keys, .. }) if keys.iter().any(|key| key == PASSPHRASE))
    })
}

#[test]
fn the_command_that_removes_what_a_cluster_leaves_names_no_secret_with_a_passphrase() {
    let seen = archives();
    let command = volumes_command(&seen.name());
    let found = holders(&seen);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!command.split_whitespace().any(|word| word == found[0]), "{command}");
}

#[test]
fn no_passphrase_is_made_anew_while_an_archive_of_the_cluster_may_exist() {
    let mut seen = archives();
    lose(&mut seen);
    assert!(mints_one(&seen), "nothing was archived yet");
    has_archived(&mut seen);
    assert!(!mints_one(&seen), "what was archived could never be read again");
}

#[test]
fn the_passphrase_of_an_older_operator_is_in_its_new_place_before_it_leaves_the_old_one() {
    for archive in [json!({"gcs": {"bucket": "wal"}}), json!(null)] {
        let mut seen = archives();
        of_an_older_operator(&mut seen);
        Arc::make_mut(&mut seen.cluster).spec.backup.archive = serde_json::from_value(archive).unwrap();
        for _ in 0..4 {
            let both = (found(&seen, "c-archive-key"), found(&seen, "c-credentials"));
            assert!(both.0.as_deref() == Some("hush") || both.1.as_deref() == Some("hush"), "in every round");
            step(&mut seen, start());
        }
        assert_eq!(found(&seen, "c-archive-key").as_deref(), Some("hush"));
        assert_eq!(found(&seen, "c-credentials"), None);
        assert!(seen.children.secret("c-credentials").unwrap().contains_key("postgres"));
    }
}

#[test]
fn a_bad_spec_and_a_deletion_move_it_too_since_both_tell_how_to_remove_the_passwords() {
    let mut seen = archives();
    of_an_older_operator(&mut seen);
    let mut invalid = seen.clone();
    Arc::make_mut(&mut invalid.cluster).spec.engine.version = "none".into();
    settle(&mut invalid, start());
    assert_eq!(
        (found(&invalid, "c-archive-key").as_deref(), found(&invalid, "c-credentials")),
        (Some("hush"), None)
    );

    let at = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(start());
    Arc::make_mut(&mut seen.cluster).metadata.deletion_timestamp = Some(at);
    seen.patroni = Some(Vec::new());
    for kind in [Kind::StatefulSet, Kind::Deployment] {
        seen.children.0.retain(|child, _| child.kind != kind);
    }
    for _ in 0..2 {
        let steps = step(&mut seen, start()).steps;
        assert!(matches!(steps.as_slice(), [Step::Mint(_)]), "{steps:?}");
    }
    assert_eq!(step(&mut seen, start()).steps, [Step::Unguard]);
    assert_eq!(
        (found(&seen, "c-archive-key").as_deref(), found(&seen, "c-credentials")),
        (Some("hush"), None)
    );
}

#[test]
fn a_secret_that_was_deleted_comes_back_from_what_members_have() {
    let mut seen = archives();
    has_archived(&mut seen);
    let before = found(&seen, "c-archive-key").unwrap();
    seen.children.0.remove(&ChildRef::new(Kind::Secret, "c-archive-key"));
    settle(&mut seen, start());
    assert_eq!(found(&seen, "c-archive-key"), Some(before));
}

#[test]
fn another_passphrase_is_told_at_once_and_members_keep_the_right_one() {
    let mut seen = archives();
    has_archived(&mut seen);
    let before = seen.children.secret("c-archive").unwrap();
    put_secret(&mut seen, "c-archive-key", &entries(&[(PASSPHRASE, "another")]));
    let told = settle(&mut seen, start()).status.conditions;
    let archiving = told.iter().find(|condition| condition.type_ == "Archiving").unwrap();
    assert_eq!(archiving.reason, "ArchiveKeyChanged");
    assert!(!archiving.message.contains("another passphrase than another"), "{}", archiving.message);
    assert_eq!(seen.children.secret("c-archive").unwrap(), before);
}

#[test]
fn a_lost_passphrase_is_told_with_how_to_put_it_back_and_that_helps() {
    let mut seen = archives();
    has_archived(&mut seen);
    lose(&mut seen);
    let told = settle(&mut seen, start()).status.conditions;
    let archiving = told.iter().find(|condition| condition.type_ == "Archiving").unwrap();
    assert_eq!(archiving.reason, "ArchiveKeyLost");
    let command = "kubectl -n shop create secret generic c-archive-key --from-file=archive-passphrase=FILE";
    assert!(archiving.message.contains(command), "{}", archiving.message);
    put_secret(&mut seen, "c-archive-key", &entries(&[(PASSPHRASE, "hush")]));
    settle(&mut seen, start());
    let files = seen.children.secret("c-archive").expect("members archive again");
    assert!(files["pgbackrest.conf"].expose().contains("repo1-cipher-pass=hush"));
}

#[test]
fn once_there_was_a_passphrase_the_status_says_so_for_good() {
    let mut seen = archives();
    let status = settle(&mut seen, start()).status;
    assert_eq!(status.archive_key.as_deref(), Some("c-archive-key"));
    Arc::make_mut(&mut seen.cluster).status = Some(status);
    let mut off = (*seen.cluster).clone();
    off.spec.backup.archive = None;
    seen.cluster = Arc::new(off);
    assert_eq!(settle(&mut seen, start()).status.archive_key.as_deref(), Some("c-archive-key"));
}
