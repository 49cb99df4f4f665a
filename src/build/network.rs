//! NetworkPolicies: who may connect.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::child::{Child, Kind};
use crate::engine::ports;
use crate::name::COMPONENT_MEMBER;
use crate::pooler;
use crate::target::Target;

use super::meta::metadata;

/// Label that Kubernetes itself puts on each namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// All NetworkPolicies.
pub fn policies(target: &Target) -> Vec<Child> {
    let mut children = Vec::new();
    // What is restored for a drill is looked at by the operator alone.
    let unless_drill = |rule| (!target.drill).then_some(rule);
    let poolers =
        target.poolers.iter().map(|pooler| pods(target.name.selector(pooler.way.component()))).collect();
    let members: Vec<_> = [
        Some(ingress(vec![pods(target.name.selector(COMPONENT_MEMBER))], &[ports::POSTGRES, ports::PATRONI])),
        unless_drill(ingress(poolers, &[ports::POSTGRES])),
        Some(ingress(vec![namespace(&target.operator_namespace)], &[ports::POSTGRES, ports::PATRONI])),
        unless_drill(ingress(vec![any_pod()], &[ports::METRICS])),
        subscribers(target).and_then(unless_drill),
        direct(target).and_then(unless_drill),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut clients =
        vec![NetworkPolicyPeer { pod_selector: Some(LabelSelector::default()), ..Default::default() }];
    clients.extend(target.client_namespaces.iter().map(|name| namespace(name)));
    // Those of a load balancer; without one there are none.
    clients.extend(target.services.pooler.load_balancer_source_ranges.iter().map(|range| addresses(range)));
    // The operator commands a pooler that holds its clients while the primary's role is handed over.
    let commands = target.looks_up().then(|| namespace(&target.operator_namespace));
    clients.extend(commands);
    let rules = [ingress(clients, &[pooler::PORT]), ingress(vec![any_pod()], &[pooler::METRICS_PORT])];
    let rules: Vec<_> = rules.into_iter().filter_map(unless_drill).collect();
    for group in &target.groups {
        children.push(policy(target, group.name.members(), group.name.selector(), members.clone()));
    }
    for pooler in &target.poolers {
        let selector = target.name.selector(pooler.way.component());
        children.push(policy(target, pooler.way.name(&target.name), selector, rules.clone()));
    }
    children
}

fn policy(
    target: &Target,
    name: String,
    selector: BTreeMap<String, String>,
    rules: Vec<NetworkPolicyIngressRule>,
) -> Child {
    let object = NetworkPolicy {
        metadata: metadata(target, &name),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector { match_labels: Some(selector), ..Default::default() }),
            policy_types: Some(vec!["Ingress".into()]),
            ingress: Some(rules),
            ..Default::default()
        }),
    };
    Child::new(Kind::NetworkPolicy, name, &object)
}

fn ingress(from: Vec<NetworkPolicyPeer>, ports: &[i32]) -> NetworkPolicyIngressRule {
    let ports = ports
        .iter()
        .map(|port| NetworkPolicyPort {
            protocol: Some("TCP".into()),
            port: Some(IntOrString::Int(*port)),
            ..Default::default()
        })
        .collect();
    NetworkPolicyIngressRule { from: Some(from), ports: Some(ports) }
}

/// Networks of users who replicate: no pooler speaks the protocol, so they come to the members themselves.
fn subscribers(target: &Target) -> Option<NetworkPolicyIngressRule> {
    let networks: BTreeSet<&String> = target.users.iter().flat_map(|user| &user.replication_from).collect();
    let peer = |cidr: &String| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: cidr.clone(), except: None }),
        ..Default::default()
    };
    (!networks.is_empty()).then(|| ingress(networks.into_iter().map(peer).collect(), &[ports::POSTGRES]))
}

/// Namespaces that go past the pooler.
fn direct(target: &Target) -> Option<NetworkPolicyIngressRule> {
    let peers: Vec<_> = target.direct_namespaces.iter().map(|name| namespace(name)).collect();
    (!peers.is_empty()).then(|| ingress(peers, &[ports::POSTGRES]))
}

/// Pods of this namespace with these labels.
fn pods(labels: BTreeMap<String, String>) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(LabelSelector { match_labels: Some(labels), ..Default::default() }),
        ..Default::default()
    }
}

/// All pods of a namespace.
fn namespace(name: &str) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_labels: Some(BTreeMap::from([(NAMESPACE_NAME.to_owned(), name.to_owned())])),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Addresses outside of the Kubernetes cluster.
fn addresses(range: &str) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: range.to_owned(), except: None }),
        ..Default::default()
    }
}

/// Any pod of the Kubernetes cluster: Prometheus may run anywhere, and metrics hold no data of the customer's.
fn any_pod() -> NetworkPolicyPeer {
    NetworkPolicyPeer { namespace_selector: Some(LabelSelector::default()), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::name::ANNOTATION_DRILL;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn what_is_restored_for_a_drill_lets_in_its_own_member_and_the_operator_alone() {
        let mut seen = fixture::observed(json!({"access": {"namespaces": ["front"]}}));
        let notes = BTreeMap::from([(ANNOTATION_DRILL.to_owned(), "b-1".to_owned())]);
        Arc::make_mut(&mut seen.cluster).metadata.annotations = Some(notes);
        let policies = policies(&fixture::target(&seen));
        let rules = |name: &str| {
            let policy = policies.iter().find(|child| child.reference.name == name).unwrap();
            policy.body["spec"]["ingress"].as_array().cloned().unwrap_or_default()
        };
        assert_eq!(rules("c-pooler"), Vec::<serde_json::Value>::new());
        assert_eq!(rules("c-members").len(), 2);
        let text = serde_json::to_string(&rules("c-members")).unwrap();
        assert!(!text.contains("front") && !text.contains("pooler"), "{text}");
    }

    #[test]
    fn who_replicates_comes_to_the_members_from_his_networks_alone() {
        let user = |name: &str, from: &[&str]| json!({"name": name, "options": ["Replication"], "replicationFrom": from});
        let users =
            json!([user("a", &["10.1.0.0/16", "fd00:1::/32"]), user("b", &["10.1.0.0/16"]), {"name": "app"}]);
        let policies = policies(&fixture::target(&fixture::observed(json!({"users": users}))));
        let policy = policies.iter().find(|child| child.reference.name == "c-members").unwrap();
        let rules = policy.body["spec"]["ingress"].as_array().unwrap();
        let from = rules.iter().filter(|rule| !rule["from"][0]["ipBlock"].is_null());
        let from: Vec<_> =
            from.map(|rule| (rule["from"].clone(), rule["ports"][0]["port"].clone())).collect();
        let blocks = json!([{"ipBlock": {"cidr": "10.1.0.0/16"}}, {"ipBlock": {"cidr": "fd00:1::/32"}}]);
        assert_eq!(from, [(blocks, json!(5432))]);
    }
}
