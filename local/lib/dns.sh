# shellcheck shell=bash
# The cluster's name server: CoreDNS as a process on the node's address, behind the usual Service address. It
# knows the cluster's names and no others, so that no question leaves the machine.

# CoreDNS' configuration. The lifetimes are those of a standard cluster, because failover times depend on them.
dns_configure() {
  cat >"$CONF/Corefile.new" <<EOF
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
    errors
    ready 127.0.0.1:8181
    health 127.0.0.1:8182
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig $CONF/coredns.kubeconfig
        pods insecure
        ttl 30
    }
    cache 30 {
        disable success cluster.local
        disable denial cluster.local
    }
}
.:53 {
    errors
    template ANY ANY . {
        rcode NXDOMAIN
        authority "{{ .Zone }} 60 IN SOA ns.cluster.local. none.cluster.local. 1 60 60 60 60"
    }
}
EOF
  mv "$CONF/Corefile.new" "$CONF/Corefile"
}

# Starts it and announces its address.
dns_up() {
  local before=${STARTED:-0}
  dns_configure
  manifest dns.yaml
  daemon coredns "$(part_dir coredns)/coredns" -conf "$CONF/Corefile"
  daemon_ready 30 coredns inside bash -c ": </dev/tcp/$NODE_IP/53"
  started_outcome "$before"
}
