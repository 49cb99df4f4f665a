//! A restore from a copy in the archive, and one of all that was archived; both cut anywhere.

use super::{every_crash_ends_alike, ledger, scenario};

#[test]
fn all_that_was_archived_comes_back_and_how_far_that_is_is_told() {
    scenario("restore-latest");
}

#[test]
fn a_crash_between_any_two_steps_of_a_restore_from_a_copy_ends_in_the_same_cluster() {
    let mut world = ledger();
    world.archive_until("2026-11-21T11:50:00Z".parse().expect("a time"));
    let archived = r#"{stanza: s, label: 20261121-112900F, startLsn: 0/4, stopLsn: 0/5, startWal: a, stopWal: b, databaseBytes: 1,
        stoppedAt: "2026-11-21T11:30:00Z"}"#;
    let group =
        "group: 0, member: books-0, claim: data-books-0, volume: pv, systemIdentifier: \"7\", timeline: 3";
    world.give_backup(
        "copy",
        &format!("{{spec: {{method: Archive}}, status: {{groups: [{{{group}, archived: {archived}}}]}}}}"),
    );
    every_crash_ends_alike(&world, |world| world.edit("spec.bootstrap", "{fromBackup: {name: copy}}"));
}

#[test]
fn a_crash_between_any_two_steps_of_a_restore_to_the_end_of_the_archive_ends_in_the_same_cluster() {
    let mut world = ledger();
    world.archive_until("2026-11-21T11:50:00Z".parse().expect("a time"));
    world.give_backup("nightly", "");
    let latest = "{fromCluster: {name: books}, pointInTime: {targetLatest: true}}";
    every_crash_ends_alike(&world, |world| world.edit("spec.bootstrap", latest));
}
