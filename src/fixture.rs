//! A small world for tests of the pure middle: a cluster as a person writes it, and steps that come true at once.
//!
//! Only what decisions look at is there. What needs a real API server, Patroni or Postgres is tested with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{BackupPhase, BackupStatus};
use crate::apply::material;
use crate::archive::Place;
use crate::build;
use crate::child::{ChildRef, Kind};
use crate::decide::{Decision, Input, decide};
use crate::images::CatalogSeen;
use crate::name::{COMPONENT_MEMBER, COMPONENT_POOLER};
use crate::observe::{BackupSeen, LeaderSeen, Observed, Platform, PodSeen, SecretData};
use crate::plan::{Mint, Step};
use crate::policy::CATALOG;
use crate::secret::SecretText;
use crate::target::{Target, validate};

/// The day on which tests begin.
pub fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

/// The cluster `shop/c` with these further fields of the spec, and nothing that exists yet.
pub fn observed(spec: Value) -> Observed {
    let mut cluster = json!({
        "apiVersion": "stylobate.dev/v1alpha1", "kind": "PostgresCluster",
        "metadata": {"name": "c", "namespace": "shop", "uid": "u-1", "finalizers": [crate::name::FINALIZER]},
        "spec": {"engine": {"version": "17.91"}, "storage": {"size": "2Gi"}},
    });
    let fields = spec.as_object().expect("an object of spec fields");
    for (key, value) in fields {
        cluster["spec"][key] = value.clone();
    }
    Observed {
        images: catalog(&["17.90", "17.91", "15.90", "15>17.91"]),
        backups: Some(BTreeMap::new()),
        ..Observed::new(
            Arc::new(serde_json::from_value(cluster).expect("a PostgresCluster")),
            Platform {
                pooler_image: "localhost/stylobate/pgpool:4.90".into(),
                pgbouncer_image: "localhost/stylobate/pgbouncer:1.90".into(),
                domain: "cluster.local".into(),
                namespace: "stylobate-system".into(),
            },
        )
    }
}

/// A catalog by words: `17.91`, `17.91!` for an image that is withdrawn, `15>17.91` for one that upgrades from 15.
pub fn catalog(words: &[&str]) -> CatalogSeen {
    let text: String = words.iter().map(|word| format!("- {}\n", entry(word))).collect();
    let seen = CatalogSeen::of(Some(&text));
    assert!(seen.good().is_some(), "{seen:?}");
    seen
}

/// The image with this tag, as `17.91` or `15-to-17.91`. Its digest follows from the tag.
pub fn image(tag: &str) -> String {
    format!("localhost/stylobate/postgres:{tag}@sha256:{}", crate::name::digest(tag.as_bytes()))
}

/// An entry of the catalog.
fn entry(word: &str) -> String {
    let (from, rest) = word.split_once('>').map_or((None, word), |(from, rest)| (Some(from), rest));
    let version = rest.trim_end_matches('!');
    let tag = from.map_or(version.to_owned(), |from| format!("{from}-to-{version}"));
    let withdrawn = rest.ends_with('!').then_some("for a test");
    json!({
        "flavor": "Postgres", "version": version, "image": image(&tag), "since": "2026-11-20", "withdrawn": withdrawn,
        "upgradesFrom": from.map(|from| from.parse::<i32>().expect("a major")),
    })
    .to_string()
}

/// A backup that was cut then and can be restored.
pub fn backup(cut: Timestamp) -> BackupSeen {
    BackupSeen {
        uid: "u".into(),
        resource_version: "1".into(),
        created: Some(cut),
        spec: serde_json::from_value(json!({"cluster": "c"})).expect("a spec"),
        status: BackupStatus {
            phase: BackupPhase::Succeeded,
            cut_at: Some(Time(cut)),
            ..BackupStatus::default()
        },
        deleting: false,
        missed: None,
        verify: None,
        used_by: None,
    }
}

/// The step that deletes a backup of [`backup`] by retention.
pub fn deletion_of(backup: &str) -> Step {
    Step::DeleteBackup {
        backup: backup.into(),
        uid: "u".into(),
        resource_version: "1".into(),
        retains: false,
        why: "a test".into(),
    }
}

/// The target of a valid spec.
pub fn target(seen: &Observed) -> Target {
    validate(seen, start()).unwrap_or_else(|problems| panic!("the spec has problems: {problems:?}"))
}

/// Entries of a Secret.
pub fn entries(pairs: &[(&str, &str)]) -> SecretData {
    pairs.iter().map(|(key, text)| ((*key).to_owned(), SecretText::new(*text))).collect()
}

/// Decides and makes every Secret and child that is decided on come true.
pub fn step(seen: &mut Observed, now: Timestamp) -> Decision {
    let decision = decide(&Input { seen, catalog: CATALOG, now });
    for step in &decision.steps {
        match step {
            Step::Mint(mint) => come_true(seen, mint, now),
            Step::Apply { child, reason: _, cause: _ } => {
                let mut body = child.body.clone();
                body["metadata"]["uid"] = json!(format!("uid-{}", child.reference.name));
                seen.children.0.insert(child.reference.clone(), body);
            }
            Step::RefreshFiles { pod, digest } => {
                seen.pods.get_mut(pod).expect("the pod exists").files = Some(digest.clone());
            }
            _ => {}
        }
    }
    decision
}

/// Decides until nothing is left to do; the last decision.
pub fn settle(seen: &mut Observed, now: Timestamp) -> Decision {
    for _ in 0..20 {
        let decision = step(seen, now);
        if decision.steps.is_empty() {
            return decision;
        }
    }
    panic!("the plan does not come to an end")
}

/// Stores the material that `apply` would make.
fn come_true(seen: &mut Observed, mint: &Mint, now: Timestamp) {
    let signer = mint.signer().and_then(|name| seen.children.secret(name)).unwrap_or_default();
    let made = material(mint, "c", &signer, now).expect("material");
    let mut data = seen.children.secret(mint.secret()).unwrap_or_default();
    data.extend(made.set);
    for key in made.remove {
        data.remove(key);
    }
    put_secret(seen, mint.secret(), &data);
}

/// Puts a Secret among the children.
pub fn put_secret(seen: &mut Observed, name: &str, data: &SecretData) {
    let data: BTreeMap<_, _> =
        data.iter().map(|(key, text)| (key.clone(), STANDARD.encode(text.expose()))).collect();
    let body = json!({"metadata": {"name": name, "uid": format!("uid-{name}")}, "data": data});
    seen.children.0.insert(ChildRef::new(Kind::Secret, name), body);
}

/// Three members and two pooler pods that run; the first member takes writes, by the leader record.
pub fn put_pods(seen: &mut Observed) {
    let target = target(seen);
    let running = |component: &str, role: Option<&str>| {
        let mut pod = PodSeen {
            component: component.into(),
            role: role.map(str::to_owned),
            ip: Some("10.0.0.1".into()),
            ready: true,
            ..PodSeen::default()
        };
        pod.main.running = true;
        pod.main.image = target.image.clone();
        (pod.main.cpu, pod.main.memory) = (target.cpu.clone(), target.memory.clone());
        pod.revision = build::revision(&target, &target.groups[0]);
        pod.archives =
            matches!(target.archive.as_ref().map(|archive| &archive.place), Some(Place::Volume { .. }));
        pod
    };
    for (name, role) in [("c-0", "primary"), ("c-1", "replica"), ("c-2", "replica")] {
        seen.pods.insert(name.into(), running(COMPONENT_MEMBER, Some(role)));
    }
    let leader = LeaderSeen { holder: "c-0".into(), ..LeaderSeen::default() };
    seen.leaders.insert(0, leader);
    for name in ["c-pooler-a", "c-pooler-b"] {
        seen.pods.insert(name.into(), running(COMPONENT_POOLER, None));
    }
}
