//! What pods and Services carry for others: nothing that somebody decides by, and no door without a list of who may come in.

use std::collections::BTreeMap;

use crate::api::{PostgresClusterSpec, ServiceType, Services};

use super::Problem;
use super::doors;
use super::networks::network;

/// Domains of keys that the operator and Kubernetes decide by, with all below them.
const RESERVED: [&str; 3] = ["stylobate.dev", "kubernetes.io", "k8s.io"];
/// Keys without a domain: Patroni's (`patroni/dcs/kubernetes.py`), and those that Kubernetes' controllers select by.
const BARE: [&str; 8] = [
    "status",
    "role",
    "cluster-name",
    "pod-template-hash",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
];
/// Most bytes of all values of a list: half of what an object's annotations may have together.
const MOST_BYTES: usize = 131_072;
/// Most characters of a key's name, and of its domain.
const NAME: usize = 63;
const DOMAIN: usize = 253;

/// Adds what can't be carried, or must not be. The Services as they are wanted, with networks as the API server writes them.
pub fn check(spec: &PostgresClusterSpec, problems: &mut Vec<Problem>) -> Services {
    let (pods, services) = (&spec.pods, &spec.services);
    for (field, all, of_service) in [
        ("spec.pods.labels", &pods.labels, false),
        ("spec.pods.annotations", &pods.annotations, false),
        ("spec.pods.serviceAccountAnnotations", &pods.service_account_annotations, false),
        ("spec.services.annotations", &services.annotations, true),
        ("spec.services.pooler.annotations", &services.pooler.annotations, true),
    ] {
        keys(field, all, of_service, problems);
    }
    let mut wanted = services.clone();
    let field = "spec.services.pooler.loadBalancerSourceRanges";
    wanted.pooler.load_balancer_source_ranges = services
        .pooler
        .load_balancer_source_ranges
        .iter()
        .filter_map(|text| {
            network(text).map_err(|remedy| problems.push(Problem::new(field, text, remedy))).ok()
        })
        .collect();
    // The definition has this rule too; who upgrades the operator first has an older definition for a while.
    if services.pooler.kind == ServiceType::LoadBalancer
        && services.pooler.load_balancer_source_ranges.is_empty()
    {
        let remedy = "a load balancer needs the networks of its clients: name them, or use type ClusterIP";
        problems.push(Problem::new(field, "empty", remedy));
    }
    wanted
}

fn keys(field: &str, all: &BTreeMap<String, String>, of_service: bool, problems: &mut Vec<Problem>) {
    for key in all.keys() {
        if let Some(remedy) = refused(key, of_service) {
            problems.push(Problem::new(field, key, remedy));
        }
    }
    let bytes: usize = all.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MOST_BYTES {
        let remedy = format!("at most {MOST_BYTES} bytes of keys and values together: remove some");
        problems.push(Problem::new(field, format!("{bytes} bytes"), remedy));
    }
}

/// What to do about a key; none for one that may be set.
fn refused(key: &str, of_service: bool) -> Option<String> {
    if !is_key(key) {
        return Some(
            "no key that Kubernetes takes: write NAME or DOMAIN/NAME, a name of at most 63 letters, digits, '-', '_' and '.', which begins \
             and ends with a letter or digit"
                .into(),
        );
    }
    if of_service && doors::is_of_cloud(key) && !doors::is_of_balancer(key) {
        return Some(format!("it may open the load balancer to others: of these keys {}", doors::ALLOWED));
    }
    reserved(key, of_service)
        .map(|whose| format!("{whose} decides by it: use a key with a domain of your own"))
}

/// Who decides by a key; none for one that is anybody's.
pub fn reserved(key: &str, of_service: bool) -> Option<&'static str> {
    let Some((domain, _)) = key.split_once('/') else {
        return match key {
            "status" | "role" | "cluster-name" => Some("Patroni"),
            _ if BARE.contains(&key) || doors::is_of_runtime(key) => Some("Kubernetes"),
            _ => None,
        };
    };
    if of_service && doors::is_of_balancer(key) {
        return None;
    }
    if !of_service && doors::is_of_pod_maker(key) {
        return Some("what makes pods (a runtime, a network or a mesh)");
    }
    let of = RESERVED.into_iter().find(|of| doors::is_below(domain, of))?;
    Some(if of == RESERVED[0] { "the operator" } else { "Kubernetes" })
}

/// A qualified name (`k8s.io/apimachinery/pkg/util/validation`).
fn is_key(key: &str) -> bool {
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    let edges = |text: &str| {
        let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        end(text.bytes().next()) && end(text.bytes().last())
    };
    let of = |text: &str, more: &[u8]| {
        edges(text) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let is_domain = |domain: &str| {
        domain.len() <= DOMAIN
            && domain
                .split('.')
                .all(|part| of(part, b"-") && !part.bytes().any(|byte| byte.is_ascii_uppercase()))
    };
    name.len() <= NAME && of(name, b"-_.") && domain.is_none_or(is_domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{observed, start};
    use crate::target::validate;
    use serde_json::{Value, json};

    fn told(spec: Value) -> Vec<String> {
        match validate(&observed(spec), start()) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(Problem::to_string).collect(),
        }
    }

    #[test]
    fn what_somebody_decides_by_is_refused_with_field_value_and_remedy() {
        for (field, whose) in [
            ("stylobate.dev/scope", "the operator"),
            ("x.stylobate.dev/role", "the operator"),
            ("app.kubernetes.io/component", "Kubernetes"),
            ("apps.kubernetes.io/pod-index", "Kubernetes"),
            ("statefulset.kubernetes.io/pod-name", "Kubernetes"),
            ("container.apparmor.security.beta.kubernetes.io/postgres", "Kubernetes"),
            ("node-restriction.kubernetes.io/x", "Kubernetes"),
            ("batch.k8s.io/x", "Kubernetes"),
            ("controller-revision-hash", "Kubernetes"),
            ("io.kubernetes.cri-o.userns-mode", "Kubernetes"),
            ("io.katacontainers.config.hypervisor.kernel", "Kubernetes"),
            ("status", "Patroni"),
            ("role", "Patroni"),
        ] {
            for list in ["labels", "annotations", "serviceAccountAnnotations"] {
                let told = told(json!({"pods": {list: {field: "x"}}}));
                let wanted = format!(
                    "spec.pods.{list} is '{field}': {whose} decides by it: use a key with a domain of your own"
                );
                assert_eq!(told, [wanted]);
            }
        }
    }

    #[test]
    fn keys_of_others_are_taken() {
        for key in [
            "team",
            "example.com/team",
            "sidecar.istio.io/inject",
            "istio.io/rev",
            "notistio.io/x",
            "notkubernetes.io/x",
            "prometheus.io/scrape",
        ] {
            assert_eq!(
                told(json!({"pods": {"labels": {key: "x"}, "annotations": {key: "x"}}})),
                [] as [String; 0]
            );
        }
        let cloud = "service.beta.kubernetes.io/aws-load-balancer-scheme";
        assert_eq!(told(json!({"services": {"annotations": {cloud: "internal"}}})), [] as [String; 0]);
        assert_eq!(
            told(json!({"pods": {"annotations": {cloud: "internal"}}})).len(),
            1,
            "of a Service alone"
        );
    }

    #[test]
    fn what_opens_a_load_balancer_is_refused_of_a_service() {
        for key in [
            "service.beta.kubernetes.io/load-balancer-source-ranges",
            "service.beta.kubernetes.io/azure-allowed-service-tags",
            "service.beta.kubernetes.io/azure-allowed-ip-ranges",
            "service.beta.kubernetes.io/aws-load-balancer-security-groups",
            "service.beta.kubernetes.io/aws-load-balancer-extra-security-groups",
            "service.beta.kubernetes.io/x",
            "service.alpha.kubernetes.io/tolerate-unready-endpoints",
        ] {
            for list in ["services", "pooler"] {
                let annotations = json!({"annotations": {key: "x"}});
                let (spec, field) = match list {
                    "pooler" => {
                        (json!({"services": {"pooler": annotations}}), "spec.services.pooler.annotations")
                    }
                    _ => (json!({"services": annotations}), "spec.services.annotations"),
                };
                let told = told(spec);
                let wanted =
                    format!("{field} is '{key}': it may open the load balancer to others: of these keys ");
                assert!(told.len() == 1 && told[0].starts_with(&wanted), "{told:?}");
            }
        }
        for key in ["external-dns.alpha.kubernetes.io/hostname", "cloud.google.com/load-balancer-type"] {
            assert_eq!(told(json!({"services": {"annotations": {key: "x"}}})), [] as [String; 0], "{key}");
        }
    }

    #[test]
    fn what_puts_images_volumes_or_networks_into_a_pod_is_refused() {
        for key in [
            "seccomp-profile.kubernetes.cri-o.io/postgres",
            "k8s.v1.cni.cncf.io/networks",
            "v1.multus-cni.io/default-network",
            "sidecar.istio.io/proxyImage",
            "sidecar.istio.io/userVolume",
            "traffic.sidecar.istio.io/excludeInboundPorts",
            "proxy.istio.io/config",
            "inject.istio.io/templates",
            "devices.nri.io/container.postgres",
        ] {
            let said = told(json!({"pods": {"annotations": {key: "x"}}}));
            let wanted = format!(
                "spec.pods.annotations is '{key}': what makes pods (a runtime, a network or a mesh) decides by it"
            );
            assert!(said.len() == 1 && said[0].starts_with(&wanted), "{said:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for key in ["", "a b", "/x", "x/", "a/b/c", "-a", "Domain.example/x", "a..b/x", &"a".repeat(64)] {
            let told = told(json!({"pods": {"annotations": {key: "x"}}}));
            assert!(told.len() == 1 && told[0].contains("no key that Kubernetes takes"), "{key}: {told:?}");
        }
    }

    #[test]
    fn more_than_an_object_holds_is_refused() {
        let all: serde_json::Map<String, Value> =
            (0..9).map(|number| (format!("a{number}"), json!("x".repeat(16_000)))).collect();
        let told = told(json!({"pods": {"annotations": all}}));
        assert!(told.len() == 1 && told[0].contains("at most 131072 bytes"), "{told:?}");
    }

    #[test]
    fn a_load_balancer_names_who_may_come_in() {
        let of = |ranges: &[&str]| {
            told(
                json!({"services": {"pooler": {"type": "LoadBalancer", "loadBalancerSourceRanges": ranges}}}),
            )
        };
        assert_eq!(of(&["10.0.0.0/8", "2001:db8::/32"]), [] as [String; 0]);
        let field = "spec.services.pooler.loadBalancerSourceRanges";
        assert!(of(&[])[0].starts_with(&format!("{field} is 'empty': a load balancer needs")));
        for wide in ["0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3"] {
            assert!(of(&[wide])[0].starts_with(&format!("{field} is '{wide}': as wide as")), "{wide}");
        }
        for mapped in ["::ffff:0:0/96", "::ffff:203.0.113.0/120", "::/16"] {
            assert!(of(&[mapped])[0].starts_with(&format!("{field} is '{mapped}': it has IPv4")), "{mapped}");
        }
        for bad in ["10.0.0.0/33", "10.0.0/8", "010.0.0.0/8", "::1/129", "10.0.0.0/999"] {
            assert!(of(&[bad])[0].starts_with(&format!("{field} is '{bad}': write a network")), "{bad}");
        }
    }
}
