//! What holds for every observation, found by search and not by example: `decide` is total and deterministic, a world at
//! rest stays at rest, volumes are never deleted or shrunk, and no name reaches SQL or Pgpool's files unquoted.

#[path = "properties/backups.rs"]
mod backups;
#[path = "properties/logical.rs"]
mod logical;
#[path = "properties/nearest.rs"]
mod nearest;
#[path = "properties/pooler.rs"]
mod pooler;
// Each test program uses a part of the shared simulator.
#[allow(dead_code)]
mod sim;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use backups::{backup, backup_name, backup_policy};
use logical::logical;
use sim::World;
use sim::images::{self, Offer};
use stylobate::api::PostgresCluster;
use stylobate::child::Kind;
use stylobate::decide::{Decision, Input, decide};
use stylobate::images::CatalogSeen;
use stylobate::name::FINALIZER;
use stylobate::observe::{
    ArchiveSeen, AvailableSeen, Closed, ContainerSeen, Contents, DatabaseFacts, DatabaseSeen, FailedSql,
    Inside, LeaderSeen, MemberSeen, Observed, PodSeen, Right, RightSeen, RoleSeen, StorageClassSeen,
    VolumeSeen,
};
use stylobate::plan::{Mint, Step};
use stylobate::policy::CATALOG;
use stylobate::secret::SecretText;

/// Cases of what needs no rounds: some seconds.
const MANY: u32 = 512;
/// Cases of what runs a cluster to rest, a second each in a debug build.
const FEW: u32 = 16;

fn ledger() -> World {
    World::new(&std::fs::read_to_string("docs/examples/ledger.yaml").expect("the example is there"))
}

static HEALTHY: LazyLock<World> = LazyLock::new(|| at_rest(ledger()));

/// Rounds until nothing happens any more.
fn at_rest(mut world: World) -> World {
    for _ in 0..30 {
        let before = world.cluster.status.clone();
        let decision = world.round(None);
        if decision.steps.is_empty() && before.as_ref() == Some(&decision.status) {
            return world;
        }
    }
    panic!("no rest: {:#?}", world.decide());
}

/// A value that somebody may have typed, good or not.
fn typed() -> impl Strategy<Value = String> {
    let known = [
        "",
        "0",
        "1Gi",
        "512Mi",
        "2Gi",
        "1.5Gi",
        "-1Gi",
        "1e400",
        "1E",
        "NaN",
        "inf",
        "17",
        "15",
        "17.90",
        "17.91",
        "17.-1",
        "17.99999999999",
        "200m",
        "fast",
        "ledger-ca",
        "ledger-user-app",
    ];
    prop_oneof![
        3 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("ledger-0".to_owned()),
        Just("ledger-1".to_owned()),
        Just("ledger-2".to_owned()),
        Just("ledger--3".to_owned()),
        Just("ledger-99999999999".to_owned()),
        Just("ledger-pooler-0".to_owned()),
        any::<String>(),
    ]
}

/// Any spec that the types can hold, whatever the schema says of it.
fn spec() -> impl Strategy<Value = Value> {
    let users = vec((typed(), option::of((typed(), typed()))), 0..3);
    let databases = vec((typed(), typed(), vec(typed(), 0..2)), 0..3);
    let sizes = (typed(), typed(), typed(), typed());
    let choices = (any::<bool>(), any::<bool>(), any::<bool>(), option::of(typed()), option::of(typed()));
    let high = proptest::sample::select(vec!["Quorum", "Strict", "Off"]);
    (users, databases, sizes, choices, high, -2..12i32, any::<i32>(), any::<i32>(), backup_policy()).prop_map(
        |(users, databases, sizes, choices, high, instances, poolers, clients, backup)| {
            let (version, memory, storage, cpu) = sizes;
            let (paused, balancing, monitor, class, tls) = choices;
            let users: Vec<Value> = users
                .into_iter()
                .map(|(name, password)| match password {
                    Some((secret, key)) => json!({"name": name, "password": {"secret": secret, "key": key}}),
                    None => json!({"name": name}),
                })
                .collect();
            let databases: Vec<Value> = databases
                .into_iter()
                .map(|(name, owner, extensions)| json!({"name": name, "owner": owner, "extensions": extensions}))
                .collect();
            json!({
                "engine": {"version": version}, "instances": instances, "paused": paused,
                "resources": {"memory": memory, "cpu": cpu}, "storage": {"size": storage, "storageClass": class},
                "highAvailability": {"synchronous": high}, "users": users, "databases": databases,
                "pooler": {"instances": poolers, "clients": clients, "loadBalancing": balancing},
                "monitoring": {"podMonitor": monitor}, "backup": backup,
                "access": tls.map_or(json!({}), |secret| json!({"tls": {"secret": secret}})),
                "tuning": [{"configMap": "mine"}],
            })
        },
    )
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        typed().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(
                proptest::sample::select(vec!["metadata", "spec", "data", "status", "replicas"]),
                inner,
                0..3
            )
            .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

prop_compose! {
    fn pod()(
        component in proptest::sample::select(vec!["member", "pooler", ""]),
        role in option::of(proptest::sample::select(vec!["primary", "replica", "odd"])),
        ip in option::of(typed()), ready in any::<bool>(), deleting in any::<bool>(), running in any::<bool>(),
        ended in option::of(typed()), waiting in option::of((typed(), typed())), unscheduled in option::of(typed()),
    ) -> PodSeen {
        let main = ContainerSeen { running, ended, waiting, ..ContainerSeen::default() };
        PodSeen {
            component: component.into(), role: role.map(str::to_owned), ip, ready, deleting, unscheduled, main,
            ..PodSeen::default()
        }
    }
}

prop_compose! {
    fn member()(
        state in typed(), role in proptest::sample::select(vec!["primary", "replica", "master", ""]),
        timeline in option::of(any::<i64>()), server_version in option::of(any::<i64>()),
        synchronous in any::<bool>(), streaming in any::<bool>(), position in option::of(any::<i64>()),
        config in option::of(any_json()),
    ) -> MemberSeen {
        MemberSeen {
            state, role: role.into(), timeline, server_version, synchronous, position, config,
            replication: streaming.then(|| "streaming".into()), ..MemberSeen::default()
        }
    }
}

fn inside() -> impl Strategy<Value = Inside> {
    let contents = (btree_map(typed(), typed(), 0..3), btree_map(typed(), any::<bool>(), 0..3));
    prop_oneof![
        Just(Inside::NotAsked),
        typed().prop_map(Inside::Unread),
        contents.prop_map(|(extensions, schemas)| Inside::Read(Contents {
            extensions,
            schemas,
            ..Contents::default()
        })),
    ]
}

prop_compose! {
    fn database()(
        roles in btree_map(typed(), (any::<bool>(), option::of(typed())), 0..4),
        databases in btree_map(typed(), (typed(), any::<bool>(), inside(), 0..3_usize), 0..4),
        rights in vec((typed(), any::<u32>(), option::of((typed(), any::<u32>()))), 0..3),
        available in btree_map(typed(), (any::<bool>(), option::of(typed()), vec(typed(), 0..3)), 0..3),
        failed in btree_map(typed(), typed(), 0..2),
        archive in option::of((any::<i64>(), any::<i64>(), option::of(typed()))),
        logical in logical(),
    ) -> DatabaseSeen {
        let archive = archive.map(|(waiting, failures, trouble)| ArchiveSeen {
            waiting, failures, trouble, ..ArchiveSeen::default()
        });
        let role = |(login, verifier): (bool, Option<String>)| RoleSeen {
            login, verifier: verifier.map(SecretText::new), ..RoleSeen::default()
        };
        let facts = |(owner, restricted, inside, closed)| {
            let closed = [None, Some(Closed::ByOwner), Some(Closed::HalfDropped)][closed];
            DatabaseFacts { owner, restricted, closed, inside, ..DatabaseFacts::default() }
        };
        let right = |(role, oid, member): (String, u32, Option<(String, u32)>)| {
            let right = member.map_or(Right::Superuser, |(of, grantor)| Right::Member { of, grantor });
            RightSeen { role, oid, right }
        };
        let extension = |(relocatable, schema, requires)| AvailableSeen { relocatable, schema, requires, ..AvailableSeen::default() };
        let failure = |cause| FailedSql { cause, again: HEALTHY.now, times: 1 };
        DatabaseSeen {
            lookup: None,
            misread: Vec::new(),
            roles: roles.into_iter().map(|(name, seen)| (name, role(seen))).collect(),
            databases: databases.into_iter().map(|(name, seen)| (name, facts(seen))).collect(),
            rights: rights.into_iter().map(right).collect(),
            available: Arc::new(available.into_iter().map(|(name, seen)| (name, extension(seen))).collect()),
            failed: failed.into_iter().map(|(what, cause)| (what, failure(cause))).collect(),
            ended: None,
            upgrade: Default::default(),
            archive,
            logical,
            orders: Default::default(),
        }
    }
}

/// A catalog that is not there, that nobody can read, or that offers some of what there may be.
fn catalog() -> impl Strategy<Value = CatalogSeen> {
    let offer = (proptest::sample::select(images::offers()), any::<bool>());
    prop_oneof![
        Just(CatalogSeen::Missing),
        any::<String>().prop_map(|text| CatalogSeen::of(Some(&text))),
        vec(offer, 0..4).prop_map(|offers| {
            let withdrawn = |withdrawn: bool| withdrawn.then(|| "for a test".to_owned());
            let offers =
                offers.into_iter().map(|(offer, gone)| Offer { withdrawn: withdrawn(gone), ..offer });
            images::read(&offers.collect::<Vec<_>>())
        }),
    ]
}

/// How the children of a healthy cluster are spoilt: each is kept, lost, or has any body.
fn spoilt() -> impl Strategy<Value = Vec<Option<Option<Value>>>> {
    vec(option::weighted(0.3, option::of(any_json())), HEALTHY.children.len())
}

prop_compose! {
    fn observed()(
        own_spec in option::weighted(0.8, prop_oneof![spec(), good()]), spoilt in spoilt(),
        pods in option::weighted(0.7, btree_map(name(), pod(), 0..5)),
        members in option::weighted(0.7, btree_map(name(), member(), 0..4)),
        leaders in btree_map(-1..2i32, name(), 0..2),
        volumes in btree_map(Just("data-ledger-0".to_owned()), any::<u64>(), 0..2),
        database in option::of(database()),
        secrets in btree_map(typed(), option::of(btree_map(typed(), typed(), 0..3)), 0..3),
        tuning in option::of(btree_map(
            proptest::sample::select(vec!["max_connections", "shared_buffers", "ssl", "Work Mem", "x.y"]), typed(), 0..3
        )),
        deleting in prop::bool::weighted(0.1), guarded in any::<bool>(),
        (class, backups) in (0..3, option::weighted(0.8, btree_map(backup_name(), backup(), 0..6))),
        catalog in option::weighted(0.6, catalog()),
    ) -> Observed {
        let mut seen = HEALTHY.observe();
        seen.images = catalog.unwrap_or(seen.images);
        let mut cluster: PostgresCluster = HEALTHY.cluster.clone();
        if let Some(spec) = own_spec {
            cluster.spec = serde_json::from_value(spec).expect("the types hold it");
        }
        cluster.metadata.finalizers = guarded.then(|| vec![FINALIZER.into()]);
        cluster.metadata.deletion_timestamp =
            deleting.then(|| k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(HEALTHY.now));
        seen.cluster = Arc::new(cluster);
        for (reference, change) in HEALTHY.children.keys().zip(spoilt) {
            match change {
                None => {}
                Some(None) => drop(seen.children.0.remove(reference)),
                Some(Some(body)) => drop(seen.children.0.insert(reference.clone(), body)),
            }
        }
        seen.pods = pods.unwrap_or(seen.pods);
        seen.members = members.unwrap_or(seen.members);
        let claim = |holder| LeaderSeen { holder, resource_version: "1".into(), renewed: None };
        seen.leaders = leaders.into_iter().map(|(group, holder)| (group, claim(holder))).collect();
        let volume = |requested| VolumeSeen { requested, ..VolumeSeen::default() };
        seen.volumes.extend(volumes.into_iter().map(|(name, requested)| (name, volume(requested))));
        seen.database = database.or(seen.database);
        let entries = |data: BTreeMap<String, String>| {
            data.into_iter().map(|(key, text)| (key, SecretText::new(text))).collect()
        };
        seen.given.secrets = secrets.into_iter().map(|(name, data)| (name, data.map(entries))).collect();
        let tuning = tuning.map(|data| data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
        seen.given.tuning.insert("mine".into(), tuning);
        let available = Vec::new();
        seen.backups = backups;
        seen.given.storage_class = match class {
            0 => StorageClassSeen::Found,
            1 => StorageClassSeen::Missing { available },
            _ => StorageClassSeen::NoDefault { available },
        };
        seen
    }
}

fn decided(seen: &Observed) -> Decision {
    decide(&Input { seen, catalog: CATALOG, now: HEALTHY.now })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: MANY, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_observation_has_one_decision(seen in observed()) {
        let first = decided(&seen);
        prop_assert_eq!(&first, &decided(&seen));
        let kinds: std::collections::BTreeSet<&str> =
            first.status.conditions.iter().map(|c| c.type_.as_str()).collect();
        prop_assert_eq!(kinds.len(), first.status.conditions.len(), "each type is told once");
        prop_assert!(first.status.conditions.iter().all(|c| !c.message.is_empty()));
    }

    #[test]
    fn no_decision_deletes_or_shrinks_a_volume_or_deletes_anything_of_a_cluster_that_stands(seen in observed()) {
        for step in decided(&seen).steps {
            match step {
                Step::Delete { reference, .. } => {
                    prop_assert!(seen.cluster.metadata.deletion_timestamp.is_some(), "deletes {reference}");
                    let kind = reference.kind.api_resource().kind;
                    prop_assert!(!kind.starts_with("PersistentVolume"), "deletes {reference}");
                }
                Step::DeleteBackup { backup, .. } => {
                    let all = seen.backups.as_ref().expect("they are known");
                    let last = stylobate::schedule::retention::last_good(all);
                    prop_assert!(last.is_none_or(|(last, _)| *last != backup), "deletes the last good backup");
                    prop_assert!(!all[&backup].spec.hold && all[&backup].used_by.is_none(), "deletes {backup}");
                }
                Step::Expand { claim, size } => {
                    let bytes = stylobate::tuning::units::quantity_bytes(&size).expect("a size");
                    prop_assert!(bytes > seen.volumes[&claim].requested, "{claim} to {size}");
                }
                Step::Apply { child, .. } if child.reference.kind == Kind::StatefulSet => {
                    let keep = &child.body["spec"]["persistentVolumeClaimRetentionPolicy"];
                    prop_assert_eq!(keep, &json!({"whenDeleted": "Retain", "whenScaled": "Retain"}));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_spec_with_problems_only_keeps_alive_what_runs(seen in observed()) {
        let decision = decided(&seen);
        if !decision.problems.is_empty() {
            // A certificate that ends, the claim of a pod that has ended, backups that are due, and rights that no spec can give.
            let harmless = |step: &Step| match step {
                Step::ReleaseClaim { .. } | Step::Mint(Mint::Leaf { .. }) | Step::CreateBackup { .. }
                | Step::RecordMissed { .. } | Step::RequestDrill { .. } => true,
                Step::Sql { task, .. } => task.summary.ends_with("which nothing in the spec gives it"),
                _ => false,
            };
            prop_assert!(decision.steps.iter().all(harmless), "{:?}", decision.steps);
            for problem in &decision.problems {
                prop_assert!(!problem.field.is_empty() && !problem.remedy.is_empty());
            }
        }
    }

    #[test]
    fn a_claim_is_only_taken_from_a_pod_that_the_kubelet_says_has_ended(seen in observed()) {
        for step in decided(&seen).steps {
            if let Step::ReleaseClaim { holder, .. } = step {
                let pod = &seen.pods[&holder];
                prop_assert!(!pod.main.running && pod.main.ended.is_some());
                prop_assert!(seen.members.keys().any(|other| *other != holder), "nobody could take over");
            }
        }
    }
}

/// A name that the schema takes.
fn identifier() -> impl Strategy<Value = String> {
    let odd =
        ["select", "a b", "o'Brien", "\"", "\"\"; DROP TABLE x; --", "\\", "a:b#c", "Ümläut", "$1", "public"];
    prop_oneof![proptest::sample::select(odd.to_vec()).prop_map(str::to_owned), "[^\n\r\0]{1,15}",]
        .prop_filter("roles of the system", |name| {
            !["postgres", "standby", "rewind", "stylobate", "stylobate_monitor"].contains(&name.as_str())
                && !name.starts_with("pg_")
        })
}

prop_compose! {
    /// A spec that is good in all its parts.
    fn good()(
        instances in 1..5i32, poolers in 1..3i32, clients in 4..40i32, balancing in any::<bool>(),
        synchronous in proptest::sample::select(vec!["Quorum", "Off"]),
        users in btree_map(identifier(), vec(proptest::sample::select(vec!["CreateDb", "CreateRole", "BypassRls"]), 0..3), 1..3),
        databases in btree_map(identifier(), any::<bool>(), 0..3),
    ) -> Value {
        let owner = users.keys().next().expect("one at least").clone();
        let users: Vec<Value> =
            users.into_iter().map(|(name, options)| json!({"name": name, "options": options})).collect();
        let databases: Vec<Value> = databases
            .into_iter()
            .filter(|(name, _)| !["template0", "template1"].contains(&name.as_str()))
            .map(|(name, uuid)| {
                let extensions: &[&str] = if uuid { &["uuid-ossp"] } else { &[] };
                json!({"name": name, "owner": owner, "extensions": extensions})
            })
            .collect();
        json!({
            "engine": {"version": "17.91"}, "instances": instances, "storage": {"size": "2Gi"},
            "highAvailability": {"synchronous": synchronous}, "users": users, "databases": databases,
            "pooler": {"instances": poolers, "clients": clients, "loadBalancing": balancing},
        })
    }
}

fn with_spec(world: &mut World, spec: Value) {
    world.cluster.spec = serde_json::from_value(spec).expect("the types hold it");
    // As the API server counts: what an edit renders anew is told from a release of the operator by it.
    let generation = &mut world.cluster.metadata.generation;
    *generation = Some(generation.unwrap_or_default() + 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: FEW, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_good_spec_comes_to_rest_with_its_names_quoted_everywhere(spec in good(), later in good()) {
        let mut world = ledger();
        with_spec(&mut world, spec);
        let mut world = at_rest(world);
        holds(&world)?;
        // The simulated Postgres has read the SQL word by word: an unquoted name ends the test there.
        with_spec(&mut world, later);
        holds(&at_rest(world))?;
    }
}

/// What is true of a cluster at rest.
fn holds(world: &World) -> Result<(), TestCaseError> {
    let decision = world.decide();
    prop_assert!(decision.steps.is_empty(), "{:?}", decision.steps);
    prop_assert_eq!(Some(&decision.status), world.cluster.status.as_ref());
    prop_assert_eq!(decision.status.state, stylobate::api::ClusterState::Healthy);
    for user in &world.cluster.spec.users {
        prop_assert!(
            world.database.roles.get(&user.name).is_some_and(|role| role.login && role.verifier.is_some())
        );
    }
    for database in &world.cluster.spec.databases {
        let live = &world.database.databases[&database.name];
        prop_assert_eq!(&live.owner, &database.owner);
        let found = live.inside.contents().expect("somebody looked");
        let there = database.extensions.iter().all(|name| found.extensions.contains_key(name));
        prop_assert!(live.restricted && there);
    }
    let conf = world.child(Kind::ConfigMap, "ledger-pooler").expect("the pooler's configuration");
    for line in
        conf["data"]["pgpool.conf"].as_str().expect("a text").lines().filter(|line| !line.starts_with('#'))
    {
        let (key, value) = line.split_once(" = ").expect("key = value");
        prop_assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{line}");
        // A pattern, and the same for every cluster.
        if key == "primary_routing_query_pattern_list" {
            continue;
        }
        let inner = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.|*/".contains(&b);
        prop_assert!(inner.unwrap_or(value).bytes().all(plain), "{line}");
        prop_assert!(inner.is_some() || !value.is_empty(), "{line}");
    }
    Ok(())
}
