//! The state of the simulated world, and how it is observed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use stylobate::api::{PostgresBackup, PostgresCluster};
use stylobate::child::{ChildRef, Kind};
use stylobate::contest::Contests;
use stylobate::decide::{Decision, Input, decide};
use stylobate::fleet::PullFailure;
use stylobate::images::CatalogSeen;
use stylobate::name::{ClusterName, GroupName};
use stylobate::observe::{
    AvailableSeen, BackupSeen, Children, DatabaseSeen, Given, LeaderSeen, MemberSeen, Observed, Platform,
    PodSeen, Refusal, SecretData, ServerSettings, SlotsSeen, SnapshotSeen, SourceSeen, StorageClassSeen,
    VolumeSeen, needs_record,
};
use stylobate::plan::suspects;
use stylobate::policy::CATALOG;
use stylobate::pooler::Way;
use stylobate::secret::SecretText;

use super::broken::Broken;
use super::drills::DrillsEnd;
use super::images::{self, Offer};

/// Seconds that pass with each round.
const ROUND: SignedDuration = SignedDuration::from_secs(2);

/// What becomes of backups that begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupsEnd {
    /// They succeed, one phase a round.
    Well,
    /// They fail for this reason.
    Badly(String),
    /// They go on and on.
    Never,
}

/// Everything that exists.
#[derive(Clone)]
pub struct World {
    pub cluster: PostgresCluster,
    /// False once the last finalizer of a deleted cluster is gone.
    pub exists: bool,
    pub platform: Platform,
    /// Which version is which image.
    pub images: CatalogSeen,
    /// What the catalog had last while it was good.
    pub offers: Vec<Offer>,
    /// What the server says of its settings, when it is asked.
    pub server: Option<Arc<ServerSettings>>,
    pub children: BTreeMap<ChildRef, Value>,
    /// Objects of others by kind and name, and whose they are.
    pub others: BTreeMap<(String, String), String>,
    /// Those that somebody makes after the operator has looked, in the next round.
    pub meanwhile: Vec<(String, String)>,
    /// Writes that an object of others refused.
    pub conflicts: Vec<String>,
    pub secrets: BTreeMap<String, SecretData>,
    pub tuning: BTreeMap<String, BTreeMap<String, String>>,
    pub storage_classes: Vec<String>,
    /// Templates of the poolers' pods, as the Deployment controller saw them last.
    pub pooler_templates: BTreeMap<Way, Value>,
    /// Settings that no server can live with.
    pub broken: Broken,
    /// Name of the class, when its volumes can't grow.
    pub fixed_class: Option<String>,
    /// Driver of the class.
    pub provisioner: String,
    /// Backups that can be named.
    pub origins: Vec<PostgresBackup>,
    /// Spec of the cluster that they are of, as JSON.
    pub source_spec: String,
    /// The archive of that cluster.
    pub source: SourceSeen,
    /// The snapshot of a restore, as Kubernetes knows it.
    pub snapshot: SnapshotSeen,
    /// Images that can't be pulled.
    pub missing_images: BTreeSet<String>,
    pub pods: BTreeMap<String, PodSeen>,
    pub volumes: BTreeMap<String, VolumeSeen>,
    pub members: BTreeMap<String, MemberSeen>,
    /// Parameters that each server was started with.
    pub started_with: BTreeMap<String, Value>,
    /// Pod that holds Patroni's leader claim.
    pub claim: Option<String>,
    /// When the holder wrote it last.
    pub renewed: Option<Timestamp>,
    /// Member that takes itself for the primary as well.
    pub pretender: Option<String>,
    /// Nodes that are gone without a word.
    pub lost: BTreeSet<String>,
    /// What can't make its pods, as Kubernetes tells.
    pub refusals: Vec<Refusal>,
    /// Nodes that somebody empties, and the sign of it.
    pub draining: BTreeMap<String, String>,
    /// Patroni's dynamic configuration and other state ConfigMaps; gone once they are deleted.
    pub config: Option<Value>,
    pub database: DatabaseSeen,
    /// Major of the data on each member's volume.
    pub data: BTreeMap<String, i64>,
    /// Member that has everything that was ever committed.
    pub newest: Option<String>,
    /// What the check before a major upgrade finds.
    pub findings: Vec<String>,
    /// Why pg_upgrade fails, if it does.
    pub upgrade_fails: Option<String>,
    pub timeline: i64,
    /// Backups of the cluster.
    pub backups: BTreeMap<String, BackupSeen>,
    /// What becomes of backups that begin.
    pub backups_end: BackupsEnd,
    /// What becomes of drills that begin.
    pub drills_end: DrillsEnd,
    /// Drills that began, in order.
    pub drilled: Vec<String>,
    /// What the operator remembers of whom it can't win against.
    pub contests: Contests,
    /// What admission makes of objects, by kind and name: where, and what.
    pub rewrites: BTreeMap<String, (String, Value)>,
    /// Other clusters that hold a disruption slot.
    pub disrupted: BTreeSet<ClusterName>,
    /// Images that other clusters can't pull.
    pub pull_failures: Vec<PullFailure>,
    pub now: Timestamp,
    pub counter: u64,
}

impl World {
    /// A world with one cluster in it, as its YAML says.
    pub fn new(yaml: &str) -> Self {
        let mut cluster: PostgresCluster =
            serde_saphyr::from_str(yaml).expect("the YAML is a PostgresCluster");
        cluster.metadata.uid = Some("uid-of-the-cluster".into());
        cluster.metadata.generation = Some(1);
        Self {
            cluster,
            exists: true,
            platform: Platform {
                pooler_image: "localhost/stylobate/pgpool:4.90".into(),
                pgbouncer_image: "localhost/stylobate/pgbouncer:1.90".into(),
                domain: "cluster.local".into(),
                namespace: "stylobate-system".into(),
            },
            images: images::read(&images::offers()),
            offers: images::offers(),
            server: None,
            children: BTreeMap::new(),
            others: BTreeMap::new(),
            meanwhile: Vec::new(),
            conflicts: Vec::new(),
            secrets: BTreeMap::new(),
            tuning: BTreeMap::new(),
            storage_classes: vec!["local".into(), "standard".into()],
            provisioner: "local.csi.stylobate.dev".into(),
            origins: Vec::new(),
            source_spec: "{}".into(),
            source: SourceSeen::default(),
            snapshot: SnapshotSeen::default(),
            missing_images: BTreeSet::new(),
            pods: BTreeMap::new(),
            volumes: BTreeMap::new(),
            members: BTreeMap::new(),
            started_with: BTreeMap::new(),
            claim: None,
            renewed: None,
            pretender: None,
            lost: BTreeSet::new(),
            refusals: Vec::new(),
            draining: BTreeMap::new(),
            pooler_templates: BTreeMap::new(),
            broken: Broken::default(),
            fixed_class: None,
            config: None,
            database: DatabaseSeen { available: Arc::new(available()), ..DatabaseSeen::default() },
            data: BTreeMap::new(),
            newest: None,
            findings: Vec::new(),
            upgrade_fails: None,
            timeline: 1,
            backups: BTreeMap::new(),
            backups_end: BackupsEnd::Well,
            drills_end: DrillsEnd::Well,
            drilled: Vec::new(),
            contests: Contests::default(),
            rewrites: BTreeMap::new(),
            disrupted: BTreeSet::new(),
            pull_failures: Vec::new(),
            now: "2026-11-21T12:00:00Z".parse().expect("a time"),
            counter: 0,
        }
    }

    /// The group of plain Postgres.
    pub fn group(&self) -> GroupName {
        self.name().group(0)
    }

    /// Namespace and name of the cluster.
    pub fn name(&self) -> ClusterName {
        let meta = &self.cluster.metadata;
        ClusterName::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
    }

    /// A child as it is stored.
    pub fn child(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.children.get(&ChildRef::new(kind, name))
    }

    /// What the operator would read.
    pub fn observe(&self) -> Observed {
        let claim = |holder: &String| LeaderSeen {
            holder: holder.clone(),
            resource_version: "1".into(),
            renewed: self.renewed,
        };
        let mut seen = Observed {
            cluster: Arc::new(self.cluster.clone()),
            platform: self.platform.clone(),
            images: self.images.clone(),
            server: self.server.clone(),
            children: Children(self.children.clone()),
            in_the_way: self.in_the_way(),
            patroni: self.patroni_maps(),
            given: self.given(),
            pods: self.pods.clone(),
            volumes: self.volumes.clone(),
            members: self.members.clone(),
            leaders: BTreeMap::new(),
            refusals: self.refusals.clone(),
            stored: self.stored(),
            database: None,
            database_unread: None,
            draining: self.draining.clone(),
            slots: self.slots(),
            pull_failures: self.pull_failures.clone(),
            restore: self.restore(),
            backups: Some(self.backups.clone()),
            contests: self.contests.of(&self.name()),
        };
        if suspects(&self.pods) || needs_record(&self.group(), &self.pods, &self.members) {
            seen.leaders = self.claim.iter().map(|holder| (0, claim(holder))).collect();
        }
        let answers = seen.primary().is_some_and(|pod| self.members.contains_key(pod));
        seen.database = answers.then(|| self.database.clone());
        seen
    }

    /// The slots as an operator with this one cluster sees them: it knows its own by the status.
    fn slots(&self) -> SlotsSeen {
        let mine = self.cluster.status.as_ref().is_some_and(|status| status.slot.is_some());
        SlotsSeen { held_by: self.disrupted.iter().cloned().collect(), mine, ..SlotsSeen::default() }
    }

    fn given(&self) -> Given {
        let spec = &self.cluster.spec;
        let passwords = spec.users.iter().map(|user| match &user.password {
            Some(password) => password.secret.clone(),
            None => self.name().user_secret(&user.name),
        });
        let named = passwords
            .filter(|name| self.child(Kind::Secret, name).is_none())
            .chain(spec.access.tls.as_ref().map(|tls| tls.secret.clone()));
        let storage_class = match &spec.storage.storage_class {
            Some(name) if !self.storage_classes.contains(name) => {
                StorageClassSeen::Missing { available: self.storage_classes.clone() }
            }
            None if self.storage_classes.is_empty() => StorageClassSeen::NoDefault { available: Vec::new() },
            _ => StorageClassSeen::Found,
        };
        Given {
            secrets: named.map(|name| (name.clone(), self.secrets.get(&name).cloned())).collect(),
            tuning: spec
                .tuning
                .iter()
                .chain(&spec.pooler.tuning)
                .map(|tuning| (tuning.config_map.clone(), self.tuning.get(&tuning.config_map).cloned()))
                .collect(),
            storage_class,
            fixed_class: self.fixed_class.clone(),
            provisioner: Some(self.provisioner.clone()),
            pod_monitors: false,
        }
    }

    /// Decides on what is seen now.
    pub fn decide(&self) -> Decision {
        decide(&Input { seen: &self.observe(), catalog: CATALOG, now: self.now })
    }

    /// One round of the operator, cut off after `cut` steps, and then the life of all others.
    pub fn round(&mut self, cut: Option<usize>) -> Decision {
        let decision = self.decide();
        let mut status = decision.status.clone();
        status.switchover = decision.answer.clone().or(status.switchover);
        self.cluster.status = Some(status);
        for (kind, name) in std::mem::take(&mut self.meanwhile) {
            self.make_other(&kind, &name, "made while the operator decided");
        }
        for step in decision.steps.iter().take(cut.unwrap_or(usize::MAX)) {
            self.take(step);
        }
        self.live();
        self.now += ROUND;
        decision
    }

    /// A number that was not used before.
    pub fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Puts a Secret of the operator's among the children.
    pub fn put_secret(&mut self, name: &str, data: &SecretData) {
        let data: BTreeMap<&String, String> =
            data.iter().map(|(key, text)| (key, STANDARD.encode(text.expose()))).collect();
        let body = json!({"metadata": {"name": name}, "type": "Opaque", "data": data});
        self.store(ChildRef::new(Kind::Secret, name), body);
    }

    /// Stores an object as the API server does: its uid, status and defaults stay.
    pub fn store(&mut self, reference: ChildRef, mut body: Value) {
        let (uid, made) = match self.children.get(&reference) {
            Some(live) => {
                if let Some(status) = live.get("status") {
                    body["status"] = status.clone();
                }
                (live["metadata"]["uid"].clone(), live["metadata"]["creationTimestamp"].clone())
            }
            None => (json!(format!("uid-{}", self.next())), json!(self.now)),
        };
        body["metadata"]["uid"] = uid;
        body["metadata"]["creationTimestamp"] = made;
        super::spelling::rewrite(&mut body);
        if let Some((path, value)) = self.rewrites.get(&reference.to_string())
            && let Some(part) = body.pointer_mut(path)
        {
            *part = value.clone();
        }
        if reference.kind == Kind::Service {
            body["spec"]["sessionAffinity"] = json!("None");
        }
        self.children.insert(reference, body);
    }

    /// A tuning ConfigMap that a person makes or changes.
    pub fn give_tuning(&mut self, name: &str, key: &str, value: &str) {
        self.tuning.entry(name.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
    }

    /// A Secret that a person makes or changes.
    pub fn give_secret(&mut self, name: &str, key: &str, text: &str) {
        let entry = self.secrets.entry(name.to_owned()).or_default();
        entry.insert(key.to_owned(), SecretText::new(text));
    }
}

fn available() -> BTreeMap<String, AvailableSeen> {
    let names = ["btree_gist", "hstore", "pg_stat_statements", "pgaudit", "pgcrypto", "uuid-ossp"];
    let movable = AvailableSeen { relocatable: true, ..AvailableSeen::default() };
    names.into_iter().map(|name| (name.to_owned(), movable.clone())).collect()
}
