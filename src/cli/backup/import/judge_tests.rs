//! Manifests of an archive, true and false, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use serde_json::{Value, json};

use super::answer::{Fault, Manifest, Told};
use super::judge::{Ask, Row, Verdict, judge};
use super::known::Known;
use super::place::tests::way;

const STANZA: &str = "shop-c-0b5a4f4e";
const ONE: &str = "0b1c2d3e-0000-4000-8000-000000000001";
const TWO: &str = "0b1c2d3e-0000-4000-8000-000000000002";
const HANDLE: &str = "projects/p/global/snapshots/s";

/// The object as the operator wrote it.
fn object(uid: &str, method: &str) -> Value {
    let spec = json!({
        "engine": {"version": "17.91"}, "storage": {"size": "2Gi"},
        "backup": {"archive": {"gcs": {"bucket": "lost", "caSecret": "gone"}, "retentionDays": 7}},
    });
    let mut group = json!({
        "group": 0, "member": "c-0", "claim": "data-c-0", "volume": "v", "systemIdentifier": "1", "timeline": 1,
    });
    if method == "Archive" {
        group["archived"] = json!({
            "stanza": STANZA, "label": "20261122-143144F", "startLsn": "0/1", "stopLsn": "0/2", "startWal": "1", "stopWal": "1",
            "databaseBytes": 1, "stoppedAt": "2026-11-22T14:31:47Z",
        });
    } else {
        group["snapshot"] = json!({"name": "s", "handle": HANDLE, "driver": "d", "ready": true});
    }
    json!({
        "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
        "metadata": {"name": format!("b-{uid}"), "namespace": "shop", "uid": uid, "creationTimestamp": "2026-11-22T14:00:00Z"},
        "spec": {"cluster": "c", "method": method, "hold": true, "shareWith": ["audit"]},
        "status": {
            "phase": "Succeeded", "cutAt": "2026-11-22T14:31:47Z", "sharedWith": [{"namespace": "audit", "uid": "a-1"}],
            "source": {
                "clusterUid": "0b5a4f4e-1111", "namespaceUid": "n-1", "flavor": "Postgres", "version": "17.91", "image": "i",
                "storage": "2Gi", "settings": {}, "clusterSpec": spec.to_string(), "archived": true,
            },
            "groups": [group],
        },
    })
}

fn manifest(stanza: &str, object: &Value) -> Manifest {
    let backup = object["metadata"]["uid"].as_str().unwrap().to_owned();
    Manifest { stanza: stanza.into(), backup, text: Some(object.to_string()), fault: None, cause: None }
}

fn told(manifests: Vec<Manifest>, owners: &[&str]) -> Told {
    let copies: Vec<Value> = owners
        .iter()
        .map(|uid| {
            json!({
                "label": "20261122-143144F", "annotation": {"stylobate": uid}, "database": {"id": 1},
                "lsn": {"start": "0/1", "stop": "0/2"},
                "archive": {"start": "00000001000000000000001E", "stop": "00000001000000000000001E"},
                "timestamp": {"start": 1, "stop": 2}, "info": {"size": 1},
            })
        })
        .collect();
    let part = json!({"databases": [{"id": 1, "system-id": 7, "version": "17"}], "copies": copies});
    let read = BTreeMap::from([(STANZA.to_owned(), Ok(serde_json::from_value(part).unwrap()))]);
    Told { parts: vec![STANZA.into()], read, manifests, ..Told::default() }
}

fn ask() -> Ask {
    let way = way("gs://saved/eu");
    Ask { which: None, snapshots: BTreeSet::from([HANDLE.to_owned()]), owner: "n-9".into(), way }
}

fn one(told: &Told, ask: &Ask) -> Row {
    let mut rows = judge(told, ask, &BTreeMap::new());
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

#[test]
fn a_backup_is_handed_over_to_the_namespace_and_to_nobody_else_and_its_archive_is_where_it_was_found() {
    let row = one(&told(vec![manifest(STANZA, &object(ONE, "Archive"))], &[ONE]), &ask());
    assert_eq!(row.verdict, Verdict::Import);
    let backup = row.backup.unwrap();
    let status = backup.status.clone().unwrap();
    let source = status.source.unwrap();
    assert_eq!(source.namespace_uid.as_deref(), Some("n-9"));
    assert!(backup.spec.share_with.is_empty() && status.shared_with.is_empty() && backup.spec.hold);
    assert_eq!(
        (backup.namespace().as_deref(), backup.uid().as_deref()),
        (Some("shop"), Some(ONE)),
        "its part follows from it"
    );
    let archive = source.spec().unwrap().backup.archive.unwrap();
    let gcs = archive.gcs.unwrap();
    assert_eq!((gcs.bucket.as_str(), gcs.prefix.as_str(), gcs.ca_secret), ("saved", "eu", None));
    assert_eq!(archive.retention_days, Some(7), "WAL was removed by it");
}

/// What is known here: this object by its manifest.
fn known(object: &Value, given: Option<&str>) -> BTreeMap<String, Known> {
    let backup = serde_json::from_value(object.clone()).ok();
    BTreeMap::from([(ONE.to_owned(), Known::Manifest { backup, given: given.map(str::to_owned) })])
}

#[test]
fn what_was_imported_is_there_and_what_is_known_otherwise_is_left_as_it_is() {
    for method in ["Archive", "Snapshot"] {
        let all = told(vec![manifest(STANZA, &object(ONE, method))], &[ONE]);
        let none = Ask { snapshots: BTreeSet::new(), ..ask() };
        let verdict = |owner| judge(&all, &none, &known(&object(ONE, method), owner))[0].verdict.clone();
        assert_eq!(verdict(Some("n-9")), Verdict::There);
        assert_eq!(verdict(Some("n-8")), Verdict::Given("n-8".into()));
        assert_eq!(verdict(None), Verdict::Known);
        let object = |namespace: &str| {
            let known = BTreeMap::from([(ONE.to_owned(), Known::Object { namespace: namespace.into() })]);
            judge(&all, &none, &known)[0].verdict.clone()
        };
        assert_eq!(object("shop"), Verdict::Living);
        assert!(
            matches!(object("other"), Verdict::Faulty(Fault::Forged, why) if why.contains("namespace other"))
        );
    }
}

#[test]
fn a_uid_of_somebody_else_s_backup_that_is_known_here_leads_to_no_word_on_how_to_have_it() {
    let others: [(&str, Value); 5] = [
        ("/metadata/namespace", json!("other")),
        ("/spec/cluster", json!("d")),
        ("/status/source/clusterUid", json!("0b5a4f4e-2222")),
        ("/status/groups/0/claim", json!("data2-c-0")),
        ("/status/groups/0/archived/stanza", json!("shop-c-0b5a4f4e-2")),
    ];
    for (field, value) in others {
        let mut other = object(ONE, "Archive");
        *other.pointer_mut(field).unwrap() = value;
        for given in [None, Some("n-8"), Some("n-9")] {
            let all = told(vec![manifest(STANZA, &object(ONE, "Archive"))], &[ONE]);
            let verdict = judge(&all, &ask(), &known(&other, given))[0].verdict.clone();
            assert!(
                matches!(&verdict, Verdict::Faulty(Fault::Forged, why) if why.contains("another backup")),
                "{field}: {verdict:?}"
            );
        }
    }
    let unread = known(&json!({}), None);
    let all = told(vec![manifest(STANZA, &object(ONE, "Archive"))], &[ONE]);
    assert!(
        matches!(&judge(&all, &ask(), &unread)[0].verdict, Verdict::Faulty(_, why) if why.contains("can't be read"))
    );
}

#[test]
fn a_backup_that_is_known_in_whole_is_known_by_its_copy_alone() {
    let ask = Ask { which: Some("c".into()), ..ask() };
    let rows = judge(&told(Vec::new(), &[ONE]), &ask, &known(&object(ONE, "Archive"), None));
    assert_eq!(rows[0].verdict, Verdict::Known);
}

#[test]
fn a_snapshot_is_taken_in_only_where_the_administrator_names_it() {
    let all = told(vec![manifest(STANZA, &object(ONE, "Snapshot"))], &[]);
    assert_eq!(one(&all, &ask()).verdict, Verdict::Import);
    for named in [&[][..], &["projects/p/global/snapshots/t"]] {
        let other = Ask { snapshots: named.iter().map(|&handle| handle.to_owned()).collect(), ..ask() };
        let verdict = one(&all, &other).verdict;
        let remedy = format!("--snapshot '{HANDLE}'");
        assert!(matches!(&verdict, Verdict::LeftOut(why) if why.contains(&remedy)), "{verdict:?}");
    }
    let mut odd = object(ONE, "Snapshot");
    odd["status"]["groups"][0]["snapshot"]["handle"] = json!("s'; rm");
    let row = one(&told(vec![manifest(STANZA, &odd)], &[]), &ask());
    assert!(matches!(row.verdict, Verdict::Faulty(Fault::Forged, _)), "{row:?}");
}

#[test]
fn what_two_manifests_claim_is_had_by_neither() {
    let verdicts = |first: &Value, second: &Value, stanza: &str| {
        let all = told(vec![manifest(STANZA, first), manifest(stanza, second)], &[ONE]);
        judge(&all, &ask(), &BTreeMap::new()).into_iter().map(|row| row.verdict).collect::<Vec<_>>()
    };
    let forged = |verdict: &Verdict| matches!(verdict, Verdict::Faulty(Fault::Forged, why) if why.contains("--cluster"));
    // Two of one cluster with one handle, and two of two clusters with one UID.
    let two = verdicts(&object(ONE, "Snapshot"), &object(TWO, "Snapshot"), STANZA);
    assert!(two.iter().all(forged), "{two:?}");
    let mut other = object(ONE, "Snapshot");
    (other["spec"]["cluster"], other["status"]["groups"][0]["claim"]) = (json!("d"), json!("data-d-0"));
    let two = verdicts(&object(ONE, "Archive"), &other, "shop-d-0b5a4f4e");
    assert!(two.iter().all(forged), "{two:?}");
}

#[test]
fn a_copy_with_an_odd_name_or_an_odd_owner_is_told_and_takes_no_other_with_it() {
    let mut all = told(Vec::new(), &[ONE, "../x", TWO]);
    if let Some(Ok(part)) = all.read.get_mut(STANZA) {
        part.copies[2].label = "x\u{202e}".into();
    }
    let rows = judge(&all, &Ask { which: Some("c".into()), ..ask() }, &BTreeMap::new());
    let (good, bad): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.verdict == Verdict::Import);
    assert_eq!((good.len(), good[0].uid.as_str(), bad.len()), (1, ONE, 2));
    assert!(bad.iter().all(|row| matches!(row.verdict, Verdict::Faulty(Fault::Forged, _))), "{bad:?}");
}

#[test]
fn a_manifest_that_tells_of_another_cluster_than_its_place_is_not_believed() {
    let lies: [(&str, Value); 8] = [
        ("/metadata/namespace", json!("other")),
        ("/spec/cluster", json!("d")),
        ("/status/source/clusterUid", json!("99999999-1")),
        ("/status/groups/0/claim", json!("data2-c-0")),
        ("/status/groups/0/archived/stanza", json!("other-d-99999999")),
        ("/status/groups/0/archived/label", json!("x; touch /tmp/x")),
        ("/status/groups/0/archived/label", json!("20261122-143144F_20261123-143144I")),
        ("/status", Value::Null),
    ];
    for (field, value) in lies {
        let mut lie = object(ONE, "Archive");
        *lie.pointer_mut(field).unwrap() = value;
        let row = one(&told(vec![manifest(STANZA, &lie)], &[ONE]), &ask());
        assert!(matches!(row.verdict, Verdict::Faulty(Fault::Forged, _)), "{field}: {row:?}");
        assert_eq!(row.backup, None, "{field}");
    }
    let mut renamed = manifest(STANZA, &object(ONE, "Archive"));
    renamed.backup = TWO.into();
    let row = one(&told(vec![renamed], &[TWO]), &ask());
    assert!(matches!(row.verdict, Verdict::Faulty(Fault::Forged, _)), "{row:?}");
}

#[test]
fn a_copy_that_is_gone_is_left_out_and_an_archive_that_can_t_be_read_says_nothing_of_it() {
    let manifests = vec![manifest(STANZA, &object(ONE, "Archive"))];
    let gone = one(&told(manifests.clone(), &[]), &ask());
    assert!(
        matches!(&gone.verdict, Verdict::LeftOut(why) if why.contains("20261122-143144F is not in the archive"))
    );
    let mut unread = told(manifests, &[]);
    unread.read.insert(STANZA.into(), Err("[CryptoError]: unable to flush".into()));
    let row = one(&unread, &ask());
    assert!(
        matches!(&row.verdict, Verdict::Faulty(Fault::Unread, why) if why.contains("passphrase")),
        "{row:?}"
    );
}

#[test]
fn a_copy_without_a_manifest_is_found_by_the_name_of_its_cluster() {
    let all = told(Vec::new(), &[ONE]);
    let row = one(&all, &ask());
    assert!(matches!(&row.verdict, Verdict::LeftOut(why) if why.contains("--cluster NAME")), "{row:?}");
    let row = one(&all, &Ask { which: Some("c".into()), ..ask() });
    assert_eq!(row.verdict, Verdict::Import);
    let source = row.backup.unwrap().status.unwrap().source.unwrap();
    assert_eq!(source.spec().unwrap().backup.archive.unwrap().gcs.unwrap().bucket, "saved");
}

#[test]
fn another_cluster_s_backups_are_not_told_and_it_is_named_by_its_name_or_uid() {
    let all = told(vec![manifest(STANZA, &object(ONE, "Archive"))], &[ONE]);
    let rows = |which: &str| judge(&all, &Ask { which: Some(which.into()), ..ask() }, &BTreeMap::new()).len();
    assert_eq!((rows("c"), rows("0b5a4f4e-1111"), rows("d")), (1, 1, 0));
}

#[test]
fn what_this_release_can_t_read_and_what_the_reader_did_not_believe_is_told_with_its_cause() {
    let mut newer = object(ONE, "Archive");
    newer["spec"]["method"] = json!("Teleport");
    let row = one(&told(vec![manifest(STANZA, &newer)], &[ONE]), &ask());
    assert!(
        matches!(&row.verdict, Verdict::Faulty(Fault::Newer, why) if why.contains("newer stylobate")),
        "{row:?}"
    );
    let wrong = Manifest {
        text: None,
        fault: Some(Fault::Passphrase),
        cause: Some("w".into()),
        ..manifest(STANZA, &newer)
    };
    assert_eq!(
        one(&told(vec![wrong], &[ONE]), &ask()).verdict,
        Verdict::Faulty(Fault::Passphrase, "w".into())
    );
}
