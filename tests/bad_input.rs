//! Bad input that only a look at other objects or at two fields can find: each is a condition that names field, value and
//! remedy, and nothing that runs is touched. What the API server refuses by itself is in `tests/admission/`.

// Each test program uses a part of the shared simulator.
#[allow(dead_code)]
mod sim;

use sim::World;
use stylobate::api::ClusterState;
use stylobate::decide::Decision;

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

fn tuned(world: &mut World, key: &str, value: &str) {
    world.tuning.insert("mine".into(), [(key.to_owned(), value.to_owned())].into());
    world.edit("spec.tuning", r#"[{"configMap": "mine"}]"#);
}

const CASES: &[Case] = &[
    (
        "a version that this release cannot run",
        |world| world.edit("spec.engine.version", r#""16.4""#),
        ["spec.engine.version", "'16.4'", "write a version as 17.12; majors that can run: [17, 15]"],
    ),
    (
        "a version that is no number",
        |world| world.edit("spec.engine.version", r#""latest""#),
        ["spec.engine.version", "'latest'", "write a version as 17.12"],
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

/// A change to the tuning, and what the message must hold: source and key, value, what is allowed.
const TUNING: &[Case] = &[
    (
        "a misspelt setting",
        |world| tuned(world, "work_mam", "4MB"),
        ["setting work_mam of ConfigMap mine", "'4MB'", "did you mean work_mem?"],
    ),
    (
        "a setting that nothing is like",
        |world| tuned(world, "elephants", "4"),
        ["setting elephants of ConfigMap mine", "'4'", "Postgres has no such setting: correct the name"],
    ),
    (
        "a setting of a library that is not loaded",
        |world| tuned(world, "timescaledb.max_background_workers", "4"),
        ["setting timescaledb.max_background_workers", "'4'", "loaded are pg_stat_statements, pgaudit"],
    ),
    (
        "a wrong unit",
        |world| tuned(world, "work_mem", "4mb"),
        ["setting work_mem of ConfigMap mine", "'4mb'", "units B, kB, MB, GB, TB"],
    ),
    (
        "a unit of another kind",
        |world| tuned(world, "checkpoint_timeout", "5MB"),
        [
            "setting checkpoint_timeout",
            "'5MB'",
            "write a time from 30s to 1d, with one of the units us, ms, s, min, h, d",
        ],
    ),
    (
        "a unit where there is none",
        |world| tuned(world, "max_connections", "100kB"),
        ["setting max_connections", "'100kB'", "write a whole number from 1 to 262143"],
    ),
    (
        "a number out of range",
        |world| tuned(world, "random_page_cost", "-1"),
        ["setting random_page_cost", "'-1'", "write a number from 0 to"],
    ),
    (
        "fewer connections than Patroni takes",
        |world| tuned(world, "max_connections", "20"),
        ["setting max_connections", "'20'", "at least 25"],
    ),
    (
        "a word that is none of the list",
        |world| tuned(world, "wal_compression", "best"),
        ["setting wal_compression", "'best'", "write one of: pglz, lz4, zstd, on, off"],
    ),
    (
        "neither on nor off",
        |world| tuned(world, "jit", "maybe"),
        ["setting jit", "'maybe'", "write on or off"],
    ),
    (
        "a time zone that does not exist, which would stop the server at its next start",
        |world| tuned(world, "timezone", "Mars/Base"),
        ["setting timezone", "'Mars/Base'", "as UTC or Europe/Berlin"],
    ),
    (
        "what the server only reports",
        |world| tuned(world, "server_version", "18"),
        ["setting server_version", "'18'", "nobody can set it"],
    ),
    (
        "a setting that the operator keeps",
        |world| tuned(world, "ssl", "off"),
        [
            "setting ssl of ConfigMap mine",
            "'off'",
            "remove it from the ConfigMap: TLS is kept by the operator",
        ],
    ),
    (
        "commits that would not be kept",
        |world| tuned(world, "synchronous_commit", "off"),
        ["setting synchronous_commit", "'off'", "spec.highAvailability.synchronous"],
    ),
    (
        "settings that need more memory than there is",
        |world| tuned(world, "shared_buffers", "900MB"),
        [
            "setting shared_buffers of ConfigMap mine",
            "'900MB'",
            "it does not fit: spec.resources.memory is '1Gi'",
        ],
    ),
    (
        "a setting that is larger than any machine",
        |world| tuned(world, "shared_buffers", "99999999999999TB"),
        ["setting shared_buffers", "'99999999999999TB'", "write a size from 128kB to 8191GB"],
    ),
    (
        "fewer connections than the pooler needs",
        |world| {
            world.edit("spec.pooler.clients", "32");
            tuned(world, "max_connections", "60");
        },
        ["setting max_connections of ConfigMap mine", "'60'", "2 pooler pods of 32 clients"],
    ),
    (
        "all connections reserved",
        |world| tuned(world, "reserved_connections", "100"),
        ["setting reserved_connections", "'100'", "the computed max_connections 100"],
    ),
    (
        "fewer senders of WAL than members need",
        |world| tuned(world, "max_wal_senders", "4"),
        ["setting max_wal_senders", "'4'", "write at least 5 with 3 instances"],
    ),
    (
        "two ConfigMaps that conflict",
        |world| {
            world.give_tuning("a", "min_wal_size", "2GB");
            world.give_tuning("b", "max_wal_size", "1GB");
            world.edit("spec.tuning", r#"[{"configMap": "a"}, {"configMap": "b"}]"#);
        },
        ["setting min_wal_size of ConfigMap a", "'2GB'", "at most max_wal_size 1GB of ConfigMap b"],
    ),
    (
        "one setting in two spellings",
        |world| {
            tuned(world, "work_mem", "8MB");
            world.give_tuning("mine", "Work_Mem", "9MB");
        },
        ["setting work_mem of ConfigMap mine", "'8MB'", "also has Work_Mem, which is the same setting"],
    ),
    (
        "one ConfigMap named twice",
        |world| {
            tuned(world, "work_mem", "8MB");
            world.edit("spec.tuning", r#"[{"configMap": "mine"}, {"configMap": "mine"}]"#);
        },
        ["spec.tuning[1].configMap", "'mine'", "it is named twice"],
    ),
    (
        "a ConfigMap that does not exist",
        |world| world.edit("spec.tuning", r#"[{"configMap": "absent"}]"#),
        ["spec.tuning[0].configMap", "'absent'", "create it, or remove the entry"],
    ),
    (
        "a ConfigMap of the operator's own",
        |world| world.edit("spec.tuning", r#"[{"configMap": "ledger-accepted-tuning"}]"#),
        ["spec.tuning[0].configMap", "'ledger-accepted-tuning'", "the operator keeps this ConfigMap"],
    ),
    (
        "a parameter of the pooler that is the operator's",
        |world| {
            world.give_tuning("mine", "num_init_children", "500");
            world.edit("spec.pooler.tuning", r#"[{"configMap": "mine"}]"#);
        },
        ["setting num_init_children of ConfigMap mine", "'500'", "set spec.pooler.clients"],
    ),
    (
        "a misspelt parameter of the pooler",
        |world| {
            world.give_tuning("mine", "client_idle_limits", "60");
            world.edit("spec.pooler.tuning", r#"[{"configMap": "mine"}]"#);
        },
        [
            "setting client_idle_limits",
            "'60'",
            "Pgpool-II has no such setting: did you mean client_idle_limit?",
        ],
    ),
    (
        "a parameter of the pooler out of range",
        |world| {
            world.give_tuning("mine", "client_idle_limit", "-5");
            world.edit("spec.pooler.tuning", r#"[{"configMap": "mine"}]"#);
        },
        ["setting client_idle_limit", "'-5'", "write a time from 0 to"],
    ),
];

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
