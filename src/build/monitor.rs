//! PodMonitors for the Prometheus operator, on request.

use serde_json::json;

use crate::child::{Child, ChildRef, Kind};
use crate::name::{COMPONENT_MEMBER, COMPONENT_POOLER};
use crate::target::Target;

use super::meta::metadata;

/// One PodMonitor for members and one for the pooler; both are scraped over TLS and verified by the cluster's authority.
pub fn pod_monitors(target: &Target) -> Vec<Child> {
    let group = &target.groups[0];
    let member_host = group.name.primary();
    vec![
        monitor(target, group.name.members(), COMPONENT_MEMBER, &member_host),
        monitor(target, target.name.pooler(), COMPONENT_POOLER, &target.name.pooler()),
    ]
}

fn monitor(target: &Target, name: String, component: &str, server: &str) -> Child {
    let body = json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata(target, &name),
        "spec": {
            "selector": {"matchLabels": target.name.selector(component)},
            "podMetricsEndpoints": [{
                "port": "metrics",
                "scheme": "https",
                "tlsConfig": {
                    "ca": {"configMap": {"name": target.name.authority(), "key": "ca.crt"}},
                    "serverName": server,
                },
            }],
        },
    });
    Child { reference: ChildRef::new(Kind::PodMonitor, name), body }
}
