//! Services: names of members, the one that takes writes, those that follow, and the pooler.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

use crate::child::{Child, Kind};
use crate::engine::ports;
use crate::name::{COMPONENT_POOLER, LABEL_ROLE, ROLE_PRIMARY, ROLE_REPLICA};
use crate::pooler;
use crate::target::Target;

use super::meta::metadata;

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
    children.push(service(
        target,
        target.name.pooler(),
        target.name.selector(COMPONENT_POOLER),
        vec![port("postgres", pooler::PORT)],
        Reach::Ready,
    ));
    children
}

/// Which pods a Service leads to.
#[derive(PartialEq)]
enum Reach {
    /// Each by its own name, ready or not (headless).
    EachPod,
    /// Those that match and are ready.
    Ready,
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
    let spec = ServiceSpec {
        cluster_ip: (reach == Reach::EachPod).then(|| "None".to_owned()),
        publish_not_ready_addresses: (reach == Reach::EachPod).then_some(true),
        selector: Some(selector),
        ports: Some(ports),
        type_: Some("ClusterIP".into()),
        ..ServiceSpec::default()
    };
    let object = Service { metadata: metadata(target, &name), spec: Some(spec), status: None };
    Child::new(Kind::Service, name, &object)
}
