//! Bad input that only a look at other objects or at two fields can find: each is a condition that names field, value and
//! remedy, and nothing that runs is touched. What the API server refuses by itself is in `tests/admission/`.

// Each test program uses a part of the shared simulator.
#[path = "bad_input/images.rs"]
mod images;
#[allow(dead_code)]
mod sim;
#[path = "bad_input/tuning.rs"]
mod tuning;

use sim::World;
use stylobate::api::ClusterState;
use stylobate::decide::Decision;
use tuning::{TUNING, tuned};

/// A healthy cluster, or one that does not exist yet.
fn ledger(healthy: bool) -> World {
    let yaml = std::fs::read_to_string("docs/examples/ledger.yaml").expect("the example is there");
    let mut world = World::new(&yaml);
    for _ in 0..8 {
        if healthy {
            world.round(None);
        }
    }
    world
}

/// A change to the world, and what the message must hold: field, value, remedy.
type Case = (&'static str, fn(&mut World), [&'static str; 3]);

fn password(world: &mut World, text: &str) {
    world.give_secret("mine", "pass", text);
    world.edit("spec.users", r#"[{"name": "app", "password": {"secret": "mine", "key": "pass"}}]"#);
}

/// A schedule in the place of the cluster's policy.
fn scheduled(world: &mut World, schedule: &str) {
    world.edit("spec.backup", &format!(r#"{{"schedules": [{schedule}]}}"#));
}

const CASES: &[Case] = &[
    (
        "a pooler for reads without a replica",
        |world| {
            world.edit("spec.instances", "1");
            world.edit("spec.pooler.readOnly", "{}");
        },
        ["spec.pooler.readOnly", "with 1 instance", "set spec.instances to 2 or more, or remove it"],
    ),
    (
        "more connections of poolers than the server has",
        |world| {
            world.edit("spec.pooler", r#"{"kind": "PgBouncer", "instances": 3, "serverConnections": 40, "readOnly": {"instances": 1, "serverConnections": 10}}"#);
        },
        ["spec.pooler.readOnly.serverConnections", "'10'", "at most"],
    ),
    (
        "memory that the clients alone take",
        |world| {
            world.edit(
                "spec.pooler",
                r#"{"kind": "PgBouncer", "instances": 2, "clients": 5000, "memory": "128Mi"}"#,
            )
        },
        ["spec.pooler.memory", "'128Mi'", "5000 clients take that alone"],
    ),
    (
        "a backup schedule that is no cron text",
        |world| scheduled(world, r#"{"name": "nightly", "schedule": "0 25 * * *"}"#),
        [
            "spec.backup.schedules[0].schedule",
            "'0 25 * * *'",
            "value must be in range 0..=23; found 25; write minute, hour, day of month, month and day of week",
        ],
    ),
    (
        "a backup schedule for a day that never comes",
        |world| scheduled(world, r#"{"name": "nightly", "schedule": "0 2 31 2 *"}"#),
        ["spec.backup.schedules[0].schedule", "'0 2 31 2 *'", "no such day comes in four years"],
    ),
    (
        "a backup schedule in a zone that does not exist",
        |world| {
            scheduled(world, r#"{"name": "nightly", "schedule": "0 2 * * *", "timeZone": "Europe/Berlinn"}"#);
        },
        [
            "spec.backup.schedules[0].timeZone",
            "'Europe/Berlinn'",
            "write an IANA name as Europe/Berlin or UTC",
        ],
    ),
    (
        "two backup schedules of one name",
        |world| {
            let one = r#"{"name": "nightly", "schedule": "0 2 * * *"}"#;
            scheduled(world, &format!("{one}, {one}"));
        },
        ["spec.backup.schedules[1].name", "'nightly'", "choose another name"],
    ),
    (
        "a backup schedule without time to begin",
        |world| scheduled(world, r#"{"name": "n", "schedule": "0 2 * * *", "startDeadlineMinutes": 0}"#),
        ["spec.backup.schedules[0].startDeadlineMinutes", "'0'", "from 1 to 1440 (a day)"],
    ),
    (
        "two backup schedules that are too close for the provider",
        |world| {
            let both =
                r#"[{"name": "a", "schedule": "0 2 * * *"}, {"name": "b", "schedule": "5 2 * * SUN"}]"#;
            world.edit("spec.backup", &format!(r#"{{"provider": "Gce", "schedules": {both}}}"#));
        },
        [
            "spec.backup.schedules is '5 2 * * SUN'",
            "schedules b (5 2 * * SUN) and a (0 2 * * *) come within 10 minutes",
            "set them further apart",
        ],
    ),
    (
        "retention that keeps no backup at all",
        |world| world.edit("spec.backup", r#"{"retention": {"last": 0}}"#),
        ["spec.backup.retention.last", "'0'", "from 1 to 1000; leave it out to have no such rule"],
    ),
    (
        "retention that lets go of each backup before the next is made",
        |world| {
            let weekly = r#"{"name": "weekly", "schedule": "0 2 * * SUN"}"#;
            world.edit("spec.backup", &format!(r#"{{"schedules": [{weekly}], "retention": {{"days": 3}}}}"#));
        },
        [
            "spec.backup.retention.days",
            "'3'",
            "schedule weekly lets up to 168 h pass between two runs, so all backups but the last would be deleted before the \
             next is made: 8 or more, or add spec.backup.retention.last",
        ],
    ),
    (
        "a drill at a time that is none",
        |world| world.edit("spec.backup", r#"{"drill": {"schedule": "0 5 * * FUN"}}"#),
        [
            "spec.backup.drill.schedule",
            "'0 5 * * FUN'",
            "write minute, hour, day of month, month and day of week",
        ],
    ),
    (
        "a drill that may begin a day and more late",
        |world| {
            world.edit(
                "spec.backup",
                r#"{"drill": {"schedule": "0 5 * * SUN", "startDeadlineMinutes": 1441}}"#,
            )
        },
        ["spec.backup.drill.startDeadlineMinutes", "'1441'", "from 1 to 1440 (a day)"],
    ),
    (
        "a version that this release cannot run",
        |world| world.edit("spec.engine.version", r#""16.4""#),
        [
            "spec.engine.version",
            "'16.4'",
            "write a major, 17 or 15, to have its newest minor that the image catalog offers, or an exact minor, as 17.91",
        ],
    ),
    (
        "a version that is no number",
        |world| world.edit("spec.engine.version", r#""latest""#),
        ["spec.engine.version", "'latest'", "or an exact minor, as 17.91"],
    ),
    (
        "no instances at all",
        |world| world.edit("spec.instances", "0"),
        [
            "spec.instances",
            "'0'",
            "from 1 to 9: to stop a cluster and keep its volumes, delete the PostgresCluster",
        ],
    ),
    (
        "two instances where each must confirm every commit",
        |world| {
            world.edit("spec.instances", "2");
            world.edit("spec.highAvailability", r#"{"synchronous": "Strict"}"#);
        },
        ["spec.instances", "'2'", "set 3 or more, or Quorum"],
    ),
    (
        "memory below what the computed settings need",
        |world| world.edit("spec.resources.memory", "300Mi"),
        ["spec.resources.memory", "'300Mi'", "the settings need 443 MiB"],
    ),
    (
        "more clients than connections",
        |world| world.edit("spec.pooler.clients", "1000"),
        ["spec.pooler.clients", "'1000'", "at most 43 clients, or raise max_connections or memory"],
    ),
    (
        "a Secret without its key",
        |world| {
            world.give_secret("mine", "pw", "secret");
            world.edit("spec.users", r#"[{"name": "app", "password": {"secret": "mine", "key": "pass"}}]"#);
        },
        [
            "spec.users[app].password.key",
            "'pass'",
            "Secret mine has no such key with text in it (it has pw): add the key",
        ],
    ),
    (
        "an empty password",
        |world| password(world, ""),
        ["spec.users[app].password", "'Secret mine key pass'", "put text under the key"],
    ),
    (
        "a password with a line break",
        |world| password(world, "secret\n"),
        [
            "spec.users[app].password",
            "'Secret mine key pass'",
            "line break or NUL (often the last character of a file): remove it",
        ],
    ),
    (
        "a password that is too long for the pooler",
        |world| password(world, &"ü".repeat(63)),
        [
            "spec.users[app].password",
            "'Secret mine key pass'",
            "126 bytes, and Pgpool takes at most 124: put a shorter one",
        ],
    ),
    (
        "a password in a Secret of the operator's own",
        |world| {
            world.edit(
                "spec.users",
                r#"[{"name": "app", "password": {"secret": "ledger-credentials", "key": "postgres"}}]"#,
            )
        },
        ["spec.users[app].password.secret", "'ledger-credentials'", "put yours under another name"],
    ),
    (
        "a role name of more than 63 bytes in fewer characters",
        |world| {
            let name = "ü".repeat(32);
            world.edit("spec.databases", "[]");
            world.edit("spec.users", &format!(r#"[{{"name": "{name}"}}]"#));
        },
        [
            "spec.users[üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü].name",
            "'üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü'",
            "at most 63 bytes, and no NUL: shorten the name",
        ],
    ),
    (
        "a database name of more than 63 bytes in fewer characters",
        |world| {
            let name = "ü".repeat(32);
            world.edit("spec.databases", &format!(r#"[{{"name": "{name}", "owner": "app"}}]"#));
        },
        [
            "spec.databases[üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü].name",
            "'üü",
            "at most 63 bytes, and no NUL: shorten the name",
        ],
    ),
    (
        "a database whose owner is no user",
        |world| world.edit("spec.databases", r#"[{"name": "bank", "owner": "nobody"}]"#),
        ["spec.databases[bank].owner", "'nobody'", "add the user, or correct the owner"],
    ),
    (
        "a StorageClass that does not exist",
        |world| world.edit("spec.storage.storageClass", "fast"),
        [
            "spec.storage.storageClass",
            "'fast'",
            "name one that does, or make it; classes here: local, standard",
        ],
    ),
    (
        "no StorageClass and no default",
        |world| world.storage_classes.clear(),
        ["spec.storage.storageClass", "''", "none is marked as the default: name one; classes here: none"],
    ),
    (
        "a certificate's Secret that does not exist",
        |world| world.edit("spec.access", r#"{"tls": {"secret": "cert"}}"#),
        ["spec.access.tls.secret", "'cert'", "no Secret of this name is in the namespace: create it"],
    ),
    (
        "a certificate's Secret without its key",
        |world| {
            world.give_secret("cert", "tls.crt", "x");
            world.edit("spec.access", r#"{"tls": {"secret": "cert"}}"#);
        },
        ["spec.access.tls.secret", "'cert'", "tls.key is missing; the Secret must hold tls.crt and tls.key"],
    ),
    (
        "a certificate in a Secret of the operator's own",
        |world| world.edit("spec.access", r#"{"tls": {"secret": "ledger-pooler-tls"}}"#),
        ["spec.access.tls.secret", "'ledger-pooler-tls'", "put yours under another name"],
    ),
    (
        "a memory size that is no size",
        |world| world.edit("spec.resources.memory", "lots"),
        ["spec.resources.memory", "'lots'", "write a size as 512Mi, 2Gi or 100Gi"],
    ),
    (
        "a CPU request that is no number",
        |world| world.edit("spec.resources.cpu", "some"),
        ["spec.resources.cpu", "'some'", "write a number of CPUs as 500m, 2 or 1.5"],
    ),
    (
        "a volume size that is no size",
        |world| world.edit("spec.storage.size", r#""2 Gi""#),
        ["spec.storage.size", "'2 Gi'", "write a size as 512Mi, 2Gi or 100Gi"],
    ),
    (
        "PodMonitors where nobody knows them",
        |world| world.edit("spec.monitoring", r#"{"podMonitor": true}"#),
        [
            "spec.monitoring.podMonitor",
            "'true'",
            "install the Prometheus operator's CRDs first, or set it to false",
        ],
    ),
    (
        "a name that is too long for its children",
        |world| world.cluster.metadata.name = Some("a".repeat(41)),
        [
            "metadata.name",
            "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
            "make a cluster with a shorter name",
        ],
    ),
];

fn message(decision: &Decision) -> String {
    let accepted = decision.status.conditions.iter().find(|condition| condition.type_ == "Accepted");
    let accepted = accepted.expect("there is always a condition Accepted");
    assert_eq!((accepted.status.as_str(), accepted.reason.as_str()), ("False", "InvalidSpec"));
    accepted.message.clone()
}

#[test]
fn every_bad_setting_is_told_by_source_key_value_and_what_is_allowed_and_holds_nothing_back() {
    let running = ledger(true);
    let parameters =
        |world: &World| world.config.as_ref().expect("Patroni runs")["postgresql"]["parameters"].clone();
    for (what, change, parts) in TUNING {
        let mut world = running.clone();
        change(&mut world);
        let decision = world.round(None);
        let told = decision.status.conditions.iter().find(|condition| condition.type_ == "TuningAccepted");
        let told = told.expect("there is always a condition TuningAccepted");
        assert_eq!((told.status.as_str(), told.reason.as_str()), ("False", "TuningRefused"), "{what}");
        for part in parts {
            assert!(told.message.contains(part), "{what}: no \"{part}\" in \"{}\"", told.message);
        }
        assert!(decision.problems.is_empty(), "{what}: {:?}", decision.problems);
        assert_eq!(decision.status.state, ClusterState::Healthy, "{what}");
        world.round(None);
        assert_eq!(parameters(&world), parameters(&running), "{what}: what was in force still is");
    }
}

/// What waits for nothing else while a setting is refused: the spec of a new cluster, with its number of members.
#[test]
fn a_bad_setting_does_not_keep_a_cluster_from_being_made() {
    let mut world = ledger(false);
    tuned(&mut world, "fsync", "off");
    let decision = world.decide();
    assert!(decision.problems.is_empty(), "{:?}", decision.problems);
    assert!(
        decision.steps.iter().any(|step| step.to_string().contains("StatefulSet ledger")),
        "{:?}",
        decision.steps
    );
}

#[test]
fn every_bad_spec_is_told_by_field_value_and_remedy_and_nothing_is_touched() {
    let running = ledger(true);
    for (what, change, parts) in CASES {
        for start in [&running, &ledger(false)] {
            let mut world = start.clone();
            change(&mut world);
            let decision = world.decide();
            assert!(decision.steps.is_empty(), "{what}: takes {:?}", decision.steps);
            assert_eq!(decision.status.state, ClusterState::Invalid, "{what}");
            let message = message(&decision);
            for part in parts {
                assert!(message.contains(part), "{what}: no \"{part}\" in \"{message}\"");
            }
        }
    }
}

#[test]
fn an_unknown_extension_is_told_as_soon_as_a_server_can_be_asked() {
    let mut world = ledger(true);
    world.edit("spec.databases", r#"[{"name": "bank", "owner": "app", "extensions": ["pgcrypto", "nope"]}]"#);
    let decision = world.decide();
    assert!(decision.steps.is_empty());
    let message = message(&decision);
    assert!(message.contains("spec.databases[bank].extensions is 'nope'"), "{message}");
    assert!(message.contains("correct the name"), "{message}");
    assert!(!message.contains("pgcrypto"), "{message}");
}

#[test]
fn all_problems_are_told_at_once() {
    let mut world = ledger(true);
    world.edit("spec.instances", "0");
    world.edit("spec.storage.storageClass", "fast");
    world.edit("spec.resources.memory", "300Mi");
    let message = message(&world.decide());
    for field in ["spec.instances", "spec.storage.storageClass", "spec.resources.memory"] {
        assert!(message.contains(field), "no {field} in {message}");
    }
}

#[test]
fn a_password_with_every_special_character_is_taken() {
    let every: String = (' '..='~').chain("üß€😀".chars()).collect();
    let mut world = ledger(true);
    password(&mut world, &every);
    let decision = world.decide();
    assert!(decision.problems.is_empty(), "{:?}", decision.problems);
    let secrets = format!("{decision:?}");
    assert!(!secrets.contains("PQRS"), "the password shows: {secrets}");
}

#[test]
fn names_that_need_quotes_are_taken() {
    let mut world = ledger(true);
    world.edit("spec.users", r#"[{"name": "Drop \"table\"; --"}, {"name": "select"}, {"name": "ü s-e.r"}]"#);
    world.edit("spec.databases", r#"[{"name": "a:b#c'd\\e", "owner": "select"}]"#);
    let decision = world.decide();
    assert!(decision.problems.is_empty(), "{:?}", decision.problems);
}

#[test]
fn a_smaller_size_never_shrinks_a_volume() {
    let mut world = ledger(true);
    world.edit("spec.storage.size", "1Gi");
    for _ in 0..4 {
        // The simulated API server panics on a volume claim that asks for less.
        world.round(None);
    }
    assert!(world.volumes.values().all(|volume| volume.requested == 2 << 30));
}

#[test]
fn a_bad_spec_does_not_hold_back_the_release_of_a_dead_primarys_claim() {
    let mut world = ledger(true);
    world.edit("spec.instances", "0");
    world.kill("ledger-0");
    let steps: Vec<String> = world.decide().steps.iter().map(ToString::to_string).collect();
    assert_eq!(steps.len(), 1, "{steps:?}");
    assert!(steps[0].starts_with("release the leader claim of ledger-0"), "{steps:?}");
}
