//! Objects that say who may come in or who may do what: NetworkPolicies, Roles, RoleBindings and Services.
//!
//! Of other objects what others add is theirs. Here it opens a door: one more selector of a peer lets in other namespaces, one more rule
//! gives rights, an external address takes other people's traffic. So all that is not rendered is a difference, but for what the API
//! server and controllers of clouds write into a Service themselves. Server-side apply takes away what is one value to it (lists without a
//! key, selectors); other people's fields and elements it keeps, and they are taken away by a patch (`docs/decisions/0028-what-others-change.md`).

use serde_json::{Map, Value, json};

use super::compare::{Parts, note};

/// Fields of a Service's `spec` that are written by others in the course of things, and open nothing: addresses and what the API server
/// adds. An address of a load balancer is among them, since controllers that give addresses write it there.
const OF_SERVERS: [&str; 12] = [
    "allocateLoadBalancerNodePorts",
    "clusterIP",
    "clusterIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "loadBalancerClass",
    "sessionAffinity",
    "sessionAffinityConfig",
    "trafficDistribution",
];
/// The same of an element of its `ports`.
const OF_PORTS: [&str; 2] = ["appProtocol", "nodePort"];
/// An address that is asked for: with a load balancer alone it means something.
const ADDRESS: &str = "loadBalancerIP";

/// Fields of an object of this kind in which nobody else may add anything.
fn fields(object: &Value) -> &'static [&'static str] {
    match object["kind"].as_str() {
        Some("NetworkPolicy" | "Service") => &["spec"],
        Some("Role") => &["rules"],
        Some("RoleBinding") => &["roleRef", "subjects"],
        _ => &[],
    }
}

/// Adds every part of a live object that opens something and was not rendered.
pub(super) fn added(wanted: &Value, live: &Value, found: &mut Parts) {
    let door = Door::of(wanted);
    for field in fields(wanted) {
        door.look(&format!(".{field}"), &wanted[*field], &live[*field], found);
    }
}

/// A merge patch that takes away what others added; none where nothing is.
pub fn removal(wanted: &Value, live: &Value) -> Option<Value> {
    let door = Door::of(wanted);
    let patches = fields(wanted).iter().filter_map(|field| {
        let patch = door.patch(&format!(".{field}"), &wanted[*field], &live[*field])?;
        Some(((*field).to_owned(), patch))
    });
    let patch: Map<String, Value> = patches.collect();
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// What is known of the object beside its parts.
struct Door {
    service: bool,
    balanced: bool,
}

impl Door {
    fn of(wanted: &Value) -> Self {
        let service = wanted["kind"] == "Service";
        Self { service, balanced: service && wanted["spec"]["type"] == "LoadBalancer" }
    }

    /// Others write this field in the course of things. `path` is that of the object that it is in.
    fn is_theirs(&self, path: &str, field: &str) -> bool {
        match path {
            _ if !self.service => false,
            ".spec" => OF_SERVERS.contains(&field) || (self.balanced && field == ADDRESS),
            _ => path.starts_with(".spec.ports[") && OF_PORTS.contains(&field),
        }
    }

    fn look(&self, path: &str, wanted: &Value, live: &Value, found: &mut Parts) {
        match (wanted, live) {
            (Value::Object(wanted), Value::Object(live)) => {
                for (field, value) in live {
                    let inner = format!("{path}.{field}");
                    match wanted.get(field).filter(|wanted| !wanted.is_null()) {
                        Some(wanted) => self.look(&inner, wanted, value, found),
                        None if is_nothing(value) || self.is_theirs(path, field) => {}
                        None => note(inner, value, found),
                    }
                }
                // An empty selector is no absent one: it means all.
                let lost = wanted.iter().filter(|(field, value)| {
                    value.as_object().is_some_and(Map::is_empty) && !live.contains_key(*field)
                });
                lost.for_each(|(field, _)| note(format!("{path}.{field}"), &Value::Null, found));
            }
            (Value::Array(wanted), Value::Array(live)) if self.service && path == ".spec.ports" => {
                for value in live {
                    let inner = format!("{path}[{}]", value["port"]);
                    let same =
                        |one: &&Value| one["port"] == value["port"] && one["protocol"] == value["protocol"];
                    match wanted.iter().find(same) {
                        Some(wanted) => self.look(&inner, wanted, value, found),
                        None => note(inner, value, found),
                    }
                }
            }
            // Of another length it is a difference already.
            (Value::Array(wanted), Value::Array(live)) if wanted.len() == live.len() => {
                for (index, (wanted, live)) in wanted.iter().zip(live).enumerate() {
                    self.look(&format!("{path}[{index}]"), wanted, live, found);
                }
            }
            _ => {}
        }
    }

    fn patch(&self, path: &str, wanted: &Value, live: &Value) -> Option<Value> {
        match (wanted, live) {
            (Value::Object(wanted), Value::Object(live)) => {
                let mut patch = Map::new();
                for (field, value) in live {
                    match wanted.get(field).filter(|wanted| !wanted.is_null()) {
                        Some(wanted) => {
                            let inner = self.patch(&format!("{path}.{field}"), wanted, value);
                            patch.extend(inner.map(|inner| (field.clone(), inner)));
                        }
                        None if is_nothing(value) || self.is_theirs(path, field) => {}
                        None => drop(patch.insert(field.clone(), Value::Null)),
                    }
                }
                (!patch.is_empty()).then(|| json!(patch))
            }
            // A list is replaced as a whole; node ports stay, since the API server finds them by the ports' names.
            (Value::Array(_), Value::Array(_)) => {
                let mut found = Parts::new();
                self.look(path, wanted, live, &mut found);
                (!found.is_empty()).then(|| wanted.clone())
            }
            _ => None,
        }
    }
}

/// What the API server does not keep, or what says nothing. An empty object is a selector of all.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build;
    use crate::fixture::{observed, target};
    use crate::plan::parts;

    fn body(kind: &str, name: &str, spec: Value) -> Value {
        let seen = observed(spec);
        let children = build::children(&target(&seen), &seen);
        let mut found = children.into_iter().map(|child| child.body);
        found.find(|body| body["kind"] == kind && body["metadata"]["name"] == name).expect("it is rendered")
    }

    /// Paths of what a change makes different.
    fn told(wanted: &Value, change: impl Fn(&mut Value)) -> Vec<String> {
        let mut live = wanted.clone();
        change(&mut live);
        parts(wanted, &live).into_keys().collect()
    }

    #[test]
    fn whatever_others_add_to_who_may_connect_is_a_difference() {
        let policy = body("NetworkPolicy", "c-members", json!({}));
        assert_eq!(told(&policy, |_| {}), [""; 0]);
        let added =
            told(&policy, |live| live["spec"]["ingress"][0]["from"][0]["namespaceSelector"] = json!({}));
        assert_eq!(added, [".spec.ingress[0].from[0].namespaceSelector"]);
        let label = told(&policy, |live| live["spec"]["podSelector"]["matchLabels"]["x"] = json!("y"));
        assert_eq!(label, [".spec.podSelector.matchLabels.x"]);
        let expression =
            told(&policy, |live| live["spec"]["podSelector"]["matchExpressions"] = json!([{"key": "x"}]));
        assert_eq!(expression, [".spec.podSelector.matchExpressions"]);
        let rule = told(&policy, |live| live["spec"]["ingress"].as_array_mut().unwrap().push(json!({})));
        assert_eq!(rule, [".spec.ingress"]);
        let port = told(&policy, |live| live["spec"]["ingress"][0]["ports"][0]["endPort"] = json!(65535));
        assert_eq!(port, [".spec.ingress[0].ports[0].endPort"]);
        let kinds = told(&policy, |live| live["spec"]["policyTypes"] = json!(["Ingress", "Egress"]));
        assert_eq!(kinds, [".spec.policyTypes"]);
        // Every pod of the namespace became one of a namespace alone: an empty selector is no absent one.
        let pooler = body("NetworkPolicy", "c-pooler", json!({}));
        let swapped =
            told(&pooler, |live| live["spec"]["ingress"][0]["from"][0] = json!({"namespaceSelector": {}}));
        assert_eq!(
            swapped,
            [".spec.ingress[0].from[0].namespaceSelector", ".spec.ingress[0].from[0].podSelector"]
        );
    }

    #[test]
    fn rights_that_others_add_are_a_difference() {
        let role = body("Role", "c-member", json!({}));
        let verb = told(&role, |live| live["rules"][0]["verbs"].as_array_mut().unwrap().push(json!("*")));
        assert_eq!(verb, [".rules[0].verbs"]);
        let url = told(&role, |live| live["rules"][0]["nonResourceURLs"] = json!(["*"]));
        assert_eq!(url, [".rules[0].nonResourceURLs"]);
        let limited = told(&role, |live| live["rules"][0]["resourceNames"] = json!(["x"]));
        assert_eq!(limited, [".rules[0].resourceNames"]);
        let rule = told(&role, |live| live["rules"].as_array_mut().unwrap().push(json!({"verbs": ["*"]})));
        assert_eq!(rule, [".rules"]);
        let binding = body("RoleBinding", "c-member", json!({}));
        let more =
            told(&binding, |live| live["subjects"].as_array_mut().unwrap().push(json!({"kind": "User"})));
        assert_eq!(more, [".subjects"]);
    }

    #[test]
    fn what_others_add_to_a_service_is_taken_away_and_what_servers_write_stays() {
        let service = body("Service", "c-primary", json!({}));
        let servers = |live: &mut Value| {
            let spec = live["spec"].as_object_mut().unwrap();
            spec.insert("clusterIP".into(), json!("10.0.0.1"));
            spec.insert("clusterIPs".into(), json!(["10.0.0.1"]));
            spec.insert("ipFamilies".into(), json!(["IPv4"]));
            spec.insert("ipFamilyPolicy".into(), json!("SingleStack"));
            spec.insert("internalTrafficPolicy".into(), json!("Cluster"));
            spec.insert("sessionAffinity".into(), json!("None"));
            live["spec"]["ports"][0]["nodePort"] = json!(30000);
        };
        assert_eq!(told(&service, servers), [""; 0]);
        let mut live = service.clone();
        servers(&mut live);
        assert_eq!(removal(&service, &live), None);
        live["spec"]["selector"]["x"] = json!("y");
        live["spec"]["externalIPs"] = json!(["203.0.113.1"]);
        live["spec"]["loadBalancerIP"] = json!("203.0.113.1");
        live["spec"]["publishNotReadyAddresses"] = json!(true);
        live["spec"]["ports"]
            .as_array_mut()
            .unwrap()
            .push(json!({"port": 22, "protocol": "TCP", "name": "x"}));
        let found: Vec<String> = parts(&service, &live).into_keys().collect();
        let wanted = [
            ".spec.externalIPs",
            ".spec.loadBalancerIP",
            ".spec.ports[22]",
            ".spec.publishNotReadyAddresses",
            ".spec.selector.x",
        ];
        assert_eq!(found, wanted);
        let patch = removal(&service, &live);
        let spec = json!({"externalIPs": null, "loadBalancerIP": null, "publishNotReadyAddresses": null,
            "selector": {"x": null}, "ports": service["spec"]["ports"]});
        assert_eq!(patch, Some(json!({"spec": spec})));
        let door = json!({"services": {"pooler": {"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.0/8"]}}});
        let door = body("Service", "c-pooler", door);
        assert_eq!(told(&door, |live| live["spec"]["loadBalancerIP"] = json!("203.0.113.1")), [""; 0]);
    }

    #[test]
    fn other_objects_may_have_more() {
        let set = body("StatefulSet", "c", json!({}));
        assert_eq!(
            told(&set, |live| live["spec"]["template"]["spec"]["dnsPolicy"] = json!("Default")),
            [""; 0]
        );
    }
}
