//! Keys of annotations by which a cloud's controllers make a load balancer, and by which runtimes, networks and meshes make a pod: which of
//! them only say how it is made or known, and which open it to others or put something into it.

/// Domains of keys for the controllers of clouds.
const CLOUDS: [&str; 2] = ["service.beta.kubernetes.io", "service.alpha.kubernetes.io"];
/// Domain of keys by which a Service is made known.
const NAMES: &str = "external-dns.alpha.kubernetes.io";
/// Keys of `service.beta.kubernetes.io` that say how a load balancer is made: inside or outside, of which type, in which subnets, by which
/// address and name, and how its health is checked. None says who may come in. One that ends with `-` stands for all that begin so.
pub(super) const OF_BALANCERS: [&str; 36] = [
    "aws-load-balancer-cross-zone-load-balancing-enabled",
    "aws-load-balancer-eip-allocations",
    "aws-load-balancer-healthcheck-",
    "aws-load-balancer-internal",
    "aws-load-balancer-ip-address-type",
    "aws-load-balancer-ipv6-addresses",
    "aws-load-balancer-name",
    "aws-load-balancer-nlb-target-type",
    "aws-load-balancer-private-ipv4-addresses",
    "aws-load-balancer-scheme",
    "aws-load-balancer-subnets",
    "aws-load-balancer-type",
    "azure-dns-label-name",
    "azure-load-balancer-health-probe-",
    "azure-load-balancer-internal",
    "azure-load-balancer-internal-subnet",
    "azure-load-balancer-ipv4",
    "azure-load-balancer-ipv6",
    "azure-load-balancer-resource-group",
    "azure-load-balancer-tcp-idle-timeout",
    "azure-pip-name",
    "azure-pip-name-ipv6",
    "azure-pip-prefix-id",
    "azure-pip-prefix-id-ipv6",
    "do-loadbalancer-healthcheck-",
    "do-loadbalancer-name",
    "do-loadbalancer-network",
    "do-loadbalancer-size-unit",
    "do-loadbalancer-type",
    "oci-load-balancer-internal",
    "oci-load-balancer-shape",
    "oci-load-balancer-shape-flex-max",
    "oci-load-balancer-shape-flex-min",
    "oci-load-balancer-subnet1",
    "oci-load-balancer-subnet2",
    "openstack-internal-load-balancer",
];
/// What is allowed of those, in words.
pub(super) const ALLOWED: &str = "only those are taken that say how a load balancer is made (type, scheme, subnets, name, address, health checks; \
     docs/security.md has the list)";
/// Keys without a domain by which container runtimes take orders begin so, or end so.
const RUNTIMES: [&str; 5] =
    ["io.kubernetes.", "io.katacontainers.", "io.containerd.", "dev.gvisor.", "run.oci."];
const RUNTIMES_END: [&str; 2] = [".crio.io", ".cri-o.io"];
/// Domains of keys by which a pod gets images, volumes, devices or networks, with all below them.
const MAKERS: [&str; 8] = [
    "cri-o.io",
    "crio.io",
    "cni.cncf.io",
    "multus-cni.io",
    "istio.io",
    "nri.io",
    "containerd.io",
    "katacontainers.io",
];
/// Keys of those that only say whether a mesh takes part, and what its own container may use.
const OF_MESH: [&str; 7] = [
    "istio.io/dataplane-mode",
    "istio.io/rev",
    "sidecar.istio.io/inject",
    "sidecar.istio.io/proxyCPU",
    "sidecar.istio.io/proxyCPULimit",
    "sidecar.istio.io/proxyMemory",
    "sidecar.istio.io/proxyMemoryLimit",
];

/// A domain, or one below it.
pub(super) fn is_below(domain: &str, of: &str) -> bool {
    domain == of || domain.strip_suffix(of).is_some_and(|rest| rest.ends_with('.'))
}

/// A key for the controllers of clouds.
pub(super) fn is_of_cloud(key: &str) -> bool {
    key.split_once('/').is_some_and(|(domain, _)| CLOUDS.contains(&domain))
}

/// A key that only says how a Service is made known, or how its load balancer is made.
pub(super) fn is_of_balancer(key: &str) -> bool {
    let Some((domain, name)) = key.split_once('/') else { return false };
    let same = |of: &&str| name == *of || of.ends_with('-') && name.starts_with(*of);
    domain == NAMES || domain == CLOUDS[0] && OF_BALANCERS.iter().any(same)
}

/// A key without a domain by which a runtime takes orders.
pub(super) fn is_of_runtime(key: &str) -> bool {
    RUNTIMES.iter().any(|of| key.starts_with(of)) || RUNTIMES_END.iter().any(|of| key.ends_with(of))
}

/// A key by which something is put into a pod.
pub(super) fn is_of_pod_maker(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return false };
    (MAKERS.iter().any(|of| is_below(domain, of)) || is_of_runtime(domain)) && !OF_MESH.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_where_the_message_says() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security.md")).unwrap();
        for key in OF_BALANCERS {
            let told = if key.ends_with('-') { format!("`{key}*`") } else { format!("`{key}`") };
            assert!(text.contains(&told), "{told}");
        }
        for key in OF_MESH {
            assert!(text.contains(&format!("`{key}`")), "{key}");
        }
    }
}
