output "cluster" {
  description = "The cluster: id, name, location, the DNS endpoint that kubectl and helm connect to, and its workload pool."
  value = {
    id            = google_container_cluster.this.id
    name          = google_container_cluster.this.name
    location      = google_container_cluster.this.location
    dns_endpoint  = google_container_cluster.this.control_plane_endpoints_config[0].dns_endpoint_config[0].endpoint
    workload_pool = google_container_cluster.this.workload_identity_config[0].workload_pool
    domain        = local.cluster_domain
  }
}

output "ready" {
  description = "The cluster's id, known only when its pools are there: what runs pods waits for it."
  value       = google_container_cluster.this.id
  depends_on  = [google_container_node_pool.this]
}

output "database_pools" {
  description = "Where members go: for each tainted pool its nodeSelector and tolerations, as values of the chart postgres-cluster."
  value = { for name, pool in var.node_pools : name => {
    nodeSelector = { "stylobate.dev/pool" = name }
    tolerations  = [{ key = "stylobate.dev/pool", operator = "Equal", value = name, effect = "NoSchedule" }]
  } if pool.tainted }
}
