//! The choice of the backup that a restore begins with, for any backups and any moment.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use stylobate::api::{BackupMethod, BackupPhase, PostgresBackup};
use stylobate::restore::nearest::{Candidates, Wanted};

use super::sim::World;
use super::{FEW, MANY, ledger};

/// When the backups of these tests begin, one minute or more apart from each other, or at the same time.
fn moment(minute: i64) -> Timestamp {
    let first: Timestamp = "2026-11-21T08:00:00Z".parse().expect("a time");
    first + SignedDuration::from_mins(minute)
}

prop_compose! {
    /// A backup of the cluster `books` in any state, by its number, which makes its UID one of its own.
    fn backup()(
        phase in prop_oneof![3 => Just("Succeeded"), 1 => proptest::sample::select(vec!["Pending", "Cutting", "Failed", "Missed", "Lost"])],
        deleting in prop::bool::weighted(0.2), foreign in prop::bool::weighted(0.3), shared in any::<bool>(),
        minute in 0..60i64, data in 0..2i64, timeline in 1..4i64, lsn in 0..40u64, tells in prop::bool::weighted(0.9), copy in any::<bool>(),
    ) -> PostgresBackup {
        let lsn = format!("0/{lsn:X}");
        let spec = json!({
            "engine": {"version": "17.91"}, "storage": {"size": "2Gi"}, "backup": {"archive": {"gcs": {"bucket": "wal"}}},
        });
        let source = json!({
            "clusterUid": format!("uid-of-books-{data}"), "flavor": "Postgres", "version": "17.91", "image": "i", "storage": "2Gi",
            "settings": {}, "clusterSpec": spec.to_string(),
        });
        let mut group = json!({
            "group": 0, "member": "books-0", "claim": "data-books-0", "volume": "v", "systemIdentifier": "7",
            "timeline": timeline, "cutLsn": tells.then(|| lsn.clone()),
            "snapshot": {"name": "s", "handle": "h", "driver": "local.csi.stylobate.dev", "ready": true},
        });
        if copy {
            group["snapshot"] = json!(null);
            group["archived"] = json!({
                "stanza": "s", "label": "20261121-080000F", "startLsn": "0/0", "stopLsn": lsn, "startWal": "a", "stopWal": "b",
                "databaseBytes": 1, "stoppedAt": moment(minute),
            });
        }
        let mut backup: PostgresBackup = serde_json::from_value(json!({
            "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": {"namespace": if foreign { "shop" } else { "ledger" }},
            "spec": {"cluster": "books", "method": if copy { "Archive" } else { "Snapshot" }, "shareWith": if shared { vec!["ledger"] } else { vec![] }},
            "status": {"phase": phase, "provider": "Csi", "cutAt": moment(minute), "source": source, "groups": [group]},
        }))
        .expect("a PostgresBackup");
        let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(moment(60));
        backup.metadata.deletion_timestamp = deleting.then_some(time);
        backup
    }
}

/// Backups, each with a name and a UID of its own.
fn backups() -> impl Strategy<Value = Vec<PostgresBackup>> {
    vec(backup(), 0..8).prop_map(|mut all| {
        for (number, backup) in all.iter_mut().enumerate() {
            backup.metadata.name = Some(format!("b-{number}"));
            backup.metadata.uid = Some(format!("uid-{number}"));
        }
        all
    })
}

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        Just(Wanted::Newest),
        Just(Wanted::Name),
        Just(Wanted::Latest),
        (-1..62i64).prop_map(|minute| Wanted::Time(moment(minute))),
        (0..42u64).prop_map(Wanted::Lsn),
    ]
}

/// What a person would check by hand that looks at one backup, with all others in sight.
struct Facts {
    good: bool,
    copy: bool,
    cut_at: Timestamp,
    place: Option<(String, i64, u64)>,
}

fn facts(backup: &PostgresBackup) -> Facts {
    let status = backup.status.as_ref().expect("it has one");
    let group = &status.groups[0];
    let place = group.cut_lsn.as_ref().map(|lsn| {
        let lsn = u64::from_str_radix(lsn.trim_start_matches("0/"), 16).expect("a position");
        (status.source.as_ref().expect("it has one").cluster_uid.clone(), group.timeline, lsn)
    });
    let may_have = backup.metadata.namespace.as_deref() == Some("ledger")
        || backup.spec.share_with.contains(&"ledger".to_owned());
    let good =
        status.phase == BackupPhase::Succeeded && backup.metadata.deletion_timestamp.is_none() && may_have;
    let copy = backup.spec.method == BackupMethod::Archive;
    Facts { good, copy, cut_at: status.cut_at.as_ref().expect("it was cut").0, place }
}

/// A later backup shows that WAL went another way before this one was cut.
fn was_left(one: &Facts, all: &[Facts]) -> bool {
    all.iter().filter(|other| other.good && other.cut_at > one.cut_at).any(|later| {
        match (&one.place, &later.place) {
            (Some((data, timeline, lsn)), Some((other, newer, shorter))) => {
                data == other && newer > timeline && shorter < lsn
            }
            _ => false,
        }
    })
}

/// The data of the newest good backup that tells a position. Of two that were cut in the same moment either may be it.
fn newest_data(all: &[Facts]) -> Vec<String> {
    let telling = || all.iter().filter(|one| one.good && one.place.is_some());
    let newest = telling().map(|one| one.cut_at).max();
    let of = |one: &Facts| one.place.as_ref().map(|(data, _, _)| data.clone());
    telling().filter(|one| Some(one.cut_at) == newest).filter_map(of).collect()
}

/// A world whose restore has begun: the choice is recorded.
static BEGUN: LazyLock<World> = LazyLock::new(|| {
    let mut world = ledger();
    world.give_backup("first", "");
    world.edit("spec.bootstrap", "{fromCluster: {name: books}}");
    world.round(None);
    world
});

proptest! {
    #![proptest_config(ProptestConfig { cases: MANY, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_chosen_backup_is_good_lies_before_the_moment_and_none_that_does_is_newer(
        all in backups(), wanted in wanted(),
    ) {
        let candidates = Candidates::of(&all, "ledger");
        let chosen = candidates.choose(&wanted);
        let known: Vec<Facts> = all.iter().map(facts).collect();
        let before = |one: &Facts| match (&wanted, &one.place) {
            (Wanted::Newest | Wanted::Name | Wanted::Latest, _) => true,
            (Wanted::Time(at), _) => one.cut_at < *at,
            (Wanted::Lsn(at), Some((data, _, lsn))) => lsn <= at && newest_data(&known).contains(data),
            (Wanted::Lsn(_), None) => false,
        };
        let fits = |one: &Facts| {
            one.good && before(one) && (wanted == Wanted::Newest || !was_left(one, &known))
        };
        match chosen {
            Some(one) => {
                let it = facts(one.backup);
                prop_assert!(fits(&it), "{:?} for {wanted:?}", one.backup.metadata.name);
                for other in known.iter().filter(|other| fits(other)) {
                    let as_near = match (&wanted, &it.place, &other.place) {
                        (Wanted::Lsn(_), Some((data, _, lsn)), Some((other, _, further))) => {
                            prop_assert!(data != other || further <= lsn);
                            data == other && further == lsn
                        }
                        _ => {
                            prop_assert!(other.cut_at <= it.cut_at);
                            other.cut_at == it.cut_at
                        }
                    };
                    prop_assert!(!as_near || !it.copy || other.copy, "a snapshot is as near as the copy");
                }
            }
            // Of two lines whose newest backups are of one moment, one counts: the other's may fit.
            None => prop_assert!(newest_data(&known).len() > 1 || !known.iter().any(fits)),
        }
    }

    #[test]
    fn the_choice_does_not_depend_on_the_order_in_which_backups_are_read(all in backups(), wanted in wanted()) {
        let name = |all: &[PostgresBackup]| {
            Candidates::of(all, "ledger").choose(&wanted).and_then(|one| one.backup.metadata.name.clone())
        };
        let mut turned = all.clone();
        turned.reverse();
        prop_assert_eq!(name(&all), name(&turned));
    }

}

proptest! {
    // Each case decides on a whole cluster, a tenth of a second in a debug build.
    #![proptest_config(ProptestConfig { cases: FEW, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restore_that_has_begun_stays_with_its_backup_whatever_comes_and_goes(all in backups()) {
        let mut world = BEGUN.clone();
        // The one that it began with stays: without it nothing is made of it any more, by decision 33.
        world.origins.extend(all);
        for _ in 0..2 {
            let decision = world.round(None);
            let restore = decision.status.restore.expect("it is under way");
            prop_assert_eq!(restore.backup.as_str(), "ledger/first");
            prop_assert_eq!(restore.backup_uid.as_str(), "uid-of-first");
        }
        prop_assert!(world.volumes.values().all(|volume| volume.restored_from.as_deref() == Some("uid-of-first")));
        prop_assert!(!world.volumes.is_empty());
    }

    #[test]
    fn a_new_cluster_begins_with_what_the_choice_says_or_tells_why_it_can_not(all in backups()) {
        let mut world = ledger();
        world.archive_until(moment(70));
        world.edit("spec.bootstrap", "{fromCluster: {name: books}}");
        world.origins = all;
        let here: Vec<PostgresBackup> = world
            .origins
            .iter()
            .filter(|backup| backup.metadata.namespace.as_deref() == Some("ledger"))
            .cloned()
            .collect();
        let candidates = Candidates::of(&here, "ledger");
        let chosen = candidates.choose(&Wanted::Newest).and_then(|one| one.backup.metadata.uid.clone());
        let decision = world.decide();
        prop_assert_eq!(decision.status.restore.map(|restore| restore.backup_uid), chosen.clone());
        prop_assert_eq!(decision.problems.is_empty(), chosen.is_some(), "{:?}", decision.problems);
    }
}
