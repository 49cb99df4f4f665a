//! From what is seen to what is wanted: parse, default, cross-check. After this step nothing reads the raw spec.
//!
//! All problems are collected, so that a person mends all at once. One problem means that nothing is changed.

mod archive;
mod backup;
mod cross;
mod databases;
mod doors;
mod engine;
mod given_tls;
mod in_place;
mod networks;
mod origin;
mod pods;
mod point;
mod pooler;
mod problem;
mod reach;
pub(crate) mod replication;
mod restore;
mod standing;
mod storage;
mod tuning;
mod users;
mod version;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Toleration;
use kube::ResourceExt;

use crate::api::{Flavor, Pods, RenderedStatus, Services, Spread, Synchronous};
use crate::archive::ArchiveTarget;
use crate::build;
use crate::images::Standing;
use crate::maintenance::{RunNow, Windows, run_now};
use crate::name::{
    ANNOTATION_DRILL, ANNOTATION_RESTART, COMPONENT_MEMBER, ClusterName, GroupName, MAX_CLUSTER,
};
use crate::observe::Observed;
use crate::restore::{Course as RestoreCourse, Restore, Stage, in_service};
use crate::schedule::retention::Rules;
use crate::tuning::units::{quantity_bytes, quantity_millis};
use crate::tuning::{Machine, Settings, Tuned};
use crate::upgrade::Course;

pub use cross::RESERVED_CONNECTIONS;
pub use databases::encoding as encoding_name;
use engine::Engine;
pub use in_place::Request;
pub use pods::reserved as reserved_key;
pub use point::{archive_refused, files as source_files};
pub use pooler::PoolerTarget;
pub use problem::Problem;
pub use replication::{ReplicationTarget, SLOTS_SINCE};
pub use standing::in_the_way;
pub use storage::human as human_size;
pub use tuning::{KEPT_POOLER, KEPT_POSTGRES, Tunings, archive_mounted, kept, tuned};
pub use users::{CREATE_ROLE_SINCE, DatabaseTarget, PasswordSource, UserTarget, password_source};
pub use version::{MAJORS, Version, Wanted};

/// What is wanted, complete and checked.
#[derive(Clone, Debug)]
pub struct Target {
    /// Namespace and name.
    pub name: ClusterName,
    /// UID of the object, for owner references.
    pub uid: String,
    /// DNS domain of the Kubernetes cluster.
    pub domain: String,
    /// Namespace of the operator.
    pub operator_namespace: String,
    /// Which engine.
    pub flavor: Flavor,
    /// Which version of it.
    pub version: Version,
    /// Image of members.
    pub image: String,
    /// How version and image were come by.
    pub standing: Standing,
    /// The major upgrade that is under way.
    pub upgrade: Option<Course>,
    /// Names what an upgrade is tried with: the same is not tried twice by itself.
    pub upgrade_key: String,
    /// The restore that is under way.
    pub restore: Option<Restore>,
    /// What is asked for by the words for a restore in place.
    pub request: Request,
    /// It is there for a drill alone: it goes with its volumes, and nobody may reach it.
    pub drill: bool,
    /// Groups with their member counts.
    pub groups: Vec<GroupTarget>,
    /// CPU request of a member, as a Kubernetes quantity.
    pub cpu: String,
    /// Memory of a member, as a Kubernetes quantity.
    pub memory: String,
    /// Volume of a member, as a Kubernetes quantity.
    pub storage: String,
    /// The same in bytes.
    pub storage_bytes: u64,
    /// Class of the volumes.
    pub storage_class: Option<String>,
    /// Postgres settings, all layers.
    pub settings: Settings,
    /// Where each of them is from, and what was refused.
    pub tuning: Tuned,
    /// The same of the pooler's own parameters.
    pub pooler_tuning: Tuned,
    /// When a commit is acknowledged.
    pub synchronous: Synchronous,
    /// The poolers: the one for all clients first, and where it is asked for the one for sessions that only read.
    pub poolers: Vec<PoolerTarget>,
    /// Secret with a certificate of a person's own for the pooler.
    pub given_tls: Option<String>,
    /// The continuous archive of WAL; none when there is none.
    pub archive: Option<ArchiveTarget>,
    /// What still works and needs a person soon.
    pub reminders: Vec<String>,
    /// Namespaces whose pods may reach the pooler.
    pub client_namespaces: Vec<String>,
    /// Namespaces whose pods may go past it to members.
    pub direct_namespaces: Vec<String>,
    /// Login roles.
    pub users: Vec<UserTarget>,
    /// Databases.
    pub databases: Vec<DatabaseTarget>,
    /// Logical replication out of the cluster.
    pub replication: ReplicationTarget,
    /// Whether to make PodMonitors.
    pub pod_monitor: bool,
    /// The restart that was asked for last: a mark, by which a member that was made since is known.
    pub restart: Option<String>,
    /// Labels that a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that pods bear.
    pub tolerations: Vec<Toleration>,
    /// How hard members keep apart.
    pub spread: Spread,
    /// What pods carry for others.
    pub pods: Pods,
    /// What Services carry for others; networks are as the API server writes them.
    pub services: Services,
    /// Which backups are kept.
    pub retention: Rules,
    /// How long a member may take until it is ready again.
    pub member_deadline: SignedDuration,
    /// How pods are rendered, and what of it an edit asked for.
    pub rendered: RenderedStatus,
}

impl Target {
    /// What members are told to begin with; none when they have begun.
    pub fn clones(&self) -> Option<&RestoreCourse> {
        self.restore.as_ref()?.order()
    }

    /// The pooler for all clients.
    pub fn pooler(&self) -> &PoolerTarget {
        &self.poolers[0]
    }

    /// True where poolers look up who may log in, and are commanded by the operator.
    pub fn looks_up(&self) -> bool {
        self.pooler().program().looks_up()
    }

    /// True while members stop for a restore in place.
    pub fn halts(&self) -> bool {
        self.restore.as_ref().is_some_and(|restore| restore.halts().is_some())
    }

    /// Major of the server that members run by the configuration that they share.
    pub fn serving(&self) -> i32 {
        self.upgrade.as_ref().map_or(self.version.major, Course::serving)
    }
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTarget {
    /// Its name.
    pub name: GroupName,
    /// Members wanted.
    pub instances: i32,
    /// Generation of the volumes that they are on, from 1.
    pub generation: u32,
}

impl GroupTarget {
    /// Name of the volume claim of a member.
    pub fn volume(&self, ordinal: i32) -> String {
        self.name.volume(self.generation, ordinal)
    }
}

/// Checks the spec against all that is seen.
///
/// # Errors
/// Every problem found, each naming field, value and what is allowed.
pub fn validate(seen: &Observed, now: Timestamp) -> Result<Target, Vec<Problem>> {
    let cluster = &seen.cluster;
    let spec = &cluster.spec;
    let name = ClusterName::new(cluster.namespace().unwrap_or_default(), cluster.name_any());
    let mut problems = Vec::new();

    let wanted = Wanted::parse(&spec.engine.version).unwrap_or_else(|reason| {
        problems.push(Problem::new("spec.engine.version", &spec.engine.version, reason));
        Wanted::Major(MAJORS[0])
    });
    let version_read = problems.is_empty();
    if name.name.len() > MAX_CLUSTER {
        problems.push(Problem::new(
            "metadata.name",
            &name.name,
            format!(
                "at most {MAX_CLUSTER} characters, since names of pods and Services are derived from it: make a \
                 cluster with a shorter name"
            ),
        ));
    }
    cpu(&spec.resources.cpu.0, &mut problems);
    size("spec.resources.memory", &spec.resources.memory.0, &mut problems);
    let storage_bytes = size("spec.storage.size", &spec.storage.size.0, &mut problems);
    let Tunings { postgres: tuning, pooler: pooler_tuning, sizes } = tuned(seen);
    // With a stand-in for what can't be read, a check of it against others would tell of problems that are none.
    let readable = problems.is_empty();
    let (users, databases) = users::check(seen, &name, &mut problems);
    let generation = in_service(seen, &name.group(0));
    let mut group = GroupTarget { name: name.group(0), instances: spec.instances, generation };
    let settings = tuning.settings();
    // Of a version that can't be read nothing more is said.
    let mut unread = Vec::new();
    let told = if version_read { &mut problems } else { &mut unread };
    let Engine { choice, upgrade, upgrade_key } = engine::engine(seen, &group, wanted, &settings, now, told);
    let version = choice.version;
    users::check_major(&users, version.major, &mut problems);
    databases::check_major(&databases, version.major, &mut problems);
    let replication = replication::check(seen, version.major, &mut problems);
    let restore = restore::restore(seen, &group, version, storage_bytes, now, &mut problems);
    if let Some(Restore { course: RestoreCourse { in_place: Some(made), .. }, stage, unproven: _ }) = &restore
        && *stage != Stage::Stopping
    {
        group.generation = made.generation;
    }
    let request = in_place::request(
        seen,
        &group,
        in_place::Wanted { version, storage_bytes, upgrades: upgrade.is_some() },
        restore.as_ref(),
        now,
    );
    let services = pods::check(spec, &mut problems);
    let archive = archive::check(seen, group.generation, storage_bytes, &mut problems);

    let mut refused = Vec::new();
    let mut target = Target {
        archive,
        reminders: Vec::new(),
        uid: cluster.uid().unwrap_or_default(),
        domain: seen.platform.domain.clone(),
        operator_namespace: seen.platform.namespace.clone(),
        flavor: spec.engine.flavor,
        version,
        image: choice.image,
        standing: choice.standing,
        upgrade_key,
        upgrade,
        restore,
        request,
        drill: cluster.annotations().contains_key(ANNOTATION_DRILL),
        groups: vec![group],
        cpu: spec.resources.cpu.0.clone(),
        memory: spec.resources.memory.0.clone(),
        storage: spec.storage.size.0.clone(),
        storage_bytes,
        storage_class: spec.storage.storage_class.clone(),
        synchronous: spec.high_availability.synchronous,
        poolers: pooler::check(seen, &sizes, &mut problems),
        settings,
        tuning,
        pooler_tuning,
        given_tls: spec.access.tls.as_ref().map(|tls| tls.secret.clone()),
        client_namespaces: spec.access.namespaces.clone(),
        direct_namespaces: spec.access.direct_namespaces.clone(),
        users,
        databases,
        replication,
        pod_monitor: spec.monitoring.pod_monitor,
        restart: cluster.annotations().get(ANNOTATION_RESTART).filter(|mark| !mark.is_empty()).cloned(),
        node_selector: spec.scheduling.node_selector.clone(),
        tolerations: spec.scheduling.tolerations.iter().map(canonical).collect(),
        spread: spec.scheduling.spread,
        pods: spec.pods.clone(),
        services,
        retention: {
            let status = cluster.status.as_ref().and_then(|status| status.backup.as_ref());
            backup::check(&seen.name(), spec, status, &mut refused)
        },
        member_deadline: SignedDuration::from_secs(spec.maintenance.member_deadline_seconds.into()),
        rendered: RenderedStatus::default(),
        name,
    };
    let before = cluster.status.as_ref().and_then(|status| status.rendered.as_ref());
    target.rendered = build::rendered(&target, before, cluster.metadata.generation);
    if readable {
        problems.extend(target.tuning.misfits.iter().cloned());
        cross::check(seen, &target, &mut problems);
        storage::check(seen, &target, &mut problems);
        let (refused, reminders) = given_tls::check(seen, &target, now);
        problems.extend(refused);
        target.reminders = reminders;
    }
    problems.extend(standing::check(seen, &target.name));
    problems.extend(refused);
    problems.extend(Windows::read(&spec.maintenance).err().into_iter().flatten());
    if let RunNow::Bad(problem) = run_now(cluster, now) {
        target.reminders.push(problem.to_string());
    }
    if problems.is_empty() { Ok(target) } else { Err(problems) }
}

/// Memory that every running member has, at most what is wanted: settings for more would not fit a member whose pod has not
/// grown yet.
fn in_force(seen: &Observed, wanted: u64) -> u64 {
    let members = seen.pods.values().filter(|pod| pod.component == COMPONENT_MEMBER && pod.main.running);
    members.filter_map(|pod| pod.main.memory_in_force).fold(wanted, u64::min)
}

/// A size in bytes, or a problem and 1 GiB to go on with.
fn size(field: &str, text: &str, problems: &mut Vec<Problem>) -> u64 {
    quantity_bytes(text).unwrap_or_else(|| {
        problems.push(Problem::new(field, text, "write a size as 512Mi, 2Gi or 100Gi"));
        1 << 30
    })
}

/// A toleration without empty texts, which the API server drops.
fn canonical(toleration: &Toleration) -> Toleration {
    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    Toleration {
        key: some(&toleration.key),
        operator: some(&toleration.operator),
        value: some(&toleration.value),
        effect: some(&toleration.effect),
        toleration_seconds: toleration.toleration_seconds,
    }
}

/// A CPU request reads as a size does, with `m` for thousandths.
fn cpu(text: &str, problems: &mut Vec<Problem>) {
    if quantity_millis(text).is_none() {
        problems.push(Problem::new("spec.resources.cpu", text, "write a number of CPUs as 500m, 2 or 1.5"));
    }
}

/// The size of a member as it runs; none when a part of the wanted one can't be read.
fn machine(seen: &Observed) -> Option<Machine> {
    let spec = &seen.cluster.spec;
    Some(Machine {
        memory: in_force(seen, quantity_bytes(&spec.resources.memory.0)?),
        storage: quantity_bytes(&spec.storage.size.0)?,
        cpu: quantity_millis(&spec.resources.cpu.0)?,
    })
}
