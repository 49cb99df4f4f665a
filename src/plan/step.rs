//! A step: one thing that `apply` can do, with a hazard and a sentence for the person who reads the event.

use std::fmt;

use postgres_protocol::escape::escape_literal;
use postgres_protocol::password::scram_sha_256;
use serde_json::Value;

use crate::child::{Child, ChildRef};
use crate::name::GroupName;
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
        /// UID that it must have, where known.
        uid: Option<String>,
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
    /// Make the kubelet bring a pod's mounted files up to date now.
    RefreshFiles {
        /// Pod.
        pod: String,
        /// Digest of the files that are wanted.
        digest: String,
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
            | Step::ResizePod { .. }
            | Step::RefreshFiles { .. }
            | Step::Configure { .. }
            | Step::ReleaseClaim { .. }
            | Step::Sql { .. } => Hazard::Routine,
            Step::Apply { cause: Some(_), .. }
            | Step::ReplacePod { primary: false, .. }
            | Step::RestartServer { primary: false, .. } => Hazard::Restart,
            Step::Switchover { .. }
            | Step::BeginUpgrade { .. }
            | Step::ReplacePod { primary: true, .. }
            | Step::RestartServer { primary: true, .. } => Hazard::Disrupt,
            Step::Delete { .. } | Step::StopPod { .. } => Hazard::Destroy,
        }
    }

    /// Why a step that restarts or disrupts is taken; none for all others.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Step::ReplacePod { cause, .. }
            | Step::RestartServer { cause, .. }
            | Step::Switchover { cause, .. } => Some(*cause),
            Step::BeginUpgrade { .. } => Some(Cause::Change),
            Step::Apply { cause, .. } => *cause,
            Step::Guard
            | Step::Unguard
            | Step::Mint(_)
            | Step::Delete { .. }
            | Step::ReleasePods { .. }
            | Step::StopPod { .. }
            | Step::Expand { .. }
            | Step::ResizePod { .. }
            | Step::RefreshFiles { .. }
            | Step::Configure { .. }
            | Step::ReleaseClaim { .. }
            | Step::Sql { .. } => None,
        }
    }

    /// One word for metrics and the event's action.
    pub fn action(&self) -> &'static str {
        match self {
            Step::Guard => "Guard",
            Step::Unguard => "Unguard",
            Step::Mint(_) => "Issue",
            Step::Apply { .. } => "Apply",
            Step::Delete { .. } => "Delete",
            Step::ReleasePods { .. } => "ReleasePods",
            Step::StopPod { .. } => "StopPod",
            Step::Expand { .. } => "Expand",
            Step::RefreshFiles { .. } => "RefreshFiles",
            Step::ReplacePod { .. } => "ReplacePod",
            Step::ResizePod { .. } => "ResizePod",
            Step::RestartServer { .. } => "RestartServer",
            Step::Configure { .. } => "Configure",
            Step::Sql { .. } => "Sql",
            Step::Switchover { .. } => "Switchover",
            Step::ReleaseClaim { .. } => "ReleaseClaim",
            Step::BeginUpgrade { .. } => "BeginUpgrade",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Guard => write!(f, "put the finalizer on the cluster"),
            Step::Unguard => write!(f, "take the finalizer off the cluster"),
            Step::Mint(mint) => write!(f, "{mint}"),
            Step::Apply { child, reason, cause: _ } => write!(f, "apply {} ({reason})", child.reference),
            Step::Delete { reference, .. } => write!(f, "delete {reference}"),
            Step::ReleasePods { set, field, .. } => {
                write!(f, "delete StatefulSet {set} and leave its pods, to make it anew with another {field}")
            }
            Step::StopPod { pod, .. } => write!(f, "stop pod {pod}, which no set owns any more"),
            Step::Expand { claim, size } => write!(f, "grow volume claim {claim} to {size}"),
            Step::RefreshFiles { pod, .. } => write!(f, "bring the mounted files of {pod} up to date"),
            Step::ReplacePod { pod, reason, .. } => write!(f, "make pod {pod} anew: {reason}"),
            Step::ResizePod { pod, cpu, memory } => {
                write!(f, "resize pod {pod} in place to CPU {cpu}, memory {memory}")
            }
            Step::RestartServer { pod, reason, .. } => write!(f, "restart Postgres in {pod}: {reason}"),
            Step::Configure { group, patch, .. } => {
                write!(f, "change the settings of {}: {}", group.scope(), changed_keys(patch))
            }
            Step::Sql { task, .. } => write!(f, "{}", task.summary),
            Step::Switchover { from, to, reason, .. } => {
                write!(f, "switch over from {from} to {to}: {reason}")
            }
            Step::BeginUpgrade { from, to, .. } => {
                write!(f, "stop all members to upgrade the data from PostgreSQL {from} to {to}")
            }
            Step::ReleaseClaim { holder, proof, .. } => {
                write!(f, "release the leader claim of {holder}: {proof}")
            }
        }
    }
}

/// Names of what a patch changes, parameters by their own names.
fn changed_keys(patch: &Value) -> String {
    let mut keys = Vec::new();
    for (key, value) in patch.as_object().into_iter().flatten() {
        match value.pointer("/parameters").and_then(Value::as_object) {
            Some(parameters) => keys.extend(parameters.keys().cloned()),
            None => keys.push(key.clone()),
        }
    }
    keys.join(", ")
}
