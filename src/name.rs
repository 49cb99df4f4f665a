//! Typed names: every child's name and every label is derived here and nowhere else.
//!
//! A cluster's name is at most [`MAX_CLUSTER`] characters. The longest name derived from it is the value of the
//! `controller-revision-hash` label of a group's pods, `<group>-<hash of 10>`, and a pooler pod's host name,
//! `<cluster>-pooler-<hash of 10>-<5>`: 40 + 7 + 1 + 10 + 1 + 5 = 64 is one too long, but host names are cut by
//! Kubernetes without harm, and labels hold the first form: 40 + 4 + 1 + 10 = 55.

mod backup;
mod group;
mod pods;
mod restore;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

pub use backup::{ANNOTATION_BEGUN_AS, ANNOTATION_IMPORTED_FROM, drill, manifest, scheduled_drill, snapshot};
pub use group::{GroupName, data_generation, data_volume};
pub use pods::{ANNOTATION_IMAGE, ANNOTATION_MARKS, image_noted, image_of};
pub use restore::{
    ANNOTATION_CONFIRM_RESTORE, ANNOTATION_FORGET_OLD_VOLUMES, ANNOTATION_RESTORE_IN_PLACE,
    ANNOTATION_RESTORE_REQUEST, ANNOTATION_RESTORED_BY, ANNOTATION_RESTORED_FOR, ANNOTATION_RESTORED_FROM,
    ANNOTATION_SETTLED, ANNOTATION_SOURCE_ARCHIVE, LABEL_RETIRED,
};

/// Most characters that a cluster's name may have.
pub const MAX_CLUSTER: usize = 40;
/// Most characters of a DNS label.
const MAX_LABEL: usize = 63;

/// Field manager of all writes by the operator (server-side apply).
pub const MANAGER: &str = "stylobate";
/// Field manager of status writes.
pub const STATUS_MANAGER: &str = "stylobate-status";
/// Field manager of the finalizer, apart from others so that taking it off touches nothing else.
pub const FINALIZER_MANAGER: &str = "stylobate-finalizer";
/// Finalizer that lets the operator stop the members in order and remove what Patroni made.
pub const FINALIZER: &str = "stylobate.dev/cleanup";

/// Label: name of the cluster that an object belongs to.
pub const LABEL_CLUSTER: &str = "stylobate.dev/cluster";
/// Label: Patroni's scope, the name of the group.
pub const LABEL_SCOPE: &str = "stylobate.dev/scope";
/// Label: role that Patroni gives to the pod, `primary` or `replica`.
pub const LABEL_ROLE: &str = "stylobate.dev/role";
/// Value of [`LABEL_ROLE`] on the pod that takes writes.
pub const ROLE_PRIMARY: &str = "primary";
/// Value of [`LABEL_ROLE`] on a pod that follows.
pub const ROLE_REPLICA: &str = "replica";
/// Label: what put the object there; all watches select by it.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label: part of the cluster, [`COMPONENT_MEMBER`] or [`COMPONENT_POOLER`].
pub const LABEL_COMPONENT: &str = "app.kubernetes.io/component";
/// Value of [`LABEL_COMPONENT`] on members.
pub const COMPONENT_MEMBER: &str = "member";
/// Value of [`LABEL_COMPONENT`] on pooler pods.
pub const COMPONENT_POOLER: &str = "pooler";
/// Value of [`LABEL_COMPONENT`] on pods of the pooler for sessions that only read.
pub const COMPONENT_POOLER_RO: &str = "pooler-ro";
/// Label with the value `true` on what outlives its cluster on purpose.
pub const LABEL_KEEP: &str = "stylobate.dev/keep";
/// Annotation: digest of what was rendered, to see a change of ours beside drift of others.
pub const ANNOTATION_RENDERED: &str = "stylobate.dev/rendered";
/// Annotation on a Secret that the operator made: what for.
pub const ANNOTATION_PURPOSE: &str = "stylobate.dev/purpose";
/// Annotation that makes the kubelet look at a pod's mounted files now, not at its next round (up to 90 s).
pub const ANNOTATION_FILES: &str = "stylobate.dev/files";
/// Annotation by which a member says how full its volume is (`images/postgres/member_disk.py`); absent while there is room.
pub const ANNOTATION_DISK: &str = "stylobate.dev/disk";
/// Annotation by which a member says why its Postgres does not start (`images/postgres/member_fault.py`); absent once it runs.
pub const ANNOTATION_FAULT: &str = "stylobate.dev/fault";
/// Annotation on a pod: digest of the last rendering that an edit of the spec asked for.
pub const ANNOTATION_ASKED: &str = "stylobate.dev/asked";
/// Annotation on a member's pod: digest of where it may run.
pub const ANNOTATION_PLACEMENT: &str = "stylobate.dev/placement";
/// Annotation on a member's pod: digest of how it was rendered.
pub const ANNOTATION_TEMPLATE: &str = "stylobate.dev/template";
/// Annotation of a StatefulSet: the major upgrade that it was made for. Of its pods: the phase that they were made for.
pub const ANNOTATION_UPGRADE: &str = "stylobate.dev/upgrade";
/// Annotation of a StatefulSet and of its pods: version of the server that they were made for.
pub const ANNOTATION_ENGINE_VERSION: &str = "stylobate.dev/engine-version";
/// Annotation on a `PostgresCluster` with the major that it may be upgraded to without a fresh backup, as `17`.
pub const ANNOTATION_WITHOUT_BACKUP: &str = "stylobate.dev/upgrade-without-backup";
/// Annotation on a `PostgresCluster`: a new value, whatever it is, lets a major upgrade that failed be tried again.
pub const ANNOTATION_RETRY_UPGRADE: &str = "stylobate.dev/retry-upgrade";
/// Annotation on a `PostgresBackup` that asks for a drill: a unique id.
pub const ANNOTATION_VERIFY: &str = "stylobate.dev/verify";
/// Annotation on a `PostgresCluster` that is there for a drill alone: UID of the backup. It goes with all that it has, volumes
/// and passwords too, and nobody may reach it.
pub const ANNOTATION_DRILL: &str = "stylobate.dev/drill";
/// Annotation on a `StorageClass`: the class for whose volumes drills take this one. It lets a disk go with its claim.
pub const ANNOTATION_DRILL_CLASS: &str = "stylobate.dev/drills-of-class";
/// Annotation on a `PostgresCluster` that asks for a switchover: `<member or any>@<unique id>`.
pub const ANNOTATION_SWITCHOVER: &str = "stylobate.dev/switchover";
/// Annotation on a `PostgresCluster` that asks for a restart of all members, and on their template: another value than a pod has makes
/// it anew.
pub const ANNOTATION_RESTART: &str = "stylobate.dev/restart";
/// What `kubectl rollout restart` writes into a template.
pub const ANNOTATION_RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
/// Annotation on a `PostgresCluster`: until this time (RFC 3339) no maintenance window is waited for.
pub const ANNOTATION_RUN_NOW: &str = "stylobate.dev/run-now-until";
/// Annotation on a `PostgresBackup` of a run that did not begin: why. It is there before the phase says so, so that nobody
/// begins it.
pub const ANNOTATION_MISSED: &str = "stylobate.dev/missed";
/// Annotation on a `PostgresBackup` that something reads now: what. Retention does not delete it meanwhile.
pub const ANNOTATION_IN_USE: &str = "stylobate.dev/in-use-by";
/// Field manager of the record of runs that were missed.
pub const SCHEDULE_MANAGER: &str = "stylobate-schedule";
/// Field manager of what retention writes into a backup's status (`keptUntil`, `keptBy`), apart from what the backup's own
/// controller writes there.
pub const RETENTION_MANAGER: &str = "stylobate-retention";
/// Finalizer of a `PostgresBackup`: its snapshots go before it does.
pub const FINALIZER_BACKUP: &str = "stylobate.dev/snapshots";
/// Label of snapshots and manifests: UID of the `PostgresBackup`.
pub const LABEL_BACKUP_UID: &str = "stylobate.dev/backup-uid";
/// Label of snapshots: UID of the `PostgresCluster` that they are of.
pub const LABEL_CLUSTER_UID: &str = "stylobate.dev/cluster-uid";
/// Annotation that an administrator writes onto a manifest: UID of a namespace that may have the backup from now on.
pub const ANNOTATION_ADOPTED_BY: &str = "stylobate.dev/adopted-by";
/// Label of a manifest: namespace of the `PostgresBackup`.
pub const LABEL_BACKUP_NAMESPACE: &str = "stylobate.dev/backup-namespace";
/// Field manager of the answer to a switchover request, apart from the rest of the status: a status that is written from a
/// stale view must not take the answer back, or the request would be served twice.
pub const SWITCHOVER_MANAGER: &str = "stylobate-switchover";

/// A cluster by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName {
    /// Namespace of the cluster and of all its children.
    pub namespace: String,
    /// Name of the `PostgresCluster`.
    pub name: String,
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl ClusterName {
    /// A name from its two parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    fn child(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.name)
    }

    /// The group with this number. Plain Postgres has group 0 alone, which bears the cluster's name.
    pub fn group(&self, number: i32) -> GroupName {
        GroupName { cluster: self.clone(), number }
    }

    /// Pooler: Deployment, Service, ConfigMap, PodDisruptionBudget and NetworkPolicy.
    pub fn pooler(&self) -> String {
        self.child("pooler")
    }

    /// The pooler for sessions that only read: the same kinds of objects.
    pub fn pooler_ro(&self) -> String {
        self.child("pooler-ro")
    }

    /// Service by which pods of the pooler find each other.
    pub fn pooler_peers(&self) -> String {
        self.child("pooler-peers")
    }

    /// The same of the pooler for sessions that only read.
    pub fn pooler_ro_peers(&self) -> String {
        self.child("pooler-ro-peers")
    }

    /// Secret with the poolers' password file.
    pub fn pooler_users(&self) -> String {
        self.child("pooler-users")
    }

    /// Secret with the pooler's certificate, when the operator issues it.
    pub fn pooler_tls(&self) -> String {
        self.child("pooler-tls")
    }

    /// Secret with the authority's key, and ConfigMap with its certificate.
    pub fn authority(&self) -> String {
        self.child("ca")
    }

    /// ConfigMap with the settings that were accepted last from the ConfigMaps of the spec.
    pub fn accepted_tuning(&self) -> String {
        self.child("accepted-tuning")
    }

    /// ConfigMap that owns the volume claims which are let go after a restore in place.
    pub fn old_volumes(&self) -> String {
        self.child("old-volumes")
    }

    /// `VolumeSnapshot` that volumes of this generation are cloned from: another one for each restore, so that what an earlier one
    /// left behind is never taken for it.
    pub fn restore_snapshot(&self, generation: u32) -> String {
        self.child(&numbered("restore", generation))
    }

    /// ConfigMaps that the operator and Patroni keep for themselves, which nobody may name as their own.
    pub fn own_config_maps(&self) -> [String; 10] {
        let group = self.group(0);
        let [config, leader, failover, sync] = group.patroni_state();
        [
            group.patroni(),
            config,
            leader,
            failover,
            sync,
            self.pooler(),
            self.pooler_ro(),
            self.authority(),
            self.accepted_tuning(),
            self.old_volumes(),
        ]
    }

    /// Secret with the certificate of members.
    pub fn member_tls(&self) -> String {
        self.child("member-tls")
    }

    /// Secret with the certificate by which the operator shows itself to members.
    pub fn operator_tls(&self) -> String {
        self.child("operator-tls")
    }

    /// Secret with the passwords of system roles.
    pub fn credentials(&self) -> String {
        self.child("credentials")
    }

    /// Secret with the configuration of the WAL archive.
    pub fn archive(&self) -> String {
        self.child("archive")
    }

    /// Secret with the passphrase of the WAL archive, and nothing else.
    pub fn archive_key(&self) -> String {
        self.child("archive-key")
    }

    /// Secrets that the operator keeps for itself, which nobody may name as their own.
    pub fn own_secrets(&self) -> [String; 8] {
        [
            self.archive_key(),
            self.archive(),
            self.authority(),
            self.member_tls(),
            self.operator_tls(),
            self.pooler_tls(),
            self.pooler_users(),
            self.credentials(),
        ]
    }

    /// ServiceAccount, Role and RoleBinding of members.
    pub fn member(&self) -> String {
        self.child("member")
    }

    /// ServiceAccount of the pooler, which has no rights and no token.
    pub fn pooler_account(&self) -> String {
        self.child("pooler")
    }

    /// Secret that is generated for a user. A name that is no DNS label is shown by a digest, so that two users
    /// never share a Secret.
    pub fn user_secret(&self, user: &str) -> String {
        let label = !user.is_empty()
            && user.len() <= 40
            && user.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !user.starts_with('-')
            && !user.ends_with('-');
        if label {
            self.child(&format!("user-{user}"))
        } else {
            self.child(&format!("user-x{}", &digest(user.as_bytes())[..10]))
        }
    }

    /// The `PostgresBackup` of a run of a schedule: the same whenever it is asked for, so that no run begins twice.
    ///
    /// It is `<cluster>-<schedule>-<minute in UTC>` where that says which cluster and which schedule. Where it is too long,
    /// or a `-` in the schedule lets two pairs meet (`a-b` + `c`, `a` + `b-c`), a digest follows and the head is cut.
    pub fn run(&self, schedule: &str, moment: Timestamp) -> String {
        let head = self.child(schedule);
        let minute = moment.strftime("%Y%m%d%H%M").to_string();
        let plain = format!("{head}-{minute}");
        if plain.len() <= MAX_LABEL && !schedule.contains('-') {
            return plain;
        }
        let which = digest(format!("{}\n{schedule}\n{moment}", self.name).as_bytes());
        // The letter keeps it apart from a name that ends with a minute.
        let tail = format!("-{minute}-x{}", &which[..8]);
        let head = head[..head.floor_char_boundary(MAX_LABEL - tail.len())].trim_end_matches('-');
        format!("{head}{tail}")
    }

    /// The `PostgresBackup` that a person asks for, told apart by some letters.
    pub fn on_demand(&self, moment: Timestamp, letters: &str) -> String {
        self.child(&format!("{}-{letters}", moment.strftime("%Y%m%d%H%M")))
    }

    /// Labels on every child.
    pub fn labels(&self) -> BTreeMap<String, String> {
        [
            (LABEL_MANAGED_BY, MANAGER),
            ("app.kubernetes.io/name", "stylobate"),
            ("app.kubernetes.io/instance", self.name.as_str()),
            (LABEL_CLUSTER, self.name.as_str()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
    }

    /// Labels that select the pods of one component.
    pub fn selector(&self, component: &str) -> BTreeMap<String, String> {
        [(LABEL_CLUSTER, self.name.as_str()), (LABEL_COMPONENT, component)]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }
}

/// The names of a Service in the cluster's DNS, shortest first.
pub fn service_hosts(service: &str, namespace: &str, domain: &str) -> Vec<String> {
    vec![
        service.to_owned(),
        format!("{service}.{namespace}"),
        format!("{service}.{namespace}.svc"),
        service_host(service, namespace, domain),
    ]
}

/// The whole name of a Service in the cluster's DNS.
pub fn service_host(service: &str, namespace: &str, domain: &str) -> String {
    format!("{service}.{namespace}.svc.{domain}")
}

/// `VolumeSnapshotContent` behind the snapshot of a restored cluster. It is in no namespace, so the UID of the cluster tells
/// it from all others.
pub fn restore_content(cluster_uid: &str, generation: u32) -> String {
    numbered(&format!("stylobate-restore-{cluster_uid}"), generation)
}

/// A name that is plain in the first generation, and has its number in each later one.
fn numbered(name: &str, generation: u32) -> String {
    if generation > 1 { format!("{name}-{generation}") } else { name.to_owned() }
}

/// SHA-256 of some bytes as lower-case hexadecimal text.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_value_fits_in_63_for_the_longest_name() {
        let cluster = ClusterName::new("n", "a".repeat(MAX_CLUSTER));
        let group = cluster.group(999);
        assert!(group.scope().len() + 1 + 10 <= 63, "controller-revision-hash");
        for service in [group.members(), group.primary(), group.replicas(), cluster.pooler(), group.pod(99)] {
            assert!(service.len() <= 63, "{service} is a DNS label");
        }
    }

    #[test]
    fn every_run_has_a_label_of_its_own_also_with_the_longest_names() {
        let at: Timestamp = "2026-11-22T02:00:00Z".parse().unwrap();
        let run = |cluster: &str, schedule: &str| ClusterName::new("n", cluster).run(schedule, at);
        assert_eq!(run("ledger", "nightly"), "ledger-nightly-202611220200");
        assert_ne!(run("a-b", "c"), run("a", "b-c"));
        let (longest, schedule) = ("a".repeat(MAX_CLUSTER), "s".repeat(20));
        let name = run(&longest, &schedule);
        assert!(name.len() <= 63 && name.starts_with(&longest) && name.contains("-202611220200-x"), "{name}");
        assert_ne!(name, run(&longest, &format!("{}t", "s".repeat(19))), "what was cut off still counts");
        assert_eq!(name, run(&longest, &schedule));
        let demand = ClusterName::new("n", longest).on_demand(at, "abcde");
        assert!(demand.len() <= 63, "{demand}");
    }

    #[test]
    fn users_never_share_a_secret() {
        let cluster = ClusterName::new("n", "c");
        assert_eq!(cluster.user_secret("app"), "c-user-app");
        assert_ne!(cluster.user_secret("App"), cluster.user_secret("app"));
        assert_ne!(cluster.user_secret("a b"), cluster.user_secret("a_b"));
    }

    #[test]
    fn a_claim_tells_its_generation_and_member_and_foreign_claims_tell_nothing() {
        let group = ClusterName::new("n", "c").group(0);
        assert_eq!(group.volume(1, 0), "data-c-0", "as a cluster begins");
        for generation in [1, 2, 12] {
            assert_eq!(group.claim(&group.volume(generation, 2)), Some((generation, 2)));
        }
        for foreign in
            ["data1-c-0", "data0-c-0", "data02-c-0", "datax-c-0", "wal-c-0", "data2-d-0", "data2-c"]
        {
            assert_eq!(group.claim(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn ordinals_are_read_back_from_pod_names() {
        let group = ClusterName::new("n", "c-1").group(0);
        assert_eq!(group.ordinal("c-1-2"), Some(2));
        assert_eq!(group.ordinal("c-1"), None);
    }
}
