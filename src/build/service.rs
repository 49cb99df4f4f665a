//! Services: names of members, the one that takes writes, those that follow, and the pooler.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

use crate::api::ServiceType;
use crate::child::{Child, Kind};
use crate::engine::ports;
use crate::name::{LABEL_ROLE, ROLE_PRIMARY, ROLE_REPLICA};
use crate::pooler::{self, Way};
use crate::target::Target;

use super::meta::{annotations, metadata};

/// All Services.
pub fn services(target: &Target) -> Vec<Child> {
    let mut children = Vec::new();
    for group in &target.groups {
        let name = &group.name;
        let role = |role: &str| {
            let mut selector = name.selector();
            selector.insert(LABEL_ROLE.into(), role.into());
            selector
        };
        let postgres = || vec![port("postgres", ports::POSTGRES)];
        children.push(service(
            target,
            name.members(),
            name.selector(),
            vec![port("postgres", ports::POSTGRES), port("patroni", ports::PATRONI)],
            Reach::EachPod,
        ));
        // Readiness counts beside the label: a dead node's pod keeps its label, and must not take half of the connections.
        children.push(service(target, name.primary(), role(ROLE_PRIMARY), postgres(), Reach::Ready));
        children.push(service(target, name.replicas(), role(ROLE_REPLICA), postgres(), Reach::Ready));
    }
    for pooler in &target.poolers {
        // Only the first has a door outside: what a load balancer shows to the world is one address.
        let reach = if pooler.way == Way::Primary { Reach::Clients } else { Reach::Ready };
        children.push(service(
            target,
            pooler.way.name(&target.name),
            target.name.selector(pooler.way.component()),
            vec![port("postgres", pooler::PORT)],
            reach,
        ));
        if pooler.program().peers() {
            children.push(service(
                target,
                pooler.way.peers(&target.name),
                target.name.selector(pooler.way.component()),
                vec![port("postgres", pooler::PORT)],
                Reach::EachPod,
            ));
        }
    }
    children
}

/// Which pods a Service leads to.
#[derive(PartialEq)]
enum Reach {
    /// Each by its own name, ready or not (headless).
    EachPod,
    /// Those that match and are ready.
    Ready,
    /// The same, for clients: maybe through a load balancer.
    Clients,
}

fn port(name: &str, port: i32) -> ServicePort {
    ServicePort {
        name: Some(name.into()),
        port,
        protocol: Some("TCP".into()),
        target_port: Some(IntOrString::Int(port)),
        ..ServicePort::default()
    }
}

fn service(
    target: &Target,
    name: String,
    selector: BTreeMap<String, String>,
    ports: Vec<ServicePort>,
    reach: Reach,
) -> Child {
    let door = Some(&target.services.pooler).filter(|_| reach == Reach::Clients);
    let outside = door.filter(|door| door.kind == ServiceType::LoadBalancer);
    let mut notes = target.services.annotations.clone();
    notes.extend(door.map(|door| door.annotations.clone()).unwrap_or_default());
    if reach == Reach::EachPod {
        notes.clear();
    }
    let spec = ServiceSpec {
        external_traffic_policy: outside.map(|door| format!("{:?}", door.external_traffic_policy)),
        load_balancer_source_ranges: outside.map(|door| door.load_balancer_source_ranges.clone()),
        cluster_ip: (reach == Reach::EachPod).then(|| "None".to_owned()),
        publish_not_ready_addresses: (reach == Reach::EachPod).then_some(true),
        selector: Some(selector),
        ports: Some(ports),
        type_: Some(if outside.is_some() { "LoadBalancer" } else { "ClusterIP" }.into()),
        ..ServiceSpec::default()
    };
    let metadata = ObjectMeta { annotations: annotations(&notes), ..metadata(target, &name) };
    let object = Service { metadata, spec: Some(spec), status: None };
    Child::new(Kind::Service, name, &object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, target};
    use serde_json::{Value, json};

    fn body(spec: Value, name: &str) -> Value {
        let services = services(&target(&observed(spec)));
        services.into_iter().find(|child| child.reference.name == name).expect("there is such a Service").body
    }

    #[test]
    fn only_the_pooler_has_a_door_outside_and_it_names_who_may_come_in() {
        let spec = json!({"services": {"pooler": {
            "type": "LoadBalancer", "loadBalancerSourceRanges": ["203.0.113.7/24"], "annotations": {"example.com/lb": "internal"},
        }}});
        let pooler = body(spec.clone(), "c-pooler");
        assert_eq!(pooler["spec"]["type"], "LoadBalancer");
        assert_eq!(pooler["spec"]["externalTrafficPolicy"], "Local");
        assert_eq!(pooler["spec"]["loadBalancerSourceRanges"], json!(["203.0.113.0/24"]));
        assert_eq!(pooler["metadata"]["annotations"]["example.com/lb"], "internal");
        for other in ["c-primary", "c-replicas", "c-members"] {
            let other = body(spec.clone(), other);
            assert_eq!(other["spec"]["type"], "ClusterIP");
            assert!(
                other["spec"]["loadBalancerSourceRanges"].is_null()
                    && other["metadata"]["annotations"].is_null()
            );
        }
        let inside = body(json!({}), "c-pooler");
        assert!(inside["spec"]["type"] == "ClusterIP" && inside["spec"]["externalTrafficPolicy"].is_null());
    }

    #[test]
    fn annotations_go_to_the_services_that_clients_use() {
        let spec = json!({"services": {"annotations": {"example.com/mesh": "off"}}});
        for name in ["c-primary", "c-replicas", "c-pooler"] {
            assert_eq!(
                body(spec.clone(), name)["metadata"]["annotations"]["example.com/mesh"],
                "off",
                "{name}"
            );
        }
        assert!(body(spec, "c-members")["metadata"]["annotations"].is_null());
    }
}
