//! PodMonitors for the Prometheus operator, on request.

use serde_json::json;

use crate::child::{Child, ChildRef, Kind};
use crate::name::COMPONENT_MEMBER;
use crate::observe::Observed;
use crate::pooler::{CLIENTS_AUTHORITY, MEMBERS_AUTHORITY};
use crate::target::Target;

use super::meta::metadata;

/// One PodMonitor for members and one for each pooler; both are scraped over TLS and verified by name.
pub fn pod_monitors(target: &Target, seen: &Observed) -> Vec<Child> {
    let group = &target.groups[0];
    let members = group.name.primary();
    let given = target.given_tls.as_ref().and_then(|name| seen.given.secrets.get(name)?.as_ref());
    // A given certificate without an authority beside it is verified by what Prometheus knows already.
    let clients = given.is_none_or(|data| data.contains_key("ca.crt")).then_some(CLIENTS_AUTHORITY);
    let mut all =
        vec![monitor(target, group.name.members(), COMPONENT_MEMBER, &members, Some(MEMBERS_AUTHORITY))];
    for pooler in &target.poolers {
        let name = pooler.way.name(&target.name);
        all.push(monitor(target, name.clone(), pooler.way.component(), &name, clients));
    }
    all
}

fn monitor(target: &Target, name: String, component: &str, server: &str, authority: Option<&str>) -> Child {
    let mut tls = json!({"serverName": server});
    if let Some(key) = authority {
        tls["ca"] = json!({"configMap": {"name": target.name.authority(), "key": key}});
    }
    let body = json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata(target, &name),
        "spec": {
            "selector": {"matchLabels": target.name.selector(component)},
            "podMetricsEndpoints": [{
                "port": "metrics",
                "scheme": "https",
                "tlsConfig": tls,
            }],
        },
    });
    Child { reference: ChildRef::new(Kind::PodMonitor, name), body }
}
