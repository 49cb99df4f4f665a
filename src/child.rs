//! The kinds of objects that belong to a cluster, and one such object.
//!
//! A new kind is a new variant of [`Kind`]; it does not compile until it has a group, version, plural and hazard.

use std::fmt;

use kube::core::{ApiResource, GroupVersionKind};
use serde::Serialize;
use serde_json::Value;

/// A kind of child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Keys, certificates and passwords.
    Secret,
    /// Configuration.
    ConfigMap,
    /// Identity of members.
    ServiceAccount,
    /// What Patroni may do.
    Role,
    /// Who may do it.
    RoleBinding,
    /// Names and addresses.
    Service,
    /// How many pods a drain may take.
    PodDisruptionBudget,
    /// Who may connect.
    NetworkPolicy,
    /// Members.
    StatefulSet,
    /// Pooler.
    Deployment,
    /// What Prometheus scrapes.
    PodMonitor,
}

impl Kind {
    /// All kinds, in the order in which they are applied: what others need comes first.
    pub const ALL: [Kind; 11] = [
        Kind::Secret,
        Kind::ConfigMap,
        Kind::ServiceAccount,
        Kind::Role,
        Kind::RoleBinding,
        Kind::Service,
        Kind::PodDisruptionBudget,
        Kind::NetworkPolicy,
        Kind::StatefulSet,
        Kind::Deployment,
        Kind::PodMonitor,
    ];

    /// Group, version, kind and plural as the API server knows them.
    pub fn api_resource(self) -> ApiResource {
        let (group, version, kind, plural) = match self {
            Kind::Secret => ("", "v1", "Secret", "secrets"),
            Kind::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Kind::ServiceAccount => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Kind::Role => ("rbac.authorization.k8s.io", "v1", "Role", "roles"),
            Kind::RoleBinding => ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
            Kind::Service => ("", "v1", "Service", "services"),
            Kind::PodDisruptionBudget => ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
            Kind::NetworkPolicy => ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
            Kind::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Kind::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Kind::PodMonitor => ("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    /// True when the API server serves the kind only after somebody installed its CRD.
    pub fn optional(self) -> bool {
        self == Kind::PodMonitor
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A child by kind and name; its namespace is the cluster's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildRef {
    /// Kind.
    pub kind: Kind,
    /// Name.
    pub name: String,
}

impl ChildRef {
    /// A reference from its parts.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for ChildRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// A child as rendered. `Debug` shows its reference only, since a Secret's body must not reach a log.
#[derive(Clone, PartialEq)]
pub struct Child {
    /// Kind and name.
    pub reference: ChildRef,
    /// The whole object, as it is sent to the API server.
    pub body: Value,
}

impl Child {
    /// A child from a typed object.
    ///
    /// # Panics
    /// Never: Kubernetes types always serialize.
    pub fn new(kind: Kind, name: impl Into<String>, object: &impl Serialize) -> Self {
        let body = serde_json::to_value(object).expect("Kubernetes types serialize to JSON");
        Self { reference: ChildRef::new(kind, name), body }
    }
}

/// The container of this name in a pod's spec. Others put theirs into a pod too, and at any place.
pub fn container<'a>(pod: &'a Value, name: &str) -> Option<&'a Value> {
    pod["containers"].as_array()?.iter().find(|container| container["name"] == name)
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child({})", self.reference)
    }
}
