//! What pods and Services of a cluster carry for others, and the door for clients outside of the Kubernetes cluster.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::told::{NAME, told};

/// What pods of members and pooler carry, besides what they need.
///
/// Keys that the operator, Patroni or Kubernetes decide by are refused: without a domain `status`, `role` and `cluster-name`, and the
/// domains `stylobate.dev`, `kubernetes.io` and `k8s.io` with all below them; and those by which a container runtime, a network or a mesh puts
/// something into a pod (`docs/security.md`, *Keys of others*).
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pods {
    /// Labels of the pods, at most 32. A change restarts no server: members get them in place; the pooler's pods are made anew, one at
    /// a time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pods, at most 32, 16 KiB each. A change comes to them as one of labels does; what only counts while a pod is
    /// made, as for a mesh, counts for members once they are made anew for something else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
    /// PriorityClass of the pods. A change makes them anew, in a maintenance window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub priority_class_name: Option<String>,
    /// Secrets in the same namespace by which the images may be pulled. A change makes the pods anew, in a maintenance window; one that
    /// waits for its image is made anew at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub image_pull_secrets: Vec<PullSecret>,
    /// Annotations of the ServiceAccounts `NAME-member` and `NAME-pooler`, at most 32, as `iam.gke.io/gcp-service-account`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub service_account_annotations: BTreeMap<String, String>,
}

/// A Secret of type `kubernetes.io/dockerconfigjson`.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullSecret {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub name: String,
}

/// The cluster's Services, as others see them.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Services {
    /// Annotations of the Services of pooler, primary and replicas, at most 32. Of `service.beta.kubernetes.io/` only those that say how a
    /// load balancer is made (`docs/security.md`, *Keys of others*).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
    /// The pooler's Service, the one door for clients.
    #[serde(default)]
    pub pooler: PoolerService,
}

/// The pooler's Service.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type != 'LoadBalancer' || (has(self.loadBalancerSourceRanges) && size(self.loadBalancerSourceRanges) > 0)").message(
    told(
        "spec.services.pooler.type",
        "self.type",
        "a load balancer lets in whoever finds it. Name the networks of clients in spec.services.pooler.loadBalancerSourceRanges, or use ClusterIP",
    )
))]
#[x_kube(validation = Rule::new("self.type == 'LoadBalancer' || !has(self.loadBalancerSourceRanges) || size(self.loadBalancerSourceRanges) == 0").message(
    told(
        "spec.services.pooler.type",
        "self.type",
        "only a LoadBalancer has loadBalancerSourceRanges. Remove them, or use LoadBalancer",
    )
))]
pub struct PoolerService {
    /// Who can reach it: pods alone, or clients outside as well.
    #[serde(default, rename = "type")]
    pub kind: ServiceType,
    /// Annotations of this Service alone, at most 32, by which a cloud makes its load balancer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
    /// What becomes of a client's address on its way through a load balancer.
    #[serde(default)]
    pub external_traffic_policy: TrafficPolicy,
    /// Networks of clients that a load balancer lets in, as `203.0.113.0/24`; the pooler's NetworkPolicy lets in the same. None wider than
    /// /8 (IPv6: /16), and no IPv4 in IPv6.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        inner(length(min = 4, max = 43), regex(pattern = "^[0-9a-fA-F:.]+/[0-9]{1,3}$"))
    )]
    pub load_balancer_source_ranges: Vec<String>,
}

/// Who can reach a Service.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceType {
    /// Pods of the Kubernetes cluster.
    #[default]
    ClusterIP,
    /// Clients outside of it as well, from the networks of `loadBalancerSourceRanges`.
    LoadBalancer,
}

/// What becomes of a client's address.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficPolicy {
    /// It stays, so that a NetworkPolicy can be held against it.
    #[default]
    Local,
    /// It becomes a node's: then `loadBalancerSourceRanges` has to name the nodes' network too, and the load balancer alone tells clients
    /// apart.
    Cluster,
}

/// Labels: what Kubernetes takes as a value.
fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "pattern": "^([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?$",
        },
    })
}

/// Annotations, few enough that an object has room for them (262,144 bytes).
fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 16384},
    })
}
