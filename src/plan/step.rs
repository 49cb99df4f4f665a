//! A step: one thing that `apply` can do, with a hazard and a cause. How people read of it: `super::words`.

use jiff::Timestamp;
use postgres_protocol::escape::escape_literal;
use postgres_protocol::password::scram_sha_256;
use serde_json::Value;

use crate::api::PostgresBackup;
use crate::child::{Child, ChildRef};
use crate::name::GroupName;
use crate::observe::PatroniMap;
use crate::secret::SecretText;
use crate::target::Version;

use super::certificates::Mint;

/// What a step may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hazard {
    /// Nobody notices.
    Routine,
    /// A server restarts.
    Restart,
    /// Writes stop for a moment.
    Disrupt,
    /// Something is gone afterwards.
    Destroy,
}

/// Why a step that restarts or disrupts is taken: a policy holds back what can wait, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something is broken, and waiting makes it worse.
    Repair,
    /// A person asked for this very step, now.
    Asked,
    /// It follows from an edit of the object, or of what it refers to.
    Change,
    /// Nobody asked: another release of the operator renders the pod in another way.
    Upkeep,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Put the operator's finalizer on the cluster.
    Guard,
    /// Take the finalizer off: all is cleaned up.
    Unguard,
    /// Make new secret material and store it.
    Mint(Mint),
    /// Write a child as rendered; the reason tells what differed.
    Apply {
        /// The child.
        child: Box<Child>,
        /// What differed.
        reason: String,
        /// Why pods of the pooler are made anew by it; none when they are not.
        cause: Option<Cause>,
    },
    /// Delete a child, or an object that Patroni made.
    Delete {
        /// What.
        reference: ChildRef,
        /// UID that it must have: what somebody made anew under its name is left alone.
        uid: String,
    },
    /// Delete what a part of the spec made that is there no longer. It holds no data.
    Withdraw {
        /// What.
        reference: ChildRef,
        /// UID that it must have.
        uid: String,
    },
    /// Delete a StatefulSet and leave its pods, so that it can be made anew with what can't be changed in it.
    ReleasePods {
        /// Name of the set.
        set: String,
        /// UID that it must have: its successor is left alone.
        uid: String,
        /// Field of its spec that has to change.
        field: &'static str,
    },
    /// Delete a member's pod that no set owns any more, when its cluster is deleted.
    StopPod {
        /// Pod.
        pod: String,
        /// UID that it must have.
        uid: String,
    },
    /// Ask for a larger volume.
    Expand {
        /// Volume claim.
        claim: String,
        /// New size as a Kubernetes quantity.
        size: String,
    },
    /// Make a snapshot known in the cluster's namespace, so that volumes can be cloned from it.
    ImportSnapshot {
        /// Name of the `VolumeSnapshot`.
        name: String,
        /// Handle of the snapshot.
        handle: String,
        /// The `VolumeSnapshotContent` as sent.
        content: Box<Value>,
        /// The `VolumeSnapshot` as sent.
        snapshot: Box<Value>,
    },
    /// Make the volume claim of a member as a clone.
    CloneVolume {
        /// Volume claim.
        claim: String,
        /// Backup, as `namespace/name`.
        backup: String,
        /// The claim as sent.
        body: Box<Value>,
    },
    /// Take orders to members out of their ConfigMap that the operator did not write: applying it leaves what others added.
    DropOrders {
        /// Name of the ConfigMap.
        map: String,
        /// UID that it must have.
        uid: String,
        /// Entries.
        entries: Vec<String>,
    },
    /// Mark a volume claim of a restore as data in service for good.
    SettleVolume {
        /// Volume claim.
        claim: String,
    },
    /// Remove what made a snapshot known here. The snapshot itself stays.
    ForgetSnapshot {
        /// Name of the `VolumeSnapshot`.
        name: String,
        /// UID that it must have; none where it is gone.
        uid: Option<String>,
        /// Name of the `VolumeSnapshotContent`.
        content: String,
        /// UID that it must have; none where it is gone.
        content_uid: Option<String>,
    },
    /// Begin a restore in place: the order to stop is written. All members stop by it.
    BeginRestore {
        /// The ConfigMap that members mount, with the course.
        map: Box<Child>,
        /// Backup, as `namespace/name`.
        backup: String,
        /// Claims that are kept as they are.
        kept: Vec<String>,
    },
    /// Remove what Patroni knows of data that is taken out of service, while no member runs.
    ClearPatroni {
        /// Patroni's ConfigMaps, each with the UID that it must have.
        maps: Vec<PatroniMap>,
    },
    /// Mark a volume claim as out of service. It is kept.
    RetireVolume {
        /// Volume claim.
        claim: String,
        /// Its generation, for the label.
        generation: u32,
    },
    /// Give a claim that is out of service an owner, with which it goes.
    HandOverVolume {
        /// Volume claim.
        claim: String,
        /// UID that it must have.
        claim_uid: String,
        /// ConfigMap that owns it from then on.
        owner: String,
        /// UID of that ConfigMap.
        uid: String,
    },
    /// Delete the owner of claims that are out of service: Kubernetes removes them with it.
    ForgetVolumes {
        /// ConfigMap that owns them.
        owner: String,
        /// UID that it must have.
        uid: String,
        /// The claims that go.
        claims: Vec<String>,
    },
    /// Make the kubelet bring a pod's mounted files up to date now.
    RefreshFiles {
        /// Pod.
        pod: String,
        /// Digest of the files that are wanted.
        digest: String,
    },
    /// Give a pod the labels and annotations of the spec, in place.
    MarkPod {
        /// Pod.
        pod: String,
        /// UID that it must have: its successor comes with them.
        uid: String,
        /// Metadata to merge; null takes away.
        metadata: Box<Value>,
    },
    /// Delete a member's pod, so that its set makes it anew on the same volume.
    ReplacePod {
        /// Pod.
        pod: String,
        /// UID that it must have: its successor is left alone.
        uid: String,
        /// It takes writes, and nobody can take over.
        primary: bool,
        /// Why, in words.
        reason: String,
        /// Why, for the policies.
        cause: Cause,
    },
    /// Give a running pod other CPU and memory, without a restart (Kubernetes' in-place resize).
    ResizePod {
        /// Pod.
        pod: String,
        /// CPU request of the Postgres container, as a Kubernetes quantity.
        cpu: String,
        /// Memory request and limit of the Postgres container, as a Kubernetes quantity.
        memory: String,
    },
    /// Restart Postgres in its pod, for settings that wait for it.
    RestartServer {
        /// Group.
        group: GroupName,
        /// Pod.
        pod: String,
        /// It takes writes.
        primary: bool,
        /// Why, in words.
        reason: String,
        /// Why, for the policies.
        cause: Cause,
    },
    /// Change Patroni's dynamic configuration.
    Configure {
        /// Group.
        group: GroupName,
        /// Pod to send it to.
        pod: String,
        /// What to change; null removes.
        patch: Value,
    },
    /// Change Patroni's dynamic configuration where it is stored, while no member's Patroni answers.
    StoreSettings {
        /// Group.
        group: GroupName,
        /// Version of the ConfigMap that was seen: what somebody changed meanwhile is left alone.
        resource_version: String,
        /// The configuration as it shall be.
        config: Value,
        /// What of it changes, for the words; null removes.
        patch: Value,
    },
    /// Run SQL on the primary.
    Sql {
        /// Pod that takes writes.
        pod: String,
        /// What to run.
        task: SqlTask,
    },
    /// Hand the primary's role to another member.
    Switchover {
        /// Group.
        group: GroupName,
        /// Pod that takes writes now.
        from: String,
        /// Pod that shall.
        to: String,
        /// Why, in words.
        reason: String,
        /// Why, for the policies.
        cause: Cause,
    },
    /// Begin to stop members for a major upgrade: the set is made for the next phase. Its pods are replaced by steps of
    /// their own.
    BeginUpgrade {
        /// The StatefulSet for the phase in which replicas stop.
        set: Box<Child>,
        /// Version of the data.
        from: Version,
        /// Version that is wanted.
        to: Version,
    },
    /// Begin a run of a backup schedule: its own controller then makes the backup.
    CreateBackup {
        /// The object. Its name follows from cluster, schedule and moment.
        backup: Box<PostgresBackup>,
    },
    /// Record that a run of a backup schedule did not begin.
    RecordMissed {
        /// The object, marked so that nobody begins it.
        backup: Box<PostgresBackup>,
        /// Why, and what to do.
        reason: String,
        /// The time, for the record.
        at: Timestamp,
    },
    /// Delete a backup that no rule keeps, and its snapshots.
    DeleteBackup {
        /// Name.
        backup: String,
        /// UID that it must have.
        uid: String,
        /// Version that was judged: one that was put under hold meanwhile is left alone.
        resource_version: String,
        /// Its deletion policy would keep the snapshots.
        retains: bool,
        /// Why nothing keeps it.
        why: String,
    },
    /// Write into a backup's status what keeps it.
    NoteKept {
        /// Name.
        backup: String,
        /// Until when, where the clock alone decides.
        until: Option<Timestamp>,
        /// Each rule in words.
        by: Vec<String>,
    },
    /// Ask for the drill that a schedule named, by an annotation of the backup: its own controller then makes the drill.
    RequestDrill {
        /// Name of the `PostgresBackup`.
        backup: String,
        /// UID that it must have.
        uid: String,
        /// Version that was judged: a drill that somebody asked for meanwhile is not written over.
        resource_version: String,
        /// The moment, from which the request follows.
        moment: Timestamp,
    },
    /// Take the leader claim from a pod that can't give it up itself.
    ReleaseClaim {
        /// Group.
        group: GroupName,
        /// Pod that holds the claim.
        holder: String,
        /// Version of the claim: a claim that was renewed meanwhile is left alone.
        resource_version: String,
        /// The proof that the holder does not run.
        proof: String,
    },
}

/// SQL on the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlTask {
    /// Database to connect to.
    pub database: String,
    /// What it does, for the event; never a secret.
    pub summary: String,
    /// Statements, run in order in one session.
    pub statements: Vec<Statement>,
}

/// One statement of SQL. It is planned without randomness: the salt of a password's verifier is drawn when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The text; never a secret.
    pub text: String,
    /// A password that the statement ends with.
    pub password: Option<SecretText>,
}

impl Statement {
    /// A statement without a password.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), password: None }
    }

    /// The SQL to send. A password goes as a SCRAM verifier, so that it never travels nor stands in a server's log.
    pub fn sql(&self) -> SecretText {
        match &self.password {
            None => SecretText::new(self.text.clone()),
            Some(password) => {
                let verifier = scram_sha_256(password.expose().as_bytes());
                SecretText::new(format!("{} PASSWORD {}", self.text, escape_literal(&verifier)))
            }
        }
    }
}

impl Step {
    /// What the step may cost.
    pub fn hazard(&self) -> Hazard {
        match self {
            Step::Guard
            | Step::Unguard
            | Step::Mint(_)
            | Step::Apply { cause: None, .. }
            | Step::ReleasePods { .. }
            | Step::Expand { .. }
            | Step::ImportSnapshot { .. }
            | Step::CloneVolume { .. }
            | Step::SettleVolume { .. }
            | Step::DropOrders { .. }
            | Step::ForgetSnapshot { .. }
            | Step::ClearPatroni { .. }
            | Step::RetireVolume { .. }
            | Step::ResizePod { .. }
            | Step::RefreshFiles { .. }
            | Step::MarkPod { .. }
            | Step::Configure { .. }
            | Step::StoreSettings { .. }
            | Step::ReleaseClaim { .. }
            | Step::CreateBackup { .. }
            | Step::RecordMissed { .. }
            | Step::NoteKept { .. }
            | Step::RequestDrill { .. }
            | Step::Withdraw { .. }
            | Step::Sql { .. } => Hazard::Routine,
            Step::Apply { cause: Some(_), .. }
            | Step::ReplacePod { primary: false, .. }
            | Step::RestartServer { primary: false, .. } => Hazard::Restart,
            Step::Switchover { .. }
            | Step::BeginUpgrade { .. }
            | Step::BeginRestore { .. }
            | Step::ReplacePod { primary: true, .. }
            | Step::RestartServer { primary: true, .. } => Hazard::Disrupt,
            Step::Delete { .. }
            | Step::StopPod { .. }
            | Step::HandOverVolume { .. }
            | Step::ForgetVolumes { .. }
            | Step::DeleteBackup { .. } => Hazard::Destroy,
        }
    }

    /// Why a step that restarts or disrupts is taken; none for all others.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Step::ReplacePod { cause, .. }
            | Step::RestartServer { cause, .. }
            | Step::Switchover { cause, .. } => Some(*cause),
            Step::BeginUpgrade { .. } => Some(Cause::Change),
            // By two words, and for now.
            Step::BeginRestore { .. } => Some(Cause::Asked),
            Step::Apply { cause, .. } => *cause,
            Step::Guard
            | Step::Unguard
            | Step::Mint(_)
            | Step::Delete { .. }
            | Step::Withdraw { .. }
            | Step::ReleasePods { .. }
            | Step::StopPod { .. }
            | Step::Expand { .. }
            | Step::ImportSnapshot { .. }
            | Step::CloneVolume { .. }
            | Step::SettleVolume { .. }
            | Step::DropOrders { .. }
            | Step::ForgetSnapshot { .. }
            | Step::ClearPatroni { .. }
            | Step::RetireVolume { .. }
            | Step::HandOverVolume { .. }
            | Step::ForgetVolumes { .. }
            | Step::ResizePod { .. }
            | Step::RefreshFiles { .. }
            | Step::MarkPod { .. }
            | Step::Configure { .. }
            | Step::StoreSettings { .. }
            | Step::ReleaseClaim { .. }
            | Step::CreateBackup { .. }
            | Step::RecordMissed { .. }
            | Step::DeleteBackup { .. }
            | Step::NoteKept { .. }
            | Step::RequestDrill { .. }
            | Step::Sql { .. } => None,
        }
    }
}
